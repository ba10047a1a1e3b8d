//! Carrying out a plan: journal first, read back, undo in reverse.

use super::receipt::{ApplyError, ApplyFrom, Outcome, Receipt, Undone, Written};
use crate::catalog::{normalize_value, same_value};
use crate::sys::SysctlError;
use crate::tune::journal::{
    Action, Confirmation, JournalEntry, JournalError, JournalKey, JournalOutcome, JournalStep, JournalWriter,
    Persisted, SCHEMA_VERSION, StateDir, StepKind,
};
use crate::tune::persist::{PersistError, read_drop_in, write_drop_in};
use crate::tune::store::SysctlStore;
use crate::tune::{FileChange, Plan, PlanKind, SkipReason};
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
/// The order: check the rights, take the lock, read every key again, write the journal and wait for the disk, start what
/// undoes it unless it is confirmed, then write each key and read it back, and last the file that keeps values across
/// boots. When something fails, everything written is put back in reverse order, and the receipt says so.
///
/// # Errors
/// Whatever is found before the first write; then nothing was written.
pub fn apply_plan(
    plan: &Plan,
    store: &dyn SysctlStore,
    state_dir: &StateDir,
    from: &ApplyFrom,
) -> Result<Receipt, ApplyError> {
    apply_watched(plan, store, state_dir, from, &mut |_| Ok(()))
}

/// As [`apply_plan`]; `journalled` is called with the entry's number when the journal is on the disk and before the
/// first write. When it fails, nothing is written.
pub(super) fn apply_watched(
    plan: &Plan,
    store: &dyn SysctlStore,
    state_dir: &StateDir,
    from: &ApplyFrom,
    journalled: &mut (dyn FnMut(u64) -> Result<(), String> + Send),
) -> Result<Receipt, ApplyError> {
    refuse(plan, from)?;
    if plan.is_empty() {
        return settle(plan, store, state_dir, from, journalled);
    }
    check_permission(plan, store)?;
    let locked = state_dir.lock(from.wishes.waiting)?;
    refuse_moved(plan, store, state_dir, from)?;
    let keys = read_originals(plan, store)?;
    check_file(plan)?;
    let mut journal = locked.begin(new_entry(plan, keys.clone(), from))?;
    let entry = Some(journal.id());
    if let Err(reason) = journalled(journal.id()) {
        return Err(without_waiter(journal, reason));
    }
    let mut written = Vec::new();
    let mut failed = None;
    for key in &keys {
        match write_key(key, store, &mut journal) {
            Ok(done) => written.push(done),
            Err(failure) => {
                failed = Some((Some(key), key.key.to_string(), failure));
                break;
            }
        }
    }
    let mut file_failure = None;
    if failed.is_none()
        && let Some(file) = written_file(plan, from)
        && let Err(error) = write_drop_in(&file.directory, file.after.as_deref())
    {
        file_failure = put_file_back(file);
        let failure = Failure { denied: error.denied, why: error.to_string() };
        failed = Some((None, file.directory.join(file.name).display().to_string(), failure));
    }
    let Some((key, what, Failure { why, denied })) = failed else {
        // Everything holds. If the disk fails here, the entry has no outcome and still stands, which is true.
        let _ = journal.finish(JournalOutcome::Applied);
        return Ok(receipt(plan, entry, written, Outcome::Applied, from));
    };
    let undone = undo(key, &written, store, &mut journal);
    let outcome = Outcome::Undone { key: what, why, denied, undone, file_failure };
    // The values are what counts now; a journal without an outcome can still be rolled back.
    let _ = journal.finish(if outcome.is_whole() { JournalOutcome::Undone } else { JournalOutcome::UndoFailed });
    Ok(receipt(plan, entry, written, outcome, from))
}

/// Ends an entry for which nothing can be started that would undo it.
fn without_waiter(journal: JournalWriter<'_>, reason: String) -> ApplyError {
    // Nothing was written, and the entry says so; should even that fail, undoing it finds nothing to do.
    let _ = journal.finish(JournalOutcome::Undone);
    ApplyError::NoWaiter { reason }
}

/// The file of a plan, where it is written at once: what has to be confirmed first must not outlive a boot before.
fn written_file<'a>(plan: &'a Plan, from: &ApplyFrom) -> Option<&'a FileChange> {
    plan.file.as_ref().filter(|file| !file.left && from.wishes.confirm_within_ms.is_none())
}

/// Makes the file what it was, after writing it failed; why it is not, if so. It may be in place already, should flushing
/// the directory be what failed.
fn put_file_back(file: &FileChange) -> Option<String> {
    if read_drop_in(&file.directory).is_ok_and(|present| present == file.before) {
        return None;
    }
    write_drop_in(&file.directory, file.before.as_deref()).err().map(|error| error.to_string())
}

fn receipt(plan: &Plan, entry: Option<u64>, written: Vec<Written>, outcome: Outcome, from: &ApplyFrom) -> Receipt {
    let applied = outcome == Outcome::Applied;
    let file = written_file(plan, from).filter(|_| applied);
    let waits = plan.file.as_ref().filter(|file| applied && !file.left && written_file(plan, from).is_none());
    let stands = entry.is_some() && !matches!(outcome, Outcome::Undone { .. });
    Receipt {
        entry,
        kind: plan.kind,
        profile: plan.profile.clone(),
        written,
        left: plan.left().map(|skip| skip.key.clone()).collect(),
        file: file.map(|file| (file.directory.join(file.name), file.after.is_some())),
        file_left: plan.file.as_ref().filter(|file| file.left).map(|file| file.directory.join(file.name)),
        file_on_confirm: waits.map(|file| file.directory.join(file.name)),
        confirm_until_unix_ms: confirm_until(from).filter(|_| stands),
        outcome,
    }
}

fn confirm_until(from: &ApplyFrom) -> Option<u64> {
    from.wishes.confirm_within_ms.map(|within| from.now_unix_ms.saturating_add(within))
}

/// Refuses what is not to be carried out whatever the kernel would say.
fn refuse(plan: &Plan, from: &ApplyFrom) -> Result<(), ApplyError> {
    let elsewhere = |planned: &u64| !from.place.is_namespace(*planned, plan.netns_cookie);
    if let Some(planned) = plan.netns.filter(elsewhere) {
        return Err(ApplyError::OtherNamespace { planned, present: from.place.netns });
    }
    if let Some(skip) = plan.contradictions().next() {
        let wants = match &skip.why {
            SkipReason::Contradiction(wants) => wants.clone(),
            _ => String::new(),
        };
        return Err(ApplyError::Contradiction { key: skip.key.clone(), wants });
    }
    if let Some(skip) = plan.unmet().next() {
        return Err(ApplyError::RequiredKey { key: skip.key.clone() });
    }
    if plan.is_blind() {
        return Err(ApplyError::Blind { count: plan.skipped.len() });
    }
    Ok(())
}

/// Looks under the lock whether what the plan was made from is still so: the journal, which says what there is to undo, and
/// the values that need no write.
fn refuse_moved(
    plan: &Plan,
    store: &dyn SysctlStore,
    state_dir: &StateDir,
    from: &ApplyFrom,
) -> Result<(), ApplyError> {
    refuse_confirmed(state_dir, from)?;
    if let Some(mark) = &plan.journal
        && state_dir.history()?.mark(&from.place) != *mark
    {
        return Err(ApplyError::JournalMoved);
    }
    for already in &plan.already {
        let key = already.key.clone();
        let present = store.read(&key).map_err(|error| ApplyError::Sysctl { key: key.clone(), error })?;
        let (present, planned) = (normalize_value(&present), normalize_value(&already.value));
        if !same_value(&key, &present, &planned) {
            return Err(ApplyError::Stale { key, planned, present });
        }
    }
    Ok(())
}

/// Looks under the lock whether the entry that would be undone was confirmed.
fn refuse_confirmed(state_dir: &StateDir, from: &ApplyFrom) -> Result<(), ApplyError> {
    let Some(id) = from.wishes.unless_confirmed else { return Ok(()) };
    let history = state_dir.history()?;
    let waits = |entry: &JournalEntry| entry.id == id && entry.is_unconfirmed() && entry.stands(&history.entries);
    if history.entries.iter().any(waits) { Ok(()) } else { Err(ApplyError::Confirmed { entry: id }) }
}

/// Looks under the lock whether the file is still what it was when the plan was made.
fn check_file(plan: &Plan) -> Result<(), ApplyError> {
    let Some(file) = plan.file.as_ref().filter(|file| !file.left) else { return Ok(()) };
    if read_drop_in(&file.directory)? == file.before {
        return Ok(());
    }
    let path = file.directory.join(file.name).display().to_string();
    let reason = "somebody else changed it since the plan was made; make a new plan".to_owned();
    Err(PersistError { action: "write", path, reason, denied: false }.into())
}

/// Writes down what needs no write: that a rollback found its values restored already, so that the entry does not stand
/// for ever and hide older ones; that a profile relies on values which another one set, so that undoing that one leaves
/// them. Like any other entry that has to be confirmed, this one is undone unless it is.
fn settle(
    plan: &Plan,
    store: &dyn SysctlStore,
    state_dir: &StateDir,
    from: &ApplyFrom,
    journalled: &mut (dyn FnMut(u64) -> Result<(), String> + Send),
) -> Result<Receipt, ApplyError> {
    let nothing = |entry| receipt(plan, entry, Vec::new(), Outcome::Nothing, from);
    if plan.already.is_empty() || (plan.kind == PlanKind::Apply && !leans_on_others(plan, state_dir, from)?) {
        return Ok(nothing(None));
    }
    let locked = state_dir.lock(from.wishes.waiting)?;
    refuse_moved(plan, store, state_dir, from)?;
    let journal = locked.begin(new_entry(plan, Vec::new(), from))?;
    let id = journal.id();
    if let Err(reason) = journalled(id) {
        return Err(without_waiter(journal, reason));
    }
    journal.finish(JournalOutcome::Applied)?;
    Ok(nothing(Some(id)))
}

/// Whether a value of the plan is what another profile made it, and the plan's own profile does not stand yet.
fn leans_on_others(plan: &Plan, state_dir: &StateDir, from: &ApplyFrom) -> Result<bool, ApplyError> {
    let entries = state_dir.history()?.entries;
    let standing = || entries.iter().filter(|entry| entry.is_of(&from.place) && !entry.left(&entries).is_empty());
    if standing().any(|entry| entry.profile == plan.profile) {
        return Ok(false);
    }
    let is_ours = |key: &SysctlKey| plan.already.iter().any(|already| already.key == *key);
    Ok(standing().any(|entry| entry.keys.iter().any(|written| is_ours(&written.key))))
}

/// Reads every key again under the lock; a value that is not the plan's makes the plan stale.
fn read_originals(plan: &Plan, store: &dyn SysctlStore) -> Result<Vec<JournalKey>, ApplyError> {
    let mut keys = Vec::new();
    for change in &plan.changes {
        let key = change.key.clone();
        let present = store.read(&key).map_err(|error| ApplyError::Sysctl { key: key.clone(), error })?;
        let before = normalize_value(&present);
        if !same_value(&key, &before, &change.before) {
            return Err(ApplyError::Stale { key, planned: change.before.clone(), present: before });
        }
        keys.push(JournalKey { key, before, after: change.after.clone(), demands: change.demands.clone() });
    }
    Ok(keys)
}

fn new_entry(plan: &Plan, keys: Vec<JournalKey>, from: &ApplyFrom) -> JournalEntry {
    let held = plan.already.iter().filter(|_| plan.kind == PlanKind::Apply).map(|already| JournalKey {
        key: already.key.clone(),
        before: already.value.clone(),
        after: already.value.clone(),
        demands: already.demands.clone(),
    });
    let persist = plan.file.as_ref().filter(|file| !file.left).map(|file| Persisted {
        directory: file.directory.display().to_string(),
        before: file.before.clone(),
        after: file.after.clone(),
        values: file.values.clone(),
    });
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
        login_uid: from.login_uid,
        why: from.wishes.why.clone(),
        boot_id: from.place.boot_id.clone(),
        netns: from.place.netns,
        netns_cookie: from.place.netns_cookie,
        netns_name: plan.netns_name.clone(),
        kernel: plan.kernel.clone(),
        keys,
        held: held.collect(),
        left: plan.left().map(|skip| skip.key.clone()).collect(),
        persist,
        confirm: confirm_until(from).map(Confirmation::until),
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
        if same_value(&key.key, &read_back, &key.after) {
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
    failed: Option<&JournalKey>,
    written: &[Written],
    store: &dyn SysctlStore,
    journal: &mut JournalWriter<'_>,
) -> Vec<Undone> {
    let mut keys: Vec<(&SysctlKey, &str)> = Vec::new();
    let changed =
        |key: &&JournalKey| !store.read(&key.key).is_ok_and(|present| same_value(&key.key, &present, &key.before));
    keys.extend(failed.filter(changed).map(|key| (&key.key, key.before.as_str())));
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
    if same_value(key, &present, before) {
        Ok(())
    } else {
        Err(format!("it holds `{present}` after writing `{before}`"))
    }
}
