//! What an end does with a segment that arrives, and how connections open.
//!
//! Mirrors: `tcp_v4_rcv()` for segments without a socket, `tcp_conn_request()`, `tcp_check_req()`,
//! `tcp_v4_syn_recv_sock()`, `tcp_rcv_synsent_state_process()`.
//!
//! Differs from the kernel: no Fast Open, no SYN cookies (a single connection fills no SYN queue), no timestamps in
//! what is injected.

use super::state::{Clock, Endpoint};
use crate::model::clock::SynAckClock;
use crate::model::packet::Packet;
use crate::model::play::{Doing, Step};
use crate::model::timeline::{Errno, Outcome, Segment, What};
use crate::model::timer::Timer;
use crate::units::TcpState;

/// `TCP_TIMEOUT_MIN`: ticks after which a SYN goes out again that an older connection's answer has met.
const TIMEOUT_MIN_TICKS: u64 = 2;

impl Endpoint {
    /// A segment arrives.
    pub(in crate::model) fn arrive(&mut self, packet: Packet, step: &mut Step<'_>) {
        step.doings.push(Doing::Record(What::Arrive { segment: packet.segment, copy: packet.copy }));
        self.heard_us = step.window.at_us;
        match self.state {
            None | Some(TcpState::Close) => self.arrive_unknown(packet, step),
            Some(TcpState::SynRecv) if self.request.is_some() => self.arrive_request(packet, step),
            Some(TcpState::SynSent) => self.arrive_syn_sent(packet, step),
            Some(_) if self.minisock => self.arrive_minisock(packet, step),
            Some(_) => self.arrive_synchronised(packet, step),
        }
    }

    /// No socket of this connection: a listener takes SYNs, everything else is refused.
    fn arrive_unknown(&mut self, packet: Packet, step: &mut Step<'_>) {
        match packet.segment {
            Segment::Rst => {}
            Segment::Syn if self.listening && packet.ack.is_none() => {
                self.begin_request(packet, self.fresh_isn(step.window.at_us), step);
            }
            _ => Self::refuse(packet, step),
        }
    }

    /// A listener takes a SYN, unless its accept queue is full already.
    pub(super) fn begin_request(&mut self, packet: Packet, isn: i64, step: &mut Step<'_>) {
        if self.accept_queue_is_full(self.listener.waiting) {
            return;
        }
        let request = SynAckClock::request(&self.settings, &self.options, self.version);
        let wait_us = request.wait_us();
        self.request = Some(request);
        self.orphan = false;
        self.soft_error = None;
        self.isn = isn;
        (self.next, self.unacknowledged) = (isn + 1, isn);
        (self.peer_isn, self.expected) = (packet.seq, packet.seq + 1);
        self.enter(TcpState::SynRecv, step);
        self.send(Segment::SynAck, self.isn, step);
        step.arm(Clock::SynAck, wait_us);
    }

    /// `tcp_check_req()`, in its order.
    fn arrive_request(&mut self, packet: Packet, step: &mut Step<'_>) {
        let now_us = step.window.at_us;
        if !self.listening {
            self.forget(step);
            return Self::refuse(packet, step);
        }
        let keeps_it = self.challenges_reset_of_request();
        let Some(request) = &mut self.request else { return };
        if packet.segment == Segment::Syn && packet.seq == self.peer_isn {
            if let Some(wait_us) = request.repeated_syn(now_us) {
                self.send(Segment::SynAck, self.isn, step);
                step.arm(Clock::SynAck, wait_us);
            }
            return;
        }
        if packet.ack.is_some_and(|ack| ack != self.isn + 1) {
            return Self::refuse(packet, step);
        }
        if !packet.fits(self.expected, self.expected + self.window) {
            if packet.segment != Segment::Rst && request.may_answer(now_us) {
                self.reply(Segment::Ack, step);
            }
            return;
        }
        match packet.segment {
            Segment::Rst if packet.seq != self.expected && keeps_it => {
                if request.may_answer(now_us) {
                    self.reply(Segment::Ack, step);
                }
            }
            Segment::Rst => self.forget(step),
            // A SYN of another connection, near enough to be taken for one of this: both are refused.
            Segment::Syn => {
                Self::refuse(packet, step);
                self.forget(step);
            }
            _ if packet.ack.is_none() => {}
            Segment::Ack if request.defers() => {}
            _ => self.complete_request(packet, step),
        }
    }

    /// Whether a RST that is in the window but not exact leaves a half-open entry alone and is answered (RFC 5961 3.2):
    /// a28c4fcbf774, by its place in the change lists of 7.2, and seen on 6.18.44; before, it ends the entry.
    fn challenges_reset_of_request(&self) -> bool {
        let version = self.version;
        version.at_least(7, 2) || (version.major, version.minor) == (6, 18) && version.patch >= 44
    }

    /// Whatever acknowledges the SYN-ACK completes the handshake, data and FIN included.
    fn complete_request(&mut self, packet: Packet, step: &mut Step<'_>) {
        if self.accept_queue_is_full(self.listener.waiting.saturating_add(self.listener.joining)) {
            // tcp_v4_syn_recv_sock() finds no place: the segment is dropped and the request stays, or it is aborted.
            if self.settings.abort_on_overflow {
                Self::refuse(packet, step);
                self.forget(step);
            } else if let Some(request) = &mut self.request {
                request.acknowledged();
            }
            return;
        }
        step.disarm(Timer::Write);
        self.request = None;
        self.establish(false, step);
        self.take_payload(packet, step);
        self.grant_wishes(step);
    }

    /// The handshake is complete, and the peer is told so where it does not know.
    pub(super) fn establish(&mut self, tells: bool, step: &mut Step<'_>) {
        self.unacknowledged = self.isn + 1;
        self.answered = None;
        self.enter(TcpState::Estab, step);
        if tells {
            self.reply(Segment::Ack, step);
        }
        if core::mem::take(&mut self.connecting) {
            step.doings.push(Doing::Record(What::Return("connect", None)));
        }
        step.doings.push(Doing::End(Outcome::Established));
        self.start_keepalive(step);
    }

    fn arrive_syn_sent(&mut self, packet: Packet, step: &mut Step<'_>) {
        if packet.ack.is_some_and(|ack| ack != self.isn + 1) {
            return self.arrive_wrong_ack(packet, step);
        }
        match (packet.segment, packet.ack) {
            (Segment::Rst, Some(_)) => self.fail(Errno::ConnectionRefused, step),
            (Segment::SynAck, Some(_)) => {
                step.disarm(Timer::Write);
                (self.peer_isn, self.expected) = (packet.seq, packet.seq + 1);
                self.establish(true, step);
                self.grant_wishes(step);
            }
            (Segment::Syn, None) => {
                // Both opened at once. The timer of the SYN goes on.
                (self.peer_isn, self.expected) = (packet.seq, packet.seq + 1);
                self.enter(TcpState::SynRecv, step);
                self.send(Segment::SynAck, self.isn, step);
            }
            _ => {}
        }
    }

    /// An answer to something that this connection never sent: an older one's. It is refused, and since that makes
    /// room at the peer, the SYN is sent again at once if it has not been yet (5.6).
    fn arrive_wrong_ack(&mut self, packet: Packet, step: &mut Step<'_>) {
        if let Some(Clock::Syn(clock)) = &step.armed
            && self.version.at_least(5, 6)
            && !clock.has_retransmitted()
        {
            let clock = clock.clone();
            step.arm(Clock::Syn(clock), TIMEOUT_MIN_TICKS * step.tick_us);
        }
        Self::refuse(packet, step);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{
        Action, Host, Injected, Injection, Number, Outcome, Scenario, Segment, Settings, Side, Start, Timeline,
        forecast,
    };
    use crate::units::KernelVersion;

    fn host(version: &str) -> Host {
        Host { version: version.parse::<KernelVersion>().expect("a version"), hz: None }
    }

    fn bare(segment: Segment, to: Side, seq: i32) -> Injection {
        let what = Injected::Segment { segment, seq: Number::Fitting(seq), ack: None };
        Injection { at_us: 300_000, to, what }
    }

    fn server_ends_ms(timeline: &Timeline) -> Option<u64> {
        let gone = timeline.ends.iter().find(|end| end.side == Side::Server && end.outcome == Outcome::Gone);
        gone.map(|end| end.window.at_us / 1000)
    }

    /// Measured on 6.18.44: an ACK, and the entry lives on.
    #[test]
    fn a_reset_that_is_not_exact_spares_a_half_open_entry_on_new_kernels() {
        let settings = Settings { synack_retries: 0, ..Settings::default() };
        let ends_ms = |version, seq| {
            let scenario = Scenario::half_open(host(version), &settings).silencing(Side::Server).injecting(bare(
                Segment::Rst,
                Side::Server,
                seq,
            ));
            server_ends_ms(&forecast(&scenario))
        };
        assert_eq!(["6.18.44", "6.18.0"].map(|version| ends_ms(version, 100)), [Some(1000), Some(300)]);
        assert_eq!(ends_ms("6.18.44", 0), Some(300));
        assert_eq!(ends_ms("6.18.0", -100), Some(1000));
    }

    /// Measured on 6.18: FIN-WAIT-2 of an orphan answers even a RST that does not fit.
    #[test]
    fn a_reset_outside_the_window_is_answered_in_fin_wait_2_of_an_orphan() {
        let scenario = Scenario::closed_alone(host("6.18"), &Settings::default());
        let acks = |scenario: &Scenario| forecast(scenario).sent(Side::Client, Segment::Ack);
        let with = scenario.clone().injecting(bare(Segment::Rst, Side::Client, -10));
        assert_eq!(acks(&with), acks(&scenario) + 1);
    }

    /// Measured on 6.18: the FIN waits behind the data, and probes go on until `tcp_orphan_retries` of them.
    #[test]
    fn nothing_gets_past_a_closed_window_not_even_a_fin() {
        let settings = Settings { orphan_retries: 2, ..Settings::default() };
        let scenario = Scenario::beginning(host("6.18"), &settings, Start::WindowClosed).silencing(Side::Client);
        let timeline = forecast(&scenario.calling_at(500_000, Side::Client, Action::Die));
        assert_eq!((timeline.sent(Side::Client, Segment::Fin), timeline.sent(Side::Client, Segment::Probe)), (0, 2));
    }
}
