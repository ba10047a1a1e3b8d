//! Why a scenario could not be played.

use crate::model::Side;
use crate::sys::NamespaceError;

/// What went wrong in the laboratory. The host is as it was in every case.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No namespaces.
    #[error("cannot make private network namespaces: {0}")]
    Namespace(#[from] NamespaceError),
    /// No wire between them.
    #[error("cannot {doing} in a private network namespace: {error}{}", hint(.error))]
    Setup {
        /// What was tried.
        doing: &'static str,
        /// The kernel's answer.
        error: std::io::Error,
    },
    /// A setting that the scenario needs was refused.
    #[error("cannot set {key}={value} in a private network namespace: {reason}")]
    Setting {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The kernel's answer.
        reason: String,
    },
    /// The scenario did not come to where it begins.
    #[error("the laboratory waited in vain for {0}")]
    NotReady(&'static str),
    /// The wire broke while it was played.
    #[error("the wire of the laboratory failed: {0}")]
    Wire(std::io::Error),
    /// Something that the laboratory needs is closed to this process.
    #[error("{0}")]
    Denied(String),
    /// It was told to stop before the scenario began.
    #[error("the laboratory was stopped before the scenario began")]
    Stopped,
    /// The wire did not take what the kernel sent.
    #[error("the wire of the laboratory lost {drops} packets of the {} by itself; play it again on a less busy host", side.name())]
    Dropped {
        /// Whose.
        side: Side,
        /// How many.
        drops: u64,
    },
    /// More passed than any scenario should need.
    #[error("the laboratory stopped after {0} packets; the two ends answer each other without an end")]
    TooMany(u32),
    /// The scenario has something that cannot be played.
    #[error("the laboratory cannot play this: {0}")]
    NotPlayable(&'static str),
}

impl LabError {
    /// Whether rights are missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Denied(_) => true,
            Self::Namespace(error) => matches!(error, NamespaceError::Denied { .. }),
            Self::Setup { error, .. } => error.kind() == std::io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "; run as root, or where users may open /dev/net/tun",
        std::io::ErrorKind::NotFound => "; is the tun driver loaded (modprobe tun)?",
        _ => "",
    }
}
