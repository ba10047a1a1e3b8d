//! Files that people and other programs write.

use std::hint::black_box;

use tcpctl::explain::{HostPremises, Overrides, read_scenario, scenario_text, simulate};
use tcpctl::report::{
    DiagramStyle, LintView, parse_lab_record, render_entry, render_history, render_lint, render_simulation,
};
use tcpctl::tune::{
    BootKernel, History, Home, JournalEntry, LintHost, Premises, Profile, Profiles, Provenance, Reader, Resolver,
    SysctlFile, SysctlTree, lint, parse_drop_in, parse_profile, parse_sysctl_file, render_profile_text,
};
use tcpctl::ui::tui::Settings;
use tcpctl::units::KernelVersion;

use super::{Decoder, lossy};

const VERSION: KernelVersion = KernelVersion::new(6, 18);

pub(super) const DECODERS: &[Decoder] = &[
    // A finding has three sentences, and there may be one for every line of two bytes.
    Decoder::new("sysctl-d", sysctl_d, &["parse_sysctl_file"])
        .of_words(&["net.ipv4.tcp_rmem", "net/core/", " = ", "-net.", "*", "# tcpctl: allow ", "2147483648"])
        .within(8 << 10, 1 << 20)
        .tried(1_000),
    Decoder::new("drop-in", drop_in, &["parse_drop_in"]).of_words(&["net.core.somaxconn", " = ", "# entry "]),
    Decoder::new("profile", profile, &["parse_profile"])
        .of_words(&["[keys.\"net.core.somaxconn\"]\n", "set = ", "at-least = ", "bdp", "memory", "{min(", "{max(", "}"])
        .within(1 << 10, 1 << 20)
        .tried(1_500),
    Decoder::new("scenario", scenario, &["read_scenario"])
        .of_words(&["[[wire]]\n", "[[inject]]\n", "[[call]]\n", "rtt = ", "\"4294967295\"", "[server.sysctl]\n"])
        .within(1 << 10, 4 << 20)
        .tried(1_500),
    Decoder::new("scenario-played", played, &[]).within(64 << 10, 64 << 20).tried(60),
    Decoder::new("journal", journal, &[])
        .of_words(&["\"apply\"", "null", "18446744073709551615", "\"net/../x\""])
        .within(256, 256 << 10)
        .tried(2_000),
    Decoder::new("lab-record", lab_record, &["parse_lab_record"]).of_words(&["\"agrees\"", "null", "-1"]),
    Decoder::new("interface-settings", settings, &[]).of_words(&["theme = ", "interval = ", "\"1s\"", "[]"]),
];

/// A file of settings, and everything that is said of one.
fn sysctl_d(bytes: &[u8]) {
    black_box(parse_sysctl_file(bytes));
    let mut tree = SysctlTree::default();
    tree.files.push(SysctlFile::from_bytes("/etc/sysctl.d/50-own.conf", Home::Given, bytes));
    let host = LintHost {
        version: Some(VERSION),
        hz: None,
        memory_kib: Some(2 << 20),
        sysctls: Default::default(),
        loaded_modules: None,
    };
    let linted = lint(&tree, &host);
    black_box(render_lint(&linted, None, 80, true));
    black_box(serde_json::to_string(&LintView::new(&linted, None))).ok();
    let (boot, by_hand) = (Resolver::new(&tree, Reader::Systemd), Resolver::new(&tree, Reader::Procps));
    for key in tree.keys() {
        black_box(Provenance::of(
            &key,
            &boot,
            &by_hand,
            BootKernel { version: Some(VERSION), hz: None, memory_kib: Some(2 << 20) },
        ));
    }
}

fn drop_in(bytes: &[u8]) {
    black_box(parse_drop_in(&lossy(bytes)));
}

/// A profile, worked out for hosts with nothing, with everything, and with what is absurd.
fn profile(bytes: &[u8]) {
    let text = lossy(bytes);
    black_box(parse_profile("own", "own.toml", &text)).ok();
    let mut profiles = Profiles::vendor();
    profiles.add("own", "own.toml", text);
    let Some(Ok(profile)) = profiles.resolve("own") else { return };
    for number in [None, Some(0), Some(1), Some(1 << 30), Some(u64::MAX)] {
        work_out(&profile, number);
    }
    // What was read is written so that it can be read again.
    let written = render_profile_text(&profile);
    profiles.add("again", "again.toml", written.clone());
    assert!(matches!(profiles.resolve("again"), Some(Ok(_))), "what was written cannot be read:\n{written}");
}

fn work_out(profile: &Profile, number: Option<u64>) {
    let premises = Premises { memory_bytes: number, cpus: number, rtt_us: number, bandwidth_bit_s: number };
    black_box(profile.check_values(&premises)).ok();
    for rule in profile.rules.values() {
        black_box(rule.value.work_out(&premises)).ok();
    }
}

fn scenario(bytes: &[u8]) {
    let premises = HostPremises { version: Some(VERSION), ..HostPremises::default() };
    let read = |text: &str| read_scenario("own", "own.toml", text, &premises, &Overrides::default());
    let Ok(file) = read(&lossy(bytes)) else { return };
    let written = scenario_text(&file.summary, &file.scenario);
    let again = read(&written).unwrap_or_else(|error| panic!("what was written cannot be read: {error}\n{written}"));
    assert_eq!(again.scenario, file.scenario, "what was written is another scenario:\n{written}");
}

/// The same, and the model plays it.
fn played(bytes: &[u8]) {
    let premises = HostPremises { version: Some(VERSION), ..HostPremises::default() };
    let Ok(file) = read_scenario("own", "own.toml", &lossy(bytes), &premises, &Overrides::default()) else { return };
    let simulation = simulate(file);
    black_box(render_simulation(&simulation, DiagramStyle { width: 80, ascii: true }));
}

/// An entry of the journal: one that can be read is shown.
fn journal(bytes: &[u8]) {
    let Ok(entry) = serde_json::from_slice::<JournalEntry>(bytes) else { return };
    let history = History { entries: vec![entry.clone()], unreadable: Vec::new() };
    black_box(render_entry(&entry, &history, 80, true));
    black_box(render_history(&history, None, 80));
}

fn lab_record(bytes: &[u8]) {
    black_box(parse_lab_record(&lossy(bytes))).ok();
}

fn settings(bytes: &[u8]) {
    black_box(Settings::parse("own.toml", &lossy(bytes))).ok();
}
