//! The counters that matter first, as totals or as rates between two snapshots.

use serde::Serialize;

use crate::snapshot::Snapshot;

/// A counter worth watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MainCounter {
    /// The kernel's name; `softnet_dropped` for the sum over CPUs of `softnet_stat`'s second column.
    pub name: &'static str,
    /// What it counts, in words.
    pub label: &'static str,
    /// Whether each one is a connection, request or packet that was lost.
    pub is_loss: bool,
    /// Where it is found.
    read: fn(&Snapshot, &str) -> Option<i64>,
}

impl MainCounter {
    /// Its total in a snapshot; nothing when the kernel has no such counter or it could not be read.
    #[must_use]
    pub fn total(&self, snapshot: &Snapshot) -> Option<i64> {
        (self.read)(snapshot, self.name)
    }
}

const fn loss(name: &'static str, label: &'static str) -> MainCounter {
    MainCounter { name, label, is_loss: true, read: |snapshot, name| snapshot.counters.tcp_ext(name) }
}

const fn event(name: &'static str, label: &'static str) -> MainCounter {
    MainCounter { name, label, is_loss: false, read: |snapshot, name| snapshot.counters.tcp_ext(name) }
}

const fn snmp(name: &'static str, label: &'static str) -> MainCounter {
    MainCounter { name, label, is_loss: false, read: |snapshot, name| snapshot.counters.tcp(name) }
}

/// The counters, losses first. Names are those of `net/ipv4/proc.c`.
pub const MAIN_COUNTERS: &[MainCounter] = &[
    loss("ListenOverflows", "accept queue was full"),
    loss("ListenDrops", "SYNs and handshakes dropped at listeners"),
    loss("TCPReqQFullDrop", "SYN queue was full, no cookie"),
    event("TCPReqQFullDoCookies", "SYN queue was full, cookie instead"),
    event("SyncookiesSent", "SYN cookies sent"),
    event("SyncookiesRecv", "SYN cookies that came back"),
    loss("SyncookiesFailed", "bad SYN cookies"),
    MainCounter {
        name: "softnet_dropped",
        label: "packets dropped, input queue was full",
        is_loss: true,
        read: |snapshot, _| snapshot.counters.softnet_dropped(),
    },
    loss("TCPBacklogDrop", "segments dropped, socket backlog was full"),
    loss("TCPTimeWaitOverflow", "TIME-WAIT refused, too many"),
    loss("TCPAbortOnMemory", "connections ended, too many orphans or no memory"),
    loss("TCPAbortOnTimeout", "connections ended by timeout"),
    event("TCPTimeouts", "retransmission timeouts"),
    event("TCPSynRetrans", "SYNs and SYN-ACKs sent again"),
    snmp("RetransSegs", "segments sent again"),
    snmp("OutSegs", "segments sent"),
    snmp("ActiveOpens", "connections begun by this host"),
    snmp("PassiveOpens", "connections accepted"),
    snmp("AttemptFails", "handshakes that failed"),
    snmp("EstabResets", "connections ended by a reset"),
    snmp("OutRsts", "resets sent"),
];

/// A counter with what it was and how fast it rose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CounterView {
    /// The kernel's name.
    pub name: &'static str,
    /// What it counts, in words.
    pub label: &'static str,
    /// Whether each one is something lost.
    pub loss: bool,
    /// Its total since the namespace was made; nothing when unknown.
    pub total: Option<i64>,
    /// Rises in the window; nothing without a window, or when the counter fell.
    pub rise: Option<u64>,
    /// Rises a second, in thousandths.
    pub milli_per_s: Option<u64>,
}

/// Milliseconds between two snapshots of the same namespace in the same boot; nothing when they are not that.
#[must_use]
pub fn window_ms(earlier: &Snapshot, now: &Snapshot) -> Option<u64> {
    let same = earlier.netns.inode == now.netns.inode;
    now.monotonic_ms.checked_sub(earlier.monotonic_ms).filter(|ms| same && *ms > 0)
}

/// The main counters, with rates when an earlier snapshot is given.
#[must_use]
pub fn main_counters(now: &Snapshot, earlier: Option<&Snapshot>) -> Vec<CounterView> {
    let window = earlier.and_then(|earlier| Some((earlier, window_ms(earlier, now)?)));
    let view = |counter: &MainCounter| {
        let total = counter.total(now);
        let rise = window.and_then(|(earlier, _)| {
            let before = counter.total(earlier)?;
            u64::try_from(total?.checked_sub(before)?).ok()
        });
        let milli_per_s = rise.zip(window).map(|(rise, (_, ms))| rise.saturating_mul(1_000_000) / ms);
        CounterView { name: counter.name, label: counter.label, loss: counter.is_loss, total, rise, milli_per_s }
    };
    MAIN_COUNTERS.iter().map(view).collect()
}
