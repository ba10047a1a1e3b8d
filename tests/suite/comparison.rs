//! One comparison of values for all: what was wanted, what the kernel prints, what files say, what the journal remembers.

use std::collections::BTreeMap;

use tcpctl::tune::{
    Home, LintHost, Outcome, Profile, StateDir, SysctlFile, SysctlTree, apply_plan, lint, parse_profile, plan_profile,
};
use tcpctl::units::KernelVersion;

use super::tune::{FakeKernel, Fault, from, rollback, state_dir};

const PORTS: &str = "net.ipv4.ip_local_reserved_ports";
const FASTOPEN: &str = "net.ipv4.tcp_fastopen";

fn setting(key: &str, value: &str) -> Profile {
    let text = format!("summary = \"x\"\n[keys.\"{key}\"]\nset = {value}\nreason = \"r\"\nsource = \"s\"\n");
    let text = parse_profile("one", "one.toml", &text).unwrap();
    Profile {
        name: "one".to_owned(),
        summary: text.summary,
        parents: Vec::new(),
        rules: text.rules,
        notes: Vec::new(),
        costs: Vec::new(),
        not_for: Vec::new(),
    }
}

fn apply(profile: &Profile, kernel: &FakeKernel, state: &StateDir) -> Outcome {
    apply_plan(&plan_profile(profile, &kernel.snapshot()), kernel, state, &from()).unwrap().outcome
}

#[test]
fn a_value_that_the_kernel_prints_otherwise_holds_is_met_and_is_rolled_back() {
    let cases = [
        (PORTS, "\"8081,8080,9000-9001\"", "7000", "8080-8081,9000-9001"),
        (FASTOPEN, "\"0x3\"", "1", "3"),
        (FASTOPEN, "0x3", "1", "3"),
        ("net.core.flow_limit_cpu_bitmap", "\"F\"", "00000000,00000000", "00000000,0000000f"),
        ("net.ipv4.tcp_rmem", "\"4096 0x20000 6291456\"", "4096\t131072\t4194304", "4096\t131072\t6291456"),
    ];
    for (key, wanted, present, printed) in cases {
        let kernel = FakeKernel::new(&[(key, present)]).with(Fault::StoreOther(1, printed));
        let (before, (_outer, state)) = (kernel.values(), state_dir());
        let profile = setting(key, wanted);
        assert_eq!(apply(&profile, &kernel, &state), Outcome::Applied, "{key} = {wanted}");
        let again = plan_profile(&profile, &kernel.snapshot());
        assert!(again.is_empty() && !again.has_drift(), "{key} = {wanted}: {again:?}");
        let receipt = rollback(&kernel, &state);
        assert_eq!(receipt.written.len(), 1, "{key}: what it left is known again");
        let plain = |values: BTreeMap<_, String>| -> Vec<String> {
            values.into_values().map(|value| value.replace('\t', " ")).collect()
        };
        assert_eq!(plain(kernel.values()), plain(before), "{key}");
    }
}

#[test]
fn numbers_in_base_16_are_fine_and_those_in_base_8_are_told() {
    let ids = |text: &str| {
        let host = LintHost { version: Some(KernelVersion::new(6, 18)), ..LintHost::default() };
        let file = SysctlFile::from_bytes("a.conf", Home::Given, text.as_bytes());
        let tree = SysctlTree { files: vec![file], ..SysctlTree::default() };
        lint(&tree, &host).findings.iter().map(|finding| finding.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("net.ipv4.tcp_fastopen = 0x3\n"), [""; 0]);
    assert_eq!(ids("net.ipv4.tcp_fastopen = 0x3\n-net.ipv4.tcp_syncookies = 0x1\n"), [""; 0]);
    assert_eq!(ids("net.ipv4.tcp_synack_retries = 010\n"), ["octal-number"]);
    assert_eq!(ids("net.ipv4.tcp_synack_retries = 0x100\n"), ["out-of-range"]);
    let refused = parse_profile(
        "x",
        "x.toml",
        "summary = \"x\"\n[keys.\"net.ipv4.tcp_fin_timeout\"]\nset = \"060\"\nreason = \"r\"\nsource = \"s\"\n",
    );
    let message = refused.unwrap_err().to_string();
    assert!(
        message.starts_with("x.toml:3:7") && message.contains("`060` is octal to the kernel, which takes it for 48"),
        "{message}"
    );
}
