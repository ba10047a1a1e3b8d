//! `tcpctl lint`: each faulty file has its finding, and what distributions ship has none.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use tcpctl::catalog::{Bound, Form, TakesEffect, check_value, default_value, parameters};
use tcpctl::report::{LintView, render_lint, render_lint_rules};
use tcpctl::snapshot::{SysctlReading, Sysctls};
use tcpctl::tune::{
    Home, LintHost, Linted, Severity, SysctlFile, SysctlTree, VENDOR_PROFILES, find_lint_rule, lint, lint_recorded,
    lint_rules, read_given_files, read_sysctl_tree,
};
use tcpctl::units::{Hz, KernelVersion};

fn data(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lint").join(part)
}

/// Linux 6.18 with 16 GiB.
fn host() -> LintHost {
    LintHost {
        version: Some(KernelVersion::new(6, 18)),
        hz: Hz::new(250),
        memory_kib: Some(16 << 20),
        ..LintHost::default()
    }
}

/// What a faulty file says of itself in its first lines.
fn marked(text: &str, mark: &str) -> BTreeSet<String> {
    let line = text.lines().take(2).find_map(|line| line.trim_start_matches('\u{feff}').strip_prefix(mark));
    line.unwrap_or_default().split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
}

fn ids(linted: &Linted) -> BTreeSet<String> {
    linted.findings.iter().map(|finding| finding.rule.id.to_owned()).collect()
}

fn faulty_files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data("faulty")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_faulty_file_has_the_findings_that_it_names_and_no_others() {
    let mut wrong = Vec::new();
    for path in faulty_files() {
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut host = host();
        let absent = marked(&text, "# absent: ");
        let readings = absent.iter().map(|key| (key.parse().unwrap(), SysctlReading::Absent)).collect();
        host.sysctls = Sysctls { readings };
        let tree = read_given_files(std::slice::from_ref(&path)).unwrap();
        let linted = lint(&tree, &host);
        let (expected, found) = (marked(&text, "# expect: "), ids(&linted));
        assert!(!expected.is_empty(), "{} names no finding", path.display());
        if expected != found {
            wrong.push(format!("{}: expected {expected:?}, found {found:?}", path.display()));
        }
        for finding in &linted.findings {
            let place = finding.place.expect("a line");
            let line = text.split('\n').nth(place.line - 1).unwrap_or_else(|| panic!("{finding:?}"));
            assert!(place.column <= line.chars().count().max(1), "{finding:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(faulty_files().len() >= 40);
}

/// Rules about files and directories, which the trees of the tests below break.
const OF_TREES: [&str; 7] = [
    "dangling-link",
    "file-not-read",
    "gone-at-boot",
    "hidden-file",
    "readers-differ",
    "sysctl-conf-not-read",
    "unreadable-file",
];

#[test]
fn every_rule_of_the_table_is_broken_by_some_file() {
    let mut broken: BTreeSet<String> = OF_TREES.iter().map(|id| (*id).to_owned()).collect();
    for path in faulty_files() {
        broken.extend(marked(&String::from_utf8_lossy(&std::fs::read(path).unwrap()), "# expect: "));
    }
    let all: BTreeSet<String> = lint_rules().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(broken, all);
}

/// Ends of what the kernel takes that mean something all the same: a key with its values.
const MEANT: &[(&str, &[i128])] = &[
    ("net.ipv4.tcp_syn_linear_timeouts", &[0, 1]),
    ("net.ipv4.tcp_fastopen_blackhole_timeout_sec", &[1, 2_147_483_647]),
    // It ends nothing.
    ("net.ipv4.tcp_retries1", &[0, 1]),
    ("net.ipv4.tcp_rto_max_ms", &[1000]),
    ("net.ipv4.tcp_max_reordering", &[2_147_483_647]),
    ("net.ipv4.tcp_comp_sack_delay_ns", &[0, 1]),
    ("net.ipv4.tcp_comp_sack_slack_ns", &[0, 1]),
    ("net.ipv4.tcp_comp_sack_nr", &[0, 1, 255]),
    ("net.ipv4.tcp_pingpong_thresh", &[255]),
    ("net.ipv4.tcp_keepalive_time", &[1]),
    ("net.ipv4.tcp_keepalive_intvl", &[1]),
    // Who has the memory.
    ("net.ipv4.tcp_max_orphans", &[2_147_483_647]),
    ("net.ipv4.tcp_max_tw_buckets", &[2_147_483_647]),
    ("net.ipv4.tcp_max_syn_backlog", &[1, 2_147_483_647]),
    ("net.ipv4.tcp_tw_reuse_delay", &[60_000]),
    ("net.ipv4.tcp_invalid_ratelimit", &[1]),
    ("net.ipv4.tcp_app_win", &[0, 1]),
    ("net.ipv4.tcp_notsent_lowat", &[1]),
    ("net.ipv4.tcp_limit_output_bytes", &[2_147_483_647]),
    ("net.ipv4.tcp_probe_interval", &[0, 1, 17_179_869]),
    ("net.ipv4.tcp_probe_threshold", &[0, 1]),
    ("net.ipv4.tcp_plb_idle_rehash_rounds", &[0, 1, 31]),
    ("net.ipv4.tcp_plb_rehash_rounds", &[0, 1, 31]),
    ("net.ipv4.tcp_plb_suspend_rto_sec", &[0, 1, 255]),
    ("net.ipv4.tcp_plb_cong_thresh", &[0, 1, 256]),
    ("net.ipv4.tcp_child_ehash_entries", &[1, 16_777_216]),
    ("net.ipv4.tcp_min_rtt_wlen", &[0, 1, 86_400]),
    ("net.ipv4.tcp_ecn_option_beacon", &[0, 1]),
    ("net.ipv4.tcp_pacing_ss_ratio", &[1000]),
    ("net.ipv4.tcp_pacing_ca_ratio", &[1000]),
    ("net.ipv4.tcp_min_tso_segs", &[1, 255]),
    ("net.ipv4.tcp_tso_win_divisor", &[0, 1, 255]),
    ("net.ipv4.tcp_tso_rtt_log", &[0, 1, 255]),
    ("net.ipv4.ip_unprivileged_port_start", &[0, 1]),
    ("net.ipv4.udp_rmem_min", &[1]),
    ("net.ipv4.udp_wmem_min", &[1]),
    ("net.ipv4.udp_child_hash_entries", &[1, 65_536]),
    ("net.ipv4.icmp_ratelimit", &[0, 1]),
    ("net.ipv4.icmp_msgs_per_sec", &[1, 2_147_483_647]),
    ("net.ipv4.icmp_msgs_burst", &[1, 2_147_483_647]),
    ("net.core.dev_weight", &[1]),
    ("net.core.busy_poll", &[1]),
    ("net.core.busy_read", &[1]),
    ("net.core.rps_sock_flow_entries", &[1]),
    ("net.core.gro_normal_batch", &[1]),
    ("net.core.max_skb_frags", &[1]),
    ("net.core.mem_pcpu_rsv", &[1, 2_147_483_647]),
    ("net.core.skb_defer_max", &[0, 1, 2_147_483_647]),
    ("net.core.flow_limit_table_len", &[-2_147_483_648, -1, 0, 1, 2_147_483_647]),
    ("net.core.message_cost", &[0, 1]),
    ("net.core.message_burst", &[0, 1]),
    ("net.ipv4.neigh.default.gc_thresh1", &[0, 1]),
    ("net.ipv6.neigh.default.gc_thresh1", &[0, 1]),
    ("net.netfilter.nf_conntrack_tcp_max_retrans", &[0, 1, 255]),
];

/// Every number of the catalogue at the ends of what the kernel takes, and at -1, 0 and 1, either has a finding or means
/// something.
#[test]
fn no_extreme_value_that_the_kernel_takes_is_passed_over() {
    let version = KernelVersion::new(6, 18);
    let mut silent = Vec::new();
    let mut needless: BTreeSet<&str> = MEANT.iter().map(|(key, _)| *key).collect();
    let is_written =
        |row: &tcpctl::catalog::Parameter| !matches!(row.takes_effect, TakesEffect::ReadOnly | TakesEffect::Never);
    for row in parameters().filter(|row| row.exists(version) && is_written(row)) {
        let Form::Numbers(count) = row.form else { continue };
        let range = row.range(version);
        let end = |bound: Option<Bound>, other: i128| bound.map_or(other, |bound| bound.as_number(host().hz));
        let (min, max) = (range.map(|range| range.min), range.map(|range| range.max));
        let ends = [end(min, i32::MIN.into()), -1, 0, 1, end(max, i32::MAX.into())];
        for number in BTreeSet::from(ends) {
            let value = vec![number.to_string(); count].join(" ");
            let is_switch = matches!(row.unit, "bool" | "enum" | "bitmask") && (0..5).contains(&number);
            let default = default_value(row.key, version, host().memory_kib);
            if is_switch || check_value(row.key, &value, version, host().hz).is_err() || default == Some(value.clone())
            {
                continue;
            }
            let tree = SysctlTree {
                boot_modules: BTreeSet::from(["nf_conntrack".to_owned()]),
                files: vec![SysctlFile::from_bytes(
                    "x.conf",
                    Home::Given,
                    format!("{} = {value}\n", row.key).as_bytes(),
                )],
                ..SysctlTree::default()
            };
            // A conntrack timeout of a second is odd and works.
            let meant = MEANT.iter().any(|(key, values)| *key == row.key && values.contains(&number))
                || row.key.starts_with("net.netfilter.") && row.unit == "s" && number == 1;
            let found = lint(&tree, &host()).findings.iter().any(|finding| finding.severity != Severity::Note);
            match (found, meant) {
                (false, true) => drop(needless.remove(row.key)),
                (false, false) => silent.push(format!("{} = {value}", row.key)),
                _ => {}
            }
        }
    }
    assert!(silent.is_empty(), "lint says nothing of\n{}", silent.join("\n"));
    assert!(needless.is_empty(), "have findings after all, or are no extremes: {needless:?}");
}

#[test]
fn what_fresh_systems_ship_has_no_finding() {
    let mut systems = 0;
    for entry in std::fs::read_dir(data("fresh")).unwrap() {
        let root = entry.unwrap().path();
        let tree = read_sysctl_tree(&root);
        assert!(!tree.keys().is_empty(), "{} is empty", root.display());
        for version in [KernelVersion::new(4, 14), KernelVersion::new(5, 15), KernelVersion::new(6, 18)] {
            let linted = lint(&tree, &LintHost { version: Some(version), memory_kib: None, ..host() });
            let text = render_lint(&linted, None, 80, false);
            assert!(linted.findings.is_empty(), "{} on {version}:\n{text}", root.display());
        }
        systems += 1;
    }
    assert!(systems >= 4, "only {systems} systems");
}

/// A tree that is made anew, since links in circles and pipes cannot be kept in a repository.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            std::fs::write(tree.at(path), text).unwrap();
        }
        tree
    }

    fn at(&self, path: &str) -> PathBuf {
        let path = self.0.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn lint(&self) -> Linted {
        lint(&read_sysctl_tree(self.0.path()), &host())
    }

    /// The findings as `rule file:line`.
    fn found(&self) -> Vec<String> {
        let place = |line: Option<usize>| line.map_or(String::new(), |line| format!(":{line}"));
        let linted = self.lint();
        let one = linted.findings.iter();
        one.map(|it| format!("{} {}{}", it.rule.id, it.file, place(it.place.map(|place| place.line)))).collect()
    }
}

#[test]
fn what_is_taken_back_in_another_file_names_the_file_that_wins() {
    let tree = Tree::new(&[
        ("/etc/sysctl.d/10-ours.conf", "net.ipv4.tcp_keepalive_time = 600\n"),
        ("/etc/sysctl.d/90-theirs.conf", "# x\nnet.ipv4.tcp_keepalive_time = 300\n"),
        ("/usr/lib/sysctl.d/50-vendor.conf", "net.ipv4.tcp_keepalive_time = 7200\n"),
    ]);
    assert_eq!(tree.found(), ["overridden /etc/sysctl.d/10-ours.conf:1"]);
    let message = &tree.lint().findings[0].message;
    assert_eq!(
        message,
        "net.ipv4.tcp_keepalive_time = 600 is taken back by /etc/sysctl.d/90-theirs.conf:2, which says 300"
    );
}

#[test]
fn sysctl_conf_is_judged_by_who_reads_it() {
    let conf = ("/etc/sysctl.conf", "net.ipv4.tcp_keepalive_time = 600\n");
    assert_eq!(Tree::new(&[conf]).found(), ["sysctl-conf-not-read /etc/sysctl.conf"]);
    let linked = Tree::new(&[conf]);
    symlink("../sysctl.conf", linked.at("/etc/sysctl.d/99-sysctl.conf")).unwrap();
    assert_eq!(linked.found(), Vec::<String>::new());
    std::fs::write(linked.at("/etc/sysctl.d/zz.conf"), "net.ipv4.tcp_keepalive_time = 300\n").unwrap();
    let found = linked.found();
    assert!(found.contains(&"readers-differ /etc/sysctl.conf:1".to_owned()), "{found:?}");
}

#[test]
fn an_exclusion_after_an_assignment_is_two_things_to_two_readers() {
    let tree =
        Tree::new(&[("/etc/sysctl.d/a.conf", "net.ipv4.tcp_keepalive_time=600\n-net.ipv4.tcp_keepalive_time\n")]);
    assert_eq!(tree.found(), ["readers-differ /etc/sysctl.d/a.conf:1"]);
}

#[test]
fn names_links_and_directories_that_keep_a_file_from_being_read_are_found() {
    let text = "net.ipv4.tcp_keepalive_time = 600\n";
    let tree = Tree::new(&[
        ("/etc/sysctl.d/.hidden.conf", text),
        ("/etc/sysctl.d/a.CONF", text),
        ("/etc/sysctl.d/b.conf.bak", text),
        ("/etc/sysctl.d/c.conf~", text),
        ("/etc/sysctl.d/README", "Read me. See sysctl.d(5).\n"),
        ("/run/sysctl.d/d.conf", text),
    ]);
    symlink("/no/such/file", tree.at("/etc/sysctl.d/gone.conf")).unwrap();
    symlink("round.conf", tree.at("/etc/sysctl.d/round.conf")).unwrap();
    symlink("/dev/null", tree.at("/etc/sysctl.d/masked.conf")).unwrap();
    std::fs::create_dir(tree.at("/etc/sysctl.d/folder.conf")).unwrap();
    std::fs::write(tree.at("/etc/sysctl.d/large.conf"), vec![b'#'; 10 << 20]).unwrap();
    assert_eq!(
        tree.found(),
        [
            "hidden-file /etc/sysctl.d/.hidden.conf",
            "file-not-read /etc/sysctl.d/a.CONF",
            "unreadable-file /etc/sysctl.d/folder.conf",
            "dangling-link /etc/sysctl.d/gone.conf",
            "unreadable-file /etc/sysctl.d/large.conf",
            "unreadable-file /etc/sysctl.d/round.conf",
            "gone-at-boot /run/sysctl.d/d.conf",
        ]
    );
}

/// A file in /run hides those of its name in later directories until the next boot, and one in /etc hides it.
#[test]
fn what_is_gone_at_boot_is_told_with_what_it_hides_and_not_where_it_is_hidden_itself() {
    let text = "net.ipv4.tcp_fin_timeout = 40\n";
    let tree = Tree::new(&[
        ("/run/sysctl.d/a.conf", text),
        ("/etc/sysctl.d/a.conf", text),
        ("/run/sysctl.d/b.conf", text),
        ("/usr/lib/sysctl.d/b.conf", "net.ipv4.tcp_fin_timeout = 50\n"),
        ("/usr/lib/sysctl.d/c.conf", "net.ipv4.tcp_keepalive_time = 600\n"),
        ("/run/sysctl.d/nothing.conf", "# nothing\n"),
    ]);
    symlink("/dev/null", tree.at("/run/sysctl.d/c.conf")).unwrap();
    let linted = tree.lint();
    let of_rule = linted.findings.iter().filter(|finding| finding.rule.id == "gone-at-boot");
    let said: Vec<_> = of_rule.map(|finding| (finding.file.as_str(), finding.message.as_str())).collect();
    assert_eq!(
        said,
        [
            (
                "/run/sysctl.d/b.conf",
                "it will be gone after the next boot, and /usr/lib/sysctl.d/b.conf, which it hides, counts again"
            ),
            ("/run/sysctl.d/c.conf", "it hides /usr/lib/sysctl.d/c.conf until the next boot and no longer"),
        ]
    );
}

/// The values of a host are judged as a file that sets them would be, where they are not the kernel's own.
#[test]
fn recorded_values_are_judged_without_a_file() {
    let defaults =
        parameters().filter_map(|row| Some((row.key, default_value(row.key, host().version?, host().memory_kib)?)));
    let mut values: BTreeMap<&str, String> = defaults.collect();
    let judged = |values: &BTreeMap<&str, String>| {
        let readings = values.iter().map(|(key, value)| (key.parse().unwrap(), SysctlReading::Value(value.clone())));
        lint_recorded("<snapshot>", &LintHost { sysctls: Sysctls { readings: readings.collect() }, ..host() })
    };
    let whole = judged(&values);
    assert!(whole.findings.is_empty() && whole.lines > 100, "{:?}", whole.findings);
    values.insert("net.ipv4.tcp_sack", "0".to_owned());
    values.insert("net.ipv4.tcp_retries1", "20".to_owned());
    values.insert("net.ipv4.ip_local_port_range", "40000 40009".to_owned());
    let found = judged(&values);
    let said: BTreeSet<_> = found.findings.iter().map(|one| (one.rule.id, one.place, one.message.as_str())).collect();
    let wanted = [
        ("few-ports", None, "ip_local_port_range: there are 10 ports left"),
        ("retries1-after-retries2", None, "tcp_retries1 = 20 is not before tcp_retries2 = 15"),
        ("sack-off", None, "tcp_sack = 0 switches it off"),
    ];
    assert_eq!(said, BTreeSet::from(wanted));
    assert!(found.has_findings());
}

#[test]
fn vendor_files_are_never_above_a_note() {
    let tree = Tree::new(&[("/usr/lib/sysctl.d/10-x.conf", "net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_sack = 0\n")]);
    let linted = tree.lint();
    assert_eq!((linted.findings.len(), linted.count(Severity::Note)), (2, 2));
    assert!(!linted.has_findings());
}

#[test]
fn a_comment_above_a_line_allows_a_rule_there_and_nowhere_else() {
    let text = "# tcpctl: allow sack-off, overridden - a middlebox breaks it\nnet.ipv4.tcp_sack = 0\n\nnet.ipv4.tcp_dsack = 0\n";
    let tree = Tree::new(&[("/etc/sysctl.d/a.conf", text)]);
    assert_eq!(tree.found(), ["sack-off /etc/sysctl.d/a.conf:4"]);
    assert_eq!(tree.lint().allowed, 1);
}

#[test]
fn keys_of_modules_are_fine_where_the_module_is_loaded_at_boot_or_built_in() {
    let line = ("/etc/sysctl.d/a.conf", "net.netfilter.nf_conntrack_tcp_loose = 1\n");
    assert_eq!(Tree::new(&[line]).found(), ["module-key /etc/sysctl.d/a.conf:1"]);
    let listed = Tree::new(&[line, ("/etc/modules-load.d/x.conf", "nf-conntrack\n")]);
    assert_eq!(listed.found(), Vec::<String>::new());
    let key = "net.netfilter.nf_conntrack_tcp_loose".parse().unwrap();
    let sysctls = Sysctls { readings: [(key, SysctlReading::Value("1".into()))].into() };
    let built_in = LintHost { sysctls, loaded_modules: Some(BTreeSet::new()), ..host() };
    let tree = Tree::new(&[line]);
    assert!(lint(&read_sysctl_tree(tree.0.path()), &built_in).findings.is_empty());
}

#[test]
fn what_depends_on_the_kernel_is_not_judged_without_one() {
    let text = b"net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_low_latency = 1\nnet.ipv4.tcp_syn_retries = 0\n";
    let tree = SysctlTree { files: vec![SysctlFile::from_bytes("a.conf", Home::Given, text)], ..SysctlTree::default() };
    let found = ids(&lint(&tree, &LintHost::default()));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["out-of-range"]);
    let old = LintHost { version: Some(KernelVersion::new(4, 4)), ..host() };
    assert!(!ids(&lint(&tree, &old)).contains("removed-key"), "4.4 has it");
}

#[test]
fn a_file_of_nonsense_costs_little_and_is_not_listed_for_ever() {
    let text = "net.ipv4.no_such_key = 1\n".repeat(40_000);
    let tree = SysctlTree {
        files: vec![SysctlFile::from_bytes("a.conf", Home::Given, text.as_bytes())],
        ..SysctlTree::default()
    };
    let linted = lint(&tree, &host());
    let unknown = linted.findings.iter().filter(|finding| finding.rule.id == "unknown-key").count();
    assert_eq!(unknown, 200);
    assert!(linted.findings.len() < 1000, "{}", linted.findings.len());
}

fn gist() -> Linted {
    let text = "# copied\nnet.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_fin_timeout = 10\nnet.ipv4.tcp_synack_retrys = 2\n\
                net.ipv4.tcp_max_syn_backlog = 65536\nnet.ipv4.tcp_rmem = \"16777216 16777216 16777216\"\n";
    let files = vec![SysctlFile::from_bytes("/etc/sysctl.d/99-performance-tuning.conf", Home::Given, text.as_bytes())];
    lint(&SysctlTree { files, ..SysctlTree::default() }, &host())
}

#[test]
fn findings_read_well_at_80_columns() {
    let text = anstream::adapter::strip_str(&render_lint(&gist(), Some("6.18"), 80, false)).to_string();
    // A new rule is no change of the text.
    assert_snapshot!(text.replace(&format!("{} rules", lint_rules().count()), "N rules"));
    for width in [60, 80, 120] {
        let text = anstream::adapter::strip_str(&render_lint(&gist(), Some("6.18"), width, true)).to_string();
        assert!(text.is_ascii());
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > width).collect();
        assert!(long.is_empty(), "{width}: {long:?}");
    }
    assert!(render_lint_rules(80, true).lines().all(|line| line.len() <= 80));
}

#[test]
fn the_json_of_lint_is_a_contract() {
    let linted = gist();
    let json = serde_json::to_value(LintView::new(&linted, Some("6.18"))).unwrap();
    insta::assert_json_snapshot!(serde_json::json!({
        "keys": json.as_object().unwrap().keys().collect::<Vec<_>>(),
        "finding": json["findings"][0],
        "warnings": json["warnings"],
    }));
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = assert_cmd::Command::cargo_bin("tcpctl").unwrap().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_exit_code_says_whether_there_are_findings_and_whether_files_could_be_read() {
    let tree = Tree::new(&[("/etc/sysctl.d/a.conf", "net.ipv4.tcp_sack = 0\n")]);
    let root = tree.0.path().to_str().unwrap();
    let (code, stdout, _) = run(&["lint", "--root", root]);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.starts_with("/etc/sysctl.d/a.conf:1:21: warning: tcp_sack = 0 switches it off\n"), "{stdout}");
    std::fs::write(tree.at("/etc/sysctl.d/a.conf"), "net.ipv4.tcp_sack = 1\n").unwrap();
    assert_eq!(run(&["lint", "--root", root]).0, Some(0));
    let file = tree.at("/etc/sysctl.d/a.conf");
    assert_eq!(run(&["lint", file.to_str().unwrap(), "--kernel", "6.18"]).0, Some(0));
    let (code, _, stderr) = run(&["lint", "no/such/file.conf"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("cannot read no/such/file.conf: No such file or directory"), "{stderr}");
    let mut piped = assert_cmd::Command::cargo_bin("tcpctl").unwrap();
    let piped = piped.args(["lint", "-"]).write_stdin("net.ipv4.tcp_sack = 0\n").output().unwrap();
    assert_eq!(piped.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&piped.stdout).starts_with("<stdin>:1:21: warning: "), "{piped:?}");
    assert_eq!(run(&["lint", root]).0, Some(2), "a directory is no file");
    assert_eq!(run(&["lint", "--root", "/no/such/dir"]).0, Some(2));
    assert_eq!(run(&["lint", "--kernel", "new"]).0, Some(2));
    let (code, stdout, _) = run(&["lint", "--rules", "--json"]);
    let rules: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, rules["rules"].as_array().map(Vec::len)), (Some(0), Some(lint_rules().count())));
    assert!(find_lint_rule("removed-key").is_some() && find_lint_rule("no-such-rule").is_none());
}

fn linted(text: &str, absent: &[&str]) -> Linted {
    let mut host = host();
    let readings = absent.iter().map(|key| (key.parse().unwrap(), SysctlReading::Absent)).collect();
    host.sysctls = Sysctls { readings };
    let file = SysctlFile::from_bytes("a.conf", Home::Given, text.as_bytes());
    let boot_modules = BTreeSet::from(["nf_conntrack".to_owned()]);
    lint(&SysctlTree { files: vec![file], boot_modules, ..SysctlTree::default() }, &host)
}

#[test]
fn an_interface_that_is_not_here_now_is_no_mistake() {
    let (key, path) = ("net.ipv4.conf.wg0.rp_filter", "net/ipv4/neigh/br-5/gc_stale_time");
    let linted = linted(&format!("{key} = 2\n{path} = 60\n"), &[key, "net.ipv4.neigh.br-5.gc_stale_time"]);
    assert_eq!(ids(&linted), BTreeSet::from(["absent-interface".to_owned()]));
    assert!(!linted.has_findings(), "a note at most");
}

#[test]
fn what_may_fail_is_not_told_to_be_missing() {
    for key in ["net.ipv4.tcp_tw_recycle", "net.ipv4.tcp_invented", "net.ipv4.tcp_allowed_congestion", "vm.invented"] {
        assert!(linted(&format!("{key} = 1\n"), &[key]).has_findings(), "{key}");
        assert_eq!(ids(&linted(&format!("-{key} = 1\n"), &[key])), BTreeSet::new(), "-{key}");
    }
}

/// What tcpctl itself writes is what it would have others write.
#[test]
fn every_profile_exported_as_a_file_has_no_finding() {
    for (name, _) in VENDOR_PROFILES {
        let tree = super::tune_tree::Tree::new();
        let defaults = parameters().filter_map(|row| {
            let value = default_value(row.key, KernelVersion::new(6, 18), Some(16 << 20))?;
            Some((row.key.replace('.', "/"), value))
        });
        for (file, value) in defaults {
            tree.write(&format!("sys/{file}"), &value);
        }
        tree.write("meminfo", "MemTotal:       16777216 kB");
        let path = ["--rtt", "30ms", "--bandwidth", "1Gbit/s"];
        let text = tree.ok(&[&["plan", name, "--export", "sysctl.d"], &path[..]].concat());
        let linted = linted(&text, &[]);
        assert!(!linted.has_findings(), "{name}: {:?}", linted.findings);
        assert!(linted.lines > 2 || *name == "kernel-defaults", "{name}: {text}");
    }
}

#[test]
fn a_pattern_does_not_reach_a_key_that_a_file_read_before_it_names() {
    let named = "net.ipv4.conf.eth0.rp_filter = 2\n";
    let pattern = "net.ipv4.conf.*.rp_filter = 1\n";
    let (early, late) = ("/etc/sysctl.d/10-a.conf", "/etc/sysctl.d/90-b.conf");
    let vendor = "/usr/lib/sysctl.d/50-default.conf";
    let found = |files: &[(&str, &str)]| Tree::new(files).found();
    assert_eq!(found(&[(early, named), (late, pattern)]), [format!("pattern-shadowed {late}:1")]);
    assert_eq!(found(&[(vendor, named), (late, pattern)]), [format!("pattern-shadowed {late}:1")]);
    // By name and not by directory: the package's file is read after that of the administrator.
    assert_eq!(found(&[(vendor, named), (early, pattern)]), [""; 0], "it is named later");
    assert_eq!(found(&[(early, pattern), (late, named)]), [""; 0], "named later is meant so");
    assert_eq!(found(&[(early, named), (late, "net.ipv4.conf.*.rp_filter = 2\n")]), [""; 0], "of one mind");
    let tree = Tree::new(&[(early, named), (late, pattern)]);
    let message = "net.ipv4.conf.*.rp_filter does not reach net.ipv4.conf.eth0.rp_filter, which \
                   /etc/sysctl.d/10-a.conf:1 sets to 2";
    assert_eq!(tree.lint().findings[0].message, message);
}

#[test]
fn what_stands_in_two_files_is_told_at_the_one_that_is_read_later() {
    let line = "net.ipv4.tcp_keepalive_time = 600\n";
    let tree = Tree::new(&[("/run/sysctl.d/20-b.conf", line), ("/etc/sysctl.d/90-a.conf", line)]);
    let (mine, all) = (tree.lint(), tree.found());
    assert!(all.contains(&"duplicate /etc/sysctl.d/90-a.conf:1".to_owned()), "{all:?}");
    let message = mine.findings.iter().find(|one| one.rule.id == "duplicate").unwrap().message.clone();
    assert_eq!(message, "net.ipv4.tcp_keepalive_time = 600 stands in /run/sysctl.d/20-b.conf:1 already");
    // A package's line may be held fast to, and what tcpctl keeps has to be so whoever else says it.
    for other in ["/usr/lib/sysctl.d/20-b.conf", "/etc/sysctl.d/99-tcpctl.conf"] {
        assert_eq!(Tree::new(&[(other, line), ("/etc/sysctl.d/90-a.conf", line)]).found(), [""; 0], "{other}");
    }
    // Files that are named are a set as well.
    let files = [tree.at("/run/sysctl.d/20-b.conf"), tree.at("/etc/sysctl.d/90-a.conf")];
    let linted = lint(&read_given_files(&files).unwrap(), &host());
    assert_eq!(ids(&linted), BTreeSet::from(["duplicate".to_owned()]));
}

#[test]
fn names_are_judged_by_what_linux_has_and_by_what_is_loaded() {
    let of = |text: &str, available: Option<&str>, version: (u16, u16)| {
        let file = SysctlFile::from_bytes("a.conf", Home::Given, text.as_bytes());
        let key = "net.ipv4.tcp_available_congestion_control".parse().unwrap();
        let readings = available.map(|list| (key, SysctlReading::Value(list.to_owned()))).into_iter().collect();
        let version = Some(KernelVersion::new(version.0, version.1));
        let host = LintHost { sysctls: Sysctls { readings }, version, ..host() };
        let linted = lint(&SysctlTree { files: vec![file], ..SysctlTree::default() }, &host);
        linted.findings.iter().map(|one| format!("{}: {}", one.message, one.instead)).collect::<Vec<_>>()
    };
    let control = |name: &str| format!("net.ipv4.tcp_congestion_control = {name}\n");
    assert_eq!(
        of(&control("bbbr"), None, (6, 18)),
        ["no Linux has a congestion control named bbbr: did you mean bbr?"]
    );
    assert_eq!(of(&control("bbr3"), Some("reno cubic"), (6, 18)).len(), 1);
    assert_eq!(of(&control("bbr3"), Some("reno cubic bbr3"), (6, 18)), [""; 0], "this kernel has it");
    for name in ["reno", "cubic", "bbr", "dctcp", "westwood"] {
        assert_eq!(of(&control(name), Some("reno"), (4, 14)), [""; 0], "{name}: a module may bring it");
    }
    let qdisc = |name: &str| format!("net.core.default_qdisc = {name}\n");
    for name in ["fq", "fq_codel", "pfifo_fast", "noqueue"] {
        assert_eq!(of(&qdisc(name), Some("reno"), (4, 14)), [""; 0], "{name}");
    }
    assert!(
        of(&qdisc("cake"), None, (4, 14))[0]
            .starts_with("Linux 4.14 has no queueing discipline cake: it came with 4.19")
    );
    assert_eq!(of(&qdisc("cake"), None, (4, 19)), [""; 0]);
    assert!(of(&qdisc("cbq"), None, (6, 18))[0].contains("it was removed in 6.3"));
    assert_eq!(of(&qdisc("cbq"), None, (6, 2)), [""; 0]);
}

/// Of the files of another root the memory is not known: what is little on any host is found all the same.
#[test]
fn what_is_too_little_for_any_host_is_found_without_knowing_its_memory() {
    let tree = |text: &str| Tree::new(&[("/etc/sysctl.d/a.conf", text)]);
    for (text, rule) in [
        ("net.ipv4.tcp_max_tw_buckets = 5000\n", "tw-buckets-lowered"),
        ("net.ipv4.tcp_mem = 100 200 300\n", "memory-lowered"),
    ] {
        let tree = tree(text);
        let root = tree.0.path().to_str().unwrap();
        let (code, stdout, _) = run(&["lint", "--root", root, "--kernel", "6.18", "--json"]);
        assert_eq!(code, Some(1), "{text}: {stdout}");
        assert!(stdout.contains(rule) && stdout.contains("even a host with 2 GiB"), "{text}: {stdout}");
    }
    for text in ["net.ipv4.tcp_max_tw_buckets = 10000\n", "net.ipv4.tcp_mem = 22000 30000 45000\n"] {
        assert_eq!(tree(text).lint().findings.len(), usize::from(text.contains("tw_b")), "{text}");
        let tree = tree(text);
        let root = tree.0.path().to_str().unwrap();
        assert_eq!(run(&["lint", "--root", root, "--kernel", "6.18"]).0, Some(0), "{text}");
    }
}
