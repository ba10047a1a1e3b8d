//! The journal's records: enough to restore what was there, whenever the program stopped.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::tune::Demand;
use crate::units::SysctlKey;

/// Version of the stored form; a reader refuses a newer one.
///
/// Version 2 added `netns_cookie` and `left`, version 3 `login_uid`, `why`, `held`, `demands`, `persist` and `confirm`;
/// version 4 `newest_entry`. An older entry is read as one without.
pub(in crate::tune) const SCHEMA_VERSION: u32 = 4;

/// One apply or rollback, in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// Version of this form.
    pub schema: u32,
    /// Its number; later entries have greater ones.
    pub id: u64,
    /// What was done.
    pub action: Action,
    /// The profile; for a rollback, the one that had been applied.
    pub profile: String,
    /// When it began, milliseconds since 1970-01-01 UTC.
    pub started_unix_ms: u64,
    /// Effective user id of who did it.
    pub uid: u32,
    /// Who had logged in (`/proc/self/loginuid`), which sudo does not change; nothing where that is not known.
    #[serde(default)]
    pub login_uid: Option<u32>,
    /// Why, in the words of who did it.
    #[serde(default)]
    pub why: Option<String>,
    /// The boot it belongs to (`/proc/sys/kernel/random/boot_id`): sysctls do not outlive it.
    pub boot_id: String,
    /// Inode of the network namespace it belongs to.
    pub netns: u64,
    /// Cookie of that namespace, since inodes are given to new namespaces at once; nothing where the kernel has none
    /// or the entry is older than that.
    #[serde(default)]
    pub netns_cookie: Option<u64>,
    /// The name or path by which the namespace was asked for.
    pub netns_name: Option<String>,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// What was to be written, in this order.
    pub keys: Vec<JournalKey>,
    /// What was as wanted already, so that undoing another profile keeps it so; not written.
    #[serde(default)]
    pub held: Vec<JournalKey>,
    /// For a rollback, the keys that it left as they were: somebody had changed them, or they could not be read.
    #[serde(default)]
    pub left: Vec<SysctlKey>,
    /// What is done to the file that keeps values across boots: by an apply that has to be confirmed, when it is.
    #[serde(default)]
    pub persist: Option<Persisted>,
    /// Until when it has to be confirmed.
    #[serde(default)]
    pub confirm: Option<Confirmation>,
    /// What was done, in this order.
    pub steps: Vec<JournalStep>,
    /// How it ended; nothing when the program stopped half way.
    pub outcome: Option<JournalOutcome>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "of")]
pub enum Action {
    /// A profile was applied.
    Apply,
    /// The values from before the entry with this number were restored.
    Rollback(u64),
}

/// One sysctl of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalKey {
    /// The key.
    pub key: SysctlKey,
    /// The value read under the lock, before anything was written.
    pub before: String,
    /// The value to write.
    pub after: String,
    /// What the profiles demand of it. Nothing for a rollback and in older entries, which count as demanding `after`.
    #[serde(default)]
    pub demands: Vec<Demand>,
}

/// What an apply or rollback does to the file in `sysctl.d` that keeps values across boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persisted {
    /// The directory.
    pub directory: String,
    /// The whole file before; nothing when there was none.
    pub before: Option<String>,
    /// The whole file after; nothing when it is removed.
    pub after: Option<String>,
    /// The values that an apply adds to it.
    pub values: BTreeMap<SysctlKey, String>,
}

/// That an apply is undone unless it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// When it is undone, milliseconds since 1970-01-01 UTC.
    pub until_unix_ms: u64,
    /// When it was confirmed; nothing as long as it was not.
    pub confirmed_unix_ms: Option<u64>,
    /// The newest entry of the journal when it was confirmed, by which the writings of the file are put in order. There
    /// without the other, the confirmation stopped half way.
    #[serde(default)]
    pub newest_entry: Option<u64>,
}

impl Confirmation {
    /// One that is still to come.
    pub(in crate::tune) const fn until(until_unix_ms: u64) -> Self {
        Self { until_unix_ms, confirmed_unix_ms: None, newest_entry: None }
    }
}

/// One thing that was about to be done or was done to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalStep {
    /// The key.
    pub key: SysctlKey,
    /// What.
    pub step: StepKind,
}

/// Kinds of step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "detail")]
pub enum StepKind {
    /// The next thing is to write it.
    Writing,
    /// It was written; what was read back.
    Written(String),
    /// It was not written or did not hold; why.
    Failed(String),
    /// The value from before was put back.
    Undone,
    /// Putting the value from before back failed; why.
    UndoFailed(String),
}

/// How an entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalOutcome {
    /// Every key was written and read back.
    Applied,
    /// A key failed, and everything was put back.
    Undone,
    /// A key failed, and not everything could be put back.
    UndoFailed,
}

impl JournalEntry {
    /// Whether it waits to be confirmed, or waited in vain.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.confirm.is_some_and(|confirm| confirm.confirmed_unix_ms.is_none())
    }

    /// What it did to the file in this directory; nothing for one that only will when it is confirmed, or that was
    /// undone at once.
    pub(in crate::tune) fn wrote_in(&self, directory: &Path) -> Option<&Persisted> {
        let here = self.persist.as_ref().filter(|one| Path::new(&one.directory) == directory);
        here.filter(|_| self.outcome != Some(JournalOutcome::Undone) && !self.is_unconfirmed())
    }

    /// Every key that it speaks of: those that were to be written, then those that were as wanted.
    pub fn all_keys(&self) -> impl DoubleEndedIterator<Item = &JournalKey> {
        self.keys.iter().chain(&self.held)
    }
}
