//! The overview on small terminals: the same facts as one list of lines that scrolls.

use ratatui::buffer::Buffer;
use ratatui::text::Line;

use super::overview::{shown_limits, shown_rates, shown_states};
use super::tables::{SPAN_MS, consequence_lines, headline_lines, state_cell};
use crate::ui::tui::graph::bar;
use crate::ui::tui::layout::{Frame, Kind};
use crate::ui::tui::number::{Cell, count};
use crate::ui::tui::state::State;
use crate::ui::tui::text::{draw_lines, left, right, rule};

/// How far the list can be scrolled.
pub(in crate::ui::tui) fn overview_scroll_limit(state: &State) -> usize {
    if state.kind().has_detail() {
        return 0;
    }
    let rows = usize::from(state.size.1.saturating_sub(4));
    lines(state, usize::from(state.size.0), state.kind()).len().saturating_sub(rows)
}

/// Draws the list.
pub(super) fn draw(state: &State, buffer: &mut Buffer, frame: Frame) {
    let all = lines(state, usize::from(frame.body.width), frame.kind);
    let from = state.overview_scroll.min(all.len().saturating_sub(usize::from(frame.body.height)));
    draw_lines(buffer, frame.body, all.into_iter().skip(from));
}

fn lines(state: &State, width: usize, kind: Kind) -> Vec<Line<'static>> {
    let Some(snapshot) = state.shown() else { return Vec::new() };
    let records = kind == Kind::Records;
    let mut lines = headline_lines(state, 3, width);
    lines.push(rule(state.theme, "Against limits", &[], width));
    for row in shown_limits(state, snapshot, state.span(SPAN_MS, 1)) {
        let (now, limit) = (row.now.text(row.write), row.limit.text(row.write));
        let style = state.theme.style(row.severity.role());
        let sign = row.severity.sign();
        lines.push(if records {
            Line::styled(format!("{sign} {}: {now} of {limit}", row.label), style)
        } else {
            let bar = match (row.now, row.limit) {
                (Cell::Value(now), Cell::Value(limit)) => bar(now, limit, 10),
                _ => String::new(),
            };
            let label = left(&row.label, width.saturating_sub(2 + 9 + 9 + 2 + 10));
            Line::styled(format!("{sign} {label}{}{}  {bar}", right(&now, 9), right(&limit, 9)), style)
        });
    }
    lines.push(rule(state.theme, "States", &[], width));
    let per_row = if records { 1 } else { 3 };
    for chunk in shown_states(state).chunks(per_row) {
        let cells = chunk.iter().map(|of| {
            let cell = state_cell(state, *of).text(count);
            if records { format!("  {of}: {cell}") } else { format!("  {of:<10}{}", right(&cell, 7)) }
        });
        lines.push(Line::raw(cells.collect::<String>()));
    }
    lines.push(rule(state.theme, "Rates", &["now, peak of 2 min"], width));
    for row in shown_rates(state, state.span(SPAN_MS, 16)) {
        let (now, peak) = (row.now.text(row.write), row.peak.text(row.write));
        let sign = row.severity.sign();
        let text = if records {
            format!("{sign} {}: {now}, peak {peak}", row.label)
        } else {
            format!("{sign} {}{}{}", left(row.label, 20), right(&now, 9), right(&peak, 9))
        };
        lines.push(Line::styled(text, state.theme.style(row.severity.role())));
    }
    lines.push(rule(state.theme, "In seconds, on this host", &[], width));
    lines.extend(consequence_lines(state, width.min(60), false));
    lines
}
