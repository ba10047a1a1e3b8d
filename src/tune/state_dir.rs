//! The directory that holds the journal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::journal::{JournalEntry, JournalOutcome, JournalStep, SCHEMA_VERSION};

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
    /// Files that are entries by their name and could not be understood, with the reason.
    pub unreadable: Vec<(String, String)>,
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
        "another apply or rollback is under way ({path} is locked); nothing was written; try again when it is done"
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

    fn error(&self, action: &'static str, name: &str, errno: Errno) -> JournalError {
        let path = if name.is_empty() { self.path.clone() } else { self.path.join(name) };
        let path = path.display().to_string();
        let reason = std::io::Error::from(errno).to_string();
        match errno {
            Errno::ACCESS | Errno::PERM | Errno::ROFS => JournalError::Denied { action, path, reason },
            _ => JournalError::Failed { action, path, reason },
        }
    }

    /// Opens the directory after checking that only its owner and root can have written there.
    fn open(&self) -> Result<OwnedFd, JournalError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let untrusted = |reason: String| JournalError::Unsafe { path: self.path.display().to_string(), reason };
        let directory = rustix::fs::open(&self.path, flags, Mode::empty()).map_err(|errno| match errno {
            // Linux answers ENOTDIR for a link when O_DIRECTORY is set as well.
            Errno::LOOP | Errno::NOTDIR => untrusted("it is not a directory, or a symbolic link".to_owned()),
            errno => self.error("open the state directory", "", errno),
        })?;
        let stat =
            rustix::fs::fstat(&directory).map_err(|errno| self.error("examine the state directory", "", errno))?;
        let me = rustix::process::geteuid().as_raw();
        if stat.st_uid != 0 && stat.st_uid != me {
            return Err(untrusted(format!("user {} owns it; it must belong to root or to user {me}", stat.st_uid)));
        }
        if stat.st_mode & 0o022 != 0 {
            let mode = stat.st_mode & 0o7777;
            return Err(untrusted(format!("its mode is {mode:04o}; group and others must not be able to write there")));
        }
        Ok(directory)
    }

    /// Everything the journal holds; nothing when the directory does not exist.
    ///
    /// # Errors
    /// Denied, not trustworthy, or failed.
    pub fn history(&self) -> Result<History, JournalError> {
        let directory = match rustix::fs::lstat(&self.path) {
            Err(Errno::NOENT) => return Ok(History::default()),
            _ => self.open()?,
        };
        let mut history = History::default();
        for id in self.numbers(&directory)? {
            let name = file_name(id);
            match self.read_entry(&directory, &name) {
                Ok(entry) if entry.id == id => history.entries.push(entry),
                Ok(entry) => history.unreadable.push((name, format!("it says it is entry {}", entry.id))),
                Err(reason) => history.unreadable.push((name, reason)),
            }
        }
        Ok(history)
    }

    /// The numbers of the entries, ascending.
    fn numbers(&self, directory: &OwnedFd) -> Result<Vec<u64>, JournalError> {
        let failed = |errno| self.error("list the state directory", "", errno);
        let mut numbers = Vec::new();
        for entry in rustix::fs::Dir::read_from(directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            numbers.extend(name.strip_suffix(".json").and_then(|stem| stem.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read_entry(&self, directory: &OwnedFd, name: &str) -> Result<JournalEntry, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, name, flags, Mode::empty()).map_err(|errno| errno.to_string())?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| errno.to_string())?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err("it is not a regular file".to_owned());
        }
        let mut text = String::new();
        File::from(file).read_to_string(&mut text).map_err(|error| error.to_string())?;
        let entry: JournalEntry = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        if entry.schema > SCHEMA_VERSION {
            return Err(format!("its form is version {}, newer than this program's {SCHEMA_VERSION}", entry.schema));
        }
        Ok(entry)
    }

    /// Makes the directory if need be and takes the lock, which is held until the value is dropped.
    ///
    /// # Errors
    /// Denied, not trustworthy, locked by another process, or failed.
    pub(super) fn lock(&self) -> Result<LockedDir<'_>, JournalError> {
        match rustix::fs::mkdir(&self.path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(self.error("make the state directory", "", errno)),
        }
        let directory = self.open()?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = rustix::fs::openat(&directory, LOCK, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| self.error("open the lock file", LOCK, errno))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(LockedDir { state_dir: self, directory, _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(JournalError::Busy { path: self.path.join(LOCK).display().to_string() }),
            Err(errno) => Err(self.error("lock", LOCK, errno)),
        }
    }
}

/// The file of an entry.
fn file_name(id: u64) -> String {
    format!("{id:06}.json")
}

/// The directory with its lock held.
pub(super) struct LockedDir<'a> {
    state_dir: &'a StateDir,
    directory: OwnedFd,
    _lock: OwnedFd,
}

impl<'a> LockedDir<'a> {
    /// Writes a new entry and waits until it is on the disk; its number is set here.
    ///
    /// # Errors
    /// Denied or failed; nothing may be written to the kernel then.
    pub(super) fn begin(self, mut entry: JournalEntry) -> Result<JournalWriter<'a>, JournalError> {
        let last = self.state_dir.numbers(&self.directory)?.last().copied().unwrap_or(0);
        entry.id = last.saturating_add(1);
        let writer = JournalWriter { directory: self, entry };
        writer.save()?;
        Ok(writer)
    }
}

/// An entry being written. Dropping it leaves the file as it was last saved: without an outcome, as after a crash.
pub(super) struct JournalWriter<'a> {
    directory: LockedDir<'a>,
    entry: JournalEntry,
}

impl JournalWriter<'_> {
    /// The entry's number.
    pub(super) fn id(&self) -> u64 {
        self.entry.id
    }

    /// Adds a step and waits until it is on the disk.
    pub(super) fn step(&mut self, step: JournalStep) -> Result<(), JournalError> {
        self.entry.steps.push(step);
        self.save()
    }

    /// Says how it ended and waits until that is on the disk.
    pub(super) fn finish(mut self, outcome: JournalOutcome) -> Result<(), JournalError> {
        self.entry.outcome = Some(outcome);
        self.save()
    }

    /// Replaces the file: written beside it, flushed, renamed, and the directory flushed.
    fn save(&self) -> Result<(), JournalError> {
        let (state_dir, directory) = (self.directory.state_dir, &self.directory.directory);
        let name = file_name(self.entry.id);
        let beside = format!("{name}.new");
        let failed = |errno| state_dir.error("write the journal", &beside, errno);
        let io_failed = |error: std::io::Error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        let mut text = serde_json::to_vec_pretty(&self.entry).map_err(|error| io_failed(error.into()))?;
        text.push(b'\n');
        // Left over from a crash; the lock says that nobody is writing it.
        match rustix::fs::unlinkat(directory, &beside, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, &beside, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        let mut file = File::from(file);
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(io_failed)?;
        rustix::fs::renameat(directory, &beside, directory, &name).map_err(failed)?;
        rustix::fs::fsync(directory).map_err(failed)
    }
}
