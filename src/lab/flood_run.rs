//! A flood at its pace with a client in the middle of it, on the kernel: what is sent when, and what is seen of it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::LabError;
use super::apps::{PORT, errno_of};
use super::flood::{FloodBench, FloodCounts};
use super::flood_follow::{FloodConditions, FloodSight, Follower};
use super::flood_plan::FloodPlan;
use super::frame::{Frame, Passage};
use super::network::PACKET_BYTES;
use super::pins::write_besides;
use super::play::STOP_NOTICED;
use super::punctuality::{Clocks, Punctuality};
use crate::model::{Errno, PlayedPace, Scenario, Side, Window};
use crate::sys::{Interest, Stream, monotonic_ns, raise_priority, unix_ns, wait_ready};
use crate::wire::decode_segment;

/// How often requests are counted, and how much longer than that took is waited for the next time.
const LOOK_US: u64 = 10_000;
const LOOKS_SHARE: u64 = 8;
/// For so long there must be no request before the flood counts as over: longer than one may be late.
const QUIET_US: u64 = 100_000;
/// Most SYNs sent before packets are carried again, so that one that comes late does not make others late.
const BURST: u32 = 64;

/// A flood as it was played. Times are microseconds after its first SYN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayedFlood {
    /// What was to be played.
    pub plan: FloodPlan,
    /// SYNs that were sent.
    pub sent: u32,
    /// What was counted at the end of those SYNs alone: the client's part is taken out.
    pub counts: FloodCounts,
    /// When that was counted.
    pub counted_at: Window,
    /// Half-open requests, each number seen at a moment of the window.
    pub looks: Vec<(Window, u64)>,
    /// The client.
    pub client: PlayedClient,
    /// When the SYNs really came.
    pub pace: PlayedPace,
    /// The sysctls of both namespaces, read back.
    pub pins: Vec<(Side, Vec<(String, String)>)>,
    /// Sysctls of the plan that could not be set, and why.
    pub not_set: Vec<(String, String)>,
    /// How late the run was by itself; the wire is as late as the latest SYN.
    pub punctuality: Punctuality,
    /// The packets in the order in which this process saw them, where they were to be kept.
    pub frames: Vec<Frame>,
    /// Whether it was told to stop before it was over.
    pub stopped: bool,
}

/// How the client fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayedClient {
    /// When it called connect(), in microseconds after the first SYN, if it came to that.
    pub called_us: Option<u64>,
    /// How long connect() took, in microseconds, and how it failed if it did; nothing if it had no answer.
    pub returned: Option<(u64, Option<Errno>)>,
    /// SYNs that it sent.
    pub syns: u32,
    /// How many of them were answered with a cookie.
    pub cookies: u64,
    /// How many of them were dropped.
    pub dropped: u64,
}

/// Plays a flood until every request is gone and the client has its answer, the plan's time is over, or it is told to
/// stop. `place` says to a follower which of the floods it is.
///
/// # Errors
/// When the private namespaces cannot be made (usually for want of rights), or the wire fails.
pub(super) fn play_flood(
    plan: &FloodPlan,
    place: usize,
    conditions: &FloodConditions,
) -> Result<PlayedFlood, LabError> {
    // Without the right to it the wire is as late as the host is busy, and says so.
    let _ = raise_priority();
    let backlog = i32::try_from(plan.backlog).map_err(|_| LabError::NotPlayable("such a backlog"))?;
    let scenario = Scenario::connect(plan.host, &plan.settings).over(plan.family);
    let (bench, not_set) = FloodBench::build_with(&scenario, backlog, |network| write_besides(network, &plan.besides))?;
    let mut run = Run::new(plan, bench)?;
    run.follower = Follower::new(place, conditions.follow.clone());
    run.frames = conditions.capture.then(Vec::new);
    let longest_us = plan.longest_us();
    let stopped = || conditions.stop.load(Ordering::Relaxed);
    run.begin()?;
    while !run.is_over() && run.now_us() < longest_us && !stopped() {
        let soon_us = run.now_us().saturating_add(u64::try_from(STOP_NOTICED.as_micros()).unwrap_or(u64::MAX));
        run.turn(longest_us.min(soon_us))?;
    }
    let stopped = stopped() && !run.is_over();
    Ok(PlayedFlood { stopped, ..run.finish(not_set)? })
}

/// A flood that is being played.
struct Run<'a> {
    plan: &'a FloodPlan,
    bench: FloodBench,
    clocks: Clocks,
    socket: Stream,
    started: Instant,
    /// The kernel's jiffies right before the first SYN, and the monotonic clock then and at that SYN.
    jiffies: Option<u64>,
    jiffies_ns: u64,
    started_ns: u64,
    pace: PlayedPace,
    /// The kernel's jiffies before and after each SYN.
    syn_jiffies: Vec<Option<[u64; 2]>>,
    sent: u32,
    client: PlayedClient,
    /// Whether the client has called connect() and has no answer yet.
    is_waiting: bool,
    /// Packets between the client and the server, by when they arrive.
    on_the_wire: VecDeque<(u64, Side, Vec<u8>)>,
    /// Whether a SYN-ACK of the client's is on its way, so that its request may be among those that are counted.
    is_shaking: bool,
    looks: Vec<(Window, u64)>,
    next_look_us: u64,
    syn_acks: u64,
    /// What the client's SYNs were counted as.
    own: FloodCounts,
    late_us: u64,
    follower: Follower,
    frames: Option<Vec<Frame>>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a FloodPlan, bench: FloodBench) -> Result<Self, LabError> {
        let v6 = bench.network.server.address.is_ipv6();
        let socket = bench.network.client.namespace.run(|| Stream::new(v6))?;
        Ok(Self {
            plan,
            clocks: Clocks::new()?,
            socket: socket.map_err(|error| LabError::Setup { doing: "make a socket", error })?,
            started: Instant::now(),
            jiffies: None,
            jiffies_ns: 0,
            started_ns: 0,
            pace: PlayedPace::default(),
            syn_jiffies: Vec::new(),
            sent: 0,
            client: PlayedClient::default(),
            is_waiting: false,
            on_the_wire: VecDeque::new(),
            is_shaking: false,
            looks: Vec::new(),
            next_look_us: 0,
            syn_acks: 0,
            own: FloodCounts::default(),
            late_us: 0,
            follower: Follower::default(),
            frames: None,
            bench,
        })
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The first SYN.
    fn begin(&mut self) -> Result<(), LabError> {
        self.clocks.begin();
        if let Some((jiffies, at_ns)) = self.clocks.jiffies() {
            (self.jiffies, self.jiffies_ns) = (Some(jiffies), at_ns);
        }
        (self.started_ns, self.started) = (monotonic_ns(), Instant::now());
        self.send_syn()
    }

    /// Whether nothing more happens: everything was sent and answered, and no request has been there for a while.
    fn is_over(&self) -> bool {
        let last_seen_us = self.looks.iter().rev().find(|(_, level)| *level > 0).map_or(0, |(seen, _)| seen.latest_us);
        let since_us = last_seen_us.max(self.plan.syn_at_us(self.plan.count.saturating_sub(1)));
        let quiet = self.looks.last().is_some_and(|(seen, _)| seen.at_us > since_us.saturating_add(QUIET_US));
        self.sent == self.plan.count && quiet && self.client.returned.is_some()
    }

    /// Does what is due, then waits until something comes or the next is due.
    fn turn(&mut self, until_us: u64) -> Result<(), LabError> {
        self.send_due()?;
        self.deliver_due()?;
        if !self.is_waiting && self.client.syns == 0 && self.now_us() >= self.plan.connects_at_us() {
            self.connect()?;
        }
        if self.now_us() >= self.next_look_us {
            self.look()?;
        }
        let wait_us = self.next_due_us().min(until_us).saturating_sub(self.now_us());
        let network = &self.bench.network;
        let mut watched =
            vec![(network.server.tun.as_fd(), Interest::Readable), (network.client.tun.as_fd(), Interest::Readable)];
        watched.extend(self.is_waiting.then(|| (self.socket.as_fd(), Interest::Writable)));
        let ready = wait_ready(&watched, Duration::from_micros(wait_us)).map_err(LabError::Wire)?;
        if ready.get(2) == Some(&true) {
            self.has_returned()?;
        }
        self.carry()
    }

    fn next_due_us(&self) -> u64 {
        let syn_us = (self.sent < self.plan.count).then(|| self.plan.syn_at_us(self.sent));
        let connect_us = (self.client.syns == 0 && !self.is_waiting).then(|| self.plan.connects_at_us());
        let packet_us = self.on_the_wire.front().map(|(at_us, ..)| *at_us);
        [syn_us, connect_us, packet_us].into_iter().flatten().fold(self.next_look_us, u64::min)
    }

    /// Something that was due then is done now.
    fn note_late(&mut self, due_us: u64) {
        self.late_us = self.late_us.max(self.now_us().saturating_sub(due_us));
    }

    fn send_due(&mut self) -> Result<(), LabError> {
        for _ in 0..BURST {
            if self.sent == self.plan.count || self.plan.syn_at_us(self.sent) > self.now_us() {
                break;
            }
            self.note_late(self.plan.syn_at_us(self.sent));
            self.send_syn()?;
        }
        Ok(())
    }

    fn send_syn(&mut self) -> Result<(), LabError> {
        self.clocks.look();
        let earliest_us = if self.sent == 0 { 0 } else { self.now_us() };
        let unix_ns = unix_ns();
        let before = self.clocks.jiffies_now();
        let packet = self.bench.send_forged()?;
        self.syn_jiffies.push(before.zip(self.clocks.jiffies_now()).map(<[u64; 2]>::from));
        self.keep(unix_ns, (Side::Server, false, Passage::Injected), &packet);
        self.pace.earliest_us.push(earliest_us);
        self.pace.latest_us.push(self.now_us());
        self.sent += 1;
        match self.sent {
            1 => self.follower.tell(earliest_us, FloodSight::FirstSyn),
            last if last == self.plan.count => self.follower.tell(self.now_us(), FloodSight::LastSyn),
            _ => {}
        }
        // The kernel has answered when the write returns; read at once, no answer can overflow the queue.
        self.carry()
    }

    fn connect(&mut self) -> Result<(), LabError> {
        self.note_late(self.plan.connects_at_us());
        let target = SocketAddr::new(self.bench.network.server.address, PORT);
        let called_us = self.now_us();
        self.client.called_us = Some(called_us);
        self.is_waiting = true;
        self.follower.tell(called_us, FloodSight::ClientCalls);
        self.socket.start_connect(target).map_err(|error| LabError::Setup { doing: "connect", error })?;
        self.carry()
    }

    fn has_returned(&mut self) -> Result<(), LabError> {
        let took_us = self.now_us().saturating_sub(self.client.called_us.unwrap_or(0));
        let error = self.socket.take_error().map_err(LabError::Wire)?;
        let errno = error.as_ref().map(errno_of).transpose()?;
        self.client.returned = Some((took_us, errno));
        self.follower.tell(self.now_us(), FloodSight::ClientReturned { took_us, errno });
        self.is_waiting = false;
        Ok(())
    }

    fn look(&mut self) -> Result<(), LabError> {
        self.note_late(self.next_look_us);
        self.clocks.look();
        let begun_us = self.now_us();
        let level = self.bench.watcher.count_half_open()?;
        let seen = Window { at_us: begun_us, latest_us: self.now_us() };
        if !self.is_shaking {
            self.looks.push((seen, level));
            self.follower.look(seen.latest_us, level, self.sent);
        }
        // Where there are many it takes long, and the flood must keep its pace.
        self.next_look_us = seen.latest_us + LOOK_US.max((seen.latest_us - seen.at_us) * LOOKS_SHARE);
        Ok(())
    }

    /// Takes what both ends sent: what is for a forged source is lost.
    fn carry(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        loop {
            let half_us = self.plan.rtt_us / 2;
            while let Some(packet) = self.bench.network.server.tun.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = decode_segment(packet) else { continue };
                let to_client = header.destination.ip() == self.bench.network.client.address;
                let passage = if to_client { Passage::Carried } else { Passage::Lost };
                self.keep(unix_ns(), (Side::Server, true, passage), packet);
                if to_client {
                    self.is_shaking |= header.syn;
                    let arrives_us = self.now_us() + self.plan.rtt_us - half_us;
                    self.on_the_wire.push_back((arrives_us, Side::Client, packet.to_vec()));
                } else {
                    self.syn_acks += u64::from(header.syn && header.ack);
                }
            }
            while let Some(packet) = self.bench.network.client.tun.receive(&mut buffer).map_err(LabError::Wire)? {
                self.keep(unix_ns(), (Side::Client, true, Passage::Carried), packet);
                self.on_the_wire.push_back((self.now_us() + half_us, Side::Server, packet.to_vec()));
            }
            if !self.deliver_due()? {
                return Ok(());
            }
        }
    }

    /// Brings what has arrived; says whether there was anything. The two directions take the same time but for the
    /// rounding, so that what left first arrives first.
    fn deliver_due(&mut self) -> Result<bool, LabError> {
        let mut any = false;
        while self.on_the_wire.front().is_some_and(|(at_us, ..)| *at_us <= self.now_us()) {
            let Some((_, to, packet)) = self.on_the_wire.pop_front() else { break };
            any = true;
            self.keep(unix_ns(), (to, false, Passage::Carried), &packet);
            if to == Side::Client {
                self.bench.network.client.tun.send(&packet).map_err(LabError::Wire)?;
            } else {
                self.bring_to_server(&packet)?;
            }
        }
        Ok(any)
    }

    /// A SYN of the client's is counted apart from the flood's.
    fn bring_to_server(&mut self, packet: &[u8]) -> Result<(), LabError> {
        let is_syn = decode_segment(packet).is_some_and(|header| header.syn);
        let before = if is_syn { Some(self.bench.counters()?) } else { None };
        self.bench.network.server.tun.send(packet).map_err(LabError::Wire)?;
        let Some(before) = before else {
            self.is_shaking = false;
            return Ok(());
        };
        let own = self.bench.counters()?.since(&before);
        self.client.syns += 1;
        self.client.cookies += own.cookies_sent;
        self.client.dropped += own.listen_drops;
        let sight = FloodSight::ClientSyn { cookie: own.cookies_sent > 0, dropped: own.listen_drops > 0 };
        self.follower.tell(self.now_us(), sight);
        self.own = self.own.and(&own);
        Ok(())
    }

    /// Keeps a packet, where packets are kept.
    fn keep(&mut self, unix_ns: u64, (side, outgoing, passage): (Side, bool, Passage), packet: &[u8]) {
        if let Some(frames) = &mut self.frames {
            frames.push(Frame { unix_ns, side, outgoing, before: false, passage, bytes: packet.to_vec() });
        }
    }

    /// When the SYNs came, by the kernel's own count of time: each in the ticks between its two readings of jiffies, even
    /// where the tick was late by the clock. A virtual machine whose processor is taken away has such ticks.
    fn pace_by_jiffies(&mut self) -> PlayedPace {
        let mut pace = core::mem::take(&mut self.pace);
        let into_tick_ns = self.clocks.ns_within_tick(self.jiffies_ns);
        let Some((begun, into_tick_ns)) = self.jiffies.zip(into_tick_ns) else { return pace };
        pace.jiffies = Some(begun);
        pace.into_tick_us = (into_tick_ns + self.started_ns.saturating_sub(self.jiffies_ns)) / 1000;
        let tick = TickSpan { begun, tick_us: self.clocks.tick_ns() / 1000, into_tick_us: pace.into_tick_us };
        for (at_us, jiffies) in pace.earliest_us.iter_mut().zip(&self.syn_jiffies) {
            *at_us = jiffies.map_or(*at_us, |[before, _]| tick.within(*at_us, before));
        }
        for (at_us, jiffies) in pace.latest_us.iter_mut().zip(&self.syn_jiffies) {
            *at_us = jiffies.map_or(*at_us, |[_, after]| tick.within(*at_us, after));
        }
        pace
    }

    fn finish(mut self, not_set: Vec<(String, String)>) -> Result<PlayedFlood, LabError> {
        self.look()?;
        let begun_us = self.now_us();
        self.carry()?;
        let half_open = self.bench.watcher.count_half_open()?;
        let all = FloodCounts { half_open, syn_acks: self.syn_acks, ..self.bench.counters()? };
        let pace = self.pace_by_jiffies();
        let network = &self.bench.network;
        Ok(PlayedFlood {
            plan: self.plan.clone(),
            sent: self.sent,
            counts: all.since(&self.own),
            counted_at: Window { at_us: begun_us, latest_us: self.now_us() },
            client: self.client,
            pace,
            pins: Side::BOTH.map(|side| (side, network.host(side).pins.clone())).into(),
            not_set,
            punctuality: self.clocks.punctuality(self.late_us),
            looks: self.looks,
            frames: self.frames.unwrap_or_default(),
            stopped: false,
        })
    }
}

/// Where ticks lie in the time after the first SYN.
struct TickSpan {
    /// Jiffies at the first SYN.
    begun: u64,
    tick_us: u64,
    /// How far into their tick it came.
    into_tick_us: u64,
}

impl TickSpan {
    /// The time that is nearest to this one within the tick of these jiffies; itself where they are before the first.
    fn within(&self, at_us: u64, jiffies: u64) -> u64 {
        let Some(ticks) = jiffies.checked_sub(self.begun) else { return at_us };
        let first_us = ticks.saturating_mul(self.tick_us).saturating_sub(self.into_tick_us);
        let next_us = ticks.saturating_add(1).saturating_mul(self.tick_us).saturating_sub(self.into_tick_us);
        at_us.clamp(first_us, next_us.saturating_sub(1).max(first_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_moved_into_the_tick_that_the_kernel_counted() {
        let ticks = TickSpan { begun: 1000, tick_us: 4000, into_tick_us: 1500 };
        assert_eq!(ticks.within(100, 1000), 100);
        assert_eq!(ticks.within(2500, 1000), 2499, "the tick that was due at 2.5 ms was late");
        assert_eq!(ticks.within(2400, 1001), 2500, "it was seen to be over");
        assert_eq!(ticks.within(9000, 1002), 9000);
        assert_eq!(ticks.within(13_000, 1002), 10_499);
        assert_eq!(ticks.within(700, 999), 700);
    }
}
