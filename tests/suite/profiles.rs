//! Profiles: the built-in ones keep their promises, wrong ones are refused with the place of the mistake.

use std::fmt::Write;
use std::path::Path;

use tcpctl::catalog;
use tcpctl::report::render_profile_manual;
use tcpctl::tune::{Operator, PROFILE_FORMAT, Profiles, VENDOR_PROFILES, parse_profile};
use tcpctl::units::KernelVersion;

const RULE: &str = "at-least = 4096\nreason = \"r\"\nsource = \"s\"\n";

fn data(folder: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

#[test]
fn every_file_of_the_profiles_folder_is_built_in() {
    let mut names: Vec<String> = std::fs::read_dir(data("profiles"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let built_in: Vec<&str> = VENDOR_PROFILES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, built_in);
}

#[test]
fn every_built_in_profile_gives_a_reason_and_a_public_source_for_each_value() {
    let profiles = Profiles::vendor();
    for name in profiles.names() {
        let profile = profiles.resolve(name).unwrap().unwrap();
        assert!(!profile.rules.is_empty());
        for (key, rule) in &profile.rules {
            assert!(rule.reason.len() > 20, "{name}: {key} has no real reason");
            let public = ["Documentation/", "RFC ", "net/"].iter().any(|origin| rule.source.contains(origin));
            assert!(public, "{name}: {key} cites `{}`", rule.source);
        }
    }
}

#[test]
fn the_syn_flood_profile_has_the_four_remedies() {
    let profile = Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap();
    let rule =
        |key: &str| profile.rules.get(key).map(|rule| (rule.operator, rule.value.as_str().parse::<u32>().unwrap()));
    let (operator, backlog) = rule("net.core.netdev_max_backlog").unwrap();
    assert!(operator == Operator::AtLeast && backlog >= 10_000);
    assert_eq!(rule("net.core.somaxconn").unwrap().0, Operator::AtLeast);
    assert_eq!(rule("net.ipv4.tcp_max_syn_backlog").unwrap().0, Operator::AtLeast);
    assert_eq!(rule("net.ipv4.tcp_syncookies"), Some((Operator::Set, 1)));
    let (operator, retries) = rule("net.ipv4.tcp_synack_retries").unwrap();
    assert!(operator == Operator::AtMost && retries <= 2);
    assert!(profile.notes.iter().any(|note| note.contains("listen()")), "the application's backlog is not mentioned");
}

#[test]
fn every_wrong_profile_is_refused_with_the_place_and_what_was_expected() {
    let mut report = String::new();
    let mut files: Vec<_> =
        std::fs::read_dir(data("tests/data/profiles/invalid")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let mut profiles = Profiles::vendor();
        let stem = name.strip_suffix(".toml").unwrap();
        profiles.add(stem, name.as_str(), text);
        match profiles.resolve(stem).unwrap() {
            Ok(profile) => panic!("{name} was taken: {profile:?}"),
            Err(error) => writeln!(report, "{error}").unwrap(),
        }
    }
    insta::assert_snapshot!(report);
}

/// What TIME-WAIT sockets and orphans may take at worst stands with the keys, since a namespace leaves one of them out, and is
/// what the formulas make: a TIME-WAIT socket takes 256 bytes in 6.18 and up to 300 in others, an orphan 64 KiB.
#[test]
fn what_a_profile_may_take_of_the_memory_is_told_as_it_is() {
    let memory: u64 = 64 << 30;
    let premises = tcpctl::tune::Premises { memory_bytes: Some(memory), ..Default::default() };
    for name in ["many-connections", "outbound-proxy"] {
        let profile = Profiles::vendor().resolve(name).unwrap().unwrap();
        let costs = profile.costs.join(" ").to_lowercase();
        assert!(!costs.contains("orphan") && !costs.contains("time-wait entries"), "{name}: {costs}");
        let share = |key: &str, bytes: u64| {
            let rule = profile.rules.get(key)?;
            let number: u64 = rule.value.work_out(&premises).unwrap().parse().unwrap();
            Some((memory / (number * bytes), rule.risk.clone().unwrap()))
        };
        let (part, risk) = share("net.ipv4.tcp_max_tw_buckets", 300).unwrap();
        assert!(
            (200..300).contains(&part) && risk.contains("a two-hundredth of the memory"),
            "{name}: 1/{part}, {risk}"
        );
        if let Some((part, risk)) = share("net.ipv4.tcp_max_orphans", 64 << 10) {
            assert!(part == 4 && risk.contains("a quarter of the memory"), "{name}: 1/{part}, {risk}");
        }
    }
}

#[test]
fn a_profile_that_is_not_utf_8_is_said_to_be_that() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("latin.toml"), b"summary = \"x\"\nnotes = [\"caf\xe9\"]\n").unwrap();
    let files = tcpctl::tune::read_profiles(directory.path()).unwrap();
    let [(name, _, reason)] = files.unreadable.as_slice() else { panic!("{:?}", files.unreadable) };
    assert_eq!(name, "latin");
    assert_eq!(reason, "line 2 is not UTF-8; save the file in that encoding");
}

#[test]
fn a_profile_lays_its_own_rules_over_its_parents() {
    let mut profiles = Profiles::vendor();
    let text = format!("summary = \"x\"\nextends = \"anti-syn-flood\"\n[keys.\"net.core.somaxconn\"]\n{RULE}");
    profiles.add("edge", "edge.toml", text.replace("4096", "16384"));
    let profile = profiles.resolve("edge").unwrap().unwrap();
    assert_eq!(profile.parents, ["anti-syn-flood"]);
    let own = &profile.rules["net.core.somaxconn"];
    assert_eq!((own.value.as_str(), own.profile.as_str()), ("16384", "edge"));
    let inherited = &profile.rules["net.ipv4.tcp_synack_retries"];
    assert_eq!((inherited.value.as_str(), inherited.profile.as_str()), ("2", "anti-syn-flood"));
    assert!(!profile.notes.is_empty(), "advice is inherited too");
}

#[test]
fn the_administrators_profile_wins_by_name_and_may_build_on_the_built_in_one() {
    let mut profiles = Profiles::vendor();
    let own = format!("summary = \"ours\"\nextends = \"anti-syn-flood\"\n[keys.\"net.core.somaxconn\"]\n{RULE}");
    profiles.add("anti-syn-flood", "ours.toml", own);
    let profile = profiles.resolve("anti-syn-flood").unwrap().unwrap();
    assert_eq!(profile.summary, "ours");
    assert!(profile.rules.contains_key("net.ipv4.tcp_syncookies"));
    let circle = format!("summary = \"x\"\nextends = \"b\"\n[keys.\"net.core.somaxconn\"]\n{RULE}");
    profiles.add("a", "a.toml", circle.clone());
    profiles.add("b", "b.toml", circle.replace("\"b\"", "\"a\""));
    let error = profiles.resolve("a").unwrap().unwrap_err().to_string();
    assert!(error.starts_with("b.toml:2:11:") && error.contains("leads back"), "{error}");
}

#[test]
fn an_unknown_profile_leads_to_the_nearest_names() {
    let profiles = Profiles::vendor();
    assert!(profiles.resolve("anti-synflood").is_none());
    assert_eq!(profiles.nearest("anti-synflood"), ["anti-syn-flood"]);
}

#[test]
fn the_manual_page_of_the_format_names_every_word_of_it() {
    let page = render_profile_manual().replace("\\-", "-");
    let tables = PROFILE_FORMAT.iter().flat_map(|table| table.words);
    for word in tables.map(|word| word.word).chain(Operator::ALL.map(Operator::word)) {
        assert!(page.contains(&format!(".B {word}\n")), "{word} is missing");
    }
    // The example of the page is a profile.
    let example = page.split(".EX\n").nth(1).and_then(|rest| rest.split(".EE").next()).unwrap().replace("\\e", "\\");
    let parsed = parse_profile("example", "example", &example).unwrap();
    assert!(parsed.rules.keys().all(|key| catalog::find(key.as_str()).is_some()));
}

/// The words of a table are those that the reader takes, as it says itself when it meets another.
#[test]
fn the_table_of_words_is_what_the_reader_takes() {
    let mistake = |text: &str| parse_profile("x", "x", text).unwrap_err().to_string();
    let rule = "[keys.\"net.core.somaxconn\"]\nset = 1\nreason = \"r\"\nsource = \"s\"\n";
    let errors = [
        mistake("summary = \"x\"\nunheard = 1\n"),
        mistake(&format!("summary = \"x\"\n{rule}unheard = 1\n")),
        mistake(&format!("summary = \"x\"\n{rule}when = {{ unheard = 1 }}\n")),
    ];
    assert_eq!(PROFILE_FORMAT.len(), errors.len());
    for (table, error) in PROFILE_FORMAT.iter().zip(errors) {
        let mut taken: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        let mut listed: Vec<&str> = table.words.iter().map(|word| word.word).collect();
        taken.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, taken, "{error}");
    }
}

#[test]
fn every_built_in_profile_says_what_it_costs_and_when_not_to_use_it() {
    let profiles = Profiles::vendor();
    for name in profiles.names() {
        let profile = profiles.resolve(name).unwrap().unwrap();
        assert!(!profile.costs.is_empty() && !profile.not_for.is_empty(), "{name}");
    }
    assert_eq!(profiles.names().len(), 8);
}

#[test]
fn parents_are_at_most_eight() {
    let chain = |length: usize| {
        let mut profiles = Profiles::vendor();
        for n in 0..length {
            profiles.add(format!("p{n}"), format!("p{n}.toml"), format!("summary = \"x\"\nextends = \"p{}\"\n", n + 1));
        }
        profiles.add(format!("p{length}"), "last.toml", "summary = \"x\"\n");
        profiles.resolve("p0").unwrap().map_err(|error| error.to_string())
    };
    assert_eq!(chain(8).unwrap().parents.len(), 8);
    assert_eq!(chain(9).unwrap_err(), "p8.toml:2:11: this is parent number 9; a profile has at most 8");
    assert!(chain(500).is_err());
}

#[test]
fn files_that_are_no_profiles_are_named_and_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("huge.toml"), vec![b'#'; 300 * 1024]).unwrap();
    std::fs::create_dir(path("folder.toml")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(path("pipe.toml")).status().unwrap();
    assert!(fifo.success());
    let files = tcpctl::tune::read_profiles(directory.path()).unwrap();
    let told: Vec<_> = files.unreadable.iter().map(|(name, _, reason)| format!("{name}: {reason}")).collect();
    let no_file = "it is not a regular file";
    assert_eq!(
        told,
        [
            format!("folder: {no_file}"),
            "huge: it has 307200 bytes; a profile has at most 262144".to_owned(),
            format!("pipe: {no_file}"),
        ]
    );
}

/// Keys that profiles change and kernel-defaults does not bring back, with the reason.
const NO_DEFAULT_TO_GO_BACK_TO: [(&str, &str); 3] = [
    ("net.core.default_qdisc", "chosen when a kernel is built"),
    ("net.netfilter.nf_conntrack_buckets", "worked out by the module from memory and its options"),
    ("net.netfilter.nf_conntrack_max", "worked out by the module from memory and its options"),
];

#[test]
fn kernel_defaults_brings_back_whatever_another_profile_changes() {
    let profiles = Profiles::vendor();
    let defaults = profiles.resolve("kernel-defaults").unwrap().unwrap();
    let mut used: Vec<&str> = Vec::new();
    for name in profiles.names() {
        for key in profiles.resolve(name).unwrap().unwrap().rules.keys() {
            match NO_DEFAULT_TO_GO_BACK_TO.iter().find(|(left, _)| *left == key.as_str()) {
                Some((left, _)) => used.push(left),
                None => assert!(defaults.rules.contains_key(key), "{name} changes {key}, kernel-defaults does not"),
            }
        }
    }
    for (key, why) in NO_DEFAULT_TO_GO_BACK_TO {
        assert!(used.contains(&key), "no profile changes {key}");
        assert!(!defaults.rules.contains_key(key), "{key} has a default after all: {why}");
        let last = key.rsplit('.').next().unwrap();
        assert!(defaults.notes.iter().any(|note| note.contains(last)), "kernel-defaults keeps quiet about {key}");
        // A default that could be worked out would be no reason.
        assert_eq!(catalog::default_value(key, KernelVersion::new(6, 18), Some(16 << 20)), None, "{key}");
    }
}

#[test]
fn every_default_that_kernel_defaults_sets_is_known_for_every_kernel_that_has_the_key() {
    let defaults = Profiles::vendor().resolve("kernel-defaults").unwrap().unwrap();
    let mut judged = 0;
    for key in defaults.rules.keys() {
        let row = catalog::find(key.as_str()).unwrap();
        for version in [(4, 14), (4, 19), (5, 4), (5, 10), (5, 15), (6, 1), (6, 6), (6, 12), (6, 15), (6, 18)] {
            let version = KernelVersion::new(version.0, version.1);
            if row.exists(version) {
                let value = catalog::default_value(key.as_str(), version, Some(16 << 20));
                assert!(value.is_some(), "{key} on {version}");
                judged += 1;
            }
        }
    }
    assert!(judged > 400, "{judged}");
}
