//! The kernel that a forecast is for.

use crate::units::{Hz, KernelVersion};

/// Which kernel the rules are those of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its version.
    pub version: KernelVersion,
    /// Its tick rate; when it is not known, windows cover every common rate ([`Hz::COMMON`]).
    pub hz: Option<Hz>,
}
