//! Settings that do not reach what they are for.

use serde_json::Value;
use tcpctl::diagnose::{Finding, Findings, RULES, Severity, Undecided};

use super::ends::{listener, pair};
use super::every::Judged;
use super::watch::{SECOND, judged_after, reading, says};
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
    let findings = judged_by_program(place, &[("60-web.conf", "net.core.somaxconn = 65535\n")]);
    says(&findings, "in this network namespace net.core.somaxconn is 300, and /etc/sysctl.d/60-web.conf:1 says 65535");
    Ok(findings)
}

/// A second file takes back what a first one sets, so that one line of the first does nothing.
pub(super) fn taken_back(place: &Place) -> Judged {
    place.set("net.core.somaxconn", "4096");
    let files = [("60-web.conf", "net.core.somaxconn = 65535\n"), ("90-base.conf", "net.core.somaxconn = 4096\n")];
    let findings = judged_by_program(place, &files);
    says(&findings, "a line of a file does nothing, such as /etc/sysctl.d/60-web.conf:1: ");
    Ok(findings)
}

/// A line that takes effect, and that nobody should want.
pub(super) fn harmful(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_timestamps", "0");
    let findings = judged_by_program(place, &[("60-web.conf", "net.ipv4.tcp_timestamps = 0\n")]);
    says(&findings, "/etc/sysctl.d/60-web.conf:1: ");
    Ok(findings)
}

/// What the program says here of a system with these files, as the library has it.
fn judged_by_program(place: &Place, files: &[(&str, &str)]) -> Findings {
    let root = tempfile::tempdir().expect("a directory");
    let folder = root.path().join("etc/sysctl.d");
    std::fs::create_dir_all(&folder).expect("a directory");
    for (name, text) in files {
        std::fs::write(folder.join(name), text).expect("room");
    }
    let root = root.path().to_str().expect("UTF-8");
    let arguments = ["diagnose", "--root", root, "--window", "1s", "--json"];
    let output = place.tcpctl(&arguments);
    // What files say is worth knowing, and no trouble of the host.
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.tcpctl(&[&arguments[..], &["--fail-on", "notice"]].concat()).status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let list = |of: &Value, name: &str| of[name].as_array().expect("a list").clone();
    let text = |of: &Value, name: &str| of[name].as_str().expect("a text").to_owned();
    let rule = |of: &Value| RULES.iter().find(|rule| of["rule"] == rule.id).expect("a rule");
    let finding = |one: &Value| {
        assert_eq!(one["severity"], Severity::Notice.word(), "{one:#}");
        list(one, "evidence")
            .iter()
            .fold(Finding::new(rule(one), Severity::Notice, text(one, "sentence")), |all, seen| {
                all.seen(text(seen, "what"), text(seen, "seen"), text(seen, "source"))
            })
    };
    let undecided = |one: &Value| Undecided { rule: rule(one).id, gap: text(one, "gap") };
    Findings {
        window_ms: found["window_ms"].as_u64(),
        rules: RULES.iter().map(|rule| rule.id).collect(),
        findings: list(&found, "findings").iter().map(finding).collect(),
        undecided: list(&found, "undecided").iter().map(undecided).collect(),
        unnamed: Vec::new(),
    }
}
