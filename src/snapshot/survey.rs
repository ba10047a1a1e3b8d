//! What only some questions need to know of sockets. It is not part of a stored snapshot.

use std::net::IpAddr;

use super::gap::Gap;
use super::sockets::{Process, Sockets};

/// What was asked about the sockets of one network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketSurvey {
    /// Counts, listeners and ports in use; nothing when not asked for, or when they could not be read.
    pub sockets: Option<Sockets>,
    /// Sockets in CLOSE_WAIT, likewise.
    pub close_wait: Option<CloseWait>,
    /// Ports that TCP and UDP share, likewise.
    pub shared_ports: Option<SharedPorts>,
    /// What could not be read of all this.
    pub gaps: Vec<Gap>,
}

/// Sockets in CLOSE_WAIT, and who holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseWait {
    /// How many there are.
    pub sockets: u64,
    /// Of these, how many no process has accepted yet: they wait in the accept queue of a listener.
    pub not_accepted: u64,
    /// Of the others, for how many the holder was looked for, at most [`CloseWait::TRACED`].
    pub traced: u64,
    /// Of the traced, for how many nobody was found (see the gaps).
    pub unknown: u64,
    /// The processes that hold the traced ones, the one with most first. A socket that several processes hold
    /// counts for each.
    pub holders: Vec<Holder>,
}

impl CloseWait {
    /// Most sockets whose holder is looked for, so that a leak of millions does not cost the memory of millions.
    pub const TRACED: usize = 65_536;
}

/// A process, and how many sockets it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub process: Process,
    /// Its sockets.
    pub sockets: u64,
}

/// Ports on which TCP listens and that a UDP socket has as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedPorts {
    /// How many ports there are.
    pub total: u64,
    /// The lowest of them, at most [`SharedPorts::KEPT`].
    pub ports: Vec<SharedPort>,
}

impl SharedPorts {
    /// How many ports are told in detail.
    pub const KEPT: usize = 100;
    /// How many addresses and sockets are told of each protocol.
    pub const KEPT_PER_PORT: usize = 16;
}

/// A port that both protocols have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPort {
    /// Its number.
    pub port: u16,
    /// The listeners of TCP.
    pub tcp: PortSide,
    /// The sockets of UDP.
    pub udp: PortSide,
}

/// One protocol's sockets on a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSide {
    /// Local addresses, ascending.
    pub addresses: Vec<IpAddr>,
    /// Processes, ascending; empty when none could be found.
    pub processes: Vec<Process>,
}
