//! Values that outlive a boot: one file of our own in a `sysctl.d` directory.
//!
//! For: what that file has to say for the entries of the journal that stand, writing it whole or not at all, and
//! whether it still says so.
//! Must not: touch any other file, follow links, or overwrite what somebody else wrote into ours.
//! Mirrors: sysctl.d(5).

mod drop_in;
mod keeping;

pub use drop_in::{DROP_IN, PersistError, parse_drop_in, plan_persist, plan_undo, read_drop_in};
pub(super) use drop_in::{plan_confirm, write_drop_in};
pub use keeping::{Keeping, Kept, KeptFile, KeptWhere, read_keeping};
