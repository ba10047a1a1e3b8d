//! A snapshot as metrics, in the text format that Prometheus reads and node_exporter's textfile collector passes on.
//!
//! Where node_exporter has a metric of the same meaning, its name, type and help are used word for word. Each
//! sample carries the network namespace it was read from as a label, so that it stands beside node_exporter's own
//! sample of that name instead of colliding with it: a collision would cost the whole scrape.
//!
//! What could not be read is left out; `tcpctl_gaps` counts what that was. The number of samples is bounded: nothing
//! here grows with connections or peers, and listeners are cut off at [`LISTENERS_MAX`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::exposition::{Family, Kind, Sample, render_family};
use crate::diagnose::{Findings, Severity};
use crate::model::{Answer, Host, KnownSettings, consequences};
use crate::snapshot::{Drops, GapKind, Listener, Snapshot};
use crate::units::TcpState;

/// Listening addresses that are exported at most; those that drop most and are fullest go first.
const LISTENERS_MAX: usize = 200;

/// Where the samples of a metric come from.
type Reader = fn(&Snapshot) -> Vec<Sample>;

/// The same for what the rules say.
type Judged = fn(&Findings) -> Vec<Sample>;

/// Every metric: name, type, help, and where its samples come from, in the order of the text.
const METRICS: &[(Family, Reader)] = &[
    (gauge("node_tcp_connection_states", "Number of connection states."), states),
    (untyped("node_netstat_Tcp_ActiveOpens", "Statistic TcpActiveOpens."), |s| tcp(s, "ActiveOpens")),
    (untyped("node_netstat_Tcp_PassiveOpens", "Statistic TcpPassiveOpens."), |s| tcp(s, "PassiveOpens")),
    (untyped("node_netstat_Tcp_AttemptFails", "Statistic TcpAttemptFails."), |s| tcp(s, "AttemptFails")),
    (untyped("node_netstat_Tcp_EstabResets", "Statistic TcpEstabResets."), |s| tcp(s, "EstabResets")),
    (untyped("node_netstat_Tcp_CurrEstab", "Statistic TcpCurrEstab."), |s| tcp(s, "CurrEstab")),
    (untyped("node_netstat_Tcp_InSegs", "Statistic TcpInSegs."), |s| tcp(s, "InSegs")),
    (untyped("node_netstat_Tcp_OutSegs", "Statistic TcpOutSegs."), |s| tcp(s, "OutSegs")),
    (untyped("node_netstat_Tcp_RetransSegs", "Statistic TcpRetransSegs."), |s| tcp(s, "RetransSegs")),
    (untyped("node_netstat_Tcp_OutRsts", "Statistic TcpOutRsts."), |s| tcp(s, "OutRsts")),
    (untyped("node_netstat_TcpExt_ListenDrops", "Statistic TcpExtListenDrops."), |s| ext(s, "ListenDrops")),
    (untyped("node_netstat_TcpExt_ListenOverflows", "Statistic TcpExtListenOverflows."), |s| ext(s, "ListenOverflows")),
    (untyped("node_netstat_TcpExt_SyncookiesSent", "Statistic TcpExtSyncookiesSent."), |s| ext(s, "SyncookiesSent")),
    (untyped("node_netstat_TcpExt_SyncookiesRecv", "Statistic TcpExtSyncookiesRecv."), |s| ext(s, "SyncookiesRecv")),
    (untyped("node_netstat_TcpExt_SyncookiesFailed", "Statistic TcpExtSyncookiesFailed."), |s| {
        ext(s, "SyncookiesFailed")
    }),
    (untyped("node_netstat_TcpExt_TCPReqQFullDrop", "Statistic TcpExtTCPReqQFullDrop."), |s| ext(s, "TCPReqQFullDrop")),
    (untyped("node_netstat_TcpExt_TCPReqQFullDoCookies", "Statistic TcpExtTCPReqQFullDoCookies."), |s| {
        ext(s, "TCPReqQFullDoCookies")
    }),
    (untyped("node_netstat_TcpExt_TCPTimeWaitOverflow", "Statistic TcpExtTCPTimeWaitOverflow."), |s| {
        ext(s, "TCPTimeWaitOverflow")
    }),
    (untyped("node_netstat_TcpExt_TCPSynRetrans", "Statistic TcpExtTCPSynRetrans."), |s| ext(s, "TCPSynRetrans")),
    (untyped("node_netstat_TcpExt_TCPTimeouts", "Statistic TcpExtTCPTimeouts."), |s| ext(s, "TCPTimeouts")),
    (gauge("node_sockstat_TCP_inuse", "Number of TCP sockets in state inuse."), |s| sockstat(s, "inuse")),
    (gauge("node_sockstat_TCP_orphan", "Number of TCP sockets in state orphan."), |s| sockstat(s, "orphan")),
    (gauge("node_sockstat_TCP_tw", "Number of TCP sockets in state tw."), |s| sockstat(s, "tw")),
    (gauge("node_sockstat_TCP_alloc", "Number of TCP sockets in state alloc."), |s| sockstat(s, "alloc")),
    (gauge("node_sockstat_TCP_mem", "Number of TCP sockets in state mem."), |s| sockstat(s, "mem")),
    (counter("node_softnet_processed_total", "Number of processed packets"), |s| softnet(s, |row| row.processed)),
    (counter("node_softnet_dropped_total", "Number of dropped packets"), |s| softnet(s, |row| row.dropped)),
    (counter("node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota"), |s| {
        softnet(s, |row| row.time_squeeze)
    }),
    (
        gauge("tcpctl_listener_accept_queue", "Connections that wait for accept(), over the sockets of an address."),
        |s| of_listeners(s, |group| group.accept_queue),
    ),
    (
        gauge("tcpctl_listener_accept_queue_capacity", "Connections that may wait for accept(): backlog + 1 a socket."),
        |s| of_listeners(s, |group| group.capacity),
    ),
    (
        gauge(
            "tcpctl_listener_accept_queue_fullest_percent",
            "Fill of the fullest accept queue of an address; more than one socket may listen there.",
        ),
        |s| of_listeners(s, |group| group.fullest_percent),
    ),
    (gauge("tcpctl_listener_half_open", "Connections in SYN-RECV of an address that is listened on."), |s| {
        of_listeners(s, |group| Some(group.half_open))
    }),
    (
        counter("tcpctl_listener_drops_total", "Connections that the listeners of an address dropped in their lives."),
        |s| of_listeners(s, |group| group.drops),
    ),
    (gauge("tcpctl_listener_sockets", "Sockets that listen on an address (more than one with SO_REUSEPORT)."), |s| {
        of_listeners(s, |group| Some(group.sockets))
    }),
    (gauge("tcpctl_listeners_left_out", "Listening addresses beyond those exported."), listeners_left_out),
    (gauge("tcpctl_ports_available", "Local ports that connect() may choose from, per destination."), ports_available),
    (
        gauge("tcpctl_ports_in_use_most", "Local ports in use towards the destination with the most of them."),
        ports_in_use_most,
    ),
    (
        gauge(
            "tcpctl_setting_seconds",
            "What the settings mean in seconds on this kernel: when it happens nominally, and at the latest.",
        ),
        setting_seconds,
    ),
    (gauge("tcpctl_setting_per_second", "What the settings allow each second."), setting_per_second),
    (gauge("tcpctl_setting_count", "What the settings allow at once."), setting_count),
    (gauge("tcpctl_gaps", "Readings that failed, by kind; what they hide is left out above."), gaps),
    (gauge("tcpctl_snapshot_timestamp_seconds", "When this was read, seconds since 1970-01-01 UTC."), taken),
    (gauge("tcpctl_info", "The kernel that was read."), info),
];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, help }
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, help }
}

/// The kernel's own counters are untyped in node_exporter, since the file does not say which of them only rise.
const fn untyped(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Untyped, help }
}

/// What the rules say; what could not be judged is left out and counted.
const FINDINGS: [(Family, Judged); 3] = [
    (gauge("tcpctl_findings", "Findings of a rule of `tcpctl diagnose` that could judge."), findings),
    (gauge("tcpctl_findings_by_severity", "The same by how bad they are, over all rules."), by_severity),
    (gauge("tcpctl_rules_undecided", "Rules that could not judge; most need two readings."), undecided),
];

/// All metrics of a snapshot as text, and what the rules say of it. The same snapshot always gives the same text.
#[must_use]
pub fn render_openmetrics(snapshot: &Snapshot, judged: &Findings) -> String {
    let netns = match (&snapshot.netns.name, snapshot.netns.inode) {
        (Some(name), _) => name.clone(),
        (None, Some(inode)) => inode.to_string(),
        (None, None) => "unknown".to_owned(),
    };
    let read = METRICS.iter().map(|(family, samples)| render_family(family, &samples(snapshot), &netns));
    let judged = FINDINGS.iter().map(|(family, samples)| render_family(family, &samples(judged), &netns));
    read.chain(judged).collect()
}

/// Rules that said that something was missing and found nothing.
fn rules_undecided(judged: &Findings) -> BTreeSet<&'static str> {
    let found = |id: &str| judged.findings.iter().any(|finding| finding.rule == id);
    judged.undecided.iter().map(|undecided| undecided.rule).filter(|id| !found(id)).collect()
}

fn findings(judged: &Findings) -> Vec<Sample> {
    let undecided = rules_undecided(judged);
    let count = |id: &str| judged.findings.iter().filter(|finding| finding.rule == id).count();
    let decided = judged.rules.iter().filter(|id| !undecided.contains(**id));
    decided.map(|id| Sample::new(count(id)).label("rule", *id)).collect()
}

/// Nothing where no rule could judge: that none was found is then not known.
fn by_severity(judged: &Findings) -> Vec<Sample> {
    let undecided = rules_undecided(judged);
    if judged.rules.iter().all(|id| undecided.contains(id)) {
        return Vec::new();
    }
    let count = |severity| judged.findings.iter().filter(|finding| finding.severity == severity).count();
    let severities = [Severity::Critical, Severity::Warning, Severity::Notice];
    severities.map(|severity| Sample::new(count(severity)).label("severity", severity.word())).into()
}

fn undecided(judged: &Findings) -> Vec<Sample> {
    vec![Sample::new(rules_undecided(judged).len())]
}

fn one(value: Option<impl ToString>) -> Vec<Sample> {
    value.map(|value| Sample::new(value)).into_iter().collect()
}

fn tcp(snapshot: &Snapshot, name: &str) -> Vec<Sample> {
    one(snapshot.counters.tcp(name))
}

fn ext(snapshot: &Snapshot, name: &str) -> Vec<Sample> {
    one(snapshot.counters.tcp_ext(name))
}

fn sockstat(snapshot: &Snapshot, name: &str) -> Vec<Sample> {
    one(snapshot.counters.sockstat("TCP", name))
}

/// Rows by CPU number; on kernels that do not print it (before 5.10) by their place, as node_exporter does.
fn softnet(snapshot: &Snapshot, of: fn(&crate::snapshot::SoftnetCpu) -> u64) -> Vec<Sample> {
    let rows = snapshot.counters.softnet.as_deref().unwrap_or_default();
    let sample = |(place, row): (usize, &crate::snapshot::SoftnetCpu)| {
        let cpu = row.cpu.map_or_else(|| place.to_string(), |cpu| cpu.to_string());
        Sample::new(of(row)).label("cpu", cpu)
    };
    rows.iter().enumerate().map(sample).collect()
}

fn states(snapshot: &Snapshot) -> Vec<Sample> {
    let Some(sockets) = &snapshot.sockets else { return Vec::new() };
    let sample = |state: TcpState| Sample::new(sockets.count(state)).label("state", node_exporter_name(state));
    TcpState::ALL.into_iter().map(sample).collect()
}

/// The state as node_exporter's tcpstat collector labels it.
fn node_exporter_name(state: TcpState) -> &'static str {
    match state {
        TcpState::Estab => "established",
        TcpState::SynSent => "syn_sent",
        TcpState::SynRecv => "syn_recv",
        TcpState::FinWait1 => "fin_wait1",
        TcpState::FinWait2 => "fin_wait2",
        TcpState::TimeWait => "time_wait",
        TcpState::Close => "close",
        TcpState::CloseWait => "close_wait",
        TcpState::LastAck => "last_ack",
        TcpState::Listen => "listen",
        TcpState::Closing => "closing",
    }
}

/// What the listeners on one address, port and interface come to. One label set must be one sample, and a cookie
/// or inode as label would make a new series at every restart of a service.
#[derive(Clone, Debug, Default)]
struct ListenerGroup {
    process: String,
    sockets: u64,
    /// Nothing as soon as one of the sockets does not tell.
    accept_queue: Option<u64>,
    capacity: Option<u64>,
    fullest_percent: Option<u64>,
    half_open: u64,
    drops: Option<u64>,
}

impl ListenerGroup {
    fn first(listener: &Listener, own: bool) -> Self {
        let none = Self {
            accept_queue: Some(0),
            capacity: Some(0),
            fullest_percent: Some(0),
            drops: Some(0),
            ..Self::default()
        };
        none.with(listener, own)
    }

    /// With another one, whose half-open entries are its own or those of all.
    fn with(mut self, listener: &Listener, own: bool) -> Self {
        let queue = listener.accept_queue.map(u64::from);
        let capacity = listener.backlog.map(|backlog| u64::from(backlog) + 1);
        let percent = queue.zip(capacity).map(|(queue, capacity)| queue * 100 / capacity);
        let drops = match listener.drops {
            Drops::Total(total) => Some(u64::from(total)),
            Drops::Unknown => None,
        };
        let sum = |total: Option<u64>, more: Option<u64>| Some(total?.saturating_add(more?));
        self.sockets += 1;
        self.accept_queue = sum(self.accept_queue, queue);
        self.capacity = sum(self.capacity, capacity);
        self.fullest_percent = self.fullest_percent.zip(percent).map(|(fullest, percent)| fullest.max(percent));
        // Where they are not told apart, each row of a shared port holds the sum of all already.
        self.half_open = if own {
            self.half_open.saturating_add(listener.half_open)
        } else {
            self.half_open.max(listener.half_open)
        };
        self.drops = sum(self.drops, drops);
        if let Some(process) = listener.processes.first().filter(|_| self.process.is_empty()) {
            self.process.clone_from(&process.name);
        }
        self
    }
}

/// Address, port, interface.
type Place = (IpAddr, u16, u32);

fn listener_groups(snapshot: &Snapshot) -> BTreeMap<Place, ListenerGroup> {
    let mut groups: BTreeMap<Place, ListenerGroup> = BTreeMap::new();
    let Some(sockets) = &snapshot.sockets else { return groups };
    let own = sockets.source.tells_half_open_apart();
    for listener in &sockets.listeners {
        let place = (listener.address, listener.port, listener.interface);
        let group = match groups.remove(&place) {
            Some(group) => group.with(listener, own || listener.half_open_own),
            None => ListenerGroup::first(listener, own || listener.half_open_own),
        };
        groups.insert(place, group);
    }
    groups
}

/// A figure of every listening address that is exported.
fn of_listeners(snapshot: &Snapshot, of: fn(&ListenerGroup) -> Option<u64>) -> Vec<Sample> {
    let mut groups: Vec<(Place, ListenerGroup)> = listener_groups(snapshot).into_iter().collect();
    if groups.len() > LISTENERS_MAX {
        groups.sort_by_key(|(place, group)| (std::cmp::Reverse((group.drops, group.fullest_percent)), *place));
        groups.truncate(LISTENERS_MAX);
        groups.sort_by_key(|(place, _)| *place);
    }
    let sample = |((address, port, interface), group): &(Place, ListenerGroup)| {
        let sample = Sample::new(of(group)?).label("address", address.to_string()).label("port", port.to_string());
        let interface = if *interface == 0 { String::new() } else { interface.to_string() };
        Some(sample.label("interface", interface).label("process", group.process.clone()))
    };
    groups.iter().filter_map(sample).collect()
}

fn listeners_left_out(snapshot: &Snapshot) -> Vec<Sample> {
    let left_out = |_| listener_groups(snapshot).len().saturating_sub(LISTENERS_MAX);
    one(snapshot.sockets.as_ref().map(left_out))
}

/// The answers of the model; nothing when the kernel version is unknown.
fn answers(snapshot: &Snapshot) -> Vec<(&'static str, Answer)> {
    let Some(version) = snapshot.kernel.version else { return Vec::new() };
    let host = Host { version, hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz) };
    consequences(&known(snapshot), &host).into_iter().map(|(consequence, answer)| (consequence.id, answer)).collect()
}

fn known(snapshot: &Snapshot) -> KnownSettings {
    KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key))
}

fn setting_seconds(snapshot: &Snapshot) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (id, answer) in answers(snapshot) {
        let (at, latest) = match answer {
            Answer::After(window) => (seconds(window.at_us), seconds(window.latest_us)),
            Answer::Never => ("+Inf".to_owned(), "+Inf".to_owned()),
            Answer::PerSecond(_) | Answer::Count(_) | Answer::Unknown => continue,
        };
        samples.push(Sample::new(at).label("setting", id).label("bound", "nominal"));
        samples.push(Sample::new(latest).label("setting", id).label("bound", "latest"));
    }
    samples
}

fn setting_per_second(snapshot: &Snapshot) -> Vec<Sample> {
    let sample = |(id, answer)| match answer {
        Answer::PerSecond(rate) => Some(Sample::new(rate).label("setting", id)),
        _ => None,
    };
    answers(snapshot).into_iter().filter_map(sample).collect()
}

fn setting_count(snapshot: &Snapshot) -> Vec<Sample> {
    let sample = |(id, answer)| match answer {
        Answer::Count(count) => Some(Sample::new(count).label("setting", id)),
        _ => None,
    };
    answers(snapshot).into_iter().filter_map(sample).collect()
}

fn ports_available(snapshot: &Snapshot) -> Vec<Sample> {
    one(known(snapshot).ports_available())
}

fn ports_in_use_most(snapshot: &Snapshot) -> Vec<Sample> {
    let most = |sockets: &crate::snapshot::Sockets| sockets.ports.iter().map(|row| row.used).max().unwrap_or(0);
    one(snapshot.sockets.as_ref().map(most))
}

fn gaps(snapshot: &Snapshot) -> Vec<Sample> {
    const KINDS: [(GapKind, &str); 5] = [
        (GapKind::Absent, "absent"),
        (GapKind::Denied, "denied"),
        (GapKind::Malformed, "malformed"),
        (GapKind::Failed, "failed"),
        (GapKind::Substituted, "substituted"),
    ];
    let count = |kind| snapshot.gaps.iter().filter(|gap| gap.kind == kind).count();
    KINDS.into_iter().map(|(kind, name)| Sample::new(count(kind)).label("kind", name)).collect()
}

fn taken(snapshot: &Snapshot) -> Vec<Sample> {
    let ms = snapshot.taken_unix_ms;
    one(Some(format!("{}.{:03}", ms / 1000, ms % 1000)))
}

fn info(snapshot: &Snapshot) -> Vec<Sample> {
    let release = snapshot.kernel.release.clone().unwrap_or_default();
    let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz.to_string()).unwrap_or_default();
    vec![Sample::new(1).label("release", release).label("hz", hz)]
}

/// Microseconds as seconds with the digits that are needed.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_legal_and_counters_end_in_total() {
        let names: BTreeSet<&str> = METRICS.iter().map(|(family, _)| family.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for (family, _) in METRICS {
            assert!(family.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", family.name);
            assert!(family.name.starts_with("node_") || family.name.starts_with("tcpctl_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            assert!(!family.help.is_empty() && !family.help.contains('\n'), "{}", family.name);
        }
    }

    #[test]
    fn seconds_have_no_needless_digits() {
        assert_eq!([131_000_000, 63_004_000, 1, 0].map(seconds), ["131", "63.004", "0.000001", "0"]);
    }
}
