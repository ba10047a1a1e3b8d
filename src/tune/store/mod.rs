//! Where sysctls and profiles are kept.
//!
//! For: the doors of `tune`: sysctls behind a trait, so that tests can stand in for the kernel, and what
//! the administrator wrote: the directory of profiles, and sysctl.d.
//! Must not: know plans.
//! Mirrors: `/proc/sys`, `/etc/tcpctl/profiles.d`, sysctl.d(5).

mod profile_files;
mod programs;
mod sysctl_store;
mod sysctl_tree;

pub use profile_files::{ProfileFiles, read_profiles};
pub use programs::read_programs;
pub use sysctl_store::SysctlStore;
pub(super) use sysctl_tree::read_sysctl_directory;
pub use sysctl_tree::{read_boot_modules, read_given_files, read_loaded_modules, read_sysctl_tree};
