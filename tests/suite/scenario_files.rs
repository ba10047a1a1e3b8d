//! Scenarios as files: wrong ones are refused with the place of the mistake, and what is written is read as the same.

use std::fmt::Write;

use proptest::prelude::*;
use tcpctl::explain::{
    Ask, HostPremises, Overrides, ScenarioFile, ScenarioFileError, explain, read_scenario, scenario_of, scenario_text,
    simulate, topic_scenario_text, topics,
};
use tcpctl::model::{
    Action, Call, Endpoint, Fate, Host, IcmpError, Injected, Injection, IpVersion, Listener, Measured, Number,
    Scenario, Segment, Settings, Side, SocketOptions, Start, WireRule,
};
use tcpctl::units::{Hz, KernelVersion, SysctlValues};

/// A host that is unlike the defaults in every way.
fn strange_host() -> HostPremises {
    let values = [
        ("net.ipv4.tcp_syn_retries", "2"),
        ("net.ipv4.tcp_retries2", "3"),
        ("net.ipv4.tcp_keepalive_time", "77"),
        ("net.ipv4.ip_local_reserved_ports", "8080,9000-9100"),
        ("net.ipv4.tcp_max_tw_buckets", "5"),
    ];
    HostPremises {
        version: Some(KernelVersion::new(6, 18)),
        hz: Hz::new(300),
        memory_kib: Some(1 << 20),
        values: values.into_iter().map(|(key, value)| (key.parse().unwrap(), value.to_owned())).collect(),
    }
}

fn read_with(text: &str, overrides: &Overrides) -> Result<ScenarioFile, ScenarioFileError> {
    read_scenario("x", "x.toml", text, &strange_host(), overrides)
}

fn read(text: &str) -> Result<ScenarioFile, ScenarioFileError> {
    read_with(text, &Overrides::default())
}

const CONNECT: &str = "[[call]]\nside = \"client\"\ndo = \"connect\"\n";

/// What is wrong with a file that begins with a summary and goes on like this.
fn refusal(rest: &str) -> String {
    match read(&format!("summary = \"x\"\n{rest}")) {
        Ok(file) => panic!("{rest} was taken: {:?}", file.scenario),
        Err(error) => error.to_string(),
    }
}

/// Refusals, each on a line below what is refused.
fn refusals<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut told = String::new();
    for text in texts {
        for line in text.lines() {
            writeln!(told, "  {line}").unwrap();
        }
        writeln!(told, "{}\n", refusal(text)).unwrap();
    }
    told
}

#[test]
fn every_wrong_word_is_refused_with_its_place() {
    let told = refusals([
        "start = ",
        "stat = \"closed\"",
        "start = \"establised\"",
        "start = 1",
        "about = \"peer\"",
        "settings = \"mine\"",
        "family = \"ipv5\"",
        "family = 6",
        "rtt = 50",
        "rtt = \"50\"",
        "rtt = \"2h\"",
        "summary = \"again\"",
        "[kernel]\nversion = \"new\"",
        "[kernel]\nversion = \"3.10\"",
        "[kernel]\nversion = 6.18",
        "[kernel]\nhz = 10",
        "[kernel]\nrelease = \"6.18\"",
        "[kernal]",
    ]);
    insta::assert_snapshot!(told);
    let missing = read("start = \"closed\"").unwrap_err().to_string();
    assert_eq!(missing, "x.toml:1:1: `summary` is missing; expected a line summary = \"…\"");
    let empty = read("summary = \" \"").unwrap_err().to_string();
    assert_eq!(empty, "x.toml:1:11: `summary` is empty; expected a line that says what this shows");
    let lines = read("summary = \"a\\nb\"").unwrap_err().to_string();
    assert!(lines.starts_with("x.toml:1:11: `summary` has a line end"), "{lines}");
}

#[test]
fn a_file_says_what_carries_its_segments_and_ipv4_where_it_does_not() {
    let family = |line: &str| read(&format!("summary = \"x\"\n{line}\n{CONNECT}")).unwrap().scenario.family;
    assert_eq!(
        ["", "family = \"ipv4\"", "family = \"ipv6\""].map(family),
        [IpVersion::V4, IpVersion::V4, IpVersion::V6]
    );
}

#[test]
fn every_wrong_value_is_refused_with_its_place() {
    let told = refusals([
        "[sysctl]\nnet.ipv4.tcp_syn_retries = 3",
        "[sysctl]\n\"net.ipv4.tcp_syn_retires\" = 3",
        "[sysctl]\n\"net.ipv4.tcp_syn_retries\" = 0",
        "[sysctl]\n\"net.ipv4.tcp_syn_retries\" = \"three\"",
        "[sysctl]\n\"net.ipv4.tcp_syn_retries\" = true",
        "[sysctl]\n\"net.ipv4.tcp_syn_retries\" = 3\n\"tcp_syn_retries\" = 4",
        "[kernel]\nversion = \"6.1\"\n[client.sysctl]\n\"net.ipv4.tcp_syn_linear_timeouts\" = 3",
        "[sysctl]\n\"net.ipv4.tcp_available_congestion_control\" = \"cubic\"",
        "[client.sockopt]\nTCP_USER_TIMOUT = 5",
        "[client.sockopt]\nTCP_SYNCNT = 128",
        "[client.sockopt]\nTCP_SYNCNT = \"3\"",
        "[client.sockopt]\nTCP_SYNCNT = 99999999999",
        "[client.sockopt]\nTCP_SYNCNT = 3\ntcp_syncnt = 4",
        "[client.sockopt]\nTCP_DEFER_ACCEPT = 3",
        "[kernel]\nversion = \"6.12\"\n[server.sockopt]\nTCP_RTO_MAX_MS = 3000",
        "[client.measured]\nrto = \"0s\"\nrtt = \"1ms\"",
        "[client.measured]\nrto = \"204ms\"",
        "[listener]\nbacklog = -1",
        "[listener]\nbacklog = \"many\"",
        "[listener]\nbacklog = 5000000000",
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn every_wrong_event_is_refused_with_its_place() {
    let told = refusals([
        "[call]\nside = \"client\"\ndo = \"connect\"",
        "[[call]]\nside = \"client\"",
        "[[call]]\nside = \"client\"\ndo = \"conect\"",
        "[[call]]\nat = \"25h\"\nside = \"client\"\ndo = \"connect\"",
        "[[call]]\nat = \"-1s\"\nside = \"client\"\ndo = \"connect\"",
        "[[call]]\nside = \"client\"\ndo = \"setsockopt\"",
        "[[call]]\nside = \"client\"\ndo = \"setsockopt\"\nsockopt = {}",
        "[[call]]\nside = \"client\"\ndo = \"send\"\nsockopt = { TCP_SYNCNT = 3 }",
        "[[wire]]\nfrom = \"client\"\nsegment = \"syn\"\nlose = true",
        "[[wire]]\nfrom = \"client\"",
        "[[wire]]\nfrom = \"client\"\nlose = true\ndelay = \"1s\"",
        "[[wire]]\nfrom = \"client\"\nlose = false",
        "[[wire]]\nfrom = \"client\"\nlose = \"yes\"",
        "[[wire]]\nfrom = \"client\"\ndelay = \"0s\"",
        "[[wire]]\nfrom = \"client\"\nnth = 0\nlose = true",
        "[[wire]]\nfrom = \"client\"\nnth = \"3-1\"\nlose = true",
        "[[wire]]\nfrom = \"client\"\nnth = \"first\"\nlose = true",
        "[[wire]]\nfrom = \"client\"\nafter = \"2s\"\nuntil = \"1s\"\nlose = true",
        "[[wire]]\nform = \"client\"\nlose = true",
        "[[inject]]\nto = \"client\"",
        "[[inject]]\nto = \"client\"\nsegment = \"RST\"\nicmp = \"host-unreachable\"",
        "[[inject]]\nto = \"client\"\nsegment = \"RST\"\nin-call = true",
        "[[inject]]\nto = \"client\"\nsegment = \"RST\"\nseq = \"7\"",
        "[[inject]]\nto = \"client\"\nsegment = \"RST\"\nseq = 7",
        "[[inject]]\nto = \"client\"\nsegment = \"ACK\"\nack = \"none\"",
        "[[inject]]\nto = \"client\"\nsegment = \"SYN\"\nack = \"fitting\"",
        "[[inject]]\nto = \"client\"\nicmp = \"host-unreachable\"\nseq = \"fitting\"",
        "[[inject]]\nto = \"client\"\nicmp = \"unreachable\"",
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn every_contradiction_is_refused_with_its_place() {
    let second = |call: &str| format!("{CONNECT}[[call]]\n{call}");
    let call = |start: &str, call: &str| format!("start = \"{start}\"\n[[call]]\n{call}");
    let texts = [
        String::new(),
        "start = \"established\"".to_owned(),
        call("closed", "side = \"server\"\ndo = \"connect\""),
        call("closed", "side = \"client\"\ndo = \"accept\""),
        call("closed", "side = \"client\"\ndo = \"listen\""),
        call("closed", "side = \"server\"\ndo = \"listen\""),
        call("closed", "side = \"client\"\ndo = \"send\""),
        call("closed", "side = \"server\"\ndo = \"close\""),
        call("closed", "side = \"client\"\ndo = \"setsockopt\"\nsockopt = { TCP_SYNCNT = 1 }"),
        call("nothing", "side = \"server\"\ndo = \"accept\""),
        format!("start = \"nothing\"\n{CONNECT}[[call]]\nside = \"server\"\ndo = \"send\""),
        call("established", "side = \"client\"\ndo = \"connect\""),
        format!("start = \"nothing\"\n[listener]\nbacklog = 1\n{CONNECT}"),
        format!("[listener]\nbacklog = 1\nwaiting = 9\n{CONNECT}"),
        second("side = \"server\"\ndo = \"forge-syn\""),
        second("side = \"server\"\ndo = \"listen\""),
    ];
    let told = refusals(texts.iter().map(String::as_str));
    insta::assert_snapshot!(told);
}

#[test]
fn long_lists_are_refused_at_the_first_that_is_too_many() {
    for (table, line) in [
        ("[[wire]]\nfrom = \"client\"\nlose = true\n", 2 + 64 * 3),
        ("[[inject]]\nto = \"client\"\nsegment = \"RST\"\n", 2 + 64 * 3),
        (CONNECT, 2 + 64 * 3),
    ] {
        let error = refusal(&table.repeat(65));
        assert!(error.starts_with(&format!("x.toml:{line}:1: there are 65 of [[")), "{error}");
    }
    let wires = "[[wire]]\nfrom = \"client\"\nlose = true\n".repeat(64);
    assert!(read(&format!("summary = \"x\"\n{CONNECT}{wires}")).is_ok());
}

#[test]
fn what_ifs_win_over_the_file_and_the_file_over_the_host() {
    let text = format!(
        "summary = \"x\"\nrtt = \"20ms\"\n[kernel]\nhz = 100\n[sysctl]\n\"tcp_syn_retries\" = 4\n\"net.ipv4.tcp_retries2\" = 9\n\
         \"net.ipv4.tcp_rmem\" = \"4096 131072 6291456\"\n\
         [server.sysctl]\n\"net.ipv4.tcp_retries2\" = 5\n[client.sockopt]\nTCP_SYNCNT = 2\n{CONNECT}"
    );
    let overrides = Overrides {
        set: vec!["tcp_syn_retries=7".to_owned()],
        sockopt: vec!["TCP_SYNCNT=9".to_owned()],
        rtt_us: Some(30_000),
        ..Overrides::default()
    };
    let file = read_with(&text, &overrides).unwrap();
    let scenario = &file.scenario;
    assert_eq!((scenario.client.settings.syn_retries, scenario.client.settings.retries2), (7, 9));
    assert_eq!((scenario.server.settings.syn_retries, scenario.server.settings.retries2), (7, 5));
    assert_eq!(scenario.client.settings.keepalive_time_s, 77);
    assert_eq!((scenario.client.options.syncnt, scenario.rtt_us), (Some(9), 30_000));
    assert_eq!(scenario.host.hz, Hz::new(100));
    assert_eq!(file.unused, ["net.ipv4.tcp_rmem"]);
    let sources: Vec<String> = file
        .settings
        .iter()
        .filter_map(|row| {
            let value = row.value.as_ref()?;
            let side = row.side.map_or("both", Side::name);
            Some(format!("{side} {}={} {}", row.key, value.value, value.origin.name()))
        })
        .collect();
    assert_eq!(
        sources,
        [
            "both net.ipv4.tcp_syn_retries=7 what-if",
            "client net.ipv4.tcp_retries2=9 file",
            "server net.ipv4.tcp_retries2=5 file",
            "both net.ipv4.tcp_keepalive_time=77 host",
            "both net.ipv4.tcp_max_tw_buckets=5 host",
            "both net.ipv4.ip_local_reserved_ports=8080,9000-9100 host",
        ]
    );
    let options: Vec<_> = file.socket_options.iter().map(|row| (row.name, row.value, row.origin.name())).collect();
    assert_eq!(options, [("TCP_SYNCNT", 9, "what-if")]);
    // Another kernel may be asked about than the file's, and the file's settings must exist there.
    let linear = format!("summary = \"x\"\n[sysctl]\n\"tcp_syn_linear_timeouts\" = 2\n{CONNECT}");
    let old = Overrides { kernel: Some("5.4".to_owned()), ..Overrides::default() };
    let error = read_with(&linear, &old).unwrap_err().to_string();
    assert!(error.starts_with("x.toml:3:1: Linux 5.4 has no net.ipv4.tcp_syn_linear_timeouts"), "{error}");
}

#[test]
fn setsockopt_leaves_alone_what_it_does_not_name() {
    let set = |at: &str, options: &str| {
        format!("[[call]]\nat = \"{at}\"\nside = \"client\"\ndo = \"setsockopt\"\nsockopt = {{ {options} }}\n")
    };
    let text = format!(
        "summary = \"x\"\n[client.sockopt]\nTCP_SYNCNT = 2\n{CONNECT}{}{}",
        set("5s", "TCP_USER_TIMEOUT = 0"),
        set("1s", "TCP_USER_TIMEOUT = 9000, SO_KEEPALIVE = 1"),
    );
    let scenario = read(&text).unwrap().scenario;
    let options: Vec<SocketOptions> = scenario
        .calls
        .iter()
        .filter_map(|call| match call.action {
            Action::SetOptions(options) => Some(options),
            _ => None,
        })
        .collect();
    let first = SocketOptions { syncnt: Some(2), user_timeout_ms: 9000, keepalive: true, ..SocketOptions::default() };
    assert_eq!(options, [SocketOptions { user_timeout_ms: 0, ..first }, first]);
}

#[test]
fn what_a_segment_acknowledges_follows_its_kind_unless_it_is_said() {
    let injected = |lines: &str| {
        let text = format!("summary = \"x\"\nstart = \"established\"\n[[inject]]\nto = \"client\"\n{lines}");
        read(&text).unwrap().scenario.injections[0].what
    };
    let is = |segment, seq, ack| Injected::Segment { segment, seq, ack };
    let fitting = Number::Fitting(0);
    assert_eq!(injected("segment = \"RST\""), is(Segment::Rst, fitting, None));
    assert_eq!(injected("segment = \"ACK\""), is(Segment::Ack, fitting, Some(fitting)));
    assert_eq!(injected("segment = \"DATA\"\nack = \"none\""), is(Segment::Data, fitting, None));
    assert_eq!(
        injected("segment = \"RST\"\nseq = \"fitting+1\"\nack = \"initial-1\""),
        is(Segment::Rst, Number::Fitting(1), Some(Number::Initial(-1)))
    );
}

/// Premises on which topics are asked about.
fn premises() -> Vec<Ask> {
    let host = strange_host();
    let what_ifs = |kernel: &str, set: &[&str], sockopt: &[&str], rtt_us| Overrides {
        kernel: Some(kernel.to_owned()),
        set: set.iter().map(|text| (*text).to_owned()).collect(),
        sockopt: sockopt.iter().map(|text| (*text).to_owned()).collect(),
        rtt_us: Some(rtt_us),
        backlog: Some(7),
        ..Overrides::default()
    };
    let alive = Overrides { peer_alive: true, ..what_ifs("5.10.100", &[], &[], 0) };
    vec![
        Ask::new(None, Hz::new(250), Some(8 << 20), &SysctlValues::new(), &what_ifs("6.18", &[], &[], 0)).unwrap(),
        Ask::new(None, None, None, &SysctlValues::new(), &what_ifs("4.14", &[], &["TCP_KEEPCNT=3"], 50_000)).unwrap(),
        Ask::new(None, Hz::new(1000), host.memory_kib, &host.values, &alive).unwrap(),
        Ask::new(
            host.version,
            host.hz,
            host.memory_kib,
            &host.values,
            &what_ifs(
                "6.18",
                &["tcp_abort_on_overflow=1", "tcp_orphan_retries=2", "tcp_rto_max_ms=2000"],
                &["TCP_USER_TIMEOUT=5000", "server:TCP_DEFER_ACCEPT=-1", "server:TCP_LINGER2=-1"],
                1_234_567,
            ),
        )
        .unwrap(),
    ]
}

#[test]
fn every_topics_scenario_is_written_and_read_as_the_same_with_the_very_timeline() {
    let mut written = 0;
    for ask in premises() {
        for topic in topics() {
            let Some(text) = topic_scenario_text(topic, &ask) else {
                assert!(topic.scenario.is_none(), "{}", topic.id);
                continue;
            };
            let file = read(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", topic.id));
            assert_eq!(file.summary, topic.question);
            assert_eq!(Some(&file.scenario), scenario_of(topic, &ask).as_ref(), "{}:\n{text}", topic.id);
            assert_eq!(Some(simulate(file).timeline), explain(topic, &ask).timeline, "{}", topic.id);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{}:\n{text}", topic.id);
            written += 1;
        }
    }
    assert!(written > 60, "{written} scenarios were written");
}

#[test]
fn what_an_old_kernel_does_not_have_is_not_written() {
    let ask = &premises()[1];
    let topic = topics().find(|topic| topic.id == "syn-lost").unwrap();
    assert!(!topic_scenario_text(topic, ask).unwrap().contains("linear"));
}

fn sides() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Server)]
}

fn segments() -> impl Strategy<Value = Segment> {
    prop::sample::select(vec![
        Segment::Syn,
        Segment::SynAck,
        Segment::Ack,
        Segment::Data,
        Segment::Fin,
        Segment::Rst,
        Segment::Probe,
        Segment::Keepalive,
    ])
}

const DAY_US: u64 = 86_400_000_000;

fn times() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..2_000_000_u64, 0..DAY_US]
}

fn options(side: Side) -> impl Strategy<Value = SocketOptions> {
    let timers = (prop::option::of(1_u8..=127), 0..=2_147_483_647_u32, prop::option::of(any::<i32>()));
    let keep = (
        any::<bool>(),
        prop::option::of(1_u32..=32_767),
        prop::option::of(1_u32..=32_767),
        prop::option::of(1_u8..=127),
    );
    let last = (prop::option::of(0..=2_147_483_647_u32), prop::option::of(1000_u32..=120_000));
    let rto = (prop::option::of(199_000_u32..=200_000), any::<bool>());
    (timers, keep, last, rto).prop_map(move |(timers, keep, (defer_accept_s, rto_max_ms), rto)| SocketOptions {
        rto_min_us: rto.0,
        thin_linear_timeouts: rto.1,
        syncnt: timers.0,
        user_timeout_ms: timers.1,
        linger2_s: timers.2,
        keepalive: keep.0,
        keepidle_s: keep.1,
        keepintvl_s: keep.2,
        keepcnt: keep.3,
        defer_accept_s: defer_accept_s.filter(|_| side == Side::Server),
        rto_max_ms,
    })
}

fn endpoints(side: Side) -> impl Strategy<Value = Endpoint> {
    let settings = (1_u32..=127, 0_u32..=255, -5_i64..100_000, any::<bool>(), 1_u16..30_000, 30_000_u16..=65_535);
    let measured = prop::option::of((1..DAY_US, 0..3_600_000_000_u64));
    (settings, options(side), measured).prop_map(|(settings, options, measured)| Endpoint {
        settings: Settings {
            syn_retries: settings.0,
            retries2: settings.1,
            max_syn_backlog: settings.2,
            sack: settings.3,
            local_ports: (settings.4, settings.5),
            reserved_ports: vec![(settings.4, settings.5)],
            ..Settings::default()
        },
        options,
        measured: measured.map(|(rto_us, srtt_us)| Measured { rto_us, srtt_us }),
    })
}

fn rules() -> impl Strategy<Value = WireRule> {
    let fates = prop_oneof![
        Just(Fate::Lose),
        (1..DAY_US).prop_map(|by_us| Fate::Delay { by_us }),
        times().prop_map(|after_us| Fate::Duplicate { after_us }),
    ];
    let nth = (1_u32..5, prop::option::of(0_u32..5)).prop_map(|(first, more)| (first, more.map(|more| first + more)));
    let span = (0..DAY_US / 2, prop::option::of(1..DAY_US / 2));
    (sides(), prop::option::of(segments()), nth, span, fates).prop_map(
        |(from, segment, nth, (from_us, long_us), fate)| WireRule {
            from,
            segment,
            nth,
            from_us,
            until_us: long_us.map(|long_us| from_us + long_us),
            fate,
        },
    )
}

fn injections() -> impl Strategy<Value = Injection> {
    let number = || {
        prop_oneof![
            any::<i32>().prop_map(Number::Fitting),
            (-9..9_i32).prop_map(Number::Initial),
            Just(Number::Fitting(0))
        ]
    };
    let segment = (segments(), number(), prop::option::of(number())).prop_map(move |(segment, seq, ack)| {
        let ack = match segment {
            Segment::Syn => None,
            Segment::Ack | Segment::SynAck => ack.or(Some(Number::Fitting(0))),
            _ => ack,
        };
        Injected::Segment { segment, seq, ack }
    });
    let icmp = (prop::sample::select(IcmpError::ALL.to_vec()), any::<bool>());
    let what = prop_oneof![segment, icmp.prop_map(|(error, in_call)| Injected::Icmp { error, in_call })];
    (times(), sides(), what).prop_map(|(at_us, to, what)| Injection { at_us, to, what })
}

fn actions() -> impl Strategy<Value = (Side, Action)> {
    let of_both = prop::sample::select(vec![
        Action::Send,
        Action::Shutdown,
        Action::Close,
        Action::CloseAfterPeer,
        Action::Abort,
        Action::Die,
        Action::Reboot,
    ]);
    prop_oneof![
        (sides(), of_both),
        Just((Side::Server, Action::Accept)),
        Just((Side::Client, Action::ForgeSyn)),
        any::<bool>().prop_map(|keepalive| {
            (Side::Client, Action::SetOptions(SocketOptions { keepalive, ..SocketOptions::default() }))
        }),
    ]
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let ends = (endpoints(Side::Client), endpoints(Side::Server));
    let hz = prop_oneof![Just(None), (24_u32..=1200).prop_map(Hz::new)];
    let listener = (0_u32..=2_147_483_647, 0_u32..2, 0_u32..=2_147_483_647);
    let lists = (
        prop::collection::vec(rules(), 0..5),
        prop::collection::vec(injections(), 0..5),
        prop::collection::vec((times(), actions()), 0..5),
    );
    let premises = (hz, prop::sample::select(IpVersion::BOTH.to_vec()), 0..3_600_000_000_u64);
    (ends, premises, listener, lists, sides()).prop_map(
        |(
            (mut client, server),
            (hz, family, rtt_us),
            (backlog, waiting, joining),
            (wire, injections, calls),
            about,
        )| {
            let mut calls: Vec<Call> =
                calls.into_iter().map(|(at_us, (side, action))| Call { at_us, side, action }).collect();
            // Only the options that a call can switch off are told apart from those of the end.
            if calls.iter().any(|call| matches!(call.action, Action::SetOptions(_))) {
                client.options = SocketOptions::default();
            }
            calls.insert(0, Call { at_us: 0, side: Side::Client, action: Action::Connect });
            Scenario {
                host: Host { version: KernelVersion::new(6, 18), hz },
                family,
                client,
                server,
                rtt_us,
                start: Start::Closed,
                listener: Listener { backlog, waiting, joining },
                wire,
                injections,
                calls,
                about,
            }
        },
    )
}

/// A text with one piece of it changed.
fn mutated(text: &str, at: prop::sample::Index, kind: u8, piece: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = at.index(letters.len());
    match kind {
        0 => drop(letters.drain(at..(at + piece.len()).min(letters.len()))),
        1 => drop(letters.splice(at..at, piece.chars())),
        2 => letters.truncate(at),
        _ => {
            let rest = letters.split_off(at);
            letters.splice(0..0, rest);
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_as_the_same(scenario in scenarios(), summary in "[ -~é]{0,20}x") {
        let text = scenario_text(&summary, &scenario);
        let file = read(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(file.scenario, scenario, "{}", text);
        prop_assert_eq!(file.summary, summary);
    }

    #[test]
    fn a_mutated_file_is_taken_or_refused_with_a_place(
        scenario in scenarios(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, "[\"=\\[\\]{}.\n\\\\0-9a-zé-]{1,6}"), 1..4),
    ) {
        let mut text = scenario_text("x", &scenario);
        for (at, kind, piece) in mutations {
            text = mutated(&format!("{text} "), at, kind, &piece);
        }
        if let Err(error) = read(&text) {
            let ScenarioFileError::Text(error) = error else {
                return Err(TestCaseError::fail(format!("without a place: {error}")));
            };
            let lines = text.split('\n').count();
            prop_assert!((1..=lines).contains(&error.place.line), "{}\n{}", error, text);
            prop_assert!(error.place.column >= 1 && !error.message.is_empty());
        }
    }
}
