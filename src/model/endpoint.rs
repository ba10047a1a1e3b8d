//! One end of a connection while a scenario is played: what its application and its timers do.
//!
//! Mirrors: `tcp_connect()`, `tcp_sendmsg()`, `tcp_close()`, `tcp_shutdown()`, and the handlers of its timers.
//!
//! Differs from the kernel: sequence numbers count segments and not bytes, windows are open or closed, and a
//! flight is sent again as a whole by its first segment.

use std::collections::BTreeMap;

use super::clock::{
    FinWait2Life, KeepaliveClock, KeepaliveExpiry, ProbeClock, ProbeExpiry, QueueFill, RetransmitClock,
    RetransmitExpiry, SynAckClock, SynAckExpiry, SynClock, SynExpiry, fin_wait2_life,
};
use super::play::{Doing, Packet, Step, Timer};
use super::rto::{Timeouts, timeouts};
use super::scenario::{Scenario, Start};
use super::script::Action;
use super::timeline::{Errno, Outcome, Segment, Side, What};
use super::{Settings, SocketOptions};
use crate::units::{Hz, KernelVersion, TcpState};

/// How often a probe is answered at the same interval before the timeline says "for ever".
const SAME_INTERVALS: u32 = 3;

/// What a timer is armed with.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    Syn(SynClock),
    SynAck,
    Retransmit(RetransmitClock),
    Probe(ProbeClock),
    Keepalive(KeepaliveClock),
    /// FIN_WAIT_2 in a full socket; the minisock's wait follows.
    FinWait2Socket(u64),
    FinWait2Minisock,
    TimeWait,
    DelayedAck,
}

impl Clock {
    /// Which of the end's timers it runs on.
    pub(super) const fn timer(&self) -> Timer {
        match self {
            Self::Syn(_) | Self::SynAck | Self::Retransmit(_) | Self::Probe(_) => Timer::Write,
            Self::Keepalive(_) | Self::FinWait2Socket(_) | Self::FinWait2Minisock | Self::TimeWait => Timer::Life,
            Self::DelayedAck => Timer::Ack,
        }
    }
}

/// One end.
pub(super) struct Endpoint {
    pub(super) side: Side,
    pub(super) settings: Settings,
    pub(super) options: SocketOptions,
    pub(super) version: KernelVersion,
    pub(super) timeouts: Timeouts,
    pub(super) state: Option<TcpState>,
    /// The half-open entry, while there is one.
    pub(super) request: Option<SynAckClock>,
    /// Whether an application waits in connect().
    pub(super) connecting: bool,
    /// Whether the application has closed the socket.
    pub(super) orphan: bool,
    /// Whether there is no place for a connection that the third segment completes.
    pub(super) accept_queue_full: bool,
    /// What the application wants as soon as it can: in this order.
    wishes: Vec<Action>,
    /// The next segment number to send, the oldest that is not acknowledged, the next to receive.
    pub(super) next: u32,
    pub(super) unacknowledged: u32,
    pub(super) expected: u32,
    /// What is in flight, from `unacknowledged` on.
    pub(super) flight: Vec<Segment>,
    /// The wait between the last two probes, and how often it was the same.
    same_interval: (u64, u32),
    /// When a challenge was last answered.
    pub(super) challenged_us: Option<u64>,
    sent: BTreeMap<Segment, u32>,
    copies: BTreeMap<(Segment, u32), u32>,
}

impl Endpoint {
    pub(super) fn new(side: Side, scenario: &Scenario, hz: Hz, rtt_sample_us: u64) -> Self {
        let endpoint = scenario.endpoint(side);
        let version = scenario.host.version;
        let known = match (scenario.start, side) {
            (Start::Closed, _) | (Start::Forgotten, Side::Server) => None,
            _ => Some(TcpState::Estab),
        };
        // The SYNs count as one each.
        let opened = u32::from(known.is_some());
        Self {
            side,
            settings: endpoint.settings.clone(),
            options: endpoint.options,
            version,
            timeouts: timeouts(endpoint, version, rtt_sample_us, hz),
            state: known,
            request: None,
            connecting: false,
            orphan: false,
            accept_queue_full: side == Side::Server && scenario.listener.joining > 0,
            wishes: Vec::new(),
            next: opened,
            unacknowledged: opened,
            expected: opened,
            flight: Vec::new(),
            same_interval: (0, 0),
            challenged_us: None,
            sent: BTreeMap::new(),
            copies: BTreeMap::new(),
        }
    }

    /// What an end that is connected at time 0 does by itself.
    pub(super) fn begin(&mut self, start: Start, step: &mut Step<'_>) {
        if self.state != Some(TcpState::Estab) {
            return;
        }
        if start == Start::WindowClosed && self.side == Side::Client {
            let clock = ProbeClock::closed_window(&self.settings, &self.options, self.timeouts);
            self.expire_probe(&clock, step);
        } else {
            self.start_keepalive(step);
        }
    }

    /// How many segments of this kind were sent before, whatever was in them.
    pub(super) fn count_sent(&mut self, segment: Segment) -> u32 {
        let sent = self.sent.entry(segment).or_insert(0);
        *sent += 1;
        *sent - 1
    }

    /// How often this very segment was sent before; an ACK or RST is never a copy of another.
    pub(super) fn count_copy(&mut self, segment: Segment, number: u32) -> u32 {
        if matches!(segment, Segment::Ack | Segment::Rst) {
            return 0;
        }
        let copies = self.copies.entry((segment, number)).or_insert(0);
        *copies += 1;
        *copies - 1
    }

    /// How often a segment was sent.
    pub(super) fn copies_of(&self, segment: Segment) -> u32 {
        self.sent.get(&segment).copied().unwrap_or(0)
    }

    pub(super) fn enter(&mut self, state: TcpState, step: &mut Step<'_>) {
        self.state = Some(state);
        step.doings.push(Doing::Record(What::State(state)));
    }

    /// A segment with the numbers of now.
    pub(super) fn send(&self, segment: Segment, number: u32, step: &mut Step<'_>) {
        step.doings.push(Doing::Send(Packet { segment, number, acknowledges: self.expected }));
    }

    /// A segment that takes no number.
    pub(super) fn reply(&self, segment: Segment, step: &mut Step<'_>) {
        self.send(segment, self.next, step);
    }

    pub(super) fn call(&mut self, action: Action, step: &mut Step<'_>) {
        match action {
            Action::Connect => {
                let clock = SynClock::connect(&self.settings, &self.options, self.version, step.window.at_us);
                let wait_us = clock.first_wait_us();
                self.connecting = true;
                step.doings.push(Doing::Record(What::Call("connect")));
                self.enter(TcpState::SynSent, step);
                (self.next, self.unacknowledged) = (1, 0);
                self.send(Segment::Syn, 0, step);
                step.arm(Clock::Syn(clock), wait_us);
            }
            Action::ForgeSyn => self.send(Segment::Syn, 0, step),
            wish => {
                self.wishes.push(wish);
                self.grant_wishes(step);
            }
        }
    }

    /// Whether the application closes as soon as it learns that the peer has.
    pub(super) fn closes_now(&self) -> bool {
        matches!(self.wishes.first(), Some(Action::Close | Action::CloseAfterPeer))
    }

    /// Does what the application wants and the state allows.
    pub(super) fn grant_wishes(&mut self, step: &mut Step<'_>) {
        while let Some(wish) = self.wishes.first().copied() {
            match (wish, self.state) {
                (Action::Send, Some(TcpState::Estab | TcpState::CloseWait)) => {
                    step.doings.push(Doing::Record(What::Call("send")));
                    self.put_in_flight(Segment::Data, step);
                }
                (Action::Shutdown, Some(TcpState::Estab)) => self.close("shutdown", TcpState::FinWait1, step),
                (Action::Close, Some(TcpState::Estab)) => {
                    self.orphan = true;
                    self.close("close", TcpState::FinWait1, step);
                }
                (Action::Close | Action::CloseAfterPeer, Some(TcpState::CloseWait)) => {
                    self.orphan = true;
                    self.close("close", TcpState::LastAck, step);
                }
                _ => return,
            }
            self.wishes.remove(0);
        }
    }

    fn close(&mut self, call: &'static str, next: TcpState, step: &mut Step<'_>) {
        step.doings.push(Doing::Record(What::Call(call)));
        self.enter(next, step);
        self.put_in_flight(Segment::Fin, step);
    }

    /// Sends a segment that must be acknowledged, and starts the clock if it does not run.
    fn put_in_flight(&mut self, segment: Segment, step: &mut Step<'_>) {
        self.send(segment, self.next, step);
        // It acknowledges as well: tcp_event_ack_sent().
        step.doings.push(Doing::Disarm(Timer::Ack));
        self.next += 1;
        self.flight.push(segment);
        if self.flight.len() == 1 {
            let clock = RetransmitClock::sent(&self.settings, &self.options, self.version, self.timeouts, true);
            let wait_us = clock.first_wait_us();
            step.arm(Clock::Retransmit(clock), wait_us);
        }
    }

    pub(super) fn start_keepalive(&mut self, step: &mut Step<'_>) {
        if self.options.keepalive {
            let clock = KeepaliveClock::idle_since(&self.settings, &self.options, step.window.at_us);
            let wait_us = clock.first_wait_us();
            step.arm(Clock::Keepalive(clock), wait_us);
        }
    }

    pub(super) fn start_fin_wait2(&mut self, step: &mut Step<'_>) {
        if !self.orphan {
            return step.doings.push(Doing::End(Outcome::Never));
        }
        match fin_wait2_life(&self.settings, &self.options, self.timeouts.rto_us) {
            FinWait2Life::None => self.forget(step),
            FinWait2Life::Minisock { wait_us } => step.arm(Clock::FinWait2Minisock, wait_us),
            FinWait2Life::SocketThenMinisock { socket_us, minisock_us } => {
                step.arm(Clock::FinWait2Socket(minisock_us), socket_us);
            }
        }
    }

    pub(super) fn expire(&mut self, clock: Clock, step: &mut Step<'_>) {
        match clock {
            Clock::Syn(clock) => self.expire_syn(&clock, step),
            Clock::SynAck => {
                let Some(request) = &mut self.request else { return };
                // One request alone never fills a queue, so it is not pruned.
                match request.expire(QueueFill { half_open: 1, young: 0, backlog: 128 }) {
                    SynAckExpiry::Resend { wait_us } => {
                        self.send(Segment::SynAck, 0, step);
                        step.arm(Clock::SynAck, wait_us);
                    }
                    SynAckExpiry::Drop => self.forget(step),
                }
            }
            Clock::Retransmit(clock) => self.expire_retransmit(&clock, step),
            Clock::Probe(clock) => self.expire_probe(&clock, step),
            Clock::Keepalive(clock) => self.expire_keepalive(&clock, step),
            Clock::FinWait2Socket(wait_us) => step.arm(Clock::FinWait2Minisock, wait_us),
            Clock::FinWait2Minisock | Clock::TimeWait => self.forget(step),
            Clock::DelayedAck => self.reply(Segment::Ack, step),
        }
    }

    fn expire_syn(&mut self, clock: &SynClock, step: &mut Step<'_>) {
        let tick_us = step.tick_us;
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us, tick_us), clock)
        };
        if step.passed(|now_us| at(now_us).0 == SynExpiry::GiveUp) {
            return self.fail(Errno::TimedOut, step);
        }
        let (first, last) = (at(step.window.at_us), at(step.window.latest_us));
        if let (SynExpiry::Resend { wait_us: early }, SynExpiry::Resend { wait_us: late }) = (first.0, last.0) {
            self.send(Segment::Syn, 0, step);
            step.doings.push(Doing::Arm(Clock::Syn(first.1), (early, late)));
        }
    }

    fn expire_retransmit(&mut self, clock: &RetransmitClock, step: &mut Step<'_>) {
        let (tick_us, orphan) = (step.tick_us, self.orphan);
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us, tick_us, orphan), clock)
        };
        if step.passed(|now_us| at(now_us).0 == RetransmitExpiry::GiveUp) {
            return self.fail(Errno::TimedOut, step);
        }
        let (first, last) = (at(step.window.at_us), at(step.window.latest_us));
        let waits = match (first.0, last.0) {
            (RetransmitExpiry::Resend { wait_us: early }, RetransmitExpiry::Resend { wait_us: late }) => (early, late),
            _ => return,
        };
        if let Some(head) = self.flight.first().copied() {
            self.send(head, self.unacknowledged, step);
            step.doings.push(Doing::Arm(Clock::Retransmit(first.1), waits));
        }
    }

    fn expire_probe(&mut self, clock: &ProbeClock, step: &mut Step<'_>) {
        let (tick_us, orphan) = (step.tick_us, self.orphan);
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us, tick_us, orphan), clock)
        };
        if step.passed(|now_us| at(now_us).0 == ProbeExpiry::GiveUp) {
            return self.fail(Errno::TimedOut, step);
        }
        let (first, last) = (at(step.window.at_us), at(step.window.latest_us));
        if let (ProbeExpiry::Probe { wait_us: early }, ProbeExpiry::Probe { wait_us: late }) = (first.0, last.0) {
            self.reply(Segment::Probe, step);
            step.doings.push(Doing::Arm(Clock::Probe(first.1), (early, late)));
        }
    }

    /// The peer answers a probe and its window is still closed.
    pub(super) fn probe_answered(&mut self, mut clock: ProbeClock, step: &mut Step<'_>) {
        let wait_us = clock.answered(step.window.at_us, step.tick_us);
        let (before, times) = self.same_interval;
        self.same_interval = if before == wait_us { (wait_us, times + 1) } else { (wait_us, 0) };
        if self.same_interval.1 >= SAME_INTERVALS && self.options.user_timeout_ms == 0 {
            // It goes on like this.
            step.doings.extend([Doing::End(Outcome::Never), Doing::Halt]);
        } else {
            step.arm(Clock::Probe(clock), wait_us);
        }
    }

    fn expire_keepalive(&mut self, clock: &KeepaliveClock, step: &mut Step<'_>) {
        let at = |now_us| {
            let mut clock = clock.clone();
            (clock.expire(now_us), clock)
        };
        if step.passed(|now_us| at(now_us).0 == KeepaliveExpiry::GiveUp) {
            self.reply(Segment::Rst, step);
            return self.fail(Errno::TimedOut, step);
        }
        let (expiry, clock) = at(step.window.at_us);
        match expiry {
            KeepaliveExpiry::Probe { wait_us } => {
                self.reply(Segment::Keepalive, step);
                step.arm(Clock::Keepalive(clock), wait_us);
            }
            KeepaliveExpiry::Wait { wait_us } => step.arm(Clock::Keepalive(clock), wait_us),
            KeepaliveExpiry::GiveUp => {}
        }
    }

    /// Ends with an error; silently if no application holds the socket.
    pub(super) fn fail(&mut self, errno: Errno, step: &mut Step<'_>) {
        if self.orphan {
            return self.forget(step);
        }
        step.doings.extend([Timer::Write, Timer::Life, Timer::Ack].map(Doing::Disarm));
        self.enter(TcpState::Close, step);
        self.flight.clear();
        if core::mem::take(&mut self.connecting) {
            step.doings.push(Doing::Record(What::Return("connect", Some(errno))));
        }
        step.doings.push(Doing::End(Outcome::Failed(errno)));
    }

    pub(super) fn forget(&mut self, step: &mut Step<'_>) {
        step.doings.extend([Timer::Write, Timer::Life, Timer::Ack].map(Doing::Disarm));
        self.request = None;
        self.flight.clear();
        self.enter(TcpState::Close, step);
        step.doings.push(Doing::End(Outcome::Gone));
    }
}
