//! `tcpctl simulate` and `tcpctl explain --scenario` on the command line.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

const FIXED: [&str; 5] = ["--defaults", "--kernel", "6.18", "--hz", "250"];

fn tcpctl() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tcpctl"))
}

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What is told about arguments that are refused with exit code 2.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

fn simulated(name: &str) -> String {
    printed(tcpctl().arg("simulate").arg(scenario(name)).args(FIXED))
}

#[test]
fn a_syn_that_is_overtaken_by_its_copy() {
    insta::assert_snapshot!(simulated("overtaken-syn.toml"));
}

#[test]
fn a_stray_rst_ends_time_wait_unless_rfc_1337_is_heeded() {
    insta::assert_snapshot!(simulated("reset-into-time-wait.toml"));
    let heeded = printed(tcpctl().arg("simulate").arg(scenario("reset-into-time-wait.toml")).args(FIXED).args([
        "--set",
        "tcp_rfc1337=1",
        "--json",
    ]));
    let heeded: Value = serde_json::from_str(&heeded).unwrap();
    assert_eq!(heeded["timeline"]["end"]["side"], "client");
    assert!(heeded["timeline"]["end"]["at_ms"].as_u64().unwrap() >= 60_000, "{heeded}");
}

#[test]
fn a_client_hears_of_a_reboot_when_it_probes() {
    insta::assert_snapshot!(simulated("rebooted-server.toml"));
}

#[test]
fn no_line_of_a_simulation_is_wider_than_the_screen() {
    for file in std::fs::read_dir(scenario("")).unwrap() {
        for ascii in [&[][..], &["--ascii"]] {
            let text = printed(tcpctl().arg("simulate").arg(file.as_ref().unwrap().path()).args(FIXED).args(ascii));
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(ascii.is_empty() || text.is_ascii(), "{text}");
        }
    }
}

#[test]
fn every_topic_printed_as_a_file_takes_the_very_course_of_the_topic() {
    let explain = |arguments: &[&str]| printed(tcpctl().arg("explain").args(arguments));
    let list: Value = serde_json::from_str(&explain(&["--json"])).unwrap();
    let mut played = 0;
    for topic in list["topics"].as_array().unwrap().iter().map(|topic| topic["id"].as_str().unwrap()) {
        let what_ifs =
            ["--kernel", "6.18", "--set", "tcp_syn_retries=3", "--rtt", "20ms", "--sockopt", "TCP_KEEPCNT=4"];
        let answer: Value = serde_json::from_str(&explain(&[&[topic, "--json"], &what_ifs[..]].concat())).unwrap();
        if answer["timeline"].is_null() {
            let told = refused(tcpctl().args(["explain", topic, "--scenario"]));
            assert!(told.contains("there is nothing to play"), "{told}");
            continue;
        }
        let file = explain(&[&[topic, "--scenario"], &what_ifs[..]].concat());
        let simulated = printed(tcpctl().args(["simulate", "-", "--json"]).write_stdin(file));
        let simulated: Value = serde_json::from_str(&simulated).unwrap();
        assert_eq!(simulated["timeline"], answer["timeline"], "{topic}");
        assert_eq!((&simulated["kernel"], &simulated["rtt_us"]), (&answer["kernel"], &answer["rtt_us"]), "{topic}");
        assert_eq!(simulated["scenario"]["name"], "standard input");
        assert_eq!(simulated["scenario"]["summary"], answer["question"]);
        played += 1;
    }
    assert!(played > 20, "{played} topics were played");
}

#[test]
fn a_topics_file_is_commented_where_a_reader_needs_it() {
    let what_ifs = ["--set", "tcp_keepalive_time=60", "--sockopt", "TCP_KEEPCNT=4", "--rtt", "20ms"];
    insta::assert_snapshot!(printed(tcpctl().args(["explain", "keepalive", "--scenario"]).args(FIXED).args(what_ifs)));
}

#[test]
fn mistakes_are_told_with_file_line_and_column_and_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mine.toml");
    std::fs::write(&file, "summary = \"x\"\n[[wire]]\nfrom = \"client\"\nsegmnet = \"SYN\"\nlose = true\n").unwrap();
    let told = refused(tcpctl().arg("simulate").arg(&file));
    let told = told.replace(directory.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(told, @"tcpctl: DIR/mine.toml:4:1: unknown field `segmnet`, expected one of `from`, `segment`, `nth`, `after`, `until`, `lose`, `delay`, `duplicate`; did you mean `segment`?");
    let told = refused(tcpctl().args(["simulate", "-"]).write_stdin("summary = 1"));
    assert!(told.starts_with("tcpctl: standard input:1:11: `summary` is the number 1"), "{told}");
    std::fs::write(&file, b"summary = \"x\"\n# caf\xe9\n").unwrap();
    assert!(refused(tcpctl().arg("simulate").arg(&file)).contains("line 2 is not UTF-8"));
    std::fs::write(&file, "#".repeat((1 << 20) + 1)).unwrap();
    assert!(refused(tcpctl().arg("simulate").arg(&file)).contains("longer than 1 MiB"));
    assert!(refused(tcpctl().args(["simulate", "no-such.toml"])).contains("cannot read no-such.toml"));
    assert!(refused(tcpctl().arg("simulate").arg(directory.path())).contains("cannot read"));
}

#[test]
fn a_topic_in_the_place_of_a_file_leads_to_explain() {
    let told = refused(tcpctl().args(["simulate", "syn-lost"]));
    assert!(told.contains("to play the topic: tcpctl explain syn-lost"), "{told}");
}

#[test]
fn a_rule_that_is_for_no_segment_is_told() {
    let text = "summary = \"x\"\n[[call]]\nside = \"client\"\ndo = \"connect\"\n\
                [[wire]]\nfrom = \"client\"\nsegment = \"ACK\"\ndelay = \"5ms\"\n\
                [[wire]]\nfrom = \"client\"\nsegment = \"SYN-ACK\"\nlose = true\n";
    let told = printed(tcpctl().args(["simulate", "-"]).args(FIXED).write_stdin(text));
    assert!(told.contains("Rule 2 of [[wire]] is for no segment that is sent here."), "{told}");
    assert_eq!(told.matches("Rule ").count(), 1, "{told}");
}

#[test]
fn what_ifs_on_the_command_line_are_checked_as_for_explain() {
    let file = scenario("overtaken-syn.toml");
    for (arguments, told) in [
        (&["--set", "tcp_syn_retries=0"][..], "1 to 127"),
        (&["--set", "tcp_syn_retries=1,2"], "expected one whole number"),
        (&["--sockopt", "TCP_SYNCNT=0"], "1 to 127"),
        (&["--kernel", "3.10"], "4.14"),
        (&["--hz", "1"], "24 to 1200"),
        (&["--rtt", "20"], "no unit"),
        (&["--json", "--diagram", "svg"], "leave out one"),
    ] {
        let error = refused(tcpctl().arg("simulate").arg(&file).args(arguments));
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}

#[test]
fn a_scenario_is_asked_for_alone() {
    for arguments in [
        &["explain", "--scenario"][..],
        &["explain", "syn-lost", "--scenario", "--json"],
        &["explain", "syn-lost", "--scenario", "--diagram", "svg"],
        &["explain", "segment", "--scenario", "--decode", "45"],
        &["explain", "syn-lost", "--scenario", "--set", "tcp_syn_retries=1,2"],
    ] {
        refused(tcpctl().args(arguments));
    }
}

#[test]
fn a_simulation_is_drawn_for_a_post_mortem() {
    let directory = tempfile::tempdir().unwrap();
    let drawn = directory.path().join("drawn.svg");
    let file = scenario("rebooted-server.toml");
    printed(tcpctl().arg("simulate").arg(&file).args(FIXED).args(["--diagram", "svg", "-o"]).arg(&drawn));
    let svg = std::fs::read_to_string(drawn).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("the server is rebooted under an idle connection"), "{svg}");
    let mermaid = printed(tcpctl().arg("simulate").arg(&file).args(FIXED).args(["--diagram", "mermaid"]));
    assert!(mermaid.contains("server->>client: RST"), "{mermaid}");
}

#[test]
fn the_example_of_the_manual_page_is_a_scenario() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/tcpctl-scenario.5")).unwrap();
    let example = page.split(".EX\n").nth(1).and_then(|rest| rest.split(".EE").next()).unwrap();
    let example = example.replace("\\-", "-").replace("\\e", "\\");
    assert_eq!(example, std::fs::read_to_string(scenario("overtaken-syn.toml")).unwrap());
}
