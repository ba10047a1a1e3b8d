//! Events of all processors in the order of their times.

use std::collections::VecDeque;

use crate::wire::TraceEvent;

/// How long an event may take from its stamp until it can be read: it is written with the processor's own work only in
/// between, so microseconds, and milliseconds where a virtual machine's processor is taken away.
const WRITING_NS: u64 = 2_000_000;

/// What was read and is held back until nothing earlier can come.
#[derive(Debug, Default)]
pub(super) struct Merge {
    lanes: Vec<Lane>,
    ready: Vec<TraceEvent>,
}

/// One processor's.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<TraceEvent>,
    /// Everything up to here has been read.
    read_until_ns: u64,
}

impl Merge {
    /// For so many processors.
    pub(super) fn new(lanes: usize) -> Self {
        Self { lanes: (0..lanes).map(|_| Lane::default()).collect(), ready: Vec::new() }
    }

    /// Takes an event of the n-th.
    pub(super) fn push(&mut self, lane: usize, event: TraceEvent) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.read_until_ns = lane.read_until_ns.max(event.at_ns);
            lane.waiting.push_back(event);
        }
    }

    /// The n-th had nothing more to read at this time.
    pub(super) fn is_drained(&mut self, lane: usize, now_ns: u64) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.read_until_ns = lane.read_until_ns.max(now_ns.saturating_sub(WRITING_NS));
        }
    }

    /// Hands on what nothing earlier can come before; at the end, everything.
    pub(super) fn release(&mut self, everything: bool, each: &mut impl FnMut(TraceEvent)) {
        let until = self.lanes.iter().map(|lane| lane.read_until_ns).min().unwrap_or(0);
        for lane in &mut self.lanes {
            let due = lane.waiting.iter().take_while(|event| everything || event.at_ns <= until).count();
            self.ready.extend(lane.waiting.drain(..due));
        }
        // Stable, so that events of one processor at one time keep their order.
        self.ready.sort_by_key(|event| event.at_ns);
        self.ready.drain(..).for_each(each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{TraceDecoder, TraceFormat, TraceKind};

    fn event(at_ns: u64, cpu: u32) -> TraceEvent {
        let mut decoder = TraceDecoder::default();
        decoder.add(TraceKind::State, &TraceFormat::default());
        decoder.decode(at_ns, cpu, &[0, 0]).unwrap()
    }

    fn released(merge: &mut Merge, everything: bool) -> Vec<(u64, u32)> {
        let mut seen = Vec::new();
        merge.release(everything, &mut |event| seen.push((event.at_ns, event.cpu)));
        seen
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
    fn at_the_end_everything_comes_in_order() {
        let mut merge = Merge::new(3);
        for (lane, at_ns) in [(2, 9), (0, 7), (1, 8), (0, 10)] {
            merge.push(lane, event(at_ns, u32::try_from(lane).unwrap()));
        }
        assert_eq!(released(&mut merge, true), [(7, 0), (8, 1), (9, 2), (10, 0)]);
    }
}
