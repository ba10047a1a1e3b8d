//! `tcpctl lab`: what it says of a playing, and what it refuses. Nothing is played here.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use tcpctl::explain::{InLab, find_topic, topics};
use tcpctl::lab::{LabError, Moved, Played, Proof, Punctuality, judge};
use tcpctl::model::{Errno, Event, Host, Scenario, Segment, Settings, Side, Timeline, What, Window};
use tcpctl::report::{
    ComparisonView, LabResult, LabResultsView, LabSpan, render_comparison, render_lab_opening, render_lab_results,
    render_lab_results_opening,
};
use tcpctl::units::{Hz, KernelVersion, TcpState};

fn tcpctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).env_remove("COLUMNS").output().unwrap()
}

/// A connect to a silent address with one retry, as it was seen on 6.18, with the first copy at this time.
fn seen(copy_us: u64) -> Played {
    let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
    let scenario = Scenario::connect(host, &Settings { syn_retries: 1, ..Settings::default() });
    let scenario = scenario.losing(Side::Client, Segment::Syn);
    let event = |at_us, what| Event { window: Window::exactly(at_us), side: Side::Client, what };
    let syn = |copy| What::Send { segment: Segment::Syn, copy, lost: true };
    let events = vec![
        event(0, syn(0)),
        event(0, What::State(TcpState::SynSent)),
        event(copy_us, syn(1)),
        event(2_042_000, syn(2)),
        event(3_066_000, What::Return("connect", Some(Errno::TimedOut))),
    ];
    let moved: Moved = [("Tcp", "RetransSegs", 2), ("TcpExt", "TCPTimeouts", 3)]
        .map(|(group, name, by)| ((group.to_owned(), name.to_owned()), by))
        .into();
    let pins = vec![("net.ipv4.tcp_syn_retries".to_owned(), "1".to_owned()); 33];
    Played {
        timeline: Timeline { events, ends: Vec::new(), alternatives: Vec::new() },
        punctuality: Punctuality { wire_us: 900, tick_us: 300, ..Punctuality::default() },
        outrun: false,
        scenario,
        pins: Side::BOTH.map(|side| (side, pins.clone())).into(),
        counters: BTreeMap::from([(Side::Client, moved), (Side::Server, Moved::new())]),
        frames: Vec::new(),
        not_carried: 0,
        took: Duration::from_millis(3100),
        stopped: false,
    }
}

fn proof(copy_us: u64) -> Proof {
    judge(seen(copy_us), u64::MAX)
}

fn stopped() -> Proof {
    let mut played = seen(1_018_000);
    played.timeline.events.truncate(3);
    (played.stopped, played.took) = (true, Duration::from_millis(1500));
    judge(played, u64::MAX)
}

fn shown(proof: &Proof, limit_us: Option<u64>, ascii: bool) -> String {
    let text = render_comparison(proof, limit_us, 80, ascii);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!ascii || text.is_ascii(), "{text}");
    text
}

#[test]
fn a_comparison_is_a_table_and_what_it_was_made_with() {
    insta::assert_snapshot!(shown(&proof(1_018_000), None, false));
}

#[test]
fn a_disagreement_says_by_how_much() {
    insta::assert_snapshot!(shown(&proof(500_000), None, true));
}

#[test]
fn a_beginning_and_a_playing_that_was_stopped_say_how_much_of_it_was_seen() {
    let beginning = judge(seen(1_018_000), 1_500_000);
    let said = |proof: &Proof, limit_us| {
        let text = shown(proof, limit_us, false);
        let below = text.split("\n\n").nth(1).unwrap();
        below.split("Packets").next().unwrap().trim_end().replace('\n', " ")
    };
    insta::assert_snapshot!(said(&beginning, Some(1_500_000)), @"Kernel and model agree on all 3 events, in the first 1.5 s of 3.1 s.");
    insta::assert_snapshot!(said(&stopped(), None), @"Kernel and model agree on all 3 events until it was stopped, after 1.5 s of 3.1 s.");
}

#[test]
fn the_longest_events_and_windows_fit_the_screen() {
    let mut proof = proof(1_018_000);
    for row in &mut proof.comparison.rows {
        row.what = "connection EADDRNOTAVAIL".to_owned();
        row.predicted = Some(Window { at_us: 7_199_000_000, latest_us: 8_000_000_000 });
        row.measured_us = Some(99_999_000_000);
        row.verdict = tcpctl::lab::Verdict::Late(12_345_678);
    }
    shown(&proof, None, false);
}

#[test]
fn a_comparison_in_json_has_the_counters_and_how_much_was_played() {
    let view = serde_json::to_value(ComparisonView::new("syn-lost", &stopped(), None)).unwrap();
    assert_eq!(
        (&view["stopped"], &view["played_us"], &view["limit_us"]),
        (&true.into(), &1_500_000.into(), &Value::Null)
    );
    assert_eq!(view["counters"][0]["side"], "client");
    assert_eq!(view["counters"][0]["moved"]["TcpExt.TCPTimeouts"], 3);
    assert!(view["predicted_end_us"].as_u64().unwrap() > 3_000_000);
    assert_eq!(view["rows"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_played_is_said_before() {
    let opening = |predicted_end_us, most_us, limited, note| {
        let span = LabSpan { predicted_end_us, most_us, limited };
        render_lab_opening("What if it is lost?", note, span, 80)
    };
    insta::assert_snapshot!(opening(7_184_000, 11_082_000, false, None), @r"
    What if it is lost?
    Playing it on this kernel, until about 7.2 s, at most 11.1 s.
    ");
    insta::assert_snapshot!(opening(924_600_000, 60_000_000, true, Some("The file is for Linux 6.1.")), @r"
    What if it is lost?
    The file is for Linux 6.1.
    Playing the first 60 s of 924.6 s on this kernel.
    ");
    insta::assert_snapshot!(render_lab_results_opening(27, 16, (60_000_000, 75_012_345), 80), @r"
    Playing 27 topics on this kernel, 16 at a time and each for at most 60 s: about
    76 s in all.
    ");
}

fn results() -> Vec<LabResult> {
    let result = |id: &str, proof: Result<Proof, LabError>| LabResult {
        topic: find_topic(id).unwrap(),
        predicted_end_us: 3_084_000,
        proof,
    };
    let mut busy = proof(1_018_000);
    busy.comparison.conclusive = false;
    let setting = LabError::Setting {
        key: "net.ipv4.tcp_rto_max_ms".to_owned(),
        value: "1000".to_owned(),
        reason: "this kernel (6.1.0) does not have it".to_owned(),
    };
    vec![
        result("syn-lost", Ok(proof(1_018_000))),
        result("simultaneous-close", Ok(proof(500_000))),
        result("close", Ok(busy)),
        result("keepalive", Ok(stopped())),
        result("half-open", Err(LabError::Stopped)),
        result("data-lost", Err(setting)),
    ]
}

#[test]
fn all_topics_are_a_table() {
    for ascii in [false, true] {
        let text = render_lab_results(&results(), 8, 80, ascii);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!ascii || text.is_ascii(), "{text}");
    }
    insta::assert_snapshot!(render_lab_results(&results(), 8, 80, false));
}

#[test]
fn all_topics_in_json_have_a_verdict_or_a_reason() {
    let left_out = [(find_topic("mss").unwrap(), "a calculation".to_owned())];
    let view = serde_json::to_value(LabResultsView::new(&results(), &left_out, 60_000_000)).unwrap();
    let verdicts: Vec<&str> =
        view["topics"].as_array().unwrap().iter().map(|topic| topic["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["agrees", "disagrees", "inconclusive", "stopped", "stopped", "cannot", "cannot"]);
    assert_eq!((&view["topics"][1]["wrong"], &view["topics"][6]["cannot"]), (&1.into(), &"a calculation".into()));
}

#[test]
fn every_topic_is_listed_with_how_long_it_takes_or_why_it_is_not_played() {
    let list: Value = serde_json::from_slice(&tcpctl(&["lab", "--defaults", "--json"]).stdout).unwrap();
    let list = list["topics"].as_array().unwrap();
    assert_eq!(list.len(), topics().count());
    for topic in topics() {
        let listed = list.iter().find(|listed| listed["id"] == topic.id).unwrap();
        match topic.in_lab() {
            InLab::Plays => assert!(listed["predicted_end_us"].is_u64(), "{listed}"),
            InLab::Cannot(reason) => assert_eq!(listed["cannot"], reason),
        }
    }
    let text = String::from_utf8(tcpctl(&["lab", "--defaults", "--ascii"]).stdout).unwrap();
    assert!(text.is_ascii() && text.contains("\nNot played:\n"), "{text}");
}

#[test]
fn what_cannot_be_played_is_refused_with_the_reason() {
    let refused = |arguments: &[&str]| {
        let output = tcpctl(&[&["lab"], arguments].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        told
    };
    assert!(refused(&["mss"]).contains("a calculation"));
    assert!(refused(&["syn-lsot"]).contains("did you mean syn-lost"));
    assert!(refused(&["no-such-file.toml"]).contains("cannot read no-such-file.toml"));
    assert!(refused(&["./syn-lost"]).contains("cannot read ./syn-lost"));
    assert!(refused(&["syn-lost", "--limit", "60"]).contains("no unit"));
    assert!(refused(&["syn-lost", "--limit", "0s"]).contains("nothing would be played"));
    assert!(refused(&["syn-lost", "--all"]).contains("--all"));
    assert!(refused(&["--all", "--live"]).contains("--live"));
    assert!(refused(&["--live"]).contains("SCENARIO"));
    assert!(refused(&["syn-lost", "--live", "--json"]).contains("leave out one"));
    assert!(refused(&["syn-lost", "--set", "tcp_syn_retries=0"]).contains("1 to 127"));
    assert!(refused(&["--all", "--set", "tcp_syn_retires=3"]).contains("did you mean"));
    assert!(refused(&["syn-lost", "--rtt", "50"]).contains("no unit"));
}

#[test]
fn a_file_that_the_laboratory_cannot_play_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in-call.toml");
    let text = "summary = \"an error in a call\"\nstart = \"established\"\n\n[[inject]]\nat = \"1s\"\nto = \"client\"\n\
                icmp = \"host-unreachable\"\nin-call = true\n";
    std::fs::write(&path, text).unwrap();
    let output = tcpctl(&["lab", path.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("in the middle of a system call"), "{told}");
}
