//! A snapshot for the tests of this room: a web server in trouble.

use std::collections::BTreeMap;

use crate::snapshot::{
    Capabilities, Counters, Drops, HzReading, HzSource, Kernel, Listener, Netns, PortUse, Process, SCHEMA_VERSION,
    Snapshot, SocketSource, Sockets, SoftnetCpu, SysctlReading, Sysctls,
};
use crate::units::{Hz, KernelVersion, TcpState};

fn group(values: &[(&str, i64)]) -> BTreeMap<String, i64> {
    values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn one(name: &str, values: &[(&str, i64)]) -> Option<BTreeMap<String, BTreeMap<String, i64>>> {
    Some(BTreeMap::from([(name.to_owned(), group(values))]))
}

/// `Tcp` of `/proc/net/snmp`.
const TCP: [(&str, i64); 7] = [
    ("ActiveOpens", 0),
    ("AttemptFails", 0),
    ("EstabResets", 0),
    ("OutRsts", 3),
    ("OutSegs", 98_301),
    ("PassiveOpens", 18_204),
    ("RetransSegs", 812),
];

/// `TcpExt` of `/proc/net/netstat`, of a kernel that has no `TCPTimeWaitOverflow`.
const TCP_EXT: [(&str, i64); 12] = [
    ("ListenDrops", 412),
    ("ListenOverflows", 412),
    ("SyncookiesFailed", 0),
    ("SyncookiesRecv", 0),
    ("SyncookiesSent", 0),
    ("TCPAbortOnMemory", 0),
    ("TCPAbortOnTimeout", 0),
    ("TCPBacklogDrop", 0),
    ("TCPReqQFullDoCookies", 0),
    ("TCPReqQFullDrop", 0),
    ("TCPSynRetrans", 0),
    ("TCPTimeouts", 0),
];

/// A listener on every address, with a backlog and what is in its two queues.
pub(super) fn listener(address: &str, port: u16, backlog: u32, queued: u32, half_open: u64) -> Listener {
    Listener {
        address: address.parse().unwrap(),
        port,
        v6_only: address.contains(':').then_some(false),
        interface: 0,
        device: None,
        half_open_own: false,
        accept_queue: Some(queued),
        backlog: Some(backlog),
        half_open,
        shares_port: 1,
        drops: Drops::Total(0),
        inode: 1,
        uid: 0,
        cookie: 0,
        processes: vec![Process { pid: 1203, name: "nginx".to_owned() }],
    }
}

fn sysctls() -> Sysctls {
    let values = [
        ("net.core.somaxconn", "4096"),
        ("net.ipv4.ip_local_port_range", "32768 60999"),
        ("net.ipv4.ip_local_reserved_ports", ""),
        ("net.ipv4.tcp_fin_timeout", "60"),
        ("net.ipv4.tcp_max_orphans", "65536"),
        ("net.ipv4.tcp_max_syn_backlog", "4096"),
        ("net.ipv4.tcp_max_tw_buckets", "262144"),
        ("net.ipv4.tcp_mem", "188349 251132 376698"),
        ("net.ipv4.tcp_rto_max_ms", "120000"),
        ("net.ipv4.tcp_syn_linear_timeouts", "4"),
        ("net.ipv4.tcp_syn_retries", "6"),
        ("net.ipv4.tcp_synack_retries", "5"),
        ("net.ipv4.tcp_syncookies", "1"),
        ("net.ipv4.tcp_timestamps", "1"),
        ("net.ipv4.tcp_tw_reuse", "2"),
        ("net.ipv4.tcp_tw_reuse_delay", "1000"),
    ];
    let reading = |(key, value): (&str, &str)| (key.parse().unwrap(), SysctlReading::Value(value.to_owned()));
    Sysctls { readings: values.into_iter().map(reading).collect() }
}

/// A host whose web server does not keep up with accept().
pub(super) fn snapshot() -> Snapshot {
    let counted = [(TcpState::Estab, 18_204), (TcpState::SynRecv, 37), (TcpState::TimeWait, 21_904)];
    let mut states: BTreeMap<TcpState, u64> = TcpState::ALL.into_iter().map(|state| (state, 0)).collect();
    states.extend(counted);
    states.insert(TcpState::Listen, 3);
    let full = Listener { drops: Drops::Total(412), ..listener("::", 443, 511, 512, 37) };
    let unowned = Listener { processes: Vec::new(), ..listener("10.0.0.7", 9100, 4096, 0, 0) };
    Snapshot {
        schema: SCHEMA_VERSION,
        taken_unix_ms: 1_795_340_600_177,
        monotonic_ms: 5_000_000,
        hostname: Some("db-7".to_owned()),
        boot_id: None,
        redacted: None,
        kernel: Kernel {
            release: Some("6.18.3".to_owned()),
            version: Some(KernelVersion { major: 6, minor: 18, patch: 3 }),
            hz: Hz::new(250).map(|hz| HzReading { hz, source: HzSource::Config("/proc/config.gz".to_owned()) }),
        },
        netns: Netns { inode: Some(4_026_531_833), name: None, initial: Some(true), cookie: None },
        capabilities: Capabilities { euid: 1000, effective: Some(0) },
        memory_kib: Some(24_579_328),
        sysctls: sysctls(),
        counters: Counters {
            snmp: one("Tcp", &TCP),
            netstat: one("TcpExt", &TCP_EXT),
            sockstat: one("TCP", &[("inuse", 18_300), ("orphan", 12), ("tw", 21_904), ("alloc", 1), ("mem", 65_536)]),
            softnet: Some(vec![SoftnetCpu { cpu: Some(0), processed: 9, dropped: 0, time_squeeze: 0 }]),
            queues: Some(Vec::new()),
        },
        sockets: Some(Sockets {
            source: SocketSource::SockDiag,
            states,
            listeners: vec![unowned, listener("127.0.0.1", 6379, 128, 0, 0), full],
            ports: vec![PortUse {
                source: "10.0.0.7".parse().unwrap(),
                destination: "10.0.3.9".parse().unwrap(),
                destination_port: 5432,
                used: 21_904,
                time_wait: 21_000,
                inodes: Vec::new(),
                processes: Vec::new(),
            }],
            addresses: None,
            half_open_resent: None,
            samples: None,
        }),
        gaps: Vec::new(),
    }
}
