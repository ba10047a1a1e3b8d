//! Plays a scenario on the kernel: carries the packets between the two namespaces and writes down what passes.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::LabError;
use super::half_open::count_half_open;
use super::network::Network;
use super::record::{Record, kind_of};
use crate::model::{Action, Errno, Outcome, Scenario, Segment, Side, Timeline};
use crate::sys::{SockDiag, Stream, listen_on, unix_ns, wait_ready};
use crate::wire::{build_syn, decode_segment};

const PORT: u16 = 80;
const BACKLOG: i32 = 128;
/// Where forged SYNs come from: an address of the same documentation network that nobody has.
const FORGED_SOURCE: &str = "192.0.2.77:5555";
/// How often the server's half-open entry is looked for; its end is known to this much.
const LOOK: Duration = Duration::from_millis(5);
const PACKET_BYTES: usize = 2048;

/// A scenario as the kernel played it.
#[derive(Debug)]
pub struct Played {
    /// What happened, in windows of no width.
    pub timeline: Timeline,
    /// How late this process took packets from the wire at worst, in microseconds, by the kernel's stamps.
    pub lateness_us: u64,
    /// The sysctls of both namespaces, as read back.
    pub pins: BTreeMap<Side, Vec<(String, String)>>,
}

/// Plays a scenario for at most `limit`.
///
/// # Errors
/// When the private namespaces cannot be made (usually for want of rights) or the wire fails.
pub fn play(scenario: &Scenario, limit: Duration) -> Result<Played, LabError> {
    if scenario.accept_queue_full {
        return Err(LabError::NotPlayable("a full accept queue"));
    }
    let network = Network::build(scenario)?;
    let mut bench = Bench::prepare(scenario, &network)?;
    bench.start()?;
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline && !bench.is_over() {
        bench.turn(deadline)?;
    }
    bench.read_taps()?;
    let pins = [Side::Client, Side::Server].map(|side| (side, network.host(side).pins.clone()));
    Ok(Played {
        timeline: bench.record.into_timeline(scenario.about),
        lateness_us: bench.lateness_ns / 1000,
        pins: BTreeMap::from(pins),
    })
}

/// What is needed while a scenario runs.
struct Bench<'a> {
    scenario: &'a Scenario,
    network: &'a Network,
    /// Keeps the server listening.
    _listener: TcpListener,
    /// The client's socket while connect() is under way.
    connecting: Option<Stream>,
    /// Keeps what is connected.
    connected: Option<Stream>,
    /// Looks for the server's half-open entry; made in its namespace.
    diag: SockDiag,
    half_open: HalfOpen,
    started: Instant,
    next_look: Instant,
    /// Packets on their way: when they are due, in order; to which side.
    on_the_way: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    next_packet: u64,
    /// Copies of each segment that the wire took.
    carried: BTreeMap<(Side, Segment), u32>,
    record: Record,
    lateness_ns: u64,
}

/// Whether the server has a half-open entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HalfOpen {
    NotYet,
    There,
    Gone,
}

impl<'a> Bench<'a> {
    fn prepare(scenario: &'a Scenario, network: &'a Network) -> Result<Self, LabError> {
        let setup = |doing| move |error| LabError::Setup { doing, error };
        let server = &network.server;
        let (listener, diag) = server.namespace.run(|| -> Result<_, LabError> {
            let address = SocketAddr::new(server.address, PORT);
            let listener = listen_on(address, BACKLOG).map_err(setup("listen"))?;
            let diag = SockDiag::open().map_err(|error| setup("open sock_diag")(io::Error::other(error)))?;
            Ok((listener, diag))
        })??;
        let started = Instant::now();
        Ok(Self {
            scenario,
            network,
            _listener: listener,
            connecting: None,
            connected: None,
            diag,
            half_open: HalfOpen::NotYet,
            started,
            next_look: started,
            on_the_way: BTreeMap::new(),
            next_packet: 0,
            carried: BTreeMap::new(),
            record: Record::default(),
            lateness_ns: 0,
        })
    }

    /// Does what the applications do at time 0.
    fn start(&mut self) -> Result<(), LabError> {
        for call in &self.scenario.calls {
            match (call.action, call.at_us) {
                (Action::Connect, 0) => self.connect()?,
                (Action::ForgeSyn, 0) => self.forge_syn()?,
                _ => return Err(LabError::NotPlayable("calls after the beginning")),
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), LabError> {
        let target = SocketAddr::new(self.network.server.address, PORT);
        let socket = self.network.client.namespace.run(|| Stream::start_connect(target))?;
        self.connecting = Some(socket.map_err(|error| LabError::Setup { doing: "connect", error })?);
        Ok(())
    }

    fn forge_syn(&mut self) -> Result<(), LabError> {
        let target = SocketAddr::new(self.network.server.address, PORT);
        let source = FORGED_SOURCE.parse().map_err(|_| LabError::NotPlayable("a forged source"))?;
        let packet = build_syn(source, target, 1).ok_or(LabError::NotPlayable("a forged SYN"))?;
        self.record.sent(unix_ns(), Side::Client, Segment::Syn, |_| false);
        self.network.server.tun.send(&packet).map_err(LabError::Wire)
    }

    /// Whether nothing more can happen that the scenario is about.
    fn is_over(&self) -> bool {
        let looked = self.next_look > self.started;
        looked && self.connecting.is_none() && self.half_open != HalfOpen::There && self.on_the_way.is_empty()
    }

    /// Waits for the next thing and deals with it.
    fn turn(&mut self, deadline: Instant) -> Result<(), LabError> {
        let due = self.on_the_way.keys().next().map(|(due, _)| *due);
        let until = [Some(deadline), Some(self.next_look), due].into_iter().flatten().min().unwrap_or(deadline);
        let wait = until.saturating_duration_since(Instant::now());
        let (client, server) = (&self.network.client, &self.network.server);
        let readable = [client.tun.as_fd(), server.tun.as_fd(), client.tap.as_fd(), server.tap.as_fd()];
        let connecting = self.connecting.as_ref().map(AsFd::as_fd);
        let connect_ready = wait_ready(&readable, connecting, wait).map_err(LabError::Wire)?;
        if connect_ready {
            self.finish_connect()?;
        }
        self.carry()?;
        self.read_taps()?;
        if Instant::now() >= self.next_look {
            self.look_for_half_open()?;
            self.next_look = Instant::now() + LOOK;
        }
        Ok(())
    }

    /// The connect() has come to its end: takes its result.
    fn finish_connect(&mut self) -> Result<(), LabError> {
        let now_ns = unix_ns();
        let Some(socket) = self.connecting.take() else { return Ok(()) };
        let errno = match socket.take_error().map_err(LabError::Wire)? {
            None => None,
            Some(error) if error.kind() == io::ErrorKind::TimedOut => Some(Errno::TimedOut),
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Some(Errno::ConnectionRefused),
            Some(error) => return Err(LabError::Wire(error)),
        };
        self.record.returned(now_ns, Side::Client, errno);
        self.connected = Some(socket);
        Ok(())
    }

    /// Takes what the kernels sent, drops what the scenario loses, and delivers what is due.
    fn carry(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        for side in [Side::Client, Side::Server] {
            while let Some(packet) = self.network.host(side).tun.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = decode_segment(packet) else { continue };
                let segment = kind_of(&header);
                let copies = self.carried.entry((side, segment)).or_insert(0);
                let copy = *copies;
                *copies += 1;
                if !self.scenario.loses(side, segment, copy) {
                    let due = Instant::now() + Duration::from_micros(self.scenario.rtt_us / 2);
                    self.on_the_way.insert((due, self.next_packet), (side.other(), packet.to_vec()));
                    self.next_packet += 1;
                }
            }
        }
        while let Some(entry) = self.on_the_way.first_entry().filter(|entry| entry.key().0 <= Instant::now()) {
            let (side, packet) = entry.remove();
            self.network.host(side).tun.send(&packet).map_err(LabError::Wire)?;
        }
        Ok(())
    }

    /// Takes the kernel's stamps of what passed.
    fn read_taps(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        for side in [Side::Client, Side::Server] {
            while let Some(tapped) = self.network.host(side).tap.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = buffer.get(..tapped.length).and_then(decode_segment) else { continue };
                self.lateness_ns = self.lateness_ns.max(unix_ns().saturating_sub(tapped.unix_ns));
                let segment = kind_of(&header);
                if tapped.outgoing {
                    let scenario = self.scenario;
                    self.record.sent(tapped.unix_ns, side, segment, |copy| scenario.loses(side, segment, copy));
                } else {
                    self.record.arrived(tapped.unix_ns, side, segment);
                }
            }
        }
        Ok(())
    }

    /// Sees whether the server has a half-open entry, and writes down when it vanishes.
    fn look_for_half_open(&mut self) -> Result<(), LabError> {
        let failed = |error| LabError::Wire(io::Error::other(error));
        let found = count_half_open(&mut self.diag).map_err(failed)?;
        match (self.half_open, found) {
            (HalfOpen::NotYet | HalfOpen::Gone, 1..) => self.half_open = HalfOpen::There,
            (HalfOpen::There, 0) => {
                self.half_open = HalfOpen::Gone;
                self.record.ended(unix_ns(), Side::Server, Outcome::Gone);
            }
            _ => {}
        }
        Ok(())
    }
}
