//! Whether one reading is older than another of the same host, so that what rose between them can be told.

use super::redact::{HOST, Redacted};
use super::{Netns, Snapshot};

/// Why two readings are not compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// They are of two hosts.
    #[error("it is of the host {older} and the newer reading of {newer}")]
    OtherHost {
        /// The older one's.
        older: String,
        /// The newer one's.
        newer: String,
    },
    /// The host was booted between them, so that all counters began again.
    #[error("the host was booted since, and all counters began again")]
    OtherBoot,
    /// They are of two network namespaces.
    #[error("it is of the network namespace {older} and the newer reading of {newer}")]
    OtherNamespace {
        /// Inode of the older one's.
        older: u64,
        /// Inode of the newer one's.
        newer: u64,
    },
    /// The network namespace was removed between them, and another one got its inode.
    #[error("the network namespace was removed since, and another one has its inode {inode}")]
    InodeOfAnother {
        /// The inode of both.
        inode: u64,
    },
    /// It was not taken before the other one.
    #[error("it was not taken before the newer reading")]
    NotOlder,
    /// Addresses of one of them are hidden otherwise than those of the other.
    #[error(
        "addresses are not hidden alike in both: take each with the same `snapshot --redact-key FILE`, or none redacted"
    )]
    Redacted,
}

impl Snapshot {
    /// Whether this is an older reading of what another one is of.
    ///
    /// # Errors
    /// Why it is not. What neither of them says is not held against them.
    pub fn is_before(&self, newer: &Self) -> Result<(), NotComparable> {
        if is_hidden_alike(self, newer) { self.is_earlier(newer) } else { Err(NotComparable::Redacted) }
    }

    /// The same of two of one file, or of one run of this program, in which the same address is written alike.
    ///
    /// # Errors
    /// As [`Snapshot::is_before`].
    pub fn is_earlier(&self, newer: &Self) -> Result<(), NotComparable> {
        let boots = self.boot_id.as_ref().zip(newer.boot_id.as_ref());
        let same_boot = boots.map(|(older, newer)| older == newer);
        let hosts = self.hostname.as_ref().zip(newer.hostname.as_ref());
        // A name is one of the reader's own namespace of names: two may be of one host.
        if let Some((older, newer)) = hosts.filter(|(older, newer)| older != newer && same_boot != Some(true)) {
            return Err(NotComparable::OtherHost { older: older.clone(), newer: newer.clone() });
        }
        if same_boot == Some(false) {
            return Err(NotComparable::OtherBoot);
        }
        if self.monotonic_ms >= newer.monotonic_ms {
            let booted = same_boot.is_none() && self.taken_unix_ms < newer.taken_unix_ms;
            return Err(if booted { NotComparable::OtherBoot } else { NotComparable::NotOlder });
        }
        let inodes = |netns: &Netns| netns.inode;
        match inodes(&self.netns).zip(inodes(&newer.netns)) {
            Some((older, newer)) if older != newer => Err(NotComparable::OtherNamespace { older, newer }),
            inodes if self.netns.is_another(&newer.netns) => {
                Err(NotComparable::InodeOfAnother { inode: inodes.map_or(0, |(inode, _)| inode) })
            }
            _ => Ok(()),
        }
    }
}

/// Whether the same address is the same in both.
fn is_hidden_alike(older: &Snapshot, newer: &Snapshot) -> bool {
    // Older files say so by the name of the host alone.
    let hidden = |one: &Snapshot| {
        let unsaid = || (one.hostname.as_deref() == Some(HOST)).then_some(Redacted { key: None });
        one.redacted.clone().or_else(unsaid)
    };
    match (hidden(older), hidden(newer)) {
        (None, None) => true,
        (Some(older), Some(newer)) => older.key.is_some() && older == newer,
        _ => false,
    }
}
