//! Undoing what was applied: plans made from the journal.
//!
//! For: which entry is undone, what each key has to be without it, and what the entries that stand demand.
//! Must not: write anything; a plan is carried out by `apply`.
//! Mirrors: layered configuration: each profile lies over the ones before it, and any of them can be taken out.

mod stack;
mod standing;
mod undo;

pub use standing::standing_demands;
pub(super) use undo::plan_rollback_after_boot;
pub use undo::{RollbackError, choose_entry, plan_rollback};
