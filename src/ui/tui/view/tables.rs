//! The rows that several screens and sizes share.

use std::collections::BTreeSet;

use ratatui::text::{Line, Span};

use crate::model::{Answer, Consequence};
use crate::report::render_answer;
use crate::ui::tui::facts::{Headline, LimitRow, RateRow};
use crate::ui::tui::graph::{bar, peak, sparkline};
use crate::ui::tui::number::Cell;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{columns, cut, left, right, wrap};
use crate::ui::tui::theme::{Role, Severity, Theme};
use crate::units::TcpState;

/// The states in the order in which they are shown: those that tell of floods and port use first.
pub(super) const STATE_ORDER: [TcpState; 11] = [
    TcpState::SynRecv,
    TcpState::TimeWait,
    TcpState::Estab,
    TcpState::SynSent,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Closing,
    TcpState::Close,
    TcpState::Listen,
];

/// Length of the history that tables show.
pub(super) const SPAN_MS: u64 = 120_000;

/// Column headings that end at given columns, for a table inside a region.
pub(super) fn heading_line(theme: Theme, first: &str, headings: &[(&str, usize)]) -> Line<'static> {
    let mut text = first.to_owned();
    for (heading, end) in headings {
        let from = end.saturating_sub(columns(heading));
        if from > columns(&text) {
            text.push_str(&" ".repeat(from - columns(&text)));
            text.push_str(heading);
        }
    }
    Line::styled(text, theme.style(Role::Dim))
}

/// A title rule with column headings that end at given columns.
pub(super) fn headed_rule(theme: Theme, title: &str, headings: &[(&str, usize)], width: usize) -> Line<'static> {
    let mut text = String::new();
    let start = 1 + columns(title);
    for (heading, end) in headings {
        let from = end.saturating_sub(columns(heading));
        let at = start + columns(&text);
        // A heading that would touch the one before it is left out.
        if from >= at + 2 && *end < width {
            text.push(' ');
            text.push_str(&"─".repeat(from - at - 2));
            text.push(' ');
            text.push_str(heading);
        }
    }
    text.push(' ');
    text.push_str(&"─".repeat(width.saturating_sub(start + columns(&text))));
    Line::from(vec![
        Span::styled(format!("▎{title}"), theme.style(Role::Bold)),
        Span::styled(cut(&text, width.saturating_sub(start)), theme.style(Role::Dim)),
    ])
}

/// Widths of the columns of the table of limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitColumns {
    pub(super) label: usize,
    pub(super) bar: usize,
    pub(super) spark: usize,
    pub(super) binds: usize,
}

/// Columns of what becomes of a resource: `≈full 9m59s`.
const THEN: usize = 11;

impl LimitColumns {
    /// The columns for a width; what is over goes to the names, then to the history.
    pub(super) fn of(width: usize, binds: usize) -> Self {
        let fixed = 3 + 8 + 8 + 2 + 10 + 1 + 1 + THEN + if binds > 0 { 2 + binds } else { 0 };
        let free = width.saturating_sub(fixed);
        // Names first, since a row without its name says nothing; a history of a few columns is none.
        let label = free.min(24 + free.saturating_sub(40) / 2).min(44);
        let spark = (free - label).min(40);
        let (label, spark) = if spark < 6 { (free, 0) } else { (label, spark) };
        Self { label, bar: 10, spark, binds }
    }

    /// The headings with the columns at which they end.
    pub(super) fn headings(self) -> Vec<(&'static str, usize)> {
        let now = 3 + self.label + 8;
        let limit = now + 8;
        let bar_end = limit + 2 + self.bar;
        let spark_end = bar_end + 1 + self.spark;
        let mut headings = vec![("now", now), ("limit", limit), ("use", bar_end)];
        if self.spark > 0 {
            headings.push(("last 2 min", spark_end));
        }
        headings.push(("then", spark_end + 2 + 4));
        if self.binds > 0 {
            headings.push(("set by", spark_end + 1 + THEN + 2 + 6));
        }
        headings
    }
}

/// One row of the table of limits.
pub(super) fn limit_line(state: &State, row: &LimitRow, widths: LimitColumns, selected: bool) -> Line<'static> {
    let mark = if selected { ">" } else { " " };
    let use_bar = match (row.now, row.limit) {
        (Cell::Value(now), Cell::Value(limit)) => bar(now, limit, widths.bar),
        _ => " ".repeat(widths.bar),
    };
    let scale = peak(&row.points).unwrap_or(0).max(row.limit.value().unwrap_or(0) / 20);
    let mut text = format!(
        "{mark}{} {}{}{}  {use_bar} {} {}",
        row.severity.sign(),
        left(&row.label, widths.label),
        right(&row.now.text(row.write), 8),
        right(&row.limit.text(row.write), 8),
        left(&sparkline(&row.points, scale), widths.spark),
        left(&row.course.words(), THEN),
    );
    if widths.binds > 0 {
        text.push_str("  ");
        text.push_str(&left(&row.binds, widths.binds));
    }
    Line::styled(text, state.theme.style(row.severity.role()))
}

/// Widths of the columns of the table of rates: now, peak and history.
pub(super) const fn rate_spark_columns(width: usize) -> usize {
    width.saturating_sub(2 + 18 + 8 + 8 + 1)
}

/// One row of the table of rates.
pub(super) fn rate_line(state: &State, row: &RateRow, width: usize) -> Line<'static> {
    let spark = rate_spark_columns(width);
    let text = format!(
        "{} {}{}{} {}",
        row.severity.sign(),
        left(row.label, 18),
        right(&row.now.text(row.write), 8),
        right(&row.peak.text(row.write), 8),
        left(&sparkline(&row.points, peak(&row.points).unwrap_or(0)), spark),
    );
    Line::styled(text, state.theme.style(row.severity.role()))
}

/// The rates that fit, in the order of the table: those that everybody looks for, then what tells something, then what is
/// zero.
pub(super) fn rates_that_fit(rows: Vec<RateRow>, room: usize) -> Vec<RateRow> {
    let rank = |row: &RateRow| if row.always { 0 } else { 1 + usize::from(!row.tells()) };
    let mut ranks: Vec<(usize, usize)> = rows.iter().map(rank).zip(0..).collect();
    ranks.sort_unstable();
    let kept: BTreeSet<usize> = ranks.into_iter().take(room).map(|(_, at)| at).collect();
    rows.into_iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, row)| row).collect()
}

/// An answer of the model.
pub(super) fn answer_text(answer: Answer) -> String {
    render_answer(answer, false)
}

/// The settings in seconds, one line each.
pub(super) fn consequence_lines(state: &State, width: usize, with_keys: bool) -> Vec<Line<'static>> {
    let Some(picture) = state.picture() else { return Vec::new() };
    let Some(consequences) = &picture.consequences else {
        let words = "? the kernel version could not be read, and the rules depend on it";
        return wrap(words, width.saturating_sub(2)).into_iter().map(|part| Line::raw(format!("  {part}"))).collect();
    };
    let answer_width = 16;
    let keys_width = if with_keys { width.saturating_sub(2 + 20 + answer_width + 2) } else { 0 };
    let label_width = width.saturating_sub(2 + answer_width + if with_keys { 2 + keys_width } else { 0 });
    let line = |(consequence, answer): &(&'static Consequence, Answer)| {
        let mut spans = vec![
            Span::raw(format!("  {}", left(consequence.short, label_width))),
            Span::styled(right(&answer_text(*answer), answer_width), state.theme.style(Role::Predicted)),
        ];
        if with_keys {
            let keys: Vec<String> = consequence
                .keys
                .iter()
                .map(|key| {
                    let leaf = key.rsplit('.').next().unwrap_or(key);
                    let leaf = leaf.strip_prefix("tcp_").unwrap_or(leaf);
                    format!("{leaf} {}", picture.snapshot.sysctls.value(key).unwrap_or("?"))
                })
                .collect();
            spans.push(Span::styled(format!("  {}", cut(&keys.join(", "), keys_width)), state.theme.style(Role::Dim)));
        }
        Line::from(spans)
    };
    let list = state.list(Screen::Overview);
    consequences.iter().filter(|(consequence, _)| list.admits(&[consequence.short])).map(line).collect()
}

/// The lines at the top of the overview.
pub(super) fn headline_lines(state: &State, room: usize, width: usize) -> Vec<Line<'static>> {
    let list = state.list(Screen::Overview);
    let mut found = crate::ui::tui::facts::headlines(state);
    if !list.search.is_empty() {
        let text =
            format!("/{}: headlines, limits, states, rates and times with these words; Esc shows all", list.search);
        found.retain(|headline| list.admits(&[&headline.text]));
        found.insert(0, Headline { severity: Severity::Quiet, text });
    }
    let hidden = found.len().saturating_sub(room);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, headline) in found.iter().take(room).enumerate() {
        let last = at + 1 == room && hidden > 0;
        let tail = if last { format!(" (+{hidden} more)") } else { String::new() };
        let text = cut(&headline.text, width.saturating_sub(3 + columns(&tail)));
        let sign = headline.severity.sign();
        let start = if headline.severity == Severity::Quiet { " ".to_owned() } else { format!(" {sign} ") };
        lines.push(Line::styled(format!("{start}{text}{tail}"), state.theme.style(headline.severity.role())));
    }
    lines
}

/// The count of a state; a gap when it was not counted.
pub(super) fn state_cell(state: &State, of: TcpState) -> Cell {
    match state.shown() {
        None => Cell::NotYet,
        Some(snapshot) => Cell::from_reading(snapshot.sockets.as_ref().and_then(|sockets| sockets.counted(of))),
    }
}
