//! What is lost is found out before a timer says so, and sent again.
//!
//! Mirrors: `tcp_sacktag_write_queue()`, `tcp_rack_detect_loss()`, `tcp_rack_reo_timeout()`,
//! `tcp_xmit_retransmit_queue()`, `tcp_retrans_try_collapse()` (`net/ipv4/tcp_input.c`, `tcp_recovery.c`,
//! `tcp_output.c`).
//!
//! Differs from the kernel: the reordering window never grows (no D-SACK), the congestion window holds all that is
//! lost, and of what is sent at one time the later does not come later by more than the reordering window.

use super::state::{Clock, Endpoint};
use crate::model::packet::Packet;
use crate::model::play::Step;
use crate::model::timeline::Segment;

/// `TCP_TIMEOUT_MIN_US`: what the wait for what may only be late is longer than the reordering window.
const TIMEOUT_MIN_US: u64 = 2000;

/// `TCP_FASTRETRANS_THRESH`, the initial value of `tcp_reordering`.
const DUPTHRESH: usize = 3;

/// A segment that was sent and is not acknowledged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct InFlight {
    pub(in crate::model) segment: Segment,
    /// When it was last sent.
    pub(super) sent_us: u64,
    /// Whether the peer said that it has it.
    pub(super) sacked: bool,
    /// Whether it was sent again, for whatever reason.
    pub(super) resent: bool,
    /// Whether it was sent again since it was found to be lost.
    pub(super) again: bool,
}

impl Endpoint {
    /// Sends a segment of the flight again, with those behind it that the peer has not got: small ones go as one.
    pub(super) fn send_again(&mut self, first: usize, step: &mut Step<'_>) {
        let now_us = step.window.at_us;
        let hole = self.flight.iter_mut().skip(first).take_while(|one| !one.sacked);
        let mut sent = Vec::new();
        for one in hole {
            (one.sent_us, one.resent, one.again) = (now_us, true, true);
            sent.push(one.segment);
        }
        let Some(last) = sent.last() else { return };
        let seq = self.unacknowledged + i64::try_from(first).unwrap_or(0);
        let merged = i64::try_from(sent.len()).unwrap_or(1) - 1;
        self.send_merged(*last, seq, merged, step);
    }

    /// The last segment of the flight is sent again, to be told what is missing.
    pub(super) fn probe_tail(&mut self, step: &mut Step<'_>) {
        let now_us = step.window.at_us;
        let Some(last) = self.flight.last_mut() else { return };
        (last.sent_us, last.resent) = (now_us, true);
        let segment = last.segment;
        self.send(segment, self.next - 1, step);
    }

    /// The peer has something behind a hole: what was sent longer before that than a reordering takes is lost.
    pub(super) fn take_sack(&mut self, packet: Packet, step: &mut Step<'_>) {
        let Some(ack) = packet.ack.filter(|_| packet.sacked != 0) else { return };
        let (mut newest_us, mut all_resent) = (None, true);
        for (number, one) in (self.unacknowledged..).zip(&mut self.flight) {
            let bit = u32::try_from(number - ack).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0);
            if packet.sacked & bit != 0 && !one.sacked {
                one.sacked = true;
                newest_us = newest_us.max(Some(one.sent_us));
                all_resent &= one.resent;
            }
        }
        let Some(newest_us) = newest_us else { return };
        // After a timeout everything is taken for lost already.
        if matches!(&step.armed, Some(Clock::Retransmit(clock)) if clock.has_retransmitted()) {
            return;
        }
        // tcp_rack_advance(): an answer to a copy that comes sooner than the fastest round trip may be meant for the
        // original, and says nothing. On a steady wire the two are the same but for chance.
        if all_resent && !step.either() {
            return;
        }
        // As many as that behind a hole are no reordering: tcp_rack_reo_wnd().
        let enough = self.flight.iter().filter(|one| one.sacked).count() >= DUPTHRESH;
        let window_us = self.reordering_us;
        let last_sacked = self.flight.iter().rposition(|one| one.sacked).unwrap_or(0);
        let missing = self.flight.iter().take(last_sacked).filter(|one| !one.sacked && !one.again);
        let due_us: Vec<u64> = missing.map(|one| one.sent_us + window_us).collect();
        let Some(last_us) = due_us.iter().copied().max() else { return };
        if enough || due_us.iter().any(|due_us| *due_us < newest_us) {
            self.recover(step);
        } else {
            step.arm(Clock::Reordering, last_us.saturating_sub(newest_us) + TIMEOUT_MIN_US);
        }
    }

    /// Sends what is lost again, every hole of it, and waits for a whole RTO.
    pub(super) fn recover(&mut self, step: &mut Step<'_>) {
        let last_sacked = self.flight.iter().rposition(|one| one.sacked).unwrap_or(0);
        for first in 0..last_sacked {
            if self.flight.get(first).is_some_and(|one| !one.sacked && !one.again) {
                self.send_again(first, step);
            }
        }
        let clock = self.new_retransmit_clock().past_probe();
        let wait_us = clock.first_wait_us();
        step.arm(Clock::Retransmit(clock), wait_us);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Action, Fate, Host, Scenario, Segment, Settings, Side, Timeline, What, WireRule, forecast};
    use crate::units::{Hz, KernelVersion};

    fn established(rtt_us: u64) -> Scenario {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        Scenario { rtt_us, ..Scenario::established(host, &Settings::default()) }
    }

    /// What the client sends and when at the earliest, in milliseconds.
    fn sends(timeline: &Timeline) -> Vec<(&'static str, u64)> {
        let of_client = timeline.events.iter().filter(|event| event.side == Side::Client);
        let send = of_client.filter_map(|event| match event.what {
            What::Send { segment, .. } => Some((segment.name(), event.window.at_us / 1000)),
            _ => None,
        });
        send.collect()
    }

    fn data_and_fin() -> Scenario {
        established(0).calling(Side::Client, Action::Send).calling(Side::Client, Action::Close)
    }

    /// Measured on 6.18: the data comes again 7 ms later, no timeout.
    #[test]
    fn data_that_a_fin_overtakes_is_sent_again_after_the_reordering_window() {
        let timeline = forecast(&data_and_fin().losing_first(Side::Client, Segment::Data, 1));
        assert_eq!(sends(&timeline), [("DATA", 0), ("FIN", 0), ("DATA", 2)]);
    }

    /// Measured on 6.18: DATA 0, FIN 0, FIN (the probe) 5 ms, and at 213 ms one segment with both.
    #[test]
    fn what_a_timeout_sends_again_goes_as_one_segment() {
        let scenario = data_and_fin().losing_first(Side::Client, Segment::Data, 2);
        let timeline = forecast(&scenario.losing_first(Side::Client, Segment::Fin, 2));
        assert_eq!(sends(&timeline), [("DATA", 0), ("FIN", 0), ("FIN", 4), ("FIN", 208)]);
    }

    /// Measured on 6.18, both: the answer to the probe tells of the hole at once, or it came sooner than the fastest
    /// round trip and is not believed.
    #[test]
    fn the_answer_to_a_probe_is_believed_or_not() {
        let lost = data_and_fin().losing_first(Side::Client, Segment::Data, 1);
        let timeline = forecast(&lost.losing_first(Side::Client, Segment::Fin, 1));
        assert_eq!(sends(&timeline), [("DATA", 0), ("FIN", 0), ("FIN", 4), ("DATA", 4)]);
        // The same happens in the same order either way, so that it is one course with a wide window.
        let mut of_client = timeline.events.iter().filter(|event| event.side == Side::Client);
        let last = of_client.rfind(|event| matches!(event.what, What::Send { .. })).expect("the data").window;
        assert!((208_000..240_000).contains(&last.latest_us), "{last:?}");
    }

    /// Measured on 6.18: at once with the third answer.
    #[test]
    fn three_segments_behind_a_hole_are_no_reordering() {
        let four = (0..4).fold(established(20_000), |scenario, _| scenario.calling(Side::Client, Action::Send));
        let timeline = forecast(&four.losing_first(Side::Client, Segment::Data, 1));
        assert_eq!(sends(&timeline).last(), Some(&("DATA", 20)));
    }

    #[test]
    fn what_was_sent_much_earlier_than_what_overtook_it_is_lost_at_once() {
        let late = WireRule {
            segment: Some(Segment::Data),
            nth: (1, Some(1)),
            ..WireRule::every(Side::Client, Fate::Delay { by_us: 15_000 })
        };
        let scenario = established(20_000).calling(Side::Client, Action::Send).ruled(late);
        let timeline = forecast(&scenario.calling_at(10_000, Side::Client, Action::Send));
        assert_eq!(sends(&timeline), [("DATA", 0), ("DATA", 10), ("DATA", 30)]);
    }
}
