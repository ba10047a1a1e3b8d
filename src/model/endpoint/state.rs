//! What an end is and knows, and how it sends.
//!
//! Mirrors: `struct tcp_sock`, `struct tcp_request_sock` and `struct tcp_timewait_sock`, as far as clocks and states
//! depend on them; `tcp_send_ack()`, `tcp_v4_send_reset()`.
//!
//! Differs from the kernel: sequence numbers do not wrap, a segment of data is one byte long, and the receive
//! window is open at its first size (a scaled one is a little larger once an ACK has told it) or closed.

use std::collections::BTreeMap;

use super::recovery::InFlight;
use crate::model::clock::{KeepaliveClock, ProbeClock, RetransmitClock, SynAckClock, SynClock, TIME_WAIT_US};
use crate::model::isn::isn_advance;
use crate::model::packet::Packet;
use crate::model::play::{Doing, Step};
use crate::model::rto::{RoundTrips, Timeouts, timeouts};
use crate::model::scenario::{Listener, Scenario, Start};
use crate::model::script::{Action, Number};
use crate::model::timeline::{Errno, Outcome, Segment, Side, What, Window};
use crate::model::timer::Timer;
use crate::model::{IpVersion, Settings, SocketOptions};
use crate::units::{Hz, KernelVersion, TcpState};

/// What a fresh socket has to offer: half of the middle value of `tcp_rmem`, whose default is twice that since 4.20.
const FULL_SPACE: i64 = 65_536;
/// Bytes of a packet over Ethernet, of a TCP header, and of the timestamps in it.
const MTU: i64 = 1500;
const TCP_HEADER: i64 = 20;
const TIMESTAMPS: i64 = 12;
/// How old a connection is that is there at time 0.
const AGE_US: u64 = 60_000_000;
/// The sequence number of a RST that answers a segment without ACK: 0, which fits no connection but by chance.
const NOWHERE: i64 = i64::MIN / 2;

/// What a timer is armed with.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(in crate::model) enum Clock {
    Syn(SynClock),
    SynAck,
    Retransmit(RetransmitClock),
    /// What may only be late is waited for (`ICSK_TIME_REO_TIMEOUT`).
    Reordering,
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
    pub(in crate::model) const fn timer(&self) -> Timer {
        match self {
            Self::Syn(_) | Self::SynAck | Self::Retransmit(_) | Self::Reordering | Self::Probe(_) => Timer::Write,
            Self::Keepalive(_) | Self::FinWait2Socket(_) | Self::FinWait2Minisock | Self::TimeWait => Timer::Life,
            Self::DelayedAck => Timer::Ack,
        }
    }
}

/// The window that an end of a fresh connection offers over Ethernet, as measured on 6.18: whole segments, as
/// `tcp_select_initial_window()` counts them.
fn fresh_window(side: Side, family: IpVersion, timestamps: bool) -> i64 {
    let mss = MTU - TCP_HEADER - i64::try_from(family.header()).unwrap_or(0);
    let segments_of = |mss| FULL_SPACE / mss * mss;
    match side {
        Side::Server if timestamps => segments_of(mss - TIMESTAMPS),
        Side::Client | Side::Server => segments_of(mss),
    }
}

/// One end.
pub(in crate::model) struct Endpoint {
    pub(super) side: Side,
    pub(super) settings: Settings,
    pub(super) options: SocketOptions,
    pub(super) version: KernelVersion,
    pub(super) hz: Hz,
    pub(super) family: IpVersion,
    pub(super) timeouts: Timeouts,
    /// How much it takes ahead of what it expects, and how much the peer does.
    pub(super) window: i64,
    pub(super) peer_window: i64,
    /// By how much what was sent later may overtake: `tcp_rack_reo_wnd()`, a quarter of the round trip.
    pub(super) reordering_us: u64,
    pub(in crate::model) state: Option<TcpState>,
    /// Whether a listening socket takes SYNs here.
    pub(super) listening: bool,
    pub(super) listener: Listener,
    /// The half-open entry, while there is one; SYN-RECV without it is a full socket that opened simultaneously.
    pub(super) request: Option<SynAckClock>,
    /// Whether the state is kept in a minisock: TIME-WAIT, and FIN-WAIT-2 of an orphan.
    pub(super) minisock: bool,
    /// When TIME-WAIT was entered.
    pub(super) waiting_since_us: u64,
    /// Whether an application waits in connect().
    pub(super) connecting: bool,
    /// Whether the application has closed the socket.
    pub(super) orphan: bool,
    /// What the application wants as soon as it can: in this order.
    pub(super) wishes: Vec<Action>,
    /// Its initial sequence number, the next to send, the oldest that is not acknowledged.
    pub(super) isn: i64,
    /// How long before time 0 the present connection began, for the clock of initial sequence numbers.
    age_us: u64,
    pub(super) next: i64,
    pub(super) unacknowledged: i64,
    /// The peer's initial sequence number, and the next to receive.
    pub(super) peer_isn: i64,
    pub(super) expected: i64,
    /// What is in flight, from `unacknowledged` on.
    pub(super) flight: Vec<InFlight>,
    /// What waits behind it until the peer is heard again.
    pub(super) unsent: Vec<Segment>,
    /// What arrived too early, by its number.
    pub(super) early: BTreeMap<i64, Segment>,
    /// What ICMP said last (`sk_err_soft`).
    pub(super) soft_error: Option<Errno>,
    /// The wait between the last two probes, and how often it was the same.
    pub(super) same_interval: (u64, u32),
    /// Whether the keepalive timer is to start when nothing is in flight any more.
    pub(super) keepalive_waits: bool,
    /// How often it has answered a keepalive probe.
    pub(super) keepalives_answered: u32,
    /// When the peer was last heard.
    pub(super) heard_us: u64,
    /// When a segment outside the window was last answered (`last_oow_ack_time`).
    pub(super) answered: Option<Window>,
    sent: BTreeMap<Segment, u32>,
    copies: BTreeMap<(Segment, i64), u32>,
}

/// How an end stands, as far as sock_diag shows it and clocks do not.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Standing {
    pub(in crate::model) state: Option<TcpState>,
    pub(in crate::model) orphan: bool,
    pub(in crate::model) minisock: bool,
    pub(in crate::model) request: Option<SynAckClock>,
    pub(in crate::model) heard_us: u64,
    pub(in crate::model) in_flight: usize,
    pub(in crate::model) syn_acks: u32,
    pub(in crate::model) rto_us: u64,
}

#[cfg(test)]
impl Endpoint {
    pub(in crate::model) fn standing(&self) -> Standing {
        Standing {
            state: self.state,
            orphan: self.orphan,
            minisock: self.minisock,
            request: self.request.clone(),
            heard_us: self.heard_us,
            in_flight: self.flight.len(),
            rto_us: self.timeouts.rto_us,
            syn_acks: self.sent.get(&Segment::SynAck).copied().unwrap_or(0),
        }
    }
}

impl Endpoint {
    pub(in crate::model) fn new(side: Side, scenario: &Scenario, hz: Hz, seen: RoundTrips) -> Self {
        let endpoint = scenario.endpoint(side);
        let version = scenario.host.version;
        let known = match (scenario.start, side) {
            (Start::Closed | Start::Nothing, _) | (Start::Forgotten, Side::Server) => None,
            _ => Some(TcpState::Estab),
        };
        // The SYN counts as one.
        let opened = i64::from(known.is_some());
        Self {
            side,
            settings: endpoint.settings.clone(),
            options: endpoint.options,
            version,
            hz,
            family: scenario.family,
            timeouts: timeouts(endpoint, version, seen, hz),
            window: fresh_window(side, scenario.family, endpoint.settings.timestamps),
            peer_window: fresh_window(side.other(), scenario.family, endpoint.settings.timestamps),
            reordering_us: endpoint.measured.map_or(seen.srtt_us, |measured| measured.srtt_us) / 4,
            state: known,
            listening: side == Side::Server && scenario.start != Start::Nothing,
            listener: scenario.listener,
            request: None,
            minisock: false,
            waiting_since_us: 0,
            connecting: false,
            orphan: false,
            wishes: Vec::new(),
            isn: 0,
            age_us: if matches!(scenario.start, Start::Closed | Start::Nothing) { 0 } else { AGE_US },
            next: opened,
            unacknowledged: opened,
            peer_isn: 0,
            expected: opened,
            flight: Vec::new(),
            unsent: Vec::new(),
            early: BTreeMap::new(),
            soft_error: None,
            same_interval: (0, 0),
            keepalive_waits: false,
            keepalives_answered: 0,
            heard_us: 0,
            answered: None,
            sent: BTreeMap::new(),
            copies: BTreeMap::new(),
        }
    }

    /// The initial sequence number that the clock gives now: the kernel adds it to a secret of the addresses and ports,
    /// which is left out here.
    pub(super) fn fresh_isn(&self, now_us: u64) -> i64 {
        i64::from(isn_advance(now_us.saturating_add(self.age_us)))
    }

    /// What an end that is connected at time 0 does by itself.
    pub(in crate::model) fn begin(&mut self, start: Start, step: &mut Step<'_>) {
        if self.state != Some(TcpState::Estab) {
            return;
        }
        if start == Start::WindowClosed && self.side == Side::Client {
            let clock = ProbeClock::closed_window(&self.settings, &self.options, self.version, self.timeouts);
            self.expire_probe(&clock, step);
        } else {
            self.start_keepalive(step);
        }
    }

    /// How many segments of this kind were sent before, whatever was in them.
    pub(in crate::model) fn count_sent(&mut self, segment: Segment) -> u32 {
        let sent = self.sent.entry(segment).or_insert(0);
        *sent += 1;
        *sent - 1
    }

    /// How often this very segment was sent before; an ACK or RST is never a copy of another.
    pub(in crate::model) fn count_copy(&mut self, segment: Segment, seq: i64) -> u32 {
        if matches!(segment, Segment::Ack | Segment::Rst) {
            return 0;
        }
        let copies = self.copies.entry((segment, seq)).or_insert(0);
        *copies += 1;
        *copies - 1
    }

    /// How often a segment was sent.
    pub(in crate::model) fn copies_of(&self, segment: Segment) -> u32 {
        self.sent.get(&segment).copied().unwrap_or(0)
    }

    /// What a timer sends when it fires now; nothing for one that only ends a state.
    pub(in crate::model) fn would_send(&self, clock: &Clock) -> Option<Segment> {
        match clock {
            Clock::Syn(_) if self.state == Some(TcpState::SynRecv) => Some(Segment::SynAck),
            Clock::Syn(_) => Some(Segment::Syn),
            Clock::SynAck => Some(Segment::SynAck),
            Clock::Retransmit(clock) if clock.awaits_probe() => self.flight.last().map(|one| one.segment),
            Clock::Retransmit(_) | Clock::Reordering => self.flight.first().map(|one| one.segment),
            Clock::Probe(_) => Some(Segment::Probe),
            Clock::Keepalive(_) => Some(Segment::Keepalive),
            Clock::DelayedAck => Some(Segment::Ack),
            Clock::FinWait2Socket(_) | Clock::FinWait2Minisock | Clock::TimeWait => None,
        }
    }

    /// The number that a script means, of an end's own or of the peer's.
    pub(in crate::model) fn own_number(&self, number: Number) -> i64 {
        match number {
            Number::Fitting(above) => self.next + i64::from(above),
            Number::Initial(above) => self.isn + i64::from(above),
        }
    }

    /// The sequence number that a script means for a segment that comes to this end; `peer` is the other end.
    pub(in crate::model) fn number_from(&self, peer: &Self, number: Number) -> i64 {
        match number {
            Number::Fitting(above) => self.expected + i64::from(above),
            Number::Initial(above) => peer.isn + i64::from(above),
        }
    }

    pub(super) fn enter(&mut self, state: TcpState, step: &mut Step<'_>) {
        self.state = Some(state);
        step.doings.push(Doing::Record(What::State(state)));
    }

    /// A segment with a number of its own.
    pub(super) fn send(&self, segment: Segment, seq: i64, step: &mut Step<'_>) {
        self.send_merged(segment, seq, 0, step);
    }

    /// The same, with the data of others before it that goes in the same segment: so many numbers.
    pub(super) fn send_merged(&self, segment: Segment, seq: i64, merged: i64, step: &mut Step<'_>) {
        let ack = (segment != Segment::Syn).then_some(self.expected);
        step.doings.push(Doing::Send(Packet { segment, seq, ack, copy: None, merged, sacked: self.sack() }));
    }

    /// What it has got out of order, by bits from the number that it expects next on.
    fn sack(&self) -> u64 {
        let places = self.early.keys().filter_map(|seq| u32::try_from(seq - self.expected).ok());
        let bits = places.filter_map(|place| 1_u64.checked_shl(place)).fold(0, |bits, bit| bits | bit);
        if self.settings.sack { bits } else { 0 }
    }

    /// A segment that takes no number.
    pub(super) fn reply(&self, segment: Segment, step: &mut Step<'_>) {
        self.send(segment, self.next, step);
    }

    /// `tcp_v4_send_reset()`: a RST that the sender of this segment must take for one of the connection's.
    pub(super) fn refuse(packet: Packet, step: &mut Step<'_>) {
        let rst = match packet.ack {
            // Never a RST for a RST.
            _ if packet.segment == Segment::Rst => return,
            Some(ack) => Packet::bare(Segment::Rst, ack, None),
            None => Packet::bare(Segment::Rst, NOWHERE, Some(packet.end())),
        };
        step.doings.push(Doing::Send(rst));
    }

    /// Sends a segment that must be acknowledged, and starts the clock, or starts it anew while only a probe is due.
    /// Once something was sent again nothing new goes out (a congestion window of one) until the peer is heard.
    pub(super) fn put_in_flight(&mut self, segment: Segment, step: &mut Step<'_>) {
        self.put_all_in_flight(&[segment], step);
    }

    /// The same for several that go as one: what could not be sent before is put together.
    pub(super) fn put_all_in_flight(&mut self, segments: &[Segment], step: &mut Step<'_>) {
        let Some(segment) = segments.last().copied() else { return };
        let (probe_is_due, waits) = match &step.armed {
            Some(Clock::Retransmit(clock)) => {
                (clock.awaits_probe(), clock.has_retransmitted() && !self.may_exceed_window(segments))
            }
            // Behind a closed window too.
            Some(Clock::Probe(_)) => (false, true),
            _ => (false, false),
        };
        if waits {
            return self.unsent.extend(segments);
        }
        let count = i64::try_from(segments.len()).unwrap_or(1);
        self.send_merged(segment, self.next, count - 1, step);
        // It acknowledges as well: tcp_event_ack_sent().
        step.disarm(Timer::Ack);
        self.next += count;
        let sent_us = step.window.at_us;
        let fresh =
            |segment: &Segment| InFlight { segment: *segment, sent_us, sacked: false, resent: false, again: false };
        self.flight.extend(segments.iter().map(fresh));
        if self.flight.len() == segments.len() || probe_is_due {
            self.start_retransmission(step);
        }
    }

    /// Whether the congestion window does not count: `tcp_cwnd_test()` let a FIN through that nothing waited before,
    /// until 6.10 (22555032c513).
    fn may_exceed_window(&self, segments: &[Segment]) -> bool {
        !self.version.at_least(6, 10) && self.unsent.is_empty() && segments == [Segment::Fin]
    }

    /// The clock of what is in flight, from now on.
    pub(super) fn start_retransmission(&self, step: &mut Step<'_>) {
        let clock = self.new_retransmit_clock();
        let wait_us = clock.first_wait_us();
        step.arm(Clock::Retransmit(clock), wait_us);
    }

    pub(super) fn new_retransmit_clock(&self) -> RetransmitClock {
        let one = self.flight.len() == 1;
        RetransmitClock::sent(&self.settings, &self.options, self.version, self.timeouts, one)
    }

    pub(super) fn start_keepalive(&mut self, step: &mut Step<'_>) {
        self.heard_us = step.window.at_us;
        if self.options.keepalive {
            let clock = KeepaliveClock::idle_since(&self.settings, &self.options, self.heard_us);
            let wait_us = clock.first_wait_us();
            step.arm(Clock::Keepalive(clock), wait_us);
        }
    }

    pub(super) fn enter_time_wait(&mut self, step: &mut Step<'_>) {
        step.disarm(Timer::Write);
        step.disarm(Timer::Ack);
        if !self.settings.keeps_time_wait() {
            return self.forget(step);
        }
        self.minisock = true;
        self.waiting_since_us = step.window.at_us;
        self.answered = None;
        self.enter(TcpState::TimeWait, step);
        step.arm(Clock::TimeWait, TIME_WAIT_US);
    }

    /// Whether there is no place for a connection in the accept queue: `sk_acceptq_is_full()`.
    pub(super) fn accept_queue_is_full(&self, others: u32) -> bool {
        others > self.listener.backlog.min(self.settings.somaxconn)
    }

    /// A timer ends it: with what ICMP said, else because nobody answered.
    pub(super) fn give_up(&mut self, step: &mut Step<'_>) {
        self.fail(self.soft_error.unwrap_or(Errno::TimedOut), step);
    }

    /// Ends with an error; silently if no application holds the socket.
    pub(super) fn fail(&mut self, errno: Errno, step: &mut Step<'_>) {
        if self.orphan {
            return self.forget(step);
        }
        self.close_socket(step);
        if core::mem::take(&mut self.connecting) {
            step.doings.push(Doing::Record(What::Return("connect", Some(errno))));
        }
        step.doings.push(Doing::End(Outcome::Failed(errno)));
    }

    pub(super) fn forget(&mut self, step: &mut Step<'_>) {
        self.close_socket(step);
        step.doings.push(Doing::End(Outcome::Gone));
    }

    fn close_socket(&mut self, step: &mut Step<'_>) {
        [Timer::Write, Timer::Life, Timer::Ack].into_iter().for_each(|timer| step.disarm(timer));
        self.request = None;
        self.minisock = false;
        self.flight.clear();
        self.unsent.clear();
        self.early.clear();
        self.wishes.clear();
        self.enter(TcpState::Close, step);
    }
}
