//! Which file and line decides what a sysctl is after the next boot.
//!
//! For: reading the text of sysctl.d files, and the two orders in which systemd-sysctl and procps take them.
//! Must not: read files (that is `tune::store`), or judge what stands in them (that is `tune::lint`).
//! Mirrors: `src/sysctl/sysctl.c` of systemd, `src/sysctl.c` of procps-ng, sysctl.d(5).

mod decide;
mod glob;
mod line;
mod provenance;
mod tree;

pub use decide::{Decision, Resolver, Setting};
pub use glob::KeyGlob;
pub use line::{Assignment, Exclusion, Fault, Item, KeyTarget, parse_sysctl_file};
pub use provenance::{BootKernel, Provenance};
pub use tree::{Content, Directory, Home, Mask, Reader, SysctlFile, SysctlTree};
