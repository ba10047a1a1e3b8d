//! The directory that holds the journal.

use std::path::{Path, PathBuf};

use super::entry::{JournalEntry, JournalOutcome, JournalStep, Persisted, SCHEMA_VERSION};
use crate::sys::{DirLock, PrivateDir, PrivateDirError};

/// The directory, which need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

/// What the journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The entries, oldest first.
    pub entries: Vec<JournalEntry>,
    /// Files that are entries by their name and could not be understood.
    pub unreadable: Vec<Unreadable>,
}

/// A file that is an entry by its name and could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name.
    pub file: String,
    /// The number in its name; nothing when that is greater than any entry's can be.
    pub id: Option<u64>,
    /// Why.
    pub reason: String,
}

impl Unreadable {
    /// Whether it was written after the entry with this number.
    #[must_use]
    pub fn is_newer_than(&self, entry: u64) -> bool {
        self.id.is_none_or(|id| id > entry)
    }
}

/// Why the journal could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// This process may not.
    #[error("cannot {action} {path}: {reason}")]
    Denied {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// The kernel's answer in words.
        reason: String,
    },
    /// Something else went wrong.
    #[error("cannot {action} {path}: {reason}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What happened, in words.
        reason: String,
    },
    /// The directory could be tampered with.
    #[error("{path} cannot be trusted with the journal: {reason}; choose another with --state-dir")]
    Unsafe {
        /// The directory.
        path: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// Another apply or rollback is under way.
    #[error(
        "another apply or rollback is under way ({path} is locked); nothing was written; try again when it is done, or \
         wait for it with --wait"
    )]
    Busy {
        /// The lock file.
        path: String,
    },
}

impl JournalError {
    /// Whether rights are missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }

    /// An error of the directory, with what was tried and on what.
    fn of(action: &'static str, path: &Path, error: PrivateDirError) -> Self {
        let path = path.display().to_string();
        match error {
            PrivateDirError::Denied(reason) => Self::Denied { action, path, reason },
            PrivateDirError::Untrusted(reason) => Self::Unsafe { path, reason },
            PrivateDirError::Locked => Self::Busy { path },
            PrivateDirError::Absent | PrivateDirError::Failed(_) => {
                Self::Failed { action, path, reason: error.to_string() }
            }
        }
    }
}

/// What to do while another apply or rollback is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// Say so and do nothing.
    #[default]
    Refuse,
    /// Wait until it is done.
    UntilFree,
}

/// The name of the lock file.
const LOCK: &str = "lock";

impl StateDir {
    /// The directory at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything the journal holds; nothing when the directory does not exist.
    ///
    /// # Errors
    /// Denied, not trustworthy, or failed.
    pub fn history(&self) -> Result<History, JournalError> {
        let directory = match PrivateDir::open(&self.path) {
            Err(PrivateDirError::Absent) => return Ok(History::default()),
            other => other.map_err(|error| JournalError::of("open the state directory", &self.path, error))?,
        };
        let mut history = History::default();
        for (id, file) in self.numbered(&directory)? {
            match read_entry(&directory, &file, id) {
                Ok(entry) => history.entries.push(entry),
                Err(reason) => history.unreadable.push(Unreadable { file, id, reason }),
            }
        }
        Ok(history)
    }

    /// The files that are entries by their name (digits and `.json`) with their numbers, ascending.
    fn numbered(&self, directory: &PrivateDir) -> Result<Vec<(Option<u64>, String)>, JournalError> {
        let names = directory.names().map_err(|error| JournalError::of("list", &self.path, error))?;
        let mut numbered: Vec<(Option<u64>, String)> = names
            .into_iter()
            .filter_map(|name| {
                let stem = name.strip_suffix(".json")?;
                // `parse` alone would also take `+5`.
                let digits = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
                let id = stem.parse().ok();
                digits.then_some((id, name))
            })
            .collect();
        // A number that is too great for an entry is the newest.
        numbered.sort_unstable_by_key(|(id, name)| (id.is_none(), *id, name.clone()));
        Ok(numbered)
    }

    /// Makes the directory if need be and takes the lock, which is held until the value is dropped.
    ///
    /// # Errors
    /// Denied, not trustworthy, locked by another process, or failed.
    pub(in crate::tune) fn lock(&self, waiting: Waiting) -> Result<LockedDir<'_>, JournalError> {
        let failed = |error| JournalError::of("make the state directory", &self.path, error);
        let directory = PrivateDir::create(&self.path).map_err(|error| match (error, self.path.parent()) {
            (PrivateDirError::Absent, Some(parent)) => {
                let reason = format!("the directory {} does not exist; make it first", parent.display());
                failed(PrivateDirError::Failed(reason))
            }
            (error, _) => failed(error),
        })?;
        let lock = directory
            .lock(LOCK, waiting == Waiting::UntilFree)
            .map_err(|error| JournalError::of("take the lock", &self.path.join(LOCK), error))?;
        Ok(LockedDir { state_dir: self, directory, _lock: lock })
    }
}

/// Reads the entry that must be in a file with this name.
fn read_entry(directory: &PrivateDir, name: &str, id: Option<u64>) -> Result<JournalEntry, String> {
    let expected = id.map(file_name).ok_or("its number is greater than any entry's can be")?;
    if name != expected {
        return Err(format!("an entry with this number is called {expected}"));
    }
    let text = directory.read(name).map_err(|error| error.to_string())?;
    let entry: JournalEntry = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if entry.schema > SCHEMA_VERSION {
        return Err(format!("its form is version {}, newer than this program's {SCHEMA_VERSION}", entry.schema));
    }
    if Some(entry.id) != id {
        return Err(format!("it says it is entry {}", entry.id));
    }
    Ok(entry)
}

/// The file of an entry.
fn file_name(id: u64) -> String {
    format!("{id:06}.json")
}

/// The directory with its lock held.
pub(in crate::tune) struct LockedDir<'a> {
    state_dir: &'a StateDir,
    directory: PrivateDir,
    _lock: DirLock,
}

impl<'a> LockedDir<'a> {
    /// Writes a new entry and waits until it is on the disk; its number is set here.
    ///
    /// # Errors
    /// Denied or failed; nothing may be written to the kernel then.
    pub(in crate::tune) fn begin(self, mut entry: JournalEntry) -> Result<JournalWriter<'a>, JournalError> {
        let last = self.state_dir.numbered(&self.directory)?.into_iter().filter_map(|(id, _)| id).max().unwrap_or(0);
        entry.id = last.checked_add(1).ok_or_else(|| {
            let reason = "it is the greatest number that there is; move that file away".to_owned();
            let path = self.state_dir.path.join(file_name(last)).display().to_string();
            JournalError::Failed { action: "number a new entry after", path, reason }
        })?;
        let writer = JournalWriter { directory: self, entry };
        writer.save(PrivateDir::create_new)?;
        Ok(writer)
    }

    /// An entry that is there, to be written on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in crate::tune) fn resume(self, id: u64) -> Result<JournalWriter<'a>, JournalError> {
        let name = file_name(id);
        let entry = read_entry(&self.directory, &name, Some(id)).map_err(|reason| {
            let path = self.state_dir.path.join(&name).display().to_string();
            JournalError::Failed { action: "read", path, reason }
        })?;
        Ok(JournalWriter { directory: self, entry })
    }
}

/// An entry being written. Dropping it leaves the file as it was last saved: without an outcome, as after a crash.
pub(in crate::tune) struct JournalWriter<'a> {
    directory: LockedDir<'a>,
    entry: JournalEntry,
}

impl JournalWriter<'_> {
    /// The entry's number.
    pub(in crate::tune) fn id(&self) -> u64 {
        self.entry.id
    }

    /// Adds a step and waits until it is on the disk.
    pub(in crate::tune) fn step(&mut self, step: JournalStep) -> Result<(), JournalError> {
        self.entry.steps.push(step);
        self.save(PrivateDir::replace)
    }

    /// Says how it ended and waits until that is on the disk.
    pub(in crate::tune) fn finish(mut self, outcome: JournalOutcome) -> Result<(), JournalError> {
        self.entry.outcome = Some(outcome);
        self.save(PrivateDir::replace)
    }

    /// The entry as it is now.
    pub(in crate::tune) fn entry(&self) -> &JournalEntry {
        &self.entry
    }

    /// Says what the confirmation is about to do to the file, and waits until that is on the disk.
    pub(in crate::tune) fn will_persist(
        &mut self,
        persist: Persisted,
        newest: Option<u64>,
    ) -> Result<(), JournalError> {
        self.entry.persist = Some(persist);
        if let Some(confirm) = &mut self.entry.confirm {
            confirm.newest_entry = newest;
        }
        self.save(PrivateDir::replace)
    }

    /// Says when it was confirmed and which entry was the newest then, and waits until that is on the disk.
    pub(in crate::tune) fn confirm(mut self, now_unix_ms: u64, newest: Option<u64>) -> Result<(), JournalError> {
        if let Some(confirm) = &mut self.entry.confirm {
            (confirm.confirmed_unix_ms, confirm.newest_entry) = (Some(now_unix_ms), newest);
        }
        self.save(PrivateDir::replace)
    }

    /// Writes it as it is now, in one of the two ways that a directory has.
    fn save(&self, write: fn(&PrivateDir, &str, &[u8]) -> Result<(), PrivateDirError>) -> Result<(), JournalError> {
        let name = file_name(self.entry.id);
        let path = self.directory.state_dir.path.join(&name);
        let failed = |error| JournalError::of("write the journal", &path, error);
        let mut text = serde_json::to_vec_pretty(&self.entry)
            .map_err(|error| failed(PrivateDirError::Failed(error.to_string())))?;
        text.push(b'\n');
        write(&self.directory.directory, &name, &text).map_err(failed)
    }
}
