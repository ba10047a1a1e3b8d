//! What `tcpctl explain` promises to programs and to those who mistype: figures, what-ifs, exit codes.

use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).arg("explain").args(arguments).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(&[arguments, &["--json"]].concat())).unwrap()
}

/// When a lost SYN ends the attempt, with what, and how many SYNs went out.
fn syn_lost(premises: &[&str]) -> (u64, String, usize) {
    let view = json(&[&["syn-lost", "--defaults", "--hz", "250"], premises].concat());
    let end = &view["timeline"]["end"];
    let is_syn = |event: &&Value| event["kind"] == "send" && event["segment"] == "SYN" && event["side"] == "client";
    let sent = view["timeline"]["events"].as_array().unwrap().iter().filter(is_syn).count();
    (end["at_ms"].as_u64().unwrap(), end["outcome"].as_str().unwrap().to_owned(), sent)
}

#[test]
fn a_lost_syn_ends_when_the_kernel_ends_it() {
    let timed_out = |at_ms, sent| (at_ms, "ETIMEDOUT".to_owned(), sent);
    let retries = |retries: u32, linear: u32| {
        let (retries, linear) = (format!("tcp_syn_retries={retries}"), format!("tcp_syn_linear_timeouts={linear}"));
        syn_lost(&["--kernel", "6.18", "--set", &retries, "--set", &linear])
    };
    assert_eq!(retries(6, 4), timed_out(131_000, 11));
    assert_eq!(retries(5, 0), timed_out(63_000, 6));
    assert_eq!(retries(2, 4), timed_out(7_000, 6));
    assert_eq!(retries(1, 4), timed_out(3_000, 3));
    assert_eq!(syn_lost(&["--kernel", "6.1", "--set", "tcp_syn_retries=6"]), timed_out(127_000, 7));
}

#[test]
fn socket_options_reach_the_endpoint_that_they_are_for() {
    let with = |option| syn_lost(&["--kernel", "6.18", "--sockopt", option]);
    assert_eq!(with("TCP_SYNCNT=2").0, 7_000);
    assert_eq!(with("client:TCP_USER_TIMEOUT=5000").0, 5_000);
    assert_eq!(with("server:TCP_USER_TIMEOUT=5000").0, 131_000);
    let view = json(&["syn-lost", "--defaults", "--kernel", "6.18", "--sockopt", "TCP_SYNCNT=2"]);
    assert_eq!(view["socket_options"][0]["side"], "client");
    assert_eq!(view["socket_options"][0]["value"], 2);
}

#[test]
fn several_values_are_compared_side_by_side() {
    let set = ["syn-lost", "--defaults", "--kernel", "6.18", "--hz", "250", "--set", "net.ipv4.tcp_syn_retries=3,4,5"];
    let view = json(&set);
    let ends: Vec<u64> = view["comparison"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["timeline"]["end"]["at_ms"].as_u64().unwrap())
        .collect();
    assert_eq!(ends, [19_000, 35_000, 67_000]);
    assert_eq!(view["comparison"][1]["varied"][0]["value"], "4");
    assert_eq!(view["comparison"][1]["settings"][0]["source"], "what-if");
    insta::assert_snapshot!(text(&set));
    let two = ["--set", "tcp_syn_linear_timeouts=0,4", "--ascii"];
    insta::assert_snapshot!(text(&[&set[..], &two].concat()));
}

#[test]
fn a_list_of_ports_is_one_value() {
    let view = json(&[
        "time-wait-many",
        "--defaults",
        "--kernel",
        "6.18",
        "--set",
        "ip_local_reserved_ports=40000,50000-50009",
    ]);
    assert_eq!(view["ports"]["available"], 28_232 - 11);
    let ranges =
        ["time-wait-many", "--defaults", "--kernel", "6.18", "--set", "ip_local_port_range=1024 65535,32768 60999"];
    assert_eq!(json(&ranges)["comparison"][0]["ports"]["available"], 64_512);
}

#[test]
fn the_mtu_decides_the_mss() {
    let mss = |mtu: &str| json(&["mss", "--defaults", "--kernel", "6.18", "--mtu", mtu])["mss"]["ipv4"]["mss"].as_u64();
    assert_eq!([mss("1500"), mss("9000"), mss("576"), mss("65536")], [Some(1460), Some(8960), Some(536), Some(65_495)]);
    let view = json(&["mss", "--defaults", "--kernel", "6.18", "--set", "tcp_timestamps=0,1"]);
    assert_eq!(view["comparison"][0]["mss"]["ipv4"]["data_per_segment"], 1460);
    assert_eq!(view["comparison"][1]["mss"]["ipv4"]["data_per_segment"], 1448);
}

#[test]
fn the_windows_of_the_wheel_follow_the_tick_rate() {
    let latest = |hz: &str| {
        let view = json(&["timers", "--defaults", "--kernel", "6.18", "--hz", hz]);
        let timers = view["timers"].as_array().unwrap().clone();
        timers.iter().find(|timer| timer["wait_ms"] == 60_000).unwrap()["latest_ms"].as_u64().unwrap()
    };
    assert_eq!([latest("100"), latest("250"), latest("300"), latest("1000")], [65_130, 62_052, 61_710, 64_097]);
}

/// What is refused, and a word that must be said about it.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty(), "{arguments:?} printed to standard output");
    message
}

#[test]
fn mistakes_are_named_with_what_would_be_right() {
    for (arguments, said) in [
        (&["syn-lsot"][..], "syn-lost"),
        (&["handshaek"], "handshake"),
        (&["syn-lost", "--set", "net.ipv4.tcp_syn_retry=3"], "tcp_syn_retries"),
        (&["syn-lost", "--set", "tcp_syn_retries"], "KEY=VALUE"),
        (&["syn-lost", "--set", "tcp_syn_retries=128"], "1 to 127"),
        (&["syn-lost", "--set", "tcp_syn_retries=3,,5"], "empty value"),
        (&["syn-lost", "--set", "tcp_syn_retries=3,500"], "1 to 127"),
        (&["syn-lost", "--kernel", "six"], "six"),
        (&["syn-lost", "--kernel", "2.6"], "4.14"),
        (&["syn-lost", "--hz", "0"], "0"),
        (&["syn-lost", "--hz", "fast"], "fast"),
        (&["syn-lost", "--rtt", "5 parsecs"], "50ms"),
        (&["syn-lost", "--rtt", "-1ms"], "50ms"),
        (&["syn-lost", "--rtt", "2h"], "longer than an hour"),
        (&["syn-lost", "--sockopt", "TCP_SYNCNT=0"], "EINVAL"),
        (&["syn-lost", "--sockopt", "TCP_SYNCOUNT=3"], "did you mean TCP_SYNCNT"),
        (&["syn-lost", "--kernel", "6.1", "--sockopt", "TCP_RTO_MAX_MS=2000"], "ENOPROTOOPT"),
        (&["mss", "--mtu", "67"], "68"),
        (&["mss", "--mtu", "65537"], "65536"),
        (&["mss", "--diagram", "svg"], "nothing to draw"),
        (&["syn-lost", "--diagram", "svg", "--json"], "leave out one"),
        (&["syn-lost", "--diagram", "svg", "--set", "tcp_syn_retries=3,4"], "one course"),
        (&["syn-lost", "--decode", "45"], "segment"),
        (&["segment", "--decode", "45 00 zz"], "character 7"),
        (&["segment", "--decode", "45 00"], "cut short at byte 2"),
        (&["--decode", "45 00"], "TOPIC"),
    ] {
        let message = refused(arguments);
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
}
