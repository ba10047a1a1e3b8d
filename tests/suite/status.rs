//! `tcpctl status` and `tcpctl listeners` on a copy of /proc, on whatever host the tests run on, and on mistakes.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A copy of the files of a host with Linux 5.15: one listener with a backlog nobody can see, four connections.
pub(super) fn copy_of_a_host() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let row = |local: &str, remote: &str, state: u8| {
        format!("   0: {local} {remote} {state:02X} 00000000:00000002 00:00000000 00000000     0        0 77 1\n")
    };
    let tcp = [
        heading.to_owned(),
        row("00000000:0050", "00000000:0000", 10),
        row("0700000A:0050", "010200C0:1000", 3),
        row("0700000A:8235", "0903000A:1538", 6),
        row("0700000A:8236", "0903000A:1538", 1),
        row("0700000A:8237", "0903000A:1538", 1),
    ]
    .concat();
    let files = [
        ("net/tcp", tcp.as_str()),
        ("net/tcp6", heading),
        ("net/snmp", "Tcp: RtoAlgorithm OutSegs RetransSegs\nTcp: 1 500 7\n"),
        ("net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 11 12\n"),
        ("net/sockstat", "sockets: used 9\nTCP: inuse 3 orphan 0 tw 1 alloc 3 mem 1\n"),
        ("net/softnet_stat", "000008b4 00000003 00000000\n"),
        ("meminfo", "MemTotal:        2048000 kB\n"),
        ("sys/kernel/osrelease", "5.15.0-1051-azure\n"),
        ("sys/kernel/hostname", "replayed\n"),
        ("sys/net/core/netdev_budget_usecs", "8000\n"),
        ("sys/net/core/netdev_max_backlog", "1000\n"),
        ("sys/net/core/somaxconn", "4096\n"),
        ("sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
        ("sys/net/ipv4/ip_local_reserved_ports", "\n"),
        ("sys/net/ipv4/tcp_max_syn_backlog", "512\n"),
        ("sys/net/ipv4/tcp_max_tw_buckets", "8192\n"),
        ("sys/net/ipv4/tcp_syn_retries", "5\n"),
        ("sys/net/ipv4/tcp_synack_retries", "2\n"),
        ("sys/net/ipv4/tcp_syncookies", "1\n"),
    ];
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

fn tcpctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().unwrap()
}

fn on_copy(copy: &Path, arguments: &[&str]) -> Output {
    tcpctl(&[&["--proc", copy.to_str().unwrap()], arguments].concat())
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Code and standard error of a call that must fail without printing anything else.
fn failure(output: &Output) -> (Option<i32>, String) {
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[cfg(target_endian = "little")]
fn a_copy_of_proc_is_read_as_if_it_were_the_host() {
    let copy = copy_of_a_host();
    let status = json(&on_copy(copy.path(), &["status", "--json"]));
    assert_eq!((&status["hostname"], &status["kernel"]["version"]), (&"replayed".into(), &"5.15".into()));
    assert_eq!((&status["kernel"]["hz"], &status["kernel"]["hz_source"]["kind"]), (&250.into(), &"inferred".into()));
    assert_eq!((&status["states"]["ESTAB"], &status["states"]["SYN-RECV"]), (&2.into(), &1.into()));
    assert_eq!((&status["states"]["LISTEN"], &status["states"]["TIME-WAIT"]), (&1.into(), &1.into()));
    assert_eq!(status["socket_source"], "proc-net-tcp");
    let queue = |name: &str| status["listeners"][0][name].clone();
    assert_eq!(queue("accept_queue"), serde_json::json!({"now": 2, "capacity": null, "bound_by": null}));
    assert_eq!(queue("syn_queue"), serde_json::json!({"now": 1, "capacity": null, "bound_by": null}));
    assert_eq!((&status["ports"][0]["used"], &status["ports"][0]["time_wait"]), (&3.into(), &1.into()));
    // tcp_syn_retries 5 on a kernel without linear timeouts.
    let connect = &status["seconds"][0];
    assert_eq!((&connect["id"], &connect["at_ms"]), (&"connect-gives-up".into(), &63_000.into()));
    let kinds: Vec<&Value> = status["gaps"].as_array().unwrap().iter().map(|gap| &gap["kind"]).collect();
    assert!(kinds.contains(&&"substituted".into()), "{kinds:?}");
    assert!(status["netns"]["inode"].is_null());
}

#[test]
#[cfg(target_endian = "little")]
fn the_listeners_of_a_copy_have_question_marks_for_what_the_tables_lack() {
    let copy = copy_of_a_host();
    let text = String::from_utf8(on_copy(copy.path(), &["listeners"]).stdout).unwrap();
    let row = text.lines().find(|line| line.ends_with("0.0.0.0:80")).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["2/?", "1/?", "?", "?", "?", "0.0.0.0:80"]);
}

/// Without the settings nothing that follows from them may be said, on any way out.
#[test]
fn a_setting_that_could_not_be_read_is_not_its_default() {
    let copy = copy_of_a_host();
    for key in ["core/somaxconn", "ipv4/tcp_syn_retries", "ipv4/ip_local_reserved_ports", "ipv4/tcp_syncookies"] {
        std::fs::remove_file(copy.path().join("sys/net").join(key)).unwrap();
    }
    let text = String::from_utf8(on_copy(copy.path(), &["status"]).stdout).unwrap();
    let prose = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "a connect that nobody answers fails after ? (not read: tcp_syn_retries)",
        "half-open entry that nobody completes is dropped after 7 s",
        "leaves FIN-WAIT-2 after ? (not read: tcp_fin_timeout)",
        "TIME-WAIT, which no setting changes, lasts 60 s",
        "to one address and port: ? (not read: ip_local_reserved_ports)",
        "ports to 10.0.3.9:5432 3 ? ?",
    ] {
        assert!(prose.contains(expected), "{expected}\n{text}");
    }
    let status = json(&on_copy(copy.path(), &["status", "--json"]));
    let kinds: Vec<&Value> = status["seconds"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["unknown", "after", "unknown", "after", "unknown", "unknown"]);
    let metrics = String::from_utf8(on_copy(copy.path(), &["serve", "--textfile", "-"]).stdout).unwrap();
    for absent in ["connect-gives-up", "fin-wait-2-life", "connects-per-second", "tcpctl_ports_available"] {
        assert!(!metrics.contains(absent), "{absent}\n{metrics}");
    }
    assert!(metrics.contains("half-open-life"), "{metrics}");
    let diagnosis = on_copy(copy.path(), &["diagnose", "--window", "10ms", "--json", "ports-exhaustion"]);
    let diagnosis = json(&diagnosis);
    assert_eq!(diagnosis["undecided"][0]["rule"], "ports-exhaustion", "{diagnosis}");
}

#[test]
fn the_own_host_is_read_by_anybody() {
    let status = json(&tcpctl(&["status", "--json"]));
    assert_eq!(status["schema"], 1);
    assert!(status["kernel"]["version"].is_string() && status["netns"]["inode"].is_u64());
    for state in ["ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT"] {
        assert!(status["states"][state].is_u64(), "{state}");
    }
    for state in ["LAST-ACK", "LISTEN", "CLOSING"] {
        assert!(status["states"][state].is_u64(), "{state}");
    }
    let text = String::from_utf8(tcpctl(&["status"]).stdout).unwrap();
    assert!(text.contains("a connect that nobody answers fails after "), "{text}");
    assert!(!text.contains('\u{1b}'), "colour in a pipe");
}

#[test]
fn an_unknown_namespace_is_a_mistake_of_the_caller() {
    for command in ["status", "listeners"] {
        let (code, message) = failure(&tcpctl(&[command, "--netns", "no-such-namespace"]));
        assert_eq!(code, Some(2));
        assert!(message.contains("`no-such-namespace`") && message.contains("/run/netns/"), "{message}");
    }
}

#[test]
fn a_path_that_is_no_namespace_is_named() {
    let (code, message) = failure(&tcpctl(&["status", "--netns", "/proc/version"]));
    assert_eq!(code, Some(2));
    assert!(message.contains("/proc/version is not a network namespace"), "{message}");
}

#[test]
fn a_proc_root_that_does_not_exist_is_named() {
    let (code, message) = failure(&tcpctl(&["status", "--proc", "/no/such/proc"]));
    assert_eq!(code, Some(2));
    assert!(message.contains("/no/such/proc"), "{message}");
}

#[test]
fn an_empty_copy_of_proc_gives_gaps_and_no_zeros() {
    let empty = tempfile::tempdir().unwrap();
    let status = json(&on_copy(empty.path(), &["status", "--json"]));
    assert!(status["states"].is_null() && status["listeners"].is_null() && status["seconds"].is_null());
    assert!(status["gaps"].as_array().is_some_and(|gaps| gaps.len() > 5), "{}", status["gaps"]);
}

#[test]
fn mistakes_in_options_are_usage_errors() {
    for arguments in [
        &["status", "--count", "2"] as &[&str],
        &["status", "--watch", "soon"],
        &["status", "--watch", "1ms"],
        &["status", "--watch", "1s", "--count", "0"],
        &["listeners", "--port", "65536"],
    ] {
        let (code, message) = failure(&tcpctl(arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {message}");
        assert!(!message.is_empty(), "{arguments:?}");
    }
}

#[test]
fn watching_into_a_pipe_that_is_closed_is_a_success() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
        .args(["status", "--json", "--watch", "10ms"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 64]).unwrap();
    drop(output);
    // The next line finds the pipe closed and ends the program.
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
