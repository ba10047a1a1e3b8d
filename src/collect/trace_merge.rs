//! Events of all processors in the order of their times.

use std::collections::VecDeque;

use crate::wire::TraceEvent;

/// How long an event may take from its stamp until it can be read: it is written with the processor's own work only in
/// between, so microseconds, and milliseconds where a virtual machine's processor is taken away.
const WRITING_NS: u64 = 2_000_000;

/// Events of one buffer that may wait for the other buffers before no more of it is read.
const MOST_WAITING: usize = 1 << 12;

/// What a trace comes to, in the order of its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traced {
    /// Something happened.
    Event(TraceEvent),
    /// Here something is missing.
    Missing(Missing),
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Some of the events that flood alone.
    OfFloods,
    /// Some of the others, by which sockets are followed.
    OfSockets,
}

/// What was read and is held back until nothing earlier can come.
#[derive(Debug, Default)]
pub(super) struct Merge {
    lanes: Vec<Lane>,
    ready: Vec<(u64, Traced)>,
}

/// One buffer's of one processor.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<(u64, Traced)>,
    /// Everything up to here has been read.
    read_until_ns: u64,
}

impl Merge {
    /// For so many buffers.
    pub(super) fn new(lanes: usize) -> Self {
        Self { lanes: (0..lanes).map(|_| Lane::default()).collect(), ready: Vec::new() }
    }

    /// Takes an event of the n-th.
    pub(super) fn push(&mut self, lane: usize, event: TraceEvent) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.read_until_ns = lane.read_until_ns.max(event.at_ns);
            lane.waiting.push_back((event.at_ns, Traced::Event(event)));
        }
    }

    /// Something is missing in the n-th: since the last event that was read of it, up to one at this time.
    pub(super) fn is_missing(&mut self, lane: usize, until_ns: u64, what: Missing) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            let since_ns = lane.waiting.back().map_or(lane.read_until_ns, |(at_ns, _)| *at_ns).min(until_ns);
            lane.waiting.extend([since_ns, until_ns].map(|at_ns| (at_ns, Traced::Missing(what))));
        }
    }

    /// The n-th had nothing more to read at this time.
    pub(super) fn is_drained(&mut self, lane: usize, now_ns: u64) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.read_until_ns = lane.read_until_ns.max(now_ns.saturating_sub(WRITING_NS));
        }
    }

    /// Whether so many events of the n-th wait for those of others that these have to be read first. One that others wait
    /// for never is.
    pub(super) fn is_ahead(&self, lane: usize) -> bool {
        self.lanes.get(lane).is_some_and(|lane| lane.waiting.len() >= MOST_WAITING)
    }

    /// Hands on what nothing earlier can come before; at the end, everything.
    pub(super) fn release(&mut self, everything: bool, each: &mut impl FnMut(Traced)) {
        let until = self.lanes.iter().map(|lane| lane.read_until_ns).min().unwrap_or(0);
        for lane in &mut self.lanes {
            let due = lane.waiting.iter().take_while(|(at_ns, _)| everything || *at_ns <= until).count();
            self.ready.extend(lane.waiting.drain(..due));
        }
        // Stable, so that events of one processor at one time keep their order.
        self.ready.sort_by_key(|(at_ns, _)| *at_ns);
        self.ready.drain(..).for_each(|(_, traced)| each(traced));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{TraceDecoder, TraceFormat, TraceKind};

    const MISSING: (u64, u32) = (0, u32::MAX);

    fn event(at_ns: u64, cpu: u32) -> TraceEvent {
        let mut decoder = TraceDecoder::default();
        decoder.add(TraceKind::State, &TraceFormat::default());
        decoder.decode(at_ns, cpu, &[0, 0]).unwrap()
    }

    fn released(merge: &mut Merge, everything: bool) -> Vec<(u64, u32)> {
        let mut seen = Vec::new();
        merge.release(everything, &mut |traced| {
            seen.push(match traced {
                Traced::Event(event) => (event.at_ns, event.cpu),
                Traced::Missing(_) => MISSING,
            });
        });
        seen
    }

    #[test]
    fn what_is_missing_is_told_where_it_is_missing() {
        let mut merge = Merge::new(2);
        merge.push(0, event(10, 0));
        merge.is_missing(0, 40, Missing::OfSockets);
        merge.push(0, event(40, 0));
        for at_ns in [9, 20, 41] {
            merge.push(1, event(at_ns, 1));
        }
        // What the other processor saw meanwhile is between the two.
        let seen = [(9, 1), (10, 0), MISSING, (20, 1), MISSING, (40, 0), (41, 1)];
        assert_eq!(released(&mut merge, true), seen);
    }

    #[test]
    fn events_wait_until_every_processor_has_been_read_so_far() {
        let mut merge = Merge::new(2);
        merge.push(0, event(30, 0));
        merge.push(0, event(50, 0));
        assert_eq!(released(&mut merge, false), []);
        merge.push(1, event(20, 1));
        merge.push(1, event(40, 1));
        assert_eq!(released(&mut merge, false), [(20, 1), (30, 0), (40, 1)]);
        merge.is_drained(1, 50 + WRITING_NS);
        assert_eq!(released(&mut merge, false), [(50, 0)]);
    }

    #[test]
    fn a_processor_without_events_holds_nothing_back_once_it_was_looked_at() {
        let mut merge = Merge::new(2);
        merge.push(0, event(5, 0));
        merge.is_drained(1, 4 + WRITING_NS);
        assert_eq!(released(&mut merge, false), []);
        merge.is_drained(1, 5 + WRITING_NS);
        assert_eq!(released(&mut merge, false), [(5, 0)]);
    }

    #[test]
    fn a_buffer_that_is_far_ahead_waits_and_the_one_that_it_waits_for_does_not() {
        let mut merge = Merge::new(2);
        for at_ns in 0..MOST_WAITING as u64 {
            assert!(!merge.is_ahead(0));
            merge.push(0, event(10 + at_ns, 0));
            merge.push(1, event(1, 1));
        }
        assert_eq!(released(&mut merge, false).len(), MOST_WAITING);
        assert_eq!([0, 1].map(|lane| merge.is_ahead(lane)), [true, false]);
        merge.is_drained(1, u64::MAX);
        assert_eq!(released(&mut merge, false).len(), MOST_WAITING);
        assert!(!merge.is_ahead(0));
    }

    #[test]
    fn at_the_end_everything_comes_in_order() {
        let mut merge = Merge::new(3);
        for (lane, at_ns) in [(2, 9), (0, 7), (1, 8), (0, 10)] {
            merge.push(lane, event(at_ns, u32::try_from(lane).unwrap()));
        }
        assert_eq!(released(&mut merge, true), [(7, 0), (8, 1), (9, 2), (10, 0)]);
    }
}
