//! Sockets: counts, listeners and the use of ephemeral ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::samples::Samples;
use crate::units::TcpState;

/// The sockets of one network namespace at one moment (sock_diag dumps are not atomic).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// Where they were read.
    pub source: SocketSource,
    /// How many there are in each state, with 0 where there are none. A state that was not counted is not present.
    pub states: BTreeMap<TcpState, u64>,
    /// Listening sockets, ordered by address and port.
    pub listeners: Vec<Listener>,
    /// Ephemeral ports in use per destination, the fullest first, at most [`Sockets::PORT_USE_KEPT`] rows; whether
    /// they were counted says [`SocketSource::counts_ports`].
    pub ports: Vec<PortUse>,
    /// Distinct ephemeral ports in use per local address, the fullest first, at most [`Sockets::ADDRESSES_KEPT`] rows;
    /// nothing where they were not counted, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<AddressUse>>,
    /// Half-open connections by how many SYN-ACKs were sent again for them: none, one, and so on; the last of
    /// [`Sockets::HALF_OPEN_KINDS`] is that many and more. Nothing where they were not counted, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_open_resent: Option<Vec<u64>>,
    /// A few sockets one by one; nothing where the source does not tell of them, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Samples>,
}

impl Sockets {
    /// How many destinations [`Sockets::ports`] keeps.
    pub const PORT_USE_KEPT: usize = 100;
    /// Of how many local addresses [`Sockets::addresses`] counts distinct ports: each takes 8 KiB meanwhile.
    pub const ADDRESSES_KEPT: usize = 64;
    /// How many kinds of half-open connections are told apart: `tcp_synack_retries` is 5, and hardly ever more.
    pub const HALF_OPEN_KINDS: usize = 8;

    /// The use of ports, where it was counted: that takes the range that they are chosen from. Of an older file without
    /// any in use it is not known.
    #[must_use]
    pub fn counted_ports(&self) -> Option<&[PortUse]> {
        let is_counted = self.source.counts_ports() && (self.addresses.is_some() || !self.ports.is_empty());
        is_counted.then_some(self.ports.as_slice())
    }

    /// The count of one state; nothing when it was not counted.
    #[must_use]
    pub fn counted(&self, state: TcpState) -> Option<u64> {
        self.states.get(&state).copied()
    }

    /// The count of one state, 0 when it was not counted.
    #[must_use]
    pub fn count(&self, state: TcpState) -> u64 {
        self.states.get(&state).copied().unwrap_or(0)
    }
}

/// Where sockets were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SocketSource {
    /// sock_diag over netlink.
    SockDiag,
    /// `/proc/net/tcp` and `tcp6`: no backlog limits of listeners, no drops.
    ProcNetTcp,
    /// sock_diag for the rare states; ESTAB and TIME-WAIT from `/proc/net/sockstat{,6}`. No use of ports, and no
    /// sockets in CLOSE, which are bound to a port without a connection.
    #[serde(rename = "sock-diag-and-sockstat")]
    Masked,
    /// sock_diag for listeners alone: no counts of states, no SYN queues, no use of ports.
    #[serde(rename = "sock-diag-listeners")]
    Listeners,
    /// sock_diag for listeners alone, and the length of each one's SYN queue by a BPF program: no counts of states, no use
    /// of ports.
    #[serde(rename = "sock-diag-listeners-and-bpf")]
    Queues,
}

impl SocketSource {
    /// Whether [`Sockets::ports`] was counted.
    #[must_use]
    pub const fn counts_ports(self) -> bool {
        matches!(self, Self::SockDiag | Self::ProcNetTcp)
    }

    /// Whether the states were counted, and with them the half-open entries of each listener.
    #[must_use]
    pub const fn counts_states(self) -> bool {
        !matches!(self, Self::Listeners | Self::Queues)
    }

    /// Whether [`Listener::half_open`] is known.
    #[must_use]
    pub const fn counts_half_open(self) -> bool {
        !matches!(self, Self::Listeners)
    }

    /// Whether [`Listener::half_open`] is each listener's own, also where several share a port.
    #[must_use]
    pub const fn tells_half_open_apart(self) -> bool {
        matches!(self, Self::Queues)
    }
}

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Local address; unspecified means every address.
    pub address: IpAddr,
    /// Local port.
    pub port: u16,
    /// Whether an IPv6 socket refuses IPv4; nothing when unknown or for IPv4.
    pub v6_only: Option<bool>,
    /// Interface index it is bound to, 0 for none.
    pub interface: u32,
    /// Name of that interface, where there is one and it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Completed connections waiting for accept(): `sk_ack_backlog`, ss's Recv-Q. Can be `backlog + 1`.
    /// Nothing where the source cannot tell.
    pub accept_queue: Option<u32>,
    /// `min(listen() argument, somaxconn at that time)`: `sk_max_ack_backlog`, ss's Send-Q.
    pub backlog: Option<u32>,
    /// SYN_RECV entries whose local port (and address, if bound) is this listener's. With several listeners
    /// on one address and port (`SO_REUSEPORT`) sock_diag does not say whose they are, and each row has the
    /// sum of all, with [`Listener::shares_port`] set. From [`SocketSource::Queues`] it is the length of this socket's
    /// own SYN queue, in which requests of Fast Open are not; and so it is with [`Listener::half_open_own`].
    pub half_open: u64,
    /// Whether [`Listener::half_open`] is this listener's own, read by a BPF program, although others share its port.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub half_open_own: bool,
    /// How many listeners there are on this very address and port, itself included.
    pub shares_port: u32,
    /// Segments this listener dropped (`sk_drops`), or that it is unknown: every connection it refused, and with
    /// `TCP_DEFER_ACCEPT` the bare ACKs that it puts off.
    pub drops: Drops,
    /// Inode of the socket, 0 when the kernel does not tell.
    pub inode: u64,
    /// Owner's user id.
    pub uid: u32,
    /// Kernel cookie, stable for the life of the socket; 0 when the source has none.
    pub cookie: u64,
    /// Processes that hold it; empty when none could be found (see the snapshot's gaps).
    pub processes: Vec<Process>,
}

/// A listener's own drop count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drops {
    /// Since the socket was made (`SK_MEMINFO_DROPS`).
    Total(u32),
    /// The source does not tell.
    Unknown,
}

impl Drops {
    /// How many, where it is known.
    #[must_use]
    pub const fn total(self) -> Option<u32> {
        match self {
            Self::Total(total) => Some(total),
            Self::Unknown => None,
        }
    }
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: i32,
    /// Its `comm`, at most 15 bytes.
    pub name: String,
}

/// A process that holds a socket, with where it belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SocketOwner {
    /// Process id.
    pub pid: u32,
    /// Its `comm`, at most 15 bytes; empty when it ended meanwhile.
    pub name: String,
    /// Its unit of systemd.
    pub unit: Option<String>,
    /// Its container: what runs it where that is known, and its short id or name.
    pub container: Option<String>,
}

/// Local ephemeral ports in use towards one destination from one local address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortUse {
    /// Local address.
    pub source: IpAddr,
    /// Remote address.
    pub destination: IpAddr,
    /// Remote port.
    pub destination_port: u16,
    /// Sockets whose local port lies in the ephemeral range, TIME_WAIT included.
    pub used: u64,
    /// Of these, those in TIME_WAIT or in a FIN_WAIT_2 minisock.
    pub time_wait: u64,
    /// Inodes of a few of the others, at most [`PortUse::EXAMPLES`]; nothing in older files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inodes: Vec<u32>,
    /// Processes that hold those few, each once; empty when they were not looked for or not found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Process>,
}

impl PortUse {
    /// Of how many sockets the inode is kept: enough to see whether they are of one process.
    pub const EXAMPLES: usize = 4;
}

/// Ephemeral ports of one local address, whatever they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressUse {
    /// The local address.
    pub source: IpAddr,
    /// Distinct local ports in use, TIME_WAIT included.
    pub distinct: u64,
    /// Sockets that use them: more than there are ports where connect() chose one for several destinations.
    pub sockets: u64,
    /// Destinations (address and port) that they lead to.
    pub destinations: u64,
}
