//! Waiting for a confirmation, by a process that nobody's terminal can take along.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::receipt::ApplyError;
use super::target::Place;
use crate::sys::{DirWatch, leave_terminal, monotonic_ms, unix_ms};
use crate::tune::journal::{History, JournalEntry, JournalOutcome, StateDir, Waiting};
use crate::tune::persist::{DROP_IN, plan_confirm, write_drop_in};

/// How the waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It was confirmed, or undone by somebody else.
    Settled,
    /// The time is up.
    Due,
}

/// What is printed when the waiting has begun, so that the writing may begin.
pub const WAITING: &str = "waiting\n";

/// Leaves the terminal, says on `ready` that it did, and waits until an entry is confirmed or undone, at most so many
/// milliseconds.
///
/// # Errors
/// When the terminal cannot be left or the state directory cannot be watched.
pub fn wait_for_confirmation(
    state_dir: &StateDir,
    entry: u64,
    within_ms: u64,
    ready: &mut dyn Write,
) -> Result<Waited, ApplyError> {
    let failed = |error: std::io::Error| ApplyError::NoWaiter { reason: error.to_string() };
    leave_terminal().map_err(failed)?;
    let due_ms = monotonic_ms().saturating_add(within_ms);
    let watch = DirWatch::on(state_dir.path()).map_err(failed)?;
    ready.write_all(WAITING.as_bytes()).and_then(|()| ready.flush()).map_err(failed)?;
    loop {
        let left_ms = due_ms.saturating_sub(monotonic_ms());
        if left_ms == 0 {
            return Ok(Waited::Due);
        }
        // A journal that cannot be read now may be read when the time is up.
        if watch.wait(left_ms).map_err(failed)?
            && state_dir.history().is_ok_and(|history| unconfirmed(&history, entry).is_none())
        {
            return Ok(Waited::Settled);
        }
    }
}

/// An entry that stands, or is being applied, and is not confirmed.
#[must_use]
pub fn unconfirmed(history: &History, id: u64) -> Option<&JournalEntry> {
    let waiting = |entry: &&JournalEntry| entry.id == id && entry.is_unconfirmed() && entry.stands(&history.entries);
    history.entries.iter().find(waiting)
}

/// Why there is nothing to confirm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    /// No entry waits.
    #[error("nothing waits to be confirmed; `tcpctl history` lists what was applied")]
    Nothing,
    /// Those that wait are of other network namespaces than this.
    #[error(
        "what waits to be confirmed is of another network namespace than this: entry {entry} ({profile}), applied in \
         {}; confirm it by its number: `tcpctl confirm {entry}`", .name.as_ref().map_or_else(|| netns.to_string(), |name| format!("{name} ({netns})"))
    )]
    Elsewhere {
        /// The newest that waits.
        entry: u64,
        /// Its profile.
        profile: String,
        /// Inode of its network namespace.
        netns: u64,
        /// The name by which that was asked for.
        name: Option<String>,
    },
    /// There is no such entry.
    #[error("the journal has no entry {0}; `tcpctl history` lists what there is")]
    NoSuchEntry(u64),
    /// It does not wait.
    #[error("entry {0} does not wait to be confirmed; `tcpctl history {0}` shows it")]
    DoesNotWait(u64),
    /// It was undone.
    #[error("entry {0} was undone; apply it again")]
    Undone(u64),
    /// It is from before the last boot.
    #[error("entry {0} is from before the last boot, which undid it: sysctls start afresh at boot; apply it again")]
    OtherBoot(u64),
    /// It was not carried out to its end.
    #[error("entry {0} stopped half way, so that there is nothing whole to confirm; run `tcpctl rollback {0}`")]
    HalfWay(u64),
}

/// The entry to confirm: the one asked for, wherever it was applied, or the newest of this boot and network namespace that
/// waits.
///
/// # Errors
/// Says why there is none.
pub fn choose_unconfirmed<'a>(
    history: &'a History,
    asked: Option<u64>,
    place: &Place,
) -> Result<&'a JournalEntry, ConfirmError> {
    let entries = &history.entries;
    let now = |entry: &&JournalEntry| entry.boot_id == place.boot_id && unconfirmed(history, entry.id).is_some();
    let Some(id) = asked else {
        let here = entries.iter().rfind(|entry| now(entry) && entry.is_of(place));
        return here.ok_or_else(|| match entries.iter().rfind(now) {
            None => ConfirmError::Nothing,
            Some(JournalEntry { id, profile, netns, netns_name, .. }) => ConfirmError::Elsewhere {
                entry: *id,
                profile: profile.clone(),
                netns: *netns,
                name: netns_name.clone(),
            },
        });
    };
    let entry = entries.iter().find(|entry| entry.id == id).ok_or(ConfirmError::NoSuchEntry(id))?;
    if !entry.is_unconfirmed() {
        return Err(ConfirmError::DoesNotWait(id));
    }
    if entry.boot_id != place.boot_id {
        return Err(ConfirmError::OtherBoot(id));
    }
    if unconfirmed(history, id).is_none() {
        return Err(ConfirmError::Undone(id));
    }
    if entry.outcome == Some(JournalOutcome::Applied) { Ok(entry) } else { Err(ConfirmError::HalfWay(id)) }
}

/// Writes the file that keeps the values of an entry across boots, where it has one, and then writes down that the entry
/// is confirmed; gives the file. When it is stopped in between, the entry is not confirmed, and undoing it takes the file
/// back.
///
/// # Errors
/// Denied, not trustworthy, locked or failed; when the entry was undone meanwhile, or somebody else changed the file.
/// Then nothing is confirmed.
pub fn confirm(state_dir: &StateDir, id: u64, waiting: Waiting) -> Result<Option<PathBuf>, ApplyError> {
    let mut journal = state_dir.lock(waiting)?.resume(id)?;
    let history = state_dir.history()?;
    let entry = journal.entry();
    if !entry.stands(&history.entries) {
        return Err(ApplyError::Unconfirmable(ConfirmError::Undone(id)));
    }
    let newest = history.entries.iter().map(|entry| entry.id).max();
    let planned = if entry.is_unconfirmed() { plan_confirm(entry, &history)? } else { None };
    if let Some(persist) = &planned {
        journal.will_persist(persist.clone(), newest)?;
        let directory = Path::new(&persist.directory);
        let put_back = |error: ApplyError| {
            // What failed is told; undoing the entry looks at the file again.
            let _ = write_drop_in(directory, persist.before.as_deref());
            error
        };
        write_drop_in(directory, persist.after.as_deref()).map_err(|error| put_back(error.into()))?;
        journal.confirm(unix_ms(), newest).map_err(|error| put_back(error.into()))?;
    } else {
        journal.confirm(unix_ms(), newest)?;
    }
    Ok(planned.map(|persist| Path::new(&persist.directory).join(DROP_IN)))
}
