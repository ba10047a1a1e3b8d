//! Changing sysctls as a transaction.
//!
//! For: profiles, the plan of what a profile would change and what that does in seconds, applying it with a
//! journal, and restoring from the journal.
//! Must not: write anything that is not in a plan; `apply`, `journal` and `persist` alone write, the rest is pure.
//! Mirrors: write-ahead journals; tuned's modifiers; `proc_sys_call_handler`, fs/proc/proc_sysctl.c.

mod apply;
mod bounded;
mod combine;
mod conflict;
mod effect;
mod formula;
mod journal;
mod lint;
mod memory;
mod persist;
mod plan;
mod profile;
mod profile_format;
mod profile_text;
mod profile_write;
mod rehearsal;
mod rollback;
mod solve;
mod store;
mod sysctl_d;
mod vendor;
mod verify;

pub use apply::{
    ApplyError, ApplyFrom, ConfirmError, Outcome, Place, Receipt, Target, Undone, WAITING, Waited, Waiter, Wishes,
    Written, apply_plan, check_permission, choose_unconfirmed, confirm, unconfirmed, wait_for_confirmation,
};
pub use bounded::{Bounded, BoundedNetwork};
pub use conflict::{AVAILABLE_KEYS, Conflict, ConflictKind, PROGRAMS, Program, Standing, Surroundings, find_conflicts};
pub use effect::{Effect, ListenerEffect, plan_effects, plan_listener_effects};
pub use formula::{Bound, Formula, FormulaError, Function, Premises, Quantity, RuleValue, Unworkable, UnworkableValue};
pub use journal::{
    Action, Confirmation, History, JournalEntry, JournalError, JournalKey, JournalOutcome, JournalStep, Persisted,
    StateDir, StepKind, Unreadable, Waiting,
};
pub use lint::{
    Hit, Judge, LineCase, LintCase, LintFinding, LintHost, LintRule, Linted, Severity, Spot, find_lint_rule,
    is_about_harm, lint, lint_recorded, lint_rules, lint_values,
};
pub use memory::{MEMORY_KEYS, MemoryWorst, weigh_memory};
pub use persist::{
    DROP_IN, Keeping, Kept, KeptFile, KeptWhere, PersistError, parse_drop_in, plan_persist, plan_undo, read_drop_in,
    read_keeping,
};
pub use plan::{
    Already, Change, FileChange, JournalMark, NetworkPath, Plan, PlanKind, Skip, SkipReason, plan_profile,
    plan_profiles, plan_values,
};
pub use profile::{Demand, NamespaceKind, Operator, Profile, Rule, When};
pub use profile_format::{PROFILE_FORMAT, ProfileTable, ProfileWord};
pub use profile_text::{ProfileText, parse_profile};
pub use profile_write::render_profile_text;
pub use rehearsal::plan_rehearsal;
pub use rollback::{RollbackError, choose_entry, plan_rollback, standing_demands};
pub use solve::{
    Application, Caution, Nearest, OptionsFor, SocketOption, Solution, SolveError, WISH_KINDS, Wish, WishKind,
    WishOutcome, WishUnit, WishVerdict, solve,
};
pub use store::{
    ProfileFiles, SysctlStore, read_boot_modules, read_given_files, read_loaded_modules, read_profiles, read_programs,
    read_sysctl_tree,
};
pub use sysctl_d::{
    Assignment, BootKernel, Content, Decision, Directory, Exclusion, Fault, Home, Item, KeyGlob, KeyTarget, Mask,
    Provenance, Reader, Resolver, Setting, SysctlFile, SysctlTree, parse_sysctl_file,
};
pub use vendor::{ProfileSource, Profiles, VENDOR_PROFILES};
pub use verify::Verdict;
