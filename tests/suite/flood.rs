//! `tcpctl explain` on floods and full queues: the numbers are a contract, and mistakes are told.

use std::process::{Command, Output};

use serde_json::{Value, json};

fn explain(arguments: &[&str]) -> Output {
    let fixed = ["explain", "--defaults", "--kernel", "6.18", "--hz", "250"];
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(fixed).args(arguments).output().unwrap()
}

fn answer(arguments: &[&str]) -> Value {
    let output = explain(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn flood(cookies: u8, more: &[&str]) -> Value {
    let set = format!("net.ipv4.tcp_syncookies={cookies}");
    let fixed = ["syn-flood", "--backlog", "128", "--rate", "50000/s", "--count", "5000", "--set", &set];
    answer(&[&fixed, more].concat())["flood"].clone()
}

fn error(arguments: &[&str]) -> String {
    let output = explain(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_figures_of_a_flood_are_those_of_the_kernel() {
    let figures = |cookies| {
        let flood = flood(cookies, &[]);
        ["half_open_peak", "cookies_sent", "dropped", "half_open_after_pruning"].map(|key| flood[key].as_u64().unwrap())
    };
    assert_eq!(figures(0), [129, 0, 4871, 64]);
    assert_eq!(figures(1), [129, 4871, 0, 64]);
    assert_eq!(figures(2), [0, 5000, 0, 0]);
    let limited = flood(0, &["--set", "net.ipv4.tcp_max_syn_backlog=64"]);
    assert_eq!((&limited["half_open_peak"], &limited["limited_by"]), (&json!(49), &json!("tcp_max_syn_backlog")));
    let capped = flood(1, &["--set", "net.core.somaxconn=50"]);
    assert_eq!((&capped["half_open_peak"], &capped["limited_by"]), (&json!(51), &json!("somaxconn")));
}

#[test]
fn an_honest_client_has_an_outcome_and_a_window() {
    let served = flood(1, &["--rtt", "50ms"])["legitimate"].clone();
    assert_eq!((&served["outcome"], &served["by_cookie"]), (&json!("established"), &json!(true)));
    assert_eq!((&served["at_ms"], &served["latest_ms"], &served["attempts"]), (&json!(50), &json!(50), &json!(1)));
    let waiting = flood(0, &[])["legitimate"].clone();
    assert_eq!(waiting["outcome"], "established");
    assert!((7000..8000).contains(&waiting["at_ms"].as_u64().unwrap()), "{waiting}");
    let failing = flood(0, &["--set", "net.ipv4.tcp_syn_retries=1", "--rtt", "50ms"])["legitimate"].clone();
    assert_eq!((&failing["outcome"], &failing["at_ms"]), (&json!("ETIMEDOUT"), &json!(3000)));
}

#[test]
fn every_remedy_is_played_on_the_same_flood() {
    let flood = flood(1, &[]);
    let remedies = flood["remedies"].as_array().unwrap();
    let of = |id: &str| remedies.iter().find(|remedy| remedy["id"] == id).unwrap();
    let now: Vec<_> = remedies.iter().filter(|remedy| remedy["is_now"] == true).map(|remedy| &remedy["id"]).collect();
    assert_eq!(now, ["cookies-when-full"]);
    for key in ["half_open_peak", "cookies_sent", "dropped", "half_open_after_pruning", "last_gone", "legitimate"] {
        assert_eq!(of("cookies-when-full")[key], flood[key]);
    }
    assert_eq!(of("queues")["half_open_peak"], 5000);
    assert_eq!(of("cookies-off")["dropped"], 4871);
    assert_eq!(of("cookies-always")["cookies_sent"], 5000);
    assert_eq!(of("fewer-retries")["half_open_after_pruning"], 0);
    assert_eq!(of("together")["half_open_after_pruning"], 0);
    assert_eq!(flood["input_queue"], json!({"packets": 1000, "holds_us": 20_000}));
}

#[test]
fn a_full_accept_queue_ignores_or_resets() {
    let end = |abort: u8| {
        let set = format!("net.ipv4.tcp_abort_on_overflow={abort}");
        answer(&["accept-queue-full", "--rtt", "20ms", "--set", &set])["timeline"]["end"].clone()
    };
    assert_eq!((&end(0)["side"], &end(0)["outcome"]), (&json!("server"), &json!("gone")));
    assert_eq!(end(0)["at_ms"], 63_010);
    assert_eq!((&end(1)["side"], &end(1)["outcome"]), (&json!("client"), &json!("ECONNRESET")));
    let answer = answer(&["accept-queue-full", "--backlog", "4"]);
    assert_eq!(answer["queues"]["accept_capacity"], 5);
}

#[test]
fn cookies_are_explained_for_the_values_that_are_set() {
    let text = |set: &[&str]| {
        let output = explain(&[&["syncookies", "--backlog", "128"], set].concat());
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text(&[]).contains("129 half-open"));
    assert!(text(&["--set", "tcp_syncookies=0"]).contains("none is sent"));
    assert!(text(&["--set", "tcp_syncookies=2"]).contains("every SYN gets a cookie"));
    assert!(text(&["--set", "tcp_timestamps=0"]).contains("no window scaling"));
}

#[test]
fn the_flood_as_text() {
    let output = explain(&["syn-flood", "--backlog", "128", "--rate", "50k/s", "--count", "5000", "--ascii"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.is_ascii());
    let until_diagram = text.split("\n client ").next().unwrap();
    assert!(until_diagram.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!("flood_as_text", until_diagram);
}

#[test]
fn what_is_no_flood_is_refused() {
    assert!(error(&["syn-flood", "--rate", "fast"]).contains("50000/s"));
    assert!(error(&["syn-flood", "--rate", "0"]).contains("not a rate"));
    assert!(error(&["syn-flood", "--count", "0"]).contains("at least 1"));
    assert!(error(&["syn-flood", "--rate", "1", "--count", "1000"]).contains("--count 600"));
    assert!(error(&["syn-flood", "--count=-5"]).contains("--count"));
}
