//! Where sysctls and profiles are kept.
//!
//! For: the two doors of `tune`: sysctls behind a trait, so that tests can stand in for the kernel, and the
//! administrator's directory of profiles.
//! Must not: know plans.
//! Mirrors: `/proc/sys`, `/etc/tcpctl/profiles.d`.

mod profile_files;
mod sysctl_store;

pub use profile_files::{ProfileFiles, read_profiles};
pub use sysctl_store::SysctlStore;
