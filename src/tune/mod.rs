//! Changing sysctls as a transaction.
//!
//! For: profiles, the plan of what a profile would change and what that does in seconds, applying it with a
//! journal, and restoring from the journal.
//! Must not: write anything that is not in a plan; `apply` and `journal` alone write, the rest is pure.
//! Mirrors: write-ahead journals; tuned's modifiers; `proc_sys_call_handler`, fs/proc/proc_sysctl.c.

mod apply;
mod effect;
mod journal;
mod lint;
mod plan;
mod profile;
mod profile_text;
mod rehearsal;
mod rollback;
mod store;
mod sysctl_d;
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
pub use lint::{
    Hit, Judge, LineCase, LintCase, LintFinding, LintHost, LintRule, Linted, Severity, Spot, find_lint_rule, lint,
    lint_rules,
};
pub use plan::{Already, Change, Plan, PlanKind, Skip, SkipReason, plan_profile};
pub use profile::{Operator, Profile, Rule};
pub use profile_text::{ProfileText, parse_profile};
pub use rehearsal::plan_rehearsal;
pub use rollback::{RollbackError, choose_entry, plan_rollback};
pub use store::{
    ProfileFiles, SysctlStore, read_boot_modules, read_given_files, read_loaded_modules, read_profiles,
    read_sysctl_tree,
};
pub use sysctl_d::{
    Assignment, BootKernel, Content, Decision, Directory, Exclusion, Fault, Home, Item, KeyGlob, KeyTarget, Mask,
    Provenance, Reader, Resolver, Setting, SysctlFile, SysctlTree, parse_sysctl_file,
};
pub use vendor::{ProfileSource, Profiles, VENDOR_PROFILES};
pub use verify::Verdict;
