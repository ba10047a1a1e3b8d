//! The metrics of a made-up host, as text and line by line against the grammar of the format.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tcpctl::diagnose::diagnose;
use tcpctl::report::{Measured, MetricsFormat, render_metrics};
use tcpctl::snapshot::{
    Capabilities, Counters, Drops, Gap, GapKind, HzReading, HzSource, Kernel, Listener, Netns, PortUse, Process,
    SCHEMA_VERSION, Snapshot, SocketSource, Sockets, SoftnetCpu, SysctlReading, Sysctls,
};
use tcpctl::units::{Hz, KernelVersion, TcpState};

fn listener(address: [u8; 4], port: u16, accept_queue: u32, drops: Drops) -> Listener {
    Listener {
        address: address.into(),
        port,
        v6_only: None,
        interface: 0,
        device: None,
        half_open_own: false,
        accept_queue: Some(accept_queue),
        backlog: Some(511),
        half_open: 4,
        shares_port: 1,
        drops,
        inode: 1,
        uid: 0,
        cookie: u64::from(port),
        processes: vec![Process { pid: 1203, name: "ng\"in\\x\n".to_owned() }],
    }
}

fn figures(figures: &[(&str, i64)]) -> BTreeMap<String, i64> {
    figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn group(name: &str, inside: BTreeMap<String, i64>) -> Option<BTreeMap<String, BTreeMap<String, i64>>> {
    Some(BTreeMap::from([(name.to_owned(), inside)]))
}

/// A host on which everything could be read, but one sysctl.
fn host() -> Snapshot {
    let value = |key: &str, value: &str| (key.parse().unwrap(), SysctlReading::Value(value.to_owned()));
    Snapshot {
        schema: SCHEMA_VERSION,
        taken_unix_ms: 1_763_800_000_123,
        monotonic_ms: 5_000,
        hostname: Some("db-7".to_owned()),
        boot_id: None,
        redacted: None,
        kernel: Kernel {
            release: Some("6.18.3-x86".to_owned()),
            version: Some(KernelVersion::new(6, 18)),
            hz: Hz::new(250).map(|hz| HzReading { hz, source: HzSource::Config("/boot/config".to_owned()) }),
        },
        netns: Netns { inode: Some(4_026_531_840), name: None, initial: Some(true), cookie: None },
        capabilities: Capabilities { euid: 0, effective: None },
        memory_kib: None,
        sysctls: Sysctls {
            readings: BTreeMap::from([
                value("net.ipv4.tcp_syn_retries", "6"),
                value("net.ipv4.tcp_syn_linear_timeouts", "4"),
                value("net.ipv4.tcp_rto_max_ms", "120000"),
                value("net.ipv4.tcp_synack_retries", "5"),
                value("net.ipv4.ip_local_port_range", "32768 60999"),
                value("net.ipv4.ip_local_reserved_ports", ""),
                ("net.ipv4.tcp_fin_timeout".parse().unwrap(), SysctlReading::Unreadable("refused".to_owned())),
            ]),
        },
        counters: Counters {
            snmp: group("Tcp", figures(&[("ActiveOpens", 12), ("PassiveOpens", 3400)])),
            netstat: group("TcpExt", figures(&[("ListenDrops", 15), ("ListenOverflows", 15)])),
            sockstat: group("TCP", figures(&[("inuse", 9), ("tw", 900)])),
            softnet: Some(vec![
                SoftnetCpu { cpu: Some(0), processed: 99, dropped: 0, time_squeeze: 1 },
                SoftnetCpu { cpu: Some(2), processed: 44, dropped: 7, time_squeeze: 0 },
            ]),
            queues: Some(Vec::new()),
        },
        sockets: Some(Sockets {
            source: SocketSource::SockDiag,
            states: TcpState::ALL.iter().map(|state| (*state, u64::from(state.to_kernel()))).collect(),
            // Two sockets on port 80, as with SO_REUSEPORT; one full.
            listeners: vec![
                listener([0, 0, 0, 0], 80, 0, Drops::Total(0)),
                listener([0, 0, 0, 0], 80, 512, Drops::Total(22)),
                listener([127, 0, 0, 1], 5432, 1, Drops::Unknown),
            ],
            ports: vec![PortUse {
                source: [192, 0, 2, 7].into(),
                destination: [198, 51, 100, 9].into(),
                destination_port: 443,
                used: 26_000,
                time_wait: 25_000,
                inodes: Vec::new(),
                processes: Vec::new(),
            }],
            addresses: None,
            half_open_resent: Some(vec![3, 0, 1]),
            samples: None,
        }),
        gaps: vec![Gap::new("/proc/882/fd", GapKind::Denied, "permission denied", "an owner is unknown")],
    }
}

/// The metrics of one reading.
fn metrics_of(snapshot: &Snapshot) -> String {
    let [text] = render_metrics(&Measured::new(snapshot, None, &diagnose(snapshot, None)), [MetricsFormat::Classic]);
    text
}

#[test]
fn the_metrics_of_a_host() {
    insta::assert_snapshot!(metrics_of(&host()).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

/// One line that is no comment, taken apart: name, labels, value.
fn parse_sample(line: &str) -> (String, Vec<(String, String)>, f64) {
    let (name, rest) = line.split_once('{').unwrap();
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
    let mut labels = Vec::new();
    let mut rest = rest.chars();
    loop {
        let label: String = rest.by_ref().take_while(|&c| c != '=').collect();
        assert!(!label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        assert_eq!(rest.next(), Some('"'), "{line}");
        let mut value = String::new();
        loop {
            match rest.next().unwrap() {
                '"' => break,
                '\\' => {
                    let escape = rest.next().unwrap();
                    assert!(['\\', '"', 'n'].contains(&escape), "{line}");
                    value.push(if escape == 'n' { '\n' } else { escape });
                }
                plain => value.push(plain),
            }
        }
        labels.push((label, value));
        match rest.next().unwrap() {
            ',' => {}
            end => {
                assert_eq!(end, '}', "{line}");
                break;
            }
        }
    }
    let value: String = rest.collect();
    // One blank, one number, and no time stamp after it.
    let number = value.strip_prefix(' ').unwrap();
    assert!(!number.contains(' '), "{line}");
    (name.to_owned(), labels, number.parse().unwrap())
}

/// Checks every line of a text: header before samples, each family once, no sample twice, samples of their family.
fn check_grammar(text: &str) -> usize {
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut families = BTreeSet::new();
    let mut samples = BTreeSet::new();
    let mut family = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').unwrap().0.to_owned();
            assert!(families.insert(family.clone()), "{family} comes twice");
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {family} ")).unwrap();
            assert!(["gauge", "counter", "untyped"].contains(&kind), "{line}");
        } else {
            let (name, labels, value) = parse_sample(line);
            assert_eq!(name, family, "{line}");
            assert!(!value.is_nan(), "{line}");
            assert_eq!(labels.last().unwrap().0, "netns", "{line}");
            let names: BTreeSet<&String> = labels.iter().map(|(label, _)| label).collect();
            assert_eq!(names.len(), labels.len(), "{line}");
            assert!(samples.insert((name, labels)), "comes twice: {line}");
        }
    }
    samples.len()
}

#[test]
fn every_line_is_of_the_format_and_no_sample_comes_twice() {
    assert!(check_grammar(&metrics_of(&host())) > 40);
}

#[test]
fn label_values_survive_escaping() {
    let text = metrics_of(&host());
    let line = text.lines().find(|line| line.starts_with("tcpctl_listener_half_open{")).unwrap();
    let (_, labels, value) = parse_sample(line);
    assert!(labels.contains(&("process".to_owned(), "ng\"in\\x\n".to_owned())), "{labels:?}");
    // Each of the two rows holds what both have in common; it must not be counted twice.
    assert!((value - 4.0).abs() < f64::EPSILON);
}

#[test]
fn what_could_not_be_read_is_left_out_and_not_zero() {
    let mut blind = host();
    blind.counters = Counters::default();
    blind.sockets = None;
    blind.sysctls = Sysctls::default();
    let text = metrics_of(&blind);
    check_grammar(&text);
    let names: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|l| l.split('{').next()).collect();
    let left = [
        "tcpctl_build_info",
        "tcpctl_gaps",
        "tcpctl_info",
        "tcpctl_rules_undecided",
        "tcpctl_setting_seconds",
        "tcpctl_snapshot_timestamp_seconds",
    ];
    assert_eq!(names, BTreeSet::from(left));
    // Only TIME-WAIT, which hangs on no setting, is known without any.
    let known = text.lines().filter(|line| line.starts_with("tcpctl_setting_seconds{"));
    assert!(known.clone().count() == 2 && known.into_iter().all(|line| line.contains("time-wait-life")));
    // One of two sockets of an address that does not tell hides the sum.
    assert!(!metrics_of(&host()).contains("tcpctl_listener_drops{address=\"127.0.0.1\""));
}

#[test]
fn the_number_of_samples_is_bounded_and_the_worst_listeners_stay() {
    let mut crowded = host();
    let sockets = crowded.sockets.as_mut().unwrap();
    for port in 10_000..11_000 {
        sockets.listeners.push(listener([10, 0, 0, 1], port, 0, Drops::Total(u32::from(port == 10_900))));
        sockets.ports.push(PortUse {
            source: IpAddr::from([10, 0, 0, 1]),
            destination: [10, 0, 0, 2].into(),
            destination_port: port,
            used: 1,
            time_wait: 0,
            inodes: Vec::new(),
            processes: Vec::new(),
        });
    }
    let text = metrics_of(&crowded);
    assert!(check_grammar(&text) < 1800, "{}", check_grammar(&text));
    assert!(text.contains("tcpctl_listeners_left_out{netns=\"4026531840\"} 802\n"), "{text}");
    assert!(text.contains("port=\"10900\"") && text.contains("port=\"80\""));
}

/// The same text as OpenMetrics: other headers, the same samples, and an end.
#[test]
fn half_open_connections_are_told_by_how_often_their_syn_ack_was_sent_again_and_how_old_they_are_then() {
    let text = metrics_of(&host());
    let told = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{synacks_resent=")));
        lines.filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told("tcpctl_half_open_connections"), ["3", "0", "1"]);
    assert_eq!(told("tcpctl_half_open_age_seconds"), ["0", "1", "3", "7", "15", "31"]);
}

#[test]
fn openmetrics_has_the_same_samples_under_its_own_headers() {
    let judged = diagnose(&host(), None);
    let text = |format| render_metrics(&Measured::new(&host(), None, &judged), [format]).concat();
    let (classic, open) = (text(MetricsFormat::Classic), text(MetricsFormat::OpenMetrics));
    let samples =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(samples(&open), samples(&classic));
    assert!(open.ends_with("\n# EOF\n") && open.matches("# EOF").count() == 1 && !classic.contains("# EOF"));
    assert!(open.contains("# TYPE node_softnet_dropped counter\n"), "a counter's family has no suffix");
    assert!(open.contains("# TYPE node_netstat_Tcp_ActiveOpens unknown\n") && !open.contains(" untyped\n"));
    assert_eq!(open.matches("# TYPE ").count(), classic.matches("# TYPE ").count());
}

#[test]
fn ports_are_forecast_from_two_readings_and_the_fullest_destinations_are_told() {
    let destination = |place: u8, used: u64| PortUse {
        source: [192, 0, 2, 7].into(),
        destination: [198, 51, 100, place].into(),
        destination_port: 443,
        used,
        time_wait: 0,
        inodes: Vec::new(),
        processes: Vec::new(),
    };
    let at = |seconds: u64, used: &[(u8, u64)]| {
        let mut reading = host();
        reading.monotonic_ms += seconds * 1000;
        reading.sockets.as_mut().unwrap().ports = used.iter().map(|(place, used)| destination(*place, *used)).collect();
        reading
    };
    let crowd: Vec<(u8, u64)> = (100..115).map(|place| (place, 2)).collect();
    let before = at(0, &[(1, 1000), (2, 500)]);
    let now = at(10, &[&[(1, 2000), (2, 500), (3, 100)], crowd.as_slice()].concat());
    let judged = diagnose(&now, Some(&before));
    let measured = Measured::new(&now, Some(&before), &judged);
    let [text] = render_metrics(&measured, [MetricsFormat::Classic]);
    check_grammar(&text);
    let told = |name: &str, place: u8| {
        let begin = format!("{name}{{source=\"192.0.2.7\",destination=\"198.51.100.{place}\",port=\"443\",");
        let line = text.lines().find(|line| line.starts_with(&begin));
        line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.to_owned())
    };
    assert_eq!(told("tcpctl_destination_ports", 1).as_deref(), Some("2000"));
    // 1000 more in 10 s, and 28232 − 2000 are left.
    assert_eq!(told("tcpctl_destination_ports_exhausted_seconds", 1).as_deref(), Some("262.32"));
    assert_eq!(told("tcpctl_destination_ports_exhausted_seconds", 2).as_deref(), Some("+Inf"));
    assert_eq!(told("tcpctl_destination_ports_exhausted_seconds", 3), None, "it was not there before");
    assert_eq!(text.matches("\ntcpctl_destination_ports{").count(), 10);
    assert!(text.contains("tcpctl_destinations_left_out{netns=\"4026531840\"} 8\n"), "{text}");
    assert!(text.contains("tcpctl_window_seconds{netns=\"4026531840\"} 10\n"));
}

#[test]
fn what_was_not_counted_is_no_zero() {
    let mut sums = host();
    sums.sockets.as_mut().unwrap().source = SocketSource::Listeners;
    sums.sockets.as_mut().unwrap().ports.clear();
    let text = metrics_of(&sums);
    for name in
        ["node_tcp_connection_states", "tcpctl_ports_in_use_most", "tcpctl_destination", "tcpctl_listener_half_open{"]
    {
        assert!(!text.contains(&format!("\n{name}")), "{name}");
    }
    assert!(text.contains("\ntcpctl_listener_accept_queue{"));
}

#[test]
fn while_sockets_are_missing_nothing_is_summed_over_them() {
    // One that cannot be understood may listen beside one that can.
    let mut missing = host();
    let reason = "1 of its records cannot be understood";
    missing.gaps.push(Gap::new(
        "sock_diag",
        GapKind::Malformed,
        reason,
        "the counts of sockets are too low by as many",
    ));
    let text = metrics_of(&missing);
    for name in ["node_tcp_connection_states", "tcpctl_listener", "tcpctl_half_open_connections"] {
        assert!(metrics_of(&host()).contains(&format!("\n{name}")) && !text.contains(&format!("\n{name}")), "{name}");
    }
    assert!(text.contains("tcpctl_gaps{kind=\"malformed\",netns=\"4026531840\"} 1\n"), "{text}");
}

#[test]
fn findings_have_their_severity_and_rules_that_judge_are_never_without_a_sample() {
    let mut crowded = host();
    crowded.sockets.as_mut().unwrap().ports[0].time_wait = 0;
    let text = metrics_of(&crowded);
    let count = |severity: &str| {
        let begin = format!("tcpctl_findings{{rule=\"ports-exhaustion\",severity=\"{severity}\",");
        text.lines().find(|line| line.starts_with(&begin)).and_then(|line| line.rsplit_once(' ')).unwrap().1.to_owned()
    };
    // 26000 of 28232 are 92 %.
    assert_eq!([count("critical"), count("warning")], ["1", "0"]);
}
