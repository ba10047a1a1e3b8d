//! What an end does with a segment that arrives.
//!
//! Mirrors: `tcp_rcv_synsent_state_process()`, `tcp_conn_request()`, `tcp_check_req()`,
//! `tcp_rcv_state_process()`, `tcp_validate_incoming()`, `tcp_timewait_state_process()` and `tcp_v4_rcv()` for
//! segments without a socket.
//!
//! Differs from the kernel: data is acknowledged at once (the kernel may delay an ACK by up to 40 ms when data flows
//! both ways).

use super::clock::{SynAckClock, TIME_WAIT_US};
use super::constants::{ATO_MIN_US, INVALID_RATELIMIT_US};
use super::endpoint::{Clock, Endpoint};
use super::play::{Doing, Packet, Step, Timer};
use super::timeline::{Errno, Outcome, Segment, Side, What};
use crate::units::TcpState;

impl Endpoint {
    /// A segment arrives; `armed` is what the write timer is armed with.
    pub(super) fn arrive(&mut self, packet: Packet, armed: Option<Clock>, step: &mut Step<'_>) {
        match self.state {
            None | Some(TcpState::Close) => self.arrive_unknown(packet, step),
            Some(TcpState::SynRecv) => self.arrive_syn_recv(packet, step),
            Some(TcpState::SynSent) => self.arrive_syn_sent(packet, step),
            Some(_) => self.arrive_synchronised(packet, armed, step),
        }
    }

    /// No socket of this connection: the listener takes SYNs, everything else is refused.
    fn arrive_unknown(&mut self, packet: Packet, step: &mut Step<'_>) {
        match packet.segment {
            Segment::Syn if self.side == Side::Server => {
                let request = SynAckClock::request(&self.settings, &self.options, self.version);
                let wait_us = request.wait_us();
                self.request = Some(request);
                (self.next, self.unacknowledged, self.expected) = (1, 0, 1);
                self.enter(TcpState::SynRecv, step);
                self.send(Segment::SynAck, 0, step);
                step.arm(Clock::SynAck, wait_us);
            }
            Segment::Rst => {}
            _ => self.reply(Segment::Rst, step),
        }
    }

    fn arrive_syn_recv(&mut self, packet: Packet, step: &mut Step<'_>) {
        match packet.segment {
            Segment::Syn => {
                let Some(request) = &mut self.request else { return };
                if let Some(wait_us) = request.repeated_syn(step.window.at_us) {
                    self.send(Segment::SynAck, 0, step);
                    step.arm(Clock::SynAck, wait_us);
                }
            }
            Segment::Rst => self.forget(step),
            // tcp_v4_syn_recv_sock() finds no place: the segment is dropped and the request stays, or it is aborted.
            _ if packet.acknowledges == 1 && self.accept_queue_full => {
                if self.settings.abort_on_overflow {
                    self.reply(Segment::Rst, step);
                    self.forget(step);
                }
            }
            // Whatever acknowledges the SYN-ACK completes the handshake, data and FIN included.
            _ if packet.acknowledges == 1 => {
                step.doings.push(Doing::Disarm(Timer::Write));
                self.request = None;
                self.unacknowledged = 1;
                self.enter(TcpState::Estab, step);
                step.doings.push(Doing::End(Outcome::Established));
                self.start_keepalive(step);
                self.take_payload(packet, step);
                self.grant_wishes(step);
            }
            _ => self.reply(Segment::Rst, step),
        }
    }

    fn arrive_syn_sent(&mut self, packet: Packet, step: &mut Step<'_>) {
        match packet.segment {
            Segment::SynAck if packet.acknowledges == 1 => {
                step.doings.push(Doing::Disarm(Timer::Write));
                (self.unacknowledged, self.expected) = (1, 1);
                self.enter(TcpState::Estab, step);
                self.reply(Segment::Ack, step);
                if core::mem::take(&mut self.connecting) {
                    step.doings.push(Doing::Record(What::Return("connect", None)));
                }
                step.doings.push(Doing::End(Outcome::Established));
                self.start_keepalive(step);
                self.grant_wishes(step);
            }
            Segment::Rst => self.fail(Errno::ConnectionRefused, step),
            // An answer to nothing that was sent: of an older connection.
            _ => self.reply(Segment::Rst, step),
        }
    }

    fn arrive_synchronised(&mut self, packet: Packet, armed: Option<Clock>, step: &mut Step<'_>) {
        match packet.segment {
            Segment::Rst => return self.reset(step),
            Segment::Syn | Segment::SynAck => return self.challenge(step),
            _ => {}
        }
        if let (Some(Clock::Probe(clock)), Segment::Ack) = (&armed, packet.segment) {
            return self.probe_answered(clock.clone(), step);
        }
        self.take_acknowledgement(packet, step);
        if self.state == Some(TcpState::Close) {
            return;
        }
        self.take_payload(packet, step);
        self.grant_wishes(step);
    }

    /// `tcp_send_challenge_ack()`: at most one every 500 ms a socket.
    fn challenge(&mut self, step: &mut Step<'_>) {
        let now_us = step.window.at_us;
        if self.challenged_us.is_none_or(|before| now_us.saturating_sub(before) >= INVALID_RATELIMIT_US) {
            self.challenged_us = Some(now_us);
            self.reply(Segment::Ack, step);
        }
    }

    fn reset(&mut self, step: &mut Step<'_>) {
        if self.state == Some(TcpState::TimeWait) { self.forget(step) } else { self.fail(Errno::ConnectionReset, step) }
    }

    /// What is acknowledged leaves the flight, and with the FIN the state.
    fn take_acknowledgement(&mut self, packet: Packet, step: &mut Step<'_>) {
        if packet.acknowledges <= self.unacknowledged || packet.acknowledges > self.next {
            return;
        }
        let done = usize::try_from(packet.acknowledges - self.unacknowledged).unwrap_or(0).min(self.flight.len());
        let fin_done = self.flight.drain(..done).any(|segment| segment == Segment::Fin);
        self.unacknowledged = packet.acknowledges;
        if self.flight.is_empty() {
            step.doings.push(Doing::Disarm(Timer::Write));
        }
        match self.state {
            Some(TcpState::FinWait1) if fin_done => {
                self.enter(TcpState::FinWait2, step);
                self.start_fin_wait2(step);
            }
            Some(TcpState::Closing) if fin_done => self.enter_time_wait(step),
            Some(TcpState::LastAck) if fin_done => self.forget(step),
            _ => {}
        }
    }

    /// Data, a FIN, or a question is answered.
    fn take_payload(&mut self, packet: Packet, step: &mut Step<'_>) {
        match packet.segment {
            // Their number lies behind the window, so the answer is limited like a challenge.
            Segment::Probe | Segment::Keepalive => self.challenge(step),
            Segment::Data | Segment::Fin if packet.number == self.expected => {
                self.expected += 1;
                if packet.segment == Segment::Fin {
                    self.take_fin(step);
                } else {
                    self.reply(Segment::Ack, step);
                }
            }
            Segment::Data | Segment::Fin => {
                // A copy of what is there already: acknowledged again, and TIME_WAIT begins anew.
                self.reply(Segment::Ack, step);
                if self.state == Some(TcpState::TimeWait) {
                    step.arm(Clock::TimeWait, TIME_WAIT_US);
                }
            }
            _ => {}
        }
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
        if self.expected > 2 { ATO_MIN_US } else { 0 }
    }

    fn enter_time_wait(&mut self, step: &mut Step<'_>) {
        self.enter(TcpState::TimeWait, step);
        step.arm(Clock::TimeWait, TIME_WAIT_US);
    }
}
