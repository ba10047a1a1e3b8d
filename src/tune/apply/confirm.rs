//! Waiting for a confirmation, by a process that nobody's terminal can take along.

use std::io::Write;

use super::receipt::ApplyError;
use crate::sys::{DirWatch, leave_terminal, monotonic_ms, unix_ms};
use crate::tune::journal::{History, JournalEntry, StateDir, Waiting};

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
        if watch.wait(left_ms).map_err(failed)? && state_dir.history().is_ok_and(|history| !waits(&history, entry)) {
            return Ok(Waited::Settled);
        }
    }
}

/// Whether an entry stands, or is being applied, and is not confirmed.
fn waits(history: &History, id: u64) -> bool {
    let waiting = |entry: &JournalEntry| entry.id == id && entry.is_unconfirmed() && entry.stands(&history.entries);
    history.entries.iter().any(waiting)
}

/// Why there is nothing to confirm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    /// No entry waits.
    #[error("nothing waits to be confirmed; `tcpctl history` lists what was applied")]
    Nothing,
    /// There is no such entry.
    #[error("the journal has no entry {0}; `tcpctl history` lists what there is")]
    NoSuchEntry(u64),
    /// It does not wait.
    #[error("entry {0} does not wait to be confirmed; `tcpctl history {0}` shows it")]
    DoesNotWait(u64),
    /// It was undone.
    #[error("entry {0} was undone; apply it again")]
    Undone(u64),
}

/// The entry to confirm: the one asked for, or the newest that waits.
///
/// # Errors
/// Says why there is none.
pub fn choose_unconfirmed(history: &History, asked: Option<u64>) -> Result<&JournalEntry, ConfirmError> {
    let entries = &history.entries;
    let Some(id) = asked else {
        return entries.iter().rev().find(|entry| waits(history, entry.id)).ok_or(ConfirmError::Nothing);
    };
    let entry = entries.iter().find(|entry| entry.id == id).ok_or(ConfirmError::NoSuchEntry(id))?;
    if !entry.is_unconfirmed() {
        return Err(ConfirmError::DoesNotWait(id));
    }
    if waits(history, id) { Ok(entry) } else { Err(ConfirmError::Undone(id)) }
}

/// Writes down that an entry is confirmed.
///
/// # Errors
/// As [`StateDir::confirm`].
pub fn confirm(state_dir: &StateDir, id: u64, waiting: Waiting) -> Result<(), ApplyError> {
    Ok(state_dir.confirm(id, unix_ms(), waiting)?)
}
