//! What applications call.
//!
//! Mirrors: `tcp_v4_connect()` and `tcp_twsk_unique()`, `tcp_sendmsg()`, `tcp_close()`, `tcp_shutdown()`,
//! `tcp_disconnect()`, `inet_csk_accept()`, and `do_tcp_setsockopt()` for options that change a running clock.
//!
//! Differs from the kernel: an application reads what arrives at once, so that close() never finds unread data.

use super::state::{Clock, Endpoint};
use crate::model::clock::{FinWait2Life, KeepaliveClock, SynClock, fin_wait2_life};
use crate::model::packet::Packet;
use crate::model::play::{Doing, Step};
use crate::model::rto::largest_rto_us;
use crate::model::script::Action;
use crate::model::timeline::{Errno, Outcome, Segment, What};
use crate::model::timer::Timer;
use crate::model::{SocketOptions, TIME_WAIT_US, port_budget};
use crate::units::TcpState;

/// How far above the last number of a TIME-WAIT socket a connection begins that takes its place:
/// `tcp_twsk_unique()`, `tcp_timewait_state_process()`.
pub(super) const REUSE_ADVANCE: i64 = 65_535 + 2;

impl Endpoint {
    /// An application calls.
    pub(in crate::model) fn call(&mut self, action: Action, step: &mut Step<'_>) {
        match action {
            Action::Listen => {
                step.record_call("listen");
                self.listening = true;
            }
            Action::Connect => self.connect(step),
            Action::ForgeSyn => self.send(Segment::Syn, self.isn, step),
            Action::Accept => {
                step.record_call("accept");
                let Self { listener, .. } = self;
                // The oldest first: those that wait from the beginning.
                let queue = if listener.waiting > 0 { &mut listener.waiting } else { &mut listener.joining };
                *queue = queue.saturating_sub(1);
            }
            Action::Die => self.die(step),
            Action::Reboot => {
                self.listening |= self.request.is_some();
                self.orphan = false;
                self.connecting = false;
                if !matches!(self.state, None | Some(TcpState::Close)) {
                    self.forget(step);
                }
            }
            Action::SetOptions(options) => self.set_options(options, step),
            wish => {
                self.wishes.push(wish);
                self.grant_wishes(step);
            }
        }
    }

    fn connect(&mut self, step: &mut Step<'_>) {
        step.record_call("connect");
        let now_us = step.window.at_us;
        self.isn = match self.state {
            None | Some(TcpState::Close) => self.fresh_isn(now_us),
            Some(TcpState::TimeWait) if self.is_reusable(now_us, step) => {
                step.disarm(Timer::Life);
                self.next + REUSE_ADVANCE
            }
            _ => return step.doings.push(Doing::Record(What::Return("connect", Some(Errno::AddressNotAvailable)))),
        };
        self.minisock = false;
        self.orphan = false;
        self.connecting = true;
        self.soft_error = None;
        let clock = SynClock::connect(&self.settings, &self.options, self.version, self.timeouts.rto_max_us, now_us);
        let wait_us = clock.first_wait_us();
        self.enter(TcpState::SynSent, step);
        (self.next, self.unacknowledged) = (self.isn + 1, self.isn);
        self.send(Segment::Syn, self.isn, step);
        step.arm(Clock::Syn(clock), wait_us);
    }

    /// Whether connect() may take the TIME-WAIT socket's port: `tcp_twsk_unique()`, by a wire that is no loopback.
    /// Before 6.14 the clock in a later second than when it began was enough: within one second that is a tie, since
    /// nobody knows where in its second the clock was.
    fn is_reusable(&self, now_us: u64, step: &mut Step<'_>) -> bool {
        let held_us = port_budget(&self.settings, self.version, false).held_ms.saturating_mul(1000);
        let waited_us = now_us.saturating_sub(self.waiting_since_us);
        let by_the_second = !self.version.at_least(6, 14) && (1..TIME_WAIT_US).contains(&held_us);
        if by_the_second { waited_us >= held_us || step.either() } else { waited_us > held_us }
    }

    /// Whether the application closes as soon as it learns that the peer has.
    pub(super) fn closes_now(&self) -> bool {
        matches!(self.wishes.first(), Some(Action::Close | Action::CloseAfterPeer | Action::Abort))
    }

    /// Does what the application wants and the state allows.
    pub(super) fn grant_wishes(&mut self, step: &mut Step<'_>) {
        while let Some(wish) = self.wishes.first().copied() {
            use TcpState::{CloseWait, Closing, Estab, FinWait1, FinWait2};
            match (wish, self.state) {
                (Action::Send, Some(Estab | CloseWait)) => {
                    step.record_call("send");
                    self.put_in_flight(Segment::Data, step);
                }
                (Action::Shutdown, Some(Estab)) => self.close_with_fin("shutdown", FinWait1, step),
                (Action::Shutdown, Some(CloseWait)) => self.close_with_fin("shutdown", TcpState::LastAck, step),
                (Action::Abort, Some(Estab | CloseWait | FinWait1 | FinWait2)) => self.abort(step),
                (Action::Close, Some(Estab)) => {
                    self.orphan = true;
                    self.close_with_fin("close", FinWait1, step);
                }
                (Action::Close | Action::CloseAfterPeer, Some(CloseWait)) => {
                    self.orphan = true;
                    self.close_with_fin("close", TcpState::LastAck, step);
                }
                // After shutdown() the FIN is out already.
                (Action::Close, Some(FinWait1 | FinWait2 | Closing | TcpState::LastAck)) if !self.orphan => {
                    step.record_call("close");
                    self.become_orphan(step);
                }
                _ => return,
            }
            if !self.wishes.is_empty() {
                self.wishes.remove(0);
            }
        }
    }

    fn close_with_fin(&mut self, call: &'static str, next: TcpState, step: &mut Step<'_>) {
        step.record_call(call);
        self.enter(next, step);
        self.put_in_flight(Segment::Fin, step);
    }

    fn become_orphan(&mut self, step: &mut Step<'_>) {
        self.orphan = true;
        if self.state == Some(TcpState::FinWait2) {
            self.start_fin_wait2(None, step);
        }
    }

    /// `tcp_disconnect()` of a socket with a linger time of 0.
    fn abort(&mut self, step: &mut Step<'_>) {
        step.record_call("close");
        self.reply(Segment::Rst, step);
        self.forget(step);
    }

    /// The process ends: `tcp_close()` of all that it held.
    fn die(&mut self, step: &mut Step<'_>) {
        step.record_call("exit");
        use TcpState::{CloseWait, Closing, Estab, FinWait1, FinWait2, LastAck, SynSent};
        self.wishes.clear();
        self.connecting = false;
        // Its half-open entries end at their next timer, or with the next segment.
        self.listening = false;
        match self.state {
            Some(SynSent) => self.forget(step),
            Some(TcpState::SynRecv) if self.request.is_none() => {
                self.orphan = true;
                self.enter(FinWait1, step);
                self.put_in_flight(Segment::Fin, step);
            }
            Some(state @ (Estab | CloseWait)) => {
                self.orphan = true;
                self.enter(if state == Estab { FinWait1 } else { LastAck }, step);
                self.put_in_flight(Segment::Fin, step);
            }
            Some(FinWait1 | FinWait2 | Closing | LastAck) if !self.orphan => self.become_orphan(step),
            _ => {}
        }
    }

    /// FIN-WAIT-2 begins with this segment, or its socket becomes an orphan in it.
    pub(super) fn start_fin_wait2(&mut self, packet: Option<Packet>, step: &mut Step<'_>) {
        if !self.orphan {
            return step.doings.push(Doing::End(Outcome::Never));
        }
        match fin_wait2_life(&self.settings, &self.options, self.timeouts.rto_us) {
            FinWait2Life::None => {
                match packet {
                    Some(packet) => Self::refuse(packet, step),
                    None => self.reply(Segment::Rst, step),
                }
                self.forget(step);
            }
            FinWait2Life::Minisock { wait_us } => self.keep_fin_wait2_minisock(wait_us, step),
            FinWait2Life::SocketThenMinisock { socket_us, minisock_us } => {
                step.arm(Clock::FinWait2Socket(minisock_us), socket_us);
            }
        }
    }

    pub(super) fn keep_fin_wait2_minisock(&mut self, wait_us: u64, step: &mut Step<'_>) {
        if !self.settings.keeps_time_wait() {
            return self.forget(step);
        }
        self.minisock = true;
        self.answered = None;
        step.arm(Clock::FinWait2Minisock, wait_us);
    }

    /// setsockopt(): most options are looked at when a timer fires next; those of keepalive start it anew.
    fn set_options(&mut self, options: SocketOptions, step: &mut Step<'_>) {
        step.record_call("setsockopt");
        let before = core::mem::replace(&mut self.options, options);
        self.timeouts.rto_max_us = largest_rto_us(&self.settings, &options, self.version, self.hz);
        if self.minisock || !matches!(self.state, Some(TcpState::Estab | TcpState::CloseWait)) {
            return;
        }
        let clock = KeepaliveClock::idle_since(&self.settings, &options, self.heard_us);
        let idle_us = clock.first_wait_us();
        match (before.keepalive, options.keepalive) {
            // tcp_set_keepalive()
            (false, true) => step.arm(Clock::Keepalive(clock), idle_us),
            (true, false) => step.disarm(Timer::Life),
            // tcp_sock_set_keepidle_locked()
            (true, true) if before.keepidle_s != options.keepidle_s => {
                let elapsed_us = step.window.at_us.saturating_sub(self.heard_us);
                step.arm(Clock::Keepalive(clock), idle_us.saturating_sub(elapsed_us));
            }
            _ => {}
        }
    }
}
