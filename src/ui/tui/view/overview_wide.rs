//! The overview from 140×40: two columns.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::overview::{draw_limits, draw_rates, shown_states};
use super::tables::{SPAN_MS, STATE_ORDER, consequence_lines, headed_rule, headline_lines, state_cell};
use crate::snapshot::Sockets;
use crate::ui::tui::facts::{SeriesId, SortBy, listener_rows};
use crate::ui::tui::graph::{Point, peak, sparkline};
use crate::ui::tui::layout::{halves, take_rows};
use crate::ui::tui::number::{count, rate};
use crate::ui::tui::state::State;
use crate::ui::tui::text::{draw_lines, left, right, rule};
use crate::ui::tui::theme::Role;
use crate::units::TcpState;

/// Length of the history of the charts.
const CHART_MS: u64 = 600_000;
/// Rows of one chart without its title, at least and at most.
const CHART_ROWS: (usize, usize) = (2, 8);

/// The most headlines.
pub(super) const HEADLINES: usize = 5;

/// Columns of the left part.
pub(super) const fn left_width(width: u16) -> u16 {
    width * 58 / 100
}

/// Draws the overview.
pub(super) fn draw(state: &State, buffer: &mut Buffer, body: Rect) {
    let mut rest = body;
    let headlines = headline_lines(state, HEADLINES, usize::from(body.width));
    let area = take_rows(&mut rest, headlines.len());
    draw_lines(buffer, area, headlines);
    let (mut left_area, mut right_area) = halves(rest, left_width(rest.width), 2);
    let area = take_rows(&mut left_area, 7);
    draw_limits(state, buffer, area, 22);
    draw_charts(state, buffer, &mut left_area);
    draw_states(state, buffer, left_area);

    let width = usize::from(right_area.width);
    let mut lines = vec![rule(state.theme, "In seconds, on this host", &["from"], width)];
    lines.extend(consequence_lines(state, width, true));
    let area = take_rows(&mut right_area, lines.len());
    draw_lines(buffer, area, lines);
    let area = take_rows(&mut right_area, 18);
    draw_rates(state, buffer, area);
    draw_listeners_and_peers(state, buffer, right_area);
}

/// Its title, its points, and how a value of it is written.
type Chart = (&'static str, Vec<Point>, fn(u64) -> String);

/// Draws what fits of the charts.
fn draw_charts(state: &State, buffer: &mut Buffer, area: &mut Rect) {
    let width = usize::from(area.width);
    let columns = width.saturating_sub(9);
    // What the table of states below, the title and the axis leave.
    let left_over = usize::from(area.height).saturating_sub(STATE_ORDER.len() + 1 + 2);
    let chart_rows = (left_over / 3).saturating_sub(1).clamp(CHART_ROWS.0, CHART_ROWS.1);
    let span = state.span(CHART_MS, columns);
    let charts: [Chart; 3] = [
        ("SYN-RECV", state.history.gauge(SeriesId::State(TcpState::SynRecv), span), count),
        ("TIME-WAIT", state.history.gauge(SeriesId::TimeWaitBuckets, span), count),
        ("listen drops", state.history.rate(SeriesId::TcpExt("ListenDrops"), span), rate),
    ];
    let mut lines = vec![rule(state.theme, "Last 10 min", &[], width)];
    for (name, points, write) in charts {
        let highest = peak(&points);
        let peak_text = highest.map_or_else(|| "…".to_owned(), write);
        lines.push(Line::raw(format!("  {} peak {peak_text}", left(name, 14))));
        let scale = highest.unwrap_or(0);
        for (at, row) in chart(&points, scale, chart_rows).into_iter().enumerate() {
            let axis = match at {
                0 if scale > 0 => write(scale),
                last if last + 1 == chart_rows => "0".to_owned(),
                _ => String::new(),
            };
            let tick = if axis.is_empty() { "│" } else { "┤" };
            lines.push(Line::raw(format!("{}{tick}{row}", right(&axis, 8))));
        }
    }
    let axis_width = columns.saturating_sub("-10min".len() + "now".len() + 2);
    lines.push(Line::styled(
        format!("{}└-10min {} now", " ".repeat(8), "─".repeat(axis_width)),
        state.theme.style(Role::Dim),
    ));
    let taken = take_rows(area, lines.len());
    draw_lines(buffer, taken, lines);
}

/// A chart of full and partial blocks, the top row first. A hole shows as `?` in the lowest row.
fn chart(points: &[Point], scale: u64, rows: usize) -> Vec<String> {
    const PARTS: [&str; 8] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"];
    let eighths = |value: u64| {
        let exact = (u128::from(value) * rows as u128 * 8).div_ceil(u128::from(scale.max(1)));
        usize::try_from(exact).unwrap_or(usize::MAX).min(rows * 8)
    };
    (0..rows)
        .rev()
        .map(|row| {
            let cell = |point: &Point| match point {
                Point::Before => " ",
                Point::Hole if row == 0 => "?",
                Point::Hole => " ",
                Point::Value(value) => match eighths(*value).saturating_sub(row * 8) {
                    0 if row == 0 => "▁",
                    part @ 0..8 => PARTS.get(part).copied().unwrap_or(" "),
                    _ => "█",
                },
            };
            points.iter().map(cell).collect()
        })
        .collect()
}

fn draw_states(state: &State, buffer: &mut Buffer, area: Rect) {
    let width = usize::from(area.width);
    let spark_width = width.saturating_sub(2 + 14 + 10 + 12 + 2).min(48);
    let headings = [("now", 26), ("2 min ago", 38), ("last 2 min, own scale", 40 + spark_width)];
    let mut lines = vec![headed_rule(state.theme, "States", &headings, width)];
    for of in shown_states(state) {
        let points = state.history.gauge(SeriesId::State(of), state.span(SPAN_MS, spark_width));
        let earlier = match points.first() {
            Some(Point::Value(value)) => count(*value),
            Some(Point::Hole) => "?".to_owned(),
            _ => "…".to_owned(),
        };
        let now = state_cell(state, of).text(count);
        let spark = sparkline(&points, peak(&points).unwrap_or(0));
        lines.push(Line::raw(format!("  {}{}{}  {spark}", left(of.name(), 14), right(&now, 10), right(&earlier, 12))));
    }
    draw_lines(buffer, area, lines);
}

fn draw_listeners_and_peers(state: &State, buffer: &mut Buffer, area: Rect) {
    let Some(snapshot) = state.shown() else { return };
    let width = usize::from(area.width);
    let rows = listener_rows(state, snapshot, SortBy::Drops);
    let counted = snapshot.sockets.as_ref().and_then(Sockets::counted_ports);
    let ports = counted.unwrap_or_default();
    let half = usize::from(area.height) / 2;
    let title = format!("Listeners {}", rows.len());
    let mut lines = vec![rule(state.theme, &title, &["worst first", "accept, SYN, drops"], width)];
    for row in rows.iter().take(half.saturating_sub(1)) {
        let text = format!(
            "{} {} {}{}{}{}",
            row.severity.sign(),
            left(&row.address(), width.saturating_sub(2 + 1 + 16 + 11 + 11 + 8)),
            left(&row.owner(), 16),
            right(&format!("{}/{}", row.accept.text(count), row.accept_capacity.text(count)), 11),
            right(&format!("{}/{}", row.half_open.text(count), row.syn_capacity.text(count)), 11),
            right(&row.drops.text(rate), 8),
        );
        lines.push(Line::styled(text, state.theme.style(row.severity.role())));
    }
    let title = "Peers with most local ports";
    lines.push(headed_rule(
        state.theme,
        title,
        &[("ports", width.saturating_sub(14)), ("TIME-WAIT", width.saturating_sub(2))],
        width,
    ));
    for port in ports.iter().take(usize::from(area.height).saturating_sub(lines.len())) {
        let peer = match port.destination {
            std::net::IpAddr::V4(address) => format!("{address}:{}", port.destination_port),
            std::net::IpAddr::V6(address) => format!("[{address}]:{}", port.destination_port),
        };
        let peer = left(&peer, width.saturating_sub(2 + 10 + 12 + 2));
        lines.push(Line::raw(format!("  {peer}{}{}", right(&count(port.used), 10), right(&count(port.time_wait), 12))));
    }
    if ports.is_empty() {
        let words = match (&snapshot.sockets, counted) {
            (None, _) => "  ? sockets could not be read",
            (Some(_), None) => "  ? not counted",
            (Some(_), Some(_)) => "  none: no connection with a port of its own",
        };
        lines.push(Line::styled(words, state.theme.style(Role::Dim)));
    }
    draw_lines(buffer, area, lines);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_fills_from_below_and_shows_holes() {
        let rows = chart(&[Point::Before, Point::Value(0), Point::Value(8), Point::Hole, Point::Value(16)], 16, 2);
        assert_eq!(rows, ["    █", " ▁█?█"]);
    }
}
