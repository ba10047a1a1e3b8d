//! Plays a scenario once, on given wheels: a queue of events that drives the clocks of both ends.
//!
//! Mirrors: the states of RFC 9293 3.3.2 as `tcp_rcv_synsent_state_process()`, `tcp_conn_request()`,
//! `tcp_check_req()`, `tcp_rcv_state_process()` and `tcp_close()` walk them.
//!
//! Differs from the kernel: data, windows and sequence numbers are not modelled here, and a FIN is taken to be
//! acknowledged (its retransmission is not a clock of this engine yet).

use std::collections::{BTreeMap, BTreeSet};

use super::clock::{
    FinWait2Life, QueueFill, SynAckClock, SynAckExpiry, SynClock, SynExpiry, TIME_WAIT_US, fin_wait2_life,
};
use super::scenario::{Action, Loss, Scenario};
use super::timeline::{Errno, Outcome, Segment, Side, What};
use super::wheel::Wheel;
use crate::units::TcpState;

/// No scenario of ours comes near; a guard against rules that would never end.
const MOST_STEPS: usize = 10_000;
/// RTO of a connection without delay: 200 ms and a tick (`tcp_set_rto()`), which only floors FIN_WAIT_2.
const RTO_FLOOR_US: u64 = 200_000;

/// One course of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// Time, side, what; by time, and in the order of their causes where times are equal.
    pub(super) events: Vec<(u64, Side, What)>,
    /// How each side ended.
    pub(super) ends: BTreeMap<Side, (u64, Outcome)>,
    /// Timers that something other than a timer armed: when and for how long.
    pub(super) armed: BTreeSet<(u64, u64)>,
}

/// Plays it, each side on its own wheel.
pub(super) fn play(scenario: &Scenario, client: Wheel, server: Wheel) -> Course {
    let mut player = Player {
        scenario,
        ends: BTreeMap::from([(Side::Client, End::new(client)), (Side::Server, End::new(server))]),
        queue: BTreeMap::new(),
        next_order: 0,
        in_timer: false,
        course: Course::default(),
    };
    for call in &scenario.calls {
        player.schedule(call.at_us, call.side, Happening::Call(call.action));
    }
    for _ in 0..MOST_STEPS {
        let Some(((now_us, _), (side, happening))) = player.queue.pop_first() else { break };
        player.step(now_us, side, happening);
    }
    player.course
}

/// What the queue holds.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Call(Action),
    Arrive(Segment),
    /// A timer of this generation; an older generation was re-armed or stopped meanwhile.
    Timer(u64),
}

/// The clock that an end's timer belongs to.
#[derive(Clone, Debug)]
enum Clock {
    Syn(SynClock),
    SynAck(SynAckClock),
    /// FIN_WAIT_2 in a full socket; the minisock's wait follows.
    FinWait2Socket(u64),
    FinWait2Minisock,
    TimeWait,
}

/// One end while it is played.
struct End {
    wheel: Wheel,
    state: Option<TcpState>,
    clock: Option<Clock>,
    generation: u64,
    /// Whether an application holds the socket and waits in connect().
    connecting: bool,
    close_when_open: bool,
    close_after_peer: bool,
    copies: BTreeMap<Segment, u32>,
}

impl End {
    fn new(wheel: Wheel) -> Self {
        Self {
            wheel,
            state: None,
            clock: None,
            generation: 0,
            connecting: false,
            close_when_open: false,
            close_after_peer: false,
            copies: BTreeMap::new(),
        }
    }
}

struct Player<'a> {
    scenario: &'a Scenario,
    ends: BTreeMap<Side, End>,
    queue: BTreeMap<(u64, u64), (Side, Happening)>,
    next_order: u64,
    /// Whether the step under way is a timer's.
    in_timer: bool,
    course: Course,
}

impl Player<'_> {
    fn schedule(&mut self, at_us: u64, side: Side, happening: Happening) {
        self.queue.insert((at_us, self.next_order), (side, happening));
        self.next_order += 1;
    }

    fn end(&mut self, side: Side) -> &mut End {
        self.ends.entry(side).or_insert_with(|| End::new(Wheel::Ideal { tick_us: 1 }))
    }

    fn record(&mut self, now_us: u64, side: Side, what: What) {
        self.course.events.push((now_us, side, what));
    }

    fn enter(&mut self, now_us: u64, side: Side, state: TcpState) {
        self.end(side).state = Some(state);
        self.record(now_us, side, What::State(state));
    }

    fn finish(&mut self, now_us: u64, side: Side, outcome: Outcome) {
        self.course.ends.insert(side, (now_us, outcome));
    }

    /// Arms the end's one timer, replacing what it was armed for.
    fn arm(&mut self, now_us: u64, side: Side, clock: Clock, wait_us: u64) {
        if !self.in_timer {
            self.course.armed.insert((now_us, wait_us));
        }
        let end = self.end(side);
        end.generation += 1;
        end.clock = Some(clock);
        let (fires_us, generation) = (end.wheel.fire_us(now_us, wait_us), end.generation);
        self.schedule(fires_us, side, Happening::Timer(generation));
    }

    fn stop_timer(&mut self, side: Side) {
        let end = self.end(side);
        end.generation += 1;
        end.clock = None;
    }

    fn send(&mut self, now_us: u64, side: Side, segment: Segment) {
        let lost = self.scenario.losses.contains(&Loss { from: side, segment });
        let copies = self.end(side).copies.entry(segment).or_insert(0);
        let copy = *copies;
        *copies += 1;
        self.record(now_us, side, What::Send { segment, copy, lost });
        if !lost {
            let arrives_us = now_us.saturating_add(self.scenario.rtt_us / 2);
            self.schedule(arrives_us, side.other(), Happening::Arrive(segment));
        }
    }

    fn step(&mut self, now_us: u64, side: Side, happening: Happening) {
        self.in_timer = matches!(happening, Happening::Timer(_));
        match happening {
            Happening::Call(action) => self.call(now_us, side, action),
            Happening::Arrive(segment) => self.arrive(now_us, side, segment),
            Happening::Timer(generation) if self.end(side).generation == generation => {
                if let Some(clock) = self.end(side).clock.take() {
                    self.expire(now_us, side, clock);
                }
            }
            Happening::Timer(_) => {}
        }
    }

    fn call(&mut self, now_us: u64, side: Side, action: Action) {
        match action {
            Action::Connect => {
                let endpoint = self.scenario.endpoint(side);
                let version = self.scenario.host.version;
                let clock = SynClock::connect(&endpoint.settings, &endpoint.options, version, now_us);
                self.end(side).connecting = true;
                self.record(now_us, side, What::Call("connect"));
                self.enter(now_us, side, TcpState::SynSent);
                self.send(now_us, side, Segment::Syn);
                let wait_us = clock.first_wait_us();
                self.arm(now_us, side, Clock::Syn(clock), wait_us);
            }
            Action::ForgeSyn => self.send(now_us, side, Segment::Syn),
            Action::Close => {
                self.end(side).close_when_open = true;
                self.close_if_due(now_us, side);
            }
            Action::CloseAfterPeer => {
                self.end(side).close_after_peer = true;
                self.close_if_due(now_us, side);
            }
        }
    }

    /// Closes when the application wants to and the state is the one it waits for.
    fn close_if_due(&mut self, now_us: u64, side: Side) {
        let end = self.end(side);
        let next = match end.state {
            Some(TcpState::Estab) if end.close_when_open => TcpState::FinWait1,
            Some(TcpState::CloseWait) if end.close_when_open || end.close_after_peer => TcpState::LastAck,
            _ => return,
        };
        self.record(now_us, side, What::Call("close"));
        self.enter(now_us, side, next);
        self.send(now_us, side, Segment::Fin);
    }

    fn arrive(&mut self, now_us: u64, side: Side, segment: Segment) {
        self.record(now_us, side, What::Arrive(segment));
        let state = self.end(side).state;
        match (state, segment) {
            // The listener is always there: after a dropped request the next SYN makes a new one.
            (None | Some(TcpState::Close), Segment::Syn) if side == Side::Server => self.accept_syn(now_us, side),
            (Some(TcpState::SynRecv), Segment::Syn) => self.repeat_syn_ack(now_us, side),
            (Some(TcpState::SynRecv), Segment::Ack) => {
                self.stop_timer(side);
                self.open(now_us, side);
            }
            (Some(TcpState::SynSent), Segment::SynAck) => {
                self.stop_timer(side);
                self.enter(now_us, side, TcpState::Estab);
                self.send(now_us, side, Segment::Ack);
                self.end(side).connecting = false;
                self.record(now_us, side, What::Return("connect", None));
                self.finish(now_us, side, Outcome::Established);
                self.close_if_due(now_us, side);
            }
            (Some(TcpState::SynSent), Segment::Rst) => self.fail(now_us, side, Errno::ConnectionRefused),
            // A repeated SYN-ACK is answered, since the peer does not seem to have the ACK.
            (Some(TcpState::Estab), Segment::SynAck) => self.send(now_us, side, Segment::Ack),
            (None | Some(TcpState::Close), Segment::SynAck) => self.send(now_us, side, Segment::Rst),
            (Some(TcpState::SynRecv), Segment::Rst) => self.forget(now_us, side),
            _ => self.arrive_closing(now_us, side, state, segment),
        }
    }

    /// The closing half of the state diagram.
    fn arrive_closing(&mut self, now_us: u64, side: Side, state: Option<TcpState>, segment: Segment) {
        match (state, segment) {
            (Some(TcpState::Estab), Segment::Fin) => {
                self.enter(now_us, side, TcpState::CloseWait);
                self.send(now_us, side, Segment::Ack);
                self.finish(now_us, side, Outcome::Never);
                self.close_if_due(now_us, side);
            }
            (Some(TcpState::FinWait1), Segment::Ack) => {
                self.enter(now_us, side, TcpState::FinWait2);
                self.start_fin_wait2(now_us, side);
            }
            (Some(TcpState::FinWait2), Segment::Fin) => {
                self.enter(now_us, side, TcpState::TimeWait);
                self.send(now_us, side, Segment::Ack);
                self.arm(now_us, side, Clock::TimeWait, TIME_WAIT_US);
            }
            (Some(TcpState::LastAck), Segment::Ack) => self.forget(now_us, side),
            _ => {}
        }
    }

    fn accept_syn(&mut self, now_us: u64, side: Side) {
        let endpoint = self.scenario.endpoint(side);
        let clock = SynAckClock::request(&endpoint.settings, &endpoint.options, self.scenario.host.version);
        self.enter(now_us, side, TcpState::SynRecv);
        self.send(now_us, side, Segment::SynAck);
        let wait_us = clock.wait_us();
        self.arm(now_us, side, Clock::SynAck(clock), wait_us);
    }

    fn repeat_syn_ack(&mut self, now_us: u64, side: Side) {
        let Some(Clock::SynAck(mut clock)) = self.end(side).clock.take() else { return };
        match clock.repeated_syn(now_us) {
            Some(wait_us) => {
                self.send(now_us, side, Segment::SynAck);
                self.arm(now_us, side, Clock::SynAck(clock), wait_us);
            }
            None => self.end(side).clock = Some(Clock::SynAck(clock)),
        }
    }

    fn open(&mut self, now_us: u64, side: Side) {
        self.enter(now_us, side, TcpState::Estab);
        self.finish(now_us, side, Outcome::Established);
        self.close_if_due(now_us, side);
    }

    fn start_fin_wait2(&mut self, now_us: u64, side: Side) {
        let endpoint = self.scenario.endpoint(side);
        let rto_us = self.scenario.rtt_us.saturating_add(RTO_FLOOR_US);
        match fin_wait2_life(&endpoint.settings, &endpoint.options, rto_us) {
            FinWait2Life::None => self.forget(now_us, side),
            FinWait2Life::Unlimited => self.finish(now_us, side, Outcome::Never),
            FinWait2Life::Minisock { wait_us } => self.arm(now_us, side, Clock::FinWait2Minisock, wait_us),
            FinWait2Life::SocketThenMinisock { socket_us, minisock_us } => {
                self.arm(now_us, side, Clock::FinWait2Socket(minisock_us), socket_us);
            }
        }
    }

    fn expire(&mut self, now_us: u64, side: Side, clock: Clock) {
        let tick_us = self.end(side).wheel.tick_us();
        match clock {
            Clock::Syn(mut clock) => match clock.expire(now_us, tick_us) {
                SynExpiry::Resend { wait_us } => {
                    self.send(now_us, side, Segment::Syn);
                    self.arm(now_us, side, Clock::Syn(clock), wait_us);
                }
                SynExpiry::GiveUp => self.fail(now_us, side, Errno::TimedOut),
            },
            Clock::SynAck(mut clock) => {
                // One request alone never fills a queue, so it is not pruned.
                let fill = QueueFill { half_open: 1, young: 0, backlog: 128 };
                match clock.expire(fill) {
                    SynAckExpiry::Resend { wait_us } => {
                        self.send(now_us, side, Segment::SynAck);
                        self.arm(now_us, side, Clock::SynAck(clock), wait_us);
                    }
                    SynAckExpiry::Drop => self.forget(now_us, side),
                }
            }
            Clock::FinWait2Socket(wait_us) => self.arm(now_us, side, Clock::FinWait2Minisock, wait_us),
            Clock::FinWait2Minisock | Clock::TimeWait => self.forget(now_us, side),
        }
    }

    fn fail(&mut self, now_us: u64, side: Side, errno: Errno) {
        self.stop_timer(side);
        self.enter(now_us, side, TcpState::Close);
        if core::mem::take(&mut self.end(side).connecting) {
            self.record(now_us, side, What::Return("connect", Some(errno)));
        }
        self.finish(now_us, side, Outcome::Failed(errno));
    }

    fn forget(&mut self, now_us: u64, side: Side) {
        self.stop_timer(side);
        self.enter(now_us, side, TcpState::Close);
        self.finish(now_us, side, Outcome::Gone);
    }
}
