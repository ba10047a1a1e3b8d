//! The only door to the kernel.
//!
//! For: every system call of the program: rooted reading of `/proc`, sysctl files, netlink sockets,
//! network namespaces, privilege and clocks.
//! Must not: interpret what it reads (that is `wire`), print, or keep state between calls.
//! Mirrors: procfs, `net/netlink/af_netlink.c`, `kernel/nsproxy.c`, `fs/proc/proc_sysctl.c`.

mod netns;
mod proc;
mod sysctl;

pub use proc::{ProcRoot, ReadError, ReadErrorKind, kernel_release, names_in, node_name, read_gzip_text, read_text};
pub use sysctl::{SysctlError, SysctlFiles};
