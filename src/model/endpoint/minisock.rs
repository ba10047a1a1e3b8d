//! What a minisock does with a segment: TIME-WAIT, and FIN-WAIT-2 of an orphan.
//!
//! Mirrors: `tcp_timewait_state_process()`, `tcp_timewait_check_oow_rate_limit()`, and the `TCP_TW_*` cases of
//! `tcp_v4_rcv()`.
//!
//! Differs from the kernel: what is injected carries no timestamps, so PAWS refuses nothing.

use super::calls::REUSE_ADVANCE;
use super::state::{Clock, Endpoint, WINDOW};
use crate::model::clock::TIME_WAIT_US;
use crate::model::play::{Packet, Step, Timer};
use crate::model::timeline::Segment;
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
        let fits = packet.fits(self.expected, self.expected + WINDOW);
        match packet.segment {
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
                if self.settings.rfc1337 {
                    self.restart_time_wait(step)
                } else {
                    self.forget(step)
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

    fn restart_time_wait(&self, step: &mut Step<'_>) {
        step.arm(Clock::TimeWait, TIME_WAIT_US);
    }
}
