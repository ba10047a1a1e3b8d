//! What a profile would change here: the very object that `apply` consumes.

use super::effect::{Effect, ListenerEffect, mark_idle, plan_effects, plan_listener_effects};
use super::{Operator, Profile, Rule};
use crate::catalog::{self, Scope, TakesEffect, normalize_value};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::units::{KernelVersion, SysctlKey};

/// What would be done, what need not be done, and what cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where it comes from.
    pub kind: PlanKind,
    /// The profile; for a rollback, the one that had been applied.
    pub profile: String,
    /// Release of the kernel it was made for; nothing when that is unknown.
    pub kernel: Option<String>,
    /// Inode of the network namespace it was made for; nothing when that is unknown.
    pub netns: Option<u64>,
    /// Cookie of that namespace, for a rollback: that of the entry, where it has one.
    pub netns_cookie: Option<u64>,
    /// The name or path by which the namespace was asked for.
    pub netns_name: Option<String>,
    /// Whether it is the initial network namespace, the host's own; nothing when that could not be told.
    pub netns_initial: Option<bool>,
    /// What would be written, in this order.
    pub changes: Vec<Change>,
    /// What is already so.
    pub already: Vec<Already>,
    /// What is left out, and why.
    pub skipped: Vec<Skip>,
    /// What the changes do, in seconds, rates and counts.
    pub effects: Vec<Effect>,
    /// What they do to the queues of the listeners there are.
    pub listeners: Vec<ListenerEffect>,
    /// Advice that no sysctl can carry out.
    pub notes: Vec<String>,
}

/// Where a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// A profile is to be applied.
    Apply,
    /// The values from before the journal's entry with this number are to be restored.
    Rollback(u64),
}

/// One sysctl that would be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: SysctlKey,
    /// Whose value it is; nothing when the catalogue does not know the key.
    pub scope: Option<Scope>,
    /// The value now.
    pub before: String,
    /// The value that would be written.
    pub after: String,
    /// The rule: exactly, at least, at most.
    pub operator: Operator,
    /// Why.
    pub reason: String,
    /// Where that is said.
    pub source: String,
    /// What may go wrong.
    pub risk: Option<String>,
    /// When the new value begins to count; nothing when the catalogue does not know the key.
    pub takes_effect: Option<TakesEffect>,
    /// Why the new value has no effect after the plan, where another key sees to that: "while … is not 0".
    pub idle: Option<String>,
}

/// One sysctl that is already as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Already {
    /// The key.
    pub key: SysctlKey,
    /// The value now.
    pub value: String,
    /// The rule.
    pub operator: Operator,
    /// The value of the rule.
    pub wanted: String,
}

/// One sysctl that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The key.
    pub key: SysctlKey,
    /// The rule.
    pub operator: Operator,
    /// The value of the rule.
    pub wanted: String,
    /// Why it is left out.
    pub why: SkipReason,
    /// Whether the profile makes no sense without it; a plan that leaves out such a key is not applied.
    pub required: bool,
}

/// Why a sysctl is left out of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// It is not in this network namespace; the initial one has it.
    OnlyInInitialNamespace,
    /// The kernel has no such key.
    Absent,
    /// It is not to be seen although this kernel, if its version is known, has it here.
    Hidden(Option<KernelVersion>),
    /// It comes with a module that is not loaded.
    NotLoaded(&'static str),
    /// The rule is for other kernels.
    OtherKernel {
        /// First kernel the rule is for.
        since: Option<KernelVersion>,
        /// Last kernel series the rule is for.
        until: Option<KernelVersion>,
    },
    /// It could not be read; the kernel's answer.
    Unreadable(String),
    /// It can be read here and not written; the present value.
    ReadOnlyHere(String),
    /// This kernel would refuse the value; why.
    ValueRefused(String),
    /// Somebody else has changed it since the apply; the present value.
    ChangedSince(String),
    /// A later entry of the journal has changed it since the apply.
    ChangedByEntry {
        /// The present value.
        value: String,
        /// The entry's number.
        entry: u64,
    },
}

impl Plan {
    /// A plan for the namespace of a snapshot with nothing in it yet.
    pub(super) fn new(kind: PlanKind, profile: &str, snapshot: &Snapshot) -> Self {
        Self {
            kind,
            profile: profile.to_owned(),
            kernel: snapshot.kernel.release.clone(),
            netns: snapshot.netns.inode,
            netns_cookie: None,
            netns_name: snapshot.netns.name.clone(),
            netns_initial: snapshot.netns.initial,
            changes: Vec::new(),
            already: Vec::new(),
            skipped: Vec::new(),
            effects: Vec::new(),
            listeners: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Works out what the changes do, once all are known.
    pub(super) fn with_effects(mut self, snapshot: &Snapshot) -> Self {
        mark_idle(&mut self.changes, snapshot);
        self.effects = plan_effects(&self.changes, snapshot);
        self.listeners = plan_listener_effects(&self.changes, snapshot);
        self
    }

    /// The keys without which the plan must not be applied.
    pub fn unmet(&self) -> impl Iterator<Item = &Skip> {
        self.skipped.iter().filter(|skip| skip.required)
    }

    /// For a rollback, the keys that it leaves as they are, so that the entry goes on standing for them. What the
    /// kernel no longer has needs no restoring.
    pub fn left(&self) -> impl Iterator<Item = &Skip> {
        let rollback = matches!(self.kind, PlanKind::Rollback(_));
        let gone = |why: &SkipReason| matches!(why, SkipReason::Absent | SkipReason::NotLoaded(_));
        self.skipped.iter().filter(move |skip| rollback && !gone(&skip.why))
    }

    /// Whether nothing is known to be as wanted, and nothing to be otherwise, because keys cannot be seen or read:
    /// that there is nothing to write then is no success.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let unseen = |skip: &Skip| matches!(skip.why, SkipReason::Hidden(_) | SkipReason::Unreadable(_));
        self.changes.is_empty() && self.already.is_empty() && self.skipped.iter().any(unseen)
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Skip {
    /// The value now, where it is known.
    #[must_use]
    pub fn present(&self) -> Option<&str> {
        match &self.why {
            SkipReason::ReadOnlyHere(value)
            | SkipReason::ChangedSince(value)
            | SkipReason::ChangedByEntry { value, .. } => Some(value),
            _ => None,
        }
    }
}

/// What became of one rule.
enum Planned {
    Change(Change),
    Already(Already),
    Skip(Skip),
}

/// Compares a profile with what was read.
///
/// A key that the snapshot was not asked to read counts as unreadable.
#[must_use]
pub fn plan_profile(profile: &Profile, snapshot: &Snapshot) -> Plan {
    let mut plan = Plan::new(PlanKind::Apply, &profile.name, snapshot);
    plan.notes.clone_from(&profile.notes);
    for (key, rule) in &profile.rules {
        match plan_rule(key, rule, snapshot) {
            Planned::Change(change) => plan.changes.push(change),
            Planned::Already(already) => plan.already.push(already),
            Planned::Skip(skip) => plan.skipped.push(skip),
        }
    }
    plan.with_effects(snapshot)
}

fn plan_rule(key: &SysctlKey, rule: &Rule, snapshot: &Snapshot) -> Planned {
    let skip = |why| {
        let (operator, wanted, required) = (rule.operator, rule.value.clone(), rule.required);
        Planned::Skip(Skip { key: key.clone(), operator, wanted, why, required })
    };
    let version = snapshot.kernel.version;
    if version.is_some_and(|version| !rule.is_for(version)) {
        return skip(SkipReason::OtherKernel { since: rule.since, until: rule.until });
    }
    let before = match snapshot.sysctls.readings.get(key) {
        Some(SysctlReading::Value(value)) => normalize_value(value),
        Some(SysctlReading::Absent) => return skip(absence(key, snapshot)),
        Some(SysctlReading::Unreadable(reason)) => return skip(SkipReason::Unreadable(reason.clone())),
        None => return skip(SkipReason::Unreadable("it was not asked for".to_owned())),
    };
    let after = rule.wanted_from(&before);
    if after == before {
        let (operator, wanted) = (rule.operator, rule.value.clone());
        return Planned::Already(Already { key: key.clone(), value: before, operator, wanted });
    }
    let parameter = catalog::find(key.as_str());
    let scope = parameter.and_then(|parameter| version.map(|version| parameter.scope(version)));
    let child = snapshot.netns.initial == Some(false);
    if scope == Some(Scope::HostReadOnlyInChild) && child {
        return skip(SkipReason::ReadOnlyHere(before));
    }
    if let Some(version) = version
        && let Err(error) = catalog::check_value(key.as_str(), &after, version, None)
        // The key is there, so that the table thinks otherwise is a backport and no reason to refuse.
        && !matches!(error, catalog::ValueError::NotInThisKernel { .. })
    {
        return skip(SkipReason::ValueRefused(error.to_string()));
    }
    Planned::Change(Change {
        key: key.clone(),
        scope,
        before,
        after,
        operator: rule.operator,
        reason: rule.reason.clone(),
        source: rule.source.clone(),
        risk: rule.risk.clone(),
        takes_effect: parameter.map(|parameter| parameter.takes_effect),
        idle: None,
    })
}

/// Why a key is not there: not in this namespace, not in this kernel, or only not to be seen.
pub(super) fn absence(key: &SysctlKey, snapshot: &Snapshot) -> SkipReason {
    /// Its sysctls come and go with it (`nf_conntrack_standalone_init_sysctl`).
    const CONNTRACK: (&str, &str) = ("net.netfilter.nf_conntrack", "nf_conntrack");
    let Some(row) = catalog::find(key.as_str()) else { return SkipReason::Absent };
    let Some(version) = snapshot.kernel.version else { return SkipReason::Hidden(None) };
    match (row.scope(version), snapshot.netns.initial) {
        _ if !row.exists(version) => SkipReason::Absent,
        (Scope::Host, Some(false)) => SkipReason::OnlyInInitialNamespace,
        // Whether it is the initial one can be told only where sysctls are to be seen at all.
        (_, Some(_)) if row.key.starts_with(CONNTRACK.0) => SkipReason::NotLoaded(CONNTRACK.1),
        _ => SkipReason::Hidden(Some(version)),
    }
}
