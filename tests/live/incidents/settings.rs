//! Settings that do not reach what they are for.

use std::io::Write;

use tcpctl::diagnose::{SettingFiles, SettledValue, Stated};
use tcpctl::snapshot::SysctlReading;

use super::ends::{listener, pair};
use super::every::Judged;
use super::watch::{SECOND, judged_after, judged_knowing, reading, says};
use crate::case::Ran;
use crate::place::Place;

/// Connections that were open before it was set.
pub(super) fn congestion_kept(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let key = "net.ipv4.tcp_congestion_control";
    let first = reading().sysctls.value(key).expect("it can be read").to_owned();
    let _pairs: Vec<_> = (0..5).map(|_| pair(&listener, to)).collect();
    let other = if first == "reno" { "cubic" } else { "reno" };
    place.set(key, other);
    let before = reading();
    let findings = judged_after(&before, SECOND);
    says(&findings, &format!("10 of 10 connections keep another congestion control than {other}, which is set"));
    Ok(findings)
}

/// The host's file says one thing, and this namespace has another.
pub(super) fn elsewhere(place: &Place) -> Judged {
    place.set("net.core.somaxconn", "300");
    let before = reading();
    let value = before.sysctls.value("net.core.somaxconn").expect("it can be read").to_owned();
    let settled = SettledValue {
        key: "net.core.somaxconn".to_owned(),
        value: "65535".to_owned(),
        running: SysctlReading::Value(value),
        place: "/etc/sysctl.d/60-web.conf:1".to_owned(),
        module: None,
    };
    let files = SettingFiles { settled: vec![settled], ..SettingFiles::default() };
    let findings = judged_knowing(&before, &Stated { timeouts: None, files: Some(files) });
    says(&findings, "in this network namespace net.core.somaxconn is 300, and /etc/sysctl.d/60-web.conf:1 says 65535");
    Ok(findings)
}

/// The program reads the files itself.
pub(super) fn files_of_a_tree(place: &Place) -> Ran {
    place.set("net.core.somaxconn", "300");
    let root = tempfile::tempdir().expect("a directory");
    let folder = root.path().join("etc/sysctl.d");
    std::fs::create_dir_all(&folder).expect("a directory");
    let mut file = std::fs::File::create(folder.join("60-web.conf")).expect("a file");
    file.write_all(b"net.core.somaxconn = 65535\nnet.ipv4.tcp_timestamps = 0\n").expect("room");
    let root = root.path().to_str().expect("UTF-8");
    let output = place.tcpctl(&["diagnose", "--root", root, "--window", "100ms", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let rules: Vec<&str> =
        found["findings"].as_array().expect("a list").iter().filter_map(|one| one["rule"].as_str()).collect();
    assert_eq!(rules, ["settings-elsewhere", "settings-harmful"], "{found:#}");
    Ok(())
}
