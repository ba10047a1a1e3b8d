//! Stored snapshots: what is written is read back, by every reading command, and what is broken is refused.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use serde_json::{Value, json};
use tcpctl::snapshot::{StoredError, parse_stored, redact, render_stored};

use crate::status::copy_of_a_host;

/// A file as version 1 wrote it: two readings of a host with Linux 5.15. It is never made anew.
const OF_VERSION_1: &str = include_str!("../data/snapshots/version-1.json");

fn tcpctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A folder, and in it a stored snapshot of the copy of a host.
fn stored(copy: &Path, name: &str, more: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let arguments = ["--proc", copy.to_str().unwrap(), "snapshot", path.to_str().unwrap()];
    let output = tcpctl(&[&arguments, more].concat());
    assert!(output.status.success(), "{}", told(&output));
    (folder, path)
}

#[test]
fn a_stored_snapshot_answers_as_the_host_did() {
    let copy = copy_of_a_host();
    let proc = copy.path().to_str().unwrap();
    for name in ["host.json", "host.json.gz"] {
        let (_folder, path) = stored(copy.path(), name, &["--window", "0"]);
        let from = path.to_str().unwrap();
        for command in [
            &["listeners", "--json"][..],
            &["explain", "syn-lost", "--json"],
            &["explain", "queues", "--json"],
            &["plan", "anti-syn-flood"],
        ] {
            let live = tcpctl(&[&["--proc", proc], command].concat());
            let replayed = tcpctl(&[&["--from", from], command].concat());
            let lasting = |output: &Output| -> Vec<String> {
                let text = printed(output);
                text.lines().filter(|line| !line.contains("taken_unix_ms")).map(str::to_owned).collect()
            };
            assert_eq!(lasting(&replayed), lasting(&live), "{command:?}: {}", told(&replayed));
            assert_eq!(replayed.status.code(), live.status.code(), "{command:?}");
            assert!(!live.stdout.is_empty(), "{command:?}: {}", told(&live));
        }
        let status = |from: &[&str]| -> Value {
            let output = tcpctl(&[from, &["status", "--json"]].concat());
            let mut status: Value = serde_json::from_slice(&output.stdout).unwrap();
            status["taken_unix_ms"] = Value::Null;
            status
        };
        assert_eq!(status(&["--from", from]), status(&["--proc", proc]));
    }
}

#[test]
fn rates_are_told_of_two_readings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json");
    std::fs::write(&path, OF_VERSION_1).unwrap();
    let from = path.to_str().unwrap();
    let status: Value = serde_json::from_slice(&tcpctl(&["status", "--json", "--from", from]).stdout).unwrap();
    let text = printed(&tcpctl(&["status", "--from", from]));
    assert!(text.contains("Rates over 5.0 s") || text.contains("Rates over 5 s"), "{text}\n{status:#}");
    // 3 packets were dropped at first, and 3003 after 5 s.
    let findings = printed(&tcpctl(&["diagnose", "--from", from, "-v"]));
    assert!(findings.contains("+3000 in 5"), "{findings}");
    // What moved between two files; in one and the same nothing does.
    let since = printed(&tcpctl(&["diagnose", "--from", from, "--since", from]));
    assert!(since.starts_with("nothing found"), "{since}");
}

#[test]
fn a_file_of_version_1_is_read_and_written_as_it_was() {
    let read = parse_stored(OF_VERSION_1).unwrap();
    assert_eq!(read.readings().count(), 2);
    assert_eq!(parse_stored(&render_stored(&read).unwrap()).unwrap(), read);
    let (before, after): (Value, Value) =
        (serde_json::from_str(OF_VERSION_1).unwrap(), serde_json::from_str(&render_stored(&read).unwrap()).unwrap());
    assert_eq!(after["version"], 1);
    // What version 1 says is still said; more may be.
    assert_eq!(before["readings"][0]["counters"], after["readings"][0]["counters"]);
    assert_eq!(before["readings"][0]["sysctls"], after["readings"][0]["sysctls"]);
}

#[test]
fn a_broken_file_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.json");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let output = tcpctl(&["status", "--from", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(output.stdout.is_empty());
        told(&output)
    };
    let cut = &OF_VERSION_1[..OF_VERSION_1.len() / 2];
    let line = cut.lines().count();
    assert!(refused(cut.as_bytes()).contains(&format!("broken.json: {line}:")));
    let wrong = OF_VERSION_1.replacen("\"hz\": 250", "\"hz\": \"fast\"", 1);
    let line = wrong.lines().position(|line| line.contains("fast")).unwrap() + 1;
    assert!(refused(wrong.as_bytes()).contains(&format!("broken.json: {line}:")), "{}", refused(wrong.as_bytes()));
    assert!(refused(b"").contains("broken.json: 1:0: EOF"));
    assert!(refused(b"{\"format\": \"x\", \"version\": 1}").contains("its `format` is `x`"));
    assert!(refused(b"[1, 2]").contains("broken.json: 1:"));
    assert!(refused(&[0xff, 0xfe]).contains("line 1 is not UTF-8"));
    assert!(refused(&[0x1f, 0x8b, 0, 0]).contains("cannot unpack"));
    let newer = OF_VERSION_1.replacen("\"version\": 1", "\"version\": 2", 1);
    assert!(refused(newer.as_bytes()).contains("a newer tcpctl"));
    let none = tcpctl(&["status", "--from", "/nowhere/at/all.json"]);
    assert_eq!((none.status.code(), told(&none).contains("cannot read /nowhere/at/all.json")), (Some(2), true));
}

#[test]
fn readings_that_do_not_follow_each_other_are_refused() {
    let mut document: Value = serde_json::from_str(OF_VERSION_1).unwrap();
    document["readings"].as_array_mut().unwrap().reverse();
    assert_eq!(parse_stored(&document.to_string()), Err(StoredError::Order(2)));
    document["readings"] = json!([]);
    assert_eq!(parse_stored(&document.to_string()), Err(StoredError::Empty));
}

#[test]
fn a_redacted_file_names_nobody_and_still_tells_peers_apart() {
    let copy = copy_of_a_host();
    let (_folder, path) = stored(copy.path(), "host.json", &["--window", "0", "--redact"]);
    let text = std::fs::read_to_string(&path).unwrap();
    for name in ["replayed", "10.0.0.7", "10.0.3.9", "192.0.2.1"] {
        assert!(!text.contains(name), "{name}");
    }
    let read = parse_stored(&text).unwrap();
    let plain = stored(copy.path(), "host.json", &["--window", "0"]);
    let plain = parse_stored(&std::fs::read_to_string(plain.1).unwrap()).unwrap();
    let ports = |read: &tcpctl::snapshot::StoredSnapshots| {
        let sockets = read.last().sockets.clone().unwrap();
        sockets.ports.into_iter().map(|row| (row.destination_port, row.used)).collect::<Vec<_>>()
    };
    assert_eq!(ports(&read), ports(&plain));
    assert!(!ports(&read).is_empty());
    // What is redacted already is as it is.
    let mut again = read.clone();
    redact(&mut again);
    assert_eq!(again, read);
}

#[test]
fn only_what_reads_takes_a_stored_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json");
    std::fs::write(&path, OF_VERSION_1).unwrap();
    let from = path.to_str().unwrap();
    for command in
        [&["apply", "anti-syn-flood", "--yes"][..], &["rollback"], &["lab", "syn-lost"], &["status", "--watch", "1s"]]
    {
        let output = tcpctl(&[&["--from", from], command].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(told(&output).contains("--from is for commands that read"), "{}", told(&output));
    }
    let unknown = tcpctl(&["--from", from, "params", "tcp_syn_retries"]);
    assert_eq!((unknown.status.code(), told(&unknown).contains("--root")), (Some(2), true));
    let root = folder.path().to_str().unwrap();
    let known = tcpctl(&["--from", from, "params", "tcp_syn_retries", "--root", root]);
    assert!(printed(&known).contains("tcp_syn_retries") && known.status.success(), "{}", told(&known));
    for both in [&["--from", from, "-N", "blue", "status"][..], &["status", "--from", from, "--proc", "/tmp"]] {
        let both = tcpctl(both);
        assert_eq!((both.status.code(), told(&both).contains("--from has all of one host")), (Some(2), true));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_makes_the_reader_panic(at in 0..OF_VERSION_1.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = OF_VERSION_1.as_bytes().to_vec();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(text) = String::from_utf8(bytes) {
            let read = parse_stored(&text);
            prop_assert!(!cut || read.is_err() || at + 2 >= OF_VERSION_1.len());
        }
    }
}
