//! One host of a fleet: what its stored snapshot answers to the questions that are asked of all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::listeners::{ListenerView, listener_views, pressure};
use super::plan::skip_reason;
use crate::diagnose::{Headline, diagnose, headlines};
use crate::model::{Answer, Consequence, Host, KnownSettings, Settings};
use crate::snapshot::{Snapshot, StoredSnapshots};
use crate::tune::{NetworkPath, Plan, Profile, Verdict, WISH_KINDS, plan_values};
use crate::units::KernelVersion;

/// The questions of when a host gives up, by the id of the model's consequence: a connect, a half-open entry, a peer
/// that vanished with data in flight, and an idle one.
pub(super) const GIVES_UP: [&str; 4] = ["connect-gives-up", "half-open-life", "data-given-up", "idle-peer-gone"];

/// The model's rows of [`GIVES_UP`].
pub(super) fn questions() -> impl Iterator<Item = &'static Consequence> {
    GIVES_UP.iter().filter_map(|id| WISH_KINDS.iter().find(|kind| kind.id == *id)?.consequence())
}

/// Listeners that are kept of each host: as many as are shown of all.
pub(super) const LISTENERS_KEPT: usize = 10;
/// Answers that are remembered, so that hosts that are alike are played once; a fleet has a few.
const REMEMBERED: usize = 1024;

/// Judges one host after the other, and remembers what the model said of others that are set alike.
#[derive(Debug)]
pub struct FleetJudge<'a> {
    profiles: &'a [Profile],
    path: NetworkPath,
    remembered: BTreeMap<String, Vec<Answer>>,
}

/// What one host's snapshot says. Small, whatever its size: a fleet keeps one a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FleetHost {
    /// Its name: the host's own, with its network namespace where one was asked for, or that of the file where the
    /// snapshot hides it.
    pub name: String,
    /// The file.
    pub file: String,
    /// When it was read, milliseconds since 1970-01-01 UTC.
    pub taken_unix_ms: u64,
    /// The kernel's release as `uname -r` prints it.
    pub release: Option<String>,
    /// Its version.
    pub kernel: Option<KernelVersion>,
    /// Whether names and addresses are hidden.
    pub redacted: bool,
    /// What is wrong, the worst first, as `tcpctl diagnose --from FILE` says.
    pub findings: Vec<Headline>,
    /// How many rules could not judge, or not fully.
    pub undecided: usize,
    /// How many readings are missing in the snapshot.
    pub gaps: usize,
    /// Whether it meets the profile, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<HostDrift>,
    /// One answer for each of [`GIVES_UP`].
    #[serde(skip)]
    pub(super) gives_up: Vec<Answer>,
    /// The settings that these follow from, as they were read.
    #[serde(skip)]
    pub(super) settings: BTreeMap<&'static str, String>,
    /// The listeners nearest to refusing, or that refused.
    #[serde(skip)]
    pub(super) listeners: Vec<ListenerView>,
    /// What makes a later snapshot one of the same host; nothing where names are hidden.
    #[serde(skip)]
    pub(super) identity: Option<String>,
}

/// How the running values of a host stand to the profile, as `tcpctl verify` says of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostDrift {
    /// These keys differ or cannot be judged; none when it meets the profile.
    Keys(Vec<DriftKey>),
    /// The profile has no values for this host, and why.
    Unjudged(String),
}

/// A key that is not as the profile wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriftKey {
    /// The key.
    pub key: String,
    /// `differs`, or why it cannot be told: `denied`, `hidden`, `missing`.
    pub verdict: &'static str,
    /// The value now, where it is known.
    pub value: Option<String>,
    /// What is wanted: `at-least 4096`.
    pub wanted: String,
    /// Why it cannot be told, or not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl HostDrift {
    /// Whether the host does not meet the profile, or cannot be said to.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        !matches!(self, Self::Keys(keys) if keys.is_empty())
    }

    fn of(profiles: &[Profile], snapshot: &Snapshot, path: NetworkPath) -> Self {
        let premises = path.premises(snapshot);
        if let Some(error) = profiles.iter().find_map(|profile| profile.check_values(&premises).err()) {
            return Self::Unjudged(error.to_string());
        }
        Self::Keys(drift_keys(&plan_values(profiles, snapshot, path)))
    }
}

/// What makes [`Plan::has_drift`] true.
fn drift_keys(plan: &Plan) -> Vec<DriftKey> {
    let differs = plan.changes.iter().map(|change| DriftKey {
        key: change.key.to_string(),
        verdict: Verdict::Differs.word(),
        value: Some(change.before.clone()),
        wanted: format!("{} {}", change.operator, change.after),
        reason: None,
    });
    let counts = |verdict| matches!(verdict, Verdict::Differs | Verdict::Denied | Verdict::Hidden);
    let skipped = plan.skipped.iter().filter(|skip| skip.required || counts(skip.why.verdict())).map(|skip| DriftKey {
        key: skip.key.to_string(),
        verdict: skip.why.verdict().word(),
        value: skip.present().map(str::to_owned),
        wanted: format!("{} {}", skip.operator, skip.wanted),
        reason: Some(skip_reason(&skip.why)),
    });
    differs.chain(skipped).collect()
}

impl<'a> FleetJudge<'a> {
    /// One that holds hosts against these profiles, none for none.
    #[must_use]
    pub const fn new(profiles: &'a [Profile], path: NetworkPath) -> Self {
        Self { profiles, path, remembered: BTreeMap::new() }
    }

    /// What a stored snapshot says: its newest reading, with what moved since its oldest.
    #[must_use]
    pub fn judge(&mut self, stored: &StoredSnapshots, file: &str) -> FleetHost {
        let (now, before) = (stored.last(), stored.first());
        let findings = diagnose(now, before);
        let redacted = now.is_redacted();
        FleetHost {
            name: name(now, redacted, file),
            file: file.to_owned(),
            taken_unix_ms: now.taken_unix_ms,
            release: now.kernel.release.clone(),
            kernel: now.kernel.version,
            redacted,
            findings: headlines(&findings),
            undecided: findings.undecided.len(),
            gaps: now.gaps.len(),
            drift: (!self.profiles.is_empty()).then(|| HostDrift::of(self.profiles, now, self.path)),
            gives_up: self.answers(now),
            settings: settings(now),
            listeners: worst_listeners(now),
            identity: (!redacted).then(|| identity(now)).flatten(),
        }
    }

    /// When the host gives up, from memory where another one was asked with the same premises.
    fn answers(&mut self, now: &Snapshot) -> Vec<Answer> {
        let Some(version) = now.kernel.version else { return questions().map(|_| Answer::Unknown).collect() };
        let host = Host { version, hz: now.kernel.hz.as_ref().map(|reading| reading.hz) };
        let mut premises = format!("{version} {:?}", host.hz);
        for key in Settings::keys() {
            premises.push('\n');
            premises.push_str(now.sysctls.value(key).unwrap_or("?"));
        }
        if let Some(answers) = self.remembered.get(&premises) {
            return answers.clone();
        }
        let known = KnownSettings::new(&now.sysctls.values(), |key| now.has_key(key));
        let answers: Vec<Answer> = questions().map(|one| one.answer_known(&known, &host, |_| {})).collect();
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(premises, answers.clone());
        answers
    }
}

/// The name that it calls itself, with that of the network namespace where one was asked for.
fn own_name(now: &Snapshot) -> Option<String> {
    let host = now.hostname.clone().filter(|name| !name.is_empty())?;
    Some(match &now.netns.name {
        Some(netns) => format!("{host} {netns}"),
        None => host,
    })
}

/// The same with what tells namespaces apart that were not asked for by name. The host's own has another inode after each
/// boot of some kernels, and is one all the same.
fn identity(now: &Snapshot) -> Option<String> {
    let name = own_name(now)?;
    let inode = now.netns.inode.filter(|_| now.netns.initial == Some(false) && now.netns.name.is_none());
    Some(inode.map_or_else(|| name.clone(), |inode| format!("{name} {inode}")))
}

/// Names that are hidden are all alike, and the file has another.
fn name(now: &Snapshot, redacted: bool, file: &str) -> String {
    let own = if redacted { None } else { own_name(now) };
    own.unwrap_or_else(|| stem(file).to_owned())
}

/// The last part of a file's name, without what it ends in.
pub(super) fn stem(file: &str) -> &str {
    let last = file.rsplit('/').next().unwrap_or(file);
    let last = last.strip_suffix(".gz").unwrap_or(last);
    last.strip_suffix(".json").unwrap_or(last)
}

fn settings(now: &Snapshot) -> BTreeMap<&'static str, String> {
    let keys = questions().flat_map(|one| one.keys).copied();
    keys.filter_map(|key| Some((key, now.sysctls.value(key)?.to_owned()))).collect()
}

fn worst_listeners(now: &Snapshot) -> Vec<ListenerView> {
    let mut worst = listener_views(now).unwrap_or_default();
    worst.retain(|one| pressure(one) > (0, 0));
    worst.sort_by_key(|one| core::cmp::Reverse(pressure(one)));
    worst.truncate(LISTENERS_KEPT);
    worst
}
