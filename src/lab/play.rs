//! Plays a scenario on the kernel: carries the packets between the two namespaces and writes down what passes.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::LabError;
use super::apps::{Apps, PORT, errno_of};
use super::filler::Filler;
use super::look::{Seen, Watcher};
use super::network::Network;
use super::record::{Recognizer, Record};
use crate::model::{Action, Errno, Measured, Outcome, Scenario, Segment, Side, Start, Timeline};
use crate::sys::{Interest, unix_ns, wait_ready};
use crate::wire::{SegmentHeader, build_syn, decode_segment};

/// Where forged SYNs come from: an address of the same documentation network that nobody has.
const FORGED_SOURCE: &str = "192.0.2.77:5555";
/// How often sockets are looked at; their ends are known to this much.
const LOOK: Duration = Duration::from_millis(5);
/// How long it may take until a scenario stands as it begins.
const PREPARATION: Duration = Duration::from_secs(10);
const PACKET_BYTES: usize = 2048;
const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// A scenario as the kernel played it.
#[derive(Debug)]
pub struct Played {
    /// What happened, in windows of no width.
    pub timeline: Timeline,
    /// How late this process took packets from the wire at worst, in microseconds, by the kernel's stamps.
    pub lateness_us: u64,
    /// What the connection had measured of the wire when the scenario began, where there was one.
    pub measured: BTreeMap<Side, Measured>,
    /// The sysctls of both namespaces, as read back.
    pub pins: BTreeMap<Side, Vec<(String, String)>>,
}

/// Plays a scenario for at most `limit`.
///
/// # Errors
/// When the private namespaces cannot be made (usually for want of rights) or the wire fails.
pub fn play(scenario: &Scenario, limit: Duration) -> Result<Played, LabError> {
    let network = Network::build(scenario)?;
    let mut bench = Bench::new(scenario, &network)?;
    bench.prepare()?;
    bench.begin()?;
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline && !bench.is_over() {
        bench.turn(deadline)?;
    }
    bench.read_taps()?;
    let pins = SIDES.map(|side| (side, network.host(side).pins.clone()));
    Ok(Played {
        timeline: bench.record.into_timeline(scenario.about),
        lateness_us: bench.lateness_ns / 1000,
        measured: bench.measured,
        pins: BTreeMap::from(pins),
    })
}

/// What is needed while a scenario runs.
struct Bench<'a> {
    scenario: &'a Scenario,
    network: &'a Network,
    apps: Apps,
    filler: Filler,
    watchers: BTreeMap<Side, Watcher>,
    seen: BTreeMap<Side, Seen>,
    /// Whether the scenario has begun: before, nothing is lost and nothing is written down.
    begun: bool,
    /// Looks in a row in which no timer of any socket ran.
    quiet_looks: u32,
    next_look: Instant,
    /// Packets on their way: when they are due, in order; to which side.
    on_the_way: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    next_packet: u64,
    /// What the wire took since the beginning.
    carried: Recognizer,
    tapped: Recognizer,
    copies: BTreeMap<(Side, Segment), u32>,
    record: Record,
    /// Stamp of the last packet before the beginning that the side which the scenario is about sent or received.
    last_ns: u64,
    lateness_ns: u64,
    measured: BTreeMap<Side, Measured>,
}

impl<'a> Bench<'a> {
    fn new(scenario: &'a Scenario, network: &'a Network) -> Result<Self, LabError> {
        let small_buffer = scenario.start == Start::WindowClosed;
        let apps = Apps::listen(network, small_buffer)?;
        let mut watchers = BTreeMap::new();
        for side in SIDES {
            watchers.insert(side, Watcher::new(network.host(side))?);
        }
        Ok(Self {
            scenario,
            network,
            apps,
            filler: Filler::default(),
            watchers,
            seen: BTreeMap::new(),
            begun: false,
            quiet_looks: 0,
            next_look: Instant::now(),
            on_the_way: BTreeMap::new(),
            next_packet: 0,
            carried: Recognizer::new(scenario.start),
            tapped: Recognizer::new(scenario.start),
            copies: BTreeMap::new(),
            record: Record::default(),
            last_ns: 0,
            lateness_ns: 0,
            measured: BTreeMap::new(),
        })
    }

    /// Brings both ends to where the scenario begins.
    fn prepare(&mut self) -> Result<(), LabError> {
        if self.scenario.listener.joining > 0 {
            self.fill_accept_queue()?;
        }
        self.apps.set_server_options(&self.scenario.server.options)?;
        if matches!(self.scenario.start, Start::Closed | Start::Nothing) {
            return Ok(());
        }
        self.apps.connect(self.network, &self.scenario.client.options)?;
        self.until("the connection to be established", |bench| {
            bench.apps.is_accepted() && !bench.apps.connecting && bench.on_the_way.is_empty()
        })?;
        // What the handshake leaves behind is carried too: its last ACK, and nothing after it.
        self.settle()?;
        match self.scenario.start {
            Start::WindowClosed => {
                self.apps.fill()?;
                self.until("the window to close", |bench| bench.tapped.window_is_closed())?;
                // The client learns of it half a round trip later, and measures that, too; its first probe is an RTO off.
                self.settle()?;
            }
            Start::Forgotten => {
                self.carried.lose_all = true;
                self.apps.forget()?;
                self.settle()?;
                self.carried.lose_all = false;
            }
            Start::Closed | Start::Nothing | Start::Established => {}
        }
        Ok(())
    }

    /// Opens a connection that stays in the accept queue. The queue has room beside it until the scenario's SYN was
    /// taken: the kernel takes none while it is full.
    fn fill_accept_queue(&mut self) -> Result<(), LabError> {
        if self.scenario.start != Start::Closed {
            return Err(LabError::NotPlayable("a full accept queue behind an open connection"));
        }
        self.apps.connect_waiting(self.network)?;
        self.until("the accept queue to fill", |bench| bench.filler.answered)?;
        self.settle()
    }

    /// Turns until something is so, for a limited time.
    fn until(&mut self, what: &'static str, so: impl Fn(&Self) -> bool) -> Result<(), LabError> {
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
        while Instant::now() < quiet || !self.on_the_way.is_empty() {
            self.turn(quiet)?;
        }
        Ok(())
    }

    /// The scenario begins: the applications do what they do at time 0, and the wire begins to lose.
    fn begin(&mut self) -> Result<(), LabError> {
        self.begun = true;
        self.measured = self.apps.measured();
        if matches!(self.scenario.start, Start::Established) && self.scenario.calls.is_empty() {
            // Time 0 is when something was last heard.
            self.record.begin(self.last_ns);
        }
        for call in &self.scenario.calls {
            match (call.action, call.at_us) {
                (Action::Connect, 0) => self.apps.connect(self.network, &self.scenario.client.options)?,
                (Action::ForgeSyn, 0) => self.forge_syn()?,
                (Action::CloseAfterPeer, 0) => self.apps.act(Action::CloseAfterPeer)?,
                // On a connection that is not there yet they wait for connect() to return.
                (_, 0) if self.scenario.start == Start::Closed => {}
                (action, 0) => self.apps.act(action)?,
                _ => return Err(LabError::NotPlayable("calls after the beginning")),
            }
        }
        (self.quiet_looks, self.next_look) = (0, Instant::now());
        Ok(())
    }

    fn forge_syn(&mut self) -> Result<(), LabError> {
        let target = std::net::SocketAddr::new(self.network.server.address, PORT);
        let source = FORGED_SOURCE.parse().map_err(|_| LabError::NotPlayable("a forged source"))?;
        let packet = build_syn(source, target, 1).ok_or(LabError::NotPlayable("a forged SYN"))?;
        self.record.sent(unix_ns(), Side::Client, Segment::Syn, |_| false);
        self.network.server.tun.send(&packet).map_err(LabError::Wire)
    }

    /// Whether nothing more can happen by itself: nothing is on its way, and no timer of any socket runs.
    fn is_over(&self) -> bool {
        // Twice, so that what the last timer did has been taken note of.
        self.quiet_looks >= 2 && !self.apps.connecting && self.on_the_way.is_empty()
    }

    /// Waits for the next thing and deals with it.
    fn turn(&mut self, deadline: Instant) -> Result<(), LabError> {
        let due = self.on_the_way.keys().next().map(|(due, _)| *due);
        let until = [Some(deadline), Some(self.next_look), due].into_iter().flatten().min().unwrap_or(deadline);
        let wait = until.saturating_duration_since(Instant::now());
        let (client, server) = (&self.network.client, &self.network.server);
        let mut watched: Vec<_> = [client.tun.as_fd(), server.tun.as_fd(), client.tap.as_fd(), server.tap.as_fd()]
            .map(|fd| (fd, Interest::Readable))
            .into();
        let interest = if self.apps.connecting { Interest::Writable } else { Interest::Failure };
        watched.extend(self.apps.client.as_ref().map(|socket| (socket.as_fd(), interest)));
        let ready = wait_ready(&watched, wait).map_err(LabError::Wire)?;
        drop(watched);
        if ready.get(4).copied().unwrap_or(false) {
            self.finish_call()?;
        }
        self.carry()?;
        self.read_taps()?;
        self.apps.serve()?;
        if Instant::now() >= self.next_look {
            self.note_lateness(self.next_look);
            self.look()?;
            self.next_look = Instant::now() + LOOK;
        }
        Ok(())
    }

    /// The client's socket has come to a result: the connect() that was under way, or the connection.
    fn finish_call(&mut self) -> Result<(), LabError> {
        let now_ns = unix_ns();
        let Some(socket) = &self.apps.client else { return Ok(()) };
        let error = socket.take_error().map_err(LabError::Wire)?;
        let errno: Option<Errno> = match &error {
            None => None,
            Some(error) => {
                Some(errno_of(error).ok_or_else(|| LabError::Wire(std::io::Error::other(error.to_string())))?)
            }
        };
        let connecting = core::mem::take(&mut self.apps.connecting);
        if errno.is_some() {
            self.apps.client = None;
        }
        if self.begun && connecting {
            self.record.returned(now_ns, Side::Client, errno);
        } else if self.begun
            && let Some(errno) = errno
        {
            self.record.ended(now_ns, Side::Client, Outcome::Failed(errno));
        }
        if self.begun && connecting && errno.is_none() {
            let later = |action| matches!(action, Action::Send | Action::Shutdown | Action::Close);
            for call in self.scenario.calls.iter().filter(|call| later(call.action)) {
                self.apps.act(call.action)?;
            }
        }
        Ok(())
    }

    /// Takes what the kernels sent, drops what the scenario loses, and delivers what is due.
    fn carry(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        for side in SIDES {
            while let Some(packet) = self.network.host(side).tun.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = decode_segment(packet) else { continue };
                if !self.is_foreign(side, &header) && self.takes_away(side, &header)? {
                    continue;
                }
                let due = Instant::now() + Duration::from_micros(self.scenario.rtt_us / 2);
                self.on_the_way.insert((due, self.next_packet), (side.other(), packet.to_vec()));
                self.next_packet += 1;
            }
        }
        while let Some(entry) = self.on_the_way.first_entry().filter(|entry| entry.key().0 <= Instant::now()) {
            let due = entry.key().0;
            let (side, packet) = entry.remove();
            // What it did has to be looked at before all is taken to be over.
            self.quiet_looks = 0;
            self.network.host(side).tun.send(&packet).map_err(LabError::Wire)?;
            // The kernel has dealt with it when the write returns.
            self.note_lateness(due);
        }
        Ok(())
    }

    /// Whether a segment is not the scenario's but that of the connection which fills the accept queue.
    fn is_foreign(&mut self, sender: Side, header: &SegmentHeader) -> bool {
        if self.scenario.listener.joining > 0 && !self.begun {
            self.filler.learn(sender, header);
        }
        self.filler.owns(sender, header)
    }

    /// Whether the wire takes a segment and does not bring it.
    fn takes_away(&mut self, side: Side, header: &SegmentHeader) -> Result<bool, LabError> {
        let segment = self.carried.kind_of(side, header);
        if self.scenario.listener.joining > 0 && segment == Segment::SynAck {
            self.apps.close_accept_queue()?;
        }
        Ok(self.carried.lose_all || (self.begun && self.loses(side, segment)))
    }

    /// Something that was due then has been done only now.
    fn note_lateness(&mut self, due: Instant) {
        if self.begun {
            let late_ns = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.lateness_ns = self.lateness_ns.max(late_ns);
        }
    }

    /// Whether the wire loses this copy of a segment; counts it.
    fn loses(&mut self, side: Side, segment: Segment) -> bool {
        let copies = self.copies.entry((side, segment)).or_insert(0);
        *copies += 1;
        self.scenario.loses(side, segment, *copies - 1, 0)
    }

    /// Takes the kernel's stamps of what passed.
    fn read_taps(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        for side in SIDES {
            while let Some(tapped) = self.network.host(side).tap.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = buffer.get(..tapped.length).and_then(decode_segment) else { continue };
                let sender = if tapped.outgoing { side } else { side.other() };
                if self.is_foreign(sender, &header) {
                    continue;
                }
                let segment = self.tapped.kind_of(sender, &header);
                if !self.begun {
                    if side == self.scenario.about {
                        self.last_ns = tapped.unix_ns;
                    }
                    continue;
                }
                self.lateness_ns = self.lateness_ns.max(unix_ns().saturating_sub(tapped.unix_ns));
                if tapped.outgoing {
                    let scenario = self.scenario;
                    self.record.sent(tapped.unix_ns, side, segment, |copy| scenario.loses(side, segment, copy, 0));
                } else {
                    self.record.arrived(tapped.unix_ns, side, segment);
                }
            }
        }
        Ok(())
    }

    /// Sees what sockets there are, and writes down when the last one of an end vanishes.
    fn look(&mut self) -> Result<(), LabError> {
        for (side, watcher) in &mut self.watchers {
            let now = watcher.look(self.filler.port())?;
            let before = self.seen.insert(*side, now).unwrap_or_default();
            let own_end = *side == Side::Client && (self.apps.client.is_some() || self.record.has_failed(*side));
            if self.begun && before.sockets > 0 && now.sockets == 0 && !own_end {
                self.record.ended(unix_ns(), *side, Outcome::Gone);
            }
        }
        let timed = self.seen.values().any(|seen| seen.timed > 0);
        self.quiet_looks = if timed { 0 } else { self.quiet_looks.saturating_add(1) };
        Ok(())
    }
}
