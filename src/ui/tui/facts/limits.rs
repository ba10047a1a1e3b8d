//! Each limited resource as now, limit and history.

use super::SeriesId;
use super::listeners::{ListenerRow, SortBy, listener_rows};
use crate::model::KnownSettings;
use crate::snapshot::{Listener, Snapshot, Sockets, SysctlReading};
use crate::ui::tui::graph::Point;
use crate::ui::tui::history::{KEEP_LISTENERS_MS, KEEP_MS, ListenerId, Span};
use crate::ui::tui::number::{self, Cell};
use crate::ui::tui::state::State;
use crate::ui::tui::theme::Severity;

/// A limited resource.
#[derive(Debug)]
pub(in crate::ui::tui) struct LimitRow {
    /// Stable name, by which the selection is kept.
    pub(in crate::ui::tui) id: &'static str,
    /// What it is, with whose it is.
    pub(in crate::ui::tui) label: String,
    /// How much is in use.
    pub(in crate::ui::tui) now: Cell,
    /// How much there can be.
    pub(in crate::ui::tui) limit: Cell,
    /// How to write both.
    pub(in crate::ui::tui) write: fn(u64) -> String,
    /// Use over the span.
    pub(in crate::ui::tui) points: Vec<Point>,
    /// What becomes of it, by the last seconds.
    pub(in crate::ui::tui) course: Course,
    /// What sets the limit.
    pub(in crate::ui::tui) binds: String,
    /// How bad it is.
    pub(in crate::ui::tui) severity: Severity,
    /// The listener that the row is about.
    pub(in crate::ui::tui) listener: Option<ListenerId>,
}

/// What becomes of a limited resource if it goes on as in the last seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ui::tui) enum Course {
    /// Too little was seen to tell, or nothing.
    Unknown,
    /// It moves by a twentieth or less, or by one.
    Steady,
    /// It grows, and when it would be full is not to be told.
    Rising,
    /// It shrinks.
    Falling,
    /// Nothing more fits, for so many seconds.
    Full(u64),
    /// The same, for longer than so many seconds: it was full when it was first seen, or when the history begins.
    FullLonger(u64),
    /// It would be full in so many seconds.
    FullIn(u64),
}

/// The last seconds that a course is told by, and the fewest.
const SEEN_S: (u64, u64) = (20, 3);
/// Further ahead nobody can tell.
const FORESEEN_S: u64 = 600;
/// A port and an entry of TIME-WAIT come back after a minute, so that what takes longer may never be.
const COMES_BACK_S: u64 = 60;

impl Course {
    /// By one point a second, the last one now. Of all of them is told how long it is full, of the last how it grows.
    fn of(points: &[Point], now: Cell, limit: Cell, foreseen_s: u64) -> Self {
        let (Some(now), Some(limit)) = (now.value(), limit.value()) else { return Self::Unknown };
        let seen: Vec<(u64, u64)> = points
            .iter()
            .rev()
            .zip(0..)
            .filter_map(|(point, ago_s)| match point {
                Point::Value(value) => Some((ago_s, *value)),
                Point::Hole | Point::Before => None,
            })
            .collect();
        if now > 0 && now >= limit {
            let full = seen.iter().take_while(|(_, value)| *value >= limit);
            let (count, seconds) = full.fold((0, 0), |(count, _), (ago_s, _)| (count + 1, *ago_s));
            return if count == seen.len() { Self::FullLonger(seconds) } else { Self::Full(seconds) };
        }
        let lately = seen.iter().rev().find(|(ago_s, _)| *ago_s < SEEN_S.0);
        let Some((ago_s, before)) = lately.copied().filter(|(ago_s, _)| *ago_s >= SEEN_S.1) else {
            return Self::Unknown;
        };
        if now.abs_diff(before) <= before.max(now).div_ceil(20) {
            return Self::Steady;
        }
        let grown = now.saturating_sub(before);
        let full_in_s = (limit - now).saturating_mul(ago_s).checked_div(grown);
        match full_in_s {
            None => Self::Falling,
            Some(seconds) if seconds <= foreseen_s => Self::FullIn(seconds),
            Some(_) => Self::Rising,
        }
    }

    /// In at most 11 columns.
    pub(in crate::ui::tui) fn words(self) -> String {
        let time = |seconds: u64| number::duration_ms(seconds * 1000);
        match self {
            Self::Unknown => String::new(),
            Self::Steady => "steady".to_owned(),
            Self::Rising => "rising".to_owned(),
            Self::Falling => "falling".to_owned(),
            Self::Full(0) | Self::FullLonger(0) => "full".to_owned(),
            Self::Full(seconds) => format!("full {}", time(seconds)),
            Self::FullLonger(seconds) => format!("full >{}", time(seconds)),
            Self::FullIn(seconds) => format!("≈full {}", time(seconds)),
        }
    }
}

/// All that is kept of a listener, or of a series, one point a second.
fn seconds_of(state: &State, kept_ms: u64) -> Span {
    state.span(kept_ms, usize::try_from(kept_ms / 1000).unwrap_or(usize::MAX))
}

/// Every limited resource, the most telling first.
pub(in crate::ui::tui) fn limits(state: &State, snapshot: &Snapshot, span: Span) -> Vec<LimitRow> {
    vec![
        accept_queue(state, snapshot, span),
        syn_queue(state, snapshot, span),
        ports(state, snapshot, span),
        time_wait(state, snapshot, span),
        orphans(state, snapshot, span),
        memory(state, snapshot, span),
    ]
}

fn severity(now: Cell, limit: Cell, at_limit: Severity) -> Severity {
    match (now.value(), limit.value()) {
        (Some(now), Some(limit)) if now > 0 && now >= limit => at_limit,
        (Some(now), Some(limit)) if now > 0 && u128::from(now) * 5 >= u128::from(limit) * 4 => Severity::Warning,
        _ => Severity::Quiet,
    }
}

/// What is not there at all: no sockets were read, or there is no listener.
fn nothing(snapshot: &Snapshot) -> Cell {
    if snapshot.sockets.is_none() { Cell::Unread } else { Cell::NotApplicable }
}

/// The name of a listener in a row: the port, as most hosts have one listener on it, and the owner.
fn name(row: &ListenerRow<'_>) -> String {
    let owner = row.listener.processes.first().map(|process| format!(" {}", process.name)).unwrap_or_default();
    format!(":{}{owner}", row.listener.port)
}

/// A queue of no listener yet.
fn no_queue(snapshot: &Snapshot, span: Span, id: &'static str, label: &str) -> LimitRow {
    LimitRow {
        id,
        label: label.to_owned(),
        now: nothing(snapshot),
        limit: nothing(snapshot),
        write: number::count,
        points: vec![Point::Before; span.columns],
        course: Course::Unknown,
        binds: String::new(),
        severity: Severity::Quiet,
        listener: None,
    }
}

/// The queue of a listener, with what it holds, what it could hold and what it held.
fn queue_of(
    snapshot: &Snapshot,
    worst: &ListenerRow<'_>,
    empty: LimitRow,
    (now, limit): (Cell, Cell),
    points: Vec<Point>,
) -> LimitRow {
    LimitRow {
        label: format!("{} {}", empty.label, name(worst)),
        now,
        limit,
        points,
        binds: what_binds(snapshot, worst.listener),
        listener: Some(worst.id),
        ..empty
    }
}

fn accept_queue(state: &State, snapshot: &Snapshot, span: Span) -> LimitRow {
    let empty = no_queue(snapshot, span, "accept-queue", "accept queue");
    let rows = listener_rows(state, snapshot, SortBy::AcceptUse);
    let Some(worst) = rows.first() else { return empty };
    let points = state.history.listener(&worst.id, span, |sample| sample.accept_queue);
    let severity = severity(worst.accept, worst.accept_capacity, Severity::Critical);
    let row = queue_of(snapshot, worst, empty, (worst.accept, worst.accept_capacity), points);
    let seen = state.history.listener(&worst.id, seconds_of(state, KEEP_LISTENERS_MS), |sample| sample.accept_queue);
    let course = Course::of(&seen, worst.accept, worst.accept_capacity, FORESEEN_S);
    LimitRow { severity, course, ..row }
}

fn syn_queue(state: &State, snapshot: &Snapshot, span: Span) -> LimitRow {
    let empty = no_queue(snapshot, span, "syn-queue", "SYN-RECV");
    let rows = listener_rows(state, snapshot, SortBy::SynUse);
    let Some(worst) = rows.first() else { return empty };
    let points = state.history.listener(&worst.id, span, |sample| Some(sample.half_open));
    let row = queue_of(snapshot, worst, empty, (worst.half_open, worst.syn_capacity), points);
    if !state.half_open(worst.listener).1 {
        let binds = format!("sum of {} listeners on the port", worst.listener.shares_port);
        return LimitRow { binds, ..row };
    }
    // With cookies a full SYN queue costs options, not connections.
    let cookies = snapshot.sysctls.number("net.ipv4.tcp_syncookies").is_some_and(|value| value > 0);
    let at_limit = if cookies { Severity::Warning } else { Severity::Critical };
    let seen = state.history.listener(&worst.id, seconds_of(state, KEEP_LISTENERS_MS), |sample| Some(sample.half_open));
    let course = Course::of(&seen, worst.half_open, worst.syn_capacity, FORESEEN_S);
    LimitRow { severity: severity(worst.half_open, worst.syn_capacity, at_limit), course, ..row }
}

/// Which of the two limits of a queue it was that `listen()` took.
pub(in crate::ui::tui) fn what_binds(snapshot: &Snapshot, listener: &Listener) -> String {
    let Some(backlog) = listener.backlog else {
        return "backlog not readable".to_owned();
    };
    match snapshot.sysctls.number("net.core.somaxconn") {
        Some(somaxconn) if i64::from(backlog) < somaxconn => format!("listen() backlog {backlog}"),
        Some(somaxconn) if i64::from(backlog) == somaxconn => format!("somaxconn {somaxconn}, or listen()"),
        Some(somaxconn) => format!("backlog {backlog}: somaxconn was lowered to {somaxconn}"),
        None => format!("backlog {backlog}"),
    }
}

fn ports(state: &State, snapshot: &Snapshot, span: Span) -> LimitRow {
    let counted = snapshot.sockets.as_ref().and_then(Sockets::counted_ports);
    let fullest = counted.and_then(<[_]>::first);
    let now = Cell::from_reading(counted.map(|_| fullest.map_or(0, |port| port.used)));
    let known = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
    let limit = Cell::from_reading(known.ports_available());
    let label = fullest.map_or_else(
        || "ports, fullest peer".to_owned(),
        |port| match port.destination {
            std::net::IpAddr::V4(address) => format!("ports →{address}:{}", port.destination_port),
            std::net::IpAddr::V6(address) => format!("ports →[{address}]:{}", port.destination_port),
        },
    );
    series_row(state, span, ("ports", label), SeriesId::FullestDestination, (now, limit), "ip_local_port_range")
}

fn time_wait(state: &State, snapshot: &Snapshot, span: Span) -> LimitRow {
    let now = reading(snapshot, SeriesId::TimeWaitBuckets);
    let limit = sysctl(snapshot, "net.ipv4.tcp_max_tw_buckets");
    let label = ("time-wait", "TIME-WAIT".to_owned());
    let mut row = series_row(state, span, label, SeriesId::TimeWaitBuckets, (now, limit), "tcp_max_tw_buckets");
    // At the limit a connection ends without TIME-WAIT: bad for old duplicates, not for new connections.
    row.severity = row.severity.min(Severity::Warning);
    row
}

fn orphans(state: &State, snapshot: &Snapshot, span: Span) -> LimitRow {
    let pair = (reading(snapshot, SeriesId::Orphans), sysctl(snapshot, "net.ipv4.tcp_max_orphans"));
    series_row(state, span, ("orphans", "orphans, host".to_owned()), SeriesId::Orphans, pair, "tcp_max_orphans")
}

fn memory(state: &State, snapshot: &Snapshot, span: Span) -> LimitRow {
    // The third number of tcp_mem is where allocation fails. Pages are 4 KiB only on some machines, so both
    // stay in pages.
    let limit = sysctl_cell(snapshot, "net.ipv4.tcp_mem", |value| value.split_whitespace().nth(2)?.parse().ok());
    let pair = (reading(snapshot, SeriesId::MemoryPages), limit);
    series_row(state, span, ("memory", "TCP memory, pages".to_owned()), SeriesId::MemoryPages, pair, "tcp_mem, third")
}

fn series_row(
    state: &State,
    span: Span,
    (id, label): (&'static str, String),
    series: SeriesId,
    (now, limit): (Cell, Cell),
    binds: &str,
) -> LimitRow {
    let points = state.history.gauge(series, span);
    let severity = severity(now, limit, Severity::Critical);
    let comes_back = matches!(series, SeriesId::FullestDestination | SeriesId::TimeWaitBuckets);
    let foreseen_s = if comes_back { COMES_BACK_S } else { FORESEEN_S };
    let course = Course::of(&state.history.gauge(series, seconds_of(state, KEEP_MS)), now, limit, foreseen_s);
    LimitRow {
        id,
        label,
        now,
        limit,
        write: number::count,
        course,
        points,
        binds: binds.to_owned(),
        severity,
        listener: None,
    }
}

fn reading(snapshot: &Snapshot, series: SeriesId) -> Cell {
    Cell::from_reading(series.read(snapshot).and_then(|value| u64::try_from(value).ok()))
}

fn sysctl(snapshot: &Snapshot, key: &str) -> Cell {
    sysctl_cell(snapshot, key, |value| value.parse().ok())
}

fn sysctl_cell(snapshot: &Snapshot, key: &str, number: fn(&str) -> Option<u64>) -> Cell {
    match snapshot.sysctls.readings.get(key) {
        // Some keys exist only in the initial namespace.
        Some(SysctlReading::Absent) => Cell::NotApplicable,
        Some(SysctlReading::Value(value)) => Cell::from_reading(number(value)),
        Some(SysctlReading::Unreadable(_)) | None => Cell::Unread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(values: &[u64], limit: u64) -> String {
        let points: Vec<Point> = values.iter().map(|value| Point::Value(*value)).collect();
        Course::of(&points, Cell::Value(*values.last().unwrap()), Cell::Value(limit), FORESEEN_S).words()
    }

    #[test]
    fn the_last_seconds_tell_when_it_is_full() {
        assert_eq!(course(&[10, 20, 30, 40, 50], 100), "≈full 5s");
        assert_eq!(course(&[0, 0, 0, 9], 1_000_000), "rising");
        assert_eq!(course(&[50, 49, 51, 50], 100), "steady");
        assert_eq!(course(&[50, 40, 30, 20], 100), "falling");
        assert_eq!(course(&[80, 100, 100, 100], 100), "full 2s");
        assert_eq!(course(&[100, 100, 100, 100], 100), "full >3s", "since when is not known");
        assert_eq!(course(&[100; 120], 100), "full >1m59s");
        let long: Vec<u64> = [[0; 60].as_slice(), &[100; 60]].concat();
        assert_eq!(course(&long, 100), "full 59s", "it goes on being counted");
        let grown: Vec<u64> = [[0; 60].as_slice(), &[50; 60]].concat();
        assert_eq!(course(&grown, 100), "steady", "only the last seconds tell how it grows");
        assert_eq!(course(&[0, 0, 0, 0], 100), "steady");
        assert_eq!(course(&[10, 90], 100), "", "two readings are no course");
        let of = |points: &[Point], limit: Cell| Course::of(points, Cell::Value(5), limit, FORESEEN_S);
        assert_eq!(of(&[Point::Hole, Point::Before], Cell::Value(9)), Course::Unknown);
        assert_eq!(of(&[Point::Value(5); 9], Cell::Unread), Course::Unknown);
    }
}
