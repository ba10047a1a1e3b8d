//! From what was seen on the wire to the timeline that the model speaks in.

use std::collections::BTreeMap;

use crate::model::{End, Errno, Event, Outcome, Segment, Side, Timeline, What, Window};
use crate::wire::SegmentHeader;

/// What was seen, in the order of its stamps once finished.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Stamp in nanoseconds since 1970, side, what.
    seen: Vec<(u64, Side, What)>,
    ends: Vec<(u64, Side, Outcome)>,
    copies: BTreeMap<(Side, Segment), u32>,
}

impl Record {
    /// A segment left; `lost` says whether the wire loses this copy of it, counted from 0.
    pub(super) fn sent(&mut self, unix_ns: u64, side: Side, segment: Segment, lost: impl Fn(u32) -> bool) {
        let copies = self.copies.entry((side, segment)).or_insert(0);
        self.seen.push((unix_ns, side, What::Send { segment, copy: *copies, lost: lost(*copies) }));
        *copies += 1;
    }

    pub(super) fn arrived(&mut self, unix_ns: u64, side: Side, segment: Segment) {
        self.seen.push((unix_ns, side, What::Arrive(segment)));
    }

    pub(super) fn returned(&mut self, unix_ns: u64, side: Side, errno: Option<Errno>) {
        self.seen.push((unix_ns, side, What::Return("connect", errno)));
        self.ended(unix_ns, side, errno.map_or(Outcome::Established, Outcome::Failed));
    }

    pub(super) fn ended(&mut self, unix_ns: u64, side: Side, outcome: Outcome) {
        self.ends.retain(|(_, ended, _)| *ended != side);
        self.ends.push((unix_ns, side, outcome));
    }

    /// The timeline, from the first thing that was seen on.
    pub(super) fn into_timeline(mut self, about: Side) -> Timeline {
        self.seen.sort_by_key(|(unix_ns, ..)| *unix_ns);
        let start_ns = self.seen.first().map_or(0, |(unix_ns, ..)| *unix_ns);
        let window = |unix_ns: u64| Window::exactly(unix_ns.saturating_sub(start_ns) / 1000);
        let events = self.seen.into_iter().map(|(at, side, what)| Event { window: window(at), side, what }).collect();
        let ends = self.ends.into_iter().map(|(at, side, outcome)| End { window: window(at), side, outcome });
        let mut ends: Vec<End> = ends.collect();
        ends.sort_by_key(|end| end.side != about);
        Timeline { events, ends, alternatives: Vec::new() }
    }
}

/// The kind of a segment.
pub(super) fn kind_of(header: &SegmentHeader) -> Segment {
    match header {
        SegmentHeader { rst: true, .. } => Segment::Rst,
        SegmentHeader { syn: true, ack: true, .. } => Segment::SynAck,
        SegmentHeader { syn: true, .. } => Segment::Syn,
        SegmentHeader { fin: true, .. } => Segment::Fin,
        _ => Segment::Ack,
    }
}
