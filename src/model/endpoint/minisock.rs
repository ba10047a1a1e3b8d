//! What a minisock does with a segment: TIME-WAIT, and FIN-WAIT-2 of an orphan.
//!
//! Mirrors: `tcp_timewait_state_process()`, `tcp_timewait_check_oow_rate_limit()`, and the `TCP_TW_*` cases of
//! `tcp_v4_rcv()`.
//!
//! Differs from the kernel: what is injected carries no timestamps, so PAWS refuses nothing.

use super::calls::REUSE_ADVANCE;
use super::state::{Clock, Endpoint};
use crate::model::clock::TIME_WAIT_US;
use crate::model::packet::Packet;
use crate::model::play::Step;
use crate::model::timeline::Segment;
use crate::model::timer::Timer;
use crate::units::TcpState;

impl Endpoint {
    /// A segment for a minisock.
    pub(super) fn arrive_minisock(&mut self, packet: Packet, step: &mut Step<'_>) {
        if self.state == Some(TcpState::FinWait2) {
            self.arrive_fin_wait2_minisock(packet, step);
        } else {
            self.arrive_time_wait(packet, step);
        }
    }

    fn arrive_fin_wait2_minisock(&mut self, packet: Packet, step: &mut Step<'_>) {
        let fits = packet.fits(self.expected, self.expected + self.window);
        match packet.segment {
            // Here a RST is no exception.
            Segment::Rst if !fits => self.challenge(step),
            _ if !fits => self.answer_outside(packet, step),
            Segment::Rst => self.forget(step),
            // A SYN from the right edge on is refused and ends it (TCP_TW_RST).
            Segment::Syn if packet.seq >= self.expected => self.refuse_and_forget(packet, step),
            // Nothing new in it.
            _ if packet.ack.is_none() || packet.end() <= self.expected || packet.end() == packet.seq => {}
            Segment::Fin if packet.end() == self.expected + 1 => {
                self.expected += 1;
                self.enter_time_wait(step);
                self.reply(Segment::Ack, step);
            }
            // Data that nobody will ever read.
            _ => self.refuse_and_forget(packet, step),
        }
    }

    fn refuse_and_forget(&mut self, packet: Packet, step: &mut Step<'_>) {
        Self::refuse(packet, step);
        self.forget(step);
    }

    fn arrive_time_wait(&mut self, packet: Packet, step: &mut Step<'_>) {
        let empty = packet.end() == packet.seq;
        match packet.segment {
            Segment::Rst if packet.seq == self.expected => {
                if !self.settings.rfc1337 {
                    self.forget(step);
                } else if self.rst_restarts() {
                    self.restart_time_wait(step);
                }
            }
            Segment::Rst => {}
            _ if packet.seq == self.expected && empty => self.restart_time_wait(step),
            Segment::Syn if packet.ack.is_none() && packet.seq > self.expected && self.listening => {
                step.disarm(Timer::Life);
                self.minisock = false;
                self.begin_request(packet, self.next + REUSE_ADVANCE, step);
            }
            _ => {
                if packet.ack.is_some() {
                    self.restart_time_wait(step);
                }
                self.answer_outside(packet, step);
            }
        }
    }

    /// Whether a RST that `tcp_rfc1337` keeps from ending TIME-WAIT starts it anew: until 4.19 (63cc357f7bba); the stable
    /// releases of 4.14 that have the change are not verified.
    fn rst_restarts(&self) -> bool {
        let version = self.version;
        !(version.at_least(4, 19) || (version.major, version.minor) == (4, 14) && version.patch >= 70)
    }

    fn restart_time_wait(&self, step: &mut Step<'_>) {
        step.arm(Clock::TimeWait, TIME_WAIT_US);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Host, Injected, Injection, Number, Scenario, Segment, Settings, Side, forecast};
    use crate::units::{Hz, KernelVersion};

    /// When TIME-WAIT ends into which this comes 20 s after it began, in whole seconds.
    fn ends_s(version: KernelVersion, rfc1337: bool, segment: Segment, seq: i32, ack: Option<Number>) -> u64 {
        let settings = Settings { rfc1337, ..Settings::default() };
        let what = Injected::Segment { segment, seq: Number::Fitting(seq), ack };
        let injection = Injection { at_us: 20_000_000, to: Side::Client, what };
        let host = Host { version, hz: Hz::new(250) };
        let timeline = forecast(&Scenario::close(host, &settings).injecting(injection));
        timeline.end().expect("an end").window.at_us / 1_000_000
    }

    /// Measured on 6.18: a RST that is kept from ending it leaves its 60 s alone, a bare ACK starts them anew. What is
    /// answered draws a RST from the peer, who knows of nothing any more.
    #[test]
    fn what_comes_into_time_wait_ends_it_or_starts_it_anew() {
        let (now, fits) = (KernelVersion::new(6, 18), Some(Number::Fitting(0)));
        assert_eq!(ends_s(now, false, Segment::Rst, 0, None), 20);
        assert_eq!(ends_s(now, true, Segment::Rst, 0, None), 60);
        assert_eq!(ends_s(KernelVersion::new(4, 14), true, Segment::Rst, 0, None), 80);
        assert_eq!(ends_s(now, false, Segment::Ack, 0, fits), 80);
        for (segment, seq) in [(Segment::Ack, -10), (Segment::Data, -2), (Segment::Fin, -1)] {
            assert_eq!(ends_s(now, false, segment, seq, fits), 20, "{segment:?} {seq}");
            assert_eq!(ends_s(now, true, segment, seq, fits), 80, "{segment:?} {seq}");
        }
        assert_eq!(ends_s(now, false, Segment::Syn, -1000, None), 20);
        assert_eq!(ends_s(now, true, Segment::Syn, -1000, None), 60);
    }
}
