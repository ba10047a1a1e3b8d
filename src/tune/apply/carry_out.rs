//! Carrying out a plan: journal first, read back, undo in reverse.

use super::receipt::{ApplyError, ApplyFrom, Outcome, Receipt, Undone, Written};
use crate::catalog::normalize_value;
use crate::sys::SysctlError;
use crate::tune::journal::{
    Action, JournalEntry, JournalError, JournalKey, JournalOutcome, JournalStep, JournalWriter, SCHEMA_VERSION,
    StateDir, StepKind,
};
use crate::tune::store::SysctlStore;
use crate::tune::{Plan, PlanKind};
use crate::units::SysctlKey;

/// Whether every key of a plan may be written by this process; nothing is written.
///
/// # Errors
/// The first key that cannot be written.
pub fn check_permission(plan: &Plan, store: &dyn SysctlStore) -> Result<(), ApplyError> {
    for change in &plan.changes {
        store.check_writable(&change.key).map_err(|error| ApplyError::Sysctl { key: change.key.clone(), error })?;
    }
    Ok(())
}

/// Carries out a plan.
///
/// The order: check the rights, take the lock, read every key again, write the journal and wait for the disk, then
/// write each key and read it back. When a key fails, everything written is put back in reverse order, and the
/// receipt says so.
///
/// # Errors
/// Whatever is found before the first write; then nothing was written, and no entry is left in the journal.
pub fn apply_plan(
    plan: &Plan,
    store: &dyn SysctlStore,
    state_dir: &StateDir,
    from: &ApplyFrom,
) -> Result<Receipt, ApplyError> {
    let left: Vec<SysctlKey> = plan.left().map(|skip| skip.key.clone()).collect();
    let receipt = |entry, written, outcome| {
        let (kind, profile, left) = (plan.kind, plan.profile.clone(), left.clone());
        Receipt { entry, kind, profile, written, left, outcome }
    };
    let elsewhere = |planned: &u64| !from.place.is_namespace(*planned, plan.netns_cookie);
    if let Some(planned) = plan.netns.filter(elsewhere) {
        return Err(ApplyError::OtherNamespace { planned, present: from.place.netns });
    }
    if let Some(skip) = plan.unmet().next() {
        return Err(ApplyError::RequiredKey { key: skip.key.clone() });
    }
    if plan.is_blind() {
        return Err(ApplyError::Blind { count: plan.skipped.len() });
    }
    if plan.is_empty() {
        return Ok(receipt(settle(plan, state_dir, from)?, Vec::new(), Outcome::Nothing));
    }
    check_permission(plan, store)?;
    let locked = state_dir.lock()?;
    let keys = read_originals(plan, store)?;
    let mut journal = locked.begin(new_entry(plan, keys.clone(), from))?;
    let entry = Some(journal.id());
    let mut written = Vec::new();
    for key in &keys {
        match write_key(key, store, &mut journal) {
            Ok(done) => written.push(done),
            Err(failure) => {
                let undone = undo(key, &written, store, &mut journal);
                let held = undone.iter().all(|undone| undone.failure.is_none());
                let outcome = if held { JournalOutcome::Undone } else { JournalOutcome::UndoFailed };
                // The values are what counts now; a journal without an outcome can still be rolled back.
                let _ = journal.finish(outcome);
                let (why, denied) = (failure.why, failure.denied);
                return Ok(receipt(entry, written, Outcome::Undone { key: key.key.clone(), why, denied, undone }));
            }
        }
    }
    // Everything holds. If the disk fails here, the entry has no outcome and still stands, which is true.
    let _ = journal.finish(JournalOutcome::Applied);
    Ok(receipt(entry, written, Outcome::Applied))
}

/// Writes down that a rollback found its values restored already, so that the entry does not stand for ever and hide
/// older ones. Gives the new entry.
fn settle(plan: &Plan, state_dir: &StateDir, from: &ApplyFrom) -> Result<Option<u64>, ApplyError> {
    if plan.kind == PlanKind::Apply || plan.already.is_empty() {
        return Ok(None);
    }
    let locked = state_dir.lock()?;
    let journal = locked.begin(new_entry(plan, Vec::new(), from))?;
    let id = journal.id();
    journal.finish(JournalOutcome::Applied)?;
    Ok(Some(id))
}

/// Reads every key again under the lock; a value that is not the plan's makes the plan stale.
fn read_originals(plan: &Plan, store: &dyn SysctlStore) -> Result<Vec<JournalKey>, ApplyError> {
    let mut keys = Vec::new();
    for change in &plan.changes {
        let key = change.key.clone();
        let present = store.read(&key).map_err(|error| ApplyError::Sysctl { key: key.clone(), error })?;
        let before = normalize_value(&present);
        if before != normalize_value(&change.before) {
            return Err(ApplyError::Stale { key, planned: change.before.clone(), present: before });
        }
        keys.push(JournalKey { key, before, after: change.after.clone() });
    }
    Ok(keys)
}

fn new_entry(plan: &Plan, keys: Vec<JournalKey>, from: &ApplyFrom) -> JournalEntry {
    JournalEntry {
        schema: SCHEMA_VERSION,
        id: 0,
        action: match plan.kind {
            PlanKind::Apply => Action::Apply,
            PlanKind::Rollback(of) => Action::Rollback(of),
        },
        profile: plan.profile.clone(),
        started_unix_ms: from.now_unix_ms,
        uid: from.uid,
        boot_id: from.place.boot_id.clone(),
        netns: from.place.netns,
        netns_cookie: from.place.netns_cookie,
        netns_name: plan.netns_name.clone(),
        kernel: plan.kernel.clone(),
        keys,
        left: plan.left().map(|skip| skip.key.clone()).collect(),
        steps: Vec::new(),
        outcome: None,
    }
}

/// Why a key does not hold its value.
struct Failure {
    why: String,
    denied: bool,
}

impl From<SysctlError> for Failure {
    fn from(error: SysctlError) -> Self {
        Self { why: error.to_string(), denied: matches!(error, SysctlError::Denied { .. }) }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self { why: error.to_string(), denied: false }
    }
}

/// Writes one key and reads it back, each with its step in the journal.
fn write_key(key: &JournalKey, store: &dyn SysctlStore, journal: &mut JournalWriter<'_>) -> Result<Written, Failure> {
    let step = |step| JournalStep { key: key.key.clone(), step };
    journal.step(step(StepKind::Writing))?;
    let attempt = store.write(&key.key, &key.after).map_err(Failure::from).and_then(|()| {
        let read_back = normalize_value(&store.read(&key.key)?);
        if read_back == normalize_value(&key.after) {
            Ok(read_back)
        } else {
            let why = format!("the kernel took `{}` and holds `{read_back}`", key.after);
            Err(Failure { why, denied: false })
        }
    });
    match attempt {
        Ok(read_back) => {
            journal.step(step(StepKind::Written(read_back.clone())))?;
            let (before, wrote) = (key.before.clone(), key.after.clone());
            Ok(Written { key: key.key.clone(), before, wrote, read_back })
        }
        Err(failure) => {
            // The failure itself is what must be told, not that the journal could not take it.
            let _ = journal.step(step(StepKind::Failed(failure.why.clone())));
            Err(failure)
        }
    }
}

/// Puts back the key that failed, should it have changed, and then what was written before it, last first.
fn undo(
    failed: &JournalKey,
    written: &[Written],
    store: &dyn SysctlStore,
    journal: &mut JournalWriter<'_>,
) -> Vec<Undone> {
    let mut keys: Vec<(&SysctlKey, &str)> = Vec::new();
    let unchanged = store.read(&failed.key).is_ok_and(|present| normalize_value(&present) == failed.before);
    if !unchanged {
        keys.push((&failed.key, &failed.before));
    }
    keys.extend(written.iter().rev().map(|written| (&written.key, written.before.as_str())));
    keys.into_iter()
        .map(|(key, before)| {
            let failure = put_back(key, before, store).err();
            let step = failure.clone().map_or(StepKind::Undone, StepKind::UndoFailed);
            // Putting values back goes on even when the journal cannot be written any more.
            let _ = journal.step(JournalStep { key: key.clone(), step });
            Undone { key: key.clone(), before: before.to_owned(), failure }
        })
        .collect()
}

fn put_back(key: &SysctlKey, before: &str, store: &dyn SysctlStore) -> Result<(), String> {
    store.write(key, before).map_err(|error| error.to_string())?;
    let present = normalize_value(&store.read(key).map_err(|error| error.to_string())?);
    if present == before { Ok(()) } else { Err(format!("it holds `{present}` after writing `{before}`")) }
}
