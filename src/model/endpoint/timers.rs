//! What happens when a timer fires.
//!
//! Mirrors: `tcp_retransmit_timer()`, `tcp_send_loss_probe()`, `reqsk_timer_handler()`, `tcp_probe_timer()`,
//! `tcp_keepalive_timer()`, `tcp_delack_timer_handler()`, `tw_timer_handler()`. Each clock reads the socket's options
//! and the sysctls as they are when it fires.

use super::state::{Clock, Endpoint};
use crate::model::clock::{
    KeepaliveClock, KeepaliveExpiry, ProbeClock, ProbeExpiry, QueueFill, RetransmitClock, RetransmitExpiry, SocketHold,
    SynAckExpiry, SynClock, SynExpiry,
};
use crate::model::play::{Doing, Step};
use crate::model::timeline::{Outcome, Segment};
use crate::model::timer::Timer;
use crate::units::TcpState;

/// How often a probe is answered at the same interval before the timeline says "for ever".
const SAME_INTERVALS: u32 = 3;

impl Endpoint {
    /// A timer fires.
    pub(in crate::model) fn expire(&mut self, clock: Clock, step: &mut Step<'_>) {
        match clock {
            Clock::Syn(clock) => self.expire_syn(clock, step),
            Clock::SynAck => self.expire_synack(step),
            Clock::Retransmit(clock) => self.expire_retransmit(clock, step),
            Clock::Probe(clock) => self.expire_probe(&clock, step),
            Clock::Keepalive(clock) => self.expire_keepalive(clock, step),
            Clock::FinWait2Socket(wait_us) => self.keep_fin_wait2_minisock(wait_us, step),
            Clock::FinWait2Minisock | Clock::TimeWait => self.forget(step),
            Clock::DelayedAck => self.reply(Segment::Ack, step),
            Clock::Reordering => self.recover(step),
        }
    }

    fn expire_syn(&mut self, mut clock: SynClock, step: &mut Step<'_>) {
        clock.take_options(&self.settings, &self.options, self.version, self.timeouts.rto_max_us);
        let (tick_us, opened) = (step.tick_us, self.state == Some(TcpState::SynRecv));
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us, tick_us, opened), clock)
        };
        if step.passed(|now_us| at(now_us).0 == SynExpiry::GiveUp) {
            return self.give_up(step);
        }
        let (first, last) = (at(step.window.at_us), at(step.window.latest_us));
        if let (SynExpiry::Resend { wait_us: early }, SynExpiry::Resend { wait_us: late }) = (first.0, last.0) {
            let segment = if opened { Segment::SynAck } else { Segment::Syn };
            self.send(segment, self.isn, step);
            step.arm_between(Clock::Syn(first.1), (early, late));
        }
    }

    fn expire_synack(&mut self, step: &mut Step<'_>) {
        let Some(request) = &mut self.request else { return };
        // One request alone never fills a queue, so it is not pruned.
        let expiry = request.expire(QueueFill { half_open: 1, young: 0, backlog: 128 });
        match expiry {
            _ if !self.listening => self.forget(step),
            SynAckExpiry::Resend { wait_us } => {
                self.send(Segment::SynAck, self.isn, step);
                step.arm(Clock::SynAck, wait_us);
            }
            SynAckExpiry::Wait { wait_us } => step.arm(Clock::SynAck, wait_us),
            SynAckExpiry::Drop => self.forget(step),
        }
    }

    fn expire_retransmit(&mut self, mut clock: RetransmitClock, step: &mut Step<'_>) {
        clock.take_options(&self.options, self.timeouts);
        let tick_us = step.tick_us;
        let hold = match self.state {
            _ if self.orphan => SocketHold::Orphan,
            Some(TcpState::Estab) => SocketHold::Established,
            _ => SocketHold::Closing,
        };
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us, tick_us, hold), clock)
        };
        if step.passed(|now_us| at(now_us).0 == RetransmitExpiry::GiveUp) {
            return self.give_up(step);
        }
        let (first, last) = (at(step.window.at_us), at(step.window.latest_us));
        let waits_us = match (first.0, last.0) {
            (RetransmitExpiry::Probe { wait_us: early }, RetransmitExpiry::Probe { wait_us: late }) => {
                self.probe_tail(step);
                (early, late)
            }
            (RetransmitExpiry::Resend { wait_us: early }, RetransmitExpiry::Resend { wait_us: late }) => {
                self.send_again(0, step);
                (early, late)
            }
            _ => return,
        };
        step.arm_between(Clock::Retransmit(first.1), waits_us);
    }

    pub(super) fn expire_probe(&mut self, clock: &ProbeClock, step: &mut Step<'_>) {
        let mut clock = clock.clone();
        clock.take_options(&self.options, self.timeouts);
        let (tick_us, orphan) = (step.tick_us, self.orphan);
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us, tick_us, orphan), clock)
        };
        if step.passed(|now_us| at(now_us).0 == ProbeExpiry::GiveUp) {
            return self.give_up(step);
        }
        let (first, last) = (at(step.window.at_us), at(step.window.latest_us));
        if let (ProbeExpiry::Probe { wait_us: early }, ProbeExpiry::Probe { wait_us: late }) = (first.0, last.0) {
            self.reply(Segment::Probe, step);
            step.arm_between(Clock::Probe(first.1), (early, late));
        }
    }

    /// The peer answers a probe and its window is still closed.
    pub(super) fn probe_answered(&mut self, mut clock: ProbeClock, step: &mut Step<'_>) {
        let wait_us = clock.answered(step.window.at_us, step.tick_us);
        let (before, times) = self.same_interval;
        self.same_interval = if before == wait_us { (wait_us, times + 1) } else { (wait_us, 0) };
        if self.same_interval.1 >= SAME_INTERVALS && self.options.user_timeout_ms == 0 && step.steady {
            // It goes on like this.
            step.disarm(Timer::Write);
            step.doings.push(Doing::End(Outcome::Never));
        } else {
            step.arm(Clock::Probe(clock), wait_us);
        }
    }

    fn expire_keepalive(&mut self, mut clock: KeepaliveClock, step: &mut Step<'_>) {
        clock.take_options(&self.settings, &self.options);
        if clock.heard(self.heard_us) {
            self.keepalives_answered += 1;
        }
        if self.keepalives_answered >= SAME_INTERVALS && step.steady && self.flight.is_empty() {
            // It goes on like this.
            return;
        }
        if !self.flight.is_empty() {
            // The retransmission timer owns the death of what is in flight.
            let wait_us = clock.first_wait_us();
            // Without an idle time the kernel looks again at each tick: to be waited for until the peer is heard.
            self.keepalive_waits = wait_us == 0;
            if wait_us > 0 {
                step.arm(Clock::Keepalive(clock), wait_us);
            }
            return;
        }
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us), clock)
        };
        if step.passed(|now_us| at(now_us).0 == KeepaliveExpiry::GiveUp) {
            self.reply(Segment::Rst, step);
            return self.give_up(step);
        }
        let (expiry, clock) = at(step.window.at_us);
        match expiry {
            KeepaliveExpiry::Probe { wait_us } => {
                self.send(Segment::Keepalive, self.next - 1, step);
                step.arm(Clock::Keepalive(clock), wait_us);
            }
            KeepaliveExpiry::Wait { wait_us } => step.arm(Clock::Keepalive(clock), wait_us),
            KeepaliveExpiry::GiveUp => {}
        }
    }
}
