//! Many hosts together: what is asked of a fleet, as a value and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::answer::AnswerView;
use super::fleet::{FleetHost, GIVES_UP, HostDrift, LISTENERS_KEPT, questions, stem};
use super::listeners::{ListenerView, pressure};
use crate::catalog;
use crate::diagnose::{RULES, Severity};
use crate::model::{Answer, Consequence, Window};

/// Version of the JSON; the shape only grows.
const SCHEMA: u32 = 1;

/// What is known of a fleet besides what its snapshots say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetFiles {
    /// Files that could not be read.
    pub unread: Vec<UnreadFile>,
    /// How many other files the directories had, which are not named like snapshots.
    pub others: usize,
    /// The hosts that there should be.
    pub expected: Vec<String>,
    /// When the question is asked, milliseconds since 1970-01-01 UTC, and how old a snapshot may be then, in
    /// milliseconds; nothing when any age will do.
    pub age_limit: Option<(u64, u64)>,
    /// The profiles that hosts are held against, by name; nothing for none.
    pub profile: Option<String>,
}

/// A file that gave no answer, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnreadFile {
    /// The file, or the directory.
    pub file: String,
    /// What was tried and what the answer was.
    pub reason: String,
}

/// `tcpctl fleet --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FleetView {
    schema: u32,
    /// The oldest and the newest reading, milliseconds since 1970-01-01 UTC; nothing without hosts.
    pub(super) taken_unix_ms: Option<(u64, u64)>,
    /// Kernels by series, and how many hosts have one.
    pub(super) kernels: BTreeMap<String, usize>,
    /// Rules that found something, the worst first, then those with the most hosts.
    pub(super) findings: Vec<RuleHosts>,
    /// When hosts give up.
    pub(super) gives_up: Vec<GivesUp>,
    /// The listeners nearest to refusing, then those that refused most.
    pub(super) listeners: Vec<HostListener>,
    /// Who does not meet the profile; nothing without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drift: Option<FleetDrift>,
    /// Every host by name.
    pub(super) hosts: Vec<FleetHost>,
    /// Files that could not be read.
    pub(super) unread: Vec<UnreadFile>,
    /// Expected hosts of which there is no snapshot.
    pub(super) missing: Vec<String>,
    /// Hosts whose snapshot is older than it may be.
    pub(super) old: Vec<String>,
    /// Files of hosts of which there is a newer one.
    pub(super) superseded: Vec<String>,
    /// How many files of the directories are not named like snapshots.
    pub(super) other_files: usize,
}

/// The hosts on which one rule found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleHosts {
    pub(super) rule: &'static str,
    /// The worst that it found anywhere.
    pub(super) severity: Severity,
    /// Findings in all, of which a host can have several.
    pub(super) findings: usize,
    pub(super) hosts: Vec<String>,
}

/// One question of when hosts give up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GivesUp {
    pub(super) id: &'static str,
    pub(super) label: &'static str,
    pub(super) topic: &'static str,
    /// The answers, the most frequent first.
    pub(super) groups: Vec<AnswerGroup>,
}

/// Hosts with the same answer to a tenth of a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerGroup {
    #[serde(flatten)]
    shown: AnswerView,
    /// Kernels by series, and how many of the hosts have one.
    pub(super) kernels: BTreeMap<String, usize>,
    /// The values of each setting that the answer follows from, among these hosts; a key that a kernel does not have is
    /// not there.
    pub(super) settings: BTreeMap<&'static str, BTreeSet<String>>,
    /// For `unknown`: those of the settings that could not be read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) missing: BTreeSet<&'static str>,
    pub(super) hosts: Vec<String>,
    #[serde(skip)]
    pub(super) answer: Answer,
}

/// A listener with its host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostListener {
    pub(super) host: String,
    #[serde(flatten)]
    pub(super) listener: ListenerView,
}

/// How a fleet stands to a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FleetDrift {
    pub(super) profile: String,
    /// How many hosts meet it.
    pub(super) met: usize,
    /// Those that do not.
    pub(super) hosts: Vec<String>,
    /// The keys, those that differ on the most hosts first.
    pub(super) keys: Vec<KeyDrift>,
    /// Hosts for which the profile has no values, and why.
    pub(super) unjudged: BTreeMap<String, String>,
}

/// One key that is not everywhere as wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyDrift {
    pub(super) key: String,
    /// What is wanted, which a formula makes different from host to host.
    pub(super) wanted: BTreeMap<String, usize>,
    /// What is there instead, and on how many hosts; the verdict where no value is known.
    pub(super) values: BTreeMap<String, usize>,
    pub(super) hosts: Vec<String>,
}

impl FleetView {
    /// All hosts together. Of several snapshots of a host the newest counts.
    #[must_use]
    pub fn new(hosts: Vec<FleetHost>, files: FleetFiles) -> Self {
        let FleetFiles { mut unread, others, expected, age_limit, profile } = files;
        unread.sort();
        let (mut hosts, superseded) = newest_of_each(hosts);
        hosts.sort_by(|one, other| (&one.name, &one.file).cmp(&(&other.name, &other.file)));
        let taken = || hosts.iter().map(|host| host.taken_unix_ms);
        let is_old = |host: &&FleetHost| {
            age_limit.is_some_and(|(now_ms, most_ms)| now_ms.saturating_sub(host.taken_unix_ms) > most_ms)
        };
        let answered: BTreeSet<&str> = hosts.iter().flat_map(called).collect();
        let missing: BTreeSet<String> = expected.into_iter().filter(|name| !answered.contains(name.as_str())).collect();
        Self {
            schema: SCHEMA,
            taken_unix_ms: taken().min().zip(taken().max()),
            kernels: kernels(&hosts),
            findings: findings(&hosts),
            gives_up: gives_up(&hosts),
            listeners: listeners(&hosts),
            drift: profile.map(|profile| drift(profile, &hosts)),
            old: hosts.iter().filter(is_old).map(|host| host.name.clone()).collect(),
            missing: missing.into_iter().collect(),
            superseded,
            other_files: others,
            unread,
            hosts,
        }
    }

    /// How many hosts answered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether none did.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether some hosts gave no answer: a file could not be read, or an expected host has none.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty() || !self.missing.is_empty()
    }

    /// The worst that was found anywhere.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.first().map(|rule| rule.severity)
    }

    /// Whether a host does not meet the profile, or its snapshot is too old to say so.
    #[must_use]
    pub fn has_drift(&self) -> bool {
        !self.old.is_empty() || self.drift.as_ref().is_some_and(|drift| !drift.hosts.is_empty())
    }
}

/// The names by which a host may be expected: its own, that without the namespace or the domain, and that of its file.
fn called(host: &FleetHost) -> impl Iterator<Item = &str> {
    let own = host.name.as_str();
    let host_alone = own.split(' ').next().unwrap_or(own);
    [own, host_alone, host_alone.split('.').next().unwrap_or(host_alone), stem(&host.file)].into_iter()
}

fn newest_of_each(hosts: Vec<FleetHost>) -> (Vec<FleetHost>, Vec<String>) {
    let mut newest: BTreeMap<String, FleetHost> = BTreeMap::new();
    let (mut alone, mut superseded) = (Vec::new(), Vec::new());
    for host in hosts {
        let Some(identity) = host.identity.clone() else {
            alone.push(host);
            continue;
        };
        let older = match newest.get(&identity) {
            Some(known) if known.taken_unix_ms >= host.taken_unix_ms => Some(host),
            _ => newest.insert(identity, host),
        };
        superseded.extend(older.map(|older| older.file));
    }
    alone.extend(newest.into_values());
    superseded.sort();
    (alone, superseded)
}

/// The first two numbers of a kernel's version.
fn series(host: &FleetHost) -> String {
    host.kernel.map_or_else(|| "?".to_owned(), |version| format!("{}.{}", version.major, version.minor))
}

fn kernels<'a>(hosts: impl IntoIterator<Item = &'a FleetHost>) -> BTreeMap<String, usize> {
    let mut kernels = BTreeMap::new();
    for host in hosts {
        *kernels.entry(series(host)).or_insert(0) += 1;
    }
    kernels
}

fn findings(hosts: &[FleetHost]) -> Vec<RuleHosts> {
    let mut rules: BTreeMap<&str, RuleHosts> = BTreeMap::new();
    for host in hosts {
        for finding in &host.findings {
            let new = RuleHosts { rule: finding.rule, severity: finding.severity, findings: 0, hosts: Vec::new() };
            let rule = rules.entry(finding.rule).or_insert(new);
            rule.severity = rule.severity.min(finding.severity);
            rule.findings += 1;
            if rule.hosts.last() != Some(&host.name) {
                rule.hosts.push(host.name.clone());
            }
        }
    }
    // In the order of the table first, which the sort keeps among equals.
    let mut found: Vec<RuleHosts> = RULES.iter().filter_map(|rule| rules.remove(rule.id)).collect();
    found.sort_by_key(|rule| (rule.severity, core::cmp::Reverse(rule.hosts.len())));
    found
}

fn gives_up(hosts: &[FleetHost]) -> Vec<GivesUp> {
    let question = |(at, one): (usize, &'static Consequence)| GivesUp {
        id: one.id,
        label: one.label,
        topic: one.topic,
        groups: groups(hosts, at, one.keys),
    };
    debug_assert_eq!(questions().count(), GIVES_UP.len());
    questions().enumerate().map(question).collect()
}

/// Tenths of a second tell answers apart, as they are shown: less comes of the tick rate.
fn rank(answer: Answer) -> (u8, u64) {
    match answer {
        Answer::After(window) => (0, window.at_us.saturating_add(50_000) / 100_000),
        Answer::PerSecond(number) | Answer::Count(number) => (1, number),
        Answer::Never => (2, 0),
        Answer::Unknown => (3, 0),
    }
}

fn groups(hosts: &[FleetHost], at: usize, keys: &'static [&'static str]) -> Vec<AnswerGroup> {
    let mut groups: BTreeMap<(u8, u64), AnswerGroup> = BTreeMap::new();
    for host in hosts {
        let answer = host.gives_up.get(at).copied().unwrap_or(Answer::Unknown);
        let group = groups.entry(rank(answer)).or_insert_with(|| AnswerGroup {
            shown: answer.into(),
            kernels: BTreeMap::new(),
            settings: BTreeMap::new(),
            missing: BTreeSet::new(),
            hosts: Vec::new(),
            answer,
        });
        group.answer = hull(group.answer, answer);
        group.shown = group.answer.into();
        *group.kernels.entry(series(host)).or_insert(0) += 1;
        for key in keys {
            match host.settings.get(key) {
                Some(value) => {
                    group.settings.entry(key).or_default().insert(value.clone());
                }
                None if answer == Answer::Unknown => {
                    let missing = host.kernel.is_none_or(|version| catalog::exists(key, version));
                    group.missing.extend(missing.then_some(*key));
                }
                None => {}
            }
        }
        group.hosts.push(host.name.clone());
    }
    let mut groups: Vec<AnswerGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| core::cmp::Reverse(group.hosts.len()));
    groups
}

fn hull(one: Answer, other: Answer) -> Answer {
    match (one, other) {
        (Answer::After(one), Answer::After(other)) => Answer::After(Window::hull(one, other)),
        (one, _) => one,
    }
}

fn listeners(hosts: &[FleetHost]) -> Vec<HostListener> {
    let all = hosts.iter().flat_map(|host| host.listeners.iter().map(move |listener| (host, listener)));
    let mut worst: Vec<(&FleetHost, &ListenerView)> = all.collect();
    worst.sort_by_key(|(_, listener)| core::cmp::Reverse(pressure(listener)));
    worst.truncate(LISTENERS_KEPT);
    worst.into_iter().map(|(host, one)| HostListener { host: host.name.clone(), listener: one.clone() }).collect()
}

fn drift(profile: String, hosts: &[FleetHost]) -> FleetDrift {
    let mut keys: BTreeMap<&str, KeyDrift> = BTreeMap::new();
    let mut drift = FleetDrift { profile, met: 0, hosts: Vec::new(), keys: Vec::new(), unjudged: BTreeMap::new() };
    for (host, of_host) in hosts.iter().filter_map(|host| Some((host, host.drift.as_ref()?))) {
        if of_host.is_drift() {
            drift.hosts.push(host.name.clone());
        } else {
            drift.met += 1;
        }
        match of_host {
            HostDrift::Unjudged(reason) => {
                drift.unjudged.insert(host.name.clone(), reason.clone());
            }
            HostDrift::Keys(of_host) => {
                for one in of_host {
                    let new = || KeyDrift {
                        key: one.key.clone(),
                        wanted: BTreeMap::new(),
                        values: BTreeMap::new(),
                        hosts: Vec::new(),
                    };
                    let key = keys.entry(&one.key).or_insert_with(new);
                    let value = one.value.clone().unwrap_or_else(|| one.verdict.to_owned());
                    *key.wanted.entry(one.wanted.clone()).or_insert(0) += 1;
                    *key.values.entry(value).or_insert(0) += 1;
                    key.hosts.push(host.name.clone());
                }
            }
        }
    }
    drift.keys = keys.into_values().collect();
    drift.keys.sort_by_key(|key| core::cmp::Reverse(key.hosts.len()));
    drift
}
