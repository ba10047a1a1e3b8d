//! The topics: each answered for this host, and with other settings beside it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::listing::text_lines;
use super::target::RowsShown;
use crate::explain::{InLab, topics};
use crate::report::{DiagramStyle, render_explanation};
use crate::ui::tui::explaining::{self, Dial};
use crate::ui::tui::layout::{first_shown, take_rows};
use crate::ui::tui::listing::Listing;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{left, right, rule, wrap};
use crate::ui::tui::theme::Role;

/// Columns of the longest id of a topic.
const ID: usize = 19;
/// The widest text that is easy to read.
const READABLE: usize = 100;

/// The list, in the order in which topics build on each other.
pub(super) fn listing(state: &State, width: usize) -> Listing<'_> {
    let list = state.list(Screen::Explain);
    let rows: Vec<_> = topics().filter(|topic| list.admits(&[topic.id, topic.question])).collect();
    let all = topics().count();
    let search = if list.search.is_empty() { String::new() } else { format!("/{}", list.search) };
    Listing {
        title: "Topics",
        facts: vec![format!("{} of {all}", rows.len()), search],
        heading: String::new(),
        ids: rows.iter().map(|topic| topic.id.to_owned()).collect(),
        line: Box::new(move |at| match rows.get(at) {
            Some(topic) => {
                let question = left(topic.question, width.saturating_sub(3 + ID));
                (format!(" {} {question}", left(topic.id, ID)), Role::Plain)
            }
            None => (String::new(), Role::Plain),
        }),
        empty: format!("no topic has `{}`; Esc shows all", list.search),
    }
}

/// The settings that decide, above the answer: the host's value and the one that is asked about.
pub(super) fn panel(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(topic) = explaining::topic(state) else { return Vec::new() };
    let (at, all) = (topics().position(|one| one.id == topic.id).unwrap_or(0) + 1, topics().count());
    let place = format!("topic {at} of {all}");
    let mut lines = vec![rule(state.theme, topic.id, &[&place, "what if: ←→, nothing is written"], width)];
    let Some(answered) = &state.explaining.answered else { return lines };
    if let Err(reason) = &answered.host {
        lines.extend(wrap(reason, width.saturating_sub(2)).into_iter().map(|line| Line::raw(format!(" ? {line}"))));
        return lines;
    }
    let settings = answered.dials();
    let most = most_settings(state);
    let selected = state.explaining.setting.min(settings.len().saturating_sub(1));
    let rows = settings.iter().enumerate().skip(first_shown(selected, most)).take(most);
    lines.extend(rows.map(|(at, row)| setting_line(state, row, at == selected, width)));
    if settings.len() > most {
        let text = format!("   … {} in all, socket options and the round trip below: ↑↓", settings.len());
        lines.push(Line::styled(text, state.theme.style(Role::Dim)));
    }
    if settings.is_empty() {
        lines.push(Line::styled(" no setting decides this".to_owned(), state.theme.style(Role::Dim)));
    }
    if let (Some(asked), Ok(host)) = (&answered.asked, &answered.host) {
        lines.push(rule(state.theme, "Before and after", &[], width));
        for (label, role, explanation) in [("host", Role::Plain, host), ("if ±", Role::Change, asked)] {
            let text = explanation.figures.answer.first().cloned().unwrap_or_default();
            for (at, part) in wrap(&text, width.saturating_sub(9)).into_iter().enumerate() {
                let label = if at == 0 { label } else { "" };
                lines.push(Line::from(vec![
                    Span::styled(format!(" {}", left(label, 6)), state.theme.style(role)),
                    Span::raw(format!(" {part}")),
                ]));
            }
        }
    }
    lines.push(rule(state.theme, "Answer", &[], width));
    lines
}

/// The settings that are shown above a topic's page.
pub(super) fn settings_shown(state: &State, body: Rect) -> Option<RowsShown> {
    let answered = state.explaining.answered.as_ref().filter(|answered| answered.host.is_ok())?;
    let count = answered.dials().len();
    let most = most_settings(state);
    let selected = state.explaining.setting.min(count.saturating_sub(1));
    let mut rest = body;
    take_rows(&mut rest, 1);
    let first = first_shown(selected, most);
    let area = take_rows(&mut rest, count.saturating_sub(first).min(most));
    Some(RowsShown { area, first, each: 1, count, selected })
}

/// How many settings are shown at once above a topic's page.
fn most_settings(state: &State) -> usize {
    (usize::from(state.size.1.saturating_sub(4)) / 4).clamp(1, 10)
}

fn setting_line(state: &State, dial: &Dial, selected: bool, width: usize) -> Line<'static> {
    let (mark, what_if) = (if selected { ">" } else { " " }, state.explaining.what_if.get(dial.name()));
    let host = match dial {
        Dial::Premise(premise) => premise.otherwise.to_owned(),
        Dial::Setting(row) => {
            match state.shown().and_then(|snapshot| snapshot.sysctls.values().get(row.key).cloned()) {
                Some(value) => value.replace('\t', " "),
                None if !row.exists => "–".to_owned(),
                None => "?".to_owned(),
            }
        }
    };
    let (sign, asked) = match (what_if, dial) {
        (Some(value), Dial::Premise(premise)) => ("±", format!("→ ◂ {} ▸", premise.shown(value))),
        (Some(value), Dial::Setting(_)) => ("±", format!("→ ◂ {value} ▸")),
        (None, _) if selected => (" ", "  ◂ ▸".to_owned()),
        (None, _) => (" ", String::new()),
    };
    let (unit, behind) = match dial {
        Dial::Setting(row) => {
            (row.unit, row.default.as_deref().map_or_else(String::new, |default| format!("default {default}")))
        }
        // It says its unit itself.
        Dial::Premise(premise) if premise.name == "rtt" => ("", "round trip".to_owned()),
        Dial::Premise(premise) if premise.name == "backlog" => (premise.unit, "listen()".to_owned()),
        Dial::Premise(premise) => (premise.unit, "setsockopt()".to_owned()),
    };
    // `net.ipv4.` goes without saying, as in plans.
    let key = dial.name().strip_prefix("net.ipv4.").unwrap_or(dial.name());
    let key_width = (width / 2).min(27);
    let text = format!(
        "{mark}{sign} {}{} {} {} {behind}",
        left(key, key_width),
        right(&host, 9),
        left(&asked, 16),
        left(unit, 7),
    );
    let role = match (selected, what_if) {
        (true, _) => Role::Selected,
        (false, Some(_)) => Role::Change,
        (false, None) => Role::Plain,
    };
    Line::styled(left(&text, width), state.theme.style(role))
}

/// The answer with its course and what is said about it.
pub(super) fn detail(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(topic) = explaining::topic(state) else { return Vec::new() };
    let page = state.list(Screen::Explain).page;
    let mut lines = if page { Vec::new() } else { vec![rule(state.theme, topic.id, &[], width)] };
    let Some(answered) = &state.explaining.answered else {
        lines.push(Line::raw(" … not read yet"));
        return lines;
    };
    match (answered.shown(), &answered.host) {
        (Some(explanation), _) => {
            let style = DiagramStyle { width: width.saturating_sub(2).min(READABLE), ascii: false };
            lines.extend(text_lines(&render_explanation(explanation, style)));
        }
        (None, Err(reason)) => {
            lines.extend(wrap(reason, width.saturating_sub(3)).into_iter().map(|line| Line::raw(format!(" ? {line}"))));
        }
        (None, Ok(_)) => {}
    }
    if let InLab::Plays = topic.in_lab() {
        lines.push(Line::raw(format!(" Measured on this kernel: tcpctl lab {}", topic.id)));
    }
    lines
}
