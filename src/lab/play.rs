//! Plays a scenario on the kernel: carries the packets between the two namespaces and writes down what passes.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use super::LabError;
use super::agenda::Agenda;
use super::apps::Apps;
use super::carrier::Carrier;
use super::filler::Fillers;
use super::look::{Seen, Watcher};
use super::network::Network;
use super::record::{Recognizer, Record};
use crate::model::{Measured, Outcome, Scenario, Segment, Side, Start, Timeline};
use crate::sys::{Interest, raise_priority, unix_ns, wait_ready};
use crate::wire::{SegmentHeader, decode_segment};

/// How often sockets are looked at; their ends are known to this much.
const LOOK: Duration = Duration::from_millis(5);
/// Looks in a row without any timer after which nothing more is waited for: sock_diag does not show the timer of a
/// delayed ACK, 40 ms and two ticks.
const QUIET_LOOKS: u32 = 12;
/// How long it may take until a scenario stands as it begins.
const PREPARATION: Duration = Duration::from_secs(10);
/// Most connections of others in the accept queue.
const MOST_FILLERS: u32 = 64;
const PACKET_BYTES: usize = 2048;
const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// A scenario as the kernel played it.
#[derive(Debug)]
pub struct Played {
    /// What happened, in windows of no width.
    pub timeline: Timeline,
    /// How late this process took packets from the wire and brought them, all together, in microseconds: each may make
    /// what follows from it later.
    pub lateness_us: u64,
    /// Whether the kernel's tick came before an application had closed that closes as soon as the peer has: the delayed
    /// ACK of the FIN went out by itself then.
    pub outrun: bool,
    /// The scenario with the times at which its calls and injections really took place, and with what the connection
    /// had measured of the wire when it began, where there was one.
    pub scenario: Scenario,
    /// The sysctls of both namespaces, as read back.
    pub pins: BTreeMap<Side, Vec<(String, String)>>,
}

/// Plays a scenario for at most `limit`.
///
/// # Errors
/// When the private namespaces cannot be made (usually for want of rights), the wire fails, or the scenario has
/// something that cannot be played.
pub fn play(scenario: &Scenario, limit: Duration) -> Result<Played, LabError> {
    super::agenda::check(scenario)?;
    // On a thread of its own, whose priority ends with it.
    let played = thread::scope(|scope| {
        let playing = scope.spawn(|| {
            // Without the right to it the wire is as late as the host is busy, and says so.
            let _ = raise_priority();
            play_here(scenario, limit)
        });
        playing.join()
    });
    played.unwrap_or(Err(LabError::NotReady("its own thread")))
}

fn play_here(scenario: &Scenario, limit: Duration) -> Result<Played, LabError> {
    let network = Network::build(scenario)?;
    let mut bench = Bench::new(scenario, &network)?;
    bench.prepare()?;
    bench.begin()?;
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline && !bench.is_over() {
        bench.turn(deadline)?;
    }
    bench.read_taps()?;
    let carried_us = u64::try_from(bench.carrier.lateness.as_micros()).unwrap_or(u64::MAX);
    let pins = SIDES.map(|side| (side, network.host(side).pins.clone()));
    let mut as_played = bench.agenda.as_played(scenario, bench.record.start_ns().unwrap_or(0));
    as_played.client.measured = bench.measured.get(&Side::Client).copied();
    as_played.server.measured = bench.measured.get(&Side::Server).copied();
    let outrun = bench.closings.iter().any(|(side, since, until)| bench.record.acknowledged(*side, *since, *until));
    Ok(Played {
        outrun,
        timeline: bench.record.into_timeline(scenario.about),
        lateness_us: bench.lateness_ns / 1000 + carried_us,
        scenario: as_played,
        pins: BTreeMap::from(pins),
    })
}

/// What is needed while a scenario runs.
pub(super) struct Bench<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) network: &'a Network,
    pub(super) apps: Apps,
    fillers: Fillers,
    watchers: BTreeMap<Side, Watcher>,
    seen: BTreeMap<Side, Seen>,
    pub(super) agenda: Agenda,
    /// When the scenario began, in nanoseconds since 1970: before, nothing is lost and nothing is written down.
    pub(super) begun_ns: Option<u64>,
    /// Looks in a row in which no timer of any socket ran.
    pub(super) quiet_looks: u32,
    pub(super) next_look: Instant,
    looked_ns: u64,
    pub(super) carrier: Carrier<'a>,
    /// For each tap one: it shows both directions in the order of its own host.
    tapped: BTreeMap<Side, Recognizer>,
    /// Injected packets that no tap has shown yet, and what they are.
    pub(super) injected: Vec<(Side, Vec<u8>, Segment)>,
    /// The side whose RSTs are not the scenario's, since it loses power.
    pub(super) losing_power: Option<Side>,
    pub(super) record: Record,
    /// Stamp of the last packet before the beginning that the side which the scenario is about sent or received.
    pub(super) last_ns: u64,
    lateness_ns: u64,
    /// From when to when an application learnt that the peer has closed and closed as well.
    closings: Vec<(Side, u64, u64)>,
    pub(super) measured: BTreeMap<Side, Measured>,
}

impl<'a> Bench<'a> {
    fn new(scenario: &'a Scenario, network: &'a Network) -> Result<Self, LabError> {
        let mut watchers = BTreeMap::new();
        for side in SIDES {
            watchers.insert(side, Watcher::new(network.host(side))?);
        }
        Ok(Self {
            scenario,
            network,
            apps: Apps::new(scenario, &network.client, &network.server),
            fillers: Fillers::default(),
            watchers,
            seen: BTreeMap::new(),
            agenda: Agenda::new(scenario),
            begun_ns: None,
            quiet_looks: 0,
            next_look: Instant::now(),
            looked_ns: 0,
            carrier: Carrier::new(scenario),
            tapped: SIDES.map(|side| (side, Recognizer::new(scenario.start))).into(),
            injected: Vec::new(),
            losing_power: None,
            record: Record::default(),
            last_ns: 0,
            lateness_ns: 0,
            closings: Vec::new(),
            measured: BTreeMap::new(),
        })
    }

    /// Brings both ends to where the scenario begins.
    fn prepare(&mut self) -> Result<(), LabError> {
        let network = self.network;
        if self.scenario.start == Start::Nothing {
            return Ok(());
        }
        self.apps.of(Side::Server)?.listen(&network.server)?;
        self.fill_accept_queue()?;
        if self.scenario.start == Start::Closed {
            return Ok(());
        }
        if self.apps.of(Side::Client)?.connect(&network.client)?.is_some() {
            return Err(LabError::NotReady("connect() to begin"));
        }
        self.until("the connection to be established", |bench| {
            bench.apps.are_connected() && bench.carrier.due().is_none()
        })?;
        // What the handshake leaves behind is carried too: its last ACK, and nothing after it.
        self.settle()?;
        match self.scenario.start {
            Start::WindowClosed => {
                self.apps.of(Side::Client)?.fill()?;
                self.until("the window to close", |bench| bench.tapped.values().any(Recognizer::window_is_closed))?;
                // The client learns of it half a round trip later, and its first probe is an RTO off.
                self.settle()?;
            }
            Start::Forgotten => {
                self.carrier.lose_all = true;
                self.apps.of(Side::Server)?.forget()?;
                self.settle()?;
                self.carrier.lose_all = false;
            }
            Start::Closed | Start::Nothing | Start::Established => {}
        }
        Ok(())
    }

    /// Opens connections that stay in the accept queue. The kernel takes no SYN while the queue is full, so it has room
    /// until all are in, or, for those that join, until the scenario's SYN was taken.
    fn fill_accept_queue(&mut self) -> Result<(), LabError> {
        let listener = self.scenario.listener;
        let others = listener.waiting.saturating_add(listener.joining);
        if others == 0 {
            return Ok(());
        }
        if self.scenario.start != Start::Closed || others > MOST_FILLERS {
            return Err(LabError::NotPlayable("such an accept queue: it is filled before a client connects, up to 64"));
        }
        let client = &self.network.client;
        (0..others).try_for_each(|_| self.apps.connect_filler(client))?;
        self.until("the accept queue to fill", |bench| {
            u32::try_from(bench.fillers.open()).is_ok_and(|open| open == others)
        })?;
        self.settle()?;
        if listener.joining == 0 || listener.waiting > listener.backlog {
            self.apps.of(Side::Server)?.limit_queue(listener.backlog)?;
        }
        Ok(())
    }

    /// Turns until something is so, for a limited time.
    pub(super) fn until(&mut self, what: &'static str, so: impl Fn(&Self) -> bool) -> Result<(), LabError> {
        let deadline = Instant::now() + PREPARATION;
        while !so(self) {
            if Instant::now() >= deadline {
                return Err(LabError::NotReady(what));
            }
            self.turn(deadline)?;
        }
        Ok(())
    }

    /// Turns until nothing is on the wire any more.
    fn settle(&mut self) -> Result<(), LabError> {
        let quiet = Instant::now() + Duration::from_micros(self.scenario.rtt_us) + 2 * LOOK;
        while Instant::now() < quiet || self.carrier.due().is_some() {
            self.turn(quiet)?;
        }
        Ok(())
    }

    /// Whether nothing more can happen by itself: nothing is on its way or to be done, and no timer of any socket runs.
    fn is_over(&self) -> bool {
        self.quiet_looks >= QUIET_LOOKS
            && !self.apps.are_connecting()
            && self.carrier.due().is_none()
            && self.agenda.due().is_none()
    }

    /// Waits for the next thing and deals with it.
    fn turn(&mut self, deadline: Instant) -> Result<(), LabError> {
        let times = [Some(deadline), Some(self.next_look), self.carrier.due(), self.agenda.due()];
        let until = times.into_iter().flatten().min().unwrap_or(deadline);
        let wait = until.saturating_duration_since(Instant::now());
        let (client, server) = (&self.network.client, &self.network.server);
        let mut watched: Vec<_> = [client.tun.as_fd(), server.tun.as_fd(), client.tap.as_fd(), server.tap.as_fd()]
            .map(|fd| (fd, Interest::Readable))
            .into();
        watched.extend(self.apps.watched());
        wait_ready(&watched, wait).map_err(LabError::Wire)?;
        drop(watched);
        self.notice()?;
        self.carry()?;
        self.read_taps()?;
        self.apps.serve()?;
        self.notice()?;
        self.perform_due()?;
        if Instant::now() >= self.next_look {
            self.look()?;
            self.next_look = Instant::now() + LOOK;
        }
        Ok(())
    }

    /// The applications learn what became of their connections.
    fn notice(&mut self) -> Result<(), LabError> {
        for side in SIDES {
            let now_ns = unix_ns();
            let Some(noticed) = self.apps.of(side)?.notice()? else { continue };
            if self.begun_ns.is_none() {
                continue;
            }
            if noticed.connecting {
                self.record.returned(now_ns, side, noticed.errno);
            } else if let Some(errno) = noticed.errno {
                self.record.ended(now_ns, side, Outcome::Failed(errno));
            }
        }
        self.apps.serve()
    }

    /// Microseconds since the scenario began.
    fn since_begin_us(&self, unix_ns: u64) -> Option<u64> {
        self.begun_ns.map(|begun_ns| unix_ns.saturating_sub(begun_ns) / 1000)
    }

    /// Takes what the kernels sent, and delivers what is due.
    pub(super) fn carry(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        for side in SIDES {
            while let Some(packet) = self.network.host(side).tun.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = decode_segment(packet) else { continue };
                if self.is_foreign(side, &header) {
                    self.carrier.pass(side, packet, Duration::ZERO);
                    continue;
                }
                if header.rst && self.losing_power == Some(side) {
                    continue;
                }
                let at_us = self.since_begin_us(unix_ns());
                let segment = self.carrier.take(side, &header, packet, at_us);
                let listener = self.scenario.listener;
                if listener.joining > 0 && segment == Segment::SynAck {
                    self.apps.of(Side::Server)?.limit_queue(listener.backlog)?;
                }
            }
        }
        while let Some((side, packet)) = self.carrier.arrival() {
            let since_ns = unix_ns();
            self.network.host(side).tun.send(&packet).map_err(LabError::Wire)?;
            self.apps.serve()?;
            if core::mem::take(&mut self.apps.of(side)?.answered_close) {
                self.closings.push((side, since_ns, unix_ns()));
            }
            // What it does there has to be seen.
            self.quiet_looks = 0;
        }
        Ok(())
    }

    /// Whether a segment is not the scenario's but that of a connection which fills the accept queue.
    fn is_foreign(&mut self, sender: Side, header: &SegmentHeader) -> bool {
        let listener = self.scenario.listener;
        if listener.waiting.saturating_add(listener.joining) > 0 && self.begun_ns.is_none() {
            self.fillers.learn(sender, header);
        }
        self.fillers.own(sender, header)
    }

    /// Takes the kernel's stamps of what passed.
    pub(super) fn read_taps(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        for side in SIDES {
            while let Some(tapped) = self.network.host(side).tap.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(packet) = buffer.get(..tapped.length) else { continue };
                let injected = self.injected.iter().position(|(to, bytes, _)| *to == side && bytes == packet);
                if let Some((_, _, segment)) = injected.map(|place| self.injected.remove(place)) {
                    self.record.arrived(tapped.unix_ns, side, segment);
                    continue;
                }
                let Some(header) = decode_segment(packet) else { continue };
                let sender = if tapped.outgoing { side } else { side.other() };
                if self.is_foreign(sender, &header) || (header.rst && self.losing_power == Some(sender)) {
                    continue;
                }
                let Some(recognizer) = self.tapped.get_mut(&side) else { continue };
                let segment = recognizer.kind_of(sender, &header);
                let Some(begun_ns) = self.begun_ns else {
                    if side == self.scenario.about {
                        self.last_ns = tapped.unix_ns;
                    }
                    continue;
                };
                if tapped.outgoing {
                    self.lateness_ns += unix_ns().saturating_sub(tapped.unix_ns);
                    let at_us = tapped.unix_ns.saturating_sub(begun_ns) / 1000;
                    let lost = |nth| self.scenario.loses(side, segment, nth, at_us);
                    self.record.sent(tapped.unix_ns, side, (segment, header.sequence), lost);
                    if matches!(segment, Segment::Syn | Segment::SynAck) {
                        // It has an entry, however short that lives.
                        self.record.begins_again(side);
                        self.seen.entry(side).or_default().sockets = 1;
                    }
                } else {
                    self.record.arrived(tapped.unix_ns, side, segment);
                }
            }
        }
        Ok(())
    }

    /// Sees what sockets there are, and writes down when the last one of an end vanishes.
    fn look(&mut self) -> Result<(), LabError> {
        let others = self.fillers.ports();
        let since_ns = core::mem::replace(&mut self.looked_ns, unix_ns());
        for (side, watcher) in &mut self.watchers {
            let now = watcher.look(&others)?;
            let before = self.seen.insert(*side, now).unwrap_or_default();
            if self.begun_ns.is_none() {
                continue;
            }
            if before.sockets > 0 && now.sockets == 0 && !self.record.has_failed(*side) {
                self.record.vanished(since_ns, unix_ns(), *side);
            } else if before.sockets == 0 && now.sockets > 0 {
                self.record.begins_again(*side);
            }
        }
        let timed = self.seen.values().any(|seen| seen.timed > 0);
        self.quiet_looks = if timed { 0 } else { self.quiet_looks.saturating_add(1) };
        Ok(())
    }
}
