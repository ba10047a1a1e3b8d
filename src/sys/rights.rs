//! Giving up what a command does not need.
//!
//! Capabilities that are given up are gone for the process and for all that it starts: `no_new_privs` is set, so that no
//! `execve(2)` brings any back (`cap_bprm_creds_from_file`, security/commoncap.c).

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets};

/// A set of capabilities, bit n for the capability with number n (`include/uapi/linux/capability.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u64);

impl Rights {
    /// None.
    pub const NONE: Self = Self(0);
    /// Reads and finds whatever file there is (`CAP_DAC_READ_SEARCH`).
    pub const READ_FILES: Self = Self(1 << 2);
    /// Writes files and into directories of others, which root may (`CAP_DAC_OVERRIDE`).
    pub const WRITE_FILES: Self = Self(1 << 1);
    /// Finds out which process holds which socket (`CAP_SYS_PTRACE`; that a descriptor's link is read needs it).
    pub const SEE_PROCESSES: Self = Self(1 << 19);
    /// Listens on ports below 1024 (`CAP_NET_BIND_SERVICE`).
    pub const LOW_PORTS: Self = Self(1 << 10);
    /// Settings and devices of the network, and the marks of sockets (`CAP_NET_ADMIN`).
    pub const NETWORK: Self = Self(1 << 12);
    /// Raw sockets, and sockets bound to a device (`CAP_NET_RAW`).
    pub const RAW_SOCKETS: Self = Self(1 << 13);
    /// Enters namespaces and makes them (`CAP_SYS_ADMIN`).
    pub const NAMESPACES: Self = Self(1 << 21);
    /// Priorities (`CAP_SYS_NICE`).
    pub const PRIORITY: Self = Self(1 << 23);
    /// Limits of resources (`CAP_SYS_RESOURCE`).
    pub const RESOURCES: Self = Self(1 << 24);
    /// Reads where the kernel's functions are (`CAP_SYSLOG`, `kallsyms_show_value`).
    pub const KERNEL_ADDRESSES: Self = Self(1 << 34);
    /// Loads programs that look at the kernel's own lists (`CAP_BPF` and `CAP_PERFMON`, since 5.8).
    pub const PROGRAMS: Self = Self(1 << 39 | 1 << 38);

    /// Both together.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, less: Self) -> Self {
        Self(self.0 & !less.0)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// Capabilities by which any file may be read or written. Where the program has them by its file, whoever started it has
/// not, and the names of files are his: they are in effect only while descriptors of processes are read.
const OF_FILES: Rights = Rights::READ_FILES.and(Rights::WRITE_FILES);

/// Gives up for ever what is not among these, in the calling thread and in those that it starts from now on: call it
/// before there is another. What the process never had it does not get.
///
/// # Errors
/// The kernel's answer; nothing may be assumed to be given up then.
pub fn keep_rights(kept: Rights) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    let had = rustix::thread::capabilities(None)?;
    let kept = had.permitted & CapabilitySet::from_bits_retain(kept.0);
    let effective = if owes_rights_to_its_file() { kept & !CapabilitySet::from_bits_retain(OF_FILES.0) } else { kept };
    let sets = CapabilitySets { effective, permitted: kept, inheritable: CapabilitySet::empty() };
    if sets == had {
        return Ok(());
    }
    // With what may be inherited go the ambient ones (`cap_capset`, security/commoncap.c).
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// Whether rights came with the program's file and not with who started it (`AT_SECURE`, getauxval(3)).
#[expect(unsafe_code, reason = "getauxval is not wrapped by rustix")]
fn owes_rights_to_its_file() -> bool {
    // SAFETY: it reads what the kernel left behind for this process, and takes any number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Rights of the calling thread that are in effect until this value is dropped.
#[derive(Debug)]
pub(super) struct Raised {
    before: Option<CapabilitySets>,
}

impl Raised {
    /// Puts into effect what of these the process may have. Where that is so already, or refused, nothing changes.
    pub(super) fn new(rights: Rights) -> Self {
        let wanted = CapabilitySet::from_bits_retain(rights.0);
        let raised = rustix::thread::capabilities(None).ok().and_then(|sets| {
            let more = sets.permitted & wanted;
            if sets.effective.contains(more) {
                return None;
            }
            let raised = CapabilitySets { effective: sets.effective | more, ..sets };
            rustix::thread::set_capabilities(None, raised).ok().map(|()| sets)
        });
        Self { before: raised }
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // Giving up is never refused.
            let _ = rustix::thread::set_capabilities(None, before);
        }
    }
}
