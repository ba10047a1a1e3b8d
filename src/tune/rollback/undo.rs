//! Restoring what was there before an apply: a plan made from the journal.

use std::path::{Path, PathBuf};

use super::stack::Stack;
use crate::catalog::{self, normalize_value, same_value};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::tune::combine::absence;
use crate::tune::journal::{Action, History, JournalEntry, JournalKey, JournalOutcome, Unreadable};
use crate::tune::persist::DROP_IN;
use crate::tune::{Already, Change, JournalMark, Operator, Place, Plan, PlanKind, Skip, SkipReason};
use crate::units::SysctlKey;

/// Why an entry cannot be rolled back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollbackError {
    /// Nothing that was applied still stands.
    #[error("nothing to roll back: the journal has no apply that still stands")]
    Nothing,
    /// What is to be chosen cannot be told, because of a file that cannot be understood.
    #[error(
        "cannot tell what to roll back: {file} in the journal cannot be understood ({reason}), so what it changed is \
         unknown; nothing was written; {}", .entry.map_or_else(
            || "no other entry stands".to_owned(),
            |entry| format!("`tcpctl rollback {entry}` restores the newest entry before it that stands"),
        )
    )]
    Unreadable {
        /// The file.
        file: String,
        /// Why it cannot be understood.
        reason: String,
        /// The newest entry before it that stands.
        entry: Option<u64>,
    },
    /// There is no such entry.
    #[error("the journal has no entry {id}; `tcpctl history` lists what there is")]
    NoSuchEntry {
        /// The number asked for.
        id: u64,
    },
    /// The entry is a rollback itself.
    #[error("entry {id} is a rollback of entry {of}; to have the profile's values again, apply {profile}")]
    IsRollback {
        /// The entry.
        id: u64,
        /// What it rolled back.
        of: u64,
        /// The profile.
        profile: String,
    },
    /// The entry failed and was undone at once.
    #[error("entry {id} failed and was undone at once; there is nothing to restore")]
    WasUndone {
        /// The entry.
        id: u64,
    },
    /// The host was rebooted since.
    #[error(
        "entry {id} is from before the last boot; sysctls start afresh at boot, so there is nothing of it to restore"
    )]
    OtherBoot {
        /// The entry.
        id: u64,
    },
    /// The entry is of another network namespace.
    #[error("entry {id} was applied in network namespace {entry}{}; this is {here}; enter that one with -N", named(.name))]
    OtherNamespace {
        /// The entry.
        id: u64,
        /// Its namespace.
        entry: u64,
        /// The name by which that was asked for.
        name: Option<String>,
        /// This namespace.
        here: u64,
    },
    /// The entry is of a network namespace that is gone; another one got its inode.
    #[error(
        "entry {id} was applied in a network namespace that is gone: its inode {netns} belongs to a newer one now, so \
         there is nothing of it to restore"
    )]
    NamespaceGone {
        /// The entry.
        id: u64,
        /// The inode of both.
        netns: u64,
    },
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default()
}

impl JournalEntry {
    /// Whether it was written in this boot and in this very network namespace.
    #[must_use]
    pub fn is_of(&self, place: &Place) -> bool {
        self.boot_id == place.boot_id && place.is_namespace(self.netns, self.netns_cookie)
    }

    /// Its keys whose values are still those of the host as far as the journal knows: it was applied, or stopped half
    /// way, and no later entry restored them. The order of the history does not matter.
    #[must_use]
    pub fn left(&self, history: &[Self]) -> Vec<&JournalKey> {
        if self.action != Action::Apply || self.outcome == Some(JournalOutcome::Undone) {
            return Vec::new();
        }
        let undoes =
            |later: &Self| later.action == Action::Rollback(self.id) && later.outcome == Some(JournalOutcome::Applied);
        let restored = |key: &SysctlKey| history.iter().any(|later| undoes(later) && !later.left.contains(key));
        self.all_keys().filter(|key| !restored(&key.key)).collect()
    }

    /// Whether a key of it is left to restore, or its part of the file.
    #[must_use]
    pub fn stands(&self, history: &[Self]) -> bool {
        !self.left(history).is_empty() || self.file_standing(history).is_some()
    }

    /// The file that it wrote and that no rollback took back since: one that somebody else has edited is left alone.
    #[must_use]
    pub fn file_standing(&self, history: &[Self]) -> Option<PathBuf> {
        let directory = Path::new(&self.persist.as_ref()?.directory);
        let wrote = self.action == Action::Apply && self.wrote_in(directory).is_some();
        let taken_back = history.iter().any(|later| later.took_file_of(self.id));
        (wrote && !taken_back).then(|| directory.join(DROP_IN))
    }

    /// Whether it is the rollback that took back the file of this entry.
    fn took_file_of(&self, entry: u64) -> bool {
        self.action == Action::Rollback(entry)
            && self.outcome == Some(JournalOutcome::Applied)
            && self.persist.is_some()
    }

    /// Whether it is a rollback that left something as it was: a key, or the file, which this one did not take back and
    /// none before it.
    #[must_use]
    pub fn is_partial(&self, history: &[Self]) -> bool {
        let Action::Rollback(of) = self.action else { return false };
        let earlier: Vec<Self> = history.iter().filter(|entry| entry.id <= self.id).cloned().collect();
        let leaves_file = |entry: &Self| entry.id == of && entry.file_standing(&earlier).is_some();
        !self.left.is_empty() || earlier.iter().any(leaves_file)
    }
}

/// The entry to roll back: the one asked for, or the newest of this boot and namespace that still stands. None is
/// chosen while a newer one cannot be understood, since that may be the one that counts.
///
/// # Errors
/// Says why there is none, or why the one asked for cannot be restored here.
pub fn choose_entry<'a>(
    history: &'a History,
    asked: Option<u64>,
    place: &Place,
) -> Result<&'a JournalEntry, RollbackError> {
    let entries = &history.entries;
    let entry = match asked {
        Some(id) => entries.iter().find(|entry| entry.id == id).ok_or(RollbackError::NoSuchEntry { id })?,
        None => {
            let standing = || entries.iter().rev().filter(|entry| entry.stands(entries));
            let here = |entry: &&JournalEntry| entry.is_of(place);
            let same_boot = |entry: &&JournalEntry| entry.boot_id == place.boot_id;
            let found = standing().find(here).or_else(|| standing().find(same_boot));
            let kept = |entry: &&JournalEntry| entry.persist.is_some() && !entry.is_unconfirmed();
            let found = found.or_else(|| standing().find(kept)).or_else(|| standing().next());
            let newer = |bad: &&Unreadable| found.is_none_or(|entry| bad.is_newer_than(entry.id));
            if let Some(bad) = history.unreadable.iter().find(newer) {
                let (file, reason) = (bad.file.clone(), bad.reason.clone());
                return Err(RollbackError::Unreadable { file, reason, entry: found.map(|entry| entry.id) });
            }
            found.ok_or(RollbackError::Nothing)?
        }
    };
    let id = entry.id;
    if let Action::Rollback(of) = entry.action {
        return Err(RollbackError::IsRollback { id, of, profile: entry.profile.clone() });
    }
    if entry.outcome == Some(JournalOutcome::Undone) {
        return Err(RollbackError::WasUndone { id });
    }
    if entry.boot_id != place.boot_id {
        // What it left in a file outlived the boot and can be taken back.
        return if entry.persist.is_some() { Ok(entry) } else { Err(RollbackError::OtherBoot { id }) };
    }
    if entry.netns != place.netns {
        let name = entry.netns_name.clone();
        return Err(RollbackError::OtherNamespace { id, entry: entry.netns, name, here: place.netns });
    }
    if !entry.is_of(place) {
        return Err(RollbackError::NamespaceGone { id, netns: entry.netns });
    }
    Ok(entry)
}

impl History {
    /// How far it has come for this boot and namespace.
    #[must_use]
    pub fn mark(&self, place: &Place) -> JournalMark {
        let own = self.entries.iter().filter(|entry| entry.is_of(place));
        let marks = own.map(|entry| {
            let (steps, waits) = (entry.steps.len(), entry.is_unconfirmed());
            format!("{} {steps} {:?}{}", entry.id, entry.outcome, if waits { " unconfirmed" } else { "" })
        });
        JournalMark(marks.collect::<Vec<_>>().join(", "))
    }
}

/// What undoing an entry would change, the last key written first: of the keys that are left to restore by the history,
/// or of all when none is and
/// the file does not stand either.
///
/// A key gets the value that it would have without this entry: that from before it, with what the entries that still
/// stand demand of it, whether they were applied earlier or later. A key that holds another value than the history
/// leaves there was changed by somebody else since; it is left alone unless `force`.
#[must_use]
pub fn plan_rollback(entry: &JournalEntry, history: &[JournalEntry], snapshot: &Snapshot, force: bool) -> Plan {
    let mut plan = Plan::new(PlanKind::Rollback(entry.id), &entry.profile, snapshot);
    // The entry's, so that a name that means another namespace by now is noticed on apply.
    (plan.netns, plan.netns_cookie) = (Some(entry.netns), entry.netns_cookie);
    let left = entry.left(history);
    let whole = left.is_empty() && entry.file_standing(history).is_none();
    let keys: Vec<&JournalKey> = if whole { entry.all_keys().collect() } else { left };
    for key in keys.into_iter().rev() {
        let stack = Stack::of(entry, &key.key, history);
        let (wanted, held_by) = match stack.without(entry.id) {
            Some(without) => without,
            // Undone before: what stands now is right.
            None if stack.newest().is_some_and(|_| entry.left(history).is_empty()) => (stack.value(), stack.newest()),
            None => (normalize_value(&key.before), None),
        };
        let skip =
            |why| Skip { key: key.key.clone(), operator: Operator::Set, wanted: wanted.clone(), why, required: false };
        let present = match snapshot.sysctls.readings.get(&key.key) {
            Some(SysctlReading::Value(value)) => normalize_value(value),
            Some(SysctlReading::Absent) => {
                plan.skipped.push(skip(absence(&key.key, snapshot)));
                continue;
            }
            Some(SysctlReading::Unreadable(reason)) => {
                plan.skipped.push(skip(SkipReason::Unreadable(reason.clone())));
                continue;
            }
            None => {
                plan.skipped.push(skip(SkipReason::Unreadable("it was not asked for".to_owned())));
                continue;
            }
        };
        let expected = match stack.without(entry.id) {
            Some(_) => stack.value(),
            None => normalize_value(&key.after),
        };
        if same_value(&key.key, &present, &wanted) {
            let (key, operator, demands) = (key.key.clone(), Operator::Set, Vec::new());
            let reason = without(entry);
            plan.already.push(Already { key, value: present, operator, wanted, reason, demands, held_by });
        } else if same_value(&key.key, &present, &expected) || force {
            plan.changes.push(restoring(entry, &key.key, present, wanted, snapshot));
        } else {
            let by =
                stack.newest().filter(|newest| *newest != entry.id && same_value(&key.key, &stack.value(), &present));
            plan.skipped.push(skip(match by {
                Some(entry) => SkipReason::ChangedByEntry { value: present, entry },
                None => SkipReason::ChangedSince(present),
            }));
        }
    }
    plan.with_effects(snapshot)
}

/// What undoing an entry of an earlier boot would change: nothing of the running values.
#[must_use]
pub(in crate::tune) fn plan_rollback_after_boot(entry: &JournalEntry, snapshot: &Snapshot) -> Plan {
    let mut plan = Plan::new(PlanKind::Rollback(entry.id), &entry.profile, snapshot);
    plan.skipped = entry
        .keys
        .iter()
        .map(|key| Skip {
            key: key.key.clone(),
            operator: Operator::Set,
            wanted: normalize_value(&key.before),
            why: SkipReason::BootedSince,
            required: false,
        })
        .collect();
    plan
}

/// Why a rollback wants a value.
fn without(entry: &JournalEntry) -> String {
    format!("the value without {}", entry.profile)
}

fn restoring(entry: &JournalEntry, key: &SysctlKey, present: String, wanted: String, snapshot: &Snapshot) -> Change {
    let parameter = catalog::find(key.as_str());
    Change {
        key: key.clone(),
        scope: parameter.and_then(|row| snapshot.kernel.version.map(|version| row.scope(version))),
        before: present,
        after: wanted,
        operator: Operator::Set,
        reason: without(entry),
        source: format!("journal entry {}", entry.id),
        risk: None,
        takes_effect: parameter.map(|row| row.takes_effect),
        idle: None,
        rounded: None,
        profile: entry.profile.clone(),
        demands: Vec::new(),
    }
}
