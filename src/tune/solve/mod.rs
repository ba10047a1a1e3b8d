//! Settings for wished-for times: which sysctls, and which options of a socket, make the model's answers as wished.
//!
//! For: searching among values for those whose predicted worst case meets every wish, with the least change.
//! Must not: work out a time of its own, read or write anything, or change a key that no wish needs.
//! Mirrors: nothing of the kernel: each answer comes from the clocks of `model`.

mod application;
mod caution;
mod dial;
mod lever;
mod profile;
mod run;
mod search;
mod solution;
mod together;
mod wish;

pub use application::{Application, SocketOption};
pub use caution::Caution;
pub use run::solve;
pub use solution::{Nearest, OptionsFor, Solution, SolveError, WishOutcome, WishVerdict};
pub use wish::{WISH_KINDS, Wish, WishKind, WishUnit};
