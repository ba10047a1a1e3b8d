//! The counters that matter first, as totals or as rates between two snapshots.

use serde::Serialize;

use crate::snapshot::Snapshot;

/// A counter worth watching.
#[derive(Clone, Copy, Debug)]
pub struct MainCounter {
    /// The kernel's name; `softnet_dropped` for the sum over CPUs of `softnet_stat`'s second column.
    pub name: &'static str,
    /// What it counts, in words.
    pub label: &'static str,
    /// Whether each one is a connection, request or packet that was lost.
    pub is_loss: bool,
    /// The file it is found in.
    file: CounterFile,
}

/// Where a counter is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CounterFile {
    /// `TcpExt` of `/proc/net/netstat`.
    Netstat,
    /// `Tcp` of `/proc/net/snmp`.
    Snmp,
    /// `/proc/net/softnet_stat`, summed over CPUs.
    Softnet,
}

impl MainCounter {
    /// Its total in a snapshot; nothing when the kernel has no such counter or it could not be read.
    #[must_use]
    pub fn total(&self, snapshot: &Snapshot) -> Option<i64> {
        let counters = &snapshot.counters;
        match self.file {
            CounterFile::Netstat => counters.tcp_ext(self.name),
            CounterFile::Snmp => counters.tcp(self.name),
            CounterFile::Softnet => counters.softnet_dropped(),
        }
    }

    /// How much it rose since an older reading of the same namespace; nothing when it fell, or when it was not read twice.
    fn rise(&self, earlier: &Snapshot, now: &Snapshot) -> Option<u64> {
        match self.file {
            CounterFile::Netstat | CounterFile::Snmp => {
                u64::try_from(self.total(now)?.checked_sub(self.total(earlier)?)?).ok()
            }
            // Not of the sums: a CPU that comes brings what it has counted long ago.
            CounterFile::Softnet => now.counters.softnet_dropped_since(&earlier.counters),
        }
    }

    /// Whether its file was read and understood and it is not in there, so that this kernel has no such counter.
    #[must_use]
    pub fn is_absent(&self, snapshot: &Snapshot) -> bool {
        let counters = &snapshot.counters;
        let (read, file) = match self.file {
            CounterFile::Netstat => (counters.netstat.is_some(), "/netstat"),
            CounterFile::Snmp => (counters.snmp.is_some(), "/snmp"),
            CounterFile::Softnet => (counters.softnet.is_some(), "/softnet_stat"),
        };
        // It may have been in what was not understood.
        read && self.total(snapshot).is_none() && !snapshot.gaps.iter().any(|gap| gap.source.ends_with(file))
    }
}

const fn loss(name: &'static str, label: &'static str) -> MainCounter {
    MainCounter { name, label, is_loss: true, file: CounterFile::Netstat }
}

const fn event(name: &'static str, label: &'static str) -> MainCounter {
    MainCounter { name, label, is_loss: false, file: CounterFile::Netstat }
}

const fn snmp(name: &'static str, label: &'static str) -> MainCounter {
    MainCounter { name, label, is_loss: false, file: CounterFile::Snmp }
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
        file: CounterFile::Softnet,
    },
    loss("TCPBacklogDrop", "segments dropped, socket backlog was full"),
    loss("TCPTimeWaitOverflow", "TIME-WAIT refused, too many"),
    loss("TCPAbortOnMemory", "ended for too many orphans or no memory"),
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
    /// Whether this kernel has no such counter.
    pub absent: bool,
    /// Rises in the window; nothing without a window, or when the counter fell.
    pub rise: Option<u64>,
    /// Rises a second, in thousandths.
    pub milli_per_s: Option<u64>,
}

/// Milliseconds between two snapshots of the same namespace in the same boot; nothing when they are not that.
#[must_use]
pub(super) fn window_ms(earlier: &Snapshot, now: &Snapshot) -> Option<u64> {
    earlier.is_earlier(now).ok()?;
    now.monotonic_ms.checked_sub(earlier.monotonic_ms).filter(|ms| *ms > 0)
}

/// Thousandths a second; nothing for what no counter rises by.
fn milli_per_s(rise: u64, window_ms: u64) -> Option<u64> {
    u64::try_from((u128::from(rise) * 1_000_000).checked_div(window_ms.into())?).ok()
}

/// The main counters, with rates when an earlier snapshot is given.
#[must_use]
pub fn main_counters(now: &Snapshot, earlier: Option<&Snapshot>) -> Vec<CounterView> {
    let window = earlier.and_then(|earlier| Some((earlier, window_ms(earlier, now)?)));
    let view = |counter: &MainCounter| {
        let total = counter.total(now);
        let rise = window.and_then(|(earlier, _)| counter.rise(earlier, now));
        let milli_per_s = rise.zip(window).and_then(|(rise, (_, ms))| milli_per_s(rise, ms));
        CounterView {
            name: counter.name,
            label: counter.label,
            loss: counter.is_loss,
            total,
            absent: counter.is_absent(now),
            rise,
            milli_per_s,
        }
    };
    MAIN_COUNTERS.iter().map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::snapshot;
    use super::*;

    fn find<'a>(views: &'a [CounterView], name: &str) -> &'a CounterView {
        views.iter().find(|view| view.name == name).unwrap()
    }

    #[test]
    fn rates_are_of_the_time_that_passed_and_not_of_the_time_that_was_asked_for() {
        let earlier = snapshot();
        let mut now = snapshot();
        now.monotonic_ms += 500;
        let netstat = now.counters.netstat.as_mut().unwrap().get_mut("TcpExt").unwrap();
        *netstat.get_mut("ListenDrops").unwrap() += 206;
        let views = main_counters(&now, Some(&earlier));
        let drops = find(&views, "ListenDrops");
        assert_eq!((drops.rise, drops.milli_per_s), (Some(206), Some(412_000)));
        assert_eq!(find(&views, "ListenOverflows").milli_per_s, Some(0));
    }

    #[test]
    fn a_counter_that_fell_or_is_missing_has_no_rate() {
        let mut earlier = snapshot();
        let mut now = snapshot();
        now.monotonic_ms += 1_000;
        now.counters.netstat.as_mut().unwrap().get_mut("TcpExt").unwrap().insert("ListenDrops".into(), 0);
        earlier.counters.softnet = None;
        let views = main_counters(&now, Some(&earlier));
        assert_eq!(find(&views, "ListenDrops").rise, None);
        assert_eq!(find(&views, "softnet_dropped").rise, None);
        assert_eq!(find(&views, "TCPTimeWaitOverflow").total, None, "not in this kernel");
    }

    #[test]
    fn readings_of_two_namespaces_have_no_window() {
        let mut other = snapshot();
        other.netns.inode = Some(1);
        other.monotonic_ms += 1_000;
        assert_eq!(window_ms(&snapshot(), &other), None);
        assert_eq!(window_ms(&snapshot(), &snapshot()), None, "no time passed");
    }

    #[test]
    fn no_counter_is_listed_twice() {
        let names: std::collections::BTreeSet<_> = MAIN_COUNTERS.iter().map(|counter| counter.name).collect();
        assert_eq!(names.len(), MAIN_COUNTERS.len());
    }
}
