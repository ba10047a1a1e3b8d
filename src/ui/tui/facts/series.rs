//! The figures that have a history.

use crate::snapshot::Snapshot;
use crate::units::TcpState;

/// A figure that has a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::ui::tui) enum SeriesId {
    /// Sockets in a state.
    State(TcpState),
    /// TIME_WAIT minisocks as `tcp_max_tw_buckets` counts them: FIN_WAIT_2 ones included.
    TimeWaitBuckets,
    /// Ports in use towards the fullest destination.
    FullestDestination,
    /// Orphaned sockets of the whole host.
    Orphans,
    /// Pages that TCP holds, of the whole host.
    MemoryPages,
    /// A counter of `TcpExt` in `/proc/net/netstat`.
    TcpExt(&'static str),
    /// A counter of `Tcp` in `/proc/net/snmp`.
    Tcp(&'static str),
    /// Packets dropped by full input queues of the host's CPUs.
    SoftnetDropped,
}

/// Every `TcpExt` counter that a screen shows.
const TCP_EXT: [&str; 8] = [
    "ListenDrops",
    "ListenOverflows",
    "TCPReqQFullDrop",
    "TCPReqQFullDoCookies",
    "SyncookiesSent",
    "SyncookiesRecv",
    "TCPTimeWaitOverflow",
    "TCPAbortOnMemory",
];
/// Every `Tcp` counter that a screen shows.
const TCP: [&str; 8] =
    ["RetransSegs", "OutSegs", "InSegs", "OutRsts", "EstabResets", "AttemptFails", "PassiveOpens", "ActiveOpens"];

impl SeriesId {
    /// Every figure.
    pub(in crate::ui::tui) fn all() -> impl Iterator<Item = Self> {
        TcpState::ALL
            .into_iter()
            .map(Self::State)
            .chain(TCP_EXT.into_iter().map(Self::TcpExt))
            .chain(TCP.into_iter().map(Self::Tcp))
            .chain([
                Self::TimeWaitBuckets,
                Self::FullestDestination,
                Self::Orphans,
                Self::MemoryPages,
                Self::SoftnetDropped,
            ])
    }

    /// Its reading; nothing when it could not be read, and for counts of sockets of which some are missing.
    pub(in crate::ui::tui) fn read(self, snapshot: &Snapshot) -> Option<i64> {
        let signed = |value: u64| i64::try_from(value).ok();
        let counters = &snapshot.counters;
        let whole = || snapshot.sockets.as_ref().filter(|_| !snapshot.misses_sockets());
        match self {
            Self::State(state) => signed(whole()?.counted(state)?),
            // The count of a walk is another number: those in FIN_WAIT_2 are not in it.
            Self::TimeWaitBuckets => counters.sockstat("TCP", "tw"),
            Self::FullestDestination => {
                let counted = whole()?.counted_ports()?;
                signed(counted.iter().map(|port| port.used).max().unwrap_or(0))
            }
            Self::Orphans => counters.sockstat("TCP", "orphan"),
            Self::MemoryPages => counters.sockstat("TCP", "mem"),
            Self::TcpExt(name) => counters.tcp_ext(name),
            Self::Tcp(name) => counters.tcp(name),
            Self::SoftnetDropped => counters.softnet_dropped(),
        }
    }
}
