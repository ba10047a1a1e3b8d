//! The snapshot itself.

use serde::{Deserialize, Serialize};

use super::{Capabilities, Counters, Gap, GapKind, Kernel, Netns, Redacted, Sockets, Sysctls};
use crate::catalog;

/// Version of the stored form; a reader refuses a newer one.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that was read from one network namespace at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of this form, [`SCHEMA_VERSION`].
    pub schema: u32,
    /// When it was taken, milliseconds since 1970-01-01 UTC.
    pub taken_unix_ms: u64,
    /// Monotonic clock at that time in milliseconds, for rates between two snapshots of one boot.
    pub monotonic_ms: u64,
    /// Host name; nothing when it could not be read.
    pub hostname: Option<String>,
    /// The kernel.
    pub kernel: Kernel,
    /// The network namespace.
    pub netns: Netns,
    /// What the reader was allowed to do.
    pub capabilities: Capabilities,
    /// `MemTotal` in KiB; nothing when it could not be read.
    pub memory_kib: Option<u64>,
    /// Sysctls.
    pub sysctls: Sysctls,
    /// Counters.
    pub counters: Counters,
    /// Sockets; nothing when neither sock_diag nor `/proc/net/tcp` could be read.
    pub sockets: Option<Sockets>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// `/proc/sys/kernel/random/boot_id`, the same for as long as the kernel runs; nothing when it could not be read, and
    /// in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// That addresses are hidden, and how; nothing when they are not, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Redacted>,
}

impl Snapshot {
    /// Whether the kernel that was read has a sysctl, as far as the catalogue knows; while its version is unknown
    /// it may have all of them.
    #[must_use]
    pub fn has_key(&self, key: &str) -> bool {
        self.kernel.version.is_none_or(|version| catalog::exists(key, version))
    }

    /// Whether some of the sockets could not be read or understood, so that counts of all of them are too low.
    #[must_use]
    pub fn misses_sockets(&self) -> bool {
        let spoils = |gap: &Gap| {
            match gap.kind {
                GapKind::Malformed | GapKind::Failed => ["sock_diag", "/net/tcp", "/net/tcp6"],
                // Without IPv6 there is no such table, and no such socket.
                GapKind::Denied => ["/net/tcp6"; 3],
                GapKind::Absent | GapKind::Substituted => return false,
            }
            .into_iter()
            .any(|source| gap.source.ends_with(source))
        };
        self.gaps.iter().any(spoils)
    }
}
