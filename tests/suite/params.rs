//! `tcpctl params`: the list, the page of one key, and which file decides.

use std::path::PathBuf;

use insta::assert_snapshot;

/// A copy of /proc and a system's files; two keys are changed, and files say something about three.
struct Host {
    proc: tempfile::TempDir,
    root: tempfile::TempDir,
}

const VALUES: [(&str, &str); 11] = [
    ("kernel/osrelease", "6.18.3"),
    ("net/core/netdev_max_backlog", "1000"),
    ("net/core/netdev_budget_usecs", "8000"),
    ("net/core/somaxconn", "4096"),
    ("net/ipv4/tcp_syn_retries", "6"),
    ("net/ipv4/tcp_syn_linear_timeouts", "4"),
    ("net/ipv4/tcp_synack_retries", "2"),
    ("net/ipv4/tcp_rto_max_ms", "120000"),
    ("net/ipv4/tcp_retries2", "8"),
    ("net/ipv4/tcp_rmem", "4096\t131072\t33554432"),
    ("net/ipv4/tcp_fin_timeout", "60"),
];

const FILES: [(&str, &str); 3] = [
    ("usr/lib/sysctl.d/50-vendor.conf", "net.ipv4.tcp_synack_retries = 4\n"),
    ("etc/sysctl.d/10-a.conf", "# a\nnet.ipv4.tcp_synack_retries = 3\nnet.ipv4.tcp_fin_timeout = 10\n"),
    ("etc/sysctl.d/60-b.conf", "net/ipv4/tcp_synack_retries = 2\n"),
];

impl Host {
    fn new() -> Self {
        let host = Self { proc: tempfile::tempdir().unwrap(), root: tempfile::tempdir().unwrap() };
        for (path, value) in VALUES {
            write(host.proc.path().join("sys").join(path), &format!("{value}\n"));
        }
        write(host.proc.path().join("meminfo"), "MemTotal:       16777216 kB\n");
        for (path, text) in FILES {
            write(host.root.path().join(path), text);
        }
        host
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = assert_cmd::Command::cargo_bin("tcpctl").unwrap();
        command.arg("--proc").arg(self.proc.path()).arg("params").arg("--root").arg(self.root.path());
        let output = command.args(arguments).output().unwrap();
        let all = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(all).unwrap())
    }

    fn text(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(code, Some(0), "{text}");
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{long:?}");
        text
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let (code, text) = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(code, Some(0), "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn write(path: PathBuf, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn the_list_has_what_this_host_has_and_marks_what_is_changed() {
    assert_snapshot!("list", Host::new().text(&[]));
}

#[test]
fn changed_keys_say_who_set_them() {
    let text = Host::new().text(&["--changed"]);
    assert_snapshot!("changed", text);
}

#[test]
fn the_page_of_a_key_says_what_follows_from_its_value_and_which_line_decides() {
    let host = Host::new();
    assert_snapshot!("page", host.text(&["tcp_synack_retries"]));
    assert_snapshot!("page_of_retries2", host.text(&["net/ipv4/tcp_retries2"]));
    assert_snapshot!("page_with_a_finding", host.text(&["tcp_fin_timeout"]));
    assert!(host.text(&["tcp_synack_retries", "--ascii"]).is_ascii());
}

#[test]
fn the_json_has_every_key_and_where_its_value_comes_from() {
    let host = Host::new();
    let list = host.json(&[]);
    let all = list["parameters"].as_array().unwrap();
    assert_eq!(all.len(), tcpctl::catalog::parameters().count());
    let recycle = all.iter().find(|row| row["key"] == "net.ipv4.tcp_tw_recycle").unwrap();
    assert_eq!((&recycle["exists"], &recycle["removed"]), (&false.into(), &"4.12".into()));
    let page = host.json(&["tcp_synack_retries"]);
    assert_eq!(page["files"]["decided_by"]["file"], "/etc/sysctl.d/60-b.conf");
    let losers: Vec<_> = page["files"]["overridden"].as_array().unwrap().iter().map(|one| &one["value"]).collect();
    assert_eq!(losers, ["3", "4"]);
    assert_eq!((&page["value"], &page["default"], &page["changed"]), (&"2".into(), &"5".into(), &true.into()));
    let seven = page["effects"][0]["answers"].as_array().unwrap().iter().find(|one| one["value"] == "2").unwrap();
    assert_eq!(seven["answer"]["at_ms"], 7_000);
    let drift = host.json(&["tcp_retries2"]);
    assert_eq!(
        (&drift["files"]["after_boot"], &drift["files"]["decided_by"]),
        (&"15".into(), &serde_json::Value::Null)
    );
}

#[test]
fn patterns_and_parts_of_names_choose_and_what_matches_nothing_is_a_mistake() {
    let host = Host::new();
    let keys = |pattern: &str| {
        let list = host.json(&[pattern]);
        let rows = list["parameters"].as_array().unwrap().iter();
        rows.map(|row| row["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        keys("tcp_*_retries"),
        ["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_orphan_retries"]
    );
    assert_eq!(keys("net.core.?mem_max"), ["net.core.rmem_max", "net.core.wmem_max"]);
    assert_eq!(keys("keepalive").len(), 3);
    let (code, text) = host.run(&["tcp_synak_retry"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("did you mean net.ipv4.tcp_synack_retries"), "{text}");
    for odd in ["", "..", "*/../*", "[", "net.ipv4.conf.nothing.rp_filter", "\u{1b}[31m"] {
        let (code, text) = host.run(&[odd]);
        assert!(matches!(code, Some(0 | 2)) && !text.contains('\u{1b}'), "{odd}: {text}");
    }
}

#[test]
fn every_key_of_the_table_has_a_page() {
    let host = Host::new();
    for row in tcpctl::catalog::parameters().step_by(7) {
        let text = host.text(&[row.key]);
        assert!(text.starts_with(row.key) && text.contains(row.unit), "{text}");
    }
}
