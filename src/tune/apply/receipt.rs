//! What was done, or why nothing was.

use std::path::PathBuf;

use super::confirm::ConfirmError;
use super::target::Place;
use crate::sys::{NamespaceError, SysctlError};
use crate::tune::PlanKind;
use crate::tune::journal::{JournalError, Waiting};
use crate::tune::persist::PersistError;
use crate::units::SysctlKey;

/// Who applies, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyFrom {
    /// Milliseconds since 1970-01-01 UTC.
    pub now_unix_ms: u64,
    /// Effective user id.
    pub uid: u32,
    /// Who had logged in, which sudo does not change; nothing where that is not known.
    pub login_uid: Option<u32>,
    /// What the user said of how and why.
    pub wishes: Wishes,
    /// The boot and the network namespace that the store writes to.
    pub place: Place,
}

/// What the user said of how and why a plan is to be carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Why, for the history.
    pub why: Option<String>,
    /// Undo it after so many milliseconds unless it is confirmed.
    pub confirm_within_ms: Option<u64>,
    /// What to do while another apply or rollback is under way.
    pub waiting: Waiting,
    /// Only while this entry is not confirmed.
    pub unless_confirmed: Option<u64>,
}

/// What was done, key by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The journal's entry; nothing when there was nothing to write.
    pub entry: Option<u64>,
    /// Where the plan came from.
    pub kind: PlanKind,
    /// The profile.
    pub profile: String,
    /// What was written and held, in the order of writing.
    pub written: Vec<Written>,
    /// What a rollback left as it was, so that its entry goes on standing.
    pub left: Vec<SysctlKey>,
    /// What was done to the file that keeps values across boots: its path, and whether it is there now.
    pub file: Option<(PathBuf, bool)>,
    /// The file that a rollback left as it was, since somebody else had changed it.
    pub file_left: Option<PathBuf>,
    /// The file that is written only when it is confirmed, so that a reboot before that undoes everything.
    pub file_on_confirm: Option<PathBuf>,
    /// When it is undone unless it is confirmed, milliseconds since 1970-01-01 UTC.
    pub confirm_until_unix_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

/// One key that was written and read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The key.
    pub key: SysctlKey,
    /// The value from before.
    pub before: String,
    /// The value that was written.
    pub wrote: String,
    /// The value that was read afterwards.
    pub read_back: String,
}

/// How carrying out a plan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to write.
    Nothing,
    /// Every key was written and holds the value.
    Applied,
    /// A key failed, and what had been written was put back in reverse order.
    Undone {
        /// What failed: a key, or the path of a file.
        key: String,
        /// Why.
        why: String,
        /// Whether this process was not allowed to write it.
        denied: bool,
        /// What was put back, or could not be.
        undone: Vec<Undone>,
        /// Why the file that keeps values across boots is not what it was before, if so.
        file_failure: Option<String>,
    },
}

impl Outcome {
    /// Whether everything is as the outcome's name says; not so when something could not be put back.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Nothing | Self::Applied => true,
            Self::Undone { undone, file_failure, .. } => {
                file_failure.is_none() && undone.iter().all(|undone| undone.failure.is_none())
            }
        }
    }
}

/// One key that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The key.
    pub key: SysctlKey,
    /// The value it was to have again.
    pub before: String,
    /// Why that failed, if it did.
    pub failure: Option<String>,
}

/// A namespace by its inode, which another one may have had before.
fn here(planned: u64, present: u64) -> String {
    if planned == present { "a newer one with the same inode".to_owned() } else { present.to_string() }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A key holds another value than when the plan was made.
    #[error(
        "{key} is `{present}` now and was `{planned}` when the plan was made: somebody else changed it meanwhile; \
         nothing was written; make a new plan"
    )]
    Stale {
        /// The key.
        key: SysctlKey,
        /// Its value in the plan.
        planned: String,
        /// Its value now.
        present: String,
    },
    /// Another apply or rollback went on after the plan to undo one was made.
    #[error(
        "another apply or rollback has gone on since the plan was made, which says otherwise what there is to undo; \
         nothing was written; look again with `tcpctl history`"
    )]
    JournalMoved,
    /// The plan was made for another network namespace.
    #[error("the plan is for network namespace {planned}, this is {}; nothing was written", here(*.planned, *.present))]
    OtherNamespace {
        /// The plan's.
        planned: u64,
        /// The one that would be written to.
        present: u64,
    },
    /// The plan leaves out a key that the profile requires.
    #[error("the profile requires {key}, which cannot be set here; nothing was written")]
    RequiredKey {
        /// The key.
        key: SysctlKey,
    },
    /// The profiles of the plan contradict each other.
    #[error("the profiles contradict each other on {key} ({wants}); nothing was written")]
    Contradiction {
        /// The key.
        key: SysctlKey,
        /// Which demands what.
        wants: String,
    },
    /// The entry to be undone for want of a confirmation is confirmed.
    #[error("entry {entry} was confirmed meanwhile; nothing was written")]
    Confirmed {
        /// The entry.
        entry: u64,
    },
    /// The entry cannot be confirmed.
    #[error("{0}")]
    Unconfirmable(ConfirmError),
    /// What has to undo the apply unless it is confirmed cannot be started.
    #[error("cannot see to it that this is undone unless it is confirmed: {reason}; nothing was written")]
    NoWaiter {
        /// Why.
        reason: String,
    },
    /// The file that keeps values across boots cannot be read or is not what it was.
    #[error("{0}; nothing was written")]
    File(PersistError),
    /// None of the keys can be seen or read.
    #[error(
        "none of the {count} keys can be seen or read here, so whether anything is as wanted is unknown; nothing was \
         written; is /proc/sys masked, as in a container?"
    )]
    Blind {
        /// How many keys the plan has.
        count: usize,
    },
    /// A key could not be read again, or may not be written.
    #[error("cannot set {key}: {error}; nothing was written")]
    Sysctl {
        /// The key.
        key: SysctlKey,
        /// The kernel's answer.
        error: SysctlError,
    },
    /// Which boot or which namespace this is cannot be told, so that a journal could not be trusted later.
    #[error("cannot tell {what}: {reason}; nothing was written")]
    Unidentified {
        /// What cannot be told.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The network namespace cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The journal could not be written; without it nothing is.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

// Not as its source: the text has all of it, and chains of sources would tell it twice.
impl From<PersistError> for ApplyError {
    fn from(error: PersistError) -> Self {
        Self::File(error)
    }
}

impl ApplyError {
    /// Whether what was asked for cannot be right: there is no such namespace.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Namespace(NamespaceError::Unknown { .. } | NamespaceError::NotANamespace { .. }))
    }

    /// Whether rights are missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Sysctl { error, .. } => matches!(error, SysctlError::Denied { .. }),
            Self::Journal(error) => error.is_denied(),
            Self::File(error) => error.denied,
            Self::Namespace(error) => matches!(error, NamespaceError::Denied { .. }),
            _ => false,
        }
    }
}
