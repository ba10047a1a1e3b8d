//! Nothing that people read is wider than 80 columns, unless it is one word that cannot be broken.

use std::fs;
use std::path::Path;

use tcpctl::catalog::{default_value, parameters};
use tcpctl::tune::VENDOR_PROFILES;
use tcpctl::units::KernelVersion;

use super::tune_tree::{Tree, text};

const PATH: [&str; 4] = ["--rtt", "30ms", "--bandwidth", "10Gbit/s"];
/// A word longer than this leaves no room for what stands before it.
const UNBREAKABLE: usize = 50;

/// A host with every key that Linux 6.18 has, at its default.
fn host() -> Tree {
    let tree = Tree::new();
    for row in parameters() {
        if let Some(value) = default_value(row.key, KernelVersion::new(6, 18), Some(16 << 20)) {
            tree.write(&format!("sys/{}", row.key.replace('.', "/")), &value);
        }
    }
    tree.write("sys/net/ipv4/tcp_mem", "188643 251524 377286");
    tree.write("sys/net/ipv4/tcp_available_congestion_control", "reno cubic");
    tree.write("meminfo", "MemTotal:       16777216 kB");
    tree
}

/// Runs it and looks at each line of both outputs; what was printed.
fn narrow(tree: &Tree, arguments: &[&str]) -> String {
    let output = tree.run(arguments);
    let printed = text(&output.stdout) + &text(&output.stderr);
    for line in printed.lines() {
        let word = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
        assert!(
            line.chars().count() <= 80 || word > UNBREAKABLE,
            "{arguments:?}: {} columns: {line}",
            line.chars().count()
        );
    }
    printed
}

#[test]
fn plans_profiles_and_verifications_fit_into_80_columns_for_every_profile() {
    let tree = host();
    let mut lines = 0;
    for (name, _) in VENDOR_PROFILES {
        for command in [&["plan", name][..], &["verify", name], &["plan", name, "--diff"]] {
            lines += narrow(&tree, &[command, &PATH[..]].concat()).lines().count();
        }
        for format in ["sysctl.d", "ansible", "kubernetes", "tuned"] {
            lines += narrow(&tree, &[&["plan", name, "--export", format], &PATH[..]].concat()).lines().count();
        }
        lines += narrow(&tree, &["profiles", "show", name]).lines().count();
    }
    lines += narrow(&tree, &["profiles"]).lines().count();
    // All of them together contradict each other, which is to be read as well.
    let all: Vec<&str> = VENDOR_PROFILES.iter().map(|(name, _)| *name).collect();
    for verb in ["plan", "verify"] {
        lines += narrow(&tree, &[&[verb][..], &all, &PATH[..]].concat()).lines().count();
    }
    assert!(lines > 2000, "{lines}");
}

#[test]
fn what_was_done_fits_into_80_columns_for_every_profile() {
    let tree = host();
    let why = "a reason of some length that somebody gave for it when the night was long and the coffee was cold";
    for (name, _) in VENDOR_PROFILES {
        let apply = ["apply", name, "--yes", "--why", why];
        assert!(narrow(&tree, &[&apply[..], &PATH[..]].concat()).contains("Plan: apply"), "{name}");
    }
    narrow(&tree, &["apply", "many-connections", "outbound-proxy", "low-latency", "--yes"]);
    for (name, _) in VENDOR_PROFILES {
        narrow(&tree, &[&["verify", name][..], &PATH[..]].concat());
    }
    let history = narrow(&tree, &["history"]);
    assert!(history.contains("many-connections + outbound-proxy + low-latency"), "{history}");
    for entry in 1..=VENDOR_PROFILES.len() + 1 {
        narrow(&tree, &["history", &entry.to_string()]);
        narrow(&tree, &["rollback", &entry.to_string(), "--yes"]);
    }
    narrow(&tree, &["history"]);
}

#[test]
fn parameters_findings_and_solutions_fit_into_80_columns() {
    let tree = host();
    assert!(narrow(&tree, &["params"]).lines().count() > 100);
    narrow(&tree, &["params", "--changed"]);
    for key in ["tcp_rmem", "tcp_mem", "tcp_retries2", "tcp_congestion_control", "nf_conntrack_tcp_timeout_established"]
    {
        narrow(&tree, &["params", key]);
    }
    narrow(&tree, &["lint", "--rules"]);
    let faulty = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lint/faulty");
    // Below a short path, since that of the repository stands before each finding.
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("etc/sysctl.d");
    fs::create_dir_all(&directory).unwrap();
    for file in fs::read_dir(faulty).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), directory.join(file.file_name())).unwrap();
    }
    let root = root.path().display().to_string();
    let findings = narrow(&tree, &["lint", "--root", &root, "--kernel", "6.18"]);
    assert!(findings.lines().count() > 200, "{findings}");
    let wishes: [&[&str]; 6] = [
        &["--connect", "10s", "--half-open", "7s", "--dead-peer", "30s", "--fin-wait", "20s", "--ports-rate", "2000/s"],
        &["--half-open", "7s"],
        &["--connect", "1ms"],
        &["--dead-peer", "30s", "--idle-peer", "20s"],
        &["--connect", "3s", "--connect", "at-least-1h"],
        &["--ports-rate", "1000000/s"],
    ];
    for wish in wishes {
        for kernel in ["4.14", "5.10", "6.18"] {
            narrow(&tree, &[&["solve", "--kernel", kernel][..], wish].concat());
        }
    }
}
