//! What is scripted from outside the two ends: what their applications do, and what the wire does to segments.

use super::{Errno, Segment, Side, SocketOptions};

/// Something that an application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When, in microseconds.
    pub at_us: u64,
    /// Who.
    pub side: Side,
    /// What.
    pub action: Action,
}

/// What an application can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// listen(): from now on SYNs are taken.
    Listen,
    /// connect() to the other end, from the port that it had before if it had one.
    Connect,
    /// Send one SYN from outside any socket, as a flood does: nobody waits for the answer.
    ForgeSyn,
    /// accept(): takes one of the connections that wait in the accept queue, so that there is room for another.
    Accept,
    /// send() one segment of data, as soon as the connection is established.
    Send,
    /// shutdown(SHUT_WR), as soon as the connection is established; the socket stays with the application.
    Shutdown,
    /// close(), as soon as the connection is established.
    Close,
    /// close(), as soon as the peer has closed.
    CloseAfterPeer,
    /// close() with `SO_LINGER` on and 0 s, as soon as the connection is established: sends a RST.
    Abort,
    /// The process ends, and the kernel closes what it held, in whatever state that is.
    Die,
    /// The host loses power and is back at once: nothing of the connection is left, and a server listens again.
    Reboot,
    /// setsockopt(): from now on the socket has these options.
    SetOptions(SocketOptions),
}

/// What the wire does to segments that fit. Where several rules fit, each is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireRule {
    /// Who sends them.
    pub from: Side,
    /// Which kind; nothing for every kind.
    pub segment: Option<Segment>,
    /// The first and the last of that kind that it is for, counted from 1 in the order in which the side sends
    /// them; without a last one, all from the first on.
    pub nth: (u32, Option<u32>),
    /// Only those that leave at this time or later, in microseconds.
    pub from_us: u64,
    /// Only those that leave before this time, in microseconds; nothing for no end.
    pub until_us: Option<u64>,
    /// What happens to them.
    pub fate: Fate,
}

/// What happens to a segment on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives.
    Lose,
    /// It takes longer than the others, by so many microseconds, and may be overtaken.
    Delay {
        /// By how much.
        by_us: u64,
    },
    /// It arrives, and once more so many microseconds after that.
    Duplicate {
        /// How much later.
        after_us: u64,
    },
}

impl WireRule {
    /// For every segment that a side sends.
    #[must_use]
    pub const fn every(from: Side, fate: Fate) -> Self {
        Self { from, segment: None, nth: (1, None), from_us: 0, until_us: None, fate }
    }

    /// Whether it is for this copy (counted from 0) of a segment, whenever that leaves.
    #[must_use]
    pub fn fits(&self, from: Side, segment: Segment, copy: u32) -> bool {
        let nth = copy.saturating_add(1);
        self.from == from
            && self.segment.is_none_or(|kind| kind == segment)
            && nth >= self.nth.0
            && self.nth.1.is_none_or(|last| nth <= last)
    }

    /// Whether it is for segments that leave at this time.
    #[must_use]
    pub fn rules_at(&self, at_us: u64) -> bool {
        at_us >= self.from_us && self.until_us.is_none_or(|until_us| at_us < until_us)
    }
}

/// Something that comes to an end from outside, as if the other end or a router on the way had sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// When it arrives, in microseconds.
    pub at_us: u64,
    /// Where it arrives.
    pub to: Side,
    /// What.
    pub what: Injected,
}

/// Kinds of injections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// A segment.
    Segment {
        /// Which.
        segment: Segment,
        /// Its sequence number.
        seq: Number,
        /// The number that it acknowledges; nothing leaves the ACK flag out.
        ack: Option<Number>,
    },
    /// An ICMP error about what this end last sent.
    Icmp {
        /// Which.
        error: IcmpError,
        /// Whether it arrives in the middle of a system call on the socket, as that for a first SYN does where
        /// the network answers at once: the kernel then takes a note and goes on.
        in_call: bool,
    },
}

/// A sequence number as a script names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// So much above (or below) what fits at that moment: for a sequence number what the receiver expects next,
    /// for an acknowledgement all that the receiver has sent.
    Fitting(i32),
    /// So much above (or below) the initial sequence number of the side that it belongs to.
    Initial(i32),
}

/// ICMP errors that TCP hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IcmpError {
    /// Type 3 code 0.
    NetUnreachable,
    /// Type 3 code 1.
    HostUnreachable,
    /// Type 3 code 3.
    PortUnreachable,
    /// Type 3 code 13, communication administratively prohibited.
    AdminProhibited,
    /// Type 11.
    TimeExceeded,
}

impl IcmpError {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::NetUnreachable, Self::HostUnreachable, Self::PortUnreachable, Self::AdminProhibited, Self::TimeExceeded];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetUnreachable => "net-unreachable",
            Self::HostUnreachable => "host-unreachable",
            Self::PortUnreachable => "port-unreachable",
            Self::AdminProhibited => "admin-prohibited",
            Self::TimeExceeded => "time-exceeded",
        }
    }

    /// What it becomes for the application: `icmp_err_convert[]` in `net/ipv4/icmp.c`, and `tcp_v4_err()`.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::NetUnreachable => Errno::NetworkUnreachable,
            Self::PortUnreachable => Errno::ConnectionRefused,
            Self::HostUnreachable | Self::AdminProhibited | Self::TimeExceeded => Errno::HostUnreachable,
        }
    }

    /// Whether the kernel takes back a backoff for it: RFC 6069, `tcp_v4_err()`.
    #[must_use]
    pub const fn reverts_backoff(self) -> bool {
        matches!(self, Self::NetUnreachable | Self::HostUnreachable)
    }
}
