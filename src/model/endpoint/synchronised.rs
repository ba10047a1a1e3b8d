//! What an end does with a segment of a connection that is open, or closing.
//!
//! Mirrors: `tcp_validate_incoming()`, `tcp_send_challenge_ack()`, `tcp_oow_rate_limited()`, `tcp_reset()`,
//! `tcp_ack()`, `tcp_data_queue()`, `tcp_fin()`, `tcp_rcv_state_process()`.
//!
//! Differs from the kernel: data is acknowledged at once (the kernel may delay an ACK by up to 40 ms when data flows
//! both ways).

use super::state::{Clock, Endpoint};
use crate::model::clock::KeepaliveClock;
use crate::model::constants::{ATO_MIN_US, INVALID_RATELIMIT_US};
use crate::model::packet::Packet;
use crate::model::play::{Doing, Step};
use crate::model::timeline::{Errno, Outcome, Segment, Side};
use crate::model::timer::Timer;
use crate::units::TcpState;

impl Endpoint {
    pub(super) fn arrive_synchronised(&mut self, packet: Packet, step: &mut Step<'_>) {
        let in_window = packet.end() >= self.expected && packet.seq <= self.expected + self.window;
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
            // The ACK ended the full socket. Data behind it is for what took its place; the FIN that comes again in
            // CLOSING ends with it (tcp_rcv_state_process(), consume).
            if self.state == Some(TcpState::FinWait2) && packet.end() > packet.seq {
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

    /// The SYN-ACK of a peer that opened at the same time is an answer to the own one since 6.11 (23e89e8ee7be), and in
    /// the stable releases of 12 September 2024 (the announcements of 6.1.110 and 6.6.51 list it); before, it is
    /// challenged like any SYN.
    fn answers_simultaneous_open(&self, packet: Packet) -> bool {
        let since_patch = match (self.version.major, self.version.minor) {
            (6, 1) => 110,
            (6, 6) => 51,
            _ if self.version.at_least(6, 11) => 0,
            _ => u16::MAX,
        };
        self.state == Some(TcpState::SynRecv)
            && self.version.patch >= since_patch
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
            Some(ack) if ack > self.next || ack < self.unacknowledged - self.oldest_ack_back() => {
                if self.state != Some(TcpState::Estab) || ack < self.next || self.challenges_unsent() {
                    self.challenge(step);
                }
                false
            }
            Some(_) => true,
        }
    }

    /// How far back an ACK may lie: `tcp_ack()`. Since 6.7 (3d501dd326fb) not before what was ever acknowledged, for which
    /// a client counts its SYN; the stable releases that have it are those of December 2023, not verified.
    fn oldest_ack_back(&self) -> i64 {
        let since_patch = match (self.version.major, self.version.minor) {
            (4, 14) => 333,
            (4, 19) => 302,
            (5, 4) => 264,
            (5, 10) => 204,
            (5, 15) => 143,
            (6, 1) => 68,
            (6, 6) => 7,
            _ if self.version.at_least(6, 7) => 0,
            _ => u16::MAX,
        };
        let counted = self.unacknowledged - self.isn - i64::from(self.side == Side::Server);
        if self.version.patch >= since_patch { counted.min(self.peer_window) } else { self.peer_window }
    }

    /// Whether an ACK of what was never sent is challenged in ESTABLISHED too: `tcp_ack()` since 7.1 (42726ec644cb), and
    /// in the 6.18 series in 6.18.38 at the latest; before, it is dropped silently there.
    fn challenges_unsent(&self) -> bool {
        let version = self.version;
        version.at_least(7, 1) || (version.major, version.minor) == (6, 18) && version.patch >= 38
    }

    /// `tcp_send_challenge_ack()`: at most one every 500 ms a socket.
    pub(super) fn challenge(&mut self, step: &mut Step<'_>) {
        if self.answered.is_none_or(|before| step.is_later_by(INVALID_RATELIMIT_US, before)) {
            self.answered = Some(step.window);
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
        let Some(ack) = packet.ack.filter(|ack| *ack > self.unacknowledged) else {
            return self.take_sack(packet, step);
        };
        let done = usize::try_from(ack - self.unacknowledged).unwrap_or(0).min(self.flight.len());
        let fin_done = self.flight.drain(..done).any(|one| one.segment == Segment::Fin);
        self.unacknowledged = ack;
        self.go_on_sending(step);
        self.take_sack(packet, step);
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
        if !self.flight.is_empty() {
            if lost {
                self.send_again(0, step);
            }
            self.start_retransmission(step);
        }
        let unsent = core::mem::take(&mut self.unsent);
        self.put_all_in_flight(&unsent, step);
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
            Segment::Data | Segment::Fin if self.orphan && self.brings_data(packet) => {
                // Nobody will read it: tcp_rcv_state_process().
                Self::refuse(packet, step);
                self.forget(step);
            }
            Segment::Data | Segment::Fin if packet.seq <= self.expected && packet.end() > self.expected => {
                self.take_next(packet, step);
            }
            Segment::Data | Segment::Fin => {
                // A copy of what is there already, or what is too early: either is acknowledged at once.
                if packet.seq > self.expected {
                    self.early.extend((packet.seq..packet.end() - 1).map(|seq| (seq, Segment::Data)));
                    self.early.insert(packet.end() - 1, packet.segment);
                }
                self.reply(Segment::Ack, step);
            }
            // tcp_data_queue() takes the SYN of a simultaneous open for a copy (measured).
            Segment::SynAck => self.reply(Segment::Ack, step),
            _ => {}
        }
    }

    /// Whether there is data in it that has not come before.
    fn brings_data(&self, packet: Packet) -> bool {
        packet.end() - i64::from(packet.segment == Segment::Fin) > self.expected
    }

    /// Takes what is next, and what has waited for it.
    fn take_next(&mut self, packet: Packet, step: &mut Step<'_>) {
        // RFC 5681 4.2: that a hole is filled is acknowledged at once.
        let fills = !self.early.is_empty();
        let mut fin = packet.segment == Segment::Fin;
        self.expected = packet.end();
        self.early.retain(|seq, _| *seq >= packet.end());
        while let Some(segment) = self.early.remove(&self.expected) {
            fin |= segment == Segment::Fin;
            self.expected += 1;
        }
        if fin { self.take_fin(fills, step) } else { self.reply(Segment::Ack, step) }
    }

    fn take_fin(&mut self, fills: bool, step: &mut Step<'_>) {
        match self.state {
            Some(TcpState::Estab) => {
                self.enter(TcpState::CloseWait, step);
                step.doings.push(Doing::End(Outcome::Never));
                // tcp_fin() enters pingpong mode, so the ACK is delayed; an application that closes at once sends it
                // with its FIN.
                if fills {
                    self.reply(Segment::Ack, step);
                } else if !self.closes_now() {
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

#[cfg(test)]
mod tests {
    use crate::model::{Action, Host, Injected, Injection, Number, Scenario, Segment, Settings, Side, Start, forecast};
    use crate::units::KernelVersion;

    /// How often the server answers ACKs with this number, which come 100 ms apart.
    fn answers(version: &str, to: Side, ack: i32) -> usize {
        let version: KernelVersion = version.parse().expect("a version");
        let what =
            Injected::Segment { segment: Segment::Ack, seq: Number::Fitting(0), ack: Some(Number::Fitting(ack)) };
        let at = |at_us| Injection { at_us, to, what };
        let scenario = Scenario::established(Host { version, hz: None }, &Settings::default());
        let timeline = forecast(&scenario.injecting(at(100_000)).injecting(at(200_000)));
        timeline.sent(to, Segment::Ack)
    }

    /// Measured on 6.18.44: both ends of the window are challenged, and the second ACK falls under the limit.
    #[test]
    fn an_ack_of_what_was_never_sent_is_challenged_by_new_kernels() {
        assert_eq!(
            ["6.18.44", "7.1", "6.18.0", "6.12.60"].map(|version| answers(version, Side::Server, 1000)),
            [1, 1, 0, 0]
        );
    }

    #[test]
    fn an_old_ack_is_challenged_from_before_what_was_ever_acknowledged() {
        assert_eq!(["6.18.44", "6.6.0"].map(|version| answers(version, Side::Server, -1000)), [1, 0]);
        assert_eq!(answers("6.6.0", Side::Server, -100_000), 1);
        // The SYN of the client was acknowledged, so its number is no older than that.
        assert_eq!([-1, -2].map(|ack| answers("6.18.44", Side::Client, ack)), [0, 1]);
    }
    /// Measured on 6.1.192, 6.12.117 and 6.18.44: the SYN-ACK of the peer is enough, though the own one is lost.
    #[test]
    fn a_lost_syn_ack_is_not_sent_again_when_both_opened_at_once_by_kernels_that_answer_it() {
        let sent = |version: &str| {
            let host = Host { version: version.parse::<KernelVersion>().expect("a version"), hz: None };
            let scenario = Scenario::beginning(host, &Settings::default(), Start::Nothing)
                .calling(Side::Client, Action::Connect)
                .calling(Side::Server, Action::Connect)
                .losing_first(Side::Client, Segment::SynAck, 1);
            forecast(&Scenario { rtt_us: 40_000, ..scenario }).sent(Side::Client, Segment::SynAck)
        };
        assert_eq!(["6.1.110", "6.1.192", "6.6.51", "6.11", "6.18.44"].map(sent), [1; 5]);
        assert_eq!(["6.1.109", "6.6.50", "6.8", "5.15.200"].map(sent), [2; 4]);
    }
}
