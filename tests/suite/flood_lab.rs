//! A flood in the laboratory as text and as JSON, from fixed numbers, and its options.

use std::process::Command;

use serde_json::{Value, json};
use tcpctl::lab::{FloodCounts, FloodPlan, FloodProof, PlayedClient, PlayedFlood, Punctuality, judge_flood};
use tcpctl::model::{Host, PlayedPace, Settings, Side, Window};
use tcpctl::report::{
    FloodEffect, FloodEffectView, FloodProofView, render_flood_effect, render_flood_heading, render_flood_proof,
};
use tcpctl::snapshot::SysctlReading;
use tcpctl::tune::{Plan, Profiles, plan_rehearsal};
use tcpctl::units::{Hz, KernelVersion, SysctlValues};

use crate::tune::snapshot_with;

/// 5000 SYNs at 1000/s against a backlog of 128, as they were seen on 6.18 at 250 ticks a second.
fn played(syncookies: i64, synack_retries: u32) -> PlayedFlood {
    let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
    let settings = Settings { syncookies, synack_retries, ..Settings::default() };
    let plan = FloodPlan::new(host, &settings, None, None, None, 0).unwrap();
    let look = |at_us, found| (Window { at_us, latest_us: at_us + 100 }, found);
    let (cookies, few) = (syncookies != 0, synack_retries == 2);
    let mut looks = vec![look(10, 1), look(123_950, 124), look(134_100, 129), look(6_900_000, 129)];
    looks.extend(if few { vec![look(7_255_000, 129), look(7_270_000, 0)] } else { vec![look(7_900_000, 64)] });
    let refused = 4871;
    PlayedFlood {
        sent: plan.count,
        counts: FloodCounts {
            half_open: if few { 0 } else { 64 },
            syn_acks: match (cookies, few) {
                (true, true) => 5258,
                (true, false) => 5322,
                _ => 451,
            },
            cookies_sent: if cookies { refused } else { 0 },
            listen_drops: if cookies { 0 } else { refused },
            listen_overflows: 0,
            queue_full_cookies: if cookies { refused } else { 0 },
            queue_full_drops: if cookies { 0 } else { refused },
        },
        counted_at: if few { Window::exactly(7_374_000) } else { Window::exactly(11_000_100) },
        looks,
        client: if cookies {
            let returned = Some((310, None));
            PlayedClient { called_us: Some(2_500_040), returned, syns: 1, cookies: 1, dropped: 0 }
        } else {
            let returned = Some((5_123_400, None));
            PlayedClient { called_us: Some(2_500_040), returned, syns: 6, cookies: 0, dropped: 5 }
        },
        pace: PlayedPace { jiffies: Some(4711), ..PlayedPace::default() },
        pins: vec![(Side::Server, vec![("net.ipv4.tcp_syncookies".to_owned(), syncookies.to_string())])],
        not_set: Vec::new(),
        punctuality: Punctuality { wire_us: 340, ..Punctuality::default() },
        frames: Vec::new(),
        stopped: false,
        plan,
    }
}

fn proof(syncookies: i64, synack_retries: u32) -> FloodProof {
    judge_flood(played(syncookies, synack_retries))
}

/// The built-in profile for a host with these values.
fn plan(syncookies: &str) -> Plan {
    let values = [
        ("net.core.netdev_max_backlog", "1000"),
        ("net.core.somaxconn", "4096"),
        ("net.ipv4.tcp_max_syn_backlog", "2048"),
        ("net.ipv4.tcp_syncookies", "1"),
        ("net.ipv4.tcp_synack_retries", "5"),
        ("net.ipv4.tcp_abort_on_overflow", "0"),
        ("net.ipv4.tcp_timestamps", "1"),
    ];
    let reading = |(key, value): (&str, &str)| (key.parse().unwrap(), SysctlReading::Value(value.to_owned()));
    let host = snapshot_with(values.into_iter().map(reading).collect());
    let over = SysctlValues::from([("net.ipv4.tcp_syncookies".parse().unwrap(), syncookies.to_owned())]);
    let profile = Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap();
    plan_rehearsal(&profile, &host, &over)
}

fn fits(text: &str) {
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_flood_that_agrees_as_text() {
    let proof = proof(1, 5);
    assert!(proof.agrees() && proof.conclusive, "{:#?}", proof.rows);
    let plans = [proof.played.plan.clone()];
    let text = format!("{}\n{}", render_flood_heading(&plans, None, 80), render_flood_proof(&proof, 80, false));
    fits(&text);
    insta::assert_snapshot!("flood_in_the_lab", text);
}

#[test]
fn a_flood_that_contradicts_the_model_as_text() {
    let mut played = played(0, 5);
    played.counts.listen_drops += 3;
    played.counts.syn_acks -= 1;
    played.client.returned = Some((9_000_000, None));
    played.looks.push((Window { at_us: 10_990_000, latest_us: 10_990_100 }, 65));
    let proof = judge_flood(played);
    assert!(!proof.agrees());
    let text = render_flood_proof(&proof, 80, true);
    fits(&text);
    assert!(text.is_ascii());
    insta::assert_snapshot!("flood_in_the_lab_wrong", text);
}

#[test]
fn a_profile_that_lets_the_client_in_as_text() {
    let (without, with, plan) = (proof(0, 5), proof(1, 2), plan("0"));
    assert!(without.agrees() && with.agrees(), "{:#?} {:#?}", without.rows, with.rows);
    let effect = FloodEffect { plan: &plan, without: &without, with: &with };
    let plans = [without.played.plan.clone(), with.played.plan.clone()];
    let heading = render_flood_heading(&plans, Some(&plan.profile), 80);
    let text = format!("{heading}\n{}", render_flood_effect(&effect, 80, false));
    fits(&text);
    insta::assert_snapshot!("flood_without_and_with_a_profile", text);
}

#[test]
fn what_a_profile_did_is_said_from_what_was_measured() {
    let conclusion = |without: FloodProof, with: FloodProof| {
        let plan = plan("1");
        let effect = FloodEffect { plan: &plan, without: &without, with: &with };
        serde_json::to_value(FloodEffectView::new(&effect)).unwrap()["conclusion"].as_str().unwrap().to_owned()
    };
    insta::assert_snapshot!(conclusion(proof(1, 5), proof(1, 2)), @"With anti-syn-flood the last half-open entry is gone after 7.3 s (without: 64 are left after 11 s).");
    insta::assert_snapshot!(conclusion(proof(1, 2), proof(1, 5)), @"With anti-syn-flood 64 half-open entries are left after 11 s (without: the last half-open entry is gone after 7.3 s).");
    insta::assert_snapshot!(conclusion(proof(1, 5), proof(1, 5)), @"anti-syn-flood made no difference to this flood.");
    let mut shut_out = played(0, 5);
    shut_out.client.returned = None;
    let text = conclusion(judge_flood(shut_out), proof(1, 5));
    assert!(text.contains("served by a cookie after 310 us (without: shut out for all of 8.5 s)"), "{text}");
}

#[test]
fn both_runs_and_what_was_left_out_are_in_the_json() {
    let (without, with, plan) = (proof(0, 5), proof(1, 2), plan("0"));
    let effect = FloodEffect { plan: &plan, without: &without, with: &with };
    let view = serde_json::to_value(FloodEffectView::new(&effect)).unwrap();
    assert_eq!(
        (&view["schema"], &view["agrees"], &view["profile"]),
        (&json!(1), &json!(true), &json!("anti-syn-flood"))
    );
    assert!(view["changes"].as_array().unwrap().contains(&json!({
        "key": "net.ipv4.tcp_syncookies", "without": "0", "with": "1"
    })));
    assert_eq!(view["left_out"][0]["key"], "net.core.netdev_max_backlog");
    assert_eq!(view["without"]["client"]["took_us"], 5_123_400);
    assert_eq!(view["with"]["client"]["by_cookie"], true);
    let alone = serde_json::to_value(FloodProofView::new(&with)).unwrap();
    let row = |figure: &str| -> Value {
        alone["rows"].as_array().unwrap().iter().find(|row| row["figure"] == figure).unwrap().clone()
    };
    let peak = json!({
        "figure": "half_open_peak", "predicted": {"least": 129, "most": 129}, "measured": 129, "verdict": "inside",
        "off": 0
    });
    assert_eq!(row("half_open_peak"), peak);
    assert_eq!(row("last_gone")["measured"], json!({"from_us": 7_255_000, "until_us": 7_270_100}));
    assert_eq!(alone["flood"]["count"], 5000);
}

#[test]
fn floods_that_the_lab_does_not_play_are_mistakes_of_the_caller() {
    let error = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tcpctl")).arg("lab").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error(&["syn-flood", "--count", "20001"]).contains("at most 20000 SYNs"));
    assert!(error(&["syn-flood", "--rate", "1", "--count", "100"]).contains("--count 60"));
    assert!(error(&["syn-flood", "--profile", "nonsense"]).contains("no profile `nonsense`"));
    assert!(error(&["syn-flood", "--sockopt", "TCP_USER_TIMEOUT=5000"]).contains("no socket"));
    assert!(error(&["syn-flood", "--profile", "anti-syn-flood", "--pcap", "x.pcapng"]).contains("plays two"));
    assert!(error(&["syn-flood", "--limit", "1s"]).contains("--rate and --count"));
    assert!(error(&["keepalive", "--peer", "alive"]).contains("zero-window"));
    assert!(error(&["syn-lost", "--rate", "5"]).contains("lab syn-flood"));
}
