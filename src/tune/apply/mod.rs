//! Carrying out plans.
//!
//! For: writing what a plan says, reading it back, and undoing it when a key fails.
//! Must not: write anything that is not in a plan, or before the journal is on the disk.
//! Mirrors: `proc_sys_call_handler` and `sysctl_perm`, fs/proc/proc_sysctl.c.

mod carry_out;
mod confirm;
mod receipt;
mod target;
mod waiter;

pub use carry_out::{apply_plan, check_permission};
pub use confirm::{ConfirmError, WAITING, Waited, choose_unconfirmed, confirm, unconfirmed, wait_for_confirmation};
pub use receipt::{ApplyError, ApplyFrom, Outcome, Receipt, Undone, Wishes, Written};
pub use target::{Place, Target};
pub use waiter::Waiter;
