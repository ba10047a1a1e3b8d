//! The rates that tell of trouble, as one table.

use super::SeriesId;
use crate::ui::tui::graph::{self, Point};
use crate::ui::tui::history::Span;
use crate::ui::tui::number::{self, Cell};
use crate::ui::tui::state::State;
use crate::ui::tui::theme::Severity;

/// How a rate is worked out.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Growth per second.
    PerSecond(SeriesId),
    /// Growth as a share of another counter's growth.
    Share(SeriesId, SeriesId),
}

/// A rate.
#[derive(Debug)]
struct Rate {
    label: &'static str,
    kind: Kind,
    /// How bad it is that it is not zero.
    nonzero: Severity,
    /// Whether it is always shown, even at zero.
    always: bool,
}

impl Rate {
    /// It is shown even at zero: what everybody looks for first.
    const fn always(self) -> Self {
        Self { always: true, ..self }
    }
}

const fn tcp_ext(label: &'static str, name: &'static str, nonzero: Severity) -> Rate {
    Rate { label, kind: Kind::PerSecond(SeriesId::TcpExt(name)), nonzero, always: false }
}

const fn tcp(label: &'static str, name: &'static str) -> Rate {
    Rate { label, kind: Kind::PerSecond(SeriesId::Tcp(name)), nonzero: Severity::Quiet, always: false }
}

/// The table, the most telling first. The labels fit in 17 columns.
const RATES: &[Rate] = &[
    tcp_ext("listen drops", "ListenDrops", Severity::Critical).always(),
    tcp_ext("accept queue full", "ListenOverflows", Severity::Critical),
    tcp_ext("SYN queue dropped", "TCPReqQFullDrop", Severity::Critical),
    tcp_ext("SYN queue cookies", "TCPReqQFullDoCookies", Severity::Warning),
    tcp_ext("cookies sent", "SyncookiesSent", Severity::Warning),
    tcp_ext("TIME-WAIT refused", "TCPTimeWaitOverflow", Severity::Warning),
    tcp_ext("aborts, memory", "TCPAbortOnMemory", Severity::Critical),
    Rate {
        label: "retransmits",
        kind: Kind::Share(SeriesId::Tcp("RetransSegs"), SeriesId::Tcp("OutSegs")),
        nonzero: Severity::Quiet,
        always: true,
    },
    tcp("resets sent", "OutRsts").always(),
    tcp("resets of ESTAB", "EstabResets").always(),
    Rate {
        label: "input queue drops",
        kind: Kind::PerSecond(SeriesId::SoftnetDropped),
        nonzero: Severity::Warning,
        always: false,
    },
    tcp("connects failed", "AttemptFails"),
    tcp_ext("cookies accepted", "SyncookiesRecv", Severity::Quiet),
    tcp("new, passive", "PassiveOpens"),
    tcp("new, active", "ActiveOpens"),
    tcp("segments in", "InSegs"),
    tcp("segments out", "OutSegs"),
];

/// A rate with its figures.
#[derive(Debug)]
pub(in crate::ui::tui) struct RateRow {
    /// What it counts.
    pub(in crate::ui::tui) label: &'static str,
    /// Now.
    pub(in crate::ui::tui) now: Cell,
    /// Highest of the span.
    pub(in crate::ui::tui) peak: Cell,
    /// How to write both.
    pub(in crate::ui::tui) write: fn(u64) -> String,
    /// The span.
    pub(in crate::ui::tui) points: Vec<Point>,
    /// How bad it is now.
    pub(in crate::ui::tui) severity: Severity,
    /// Whether it is shown even at zero.
    pub(in crate::ui::tui) always: bool,
}

impl RateRow {
    /// Whether it was anything but zero in the span, or could not be read.
    pub(in crate::ui::tui) fn tells(&self) -> bool {
        self.peak != Cell::Value(0) || self.now != Cell::Value(0)
    }
}

/// So many segments make a share worth telling.
const FEW: u64 = 100;

/// Every rate over a span.
pub(in crate::ui::tui) fn rates(state: &State, span: Span) -> Vec<RateRow> {
    RATES.iter().map(|rate| rate_row(rate, state, span)).collect()
}

fn rate_row(rate: &Rate, state: &State, span: Span) -> RateRow {
    let until = span.until_unix_ms;
    let (now, points, read, write): (_, _, _, fn(u64) -> String) = match rate.kind {
        Kind::PerSecond(id) => {
            let readable = state.shown().is_some_and(|snapshot| id.read(snapshot).is_some());
            (state.history.rate_now(id, until), state.history.rate(id, span), readable, number::rate)
        }
        // Of a handful of segments a share says nothing: two of two are no 100 %.
        Kind::Share(part, whole) if state.history.grown_now(part, whole, until).is_some_and(|all| all < FEW) => {
            let readable = state.shown().is_some_and(|s| part.read(s).is_some() && whole.read(s).is_some());
            (state.history.rate_now(part, until), state.history.rate(part, span), readable, number::rate)
        }
        Kind::Share(part, whole) => {
            let readable = state.shown().is_some_and(|s| part.read(s).is_some() && whole.read(s).is_some());
            (
                state.history.share_now(part, whole, until),
                state.history.share(part, whole, span),
                readable,
                number::share,
            )
        }
    };
    let now = match now {
        Some(value) => Cell::Value(value),
        None if !read && state.shown().is_some() => Cell::Unread,
        None if !state.history.has_interval(until) => Cell::NotYet,
        None => Cell::Unread,
    };
    let peak = graph::peak(&points).map_or(now, Cell::Value);
    let severity = if now.value().is_some_and(|value| value > 0) { rate.nonzero } else { Severity::Quiet };
    RateRow { label: rate.label, now, peak, write, points, severity, always: rate.always }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_of_a_figure_that_has_a_history() {
        let known: Vec<SeriesId> = SeriesId::all().collect();
        for rate in RATES {
            let ids = match rate.kind {
                Kind::PerSecond(id) => vec![id],
                Kind::Share(part, whole) => vec![part, whole],
            };
            assert!(ids.iter().all(|id| known.contains(id)), "{}", rate.label);
            assert!(rate.label.len() <= 17, "{}", rate.label);
        }
    }
}
