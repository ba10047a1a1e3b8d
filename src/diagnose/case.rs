//! What the rules judge: one reading, or two with the time between them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Stated;
use crate::snapshot::{
    DeviceQueue, Gap, GapKind, Listener, NotComparable, Process, Samples, Snapshot, SocketSource, Sockets, SoftnetCpu,
    SysctlReading,
};
use crate::units::Micros;

/// One or two snapshots, asked for figures by name. Each answer is the figure, or the gap that hides it as text.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    now: &'a Snapshot,
    /// The older reading, or why there is none to compare with.
    before: Result<&'a Snapshot, String>,
    /// The listeners of the older reading, by their cookie.
    listeners_before: BTreeMap<u64, &'a Listener>,
    /// Those of the newer one that share an address, a port and an interface.
    siblings: BTreeMap<Place, Vec<&'a Listener>>,
    /// By how much all accept queues grew, where that can be told.
    queues_grew: Option<i64>,
    stated: &'a Stated,
}

/// Address, port and interface of a listener.
type Place = (IpAddr, u16, u32);

fn place(listener: &Listener) -> Place {
    (listener.address, listener.port, listener.interface)
}

/// Source names as they stand in evidence and gaps.
pub(super) const NETSTAT: &str = "/proc/net/netstat TcpExt";
pub(super) const SNMP: &str = "/proc/net/snmp Tcp";
pub(super) const SOFTNET: &str = "/proc/net/softnet_stat";
pub(super) const SOCKSTAT: &str = "/proc/net/sockstat TCP";
pub(super) const SOCK_DIAG: &str = "sock_diag";
const QUEUES: &str = "rtnetlink RTM_GETQDISC";
pub(super) const STATED: &str = "stated by --timeouts";

impl<'a> Case<'a> {
    /// Takes the newer and, if there is one, the older reading.
    #[must_use]
    pub fn new(now: &'a Snapshot, before: Option<&'a Snapshot>) -> Self {
        let none = || "needs two readings; there is one".to_owned();
        let compared =
            |before: &'a Snapshot| before.is_earlier(now).map(|()| before).map_err(|error| not_compared(&error));
        let mut case = Self {
            now,
            before: before.ok_or_else(none).and_then(compared),
            listeners_before: BTreeMap::new(),
            siblings: BTreeMap::new(),
            queues_grew: None,
            stated: Stated::NOTHING,
        };
        if let Ok(sockets) = case.sockets_before() {
            let known = sockets.listeners.iter().filter(|listener| listener.cookie != 0);
            case.listeners_before = known.map(|listener| (listener.cookie, listener)).collect();
        }
        if let Ok(sockets) = case.sockets() {
            for listener in &sockets.listeners {
                case.siblings.entry(place(listener)).or_default().push(listener);
            }
            if case.listeners_compare().is_ok() {
                let waiting = |listener: &Listener| i64::from(listener.accept_queue.unwrap_or(0));
                let grew = |listener| waiting(listener) - case.listener_before(listener).map_or(0, waiting);
                case.queues_grew = Some(sockets.listeners.iter().map(grew).sum());
            }
        }
        case
    }

    /// The same, with what is known besides the readings.
    #[must_use]
    pub fn knowing(self, stated: &'a Stated) -> Self {
        Self { stated, ..self }
    }

    /// What is known besides the readings.
    #[must_use]
    pub fn stated(&self) -> &'a Stated {
        self.stated
    }

    /// The newer reading.
    #[must_use]
    pub fn now(&self) -> &'a Snapshot {
        self.now
    }

    /// The older reading.
    ///
    /// # Errors
    /// When there is none, or when the two cannot be compared.
    pub fn before(&self) -> Result<&'a Snapshot, String> {
        self.before.clone()
    }

    /// Time between the readings in milliseconds, at least 1.
    ///
    /// # Errors
    /// As [`Case::before`].
    pub fn window_ms(&self) -> Result<u64, String> {
        Ok(self.now.monotonic_ms.saturating_sub(self.before()?.monotonic_ms))
    }

    /// How much a counter of `TcpExt` rose.
    ///
    /// # Errors
    /// When it is missing in one of the readings, or fell.
    pub fn tcp_ext_rise(&self, name: &str) -> Result<u64, String> {
        let read = |snapshot: &Snapshot| {
            let missing = || missing_counter(snapshot, "/proc/net/netstat", snapshot.counters.netstat.is_none(), name);
            snapshot.counters.tcp_ext(name).ok_or_else(missing)
        };
        rise(name, read(self.before()?)?, read(self.now)?)
    }

    /// How much a counter of `Tcp` rose.
    ///
    /// # Errors
    /// When it is missing in one of the readings, or fell.
    pub fn tcp_rise(&self, name: &str) -> Result<u64, String> {
        let read = |snapshot: &Snapshot| {
            let missing = || missing_counter(snapshot, "/proc/net/snmp", snapshot.counters.snmp.is_none(), name);
            snapshot.counters.tcp(name).ok_or_else(missing)
        };
        rise(name, read(self.before()?)?, read(self.now)?)
    }

    /// A figure of `Tcp` that is a level and no total: `CurrEstab`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn tcp_now(&self, name: &str) -> Result<u64, String> {
        let missing = || missing_counter(self.now, "/proc/net/snmp", self.now.counters.snmp.is_none(), name);
        let figure = self.now.counters.tcp(name).ok_or_else(missing)?;
        u64::try_from(figure).map_err(|_| format!("{SNMP} {name} is {figure}"))
    }

    /// How much a column of `/proc/net/softnet_stat` rose on each CPU that both readings have, beside the newer row.
    ///
    /// The kernel counts these in 32 bits (`struct softnet_data`), so on a busy host they begin anew within an hour. A CPU
    /// that is new brings what it counted before it was taken away, and one that has gone has no row.
    ///
    /// # Errors
    /// When it could not be read twice.
    pub fn softnet_rises(&self, column: fn(&SoftnetCpu) -> u64) -> Result<Vec<(&'a SoftnetCpu, u64)>, String> {
        let read = |snapshot: &'a Snapshot| {
            let missing = || missing_counter(snapshot, SOFTNET, true, "rows");
            snapshot.counters.softnet.as_deref().ok_or_else(missing)
        };
        let before = self.before()?;
        read(before)?;
        read(self.now)?;
        Ok(self.now.counters.softnet_rises(&before.counters, column).unwrap_or_default())
    }

    /// The same over all CPUs.
    ///
    /// # Errors
    /// As [`Case::softnet_rises`], and when no CPU is in both readings.
    pub fn softnet_rise(&self, column: fn(&SoftnetCpu) -> u64) -> Result<u64, String> {
        let rises = self.softnet_rises(column)?;
        if rises.is_empty() {
            return Err(format!("{SOFTNET}: no CPU is in both readings"));
        }
        Ok(rises.iter().fold(0_u64, |sum, (_, rise)| sum.saturating_add(*rise)))
    }

    /// How many packets the queue of each device dropped. A queue that is new since the older reading, or another one, has
    /// dropped all of its drops in between.
    ///
    /// # Errors
    /// When queues were not read twice.
    pub fn queue_drops_rise(&self) -> Result<Vec<(&'a DeviceQueue, u64)>, String> {
        let read = |snapshot: &'a Snapshot| {
            let missing = || missing_counter(snapshot, QUEUES, true, "drops");
            snapshot.counters.queues.as_ref().ok_or_else(missing)
        };
        let (before, now) = (read(self.before()?)?, read(self.now)?);
        // One that is not in a reading with a gap was perhaps there.
        not_whole(self.before()?, QUEUES)?;
        let rise = |queue: &'a DeviceQueue| (queue, queue.dropped_since(before));
        Ok(now.iter().map(rise).collect())
    }

    /// A figure of `/proc/net/sockstat`, group `TCP`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn sockstat_tcp(&self, name: &str) -> Result<u64, String> {
        let all_missing = self.now.counters.sockstat.is_none();
        let missing = || missing_counter(self.now, "/proc/net/sockstat", all_missing, name);
        let figure = self.now.counters.sockstat("TCP", name).ok_or_else(missing)?;
        u64::try_from(figure).map_err(|_| format!("{SOCKSTAT} {name} is {figure}"))
    }

    /// The sockets of the newer reading.
    ///
    /// # Errors
    /// When they could not be read, or not all of them: those that are missing may be the ones that it is about.
    pub fn sockets(&self) -> Result<&'a Sockets, String> {
        if self.now.misses_sockets() {
            return Err("some sockets are missing in this reading".to_owned());
        }
        sockets_of(self.now)
    }

    /// The sockets of the older reading.
    ///
    /// # Errors
    /// As [`Case::before`], and when they could not be read, or not all of them: what is not in a reading with a gap was
    /// perhaps there, and has not come since.
    pub fn sockets_before(&self) -> Result<&'a Sockets, String> {
        let before = self.before()?;
        if before.misses_sockets() {
            return Err("some sockets are missing in the older reading".to_owned());
        }
        sockets_of(before)
    }

    /// How much a listener's own drops rose. Listeners are matched by cookie, since drops die with the socket;
    /// one that is new since the older reading has dropped all of its drops in between.
    ///
    /// # Errors
    /// When the source does not tell drops, or there is no older reading.
    pub fn drops_rise(&self, listener: &Listener) -> Result<u64, String> {
        let untold = || "a listener's own drops are told by sock_diag only".to_owned();
        let total = |listener: &Listener| listener.drops.total().ok_or_else(untold);
        let now = total(listener)?;
        self.listeners_compare()?;
        let old = self.listener_before(listener).map_or(Ok(0), total)?;
        // The same socket's: a counter of 32 bits, which begins anew in a long flood, and never falls.
        let rise = now.wrapping_sub(old);
        if rise > u32::MAX / 2 {
            return Err(format!("the drops of a listener fell from {old} to {now}"));
        }
        Ok(rise.into())
    }

    /// Whether the listeners of both readings are told by a source that knows which are the same.
    fn listeners_compare(&self) -> Result<(), String> {
        // Every source but the tables of /proc tells a listener's cookie and drops.
        let is_table = |sockets: &Sockets| sockets.source == SocketSource::ProcNetTcp;
        match (is_table(self.sockets_before()?), is_table(self.sockets()?)) {
            (false, false) => Ok(()),
            (true, true) => Err("the tables of /proc do not tell which listeners are the same".to_owned()),
            _ => Err("the two readings of sockets are from different sources".to_owned()),
        }
    }

    /// A listener's row in the older reading; nothing when it is new or there is no older reading.
    #[must_use]
    pub fn listener_before(&self, listener: &Listener) -> Option<&'a Listener> {
        self.listeners_before.get(&listener.cookie).copied()
    }

    /// The listeners on the same address, port and interface, this one included.
    #[must_use]
    pub fn siblings(&self, listener: &Listener) -> &[&'a Listener] {
        self.siblings.get(&place(listener)).map(Vec::as_slice).unwrap_or_default()
    }

    /// By how much the accept queues of all listeners grew together; below nothing when they shrank. Nothing without
    /// sockets in both readings.
    #[must_use]
    pub fn accept_queues_grew(&self) -> Option<i64> {
        self.queues_grew
    }

    /// The sockets that were kept one by one.
    ///
    /// # Errors
    /// When sockets could not be read, or the source tells of none.
    pub fn samples(&self) -> Result<&'a Samples, String> {
        let none = || "single sockets were not kept: sock_diag tells of them when all are read".to_owned();
        self.sockets()?.samples.as_ref().ok_or_else(none)
    }

    /// A sysctl's value as text; nothing when this kernel or namespace does not have it.
    ///
    /// # Errors
    /// When it was not read or could not be.
    pub fn sysctl(&self, key: &str) -> Result<Option<&'a str>, String> {
        sysctl_of(self.now, key)
    }

    /// A sysctl as a whole number in the older reading; nothing when this kernel or namespace does not have it.
    ///
    /// # Errors
    /// As [`Case::before`], and as [`Case::sysctl_number_if_there`].
    pub fn sysctl_number_before(&self, key: &str) -> Result<Option<u64>, String> {
        whole_number(key, sysctl_of(self.before()?, key)?)
    }

    /// A sysctl as a whole number; nothing when this kernel or namespace does not have it.
    ///
    /// # Errors
    /// When it was not read, could not be, or is no number.
    pub fn sysctl_number_if_there(&self, key: &str) -> Result<Option<u64>, String> {
        whole_number(key, self.sysctl(key)?)
    }

    /// A sysctl as a whole number.
    ///
    /// # Errors
    /// When it is absent, could not be read, or is no number.
    pub fn sysctl_number(&self, key: &str) -> Result<i64, String> {
        let value = self.sysctl(key)?.ok_or_else(|| format!("{key} is not in this network namespace"))?;
        value.parse().map_err(|_| format!("{key} is `{value}`, which is no whole number"))
    }

    /// "in 5s", for sentences.
    #[must_use]
    pub fn in_window(&self) -> String {
        match self.window_ms() {
            Ok(ms) => format!("in {:#}", Micros(ms.saturating_mul(1000))),
            Err(_) => "lately".to_owned(),
        }
    }

    /// "+2060 in 5s (412/s)", for evidence.
    #[must_use]
    pub fn over_window(&self, count: u64) -> String {
        match self.window_ms() {
            Ok(ms) => format!("+{count} {} ({}/s)", self.in_window(), per_second(count, ms)),
            Err(_) => format!("+{count}"),
        }
    }
}

/// Events per second, rounded to the nearest.
pub(super) fn per_second(count: u64, window_ms: u64) -> u64 {
    let window_ms = window_ms.max(1);
    count.saturating_mul(1000).saturating_add(window_ms / 2) / window_ms
}

/// A share in percent with one decimal: "1.7%"; of nothing it is "0.0%".
pub(super) fn share(part: u64, whole: u64) -> String {
    let per_mille = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

/// Whether a part is at least so many percent of a whole.
pub(super) fn at_least_percent(part: u64, whole: u64, percent: u64) -> bool {
    u128::from(part) * 100 >= u128::from(whole) * u128::from(percent)
}

/// Why the older reading is not compared with, in words.
fn not_compared(error: &NotComparable) -> String {
    match error {
        NotComparable::OtherNamespace { .. } | NotComparable::InodeOfAnother { .. } => {
            format!("the two readings are of different network namespaces: {error}")
        }
        error => format!("the older reading cannot be compared with: {error}"),
    }
}

fn sysctl_of<'a>(snapshot: &'a Snapshot, key: &str) -> Result<Option<&'a str>, String> {
    match snapshot.sysctls.readings.get(key) {
        Some(SysctlReading::Value(value)) => Ok(Some(value)),
        Some(SysctlReading::Absent) => Ok(None),
        Some(SysctlReading::Unreadable(reason)) => Err(format!("{key}: {reason}")),
        None => Err(format!("{key} was not read")),
    }
}

fn whole_number(key: &str, value: Option<&str>) -> Result<Option<u64>, String> {
    let Some(value) = value else { return Ok(None) };
    value.parse().map(Some).map_err(|_| format!("{key} is `{value}`, which is no whole number"))
}

fn sockets_of(snapshot: &Snapshot) -> Result<&Sockets, String> {
    let reason = || gap_reason(snapshot, SOCK_DIAG).unwrap_or_else(|| "sockets could not be read".to_owned());
    snapshot.sockets.as_ref().ok_or_else(reason)
}

/// Why a counter is missing: the reason that was noted for its file, or else that there is no such name in it.
fn missing_counter(snapshot: &Snapshot, source: &str, whole: bool, name: &str) -> String {
    match gap_reason(snapshot, source) {
        // Where something in the file was not understood, this may have been in it.
        Some(reason) => reason,
        None if whole => format!("{source} could not be read"),
        None => format!("{source} of this kernel has no {name}"),
    }
}

/// Refuses a reading of which something of this source is missing: what is not in it was perhaps there.
fn not_whole(snapshot: &Snapshot, source: &str) -> Result<(), String> {
    let spoils = |gap: &&Gap| gap.source == source && matches!(gap.kind, GapKind::Malformed | GapKind::Failed);
    match snapshot.gaps.iter().find(spoils) {
        None => Ok(()),
        Some(gap) => Err(format!("something is missing in the older reading: {}: {}", gap.source, gap.reason)),
    }
}

/// The reason of the first gap about a source.
fn gap_reason(snapshot: &Snapshot, source: &str) -> Option<String> {
    let leaf = source.rsplit('/').next().unwrap_or(source);
    let gap = snapshot.gaps.iter().find(|gap| gap.source == source || gap.source.rsplit('/').next() == Some(leaf))?;
    Some(format!("{}: {}", gap.source, gap.reason))
}

fn rise(name: &str, before: i64, now: i64) -> Result<u64, String> {
    u64::try_from(now.saturating_sub(before)).map_err(|_| format!("{name} fell from {before} to {now}"))
}

/// The words a listener is spoken of with: `10.0.0.1:443 nginx(1203)`, `*:443` when it takes every address.
pub(super) fn listener_name(listener: &Listener) -> String {
    let address = match listener.address {
        address if address.is_unspecified() => "*".to_owned(),
        IpAddr::V6(address) => format!("[{address}]"),
        IpAddr::V4(address) => address.to_string(),
    };
    let owner = listener.processes.first().map(|process| format!(" {}", process_name(process)));
    format!("{address}:{}{}", listener.port, owner.unwrap_or_default())
}

/// The words a process is spoken of with: `nginx(812)`.
pub(super) fn process_name(process: &Process) -> String {
    format!("{}({})", process.name, process.pid)
}
