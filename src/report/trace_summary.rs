//! What a trace came to.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde::Serialize;

use super::trace_row::stamp;
use crate::snapshot::Gap;
use crate::trace::{PairCount, TRACED_EVENTS, TraceKind, TraceTally, drop_reason, reset_reason};

/// How a trace began, as a line of JSON. The shape is a contract: it only grows.
#[derive(Clone, Debug, Serialize)]
pub struct TraceBeginView<'a> {
    /// Version of the shape.
    pub schema: u32,
    /// `begin`.
    pub kind: &'static str,
    /// When, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// When, in nanoseconds of the monotonic clock, which stamps the events (`mono_ns`).
    pub mono_ns: u64,
    /// The name of the instance that is traced into; of two, the first.
    pub instance: &'a str,
    /// The names of all of them.
    pub instances: Vec<&'a str>,
    /// Where tracefs was found.
    pub tracefs: &'a str,
    /// How many instances of crashed runs were removed.
    pub leftovers_removed: usize,
    /// What is traced.
    pub events: Vec<&'static str>,
    /// What is left out of the events.
    pub filters: Vec<TraceFilterView<'a>>,
    /// What this kernel does not tell.
    pub gaps: &'a [Gap],
}

/// What is left out of the events of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct TraceFilterView<'a> {
    /// Of which.
    pub event: &'static str,
    /// What is told, in the words of the kernel's `filter` files.
    pub filter: &'a str,
    /// Whether the kernel leaves the rest out; this program does where it does not.
    pub in_kernel: bool,
}

/// What a trace came to, in JSON. The shape is a contract: it only grows.
#[derive(Clone, Debug, Serialize)]
pub struct TraceSummaryView {
    /// Version of the shape.
    pub schema: u32,
    /// `summary`.
    pub kind: &'static str,
    /// Until when, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// For how long, in milliseconds.
    pub took_ms: u64,
    /// Events that passed the filter.
    pub events: u64,
    /// The same by kind.
    pub by_event: Vec<KindCount>,
    /// The same by reason, where the kernel gives one.
    pub by_reason: Vec<ReasonCount>,
    /// The same by pair of addresses, the most first.
    pub by_pair: Vec<PairView>,
    /// How many pairs there were, those not listed included.
    pub pairs_in_all: usize,
    /// Events of pairs for which there was no place.
    pub other_pairs: u64,
    /// Events whose ends are not known.
    pub without_ends: u64,
    /// Events of which the filter or the namespace could not be decided; they are in no other count.
    pub undecided: u64,
    /// Drops of other protocols; they are in no other count.
    pub other_protocols: u64,
    /// Events that were counted and not shown, since there were too many at once, or enough.
    pub not_shown: u64,
    /// Events that the kernel wrote over or had no room for, before they were read; nothing where it does not say.
    pub lost: Option<u64>,
    /// The same by the events that share a buffer, where any were lost or that is not known.
    pub lost_by: Vec<LostOf>,
    /// Pages of the buffer that could not be understood to their end.
    pub unclear_pages: u64,
}

/// Events of some kinds that were lost.
#[derive(Clone, Debug, Serialize)]
pub struct LostOf {
    events: Vec<&'static str>,
    count: Option<u64>,
}

/// Events of a kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindCount {
    event: &'static str,
    count: u64,
}

/// Events of a reason.
#[derive(Clone, Debug, Serialize)]
pub struct ReasonCount {
    event: &'static str,
    reason: String,
    count: u64,
    meaning: Option<&'static str>,
}

/// Events of a pair of addresses.
#[derive(Clone, Debug, Serialize)]
pub struct PairView {
    local: IpAddr,
    local_port: Option<u16>,
    peer: IpAddr,
    peer_port: Option<u16>,
    count: u64,
}

/// What is said of a trace besides its counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceEnding<'a> {
    /// When it ended, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// For how long it went on, in milliseconds.
    pub took_ms: u64,
    /// How many events were lost, by the kinds that share a buffer; nothing where that could not be read.
    pub lost: &'a [(Vec<TraceKind>, Option<u64>)],
    /// Pages that could not be understood.
    pub unclear_pages: u64,
}

impl TraceSummaryView {
    /// What was counted, with so many pairs.
    #[must_use]
    pub fn new(tally: &TraceTally, wanted: &[TraceKind], ending: TraceEnding<'_>, top: usize) -> Self {
        let (pairs, pairs_in_all) = tally.pairs(top);
        let rows = TRACED_EVENTS.iter().filter(|row| wanted.contains(&row.kind));
        Self {
            schema: 1,
            kind: "summary",
            unix_ns: ending.unix_ns,
            took_ms: ending.took_ms,
            events: tally.events(),
            by_event: rows.map(|row| KindCount { event: row.name, count: tally.of(row.kind) }).collect(),
            by_reason: tally.reasons().into_iter().map(reason_count).collect(),
            by_pair: pairs.into_iter().map(pair_view).collect(),
            pairs_in_all,
            other_pairs: tally.other_pairs,
            without_ends: tally.without_ends,
            undecided: tally.undecided,
            other_protocols: tally.other_protocols,
            not_shown: tally.not_shown,
            lost: ending.lost.iter().map(|(_, count)| *count).sum(),
            lost_by: ending.lost.iter().filter(|(_, count)| *count != Some(0)).map(lost_of).collect(),
            unclear_pages: ending.unclear_pages,
        }
    }
}

fn lost_of((kinds, count): &(Vec<TraceKind>, Option<u64>)) -> LostOf {
    LostOf { events: kinds.iter().map(|kind| kind.row().name).collect(), count: *count }
}

fn reason_count((kind, reason, count): (TraceKind, &str, u64)) -> ReasonCount {
    let meaning = match kind {
        TraceKind::ResetSent => reset_reason(reason),
        TraceKind::Drop => drop_reason(reason),
        _ => None,
    };
    let meaning = meaning.map(|reason| reason.text);
    ReasonCount { event: kind.row().name, reason: reason.to_owned(), count, meaning }
}

const fn pair_view(pair: PairCount) -> PairView {
    let PairCount { local, local_port, peer, peer_port, events } = pair;
    PairView { local, local_port, peer, peer_port, count: events }
}

/// The summary as text.
#[must_use]
pub fn render_trace_summary(summary: &TraceSummaryView) -> String {
    let mut text = format!(
        "{} events in {}.{:03} s until {}\n\n",
        summary.events,
        summary.took_ms / 1000,
        summary.took_ms % 1000,
        stamp(summary.unix_ns, "%Y-%m-%d %H:%M:%SZ")
    );
    for row in &summary.by_event {
        let _ = writeln!(text, "{:>10}  {}", row.count, row.event);
    }
    if !summary.by_reason.is_empty() {
        text.push_str("\nBy the kernel's reason\n");
        for row in &summary.by_reason {
            let meaning = row.meaning.map_or_else(String::new, |meaning| format!(": {meaning}"));
            let _ = writeln!(text, "{:>10}  {} {}{meaning}", row.count, row.event, super::printable(&row.reason));
        }
    }
    if !summary.by_pair.is_empty() {
        text.push_str("\nBy pair of addresses (* stands for several ports)\n");
        for pair in &summary.by_pair {
            let (local, peer) = (end(pair.local, pair.local_port), end(pair.peer, pair.peer_port));
            let _ = writeln!(text, "{:>10}  {local:<21} {peer}", pair.count);
        }
        let left = summary.pairs_in_all.saturating_sub(summary.by_pair.len());
        if left > 0 {
            let _ = writeln!(text, "            and {left} other pairs; --top shows more");
        }
    }
    let notes = render_trace_notes(summary);
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    text
}

/// What has to be known to take the counts for what they are, a line each; empty where they are all.
#[must_use]
pub fn render_trace_notes(summary: &TraceSummaryView) -> String {
    let lost = summary.lost_by.iter().map(|lost| {
        let which = lost.events.join(", ");
        match lost.count {
            Some(count) => format!(
                "{count:>10}  lost before they could be read, and in no count ({which}): a larger --buffer may help\n"
            ),
            None => format!("{:>10}  lost: the kernel's counts could not be read ({which})\n", "?"),
        }
    });
    let notes = [
        (summary.unclear_pages, "pages of the buffer not understood to their end: please report it"),
        (summary.not_shown, "counted and not shown: more than --max-rate or --count"),
        (summary.undecided, "left out: what they tell decides neither the filter nor whose they are"),
        (summary.other_protocols, "drops of other protocols, not counted"),
        (summary.without_ends, "without addresses"),
        (summary.other_pairs, "of more pairs of addresses than are told apart"),
    ];
    let shown = notes.iter().filter(|(count, _)| *count > 0);
    lost.chain(shown.map(|(count, note)| format!("{count:>10}  {note}\n"))).collect()
}

fn end(address: IpAddr, port: Option<u16>) -> String {
    let port = port.filter(|port| *port != 0).map_or_else(|| "*".to_owned(), |port| port.to_string());
    match address {
        IpAddr::V4(four) => format!("{four}:{port}"),
        IpAddr::V6(six) => format!("[{six}]:{port}"),
    }
}
