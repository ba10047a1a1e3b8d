//! What to read, and why it could not be begun.

use std::path::PathBuf;

use super::SynQueues;
use crate::sys::NamespaceError;
use crate::units::SysctlKey;

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The proc file system: `/proc`, another mount, or a copy of its files.
    pub proc_root: PathBuf,
    /// The network namespace by name, process id or path; the caller's own if not given.
    pub netns: Option<String>,
    /// The sysctls to read.
    pub keys: Vec<SysctlKey>,
    /// How to read sockets.
    pub sockets: SocketReading,
    /// Whether to look for the processes that hold the listeners, which walks `/proc/*/fd`.
    pub processes: bool,
    /// What may read the SYN queues of listeners from the kernel, for the readings that use it.
    pub syn_queues: SynQueues,
}

/// How to read sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketReading {
    /// All of them by sock_diag, and by `/proc/net/tcp{,6}` where that is refused or absent.
    Best,
    /// As [`SocketReading::Best`] up to so many sockets, normally [`SocketReading::FITTING`]; as
    /// [`SocketReading::States`] above, and then without processes.
    Fitting(u64),
    /// The exact count of every state but CLOSE, and the listeners with their queues. The kernel walks through all
    /// sockets but tells only of those in rare states; ESTAB and TIME-WAIT follow from its counters. Ports in use are
    /// not counted.
    States,
    /// The listeners with their accept queues. Nothing is walked: the counters have sums of the rest.
    Sums,
    /// As [`SocketReading::Sums`], and the SYN queue of each listener where the kernel lets a program read them.
    SumsAndQueues,
    /// The listeners with both queues. Where walking through the sockets costs more than a program in the kernel, or
    /// where listeners share a port, by that; as [`SocketReading::States`] else, and where no program may be loaded.
    Listeners,
    /// As [`SocketReading::Best`], but by one walk a family, as kernels need it that refuse one walk for both.
    OneByOne,
    /// By `/proc/net/tcp{,6}` even where sock_diag would work.
    ProcNetTcp,
    /// Not at all, for callers that want only settings.
    Skip,
}

impl SocketReading {
    /// So many sockets are walked through unasked: a fifth of a second of one core, more or less.
    pub const FITTING: u64 = 200_000;
}

impl Source {
    /// Everything of the caller's own namespace, by the live `/proc`.
    #[must_use]
    pub fn own(keys: Vec<SysctlKey>) -> Self {
        Self {
            proc_root: PathBuf::from("/proc"),
            netns: None,
            keys,
            sockets: SocketReading::Best,
            processes: true,
            syn_queues: SynQueues::default(),
        }
    }
}

/// Why reading could not be begun. What fails later is a gap in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// The network namespace that was asked for could not be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// There is no such directory as the proc root.
    #[error("there is no directory {path} to read; give the root of a proc file system, normally /proc")]
    NoProc {
        /// The path that was given.
        path: String,
    },
    /// The processes cannot be listed, and with them the namespaces.
    #[error("cannot list the processes below {path}: {reason}; namespaces are found by them")]
    NoProcesses {
        /// The proc root or what was read below it.
        path: String,
        /// The kernel's answer in words.
        reason: String,
    },
    /// A namespace was asked for, but the proc root does not show the one that was entered.
    #[error(
        "{path} does not show the network namespace `{netns}`: it is a copy or another host's; leave out one of the two"
    )]
    OtherProc {
        /// The proc root.
        path: String,
        /// The namespace that was asked for.
        netns: String,
    },
}

/// Where the fault lies, since each calls for another exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// In what was asked for: there is no such thing.
    Request,
    /// In the rights of this process.
    Permission,
    /// In the kernel's answer to a request that was right.
    Kernel,
}

impl CollectError {
    /// Where the fault lies.
    #[must_use]
    pub const fn whose(&self) -> Whose {
        match self {
            Self::Namespace(NamespaceError::Denied { .. }) => Whose::Permission,
            Self::Namespace(NamespaceError::Failed { .. }) | Self::NoProcesses { .. } => Whose::Kernel,
            Self::Namespace(NamespaceError::Unknown { .. } | NamespaceError::NotANamespace { .. })
            | Self::NoProc { .. }
            | Self::OtherProc { .. } => Whose::Request,
        }
    }
}
