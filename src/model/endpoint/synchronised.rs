//! What an end does with a segment of a connection that is open, or closing.
//!
//! Mirrors: `tcp_validate_incoming()`, `tcp_send_challenge_ack()`, `tcp_oow_rate_limited()`, `tcp_reset()`,
//! `tcp_ack()`, `tcp_data_queue()`, `tcp_fin()`, `tcp_rcv_state_process()`.
//!
//! Differs from the kernel: data is acknowledged at once (the kernel may delay an ACK by up to 40 ms when data flows
//! both ways), and what arrives out of order is not told by SACK, so nothing is sent again before a timer says so.

use super::state::{Clock, Endpoint, WINDOW};
use crate::model::clock::KeepaliveClock;
use crate::model::constants::{ATO_MIN_US, INVALID_RATELIMIT_US};
use crate::model::play::{Doing, Packet, Step, Timer};
use crate::model::timeline::{Errno, Outcome, Segment};
use crate::units::TcpState;

impl Endpoint {
    pub(super) fn arrive_synchronised(&mut self, packet: Packet, step: &mut Step<'_>) {
        let in_window = packet.end() >= self.expected && packet.seq <= self.expected + WINDOW;
        match packet.segment {
            Segment::Rst if packet.seq == self.expected || self.is_reset_of_fin(packet) => return self.reset(step),
            Segment::Rst if in_window => return self.challenge(step),
            Segment::Rst => return,
            Segment::SynAck if self.answers_simultaneous_open(packet) => {}
            Segment::Syn | Segment::SynAck => return self.challenge(step),
            Segment::Probe => {}
            _ if !in_window => return self.answer_outside(packet, step),
            _ => {}
        }
        if !self.acknowledges_something_sent(packet, step) {
            return;
        }
        self.soft_error = None;
        if let (Some(Clock::Probe(clock)), Segment::Ack) = (&step.armed, packet.segment) {
            return self.probe_answered(clock.clone(), step);
        }
        if self.state == Some(TcpState::SynRecv) {
            step.disarm(Timer::Write);
            self.establish(false, step);
        }
        self.take_acknowledgement(packet, step);
        if self.state == Some(TcpState::Close) {
            return;
        }
        if self.minisock {
            // The ACK ended the full socket; what else the segment holds is for what took its place.
            if packet.end() > packet.seq {
                self.arrive_minisock(packet, step);
            }
            return;
        }
        self.take_payload(packet, step);
        self.grant_wishes(step);
    }

    /// `tcp_reset_check()`: after the peer's FIN its RST may still have the number of the FIN.
    fn is_reset_of_fin(&self, packet: Packet) -> bool {
        let after_fin = matches!(self.state, Some(TcpState::CloseWait | TcpState::LastAck | TcpState::Closing));
        after_fin && packet.seq == self.expected - 1
    }

    /// The SYN-ACK of a peer that opened at the same time is an answer to the own one since 6.11 (23e89e8ee7be);
    /// before, it is challenged like any SYN.
    fn answers_simultaneous_open(&self, packet: Packet) -> bool {
        self.state == Some(TcpState::SynRecv)
            && self.version.at_least(6, 11)
            && packet.seq + 1 == self.expected
            && packet.ack == Some(self.next)
    }

    /// Whether the ACK is one that may be taken; of what was never sent or long ago it is not.
    fn acknowledges_something_sent(&mut self, packet: Packet, step: &mut Step<'_>) -> bool {
        match packet.ack {
            None => false,
            Some(ack) if self.state == Some(TcpState::SynRecv) && ack != self.isn + 1 => {
                Self::refuse(packet, step);
                false
            }
            Some(ack) if ack > self.next || ack < self.unacknowledged - WINDOW => {
                if self.state != Some(TcpState::Estab) || ack < self.next {
                    self.challenge(step);
                }
                false
            }
            Some(_) => true,
        }
    }

    /// `tcp_send_challenge_ack()`: at most one every 500 ms a socket.
    pub(super) fn challenge(&mut self, step: &mut Step<'_>) {
        let now_us = step.window.at_us;
        if self.answered_us.is_none_or(|before| now_us.saturating_sub(before) >= INVALID_RATELIMIT_US) {
            self.answered_us = Some(now_us);
            self.reply(Segment::Ack, step);
        }
    }

    /// A segment outside the window is answered; the limit is only for those that hold nothing.
    pub(super) fn answer_outside(&mut self, packet: Packet, step: &mut Step<'_>) {
        match packet.segment {
            Segment::Rst => {}
            Segment::Data | Segment::Fin => self.reply(Segment::Ack, step),
            _ => self.challenge(step),
        }
    }

    /// `tcp_reset()`.
    fn reset(&mut self, step: &mut Step<'_>) {
        let errno = if self.state == Some(TcpState::CloseWait) { Errno::BrokenPipe } else { Errno::ConnectionReset };
        self.fail(errno, step);
    }

    /// What is acknowledged leaves the flight, and with the FIN the state.
    fn take_acknowledgement(&mut self, packet: Packet, step: &mut Step<'_>) {
        let Some(ack) = packet.ack.filter(|ack| *ack > self.unacknowledged) else { return };
        let done = usize::try_from(ack - self.unacknowledged).unwrap_or(0).min(self.flight.len());
        let fin_done = self.flight.drain(..done).any(|segment| segment == Segment::Fin);
        self.unacknowledged = ack;
        self.go_on_sending(step);
        match self.state {
            Some(TcpState::FinWait1) if fin_done => {
                self.enter(TcpState::FinWait2, step);
                // The same segment may bring the peer's FIN: then there is nothing to wait for.
                if packet.segment != Segment::Fin || !self.orphan {
                    self.start_fin_wait2(Some(packet), step);
                }
            }
            Some(TcpState::Closing) if fin_done => self.enter_time_wait(step),
            Some(TcpState::LastAck) if fin_done => self.forget(step),
            _ => {}
        }
    }

    /// The peer is heard: what it has not got yet has a clock of its own, and what waited goes out.
    fn go_on_sending(&mut self, step: &mut Step<'_>) {
        let lost = matches!(&step.armed, Some(Clock::Retransmit(clock)) if clock.has_retransmitted());
        step.disarm(Timer::Write);
        if let Some(head) = self.flight.first().copied() {
            if lost {
                self.send(head, self.unacknowledged, step);
            }
            self.start_retransmission(step);
        }
        for segment in core::mem::take(&mut self.unsent) {
            self.put_in_flight(segment, step);
        }
        if self.flight.is_empty() && core::mem::take(&mut self.keepalive_waits) {
            let clock = KeepaliveClock::idle_since(&self.settings, &self.options, self.heard_us);
            step.arm(Clock::Keepalive(clock), 0);
        }
    }

    /// Data, a FIN, or a question is answered.
    pub(super) fn take_payload(&mut self, packet: Packet, step: &mut Step<'_>) {
        match packet.segment {
            // Their number lies behind the window, so the answer is limited like a challenge.
            Segment::Probe | Segment::Keepalive => self.challenge(step),
            Segment::Data | Segment::Fin if packet.seq == self.expected => {
                self.take_next(packet, step);
                while let Some(segment) = self.early.remove(&self.expected) {
                    self.take_next(Packet { segment, seq: self.expected, ..packet }, step);
                }
            }
            Segment::Data | Segment::Fin => {
                // A copy of what is there already, or what is too early: either is acknowledged at once.
                if packet.seq > self.expected {
                    self.early.insert(packet.seq, packet.segment);
                }
                self.reply(Segment::Ack, step);
            }
            _ => {}
        }
    }

    fn take_next(&mut self, packet: Packet, step: &mut Step<'_>) {
        if packet.segment == Segment::Data && self.orphan {
            // Nobody will read it: tcp_rcv_state_process().
            Self::refuse(packet, step);
            return self.forget(step);
        }
        self.expected += 1;
        if packet.segment == Segment::Fin { self.take_fin(step) } else { self.reply(Segment::Ack, step) }
    }

    fn take_fin(&mut self, step: &mut Step<'_>) {
        match self.state {
            Some(TcpState::Estab) => {
                self.enter(TcpState::CloseWait, step);
                step.doings.push(Doing::End(Outcome::Never));
                // tcp_fin() enters pingpong mode, so the ACK is delayed; an application that closes at once sends it
                // with its FIN.
                if !self.closes_now() {
                    step.arm(Clock::DelayedAck, self.ack_delay_us());
                }
            }
            Some(TcpState::FinWait1) => {
                self.enter(TcpState::Closing, step);
                self.reply(Segment::Ack, step);
            }
            Some(TcpState::FinWait2) => {
                self.enter_time_wait(step);
                self.reply(Segment::Ack, step);
            }
            _ => self.reply(Segment::Ack, step),
        }
    }

    /// `icsk_ack.ato`: nothing until the first data, and then `TCP_ATO_MIN` as `tcp_event_data_recv()` keeps it.
    fn ack_delay_us(&self) -> u64 {
        // The SYN and the FIN have a number each.
        if self.expected - self.peer_isn > 2 { ATO_MIN_US } else { 0 }
    }
}
