//! The listeners: each one's queues against their capacity, its drops, and what binds.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::listing::{draw_scrolled, gone_lines};
use super::tables::{SPAN_MS, heading_line};
use super::target::RowsShown;
use crate::snapshot::{Drops, Snapshot, SocketSource};
use crate::ui::tui::facts::{ListenerRow, listener_row, listener_rows, what_binds};
use crate::ui::tui::graph::{Point, bar, peak, sparkline};
use crate::ui::tui::layout::{Frame, Kind, first_shown, take_rows};
use crate::ui::tui::number::{Cell, count, rate};
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{draw_lines, left, mark_selected, right, rule, wrap};
use crate::ui::tui::theme::Role;

/// Rows of the detail below the list at 80×24.
const DETAIL_ROWS: usize = 9;

/// Draws the listeners.
pub(super) fn draw(state: &State, buffer: &mut Buffer, frame: Frame) {
    let Some(snapshot) = state.shown() else {
        draw_lines(buffer, frame.body, [Line::raw(" … not read yet")]);
        return;
    };
    let rows = listed_rows(state, snapshot);
    let selected = rows.iter().position(|row| Some(row.id) == state.selected_listener).unwrap_or(0);
    let width = usize::from(frame.body.width);
    let mut rest = frame.body;
    if let Some((seen_in, listener)) = state.listener_opened() {
        // With what was known when it was last seen.
        let row = listener_row(state, seen_in, listener);
        draw_scrolled(state, buffer, rest, detail_lines(state, seen_in, &row, width));
        return;
    }
    let place = if snapshot.sockets.is_none() {
        "?".to_owned()
    } else {
        format!("{} of {}", (selected + 1).min(rows.len()), rows.len())
    };
    let sort = format!("sort {}", state.sort.name());
    let search = &state.list(Screen::Listeners).search;
    let search = if search.is_empty() { String::new() } else { format!("/{search}") };
    let title = rule(state.theme, "Listeners", &[&place, &search, &sort], width);
    let area = take_rows(&mut rest, 1);
    draw_lines(buffer, area, [title]);
    if rows.is_empty() {
        draw_lines(buffer, rest, why_empty(state, snapshot, width));
        return;
    }
    let area = take_rows(&mut rest, list_rows(frame, rows.len()));
    draw_list(state, buffer, area, &rows, selected, frame.kind);
    if let (true, Some(row)) = (frame.kind.has_detail(), rows.get(selected)) {
        draw_lines(buffer, rest, detail_lines(state, snapshot, row, width));
    }
}

/// The listeners that are searched for, in their order.
pub(in crate::ui::tui) fn listed_rows<'a>(state: &State, snapshot: &'a Snapshot) -> Vec<ListenerRow<'a>> {
    let list = state.list(Screen::Listeners);
    let mut rows = listener_rows(state, snapshot, state.sort);
    rows.retain(|row| list.search.is_empty() || list.admits(&[&row.address(), &row.owner()]));
    rows
}

/// The heading, the rows and a blank one; the detail follows where the list is short.
fn list_rows(frame: Frame, rows: usize) -> usize {
    let below_title = usize::from(frame.body.height.saturating_sub(1));
    let wide = usize::from(frame.kind == Kind::Wide) * 4;
    if frame.kind.has_detail() { below_title.saturating_sub(DETAIL_ROWS + wide).min(rows + 2) } else { below_title }
}

/// Rows of the terminal that one listener takes.
const fn rows_of_each(kind: Kind) -> u16 {
    if matches!(kind, Kind::Records) { 2 } else { 1 }
}

/// The rows of the table.
pub(super) fn rows_shown(state: &State, frame: Frame) -> Option<RowsShown> {
    if state.listener_page {
        return None;
    }
    let rows = listed_rows(state, state.shown()?);
    let selected = rows.iter().position(|row| Some(row.id) == state.selected_listener).unwrap_or(0);
    let mut rest = frame.body;
    take_rows(&mut rest, 1);
    let mut area = take_rows(&mut rest, list_rows(frame, rows.len()));
    if frame.kind != Kind::Records {
        take_rows(&mut area, 1);
    }
    let each = rows_of_each(frame.kind);
    let first = first_shown(selected, usize::from(area.height / each).max(1));
    Some(RowsShown { area, first, each, count: rows.len(), selected })
}

/// How many listeners are listed.
pub(super) fn listed(state: &State) -> usize {
    state.shown().map_or(0, |snapshot| listed_rows(state, snapshot).len())
}

/// Lines of the page of the listener that is open.
pub(super) fn page_lines(state: &State) -> Vec<Line<'static>> {
    let lines = state.listener_opened().map(|(seen_in, listener)| {
        let row = listener_row(state, seen_in, listener);
        detail_lines(state, seen_in, &row, usize::from(state.size.0))
    });
    lines.unwrap_or_default()
}

/// The port of the selected listener.
pub(in crate::ui::tui) fn selected_listener_port(state: &State) -> Option<u16> {
    if let Some((_, listener)) = state.listener_opened() {
        return Some(listener.port);
    }
    let rows = listed_rows(state, state.shown()?);
    let selected = rows.iter().find(|row| Some(row.id) == state.selected_listener).or_else(|| rows.first());
    selected.map(|row| row.listener.port)
}

/// An empty table says why it is empty.
fn why_empty(state: &State, snapshot: &Snapshot, width: usize) -> Vec<Line<'static>> {
    let search = &state.list(Screen::Listeners).search;
    let text = if !search.is_empty() && snapshot.sockets.as_ref().is_some_and(|sockets| !sockets.listeners.is_empty()) {
        format!("no listener has `{search}`; Esc shows all")
    } else if snapshot.sockets.is_none() {
        let gap = snapshot.gaps.iter().find(|gap| gap.source.contains("sock_diag") || gap.source.contains("tcp"));
        gap.map_or_else(
            || "? sockets could not be read".to_owned(),
            |gap| format!("? {}: {}. {}", gap.source, gap.reason, gap.consequence),
        )
    } else {
        "nothing listens on TCP in this network namespace".to_owned()
    };
    wrap(&text, width.saturating_sub(2)).into_iter().map(|line| Line::raw(format!(" {line}"))).collect()
}

/// Widths of the columns.
struct Columns {
    address: usize,
    owner: usize,
    accept_bar: usize,
    syn_bar: usize,
    spark: usize,
}

impl Columns {
    fn of(width: usize, kind: Kind) -> Self {
        let (accept_bar, syn_bar) = match kind {
            Kind::Wide => (20, 14),
            Kind::Normal => (10, 6),
            _ => (0, 0),
        };
        let spark = if kind == Kind::Wide { 18 } else { 0 };
        let gaps = [accept_bar, syn_bar, spark].iter().filter(|columns| **columns > 0).count();
        let fixed = 3 + accept_bar + 10 + syn_bar + 10 + 7 + spark + gaps + 1;
        let free = width.saturating_sub(fixed);
        let owner = (free * 2 / 5).min(28);
        Self { address: free - owner, owner, accept_bar, syn_bar, spark }
    }

    fn headings(&self) -> Vec<(&'static str, usize)> {
        let bar = |columns: usize| if columns > 0 { columns + 1 } else { 0 };
        let owner_start = 3 + self.address + 1;
        let accept = owner_start + self.owner + bar(self.accept_bar) + 10;
        let syn = accept + bar(self.syn_bar) + 10;
        let mut headings = vec![("owner", owner_start + 5), ("accept queue", accept), ("SYN queue", syn)];
        headings.push(("drops", syn + 7));
        if self.spark > 0 {
            headings.push(("drops, 2 min", syn + 7 + 1 + 12));
        }
        headings
    }
}

fn draw_list(state: &State, buffer: &mut Buffer, area: Rect, rows: &[ListenerRow<'_>], selected: usize, kind: Kind) {
    let width = usize::from(area.width);
    let mut rest = area;
    if kind == Kind::Records {
        let height = usize::from(area.height / rows_of_each(kind)).max(1);
        for (at, row) in rows.iter().enumerate().skip(first_shown(selected, height)).take(height) {
            let lines = record_lines(state, row, at == selected, width);
            let place = take_rows(&mut rest, lines.len());
            draw_lines(buffer, place, lines);
            if at == selected {
                mark_selected(buffer, state.theme, Rect { height: place.height.min(1), ..place });
            }
        }
        return;
    }
    let columns = Columns::of(width, kind);
    let place = take_rows(&mut rest, 1);
    draw_lines(buffer, place, [heading_line(state.theme, "   address:port", &columns.headings())]);
    let height = usize::from(rest.height);
    for (at, row) in rows.iter().enumerate().skip(first_shown(selected, height)).take(height) {
        let place = take_rows(&mut rest, 1);
        buffer.set_line(place.x, place.y, &row_line(state, row, &columns, at == selected), place.width);
        if at == selected {
            mark_selected(buffer, state.theme, place);
        }
    }
}

/// `37/512`.
fn of_capacity(now: Cell, capacity: Cell) -> String {
    format!("{}/{}", now.text(count), capacity.text(count))
}

fn use_bar(now: Cell, capacity: Cell, width: usize) -> String {
    if width == 0 {
        return String::new();
    }
    match (now, capacity) {
        (Cell::Value(now), Cell::Value(capacity)) => format!(" {}", bar(now, capacity, width)),
        _ => " ".repeat(width + 1),
    }
}

fn row_line(state: &State, row: &ListenerRow<'_>, columns: &Columns, selected: bool) -> Line<'static> {
    let mark = if selected { ">" } else { " " };
    let mut text = format!(
        "{mark}{} {} {}{}{}{}{}",
        row.severity.sign(),
        left(&row.address(), columns.address),
        left(&row.owner(), columns.owner),
        use_bar(row.accept, row.accept_capacity, columns.accept_bar),
        right(&of_capacity(row.accept, row.accept_capacity), 10),
        use_bar(row.half_open, row.syn_capacity, columns.syn_bar),
        right(&of_capacity(row.half_open, row.syn_capacity), 10),
    );
    text.push_str(&right(&row.drops.text(rate), 7));
    if columns.spark > 0 {
        let points = state.history.listener_drop_rate(&row.id, state.span(SPAN_MS, columns.spark));
        text.push(' ');
        text.push_str(&left(&sparkline(&points, peak(&points).unwrap_or(0)), columns.spark));
    }
    Line::styled(text, state.theme.style(row.severity.role()))
}

fn record_lines(state: &State, row: &ListenerRow<'_>, selected: bool, width: usize) -> Vec<Line<'static>> {
    let mark = if selected { ">" } else { " " };
    let style = state.theme.style(row.severity.role());
    let first = format!("{mark}{} {} {}", row.severity.sign(), row.address(), row.owner());
    let second = format!(
        "   accept {} SYN {} drops {}",
        of_capacity(row.accept, row.accept_capacity),
        of_capacity(row.half_open, row.syn_capacity),
        row.drops.text(rate)
    );
    vec![Line::styled(left(&first, width), style), Line::styled(left(&second, width), style)]
}

/// What is known of one listener.
fn detail_lines(state: &State, snapshot: &Snapshot, row: &ListenerRow<'_>, width: usize) -> Vec<Line<'static>> {
    let label = if width < 60 { 9 } else { 14 };
    let mut lines = vec![rule(state.theme, &row.address(), &[row.owner().as_str()], width)];
    lines.extend(gone_lines(state, width));
    for (name, text) in facts(state, snapshot, row, width.saturating_sub(label + 2)) {
        for (at, part) in wrap(&text, width.saturating_sub(label + 2)).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!(" {}", left(name, label)), state.theme.style(Role::Dim)),
                Span::raw(format!(" {part}")),
            ]));
        }
    }
    lines
}

fn facts(state: &State, snapshot: &Snapshot, row: &ListenerRow<'_>, width: usize) -> Vec<(&'static str, String)> {
    let listener = row.listener;
    let mut facts = vec![("What binds", binding_text(snapshot, row))];
    if listener.shares_port > 1 {
        let text = match state.half_open(listener) {
            (own, true) => format!("{own} of its own, of {} listeners that share this port", listener.shares_port),
            (sum, false) => format!(
                "{} listeners share this port; sock_diag does not say whose half-open entries these are: {sum} in all",
                listener.shares_port
            ),
        };
        facts.push(("SYN queue", text));
    }
    facts.push(("When full", full_text(snapshot)));
    let spark = (width.saturating_sub(40) / 2).clamp(8, 40);
    let span = state.span(SPAN_MS, spark);
    let graph = |points: Vec<Point>, write: fn(u64) -> String| {
        let highest = peak(&points);
        let words = highest.map_or_else(|| "…".to_owned(), write);
        format!("{} peak {words}", sparkline(&points, highest.unwrap_or(0)).replace(' ', "\u{a0}"))
    };
    let queue = graph(state.history.listener(&row.id, span, |sample| sample.accept_queue), count);
    let drops = graph(state.history.listener_drop_rate(&row.id, span), rate);
    facts.push(("Last 2 min", format!("Recv-Q {queue} drops {drops}")));
    let total = match listener.drops {
        Drops::Total(total) => format!("{} since the socket was made", u64::from(total)),
        Drops::Unknown => "? this source does not tell".to_owned(),
    };
    facts.push(("Dropped", total));
    let ss = |value: Option<u32>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    facts.push((
        "ss says",
        format!("Recv-Q {}  Send-Q {}  (the queue holds Send-Q + 1)", ss(listener.accept_queue), ss(listener.backlog)),
    ));
    let holders: Vec<String> =
        listener.processes.iter().map(|process| format!("{}({})", process.name, process.pid)).collect();
    let holders = if holders.is_empty() { "? not known; i says why".to_owned() } else { holders.join(" ") };
    facts.push(("Held by", format!("{holders}  uid {}", listener.uid)));
    facts
}

fn binding_text(snapshot: &Snapshot, row: &ListenerRow<'_>) -> String {
    if snapshot.sockets.as_ref().is_some_and(|sockets| sockets.source == SocketSource::ProcNetTcp) {
        return "? /proc/net/tcp does not tell the backlog; sock_diag would".to_owned();
    }
    let binds = what_binds(snapshot, row.listener);
    match snapshot.sysctls.number("net.core.somaxconn") {
        Some(somaxconn) if row.listener.backlog.is_some_and(|backlog| i64::from(backlog) < somaxconn) => {
            format!("{binds} in the application; somaxconn {somaxconn} does not bind")
        }
        _ => binds,
    }
}

/// What happens to clients when a queue is full, by the settings.
fn full_text(snapshot: &Snapshot) -> String {
    let cookies = match snapshot.sysctls.number("net.ipv4.tcp_syncookies") {
        None => "SYN queue: ? (tcp_syncookies not readable)",
        Some(0) => "SYN queue: SYNs are dropped (tcp_syncookies 0)",
        Some(2) => "every SYN gets a cookie (tcp_syncookies 2)",
        Some(_) => "SYN queue: cookies are sent (tcp_syncookies 1)",
    };
    let accept = match snapshot.sysctls.number("net.ipv4.tcp_abort_on_overflow") {
        Some(0) => "accept queue: the SYN or the last ACK is dropped, and the client tries again",
        Some(_) => "accept queue: the SYN is dropped or the client is reset (tcp_abort_on_overflow 1)",
        None => "accept queue: ? (tcp_abort_on_overflow not readable)",
    };
    format!("{accept}; {cookies}")
}
