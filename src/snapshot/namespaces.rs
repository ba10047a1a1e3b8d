//! The network namespaces of a host, in short. It is not part of a stored snapshot.

use super::gap::Gap;
use super::sockets::{Process, Sockets};
use super::whole::Snapshot;

/// Every network namespace that could be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceSurvey {
    /// Inode of the namespace that settings are compared with: the initial one if it can be reached, else the reader's.
    pub compared_with: Option<u64>,
    /// Whether that is the initial one.
    pub compared_with_initial: bool,
    /// The namespaces, ascending by inode.
    pub namespaces: Vec<NamespaceFacts>,
    /// What could not be read of the list.
    pub gaps: Vec<Gap>,
}

/// What a network namespace is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespaceName {
    /// Its inode.
    pub inode: u64,
    /// The name or file that it is bound to, else that it is the reader's own (`own`), a process in it,
    /// or its inode.
    pub name: String,
}

/// One network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its inode, which names it.
    pub inode: u64,
    /// Whether keys that only the initial namespace has are there; nothing when that could not be told.
    pub initial: Option<bool>,
    /// Whether it is the reader's own.
    pub own: bool,
    /// Files that it is bound to, such as `/run/netns/blue`.
    pub bound: Vec<String>,
    /// The process with the lowest number in it; where none is in it, one that holds a descriptor of it.
    pub process: Option<Process>,
    /// How many processes are in it; where none is, how many have a thread in it.
    pub processes: u64,
    /// Its sockets; nothing when they could not be read.
    pub sockets: Option<Sockets>,
    /// Settings whose values differ from those compared with, by key.
    pub settings: Vec<DifferentSetting>,
    /// What could not be read of it.
    pub gaps: Vec<Gap>,
}

/// A setting that is not as elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferentSetting {
    /// Its key.
    pub key: String,
    /// Its value here.
    pub here: String,
    /// Its value in the namespace compared with.
    pub there: String,
}

/// A reading of every network namespace that could be reached, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceReadings {
    /// The namespaces, ascending by inode.
    pub namespaces: Vec<NamespaceReading>,
    /// What could not be read of the list.
    pub gaps: Vec<Gap>,
}

/// What was read of one network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceReading {
    /// Its inode, which names it.
    pub inode: u64,
    /// Whether it is the reader's own.
    pub own: bool,
    /// Files that it is bound to, such as `/run/netns/blue`.
    pub bound: Vec<String>,
    /// The process with the lowest number in it; where none is in it, one that holds a descriptor of it.
    pub process: Option<Process>,
    /// What was read, or why nothing was.
    pub snapshot: Result<Snapshot, Gap>,
}

impl NamespaceReading {
    /// Whether it is the initial one, as far as that could be told.
    #[must_use]
    pub fn is_initial(&self) -> bool {
        self.snapshot.as_ref().is_ok_and(|snapshot| snapshot.netns.initial == Some(true))
    }
}
