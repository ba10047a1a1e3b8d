//! What a profile would change here: the very object that `apply` consumes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::bounded::{Bounded, find_bounded};
use super::combine::{Planned, plan_key};
use super::conflict::Conflict;
use super::effect::{Effect, ListenerEffect, mark_idle, plan_effects, plan_listener_effects};
use super::formula::Premises;
use super::memory::MemoryWorst;
use super::{Demand, Operator, Profile, Rule};
use crate::catalog::{Scope, TakesEffect};
use crate::snapshot::Snapshot;
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
    /// What the profile costs as a whole.
    pub costs: Vec<String>,
    /// When not to use the profile.
    pub not_for: Vec<String>,
    /// What is done to the file that keeps values across boots; nothing when that is not touched.
    pub file: Option<FileChange>,
    /// What stands in the way, as far as that was looked for.
    pub conflicts: Vec<Conflict>,
    /// What its formulas would have, where a bound in them holds it down.
    pub bounded: Vec<Bounded>,
    /// What it may take at worst, where it changes anything of that.
    pub memory: Option<MemoryWorst>,
    /// For a rollback, how far the journal had come that says what there is to undo.
    pub journal: Option<JournalMark>,
}

/// How far the journal of one boot and namespace had come: which entries there were, how many steps each had written, and
/// how it had ended. By it, under the lock, a plan that was made from the journal before is known to be still right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalMark(pub(in crate::tune) String);

/// What is done to the file in `sysctl.d` that keeps values across boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The directory.
    pub directory: PathBuf,
    /// The file's name.
    pub name: &'static str,
    /// The whole file now; nothing when there is none.
    pub before: Option<String>,
    /// The whole file then; nothing when it is removed.
    pub after: Option<String>,
    /// The values that an apply adds to it.
    pub values: BTreeMap<SysctlKey, String>,
    /// That somebody else changed the file since, so that it is left alone.
    pub left: bool,
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
    /// The value of the rule, where the kernel holds another one of it, which is the one after: it keeps some times in
    /// whole ticks.
    pub rounded: Option<String>,
    /// The profile whose rule decided; for a rollback the one that had been applied.
    pub profile: String,
    /// Everything that is demanded of the key, which the journal keeps.
    pub demands: Vec<Demand>,
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
    /// Why.
    pub reason: String,
    /// Everything that is demanded of the key, which the journal keeps.
    pub demands: Vec<Demand>,
    /// For a rollback, the newest other entry of the journal that still stands for the key and holds it where it is.
    pub held_by: Option<u64>,
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
    /// One of its conditions is not met; which.
    NotHere(&'static str),
    /// Its value follows from something that is not known; what.
    NotKnown(&'static str),
    /// The profile relies on another value and never writes this one; the present value.
    NeverWritten(String),
    /// Profiles of the plan demand what cannot be had together; says which demand what.
    Contradiction(String),
    /// It could not be read; the kernel's answer.
    Unreadable(String),
    /// It can be read here and not written; the present value.
    ReadOnlyHere(String),
    /// This kernel would refuse the value; why.
    ValueRefused(String),
    /// The host was rebooted since the apply, so that its value is nothing of the entry's any more.
    BootedSince,
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
            costs: Vec::new(),
            not_for: Vec::new(),
            file: None,
            conflicts: Vec::new(),
            bounded: Vec::new(),
            memory: None,
            journal: None,
        }
    }

    /// Works out what the changes do, once all are known.
    pub(super) fn with_effects(mut self, snapshot: &Snapshot) -> Self {
        mark_idle(&mut self.changes, snapshot);
        self.effects = plan_effects(&self.changes, snapshot);
        self.listeners = plan_listener_effects(&self.changes, snapshot);
        self
    }

    /// The keys of which the profiles demand what cannot be had together.
    pub fn contradictions(&self) -> impl Iterator<Item = &Skip> {
        self.skipped.iter().filter(|skip| matches!(skip.why, SkipReason::Contradiction(_)))
    }

    /// The keys without which the plan must not be applied.
    pub fn unmet(&self) -> impl Iterator<Item = &Skip> {
        self.skipped.iter().filter(|skip| skip.required)
    }

    /// For a rollback, the keys that it leaves as they are, so that the entry goes on standing for them. What the
    /// kernel no longer has needs no restoring.
    pub fn left(&self) -> impl Iterator<Item = &Skip> {
        let rollback = matches!(self.kind, PlanKind::Rollback(_));
        let gone =
            |why: &SkipReason| matches!(why, SkipReason::Absent | SkipReason::NotLoaded(_) | SkipReason::BootedSince);
        self.skipped.iter().filter(move |skip| rollback && !gone(&skip.why))
    }

    /// Whether nothing is known to be as wanted, and nothing to be otherwise, because keys cannot be seen or read:
    /// that there is nothing to write then is no success.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let unseen = |skip: &Skip| matches!(skip.why, SkipReason::Hidden(_) | SkipReason::Unreadable(_));
        self.changes.is_empty() && self.already.is_empty() && self.skipped.iter().any(unseen)
    }

    /// Whether no key of the profiles is one that can be set here, so that applying them would do nothing at all: those
    /// of the host alone, say, in another network namespace.
    #[must_use]
    pub fn is_inapplicable(&self) -> bool {
        let nothing = self.changes.is_empty() && self.already.is_empty() && !self.skipped.is_empty();
        self.kind == PlanKind::Apply && nothing && !self.is_blind() && self.contradictions().next().is_none()
    }

    /// Whether there is nothing to write, neither to the kernel nor to a file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.file.as_ref().is_none_or(|file| file.left)
    }
}

impl Skip {
    /// The value now, where it is known.
    #[must_use]
    pub fn present(&self) -> Option<&str> {
        match &self.why {
            SkipReason::ReadOnlyHere(value)
            | SkipReason::NeverWritten(value)
            | SkipReason::ChangedSince(value)
            | SkipReason::ChangedByEntry { value, .. } => Some(value),
            _ => None,
        }
    }
}

/// The network that a plan is for, as far as the user said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkPath {
    /// Round-trip time in microseconds.
    pub rtt_us: Option<u64>,
    /// Bandwidth in bits per second.
    pub bandwidth_bit_s: Option<u64>,
}

impl NetworkPath {
    /// What is known of a host on this path.
    #[must_use]
    pub fn premises(self, snapshot: &Snapshot) -> Premises {
        Premises { rtt_us: self.rtt_us, bandwidth_bit_s: self.bandwidth_bit_s, ..Premises::of(snapshot) }
    }
}

/// Compares a profile with what was read.
///
/// A key that the snapshot was not asked to read counts as unreadable.
///
/// ```no_run
/// use tcpctl::collect::{Source, live};
/// use tcpctl::tune::{Profiles, plan_profile};
///
/// let profile = Profiles::vendor().resolve("anti-syn-flood").expect("it is bundled")?;
/// let keys = profile.rules.keys().cloned().collect();
/// let plan = plan_profile(&profile, &live(&Source::own(keys))?);
/// for change in &plan.changes {
///     println!("{} {} -> {}", change.key, change.before, change.after);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn plan_profile(profile: &Profile, snapshot: &Snapshot) -> Plan {
    plan_profiles(core::slice::from_ref(profile), snapshot, NetworkPath::default())
}

/// As [`plan_profile`], for several profiles together and a network that is known.
///
/// Where several have a rule for a key, each is followed in turn, so that the strictest of them decides. A key of which
/// they demand what cannot be had together is left out with [`SkipReason::Contradiction`], and such a plan is not
/// applied.
#[must_use]
pub fn plan_profiles(profiles: &[Profile], snapshot: &Snapshot, path: NetworkPath) -> Plan {
    plan_values(profiles, snapshot, path).with_effects(snapshot)
}

/// The values of such a plan without what they do, which costs more than all else: enough to tell whether a host meets
/// the profiles.
#[must_use]
pub fn plan_values(profiles: &[Profile], snapshot: &Snapshot, path: NetworkPath) -> Plan {
    let premises = path.premises(snapshot);
    let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
    let mut plan = Plan::new(PlanKind::Apply, &names.join(" + "), snapshot);
    let mut keys: BTreeMap<&SysctlKey, Vec<&Rule>> = BTreeMap::new();
    for profile in profiles {
        extend_once(&mut plan.notes, &profile.notes);
        extend_once(&mut plan.costs, &profile.costs);
        extend_once(&mut plan.not_for, &profile.not_for);
        for (key, rule) in &profile.rules {
            keys.entry(key).or_default().push(rule);
        }
    }
    for (key, rules) in keys {
        for planned in plan_key(key, &rules, snapshot, &premises) {
            match planned {
                Planned::Change(change) => plan.changes.push(change),
                Planned::Already(already) => plan.already.push(already),
                Planned::Skip(skip) => plan.skipped.push(skip),
            }
        }
    }
    plan.bounded = find_bounded(&plan, profiles, &premises);
    plan
}

/// Adds what is not there yet, since profiles share parents.
fn extend_once(list: &mut Vec<String>, more: &[String]) {
    for sentence in more {
        if !list.contains(sentence) {
            list.push(sentence.clone());
        }
    }
}
