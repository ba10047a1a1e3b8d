//! One end of a connection while a scenario is played.
//!
//! Mirrors: the states of RFC 9293 3.3.2 as `tcp_rcv_synsent_state_process()`, `tcp_conn_request()`,
//! `tcp_check_req()`, `tcp_rcv_state_process()` and `tcp_close()` walk them.
//!
//! Differs from the kernel: data, windows and sequence numbers are not modelled here, and a FIN is taken to be
//! acknowledged (its retransmission is not a clock of this engine yet).

use std::collections::BTreeMap;

use super::clock::{
    FinWait2Life, QueueFill, SynAckClock, SynAckExpiry, SynClock, SynExpiry, TIME_WAIT_US, fin_wait2_life,
};
use super::constants::RTO_MIN_US;
use super::play::{Doing, Step};
use super::scenario::{Action, Scenario};
use super::timeline::{Errno, Outcome, Segment, Side, What};
use super::{Settings, SocketOptions};
use crate::units::{KernelVersion, TcpState};

/// The clock that an end's timer belongs to.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    Syn(SynClock),
    SynAck,
    /// FIN_WAIT_2 in a full socket; the minisock's wait follows.
    FinWait2Socket(u64),
    FinWait2Minisock,
    TimeWait,
}

impl Clock {
    /// The segment that its timer may send.
    pub(super) const fn sends(&self) -> Option<Segment> {
        match self {
            Self::Syn(_) => Some(Segment::Syn),
            Self::SynAck => Some(Segment::SynAck),
            Self::FinWait2Socket(_) | Self::FinWait2Minisock | Self::TimeWait => None,
        }
    }
}

/// One end.
pub(super) struct Endpoint {
    side: Side,
    settings: Settings,
    options: SocketOptions,
    version: KernelVersion,
    /// RTO of the connection: it floors the life of FIN_WAIT_2.
    rto_us: u64,
    /// Counts the arming and stopping of the timer, so that an older one that is still in the queue is known.
    pub(super) generation: u64,
    state: Option<TcpState>,
    /// The half-open entry, while there is one.
    request: Option<SynAckClock>,
    /// Whether an application waits in connect().
    connecting: bool,
    close_when_open: bool,
    close_after_peer: bool,
    copies: BTreeMap<Segment, u32>,
}

impl Endpoint {
    pub(super) fn new(side: Side, scenario: &Scenario) -> Self {
        let endpoint = scenario.endpoint(side);
        Self {
            side,
            settings: endpoint.settings.clone(),
            options: endpoint.options,
            version: scenario.host.version,
            // __tcp_set_rto() with one sample: RTT and at least tcp_rto_min.
            rto_us: scenario.rtt_us.saturating_add(RTO_MIN_US),
            generation: 0,
            state: None,
            request: None,
            connecting: false,
            close_when_open: false,
            close_after_peer: false,
            copies: BTreeMap::new(),
        }
    }

    /// How often the segment was sent before.
    pub(super) fn count_copy(&mut self, segment: Segment) -> u32 {
        let copies = self.copies.entry(segment).or_insert(0);
        *copies += 1;
        *copies - 1
    }

    fn enter(&mut self, state: TcpState, step: &mut Step<'_>) {
        self.state = Some(state);
        step.doings.push(Doing::Record(What::State(state)));
    }

    pub(super) fn call(&mut self, action: Action, step: &mut Step<'_>) {
        match action {
            Action::Connect => {
                let clock = SynClock::connect(&self.settings, &self.options, self.version, step.window.at_us);
                let wait_us = clock.first_wait_us();
                self.connecting = true;
                step.doings.push(Doing::Record(What::Call("connect")));
                self.enter(TcpState::SynSent, step);
                step.doings.extend([Doing::Send(Segment::Syn), Doing::Arm(Clock::Syn(clock), (wait_us, wait_us))]);
            }
            Action::ForgeSyn => step.doings.push(Doing::Send(Segment::Syn)),
            Action::Close => {
                self.close_when_open = true;
                self.close_if_due(step);
            }
            Action::CloseAfterPeer => {
                self.close_after_peer = true;
                self.close_if_due(step);
            }
        }
    }

    /// Closes when the application wants to and the state is the one it waits for.
    fn close_if_due(&mut self, step: &mut Step<'_>) {
        let next = match self.state {
            Some(TcpState::Estab) if self.close_when_open => TcpState::FinWait1,
            Some(TcpState::CloseWait) if self.close_when_open || self.close_after_peer => TcpState::LastAck,
            _ => return,
        };
        step.doings.push(Doing::Record(What::Call("close")));
        self.enter(next, step);
        step.doings.push(Doing::Send(Segment::Fin));
    }

    pub(super) fn arrive(&mut self, segment: Segment, step: &mut Step<'_>) {
        match (self.state, segment) {
            // The listener is always there: after a dropped request the next SYN makes a new one.
            (None | Some(TcpState::Close), Segment::Syn) if self.side == Side::Server => self.accept_syn(step),
            (Some(TcpState::SynRecv), Segment::Syn) => self.repeat_syn_ack(step),
            (Some(TcpState::SynRecv), Segment::Ack) => {
                step.doings.push(Doing::Disarm);
                self.request = None;
                self.open(step);
            }
            (Some(TcpState::SynSent), Segment::SynAck) => {
                step.doings.push(Doing::Disarm);
                self.enter(TcpState::Estab, step);
                step.doings.push(Doing::Send(Segment::Ack));
                self.connecting = false;
                step.doings.push(Doing::Record(What::Return("connect", None)));
                step.doings.push(Doing::End(Outcome::Established));
                self.close_if_due(step);
            }
            (Some(TcpState::SynSent), Segment::Rst) => self.fail(Errno::ConnectionRefused, step),
            // A repeated SYN-ACK is answered, since the peer does not seem to have the ACK.
            (Some(TcpState::Estab), Segment::SynAck) => step.doings.push(Doing::Send(Segment::Ack)),
            (None | Some(TcpState::Close), Segment::SynAck) => step.doings.push(Doing::Send(Segment::Rst)),
            (Some(TcpState::SynRecv), Segment::Rst) => self.forget(step),
            (state, segment) => self.arrive_closing(state, segment, step),
        }
    }

    /// The closing half of the state diagram.
    fn arrive_closing(&mut self, state: Option<TcpState>, segment: Segment, step: &mut Step<'_>) {
        match (state, segment) {
            (Some(TcpState::Estab), Segment::Fin) => {
                self.enter(TcpState::CloseWait, step);
                step.doings.extend([Doing::Send(Segment::Ack), Doing::End(Outcome::Never)]);
                self.close_if_due(step);
            }
            (Some(TcpState::FinWait1), Segment::Ack) => {
                self.enter(TcpState::FinWait2, step);
                self.start_fin_wait2(step);
            }
            (Some(TcpState::FinWait2), Segment::Fin) => {
                self.enter(TcpState::TimeWait, step);
                step.doings.push(Doing::Send(Segment::Ack));
                step.doings.push(Doing::Arm(Clock::TimeWait, (TIME_WAIT_US, TIME_WAIT_US)));
            }
            (Some(TcpState::LastAck), Segment::Ack) => self.forget(step),
            _ => {}
        }
    }

    fn accept_syn(&mut self, step: &mut Step<'_>) {
        let request = SynAckClock::request(&self.settings, &self.options, self.version);
        let wait_us = request.wait_us();
        self.request = Some(request);
        self.enter(TcpState::SynRecv, step);
        step.doings.extend([Doing::Send(Segment::SynAck), Doing::Arm(Clock::SynAck, (wait_us, wait_us))]);
    }

    fn repeat_syn_ack(&mut self, step: &mut Step<'_>) {
        let Some(request) = &mut self.request else { return };
        if let Some(wait_us) = request.repeated_syn(step.window.at_us) {
            step.doings.extend([Doing::Send(Segment::SynAck), Doing::Arm(Clock::SynAck, (wait_us, wait_us))]);
        }
    }

    fn open(&mut self, step: &mut Step<'_>) {
        self.enter(TcpState::Estab, step);
        step.doings.push(Doing::End(Outcome::Established));
        self.close_if_due(step);
    }

    fn start_fin_wait2(&mut self, step: &mut Step<'_>) {
        match fin_wait2_life(&self.settings, &self.options, self.rto_us) {
            FinWait2Life::None => self.forget(step),
            FinWait2Life::Unlimited => step.doings.push(Doing::End(Outcome::Never)),
            FinWait2Life::Minisock { wait_us } => {
                step.doings.push(Doing::Arm(Clock::FinWait2Minisock, (wait_us, wait_us)));
            }
            FinWait2Life::SocketThenMinisock { socket_us, minisock_us } => {
                step.doings.push(Doing::Arm(Clock::FinWait2Socket(minisock_us), (socket_us, socket_us)));
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
                        step.doings
                            .extend([Doing::Send(Segment::SynAck), Doing::Arm(Clock::SynAck, (wait_us, wait_us))]);
                    }
                    SynAckExpiry::Drop => self.forget(step),
                }
            }
            Clock::FinWait2Socket(wait_us) => {
                step.doings.push(Doing::Arm(Clock::FinWait2Minisock, (wait_us, wait_us)));
            }
            Clock::FinWait2Minisock | Clock::TimeWait => self.forget(step),
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
            step.doings.extend([Doing::Send(Segment::Syn), Doing::Arm(Clock::Syn(first.1), (early, late))]);
        }
    }

    fn fail(&mut self, errno: Errno, step: &mut Step<'_>) {
        step.doings.push(Doing::Disarm);
        self.enter(TcpState::Close, step);
        if core::mem::take(&mut self.connecting) {
            step.doings.push(Doing::Record(What::Return("connect", Some(errno))));
        }
        step.doings.push(Doing::End(Outcome::Failed(errno)));
    }

    fn forget(&mut self, step: &mut Step<'_>) {
        step.doings.push(Doing::Disarm);
        self.request = None;
        self.enter(TcpState::Close, step);
        step.doings.push(Doing::End(Outcome::Gone));
    }
}
