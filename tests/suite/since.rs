//! Two files that are compared, and those that may not be.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

const STORED: &str = include_str!("../data/snapshots/version-1.json");

fn tcpctl(arguments: &[&str]) -> Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().unwrap()
}

/// A file with one of the two readings, changed.
fn reading(folder: &Path, name: &str, place: usize, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut stored: Value = serde_json::from_str(STORED).unwrap();
    let mut one = stored["readings"][place].take();
    change(&mut one);
    stored["readings"] = json!([one]);
    let path = folder.join(name);
    std::fs::write(&path, stored.to_string()).unwrap();
    path
}

fn judged(since: &Path, from: &Path) -> (Option<i32>, String) {
    let output = tcpctl(&["diagnose", "--json", "--since", since.to_str().unwrap(), "--from", from.to_str().unwrap()]);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_is_of_another_host_boot_or_namespace_or_of_later_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let named = |reading: &mut Value| {
        reading["hostname"] = json!("db-7");
        reading["boot_id"] = json!("one");
        reading["netns"]["inode"] = json!(7);
    };
    let before = reading(folder, "before.json", 0, named);
    let now = reading(folder, "now.json", 1, named);
    let (code, error) = judged(&before, &now);
    assert_ne!(code, Some(2), "{error}");
    let refused = |since: &Path, from: &Path, why: &str| {
        let (code, error) = judged(since, from);
        assert_eq!(code, Some(2), "{why}: {error}");
        assert!(error.contains(why) && error.contains("--since"), "{why}: {error}");
    };
    refused(&now, &before, "it was not taken before the newer reading");
    refused(&now, &now, "it was not taken before the newer reading");
    let other = |place, key: &'static str, value: Value| {
        reading(folder, "other.json", place, |reading| {
            named(reading);
            reading[key] = value;
        })
    };
    refused(&other(0, "boot_id", json!("two")), &now, "the host was booted since");
    let elsewhere = reading(folder, "elsewhere.json", 0, |reading| {
        reading["hostname"] = json!("db-8");
        reading["boot_id"] = json!("two");
    });
    refused(&elsewhere, &now, "it is of the host db-8 and the newer reading of db-7");
    // A container of the same host has a name of its own, and the same boot.
    assert_ne!(judged(&other(0, "hostname", json!("pod-3")), &now).0, Some(2));
    let netns = json!({ "inode": 8, "name": null, "initial": null });
    refused(&other(0, "netns", netns), &now, "it is of the network namespace 8 and the newer reading of 7");
    // Older files say less, and their clocks tell.
    let old = |place, name: &str, ms: u64| reading(folder, name, place, |reading| reading["monotonic_ms"] = json!(ms));
    let (first, second) = (old(0, "first.json", 9_000_000), old(1, "second.json", 5_000));
    refused(&first, &second, "the host was booted since");
}

#[test]
fn hidden_files_are_compared_when_one_key_hid_both() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (before, now) = (reading(folder, "before.json", 0, |_| ()), reading(folder, "now.json", 1, |_| ()));
    let key = |name: &str, secret: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, secret).unwrap();
        path
    };
    let (one, two) = (key("one.key", b"sixteen bytes or"), key("two.key", b"sixteen other bytes"));
    let hide = |from: &Path, key: Option<&Path>, to: &str| {
        let to = folder.join(to);
        let mut arguments = vec!["snapshot", "--from", from.to_str().unwrap(), "--redact"];
        arguments.extend(key.iter().flat_map(|key| ["--redact-key", key.to_str().unwrap()]));
        arguments.push(to.to_str().unwrap());
        let output = tcpctl(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        to
    };
    let (hidden_before, hidden_now) = (hide(&before, Some(&one), "a.json"), hide(&now, Some(&one), "b.json"));
    assert_ne!(judged(&hidden_before, &hidden_now).0, Some(2));
    let not_alike = [
        (hide(&before, Some(&two), "c.json"), hidden_now.clone()),
        (hide(&before, None, "d.json"), hidden_now.clone()),
        (hide(&before, None, "d.json"), hide(&now, None, "e.json")),
        (before.clone(), hidden_now),
        (hidden_before, now),
    ];
    for (since, from) in not_alike {
        let (code, error) = judged(&since, &from);
        assert_eq!((code, error.contains("--redact-key")), (Some(2), true), "{since:?} {from:?}: {error}");
    }
    // Neither twice, nor with a secret that is none.
    let again = tcpctl(&["snapshot", "--from", folder.join("a.json").to_str().unwrap(), "--redact", "-"]);
    assert_eq!(again.status.code(), Some(2));
    let weak = key("weak.key", b"short");
    let weak = tcpctl(&["snapshot", "--from", before.to_str().unwrap(), "--redact-key", weak.to_str().unwrap(), "-"]);
    assert_eq!(weak.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&weak.stderr).contains("16 bytes"));
}
