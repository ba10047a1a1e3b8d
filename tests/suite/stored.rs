//! Stored snapshots: what is written is read back, by every reading command, and what is broken is refused.

use std::io::Read;
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
            // To write its file, what stored it had one right more.
            let rights = status["capabilities"]["effective"].as_u64().map(|rights| rights & !(1 << 1));
            status["capabilities"]["effective"] = rights.into();
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
    // One and the same is not older than itself.
    let since = tcpctl(&["diagnose", "--from", from, "--since", from]);
    assert_eq!((since.status.code(), told(&since).contains("it was not taken before")), (Some(2), true));
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

/// A file as version 2 wrote it: two readings of a namespace with Linux 6.18 and its single sockets. It is never made anew.
const OF_VERSION_2: &[u8] = include_bytes!("../data/snapshots/version-2.json.gz");

fn of_version_2() -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(OF_VERSION_2).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_file_of_version_2_is_read_with_its_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json.gz");
    std::fs::write(&path, OF_VERSION_2).unwrap();
    let from = ["--from", path.to_str().unwrap()];
    let found: Value = serde_json::from_slice(&tcpctl(&[&from[..], &["diagnose", "--json"]].concat()).stdout).unwrap();
    assert_eq!(found["window_ms"], 1026, "{found:#}");
    let sentences: Vec<&str> =
        found["findings"].as_array().unwrap().iter().map(|one| one["sentence"].as_str().unwrap()).collect();
    assert_eq!(
        sentences,
        [
            "198.18.0.1:8080 python3(19094) does not accept: 5 wait, 4 attempts dropped in 1s",
            "[::1]:8443 python3(19094) does not accept: 1 wait, and nobody took one in 1s",
        ]
    );
    assert_eq!(rows(&from, &["--json"]).len(), 24);
    assert_eq!(rows(&from, &["--json", "state", "close-wait"]).len(), 1);
    let read = parse_stored(&of_version_2()).unwrap();
    assert!(read.readings().all(|reading| reading.sockets.as_ref().is_some_and(|sockets| sockets.samples.is_some())));
    let again = folder.path().join("again.json");
    let output = tcpctl(&[&from[..], &["snapshot", "--sockets", again.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", told(&output));
    let [old, new]: [Value; 2] =
        [of_version_2(), std::fs::read_to_string(again).unwrap()].map(|text| serde_json::from_str(&text).unwrap());
    assert_eq!(old["readings"], new["readings"]);
    assert_eq!(old["sockets"]["count"], new["sockets"]["count"]);
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
    let newer = OF_VERSION_1.replacen("\"version\": 1", "\"version\": 3", 1);
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

/// The rows of a file, or of the copy of a host.
fn rows(place: &[&str], more: &[&str]) -> Vec<String> {
    let output = tcpctl(&[place, &["sockets", "-a"], more].concat());
    assert!(output.status.success(), "{}", told(&output));
    printed(&output).lines().map(str::to_owned).collect()
}

#[test]
fn stored_sockets_are_listed_as_the_host_would() {
    let copy = copy_of_a_host();
    let proc = ["--proc", copy.path().to_str().unwrap()];
    for name in ["host.json", "host.json.gz"] {
        let (_folder, path) = stored(copy.path(), name, &["--window", "0", "--sockets"]);
        let from = ["--from", path.to_str().unwrap()];
        for more in [
            &["--json"][..],
            &["-p", "-e"],
            &["dst", "10.0.0.0/8"],
            &["state", "time-wait"],
            &["--sort", "local", "--limit", "3"],
            &["--group-by", "listener"],
            &["--group-by", "state", "-4"],
        ] {
            assert_eq!(rows(&from, more), rows(&proc, more), "{more:?}");
        }
        assert!(rows(&from, &["--json"]).len() > 2);
        // The other reading commands read it too.
        assert!(tcpctl(&[&from[..], &["status"]].concat()).status.success());
    }
}

#[test]
fn a_file_has_single_sockets_only_when_they_were_asked_for() {
    let copy = copy_of_a_host();
    let (_folder, path) = stored(copy.path(), "host.json", &["--window", "0"]);
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"version\": 1,"), "who knows version 1 can read it");
    let from = path.to_str().unwrap();
    for command in [&["sockets"][..], &["snapshot", "--sockets"]] {
        let output = tcpctl(&[&["--from", from], command].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(told(&output).contains("`tcpctl snapshot --sockets FILE` takes one that does"), "{}", told(&output));
    }
    let (_folder, path) = stored(copy.path(), "host.json", &["--window", "0", "--sockets"]);
    // By this, one that knows only version 1 refuses it.
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"version\": 2,"));
    for more in [&["--watch", "1s"][..], &["--all-netns"]] {
        let output = tcpctl(&[&["--from", path.to_str().unwrap(), "sockets"], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}");
    }
}

#[test]
fn stored_sockets_are_redacted_like_everything_else() {
    let copy = copy_of_a_host();
    let (_folder, plain) = stored(copy.path(), "host.json", &["--window", "0", "--sockets"]);
    let at_once = stored(copy.path(), "host.json", &["--window", "0", "--sockets", "--redact"]);
    let later = tcpctl(&["--from", plain.to_str().unwrap(), "snapshot", "--redact"]);
    assert!(later.status.success(), "{}", told(&later));
    let hidden = printed(&later);
    let lasting = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("_ms\"")).map(str::to_owned).collect()
    };
    assert_eq!(lasting(&hidden), lasting(&std::fs::read_to_string(&at_once.1).unwrap()));
    let from = ["--from", at_once.1.to_str().unwrap()];
    let objects = |place: &[&str]| -> Vec<Value> {
        rows(place, &["--json"]).iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    };
    let (before, after) = (objects(&["--from", plain.to_str().unwrap()]), objects(&from));
    assert_eq!(before.len(), after.len());
    // The same address has the same stand-in in every row and in the readings.
    let mut stand_ins = std::collections::BTreeMap::new();
    for (before, after) in before.iter().zip(&after) {
        for key in ["local_address", "peer_address"] {
            let (real, shown) = (before[key].as_str().unwrap(), after[key].as_str().unwrap());
            let address: std::net::IpAddr = real.parse().unwrap();
            assert_eq!(real == shown, address.is_unspecified() || address.is_loopback(), "{real} {shown}");
            assert_eq!(stand_ins.entry(real.to_owned()).or_insert(shown.to_owned()), shown);
        }
        for key in ["state", "local_port", "peer_port", "recv_q", "inode"] {
            assert_eq!(before[key], after[key]);
        }
    }
    let listeners = |from: &str| -> Value {
        serde_json::from_slice(&tcpctl(&["--from", from, "status", "--json"]).stdout).unwrap()
    };
    let (real, shown) = (listeners(plain.to_str().unwrap()), listeners(from[1]));
    for (real, shown) in real["ports"].as_array().unwrap().iter().zip(shown["ports"].as_array().unwrap()) {
        let address = real["destination"].as_str().unwrap();
        assert_eq!(stand_ins.get(address).map(String::as_str), shown["destination"].as_str(), "{real}");
    }
}

#[test]
fn a_broken_row_is_refused_with_its_place() {
    let copy = copy_of_a_host();
    let (folder, path) = stored(copy.path(), "host.json", &["--window", "0", "--sockets"]);
    let text = std::fs::read_to_string(&path).unwrap();
    let first = text.lines().position(|line| line.starts_with("\"02") || line.starts_with("\"0a")).unwrap();
    let broken = folder.path().join("broken.json");
    let refused = |bytes: &[u8]| {
        std::fs::write(&broken, bytes).unwrap();
        let output = tcpctl(&["sockets", "--from", broken.to_str().unwrap()]);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
        told(&output)
    };
    let lines: Vec<&str> = text.lines().collect();
    let with = |line: &str| -> String {
        let mut lines = lines.clone();
        lines[first] = line;
        lines.join("\n")
    };
    let place = format!("broken.json: {}:", first + 1);
    for bad in ["\"02zz\",", "\"0201\",", "7,", &lines[first].replacen('z', "y", 1)] {
        assert!(refused(with(bad).as_bytes()).contains(&place), "{bad}: {}", refused(with(bad).as_bytes()));
    }
    // A line that is gone, and a file that ends too soon, at any place.
    let fewer = lines.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, line)| *line).collect::<Vec<_>>();
    assert!(refused(fewer.join("\n").as_bytes()).contains("sockets and should be"));
    for cut in (0..text.trim_end().len()).step_by(997) {
        let told = refused(&text.as_bytes()[..cut]);
        assert!(told.contains("broken.json: ") && told.contains("EOF"), "{told}");
    }
    let packed = stored(copy.path(), "host.json.gz", &["--window", "0", "--sockets"]);
    let mut bytes = std::fs::read(&packed.1).unwrap();
    bytes.truncate(bytes.len() / 2);
    assert!(refused(&bytes).contains("cannot unpack"));
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
    // Which file set it is not known then, and the files here are another host's.
    let without = tcpctl(&["--from", from, "params", "tcp_syn_retries"]);
    assert!(printed(&without).contains("tcp_syn_retries") && without.status.success(), "{}", told(&without));
    // Without files lint judges the values that it holds.
    let values = tcpctl(&["--from", from, "lint"]);
    assert!(printed(&values).contains("settings, ") && values.status.code() != Some(2), "{}", told(&values));
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
