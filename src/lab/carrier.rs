//! What the wire does to packets: brings, loses, delays and duplicates them by the scenario's rules.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::numbers::Numbers;
use super::record::Recognizer;
use crate::model::{Scenario, Segment, Side};
use crate::wire::{SegmentHeader, decode_segment};

/// The packets on their way, and what was seen of them.
pub(super) struct Carrier<'a> {
    scenario: &'a Scenario,
    /// When they are due, in order; to which side.
    on_the_way: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    next_packet: u64,
    recognizer: Recognizer,
    /// How many segments of each kind a side has sent since the beginning.
    sent: BTreeMap<(Side, Segment), u32>,
    pub(super) numbers: Numbers,
    /// Whether nothing at all is brought for now.
    pub(super) lose_all: bool,
    /// How late packets were brought, all together.
    pub(super) lateness: Duration,
    /// How many packets were brought or are on their way.
    pub(super) passed: u32,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario,
            on_the_way: BTreeMap::new(),
            next_packet: 0,
            recognizer: Recognizer::new(scenario.start),
            sent: BTreeMap::new(),
            numbers: Numbers::default(),
            lose_all: false,
            lateness: Duration::ZERO,
            passed: 0,
        }
    }

    /// Takes a packet of the scenario's connection; the rules hold once that has begun, `at_us` microseconds ago.
    pub(super) fn take(&mut self, side: Side, header: &SegmentHeader, packet: &[u8], at_us: Option<u64>) -> Segment {
        let segment = self.recognizer.kind_of(side, header);
        self.numbers.sent(side, header, packet);
        if self.lose_all {
            return segment;
        }
        let Some(at_us) = at_us else {
            self.pass(side, packet, Duration::ZERO);
            return segment;
        };
        let sent = self.sent.entry((side, segment)).or_insert(0);
        let ordinal = *sent;
        *sent += 1;
        for later_us in self.scenario.passage_us(side, segment, ordinal, at_us) {
            self.pass(side, packet, Duration::from_micros(later_us));
        }
        segment
    }

    /// Brings a packet, so much later than the round trip says.
    pub(super) fn pass(&mut self, side: Side, packet: &[u8], later: Duration) {
        self.passed = self.passed.saturating_add(1);
        let due = Instant::now() + Duration::from_micros(self.scenario.rtt_us / 2) + later;
        self.on_the_way.insert((due, self.next_packet), (side.other(), packet.to_vec()));
        self.next_packet += 1;
    }

    /// When the next packet is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.on_the_way.keys().next().map(|(due, _)| *due)
    }

    /// The next packet that is due by now, and where it goes.
    pub(super) fn arrival(&mut self) -> Option<(Side, Vec<u8>)> {
        let now = Instant::now();
        let entry = self.on_the_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        self.lateness += now.saturating_duration_since(entry.key().0);
        let (side, packet) = entry.remove();
        if let Some(header) = decode_segment(&packet) {
            self.numbers.delivered(side, &header);
        }
        Some((side, packet))
    }
}
