//! Changing sysctls as a transaction.
//!
//! For: profiles, the plan of what a profile would change and what that does in seconds, applying it with a
//! journal, and restoring from the journal.
//! Must not: write anything that is not in a plan; `apply` and `journal` alone write, the rest is pure.
//! Mirrors: write-ahead journals; tuned's modifiers; `proc_sys_call_handler`, fs/proc/proc_sysctl.c.

mod apply;
mod effect;
mod journal;
mod plan;
mod profile;
mod profile_text;
mod rehearsal;
mod rollback;
mod store;
mod vendor;
mod verify;

pub use apply::{
    ApplyError, ApplyFrom, Outcome, Place, Receipt, Target, Undone, Written, apply_plan, check_permission,
};
pub use effect::{Effect, ListenerEffect, plan_effects, plan_listener_effects};
pub use journal::{
    Action, History, JournalEntry, JournalError, JournalKey, JournalOutcome, JournalStep, StateDir, StepKind,
    Unreadable,
};
pub use plan::{Already, Change, Plan, PlanKind, Skip, SkipReason, plan_profile};
pub use profile::{Operator, Profile, Rule};
pub use profile_text::{ProfileText, parse_profile};
pub use rehearsal::plan_rehearsal;
pub use rollback::{RollbackError, choose_entry, plan_rollback};
pub use store::{ProfileFiles, SysctlStore, read_profiles};
pub use vendor::{ProfileSource, Profiles, VENDOR_PROFILES};
pub use verify::Verdict;
