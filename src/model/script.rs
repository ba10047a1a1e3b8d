//! What is scripted from outside the two ends: what their applications do, and what the wire does to segments.

use super::{Errno, IpVersion, Segment, Side, SocketOptions};
use crate::units::KernelVersion;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcmpError {
    /// No network, or no route.
    NetUnreachable,
    /// No host at that address.
    HostUnreachable,
    /// Nobody at that port.
    PortUnreachable,
    /// Communication administratively prohibited.
    AdminProhibited,
    /// The hop limit ran out on the way.
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

    /// Its type and code, in ICMP (RFC 792, RFC 1812) or ICMPv6 (RFC 4443). What each host says of itself in ICMPv6 is
    /// that an address cannot be reached, and of a network that there is no route.
    #[must_use]
    pub const fn type_and_code(self, family: IpVersion) -> (u8, u8) {
        match (family, self) {
            (IpVersion::V4, Self::NetUnreachable) => (3, 0),
            (IpVersion::V4, Self::HostUnreachable) => (3, 1),
            (IpVersion::V4, Self::PortUnreachable) => (3, 3),
            (IpVersion::V4, Self::AdminProhibited) => (3, 13),
            (IpVersion::V4, Self::TimeExceeded) => (11, 0),
            (IpVersion::V6, Self::NetUnreachable) => (1, 0),
            (IpVersion::V6, Self::AdminProhibited) => (1, 1),
            (IpVersion::V6, Self::HostUnreachable) => (1, 3),
            (IpVersion::V6, Self::PortUnreachable) => (1, 4),
            (IpVersion::V6, Self::TimeExceeded) => (3, 0),
        }
    }

    /// What it becomes for the application: `icmp_err_convert[]` in `net/ipv4/icmp.c` and `tcp_v4_err()`, or
    /// `icmpv6_err_convert()` in `net/ipv6/icmp.c`.
    #[must_use]
    pub const fn errno(self, family: IpVersion) -> Errno {
        match (family, self) {
            (_, Self::NetUnreachable) => Errno::NetworkUnreachable,
            (_, Self::PortUnreachable) => Errno::ConnectionRefused,
            (_, Self::HostUnreachable | Self::TimeExceeded) | (IpVersion::V4, Self::AdminProhibited) => {
                Errno::HostUnreachable
            }
            (IpVersion::V6, Self::AdminProhibited) => Errno::PermissionDenied,
        }
    }

    /// Whether the kernel takes back a backoff for it (RFC 6069): `tcp_v4_err()` where a network or host cannot be
    /// reached, `tcp_v6_err()` where there is no route, since 5.8 (taken into net-next in May 2020, when 5.7 was about
    /// to be released).
    #[must_use]
    pub fn reverts_backoff(self, family: IpVersion, version: KernelVersion) -> bool {
        match family {
            IpVersion::V4 => matches!(self, Self::NetUnreachable | Self::HostUnreachable),
            IpVersion::V6 => self == Self::NetUnreachable && version.at_least(5, 8),
        }
    }

    /// Whether it ends a half-open entry: `tcp_req_err()`. What `tcp_v4_err()` takes for that are the errors of the path,
    /// and `tcp_v6_err()` those that `icmpv6_err_convert()` calls fatal, which are the others.
    #[must_use]
    pub const fn ends_request(self, family: IpVersion) -> bool {
        match family {
            IpVersion::V4 => matches!(self, Self::NetUnreachable | Self::HostUnreachable | Self::TimeExceeded),
            IpVersion::V6 => matches!(self, Self::PortUnreachable | Self::AdminProhibited),
        }
    }
}
