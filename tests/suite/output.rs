//! What holds for every verb: lines of 80 columns, JSON with a version, no escapes of others on the terminal.

use std::process::{Command, Output};

use serde_json::Value;

use super::status::copy_of_a_host;

fn tcpctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).env_remove("COLUMNS").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

/// Every command, as the help lists them.
fn verbs() -> Vec<String> {
    let help = text(&tcpctl(&["--help"]));
    let (_, listed) = help.split_once("\nCommands:\n").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' ')).map(|(name, _)| name);
    let names: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    assert!(names.len() > 20 && names.iter().any(|name| name == "trace"), "{names:?}");
    names
}

#[test]
fn no_verb_prints_a_line_of_more_than_80_columns() {
    let copy = copy_of_a_host();
    let netstat =
        "TcpExt: ListenOverflows TCPAbortOnTimeout TCPReqQFullDoCookies\nTcpExt: 11 12345678901 12345678901\n";
    std::fs::write(copy.path().join("net/netstat"), netstat).unwrap();
    let proc = copy.path().to_str().unwrap();
    // The journal's directory must be nobody else's to write to.
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let mut calls: Vec<Vec<&str>> = vec![
        vec!["--help"],
        vec!["-h"],
        vec!["status", "--proc", proc],
        vec!["status", "--proc", proc, "--watch", "10ms", "--count", "2"],
        vec!["listeners", "--proc", proc],
        vec!["diagnose", "-v", "--window", "10ms", "--proc", proc],
        vec!["diagnose", "--explain", "half-open-stay"],
        vec!["explain"],
        vec!["lab"],
        vec!["profiles"],
        vec!["profiles", "anti-syn-flood"],
        vec!["plan", "anti-syn-flood", "--proc", proc],
        vec!["verify", "anti-syn-flood", "--proc", proc],
        vec!["history", "--state-dir", state],
    ];
    let verbs = verbs();
    calls.extend(verbs.iter().flat_map(|verb| [vec![verb.as_str(), "--help"], vec![verb.as_str(), "-h"]]));
    for call in calls {
        let printed = text(&tcpctl(&call));
        assert!(!printed.is_empty(), "{call:?}");
        // The place of the copy is a path of any length.
        let printed = printed.replace(proc, "/proc");
        for line in printed.lines() {
            assert!(line.chars().count() <= 80, "{call:?}: {} columns\n{line}", line.chars().count());
        }
    }
}

#[test]
fn the_options_of_every_command_stand_apart() {
    for verb in verbs() {
        let printed = text(&tcpctl(&[&verb, "-h"]));
        let (own, global) = printed.split_once("\nOptions of every command:\n").unwrap_or_else(|| panic!("{printed}"));
        assert!(global.contains("--netns") && !own.contains("--netns"), "{printed}");
    }
}

#[test]
fn the_list_of_topics_and_an_empty_rollback_have_a_version() {
    let topics: Value = serde_json::from_slice(&tcpctl(&["explain", "--json"]).stdout).unwrap();
    assert_eq!(topics["schema"], 1);
    let state = tempfile::tempdir().unwrap();
    let nothing = tcpctl(&["rollback", "--json", "--state-dir", state.path().to_str().unwrap()]);
    let nothing: Value = serde_json::from_slice(&nothing.stdout).unwrap();
    assert_eq!((&nothing["schema"], &nothing["plan"]), (&1.into(), &Value::Null));
    assert!(nothing["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{nothing}");
    assert!(topics["topics"].as_array().unwrap().iter().any(|topic| topic["id"] == "syn-lost"), "{topics}");
}

#[test]
fn what_was_typed_does_not_reach_the_terminal_as_an_escape() {
    for call in [&["explain", "\u{1b}[31mx\u{7}"] as &[&str], &["\u{1b}[31mx"], &["plan", "\u{9b}31mx"]] {
        let output = tcpctl(call);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(!message.contains(|letter: char| letter.is_control() && letter != '\n'), "{message:?}");
    }
}

#[test]
fn a_namespace_that_cannot_be_one_is_a_mistake_of_the_caller() {
    for asked in ["", &"x".repeat(300), &"/x".repeat(3000)] {
        let output = tcpctl(&["status", "-N", asked]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(!message.contains("tried ;"), "{message}");
    }
}

#[test]
fn a_round_trip_time_needs_a_unit() {
    let output = tcpctl(&["explain", "syn-lost", "--defaults", "--kernel", "6.18", "--rtt", "50"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`50` has no unit"));
    assert!(tcpctl(&["explain", "syn-lost", "--defaults", "--kernel", "6.18", "--rtt", "50ms"]).status.success());
}

#[test]
fn the_gap_of_the_tick_rate_names_no_option_that_the_verb_does_not_have() {
    let copy = copy_of_a_host();
    std::fs::remove_file(copy.path().join("sys/net/core/netdev_budget_usecs")).unwrap();
    let printed = text(&tcpctl(&["status", "--proc", copy.path().to_str().unwrap()]));
    assert!(printed.contains("CONFIG_HZ") && !printed.contains("--hz"), "{printed}");
}
