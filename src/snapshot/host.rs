//! The kernel, the network namespace and the rights of the reader.

use serde::{Deserialize, Serialize};

use crate::units::{Hz, KernelVersion};

/// The running kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The release as `uname -r` prints it; nothing when it could not be read.
    pub release: Option<String>,
    /// The version read from the release; nothing when it is not three numbers.
    pub version: Option<KernelVersion>,
    /// The tick rate and where it was found.
    pub hz: Option<HzReading>,
}

/// A tick rate with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HzReading {
    /// The rate.
    pub hz: Hz,
    /// Where it was found.
    pub source: HzSource,
}

/// Where a tick rate was found, from the surest to the least sure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum HzSource {
    /// `CONFIG_HZ` in a kernel configuration; the path is given.
    Config(String),
    /// Worked out from what is told in ticks: the resolution of a clock, or a value whose default is a number of ticks;
    /// says which.
    Inferred(String),
}

/// The network namespace that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netns {
    /// Inode of the namespace; nothing when it could not be read.
    pub inode: Option<u64>,
    /// The name or path it was asked for by, if any.
    pub name: Option<String>,
    /// Whether keys that only the initial namespace has are here. Nothing when that could not be told.
    pub initial: Option<bool>,
    /// `SO_NETNS_COOKIE`, which no other namespace gets before the next boot, while an inode is given to the next one as
    /// soon as it is free; nothing before Linux 5.14, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<u64>,
}

impl Netns {
    /// Whether these are surely two, by what both tell.
    #[must_use]
    pub fn is_another(&self, other: &Self) -> bool {
        let differ = |one: Option<u64>, other: Option<u64>| one.zip(other).is_some_and(|(one, other)| one != other);
        differ(self.inode, other.inode) || differ(self.cookie, other.cookie)
    }
}

/// What the reading process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Effective user id.
    pub euid: u32,
    /// Effective capability set as in `/proc/self/status`; nothing when it could not be read.
    pub effective: Option<u64>,
}

impl Capabilities {
    /// `CAP_NET_ADMIN` of `include/uapi/linux/capability.h`: may change network sysctls.
    pub const NET_ADMIN: u32 = 12;
    /// `CAP_SYS_PTRACE`: may read other users' descriptors.
    pub const SYS_PTRACE: u32 = 19;
    /// `CAP_SYS_ADMIN`: may enter network namespaces.
    pub const SYS_ADMIN: u32 = 21;

    /// Whether the capability with this number is held; an unreadable set counts as not held.
    #[must_use]
    pub fn has(&self, number: u32) -> bool {
        self.effective.is_some_and(|set| set >> number & 1 == 1)
    }
}
