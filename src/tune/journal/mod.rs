//! The write-ahead journal of changes.
//!
//! For: records from which every value can be restored, on the disk before the first write.
//! Must not: decide what is written or restored; that is a plan.
//! Mirrors: write-ahead logs; a file is replaced by rename, and file and directory are flushed.

mod entry;
mod state_dir;

pub(super) use entry::SCHEMA_VERSION;
pub use entry::{Action, Confirmation, JournalEntry, JournalKey, JournalOutcome, JournalStep, Persisted, StepKind};
pub(super) use state_dir::JournalWriter;
pub use state_dir::{History, JournalError, StateDir, Unreadable, Waiting};
