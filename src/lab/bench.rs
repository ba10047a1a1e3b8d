//! What is needed while a scenario runs: both ends, the wire between them, and what is written down of them.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::LabError;
use super::agenda::Agenda;
use super::apps::Apps;
use super::carrier::Carrier;
use super::filler::Fillers;
use super::frame::{Frame, Passage};
use super::look::{Looks, Watcher};
use super::network::{Network, PACKET_BYTES};
use super::play::STOP_NOTICED;
use super::punctuality::Clocks;
use super::record::{Recognizer, Record};
use crate::model::{Measured, Outcome, Scenario, Segment, Side, Start};
use crate::sys::{Interest, Tapped, unix_ns, wait_ready};
use crate::wire::{SegmentHeader, decode_segment};

/// How long it may take until a scenario stands as it begins.
const PREPARATION: Duration = Duration::from_secs(10);
/// What that is allowed on top where round trips are long.
const ROUND_TRIPS: u32 = 8;
/// How long nothing may pass for the wire to be quiet, on top of the round trip.
const QUIET: Duration = Duration::from_millis(10);
/// Most connections of others in the accept queue.
const MOST_FILLERS: u32 = 64;
/// Most packets of a scenario; floods are played by others.
const PACKETS_MOST: u32 = 10_000;

/// What is needed while a scenario runs.
pub(super) struct Bench<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) network: &'a Network,
    pub(super) apps: Apps,
    fillers: Fillers,
    watchers: BTreeMap<Side, Watcher>,
    pub(super) looks: Looks,
    pub(super) agenda: Agenda,
    /// When the scenario began, in nanoseconds since 1970: before, nothing is lost and nothing is written down.
    pub(super) begun_ns: Option<u64>,
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
    /// What both taps showed, where it is kept.
    pub(super) frames: Option<Vec<Frame>>,
    /// Packets that came from outside and that no tap has shown yet, for those who want to see all of them.
    forged: Vec<(Side, Vec<u8>)>,
    /// How many packets were no TCP, and were not carried.
    pub(super) not_carried: u64,
    pub(super) clocks: Clocks,
    lateness_ns: u64,
    /// From when to when an application learnt that the peer has closed and closed as well.
    pub(super) closings: Vec<(Side, u64, u64)>,
    pub(super) measured: BTreeMap<Side, Measured>,
    /// Set, it ends the preparation.
    pub(super) stop: Arc<AtomicBool>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(scenario: &'a Scenario, network: &'a Network) -> Result<Self, LabError> {
        let mut watchers = BTreeMap::new();
        for side in Side::BOTH {
            watchers.insert(side, Watcher::new(network.host(side))?);
        }
        Ok(Self {
            scenario,
            network,
            apps: Apps::new(scenario, &network.client, &network.server),
            fillers: Fillers::default(),
            watchers,
            looks: Looks::new(),
            agenda: Agenda::new(scenario),
            begun_ns: None,
            carrier: Carrier::new(scenario),
            tapped: Side::BOTH.map(|side| (side, Recognizer::new(scenario.start))).into(),
            injected: Vec::new(),
            losing_power: None,
            record: Record::default(),
            last_ns: 0,
            frames: None,
            forged: Vec::new(),
            not_carried: 0,
            clocks: Clocks::new()?,
            lateness_ns: 0,
            closings: Vec::new(),
            measured: BTreeMap::new(),
            stop: Arc::default(),
        })
    }

    /// Brings both ends to where the scenario begins.
    pub(super) fn prepare(&mut self) -> Result<(), LabError> {
        let network = self.network;
        if self.scenario.start == Start::Nothing {
            return Ok(());
        }
        self.apps.of(Side::Server)?.listen(&network.server)?;
        self.fill_accept_queue()?;
        if self.scenario.start == Start::Closed {
            return Ok(());
        }
        if self.apps.of(Side::Client)?.connect(&network.client)?.1.is_some() {
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
        let deadline = Instant::now() + PREPARATION + Duration::from_micros(self.scenario.rtt_us) * ROUND_TRIPS;
        while !so(self) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(LabError::Stopped);
            }
            if Instant::now() >= deadline {
                return Err(LabError::NotReady(what));
            }
            self.turn(deadline.min(Instant::now() + STOP_NOTICED))?;
        }
        Ok(())
    }

    /// Turns until nothing is on the wire any more.
    fn settle(&mut self) -> Result<(), LabError> {
        let quiet = Instant::now() + Duration::from_micros(self.scenario.rtt_us) + QUIET;
        while Instant::now() < quiet || self.carrier.due().is_some() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(LabError::Stopped);
            }
            self.turn(quiet.max(Instant::now() + QUIET))?;
        }
        Ok(())
    }

    /// Whether nothing more can happen by itself: nothing is on its way or to be done, and no timer of any socket runs.
    pub(super) fn is_over(&self) -> bool {
        self.looks.is_quiet()
            && !self.apps.are_connecting()
            && self.carrier.due().is_none()
            && self.agenda.due().is_none()
    }

    /// Waits for the next thing and deals with it.
    pub(super) fn turn(&mut self, deadline: Instant) -> Result<(), LabError> {
        let times = [Some(deadline), Some(self.looks.next()), self.carrier.due(), self.agenda.due()];
        let until = times.into_iter().flatten().min().unwrap_or(deadline);
        let wait = until.saturating_duration_since(Instant::now());
        let (client, server) = (&self.network.client, &self.network.server);
        let mut watched: Vec<_> = [client.tun.as_fd(), server.tun.as_fd(), client.tap.as_fd(), server.tap.as_fd()]
            .map(|fd| (fd, Interest::Readable))
            .into();
        watched.extend(self.apps.watched());
        wait_ready(&watched, wait).map_err(LabError::Wire)?;
        drop(watched);
        self.clocks.woke(until);
        self.notice()?;
        self.carry()?;
        self.read_taps()?;
        self.apps.serve()?;
        self.notice()?;
        self.perform_due()?;
        self.clocks.look();
        if Instant::now() >= self.looks.next() { self.look() } else { Ok(()) }
    }

    /// How late packets were taken from the wire and brought, all together, in microseconds.
    pub(super) fn wire_late_us(&self) -> u64 {
        let carried_us = u64::try_from(self.carrier.lateness.as_micros()).unwrap_or(u64::MAX);
        (self.lateness_ns / 1000).saturating_add(carried_us)
    }

    /// The applications learn what became of their connections.
    pub(super) fn notice(&mut self) -> Result<(), LabError> {
        for side in Side::BOTH {
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
        if self.carrier.passed > PACKETS_MOST {
            return Err(LabError::TooMany(PACKETS_MOST));
        }
        let mut buffer = [0; PACKET_BYTES];
        for side in Side::BOTH {
            while let Some(packet) = self.network.host(side).tun.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = decode_segment(packet) else {
                    self.not_carried += 1;
                    continue;
                };
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
            self.looks.stir();
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
        for side in Side::BOTH {
            while let Some(tapped) = self.network.host(side).tap.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(packet) = buffer.get(..tapped.length) else { continue };
                self.keep(side, tapped, packet);
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
                self.write_down(side, tapped, &header);
            }
        }
        Ok(())
    }

    /// A packet comes to an end from outside.
    pub(super) fn arrive_from_outside(&mut self, to: Side, packet: &[u8]) -> Result<(), LabError> {
        if self.frames.is_some() {
            self.forged.push((to, packet.to_vec()));
        }
        self.network.host(to).tun.send(packet).map_err(LabError::Wire)
    }

    /// Keeps a packet for those who want to see all of them.
    fn keep(&mut self, side: Side, tapped: Tapped, packet: &[u8]) {
        let Some(frames) = &mut self.frames else { return };
        let forged = self.forged.iter().position(|(to, bytes)| !tapped.outgoing && *to == side && bytes == packet);
        let rst = decode_segment(packet).map(|header| header.rst);
        let passage = match (forged.map(|place| self.forged.remove(place)), rst) {
            (Some(_), _) => Passage::Injected,
            (None, None) => Passage::NotCarried,
            (None, Some(_)) if tapped.outgoing && self.carrier.lose_all => Passage::Lost,
            (None, Some(true)) if tapped.outgoing && self.losing_power == Some(side) => Passage::Lost,
            _ => Passage::Carried,
        };
        frames.push(Frame {
            unix_ns: tapped.unix_ns,
            side,
            outgoing: tapped.outgoing,
            before: self.begun_ns.is_none(),
            passage,
            bytes: packet.to_vec(),
        });
    }

    /// Writes down a segment of the scenario that the tap of a side showed.
    fn write_down(&mut self, side: Side, tapped: Tapped, header: &SegmentHeader) {
        let sender = if tapped.outgoing { side } else { side.other() };
        let Some(recognizer) = self.tapped.get_mut(&side) else { return };
        let segment = recognizer.kind_of(sender, header);
        let Some(begun_ns) = self.begun_ns else {
            if side == self.scenario.about {
                self.last_ns = tapped.unix_ns;
            }
            return;
        };
        if !tapped.outgoing {
            self.record.arrived(tapped.unix_ns, side, segment);
            return;
        }
        self.looks.stir();
        self.lateness_ns += unix_ns().saturating_sub(tapped.unix_ns);
        let at_us = tapped.unix_ns.saturating_sub(begun_ns) / 1000;
        let lost = |nth| self.scenario.loses(side, segment, nth, at_us);
        let lost = self.record.sent(tapped.unix_ns, side, (segment, header.sequence), lost);
        if let Some(frame) = self.frames.as_mut().and_then(|frames| frames.last_mut()).filter(|_| lost) {
            frame.passage = Passage::Lost;
        }
        if matches!(segment, Segment::Syn | Segment::SynAck) {
            // It has an entry, however short that lives.
            self.record.begins_again(side);
            self.looks.has_entry(side);
        }
    }

    /// Sees what sockets there are, and writes down what became of them.
    fn look(&mut self) -> Result<(), LabError> {
        let others = self.fillers.ports();
        let since_ns = self.looks.begin();
        for (side, watcher) in &mut self.watchers {
            let now = watcher.look(&others)?;
            let before = self.looks.saw(*side, now.clone());
            if self.begun_ns.is_none() {
                continue;
            }
            for state in now.entered_since(&before) {
                self.record.entered(since_ns, unix_ns(), *side, state);
            }
            if before.sockets > 0 && now.sockets == 0 && !self.record.has_failed(*side) {
                self.record.vanished(since_ns, unix_ns(), *side);
            } else if before.sockets == 0 && now.sockets > 0 {
                self.record.begins_again(*side);
            }
        }
        self.looks.end();
        Ok(())
    }
}
