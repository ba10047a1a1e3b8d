//! What `tcpctl explain` says of a host's sockets, on a copy of /proc.

#![cfg(target_endian = "little")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::explain_schema::assert_is;
use super::status::copy_of_a_host;

const HEADING: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

fn row(local: &str, remote: &str, state: u8, inode: u64) -> String {
    format!("   0: {local} {remote} {state:02X} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n")
}

/// The copy with UDP on the port of its listener, and sockets in CLOSE_WAIT.
fn copy() -> tempfile::TempDir {
    let directory = copy_of_a_host();
    let tcp = directory.path().join("net/tcp");
    let more = row("0700000A:0050", "010200C0:2000", 8, 0) + &row("0700000A:0050", "010200C0:2001", 8, 91);
    std::fs::write(&tcp, std::fs::read_to_string(&tcp).unwrap() + &more).unwrap();
    std::fs::write(
        directory.path().join("net/udp"),
        HEADING.to_owned() + &row("00000000:0050", "00000000:0000", 7, 92),
    )
    .unwrap();
    std::fs::write(directory.path().join("net/udp6"), HEADING).unwrap();
    directory
}

fn tcpctl(copy: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
        .args(["--proc", copy.to_str().unwrap(), "explain"])
        .args(arguments)
        .env("COLUMNS", "80")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn facts(copy: &Path, arguments: &[&str]) -> Value {
    let explanation: Value = serde_json::from_str(&tcpctl(copy, &[&["--json"], arguments].concat())).unwrap();
    assert_is("explanation", &explanation);
    explanation["facts"].clone()
}

#[test]
fn each_topic_that_depends_on_the_host_tells_what_is_there() {
    let copy = copy();
    let listener = &facts(copy.path(), &["queues"])["listeners"][0];
    assert_eq!((&listener["local"], &listener["accept_queue"]), (&json!("0.0.0.0:80"), &json!(2)));
    assert_eq!((&listener["backlog"], &listener["accept_capacity"]), (&Value::Null, &Value::Null));

    let ports = &facts(copy.path(), &["time-wait-many"])["port_use"];
    assert_eq!(ports["time_wait"], 1);
    let destination = json!({
        "source": "10.0.0.7", "destination": "10.0.3.9", "port": 5432, "used": 3, "time_wait": 1, "available": 28232
    });
    assert_eq!(ports["destinations"], json!([destination]));

    let waiting = facts(copy.path(), &["close-wait"]);
    let counts = json!({"sockets": 2, "not_accepted": 1, "traced": 1, "unknown": 1, "processes": []});
    assert_eq!(waiting["close_wait"], counts);
    assert_eq!(waiting["listeners"], Value::Null);

    let shared = &facts(copy.path(), &["same-port"])["shared_ports"];
    let side = json!({"addresses": ["0.0.0.0"], "processes": []});
    assert_eq!(*shared, json!({"total": 1, "ports": [{"port": 80, "tcp": side, "udp": side}]}));
}

#[test]
fn what_is_there_reads_well() {
    let copy = copy();
    let told = |topic: &str| {
        let text = tcpctl(copy.path(), &[topic]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        // The paths of the copy differ from run to run.
        let text = text.split("\nNot read\n").next().unwrap().to_owned();
        let told = text.split("\n\n").skip(1).collect::<Vec<_>>().join("\n\n");
        told.lines().skip_while(|line| !line.contains("his host")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(["queues", "close-wait", "time-wait-many", "same-port"].map(told).join("\n---\n"));
}

#[test]
fn another_kernel_or_its_defaults_have_no_sockets_and_other_topics_want_none() {
    let copy = copy();
    for premises in [&["same-port", "--defaults"][..], &["queues", "--kernel", "6.18"], &["syn-lost"]] {
        let explanation: Value = serde_json::from_str(&tcpctl(copy.path(), &[&["--json"], premises].concat())).unwrap();
        assert_eq!(explanation.get("facts"), None, "{premises:?}");
    }
    // The copy's own kernel, by its short name.
    assert!(facts(copy.path(), &["queues", "--kernel", "5.15"])["listeners"].is_array());
}

#[test]
fn every_case_of_a_comparison_has_the_facts() {
    let copy = copy();
    let text = tcpctl(copy.path(), &["--json", "time-wait-many", "--set", "tcp_tw_reuse=0,1"]);
    let comparison: Value = serde_json::from_str(&text).unwrap();
    assert_is("comparison", &comparison);
    for case in comparison["comparison"].as_array().unwrap() {
        assert_eq!(case["facts"]["port_use"]["time_wait"], 1);
    }
}

#[test]
fn what_cannot_be_read_is_null_with_its_reason_and_not_none() {
    let copy = copy();
    std::fs::remove_file(copy.path().join("net/udp")).unwrap();
    let found = facts(copy.path(), &["same-port"]);
    assert_eq!(found["shared_ports"], Value::Null);
    let gaps = found["gaps"].as_array().unwrap();
    assert!(gaps.iter().any(|gap| gap["consequence"] == "sockets of UDP are not known"), "{gaps:?}");
    let text = tcpctl(copy.path(), &["same-port"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Which ports of this host have both could not be read:"), "{text}");
    assert!(text.contains("net/udp: No such file or directory."), "{text}");

    std::fs::remove_file(copy.path().join("net/tcp")).unwrap();
    for (topic, fact) in [("queues", "listeners"), ("close-wait", "close_wait"), ("time-wait-many", "port_use")] {
        let found = facts(copy.path(), &[topic]);
        assert!(found.get(fact).is_some_and(Value::is_null), "{topic}: {found}");
        let text = tcpctl(copy.path(), &[topic]);
        assert!(text.contains("of this host could not be read"), "{text}");
    }
}
