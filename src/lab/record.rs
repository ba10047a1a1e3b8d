//! From what was seen on the wire to the timeline that the model speaks in.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use super::Followed;
use super::numbers::{is_ahead, length_of};
use crate::model::{
    End, Errno, Event, IcmpError, Measured, Outcome, Scenario, Segment, Side, Start, Timeline, What, Window,
};
use crate::units::TcpState;
use crate::wire::SegmentHeader;

/// What was seen, in the order of its stamps once finished.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Between which stamps, in nanoseconds since 1970, side, what.
    seen: Vec<((u64, u64), Side, What)>,
    /// Between which stamps, side, how.
    ends: Vec<((u64, u64), Side, Outcome)>,
    /// When it began, where that is not the first thing that was seen.
    start_ns: Option<u64>,
    /// How many of each kind a side sent, and how often each very segment.
    sent: BTreeMap<(Side, Segment), u32>,
    copies: BTreeMap<(Side, Segment, u32), u32>,
    /// Who wants to know of everything at once.
    follower: Option<Sender<Followed>>,
}

impl Record {
    /// Tells this one of everything from now on.
    pub(super) fn follow(&mut self, follower: Option<Sender<Followed>>) {
        self.follower = follower;
    }

    fn note(&mut self, between: (u64, u64), side: Side, what: What) {
        self.seen.push((between, side, what.clone()));
        self.tell(|start_ns| Followed::Event(Event { window: window_since(start_ns, between), side, what }));
    }

    /// Tells the follower, if there is one, with the stamp of the beginning.
    fn tell(&self, what: impl FnOnce(u64) -> Followed) {
        if let Some(follower) = &self.follower {
            // One that does not listen any more misses nothing.
            let _ = follower.send(what(self.start_ns().unwrap_or(0)));
        }
    }

    /// The scenario is about to begin, with what was measured until then.
    pub(super) fn tell_beginning(&self, scenario: &Scenario, measured: &BTreeMap<Side, Measured>) {
        self.tell(|_| Followed::Begins(Box::new(with_measured(scenario.clone(), measured))));
    }

    /// The scenario begins at this time.
    pub(super) fn begin(&mut self, unix_ns: u64) {
        self.start_ns = Some(unix_ns);
    }

    /// When it began, in nanoseconds since 1970; nothing before the first thing was seen.
    pub(super) fn start_ns(&self) -> Option<u64> {
        self.start_ns.or_else(|| self.seen.iter().map(|((_, unix_ns), ..)| *unix_ns).min())
    }

    /// Whether a side has failed.
    pub(super) fn has_failed(&self, side: Side) -> bool {
        self.ends.iter().any(|(_, ended, outcome)| *ended == side && matches!(outcome, Outcome::Failed(_)))
    }

    /// A segment left that has this number; `lost` says whether the wire loses the n-th of its kind, counted from 0.
    /// Says whether it does.
    pub(super) fn sent(
        &mut self,
        unix_ns: u64,
        side: Side,
        (segment, sequence): (Segment, u32),
        lost: impl Fn(u32) -> bool,
    ) -> bool {
        let sent = self.sent.entry((side, segment)).or_insert(0);
        let lost = lost(*sent);
        *sent += 1;
        let copy = if matches!(segment, Segment::Ack | Segment::Rst) {
            0
        } else {
            let copies = self.copies.entry((side, segment, sequence)).or_insert(0);
            *copies += 1;
            *copies - 1
        };
        self.note((unix_ns, unix_ns), side, What::Send { segment, copy, lost });
        lost
    }

    /// Whether a side sent an ACK between two stamps.
    pub(super) fn acknowledged(&self, side: Side, since_ns: u64, until_ns: u64) -> bool {
        let is_ack = |what: &What| matches!(what, What::Send { segment: Segment::Ack, .. });
        self.seen.iter().any(|((_, at), who, what)| *who == side && is_ack(what) && (since_ns..=until_ns).contains(at))
    }

    pub(super) fn arrived(&mut self, unix_ns: u64, side: Side, segment: Segment) {
        self.note((unix_ns, unix_ns), side, What::Arrive { segment, copy: None });
    }

    pub(super) fn icmp(&mut self, unix_ns: u64, side: Side, error: IcmpError) {
        self.note((unix_ns, unix_ns), side, What::Icmp(error));
    }

    pub(super) fn returned(&mut self, unix_ns: u64, side: Side, errno: Option<Errno>) {
        self.note((unix_ns, unix_ns), side, What::Return("connect", errno));
        // A refusal at once leaves what the port belongs to as it was.
        if errno != Some(Errno::AddressNotAvailable) {
            self.put_end((unix_ns, unix_ns), side, errno.map_or(Outcome::Established, Outcome::Failed));
        }
    }

    pub(super) fn ended(&mut self, unix_ns: u64, side: Side, outcome: Outcome) {
        self.put_end((unix_ns, unix_ns), side, outcome);
        self.tell_end((unix_ns, unix_ns), side, outcome);
    }

    fn put_end(&mut self, between: (u64, u64), side: Side, outcome: Outcome) {
        self.begins_again(side);
        self.ends.push((between, side, outcome));
    }

    fn tell_end(&self, between: (u64, u64), side: Side, outcome: Outcome) {
        self.tell(|start_ns| Followed::End(End { window: window_since(start_ns, between), side, outcome }));
    }

    /// A socket of a side entered a state between two looks.
    pub(super) fn entered(&mut self, since_ns: u64, unix_ns: u64, side: Side, state: TcpState) {
        self.note((since_ns, unix_ns), side, What::State(state));
    }

    /// The last socket of a side vanished between two looks.
    pub(super) fn vanished(&mut self, since_ns: u64, unix_ns: u64, side: Side) {
        self.put_end((since_ns, unix_ns), side, Outcome::Gone);
        self.tell_end((since_ns, unix_ns), side, Outcome::Gone);
    }

    /// A side has a socket again: how the one before ended is not its end.
    pub(super) fn begins_again(&mut self, side: Side) {
        self.ends.retain(|(_, ended, _)| *ended != side);
    }

    /// The timeline, from the beginning on.
    pub(super) fn into_timeline(mut self, about: Side) -> Timeline {
        let start_ns = self.start_ns().unwrap_or(0);
        self.seen.sort_by_key(|((_, unix_ns), ..)| *unix_ns);
        let event = |(between, side, what)| Event { window: window_since(start_ns, between), side, what };
        let events = self.seen.into_iter().map(event).collect();
        let end = |(between, side, outcome)| End { window: window_since(start_ns, between), side, outcome };
        let ends = self.ends.into_iter().map(end);
        let mut ends: Vec<End> = ends.collect();
        ends.sort_by_key(|end| end.side != about);
        Timeline { events, ends, alternatives: Vec::new() }
    }
}

/// The scenario with what its ends have measured.
pub(super) fn with_measured(mut scenario: Scenario, measured: &BTreeMap<Side, Measured>) -> Scenario {
    scenario.client.measured = measured.get(&Side::Client).copied();
    scenario.server.measured = measured.get(&Side::Server).copied();
    scenario
}

/// Between which microseconds since the start, by stamps in nanoseconds.
fn window_since(start_ns: u64, (since_ns, unix_ns): (u64, u64)) -> Window {
    let since_us = |at_ns: u64| at_ns.saturating_sub(start_ns) / 1000;
    Window { at_us: since_us(since_ns), latest_us: since_us(unix_ns) }
}

/// Tells kinds of segments apart, which takes memory: a probe is an ACK whose number lies behind what was sent.
#[derive(Debug)]
pub(super) struct Recognizer {
    /// What a probe is called: it asks an idle peer, or one whose window is closed.
    probe: Segment,
    /// The next sequence number of each sender.
    next: BTreeMap<Side, u32>,
    /// Whether the last segment of the server advertised no room.
    closed: bool,
}

impl Recognizer {
    pub(super) fn new(start: Start) -> Self {
        let probe = if start == Start::WindowClosed { Segment::Probe } else { Segment::Keepalive };
        Self { probe, next: BTreeMap::new(), closed: false }
    }

    /// The kind of a segment that this side sent.
    pub(super) fn kind_of(&mut self, sender: Side, header: &SegmentHeader) -> Segment {
        if sender == Side::Server {
            self.closed = header.window == 0 && !header.syn && !header.rst;
        }
        let end = header.sequence.wrapping_add(length_of(header));
        let before = self.next.get(&sender).copied();
        // A RST may have the number of what it answers; a SYN begins anew.
        if !header.rst && (header.syn || before.is_none_or(|next| is_ahead(end, next))) {
            self.next.insert(sender, end);
        }
        match header {
            SegmentHeader { rst: true, .. } => Segment::Rst,
            SegmentHeader { syn: true, ack: true, .. } => Segment::SynAck,
            SegmentHeader { syn: true, .. } => Segment::Syn,
            SegmentHeader { fin: true, .. } => Segment::Fin,
            _ if header.payload > 0 => Segment::Data,
            _ if before.is_some_and(|next| next.wrapping_sub(header.sequence) == 1) => self.probe,
            _ => Segment::Ack,
        }
    }

    /// Whether the server's window is closed.
    pub(super) fn window_is_closed(&self) -> bool {
        self.closed
    }
}
