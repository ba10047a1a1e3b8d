//! A SYN flood on the kernel, inside the private namespaces: forged SYNs into the server's wire, and what the server
//! makes of them.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::LabError;
use super::apps::PORT;
use super::look::Watcher;
use super::network::{Network, PACKET_BYTES};
use crate::model::{Host, Scenario, Settings};
use crate::sys::{Interest, ProcRoot, Stream, listen_on, wait_ready};
use crate::units::KernelVersion;
use crate::wire::{build_syn, decode_segment, parse_paired_lines};

/// Most SYNs of one flood.
pub const FLOOD_MOST: u32 = 20_000;

/// Forged sources are the addresses from this one on of the wire's documentation network, some ports each.
const FIRST_HOST: u8 = 10;
const SOURCES: u32 = 200;
const FIRST_PORT: u32 = 2000;
/// How often requests are counted while they are watched.
const LOOK: Duration = Duration::from_millis(10);

/// What a flood came to, from the namespace's own counters, which begin at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodCounts {
    /// Half-open requests there are.
    pub half_open: u64,
    /// SYN-ACKs read from the wire.
    pub syn_acks: u64,
    /// `SyncookiesSent`.
    pub cookies_sent: u64,
    /// `ListenDrops`.
    pub listen_drops: u64,
    /// `ListenOverflows`.
    pub listen_overflows: u64,
    /// `TCPReqQFullDoCookies`.
    pub queue_full_cookies: u64,
    /// `TCPReqQFullDrop`.
    pub queue_full_drops: u64,
}

impl FloodCounts {
    /// What was counted since; of half-open requests and SYN-ACKs there is what there is.
    pub(super) const fn since(self, before: &Self) -> Self {
        Self {
            cookies_sent: self.cookies_sent.saturating_sub(before.cookies_sent),
            listen_drops: self.listen_drops.saturating_sub(before.listen_drops),
            listen_overflows: self.listen_overflows.saturating_sub(before.listen_overflows),
            queue_full_cookies: self.queue_full_cookies.saturating_sub(before.queue_full_cookies),
            queue_full_drops: self.queue_full_drops.saturating_sub(before.queue_full_drops),
            ..self
        }
    }

    /// The counters of both together.
    pub(super) const fn and(self, other: &Self) -> Self {
        Self {
            cookies_sent: self.cookies_sent + other.cookies_sent,
            listen_drops: self.listen_drops + other.listen_drops,
            listen_overflows: self.listen_overflows + other.listen_overflows,
            queue_full_cookies: self.queue_full_cookies + other.queue_full_cookies,
            queue_full_drops: self.queue_full_drops + other.queue_full_drops,
            ..self
        }
    }
}

/// A listener on the kernel that can be flooded.
pub struct FloodBench {
    pub(super) network: Network,
    /// Keeps the server listening.
    _listener: TcpListener,
    pub(super) watcher: Watcher,
    forged: u32,
    syn_acks: u64,
    started: Instant,
}

/// Floods a listener of this backlog with so many SYNs, as fast as they go, and counts.
///
/// # Errors
/// When the private namespaces cannot be made (usually for want of rights), the wire fails, or the flood is larger
/// than [`FLOOD_MOST`].
pub fn flood(settings: &Settings, backlog: i32, count: u32) -> Result<FloodCounts, LabError> {
    let mut bench = FloodBench::build(settings, backlog)?;
    bench.send(count)?;
    bench.counts()
}

impl FloodBench {
    /// Makes private namespaces with these settings and listens in one.
    ///
    /// # Errors
    /// When they cannot be made, usually for want of rights.
    pub fn build(settings: &Settings, backlog: i32) -> Result<Self, LabError> {
        // Which kernel it is makes no difference to the wire.
        let host = Host { version: KernelVersion::new(6, 18), hz: None };
        Ok(Self::build_with(&Scenario::connect(host, settings), backlog, |_| Ok(()))?.0)
    }

    /// The same for the wire of a scenario, with something done in the namespaces before the server listens.
    pub(super) fn build_with<T>(
        scenario: &Scenario,
        backlog: i32,
        prepare: impl FnOnce(&mut Network) -> Result<T, LabError>,
    ) -> Result<(Self, T), LabError> {
        let mut network = Network::build(scenario)?;
        let prepared = prepare(&mut network)?;
        let setup = |doing| move |error| LabError::Setup { doing, error };
        let target = SocketAddr::new(network.server.address, PORT);
        let listener = network.server.namespace.run(|| listen_on(target, backlog))?.map_err(setup("listen"))?;
        let watcher = Watcher::new(&network.server)?;
        let bench = Self { network, _listener: listener, watcher, forged: 0, syn_acks: 0, started: Instant::now() };
        Ok((bench, prepared))
    }

    /// Sends so many SYNs, each from a source of its own that never answers, and reads the SYN-ACKs.
    ///
    /// # Errors
    /// When the wire fails, or more than [`FLOOD_MOST`] would be sent.
    pub fn send(&mut self, count: u32) -> Result<(), LabError> {
        if count > FLOOD_MOST - self.forged {
            return Err(LabError::NotPlayable("a flood of more than 20000 SYNs"));
        }
        if self.forged == 0 {
            self.started = Instant::now();
        }
        for _ in 0..count {
            self.send_forged()?;
            // The kernel has answered when the write returns; read at once, no answer can overflow the queue.
            self.carry()?;
        }
        Ok(())
    }

    /// Sends one SYN and reads nothing; the packet is handed back.
    pub(super) fn send_forged(&mut self) -> Result<Vec<u8>, LabError> {
        let target = SocketAddr::new(self.network.server.address, PORT);
        let source = forged_source(self.forged, target.ip()).ok_or(LabError::NotPlayable("so many forged sources"))?;
        let packet = build_syn(source, target, self.forged).ok_or(LabError::NotPlayable("a forged SYN"))?;
        self.network.server.tun.send(&packet).map_err(LabError::Wire)?;
        self.forged += 1;
        Ok(packet)
    }

    /// The same, evenly at so many per second; one that comes late makes none of the others late.
    ///
    /// # Errors
    /// As of [`FloodBench::send`].
    pub fn send_paced(&mut self, count: u32, rate_per_s: u64) -> Result<(), LabError> {
        let begun = Instant::now();
        for number in 0..u64::from(count) {
            let due = Duration::from_micros(number.saturating_mul(1_000_000) / rate_per_s.max(1));
            while let Some(left) = due.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
                wait_ready(&[(self.network.server.tun.as_fd(), Interest::Readable)], left).map_err(LabError::Wire)?;
                self.carry()?;
            }
            self.send(1)?;
        }
        Ok(())
    }

    /// Counts.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn counts(&mut self) -> Result<FloodCounts, LabError> {
        self.carry()?;
        let half_open = self.watcher.count_half_open()?;
        Ok(FloodCounts { half_open, syn_acks: self.syn_acks, ..self.counters()? })
    }

    /// What the server's namespace has counted; the rest is 0.
    pub(super) fn counters(&self) -> Result<FloodCounts, LabError> {
        let text = self.network.server.namespace.run(|| ProcRoot::new("/proc").read_net("netstat"))?;
        let text = text.map_err(|error| LabError::Wire(io::Error::other(error)))?;
        let counters = parse_paired_lines(&text).value;
        let counter = |name: &'static str| {
            let value = counters.get("TcpExt").and_then(|group| group.get(name)).copied();
            let missing = || LabError::Wire(io::Error::other(format!("the kernel does not count {name}")));
            u64::try_from(value.ok_or_else(missing)?).map_err(|_| missing())
        };
        Ok(FloodCounts {
            half_open: 0,
            syn_acks: 0,
            cookies_sent: counter("SyncookiesSent")?,
            listen_drops: counter("ListenDrops")?,
            listen_overflows: counter("ListenOverflows")?,
            queue_full_cookies: counter("TCPReqQFullDoCookies")?,
            queue_full_drops: counter("TCPReqQFullDrop")?,
        })
    }

    /// Watches the half-open requests until so long after the first SYN: from when on there were how many. The
    /// times are known to about 10 ms, or to what the process was kept waiting.
    ///
    /// # Errors
    /// When the wire fails or the kernel cannot be asked.
    pub fn watch(&mut self, until: Duration) -> Result<Vec<(Duration, u64)>, LabError> {
        let mut levels: Vec<(Duration, u64)> = Vec::new();
        while self.started.elapsed() < until {
            let found = self.watcher.count_half_open()?;
            if levels.last().is_none_or(|(_, level)| *level != found) {
                levels.push((self.started.elapsed(), found));
            }
            let next_look = Instant::now() + LOOK;
            while let Some(left) = next_look.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                wait_ready(&[(self.network.server.tun.as_fd(), Interest::Readable)], left).map_err(LabError::Wire)?;
                self.carry()?;
            }
        }
        Ok(levels)
    }

    /// Lets an honest client connect, for at most `limit`: how long its connect() took, or nothing if it had no
    /// answer by then.
    ///
    /// # Errors
    /// When the wire fails or the attempt is refused.
    pub fn connect(&mut self, limit: Duration) -> Result<Option<Duration>, LabError> {
        let called = Instant::now();
        let Some(socket) = self.connect_at_once(1)?.pop() else { return Ok(None) };
        while let Some(left) = limit.checked_sub(called.elapsed()) {
            let watched = [
                (socket.as_fd(), Interest::Writable),
                (self.network.client.tun.as_fd(), Interest::Readable),
                (self.network.server.tun.as_fd(), Interest::Readable),
            ];
            let ready = wait_ready(&watched, left).map_err(LabError::Wire)?;
            let took = called.elapsed();
            self.carry()?;
            if ready.first() == Some(&true) {
                return match socket.take_error().map_err(LabError::Wire)? {
                    None => Ok(Some(took)),
                    Some(error) => Err(LabError::Wire(error)),
                };
            }
        }
        Ok(None)
    }

    /// Lets so many honest clients connect at once, so that every SYN arrives before the first answer, and carries
    /// packets until nothing is on its way. Their sockets are handed back.
    ///
    /// # Errors
    /// When the wire fails.
    pub fn connect_at_once(&mut self, clients: u32) -> Result<Vec<Stream>, LabError> {
        let target = SocketAddr::new(self.network.server.address, PORT);
        let connect = |_| {
            let socket = Stream::new(target.is_ipv6())?;
            socket.start_connect(target)?;
            Ok(socket)
        };
        let sockets = self.network.client.namespace.run(|| (0..clients).map(connect).collect::<io::Result<_>>())?;
        let sockets = sockets.map_err(|error| LabError::Setup { doing: "connect", error })?;
        self.carry()?;
        Ok(sockets)
    }

    /// Takes what both ends sent: what is for the other one gets there at once, what is for a forged source is lost.
    fn carry(&mut self) -> Result<(), LabError> {
        let mut buffer = [0; PACKET_BYTES];
        let mut idle = false;
        while !idle {
            idle = true;
            while let Some(packet) = self.network.server.tun.receive(&mut buffer).map_err(LabError::Wire)? {
                let Some(header) = decode_segment(packet) else { continue };
                self.syn_acks += u64::from(header.syn && header.ack);
                if header.destination.ip() == self.network.client.address {
                    self.network.client.tun.send(packet).map_err(LabError::Wire)?;
                    idle = false;
                }
            }
            while let Some(packet) = self.network.client.tun.receive(&mut buffer).map_err(LabError::Wire)? {
                self.network.server.tun.send(packet).map_err(LabError::Wire)?;
                idle = false;
            }
        }
        Ok(())
    }
}

/// The source of the n-th forged SYN: no two are the same. It is an address of the target's own network.
fn forged_source(number: u32, target: IpAddr) -> Option<SocketAddr> {
    let host = FIRST_HOST + u8::try_from(number % SOURCES).ok()?;
    let port = u16::try_from(FIRST_PORT + number / SOURCES).ok()?;
    let address = match target {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, host])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, host.into()])
        }
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_forged_syn_has_a_source_of_its_own_on_the_wires_network() {
        for (target, network) in [("192.0.2.2", "192.0.2."), ("2001:db8::2", "2001:db8::")] {
            let target: IpAddr = target.parse().unwrap();
            let forged = |number| forged_source(number, target);
            let sources: BTreeSet<SocketAddr> = (0..FLOOD_MOST).filter_map(forged).collect();
            assert_eq!(sources.len(), 20_000);
            assert!(sources.iter().all(|source| source.ip().to_string().starts_with(network)));
            assert!(sources.iter().all(|source| source.ip() != target));
        }
    }
}
