//! The overview from 80×24.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::tables::{
    LimitColumns, SPAN_MS, STATE_ORDER, consequence_lines, headed_rule, headline_lines, limit_line, rate_line,
    rate_spark_columns, rates_that_fit, state_cell,
};
use super::target::RowsShown;
use super::{overview_lines, overview_wide};
use crate::snapshot::Snapshot;
use crate::ui::tui::facts::{LimitRow, RateRow, SeriesId, limits, rates};
use crate::ui::tui::graph::{peak, sparkline};
use crate::ui::tui::history::Span;
use crate::ui::tui::layout::{Frame, Kind, halves, take_rows};
use crate::ui::tui::number::count;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{draw_lines, left, mark_selected, right, rule};
use crate::ui::tui::theme::Role;
use crate::units::TcpState;

/// Draws the overview.
pub(super) fn draw(state: &State, buffer: &mut Buffer, frame: Frame) {
    if state.shown().is_none() {
        draw_lines(buffer, frame.body, headline_lines(state, 1, usize::from(frame.body.width)));
        return;
    }
    match frame.kind {
        Kind::Wide => overview_wide::draw(state, buffer, frame.body),
        Kind::Normal => draw_normal(state, buffer, frame.body),
        _ => overview_lines::draw(state, buffer, frame),
    }
}

/// How many headlines and limits are shown in so many rows.
const fn shares(body_rows: usize, headlines: usize) -> (usize, usize) {
    let headlines = if headlines < 3 { headlines } else { 3 };
    let spare = body_rows.saturating_sub(20);
    let limits = if spare >= 2 { 6 } else { 4 + spare };
    (headlines, limits)
}

/// The limits that are on the screen, for moving the selection.
pub(in crate::ui::tui) fn overview_limit_ids(state: &State) -> Vec<&'static str> {
    let Some(snapshot) = state.shown() else { return Vec::new() };
    let rows = match state.kind() {
        Kind::Wide => 6,
        _ => shares(usize::from(state.size.1.saturating_sub(4)), 1).1,
    };
    shown_limits(state, snapshot, state.span(1, 1)).iter().take(rows).map(|row| row.id).collect()
}

/// The row of the limits that is selected; of those that are searched for the first, where it is none of them.
pub(in crate::ui::tui) fn selected_limit(state: &State) -> &'static str {
    let ids = overview_limit_ids(state);
    let first = ids.first().copied().unwrap_or(state.selected_limit);
    if ids.contains(&state.selected_limit) { state.selected_limit } else { first }
}

/// The rows of the table of limits.
pub(super) fn rows_shown(state: &State, frame: Frame) -> Option<RowsShown> {
    state.shown()?;
    let most = match frame.kind {
        Kind::Wide => overview_wide::HEADLINES,
        Kind::Normal => shares(usize::from(frame.body.height), 3).0,
        _ => return None,
    };
    let ids = overview_limit_ids(state);
    let mut rest = frame.body;
    take_rows(&mut rest, headline_lines(state, most, usize::from(frame.body.width)).len() + 1);
    if frame.kind == Kind::Wide {
        rest.width = overview_wide::left_width(rest.width);
    }
    let selected = ids.iter().position(|id| *id == selected_limit(state)).unwrap_or(usize::MAX);
    Some(RowsShown { area: take_rows(&mut rest, ids.len()), first: 0, each: 1, count: ids.len(), selected })
}

fn draw_normal(state: &State, buffer: &mut Buffer, body: Rect) {
    let mut rest = body;
    let width = usize::from(body.width);
    let (headline_rows, limit_rows) = shares(usize::from(body.height), 3);
    let headlines = headline_lines(state, headline_rows, width);
    let area = take_rows(&mut rest, headlines.len());
    draw_lines(buffer, area, headlines);
    let area = take_rows(&mut rest, 1 + limit_rows);
    draw_limits(state, buffer, area, 0);
    let lines = state_lines(state, width);
    let area = take_rows(&mut rest, lines.len());
    draw_lines(buffer, area, lines);
    let (left_area, right_area) = halves(rest, rest.width / 2 + 2, 1);
    draw_rates(state, buffer, left_area);
    let mut lines = vec![rule(state.theme, "In seconds, on this host", &[], usize::from(right_area.width))];
    lines.extend(consequence_lines(state, usize::from(right_area.width), false));
    draw_lines(buffer, right_area, lines);
}

/// The limits that are searched for.
pub(super) fn shown_limits(state: &State, snapshot: &Snapshot, span: Span) -> Vec<LimitRow> {
    let mut rows = limits(state, snapshot, span);
    rows.retain(|row| state.list(Screen::Overview).admits(&[&row.label]));
    rows
}

/// The rates that are searched for.
pub(super) fn shown_rates(state: &State, span: Span) -> Vec<RateRow> {
    let mut rows = rates(state, span);
    rows.retain(|row| state.list(Screen::Overview).admits(&[row.label]));
    rows
}

/// The states that are searched for.
pub(super) fn shown_states(state: &State) -> Vec<TcpState> {
    STATE_ORDER.into_iter().filter(|of| state.list(Screen::Overview).admits(&[of.name()])).collect()
}

/// Draws the table of limits.
pub(super) fn draw_limits(state: &State, buffer: &mut Buffer, area: Rect, binds: usize) {
    let Some(snapshot) = state.shown() else { return };
    let width = usize::from(area.width);
    let widths = LimitColumns::of(width, binds);
    let title = headed_rule(state.theme, "Against limits", &widths.headings(), width);
    draw_lines(buffer, area, [title]);
    let rows = shown_limits(state, snapshot, state.span(SPAN_MS, widths.spark));
    for (y, row) in (area.y + 1..area.bottom()).zip(&rows) {
        let selected = row.id == selected_limit(state);
        let line = limit_line(state, row, widths, selected);
        buffer.set_line(area.x, y, &line, area.width);
        if selected {
            mark_selected(buffer, state.theme, Rect { y, height: 1, ..area });
        }
    }
}

/// Columns of one state with its count and history.
const STATE_COLUMNS: usize = 26;

/// The states with their history, as many side by side as fit.
pub(super) fn state_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let per_row = (width / STATE_COLUMNS).max(1);
    let mut lines = vec![rule(state.theme, "States", &["last 2 min, each on its own scale"], width)];
    if state.shown().is_some_and(|snapshot| snapshot.sockets.is_none()) {
        lines.push(Line::styled(" ? no source of sockets could be read; i says why", state.theme.style(Role::Dim)));
        return lines;
    }
    for chunk in shown_states(state).chunks(per_row) {
        let mut text = String::new();
        for of in chunk {
            let points = state.history.gauge(SeriesId::State(*of), state.span(SPAN_MS, 6));
            let spark = sparkline(&points, peak(&points).unwrap_or(0));
            let cell = state_cell(state, *of).text(count);
            text.push_str(&format!("  {}{} {}", left(of.name(), 10), right(&cell, 7), left(&spark, 6)));
        }
        lines.push(Line::raw(text));
    }
    lines
}

/// Draws the table of rates.
pub(super) fn draw_rates(state: &State, buffer: &mut Buffer, area: Rect) {
    let width = usize::from(area.width);
    let spark = rate_spark_columns(width);
    let headings = [("now", 28), ("peak", 36), ("2 min", 37 + spark)];
    let mut lines = vec![headed_rule(state.theme, "Rates", &headings, width + 1)];
    let rows =
        rates_that_fit(shown_rates(state, state.span(SPAN_MS, spark)), usize::from(area.height).saturating_sub(1));
    lines.extend(rows.iter().map(|row| rate_line(state, row, width)));
    draw_lines(buffer, area, lines);
}
