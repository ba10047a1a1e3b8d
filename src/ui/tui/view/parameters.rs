//! The parameters: what each is now, against which default, when it counts and who set it.

use ratatui::text::{Line, Span};

use super::listing::text_lines;
use super::tables::answer_text;
use crate::explain::KeyEffect;
use crate::report::{ParameterPage, ParameterRow, render_parameter_page};
use crate::snapshot::SysctlReading;
use crate::ui::tui::key_what_if::KeyAnswered;
use crate::ui::tui::listing::Listing;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{columns, left, right, rule};
use crate::ui::tui::theme::Role;

/// The list.
pub(super) fn listing(state: &State, width: usize) -> Listing<'_> {
    let Some(reading) = state.parameters.as_deref() else { return Listing::nothing("Parameters", "… reading") };
    let rows = match &reading.rows {
        Ok(rows) => rows,
        Err(reason) => return Listing::nothing("Parameters", format!("? {reason}")),
    };
    let list = state.list(Screen::Parameters);
    let is_there = |row: &&ParameterRow| row.exists() && row.reading != Some(SysctlReading::Absent);
    let wanted: Vec<&ParameterRow> = rows
        .iter()
        // What this kernel does not have is shown when it is searched for.
        .filter(|row| !list.search.is_empty() || is_there(row))
        .filter(|row| !list.changed_only || row.is_changed() == Some(true))
        .filter(|row| list.admits(&[row.key.as_str(), row.known.map_or("", |known| known.affects)]))
        .collect();
    let changed = rows.iter().filter(|row| row.is_changed() == Some(true)).count();
    // A search finds those as well that are not here.
    let absent = match rows.iter().filter(|row| !is_there(row)).count() {
        count @ 1.. if list.search.is_empty() && !list.changed_only => format!(", {count} not here"),
        _ => String::new(),
    };
    let columns = Columns::of(width);
    let search = if list.search.is_empty() { String::new() } else { format!("/{}", list.search) };
    let only = if list.changed_only { "changed only: c shows all" } else { "● differs from default" };
    Listing {
        title: "Parameters",
        facts: vec![
            format!("{} of {}{absent}", wanted.len(), rows.len()),
            search,
            format!("{changed} changed"),
            only.to_owned(),
        ],
        heading: columns.heading(),
        ids: wanted.iter().map(|row| row.key.to_string()).collect(),
        line: Box::new(move |at| match wanted.get(at) {
            Some(row) => (columns.line(row), if row.is_changed() == Some(true) { Role::Bold } else { Role::Plain }),
            None => (String::new(), Role::Plain),
        }),
        empty: format!("no parameter has `{}`; Esc shows all", list.search),
    }
}

#[derive(Clone, Copy)]
struct Columns {
    key: usize,
    value: usize,
    default: usize,
    effect: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let effect = if width < 76 { 0 } else { (width / 6).min(24) };
        let value = (width / 7).clamp(9, 20);
        let default = if width < 60 { 0 } else { value };
        Self { key: width.saturating_sub(4 + value + default + effect + 3), value, default, effect }
    }

    fn heading(self) -> String {
        let default = if self.default > 0 { right("default", self.default + 1) } else { String::new() };
        let effect = if self.effect > 0 { format!("  {}", left("counts for", self.effect)) } else { String::new() };
        format!("   {}{}{default}{effect}", left("key", self.key), right("value", self.value))
    }

    fn line(self, row: &ParameterRow) -> String {
        let sign = if row.is_changed() == Some(true) { "●" } else { " " };
        let value = match &row.reading {
            Some(SysctlReading::Value(value)) if value.is_empty() => "(empty)",
            Some(SysctlReading::Value(value)) => value,
            Some(SysctlReading::Unreadable(_)) => "?",
            Some(SysctlReading::Absent) | None => "–",
        };
        let default = row.default.as_deref().unwrap_or("?").replace('\t', " ");
        let default = if self.default > 0 { right(&default, self.default + 1) } else { String::new() };
        let takes = row.known.map_or("", |known| known.takes_effect.text());
        let effect = if self.effect > 0 { format!("  {}", left(takes, self.effect)) } else { String::new() };
        let value = right(&value.replace('\t', " "), self.value);
        format!("{sign} {}{value}{default}{effect}", left(row.key.as_str(), self.key))
    }
}

/// What the model says of this key.
fn answered<'a>(state: &'a State, row: &ParameterRow) -> Option<&'a KeyAnswered> {
    state.explaining.key.as_deref().filter(|answered| answered.key == row.key)
}

/// The value that is asked about, above the page, and what moves with it.
pub(super) fn panel(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(row) = state.selected_parameter().filter(|row| row.known.is_some()) else { return Vec::new() };
    let answered = answered(state, row);
    let asked = answered.and_then(|answered| answered.asked.as_deref());
    let own = row.value().unwrap_or("?").replace('\t', " ");
    let unit = row.known.map_or("", |known| known.unit);
    let (sign, text, hint) = match asked {
        Some(value) => ("±", format!("{own} → ◂ {value} ▸ {unit}"), "p makes a plan of it, u goes back"),
        None => (" ", format!("{own}   ◂ ▸ {unit}"), "←→ asks about another value"),
    };
    let mut lines = vec![rule(state.theme, "What if", &["nothing is written", hint], width)];
    let role = if asked.is_some() { Role::Change } else { Role::Plain };
    lines.push(Line::styled(left(&format!(" {sign} {} {text}", row.key), width), state.theme.style(role)));
    let Some((asked, answered)) = asked.zip(answered) else { return lines };
    let own = row.value().unwrap_or_default();
    let answer = |effect: &KeyEffect, value: &str| {
        effect
            .answers
            .iter()
            .find(|(known, _)| known == value)
            .map_or_else(|| "?".to_owned(), |(_, answer)| answer_text(*answer))
    };
    if answered.effects.is_empty() {
        lines.push(Line::styled("   no forecast of the model hangs on it", state.theme.style(Role::Dim)));
    }
    let most = usize::from(state.size.1 / 4).max(1);
    for effect in answered.effects.iter().take(most) {
        let (before, after) = (answer(effect, own), answer(effect, asked));
        let answers = format!("{}  →  {}", right(&before, 13), left(&after, 13));
        let label = left(&format!("   {}", effect.label), width.saturating_sub(columns(&answers) + 1));
        lines.push(Line::from(vec![
            Span::raw(format!("{label} ")),
            Span::styled(answers, state.theme.style(Role::Predicted)),
        ]));
    }
    lines
}

/// The page of the selected one.
pub(super) fn detail(state: &State, width: usize) -> Vec<Line<'static>> {
    let (Some(row), Some(snapshot)) = (state.selected_parameter(), state.shown()) else { return Vec::new() };
    let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
    let answered = answered(state, row);
    let effects = answered.map(|answered| answered.effects.as_slice()).unwrap_or_default();
    let asked = answered.and_then(|answered| answered.asked.as_deref());
    let namespace = snapshot.netns.name.as_deref();
    let page = ParameterPage { row, effects, asked, findings: &[], hz, namespace };
    let text = render_parameter_page(&page, width.saturating_sub(2), false);
    let mut lines = vec![rule(state.theme, row.key.as_str(), &[], width)];
    // The first line says the key again, with its value.
    lines.extend(text_lines(&text));
    lines
}
