//! What plans, receipts and the journal look like at 80 columns and in JSON.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use tcpctl::report::{
    PlanView, count_changes, render_entry, render_history, render_plan, render_profile, render_receipt,
    render_verification,
};
use tcpctl::snapshot::{Drops, Listener, Snapshot, SocketSource, Sockets, SysctlReading};
use tcpctl::tune::{Keeping, Place, Profiles, plan_profile};

use super::tune::{FakeKernel, Fault, apply, host, place, profile, rollback, rollback_plan, state_dir};

const WIDTH: usize = 80;

fn listener(port: u16, backlog: u32) -> Listener {
    Listener {
        address: [0, 0, 0, 0].into(),
        port,
        v6_only: None,
        interface: 0,
        device: None,
        half_open_own: false,
        accept_queue: Some(0),
        backlog: Some(backlog),
        half_open: 0,
        shares_port: 1,
        drops: Drops::Unknown,
        inode: 1,
        uid: 0,
        cookie: 1,
        processes: Vec::new(),
    }
}

/// A flooded host: small queues, no cookies, one key missing and one that cannot be read.
fn flooded(kernel: &FakeKernel) -> Snapshot {
    let mut snapshot = kernel.snapshot();
    snapshot.sockets = Some(Sockets {
        source: SocketSource::SockDiag,
        states: BTreeMap::new(),
        listeners: vec![listener(22, 64), listener(443, 128), listener(8080, 1000)],
        ports: Vec::new(),
        addresses: None,
        half_open_resent: None,
        samples: None,
    });
    snapshot
}

#[test]
fn a_plan_answers_what_changes_what_it_does_what_it_costs_and_how_to_get_back() {
    let kernel = host();
    kernel.poke("net.ipv4.tcp_max_syn_backlog", "64");
    let plan = plan_profile(&profile(), &flooded(&kernel));
    assert_snapshot!(render_plan(&plan, WIDTH, false));
}

/// A namespace has none of the host's keys, and that is said once and not for each.
#[test]
fn what_is_left_out_for_one_reason_is_said_together() {
    let mut snapshot = host().snapshot();
    snapshot.netns.initial = Some(false);
    let keys = ["net.core.netdev_max_backlog", "net.ipv4.tcp_timestamps", "net.ipv4.tcp_syncookies"];
    for key in keys {
        snapshot.sysctls.readings.insert(key.parse().unwrap(), SysctlReading::Unreadable("Input/output error".into()));
    }
    let text = render_plan(&plan_profile(&profile(), &snapshot), WIDTH, true);
    assert_eq!(text.matches("left out").count(), 2, "in the sum, and with the reason: {text}");
    assert!(keys.iter().all(|key| text.contains(&format!("\n    {key} ("))), "{text}");
}

/// The kernel keeps some times in whole ticks: the plan foretells what it will hold, so that this is no failure.
#[test]
fn a_value_that_the_kernel_rounds_is_planned_as_it_will_be() {
    let key = "net.ipv4.tcp_invalid_ratelimit";
    let kernel = FakeKernel::new(&[(key, "500")]);
    let rule = format!("[keys.\"{key}\"]\nset = 501\nreason = \"r\"\nsource = \"s\"\n");
    let mut profiles = Profiles::vendor();
    profiles.add("ticks", "ticks.toml", format!("summary = \"x\"\n{rule}"));
    let profile = profiles.resolve("ticks").unwrap().unwrap();
    let plan = plan_profile(&profile, &kernel.snapshot());
    assert_eq!((plan.changes[0].after.as_str(), plan.changes[0].rounded.as_deref()), ("504", Some("501")), "at 250 Hz");
    let text = render_plan(&plan, WIDTH, true);
    assert!(text.contains("tcp_invalid_ratelimit: the kernel keeps it in whole ticks, and 501 becomes 504"), "{text}");
    kernel.poke(key, "504");
    let again = plan_profile(&profile, &kernel.snapshot());
    assert!(again.changes.is_empty() && !again.has_drift(), "what it holds meets the rule: {again:?}");
}

#[test]
fn a_plan_says_what_is_left_out_and_why() {
    let kernel = host();
    kernel.poke("net.ipv4.tcp_synack_retries", "1");
    let mut snapshot = kernel.snapshot();
    snapshot.netns.initial = Some(false);
    snapshot.netns.name = Some("blue".into());
    let mut reading = |key: &str, reading| snapshot.sysctls.readings.insert(key.parse().unwrap(), reading);
    reading("net.core.netdev_max_backlog", SysctlReading::Absent);
    reading("net.ipv4.tcp_syncookies", SysctlReading::Unreadable("Permission denied".into()));
    let plan = plan_profile(&profile(), &snapshot);
    assert_snapshot!(render_plan(&plan, WIDTH, true));
    assert_snapshot!(render_verification(&plan, &Keeping::default(), WIDTH, false));
}

/// The profile changes how long a half-open entry lives, and how long that is hangs on another key as well.
#[test]
fn an_effect_that_hangs_on_a_key_that_could_not_be_read_is_unknown() {
    let kernel = host();
    let mut snapshot = flooded(&kernel);
    let mut reading = |key: &str, reading| snapshot.sysctls.readings.insert(key.parse().unwrap(), reading);
    reading("net.ipv4.tcp_rto_max_ms", SysctlReading::Unreadable("Permission denied".into()));
    reading("net.ipv4.tcp_syncookies", SysctlReading::Unreadable("Permission denied".into()));
    let text = render_plan(&plan_profile(&profile(), &snapshot), WIDTH, false);
    let prose = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(prose.contains("a half-open entry that nobody completes is dropped after ?; now ?"), "{text}");
    assert!(!text.contains("half-open entries"), "the queues of listeners are unknown without syncookies: {text}");
}

#[test]
fn no_line_is_longer_than_the_width_and_ascii_is_ascii() {
    let plan = plan_profile(&profile(), &flooded(&host()));
    for width in [60, 80, 120] {
        let text = render_plan(&plan, width, true);
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > width).collect();
        assert!(long.is_empty(), "{width}: {long:?}");
    }
    let own_words = render_plan(&tcpctl::tune::Plan { notes: Vec::new(), ..plan }, WIDTH, true);
    assert!(own_words.is_ascii(), "{own_words}");
}

#[test]
fn a_plan_with_nothing_to_change_says_so() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let plan = plan_profile(&Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap(), &kernel.snapshot());
    let text = render_plan(&plan, WIDTH, false);
    assert!(text.contains("nothing to change, 7 already so\n"), "{text}");
    assert!(!text.contains("What it does"), "{text}");
}

#[test]
fn one_key_changes_and_several_change() {
    let mut profile = profile();
    let counted = |profile: &tcpctl::tune::Profile| count_changes(&plan_profile(profile, &host().snapshot()));
    assert_eq!(counted(&profile), "5 of 7 keys change");
    profile.rules.retain(|key, _| key.as_str() == "net.core.somaxconn");
    assert_eq!(counted(&profile), "1 of 1 key changes");
}

/// A proc file system that has a kernel and a namespace, and no `sys/net`: it is masked.
#[test]
fn without_sysctls_to_see_no_verb_looks_like_success() {
    let (proc, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(proc.path().join("sys/kernel")).unwrap();
    std::fs::write(proc.path().join("sys/kernel/osrelease"), "6.18.3\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tcpctl").unwrap();
        command.arg("--proc").arg(proc.path()).arg("--state-dir").arg(state.path()).args(arguments);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, stdout, stderr) = run(&["plan", "anti-syn-flood"]);
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    assert!(stdout.contains("nothing can be seen, 7 left out") && stdout.contains("masked"), "{stdout}");
    assert!(stderr.contains("none of the 7 keys can be seen"), "{stderr}");
    assert!(!stdout.contains("does not have it") && !stdout.contains("only the initial"), "{stdout}");
    assert_eq!(run(&["apply", "anti-syn-flood", "--yes"]).0, Some(3));
    assert_eq!(run(&["verify", "anti-syn-flood"]).0, Some(1));
}

#[test]
fn times_in_the_text_of_a_plan_are_sentences_as_in_every_other_verb() {
    let text = render_plan(&plan_profile(&profile(), &host().snapshot()), WIDTH, false);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("is dropped after 7 s (up to 7.4 s); now 63 s (up to "), "{text}");
    assert!(flat.contains("tcp_max_syn_backlog has no effect while net.ipv4.tcp_syncookies is not 0"), "{text}");
}

#[test]
fn receipts_say_for_each_key_what_was_read_back_or_put_back() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    assert_snapshot!("applied", render_receipt(&apply(&kernel, &state).unwrap(), WIDTH, false));
    let (kernel, (_outer, state)) = (host().with(Fault::StoreOther(3, "77")), state_dir());
    assert_snapshot!("undone", render_receipt(&apply(&kernel, &state).unwrap(), WIDTH, false));
}

#[test]
fn the_journal_lists_what_stands() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    rollback(&kernel, &state);
    apply(&kernel, &state).unwrap();
    std::fs::write(state.path().join("000009.json"), "{}").unwrap();
    let history = state.history().unwrap();
    assert_snapshot!("history", render_history(&history, None, WIDTH));
    assert_snapshot!("entry", render_entry(&history.entries[0], &history, WIDTH, false));
}

#[test]
fn the_journal_names_a_namespace_by_its_inode_besides_what_it_was_asked_for_by() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let mut history = state.history().unwrap();
    history.entries[0].netns_name = Some("4711".into());
    let text = render_history(&history, None, WIDTH);
    assert!(text.contains("  4026531840 4711  "), "{text}");
}

#[test]
fn a_rollback_plan_says_what_somebody_else_changed() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    kernel.poke("net.core.somaxconn", "9999");
    assert_snapshot!(render_plan(&rollback_plan(&kernel, &state, false), WIDTH, false));
}

#[test]
fn a_rollback_in_part_says_what_is_left_and_how_to_restore_that() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    kernel.poke("net.core.somaxconn", "9999");
    assert_snapshot!("rolled_back_in_part", render_receipt(&rollback(&kernel, &state), WIDTH, false));
    assert_snapshot!("nothing_but_left", render_receipt(&rollback(&kernel, &state), WIDTH, false));
    let history = state.history().unwrap();
    assert_snapshot!("history_in_part", render_history(&history, Some(&place()), WIDTH));
    let entry = render_entry(&history.entries[0], &history, WIDTH, false);
    assert!(entry.contains("1 key left; `tcpctl rollback 1 --force`"), "{entry}");
    let rebooted = Place { boot_id: "another".into(), ..place() };
    let text = render_history(&history, Some(&rebooted), WIDTH);
    assert!(!text.contains("--force"), "a reboot has undone it all: {text}");
}

#[test]
fn a_run_that_stopped_half_way_comes_with_the_way_out() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let mut history = state.history().unwrap();
    history.entries[0].outcome = None;
    let text = render_history(&history, Some(&place()), WIDTH);
    assert!(text.contains("! entry 1: stopped half way; run `tcpctl rollback 1`\n"), "{text}");
}

#[test]
fn a_profile_is_shown_with_its_reasons() {
    let profile = profile();
    let text = render_profile(&profile, None, WIDTH);
    for (key, rule) in &profile.rules {
        assert!(text.contains(&format!("{key}  {} {}", rule.operator, rule.value)), "{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
}

#[test]
fn the_json_of_a_plan_is_a_contract() {
    let plan = plan_profile(&profile(), &flooded(&host()));
    let json = serde_json::to_value(PlanView::from(&plan)).unwrap();
    let change = &json["changes"][3];
    insta::assert_json_snapshot!(serde_json::json!({
        "keys": json.as_object().unwrap().keys().collect::<Vec<_>>(),
        "change": change,
        "effect": json["effects"][0],
        "listener": json["listeners"][0],
        "netns": json["netns"],
    }));
}
