//! Values that are worked out: `{roundup(2 * bdp, 64KiB)}` in a profile.
//!
//! For: reading such a formula with the place of every mistake, and working it out exactly from what is known of a host
//! and from what the user said of the network.
//! Must not: know sysctls, read anything, recurse, or give a number that was rounded, wrapped or guessed on the way.
//! Mirrors: the arithmetic of `sysctl` values in tuned's profiles, as far as it is needed, and total.

mod number;
mod parse;
mod premises;
mod value;

pub use parse::{Bound, Formula, FormulaError, Function, Unworkable};
pub use premises::{Premises, Quantity};
pub use value::{RuleValue, UnworkableValue};
