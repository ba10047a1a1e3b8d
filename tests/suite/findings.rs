//! Plays every scenario of `tests/data/scenarios` through the rules, and walks the table of rules over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde::Deserialize;
use tcpctl::catalog::module_of;
use tcpctl::diagnose::{
    Confidence, FaultKind, FileFault, Finding, Findings, Input, RULES, SettingFiles, SettledValue, Severity, Stated,
    asked_rules, diagnose, diagnose_stated, diagnose_with, headlines, keys,
};
use tcpctl::explain::find_topic;
use tcpctl::report::{
    FindingsStyle, FindingsView, RuleView, main_counters, render_findings, render_rule, render_rules_manual,
};
use tcpctl::snapshot::{
    AddressUse, Capabilities, Counters, DeviceQueue, Drops, Gap, GapKind, Kernel, Listener, Netns, Pace, PortUse,
    Process, ReceiveMemory, SCHEMA_VERSION, Sample, Samples, SentData, Snapshot, SocketRow, SocketSource, Sockets,
    SoftnetCpu, StoredSnapshots, SysctlReading, Sysctls, render_stored,
};
use tcpctl::tune::find_lint_rule;
use tcpctl::ui::tui::{Event, Key, Now, State, Theme, draw, update};
use tcpctl::units::{KernelVersion, LiveInfo, LiveSocket, SocketTimer, SysctlKey, TcpState};

use super::screens::{press, rows};
use super::sources::is_exact;

/// One scenario: what was seen, and which rules must say what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What happened on the host, and where the figures are from.
    about: String,
    /// Time between the readings.
    #[serde(default = "one_second")]
    window_ms: u64,
    /// Timeouts as they are stated; of a host of which nobody says anything they are few and fit.
    #[serde(default = "fitting")]
    timeouts: String,
    #[serde(default)]
    files: FilesRow,
    /// Rules that must find something, with a piece of the sentence.
    #[serde(default)]
    fires: BTreeMap<String, String>,
    /// Of these, those whose finding is a notice and no warning.
    #[serde(default)]
    notices: BTreeSet<String>,
    /// Rules that must judge, and find nothing.
    #[serde(default)]
    silent: Vec<String>,
    /// Rules that must say that they cannot judge, with a piece of the gap.
    #[serde(default)]
    undecided: BTreeMap<String, String>,
    before: Option<Reading>,
    /// What counters rose by. Without an older reading it is then like the newer one in all else.
    rose: Option<Rises>,
    now: Reading,
}

/// What counters rose by.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rises {
    #[serde(default)]
    tcp_ext: BTreeMap<String, i64>,
    #[serde(default)]
    tcp: BTreeMap<String, i64>,
}

fn fitting() -> String {
    "app=1s,pool=5s".to_owned()
}

/// What files of settings say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FilesRow {
    /// Key, value in the file, and what it is now, or `absent`.
    settled: Vec<(String, String, String)>,
    /// Rule of lint, message.
    not_kept: Vec<(String, String)>,
    harmful: Vec<(String, String)>,
    writers: Vec<String>,
    /// Whether they are of another namespace's host.
    elsewhere: bool,
}

impl FilesRow {
    fn files(&self) -> SettingFiles {
        let place = |line: usize| format!("/etc/sysctl.d/60-web.conf:{}", line + 1);
        let settled = |(line, (key, value, now)): (usize, &(String, String, String))| SettledValue {
            key: key.clone(),
            value: value.clone(),
            running: match now.as_str() {
                "absent" => SysctlReading::Absent,
                now => SysctlReading::Value(now.to_owned()),
            },
            place: place(line),
            module: module_of(key),
        };
        let faults = |rows: &[(String, String)], kind| {
            let fault = |(line, (rule, message)): (usize, &(String, String))| {
                let rule = find_lint_rule(rule).unwrap();
                let (why, instead) = (rule.why.to_owned(), rule.instead.to_owned());
                FileFault { rule: rule.id, kind, place: place(line), message: message.clone(), why, instead }
            };
            rows.iter().enumerate().map(fault).collect::<Vec<_>>()
        };
        SettingFiles {
            settled: self.settled.iter().enumerate().map(settled).collect(),
            faults: [faults(&self.not_kept, FaultKind::NotKept), faults(&self.harmful, FaultKind::Harmful)].concat(),
            writers: self.writers.clone(),
        }
    }
}

fn one_second() -> u64 {
    1000
}

/// One reading, as far as rules look at it. What a scenario does not give is as on a quiet host.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    tcp_ext: Option<BTreeMap<String, i64>>,
    tcp: Option<BTreeMap<String, i64>>,
    sockstat_tcp: Option<BTreeMap<String, i64>>,
    /// Drops by CPU.
    softnet_dropped: Option<Vec<u64>>,
    /// Packets, and how often there was no time for more, of the first CPU.
    #[serde(default)]
    softnet_processed: u64,
    #[serde(default)]
    softnet_squeezed: u64,
    memory_kib: Option<u64>,
    /// Settings that this kernel or namespace does not have.
    #[serde(default)]
    absent: Vec<SysctlKey>,
    #[serde(default)]
    sysctls: BTreeMap<SysctlKey, String>,
    states: Option<BTreeMap<TcpState, u64>>,
    #[serde(default)]
    listeners: Vec<ListenerRow>,
    #[serde(default)]
    ports: Vec<PortRow>,
    /// Sockets one by one; none of them were kept where none of the three is given.
    connecting: Option<Vec<SampleRow>>,
    /// How many connects there are when more than those.
    #[serde(default)]
    connecting_total: u64,
    close_wait: Option<Vec<SampleRow>>,
    resending: Option<Vec<SampleRow>>,
    /// The same of newer kinds; there are none where they are not given.
    #[serde(default)]
    waiting: Vec<SampleRow>,
    #[serde(default)]
    unread: Vec<SampleRow>,
    #[serde(default)]
    sending: Vec<SampleRow>,
    #[serde(default)]
    idle: Vec<SampleRow>,
    #[serde(default)]
    probing: Vec<SampleRow>,
    /// The same of those that probe a closed window.
    #[serde(default)]
    probing_total: u64,
    #[serde(default)]
    half_closed: Vec<SampleRow>,
    #[serde(default)]
    bound: Vec<SampleRow>,
    #[serde(default)]
    addresses: Vec<AddressUse>,
    queues: Option<Vec<DeviceQueue>>,
}

/// So many sockets that are alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleRow {
    count: usize,
    state: TcpState,
    #[serde(default = "ephemeral")]
    local_port: u16,
    remote: SocketAddr,
    process: Option<String>,
    #[serde(default)]
    timeouts: u8,
    #[serde(default)]
    expires_ms: u32,
    info: Option<InfoRow>,
    #[serde(default)]
    sent: Option<SentData>,
    #[serde(default)]
    pace: Option<PaceRow>,
    /// Whether keepalive's timer runs.
    #[serde(default)]
    keepalive: bool,
    #[serde(default)]
    receive_queue: u32,
    /// Bytes of receive memory in use, and that may be.
    #[serde(default)]
    memory: Option<(u32, u32)>,
    /// Whether the zero-window probe's timer runs.
    #[serde(default)]
    probing: bool,
    /// Whether each is of an address of its own.
    #[serde(default)]
    scattered: bool,
    #[serde(default = "cubic")]
    congestion: String,
    #[serde(default = "one")]
    cookie: u64,
}

/// What holds a connection up, as far as a scenario tells it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PaceRow {
    rtt_us: u32,
    min_rtt_us: u32,
    last_data_sent_ms: u32,
    unsent_bytes: u32,
    delivery_rate: u64,
    busy_us: u64,
    window_limited_us: u64,
    buffer_limited_us: u64,
    peer_window: Option<u32>,
    congestion_window: Option<u32>,
}

impl PaceRow {
    fn pace(self) -> Pace {
        Pace {
            rtt_us: self.rtt_us,
            min_rtt_us: self.min_rtt_us,
            mss: 1448,
            last_data_sent_ms: self.last_data_sent_ms,
            unsent_bytes: self.unsent_bytes,
            delivery_rate: self.delivery_rate,
            busy_us: self.busy_us,
            window_limited_us: self.window_limited_us,
            buffer_limited_us: self.buffer_limited_us,
            peer_window: self.peer_window,
            congestion_window: self.congestion_window,
        }
    }
}

/// What `tcp_info` tells, as far as the rules that are played look at it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InfoRow {
    rto_us: u32,
    backoff: u8,
    unacked: u32,
    last_ack_recv_ms: u32,
    last_data_recv_ms: u32,
}

impl SampleRow {
    fn row(&self) -> SocketRow {
        SocketRow {
            local: ([192, 0, 2, 7], self.local_port).into(),
            remote: self.remote,
            cookie: self.cookie,
            receive_queue: self.receive_queue,
            send_queue: self.pace.map_or(1000, |pace| pace.unsent_bytes.max(1000)),
            clock: LiveSocket {
                state: self.state,
                timer: match (self.timeouts, self.keepalive) {
                    _ if self.probing => SocketTimer::Probe,
                    (0, false) => SocketTimer::Off,
                    (0, true) => SocketTimer::Keepalive,
                    _ => SocketTimer::Retransmit,
                },
                expires_ms: self.expires_ms,
                retransmits: self.timeouts,
                inode: 7,
                info: self.info.map(|info| LiveInfo {
                    ca_state: 4,
                    retransmits: self.timeouts,
                    backoff: info.backoff,
                    rto_us: info.rto_us,
                    unacked: info.unacked,
                    last_ack_recv_ms: info.last_ack_recv_ms,
                    last_data_recv_ms: info.last_data_recv_ms,
                    ..LiveInfo::default()
                }),
            },
            sent: self.sent,
            pace: self.pace.map(PaceRow::pace),
            congestion: Some(self.congestion.clone()),
            memory: self.memory.map(|(used_bytes, limit_bytes)| ReceiveMemory { used_bytes, limit_bytes }),
            processes: self.process.iter().map(|name| Process { pid: 812, name: name.clone() }).collect(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerRow {
    port: u16,
    process: Option<String>,
    cookie: u64,
    accept_queue: u32,
    backlog: u32,
    drops: u32,
    #[serde(default)]
    half_open: u64,
    #[serde(default = "alone")]
    shares_port: u32,
}

fn cubic() -> String {
    "cubic".to_owned()
}

fn one() -> u64 {
    1
}

fn ephemeral() -> u16 {
    40_000
}

fn alone() -> u32 {
    1
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PortRow {
    destination: IpAddr,
    port: u16,
    used: u64,
    time_wait: u64,
    process: Option<String>,
}

impl Reading {
    fn snapshot(&self, monotonic_ms: u64) -> Snapshot {
        let group = |name: &str, figures: &Option<BTreeMap<String, i64>>| {
            figures.clone().map(|figures| BTreeMap::from([(name.to_owned(), figures)]))
        };
        let softnet = self.softnet_dropped.as_ref().map(|drops| {
            let row = |(cpu, &dropped)| {
                let (processed, time_squeeze) =
                    if cpu == 0 { (self.softnet_processed, self.softnet_squeezed) } else { (0, 0) };
                SoftnetCpu { cpu: u32::try_from(cpu).ok(), processed, dropped, time_squeeze }
            };
            drops.iter().enumerate().map(row).collect()
        });
        let absent = self.absent.iter().map(|key| (key.clone(), SysctlReading::Absent));
        let value = |(key, value): (&SysctlKey, &String)| (key.clone(), SysctlReading::Value(value.clone()));
        Snapshot {
            schema: SCHEMA_VERSION,
            taken_unix_ms: 1_000 + monotonic_ms,
            monotonic_ms,
            hostname: None,
            boot_id: None,
            redacted: None,
            kernel: Kernel { release: None, version: Some(KernelVersion { major: 6, minor: 18, patch: 0 }), hz: None },
            netns: Netns { inode: Some(1), name: None, initial: Some(true), cookie: None },
            capabilities: Capabilities { euid: 0, effective: None },
            memory_kib: self.memory_kib,
            sysctls: Sysctls { readings: self.sysctls.iter().map(value).chain(absent).collect() },
            counters: Counters {
                snmp: group("Tcp", &self.tcp),
                netstat: group("TcpExt", &self.tcp_ext),
                sockstat: group("TCP", &self.sockstat_tcp),
                softnet,
                queues: self.queues.clone(),
            },
            sockets: self.states.as_ref().map(|states| self.sockets(states)),
            gaps: Vec::new(),
        }
    }

    fn sockets(&self, states: &BTreeMap<TcpState, u64>) -> Sockets {
        let any: IpAddr = [0, 0, 0, 0].into();
        let listener = |row: &ListenerRow| Listener {
            address: any,
            port: row.port,
            v6_only: None,
            interface: 0,
            device: None,
            half_open_own: false,
            accept_queue: Some(row.accept_queue),
            backlog: Some(row.backlog),
            half_open: row.half_open,
            shares_port: row.shares_port,
            drops: Drops::Total(row.drops),
            inode: row.cookie,
            uid: 0,
            cookie: row.cookie,
            processes: row.process.iter().map(|name| Process { pid: 1203, name: name.clone() }).collect(),
        };
        let port = |row: &PortRow| PortUse {
            source: [192, 0, 2, 7].into(),
            destination: row.destination,
            destination_port: row.port,
            used: row.used,
            time_wait: row.time_wait,
            inodes: if row.process.is_some() { vec![7] } else { Vec::new() },
            processes: row.process.iter().map(|name| Process { pid: 812, name: name.clone() }).collect(),
        };
        Sockets {
            source: SocketSource::SockDiag,
            states: TcpState::ALL.iter().map(|state| (*state, states.get(state).copied().unwrap_or(0))).collect(),
            listeners: self.listeners.iter().map(listener).collect(),
            ports: self.ports.iter().map(port).collect(),
            addresses: Some(self.addresses.clone()),
            half_open_resent: None,
            samples: self.samples(),
        }
    }
}

fn sample(kind: &[SampleRow]) -> Sample {
    let alike = |row: &SampleRow| {
        (0..row.count)
            .map(move |number| {
                let mut one = row.row();
                if row.scattered {
                    one.remote.set_ip([198, 51, 100, u8::try_from(number).unwrap()].into());
                }
                one
            })
            .collect::<Vec<_>>()
    };
    let rows: Vec<SocketRow> = kind.iter().flat_map(alike).collect();
    Sample { total: rows.len() as u64, rows }
}

impl Reading {
    fn samples(&self) -> Option<Samples> {
        let kinds = [&self.connecting, &self.close_wait, &self.resending];
        kinds.iter().any(|kind| kind.is_some()).then(|| {
            let [mut connecting, close_wait, resending] = kinds.map(|kind| sample(kind.as_deref().unwrap_or_default()));
            connecting.total = connecting.total.max(self.connecting_total);
            let newer = [&self.waiting, &self.unread, &self.sending, &self.idle];
            let [waiting, unread, sending, idle] = newer.map(|kind| Some(sample(kind)));
            let newest = [&self.probing, &self.half_closed, &self.bound];
            let [mut probing, half_closed, bound] = newest.map(|kind| Some(sample(kind)));
            if let Some(probing) = &mut probing {
                probing.total = probing.total.max(self.probing_total);
            }
            Samples { connecting, close_wait, resending, waiting, unread, sending, idle, probing, half_closed, bound }
        })
    }
}

/// What a quiet host shows of everything that a rule reads: no counter moves.
impl Reading {
    fn on_a_quiet_host(mut self) -> Self {
        const TOTAL: i64 = 1000;
        for input in RULES.iter().flat_map(|rule| rule.reads) {
            match *input {
                Input::TcpExt(name) => {
                    self.tcp_ext.get_or_insert_default().entry(name.to_owned()).or_insert(TOTAL);
                }
                Input::Tcp(name) => {
                    self.tcp.get_or_insert_default().entry(name.to_owned()).or_insert(TOTAL);
                }
                Input::Sockstat(name) => {
                    self.sockstat_tcp.get_or_insert_default().entry(name.to_owned()).or_insert(0);
                }
                Input::Softnet(_) => {
                    self.softnet_dropped.get_or_insert(vec![0, 0]);
                }
                Input::Sockets(_) => {
                    self.states.get_or_insert_default();
                }
                Input::Memory => {
                    self.memory_kib.get_or_insert(16 << 20);
                }
                Input::DeviceQueues => {
                    self.queues.get_or_insert_default();
                }
                Input::Stated(_) | Input::Files => {}
            }
        }
        if let Some(states) = &self.states {
            // Who waits in CLOSE-WAIT has been accepted, unless the scenario says otherwise.
            let waiting = states.get(&TcpState::CloseWait).copied().unwrap_or(0);
            self.close_wait.get_or_insert_with(|| {
                let remote = ([198, 51, 100, 9], 50_000).into();
                let count = usize::try_from(waiting).unwrap();
                vec![SampleRow {
                    count,
                    state: TcpState::CloseWait,
                    local_port: ephemeral(),
                    remote,
                    process: None,
                    timeouts: 0,
                    expires_ms: 0,
                    info: None,
                    sent: None,
                    pace: None,
                    keepalive: false,
                    receive_queue: 0,
                    memory: None,
                    probing: false,
                    scattered: false,
                    congestion: cubic(),
                    cookie: one(),
                }]
            });
        }
        for key in keys() {
            let key: SysctlKey = key.parse().unwrap();
            if self.sysctls.contains_key(&key) || self.absent.contains(&key) {
                continue;
            }
            match quiet_sysctl(key.as_str()) {
                Some(value) => {
                    self.sysctls.insert(key, value.to_owned());
                }
                None => self.absent.push(key),
            }
        }
        self
    }
}

/// A setting on a quiet host of 16 GiB; nothing for what a kernel of today does not have, or only with a module.
fn quiet_sysctl(key: &str) -> Option<&'static str> {
    Some(match key {
        "net.core.somaxconn" => "4096",
        "net.core.netdev_max_backlog" => "1000",
        "net.core.netdev_budget" => "300",
        "net.ipv4.ip_local_port_range" => "32768 60999",
        "net.ipv4.ip_local_reserved_ports" => "",
        "net.ipv4.tcp_abort_on_overflow" | "net.ipv4.tcp_mtu_probing" | "net.ipv4.tcp_orphan_retries" => "0",
        "net.ipv4.tcp_fin_timeout" => "60",
        "net.ipv4.tcp_keepalive_time" => "7200",
        "net.ipv4.tcp_max_orphans" | "net.ipv4.tcp_max_tw_buckets" => "65536",
        "net.ipv4.tcp_mem" => "188220 250961 376440",
        "net.ipv4.tcp_base_mss" => "1024",
        "net.ipv4.tcp_retries2" => "15",
        "net.ipv4.tcp_rto_min_us" => "200000",
        "net.ipv4.tcp_early_retrans" => "3",
        "net.ipv4.tcp_sack" => "1",
        "net.ipv4.tcp_thin_linear_timeouts" => "0",
        "net.ipv4.tcp_rto_max_ms" => "120000",
        "net.ipv4.tcp_syn_linear_timeouts" => "4",
        "net.ipv4.tcp_timestamps" | "net.ipv4.tcp_window_scaling" => "1",
        "net.ipv4.tcp_wmem" => "4096 16384 4194304",
        "net.ipv4.tcp_slow_start_after_idle" => "1",
        "net.ipv4.tcp_congestion_control" => "cubic",
        "net.core.default_qdisc" => "fq_codel",
        "net.ipv4.tcp_tw_reuse" => "2",
        "net.ipv4.tcp_tw_reuse_delay" => "1000",
        "net.ipv4.tcp_rmem" => "4096 131072 6291456",
        "net.ipv4.tcp_syn_retries" => "6",
        "net.ipv4.tcp_synack_retries" => "5",
        "net.ipv4.tcp_syncookies" => "1",
        "net.ipv4.tcp_tw_recycle" => return None,
        conntrack if conntrack.starts_with("net.netfilter.nf_conntrack_") => return None,
        other => panic!("a rule reads {other}: what does a quiet host have?"),
    })
}

impl Scenario {
    /// The older and the newer reading.
    fn snapshots(&self) -> (Option<Snapshot>, Snapshot) {
        let mut before = self.before.clone().map(Reading::on_a_quiet_host);
        let mut now = self.now.clone().on_a_quiet_host();
        if let Some(rises) = &self.rose {
            before.get_or_insert_with(|| now.clone());
            for (figures, rises) in [(&mut now.tcp_ext, &rises.tcp_ext), (&mut now.tcp, &rises.tcp)] {
                for (name, rise) in rises {
                    *figures.as_mut().unwrap().get_mut(name).unwrap_or_else(|| panic!("no rule reads {name}")) += rise;
                }
            }
        }
        (before.map(|reading| reading.snapshot(5_000)), now.snapshot(5_000 + self.window_ms))
    }

    pub(crate) fn outcome(&self) -> Findings {
        self.outcome_with(Vec::new())
    }

    /// The same, if something could not be read as well.
    fn outcome_with(&self, gaps: Vec<Gap>) -> Findings {
        let (before, mut now) = self.snapshots();
        now.gaps.extend(gaps);
        if self.files.elsewhere {
            now.netns.initial = Some(false);
        }
        let stated = Stated { timeouts: Some(self.timeouts.parse().unwrap()), files: Some(self.files.files()) };
        diagnose_stated(&asked_rules(&stated), &now, before.as_ref(), &stated)
    }
}

/// The one check: plays a scenario and compares what the rules say.
fn check(name: &str, scenario: &Scenario) {
    let outcome = scenario.outcome();
    if scenario.undecided.is_empty() {
        assert_eq!(outcome.undecided, [], "{name}: rules read what they do not say that they read");
    }
    let said: Vec<String> = outcome.findings.iter().map(|f| format!("{}: {}", f.rule, f.sentence)).collect();
    for (rule, piece) in &scenario.fires {
        let hit = outcome.findings.iter().find(|f| f.rule == rule && f.sentence.contains(piece.as_str()));
        let found = hit.unwrap_or_else(|| panic!("{name}: {rule} does not say `{piece}`; said: {said:#?}"));
        assert!(
            !found.evidence.is_empty() && !found.cause.is_empty() && !found.remedy.is_empty(),
            "{name}: {found:#?}"
        );
    }
    let notices = outcome.findings.iter().filter(|found| found.severity == Severity::Notice);
    let notices: BTreeSet<String> = notices.map(|found| found.rule.to_owned()).collect();
    assert_eq!(notices, scenario.notices, "{name}: notices");
    let rules: BTreeSet<&str> = outcome.findings.iter().map(|f| f.rule).collect();
    let expected: BTreeSet<&str> = scenario.fires.keys().map(String::as_str).collect();
    assert_eq!(rules, expected, "{name} ({}): {said:#?}", scenario.about);
    for rule in &scenario.silent {
        let gap = outcome.undecided.iter().find(|undecided| undecided.rule == rule);
        assert!(!rules.contains(rule.as_str()) && gap.is_none(), "{name}: {rule} is not silent: {gap:?}");
    }
    for (rule, piece) in &scenario.undecided {
        let gaps: Vec<&str> = outcome.undecided.iter().filter(|u| u.rule == rule).map(|u| u.gap.as_str()).collect();
        assert!(gaps.iter().any(|gap| gap.contains(piece.as_str())), "{name}: {rule} has no gap `{piece}` in {gaps:?}");
    }
    assert!(headlines(&outcome).is_sorted_by_key(|headline| headline.severity), "{name}: worst first");
}

pub(crate) fn scenarios() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scenarios");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario =
            toml::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, scenario)
    };
    paths.iter().map(|path| read(path)).collect()
}

#[test]
fn every_scenario_ends_as_it_says() {
    let wrong = |(name, scenario): &(String, Scenario)| {
        std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| check(name, scenario))).err().map(|_| name.clone())
    };
    let wrong: Vec<String> = scenarios().iter().filter_map(wrong).collect();
    assert_eq!(wrong, Vec::<String>::new(), "what is wrong with each is above");
}

#[test]
fn every_rule_has_a_scenario_that_fires_it_and_one_that_does_not() {
    let scenarios = scenarios();
    for rule in RULES {
        let fires = scenarios.iter().any(|(_, scenario)| scenario.fires.contains_key(rule.id));
        let silent = scenarios.iter().any(|(_, scenario)| scenario.silent.iter().any(|id| id == rule.id));
        assert!(fires, "no scenario fires {}", rule.id);
        assert!(silent, "no scenario leaves {} silent", rule.id);
    }
    let keys = keys();
    for (name, scenario) in &scenarios {
        for key in scenario.now.sysctls.keys() {
            assert!(keys.contains(&key.as_str()), "{name} gives {key}, which no rule says that it reads");
        }
        for id in scenario.fires.keys().chain(&scenario.silent).chain(scenario.undecided.keys()) {
            assert!(RULES.iter().any(|rule| rule.id == id), "{name} names the rule {id}, which does not exist");
        }
    }
}

#[test]
fn a_rule_tells_what_it_is_without_reading_anything() {
    let rule = RULES.iter().find(|rule| rule.id == "connects-unanswered").unwrap();
    insta::assert_snapshot!(render_rule(rule, 80));
    insta::assert_json_snapshot!(RuleView::new(rule));
    let page = render_rules_manual();
    for rule in RULES {
        assert!(page.contains(&format!(".SS {}\n", rule.id.replace('-', "\\-"))), "{}", rule.id);
        for line in render_rule(rule, 80).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

/// What the table must say of each rule for who is woken by it.
#[test]
fn every_rule_says_what_it_asks_reads_and_takes_for_a_fault_with_the_reason() {
    for rule in RULES {
        let id = rule.id;
        assert!(!rule.reads.is_empty(), "{id} reads nothing");
        assert!(rule.reads.iter().all(|input| !input.to_string().is_empty()), "{id}");
        for text in [rule.looks_for, rule.threshold, rule.wrong_remedy, rule.disproved_by] {
            assert!(!text.is_empty(), "{id}");
            assert!(!text.contains("  "), "{id}: `{text}` has two blanks in a row");
        }
        // A threshold without a reason is a number out of the air.
        let reasoned =
            [":", "since", "so that", "although", "which", "until"].iter().any(|word| rule.threshold.contains(word));
        assert!(reasoned, "{id}: `{}` gives no reason", rule.threshold);
        // Where the kernel counts the very thing, there may be nothing to look at next.
        let is_certain = rule.confidence == Confidence::Certain;
        assert!(rule.next.is_some() || is_certain, "{id} says nothing of what to look at next");
    }
    // Of those that fire: evidence with its source.
    for (name, scenario) in scenarios() {
        for found in scenario.outcome().findings {
            assert!(!found.sentence.ends_with('.'), "{name}: {found:#?}");
            assert!(found.evidence.iter().all(|seen| !seen.source.is_empty()), "{name}");
        }
    }
}

/// A file with two readings of a scenario.
fn stored_scenario(name: &str, directory: &Path) -> std::path::PathBuf {
    let (_, scenario) = scenarios().into_iter().find(|(file, _)| file == name).unwrap();
    let (before, now) = scenario.snapshots();
    let file = directory.join("host.json");
    fs::write(&file, render_stored(&StoredSnapshots::new(before.into_iter().collect(), now)).unwrap()).unwrap();
    file
}

fn program(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn timeouts_are_stated_on_the_command_line_and_judged_by_the_model() {
    let directory = tempfile::tempdir().unwrap();
    let file = stored_scenario("failover-budget-short-retries", directory.path());
    let file = file.to_str().unwrap();
    let diagnose = |rest: &[&str]| program(&[&["diagnose", "--from", file], rest].concat());
    let (code, out, _) = diagnose(&["--timeouts", "app=5s,pool=30s"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("failover-budget") && out.contains("pool=30s outlasts the connection"), "{out}");
    assert_eq!(diagnose(&["--timeouts", "app=2s,pool=5s"]).0, Some(0));
    assert_eq!(diagnose(&["--timeouts", "app=5s,pool=30s", "--fail-on", "critical"]).0, Some(0));
    // Who names the rule is told what it lacks.
    let (code, out, _) = diagnose(&["failover-budget"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("no timeouts are stated: diagnose --timeouts app=5s,pool=30s"), "{out}");
    for (wrong, says) in [("pool", "`pool` is no timeout"), ("lb=5s", "they are app, pool, user"), ("app=5", "no unit")]
    {
        let (code, _, error) = diagnose(&["--timeouts", wrong]);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[test]
fn files_of_a_tree_are_held_against_what_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let file = stored_scenario("quiet-host", directory.path());
    let folder = directory.path().join("etc/sysctl.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("60-web.conf"), "net.core.somaxconn = 65535\nnet.ipv4.tcp_fin_timeout = 60\n").unwrap();
    let root = directory.path().to_str().unwrap();
    let diagnose = |rest: &[&str]| program(&[&["diagnose", "--from", file.to_str().unwrap()], rest].concat());
    let (code, out, error) = diagnose(&["--root", root]);
    // A notice: as far as can be seen nothing is lost by it.
    assert_eq!(code, Some(0), "{out}{error}");
    for (least, code) in [("notice", 1), ("warning", 0), ("critical", 0), ("never", 0)] {
        assert_eq!(diagnose(&["--root", root, "--fail-on", least]).0, Some(code), "{least}");
    }
    let said = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("net.core.somaxconn is 4096, and /etc/sysctl.d/60-web.conf:1 says 65535"), "{out}");
    assert_eq!(out.matches("settings-").count(), 1, "{out}");
    // The files of this host say nothing of another one.
    assert_eq!(diagnose(&[]).0, Some(0));
    let (_, out, _) = diagnose(&["settings-undone"]);
    assert!(out.contains("tcpctl lint"), "{out}");
    assert_eq!(diagnose(&["--root", "/no/such/directory"]).0, Some(2));
}

#[test]
fn every_topic_that_a_finding_points_to_can_be_explained() {
    for rule in RULES {
        assert!(rule.topic.is_none_or(|topic| find_topic(topic).is_ok()), "{}: {:?}", rule.id, rule.topic);
    }
}

/// Rules about something that no topic explains, and why there is none.
const WITHOUT_TOPIC: &[(&str, &str)] = &[
    ("bufferbloat", "congestion control and queues of the path: the model plays no bottleneck"),
    ("send-buffer-small", "a matter of throughput: the model plays events, not rates"),
    ("idle-restart", "congestion windows: the model plays none"),
    ("congestion-kept", "congestion control: the model plays none"),
    ("tcp-memory", "memory of the whole host: no course of one connection"),
    ("tcp-mem-beyond-ram", "memory of the whole host: no course of one connection"),
    ("softnet-drops", "below TCP"),
    ("softnet-squeeze", "below TCP"),
    ("settings-undone", "files and who writes when: `lint` explains each line"),
    ("settings-elsewhere", "files and namespaces: `lint` explains each line"),
    ("settings-harmful", "each line has its own reason, which `lint` tells"),
];

#[test]
fn every_rule_has_a_topic_or_a_reason_why_it_has_none() {
    let without: BTreeSet<&str> = RULES.iter().filter(|rule| rule.topic.is_none()).map(|rule| rule.id).collect();
    assert_eq!(without, WITHOUT_TOPIC.iter().map(|(id, _)| *id).collect());
    assert!(WITHOUT_TOPIC.iter().all(|(_, reason)| !reason.is_empty()));
}

#[test]
fn a_rule_that_sees_nothing_says_so_instead_of_being_quiet() {
    let nothing = Reading::default();
    let rules: Vec<_> = RULES.iter().collect();
    let outcome = diagnose_with(&rules, &nothing.snapshot(2_000), Some(&nothing.snapshot(1_000)));
    assert_eq!(outcome.findings, []);
    let undecided: BTreeSet<&str> = outcome.undecided.iter().map(|undecided| undecided.rule).collect();
    let all: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(undecided, all);
}

#[test]
fn readings_of_two_network_namespaces_are_not_compared() {
    let reading = Reading { tcp_ext: Some(BTreeMap::from([("TCPReqQFullDrop".to_owned(), 5)])), ..Reading::default() };
    let mut before =
        Reading { tcp_ext: Some(BTreeMap::from([("TCPReqQFullDrop".to_owned(), 0)])), ..Reading::default() }
            .snapshot(1_000);
    let now = reading.snapshot(2_000);
    assert_eq!(diagnose(&now, Some(&before)).findings.len(), 1);
    before.netns.inode = Some(2);
    let outcome = diagnose(&now, Some(&before));
    assert_eq!(outcome.findings, []);
    assert!(outcome.undecided.iter().any(|undecided| undecided.gap.contains("different network namespaces")));
}

#[test]
fn a_reading_that_misses_sockets_or_counters_is_judged_by_what_it_has_or_not_at_all() {
    let gap = |source: &str| Gap::new(source, GapKind::Malformed, "1 of its records cannot be understood", "");
    let (mut undecided, mut by_counters) = (0, BTreeSet::new());
    for (name, scenario) in scenarios() {
        let whole = scenario.outcome();
        let judged = scenario.outcome_with(vec![gap("sock_diag")]);
        let without: BTreeSet<&str> = judged.undecided.iter().map(|one| one.rule).collect();
        for found in &whole.findings {
            let told = judged.findings.iter().any(|other| other.rule == found.rule);
            assert!(told || without.contains(found.rule), "{name}: nothing is said of {}", found.rule);
        }
        let said = |rule: &str| whole.findings.iter().any(|found| found.rule == rule);
        let new = judged.findings.iter().filter(|found| !said(found.rule));
        by_counters.extend(new.map(|found| found.rule));
        undecided += without.len();
    }
    assert!(undecided > 100, "{undecided}");
    // Counters say what they say without the sockets, where the rule that tells more of them cannot judge.
    assert_eq!(by_counters, BTreeSet::from(["listener-drops", "packet-loss", "silent-peers", "time-wait-buckets"]));
}

#[test]
fn a_counter_that_was_perhaps_in_what_was_not_understood_is_not_called_absent() {
    let (_, scenario) = scenarios().into_iter().find(|(file, _)| file == "accept-queue-full-slow-accept").unwrap();
    let (before, mut now) = scenario.snapshots();
    now.counters.netstat.as_mut().unwrap().remove("TcpExt");
    let said = |now: &Snapshot| {
        let judged = diagnose(now, before.as_ref());
        let row = judged.undecided.into_iter().find(|one| one.rule == "listener-drops");
        (row.unwrap().gap, main_counters(now, None).into_iter().filter(|one| one.absent).count())
    };
    let (gap, absent) = said(&now);
    assert!(gap.contains("of this kernel has no") && absent > 5, "{gap}, {absent}");
    now.gaps.push(Gap::new(
        "/proc/thread-self/net/netstat",
        GapKind::Malformed,
        "group TcpExt: 3 names, 2 numbers",
        "",
    ));
    let (gap, absent) = said(&now);
    assert!(gap.ends_with("group TcpExt: 3 names, 2 numbers") && absent == 0, "{gap}, {absent}");
}

/// The outcome of a scenario by its file's name.
fn outcome(name: &str) -> Findings {
    scenarios().into_iter().find(|(file, _)| file == name).unwrap().1.outcome()
}

fn text(name: &str, verbose: bool) -> String {
    render_findings(&outcome(name), FindingsStyle { width: 80, ascii: false, verbose })
}

#[test]
fn findings_are_one_line_each_and_tell_how_to_see_more() {
    insta::assert_snapshot!(anstream::adapter::strip_str(&text("not-accepting-full", false)).to_string());
}

#[test]
fn verbose_findings_show_evidence_cause_remedy_and_what_would_disprove_them() {
    insta::assert_snapshot!(anstream::adapter::strip_str(&text("not-accepting-full", true)).to_string());
    insta::assert_snapshot!(anstream::adapter::strip_str(&text("syn-flood-among-clients", true)).to_string());
}

#[test]
fn what_could_not_be_judged_is_shown_with_its_reason() {
    insta::assert_snapshot!(anstream::adapter::strip_str(&text("accept-queue-full-one-reading", false)).to_string());
}

#[test]
fn no_line_of_findings_is_wider_than_asked() {
    for (name, _) in scenarios() {
        for line in anstream::adapter::strip_str(&text(&name, true)).to_string().lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn findings_in_json_keep_their_shape() {
    insta::assert_json_snapshot!(FindingsView::new(&outcome("syn-cookies-off-flood")));
}

/// The whole numbers of a text, without those of addresses, of processes and of times.
fn numbers(text: &str) -> Vec<u64> {
    let is_own = |word: &&str| {
        let word = word.trim_matches(|c: char| "(),;:.".contains(c));
        let is_process = word.contains('(') && word.starts_with(|c: char| c.is_ascii_alphabetic());
        !is_process && !word.contains(':')
    };
    let digits = |word: &str| {
        let word = word.trim_matches(|c: char| "(),;:+%".contains(c)).to_owned();
        let word = word.split('/').next().unwrap_or_default().trim_end_matches('s').to_owned();
        word.parse::<u64>().ok()
    };
    text.split_whitespace().filter(is_own).filter_map(digits).collect()
}

#[test]
fn every_number_of_a_finding_has_its_source() {
    let mut unsourced = Vec::new();
    for (name, scenario) in scenarios() {
        let outcome = scenario.outcome();
        for finding in &outcome.findings {
            for evidence in &finding.evidence {
                assert!(is_exact(&evidence.source), "{name}: {evidence:?} does not say which field it is from");
            }
            let mut sourced: BTreeSet<u64> = BTreeSet::new();
            sourced.extend(finding.evidence.iter().flat_map(|seen| numbers(&format!("{} {}", seen.seen, seen.what))));
            sourced.extend(outcome.window_ms.map(|ms| ms / 1000));
            for number in numbers(&finding.sentence) {
                // A share is made of two numbers that are there.
                let is_share = finding.sentence.contains(&format!("{number}%"));
                if !sourced.contains(&number) && !is_share {
                    unsourced.push(format!("{name}: {number} of `{}` is in none of {sourced:?}", finding.sentence));
                }
            }
        }
    }
    assert!(unsourced.is_empty(), "{}", unsourced.join("\n"));
}

/// The built program beside the library, by a file with two readings.
#[test]
fn status_and_metrics_say_what_diagnose_says() {
    for name in [
        "not-accepting-full",
        "connects-time-out-dead-target",
        "connects-refused-second-address",
        "ports-exhaustion-soon",
        "quiet-host",
    ] {
        let (_, scenario) = scenarios().into_iter().find(|(file, _)| file == name).unwrap();
        let (before, now) = scenario.snapshots();
        let said = diagnose(&now, before.as_ref());
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("host.json");
        let stored = StoredSnapshots::new(before.into_iter().collect(), now);
        fs::write(&file, render_stored(&stored).unwrap()).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tcpctl"));
            let output = command.args(arguments).arg("--from").arg(&file).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let json = |arguments: &[&str]| serde_json::from_str::<serde_json::Value>(&run(arguments)).unwrap();
        let told = |found: &serde_json::Value, under: &str| -> Vec<[String; 3]> {
            let found = found[under].as_array().unwrap().iter();
            found
                .map(|one| ["rule", "severity", "sentence"].map(|part| one[part].as_str().unwrap().to_owned()))
                .collect()
        };
        let one = |one: &Finding| [one.rule, one.severity.word(), one.sentence.as_str()].map(str::to_owned);
        let expected: Vec<[String; 3]> = said.findings.iter().map(one).collect();
        assert_eq!(told(&json(&["diagnose", "--json"]), "findings"), expected, "{name}");
        assert_eq!(told(&json(&["status", "--json"]), "headlines"), expected, "{name}");
        let metrics = run(&["serve", "--textfile", "-"]);
        for rule in RULES {
            let found: Vec<_> = said.findings.iter().filter(|finding| finding.rule == rule.id).collect();
            let judged = said.rules.contains(&rule.id) && !said.undecided.iter().any(|gap| gap.rule == rule.id);
            for severity in [Severity::Critical, Severity::Warning, Severity::Notice] {
                let word = severity.word();
                let count = found.iter().filter(|finding| finding.severity == severity).count();
                let line = format!("tcpctl_findings{{rule=\"{}\",severity=\"{word}\",netns=\"1\"}} {count}\n", rule.id);
                assert_eq!(metrics.contains(&line), judged || !found.is_empty(), "{name}: {line}{metrics}");
            }
        }
    }
}

#[test]
fn the_screen_says_what_diagnose_says() {
    for name in [
        "not-accepting-full",
        "connects-time-out-dead-target",
        "connects-refused-second-address",
        "ports-exhaustion-soon",
    ] {
        let (_, scenario) = scenarios().into_iter().find(|(file, _)| file == name).unwrap();
        let (before, now) = scenario.snapshots();
        let said = diagnose(&now, before.as_ref());
        let (theme, size) = (Theme { mono: true, ascii: true }, (250, 50));
        let mut state = State::new(theme, size, Now { unix_ms: now.taken_unix_ms, utc_offset_s: 0 });
        for reading in before.into_iter().chain([now]) {
            update(&mut state, Event::Read(Arc::new(reading)));
        }
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        draw(&state, &mut buffer);
        let drawn: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        for finding in &said.findings {
            assert!(drawn.contains(&finding.sentence), "{name}: `{}` is not on the screen", finding.sentence);
        }
        // The list of findings has them all, each with its rule and its sign.
        press(&mut state, Key::Char('6'));
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        draw(&state, &mut buffer);
        for finding in &said.findings {
            let sign = match finding.severity {
                Severity::Critical => "X",
                Severity::Warning => "!",
                Severity::Notice => " ",
            };
            let row = format!("{sign} {:<19} {}", finding.rule, finding.sentence);
            assert!(rows(&buffer).iter().any(|drawn| drawn.contains(&row)), "{name}: {row}");
        }
    }
}
