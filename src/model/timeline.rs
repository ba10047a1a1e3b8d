//! What happens, when, on which side, and how it ends.

use core::fmt;

use super::IcmpError;
use crate::units::{Micros, TcpState};

/// When something happens: not before `at_us`, not after `latest_us`.
///
/// `at_us` is the nominal time (every kernel timer fires exactly when asked), which is also the earliest,
/// since the timer wheel is never early. `latest_us` is the worst that the wheel can do, each handler up to one
/// tick late included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Nominal time in microseconds.
    pub at_us: u64,
    /// Latest time in microseconds.
    pub latest_us: u64,
}

impl Window {
    /// A time that nothing makes late.
    #[must_use]
    pub const fn exactly(at_us: u64) -> Self {
        Self { at_us, latest_us: at_us }
    }

    /// The parts before and after something comes true that stays true from then on; nothing where it does not within the
    /// window.
    pub(super) fn split(self, is_true: impl Fn(u64) -> bool) -> Option<(Self, Self)> {
        let Self { at_us, latest_us } = self;
        if is_true(at_us) == is_true(latest_us) {
            return None;
        }
        let (mut before, mut after) = (at_us, latest_us);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if is_true(middle) { after = middle } else { before = middle }
        }
        Some((Self { at_us, latest_us: before }, Self { at_us: after, latest_us }))
    }

    /// The smallest window that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { at_us: self.at_us.min(other.at_us), latest_us: self.latest_us.max(other.latest_us) }
    }
}

/// As a person says it: `131 s (up to 135.4 s)`; the latest time is never rounded down.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step_us = if self.latest_us < 1_000_000 { 1000 } else { 100_000 };
        let at = Micros(self.at_us).to_string();
        let latest = Micros(self.latest_us.div_ceil(step_us).saturating_mul(step_us)).to_string();
        if at == latest { f.write_str(&at) } else { write!(f, "{at} (up to {latest})") }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The one that called connect().
    Client,
    /// The one that listens.
    Server,
}

impl Side {
    /// Both, the client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Kinds of TCP segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Opens.
    Syn,
    /// Opens and acknowledges.
    SynAck,
    /// Acknowledges.
    Ack,
    /// Closes (the ACK flag is set as well).
    Fin,
    /// Refuses or aborts.
    Rst,
    /// Carries data.
    Data,
    /// Asks a peer whose window is closed.
    Probe,
    /// Asks an idle peer.
    Keepalive,
}

impl Segment {
    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::SynAck => "SYN-ACK",
            Self::Ack => "ACK",
            Self::Fin => "FIN",
            Self::Rst => "RST",
            Self::Data => "DATA",
            Self::Probe => "PROBE",
            Self::Keepalive => "KEEPALIVE",
        }
    }
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub window: Window,
    /// Where.
    pub side: Side,
    /// What.
    pub what: What,
}

/// Kinds of events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The application calls this.
    Call(&'static str),
    /// The call that was waiting returns, with an error name or nothing for success.
    Return(&'static str, Option<Errno>),
    /// A segment leaves.
    Send {
        /// Which.
        segment: Segment,
        /// How often it was sent before: 0 for the first copy, and for segments that take no number (ACK, RST).
        copy: u32,
        /// Whether the wire loses it.
        lost: bool,
    },
    /// A segment arrives.
    Arrive {
        /// Which.
        segment: Segment,
        /// How often it was sent before; nothing for a stray, which comes from outside.
        copy: Option<u32>,
    },
    /// An ICMP error arrives.
    Icmp(IcmpError),
    /// The socket (or request) enters a state; [`TcpState::Close`] is its end.
    State(TcpState),
}

/// Errors that a socket call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errno {
    /// Nobody answered.
    TimedOut,
    /// A RST came back.
    ConnectionRefused,
    /// A RST ended what was established.
    ConnectionReset,
    /// A RST ended what the peer had closed.
    BrokenPipe,
    /// An ICMP error said that the host cannot be reached.
    HostUnreachable,
    /// An ICMP error said that the network cannot be reached.
    NetworkUnreachable,
    /// No local port is free for that destination.
    AddressNotAvailable,
    /// An ICMPv6 error said that it is prohibited.
    PermissionDenied,
}

impl Errno {
    /// The name of errno(3).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TimedOut => "ETIMEDOUT",
            Self::ConnectionRefused => "ECONNREFUSED",
            Self::ConnectionReset => "ECONNRESET",
            Self::BrokenPipe => "EPIPE",
            Self::HostUnreachable => "EHOSTUNREACH",
            Self::NetworkUnreachable => "ENETUNREACH",
            Self::AddressNotAvailable => "EADDRNOTAVAIL",
            Self::PermissionDenied => "EACCES",
        }
    }
}

/// How one side ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub window: Window,
    /// Which side.
    pub side: Side,
    /// How.
    pub outcome: Outcome,
}

/// Kinds of endings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A call fails.
    Failed(Errno),
    /// The connection is established and stays.
    Established,
    /// The kernel forgets the socket or entry.
    Gone,
    /// Nothing ends it by itself.
    Never,
}

impl Outcome {
    /// Its name in every output: the errno's, or a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed(errno) => errno.name(),
            Self::Established => "established",
            Self::Gone => "gone",
            Self::Never => "never",
        }
    }
}

/// A scenario's course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// What happens, by nominal time.
    pub events: Vec<Event>,
    /// How each side ends; the side that the scenario is about first.
    pub ends: Vec<End>,
    /// Other courses that are as possible, where the lateness of timers decides what happens: a tie.
    pub alternatives: Vec<Timeline>,
}

impl Timeline {
    /// The end of the side that the scenario is about.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.ends.first()
    }

    /// How often a side sends a segment.
    #[must_use]
    pub fn sent(&self, side: Side, segment: Segment) -> usize {
        let is_it = |what: &What| matches!(what, What::Send { segment: sent, .. } if *sent == segment);
        self.events.iter().filter(|event| event.side == side && is_it(&event.what)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_reads_as_a_sentence_and_never_promises_more_than_it_holds() {
        let text = |at_us, latest_us| Window { at_us, latest_us }.to_string();
        assert_eq!(text(131_000_000, 135_308_000), "131 s (up to 135.4 s)");
        assert_eq!(text(7_000_000, 7_148_000), "7 s (up to 7.2 s)");
        assert_eq!(text(200_000, 204_000), "200 ms (up to 204 ms)");
        assert_eq!(text(60_000_000, 60_000_000), "60 s");
    }
}
