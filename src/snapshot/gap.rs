//! What could not be read, and why.

use serde::{Deserialize, Serialize};

/// One thing that could not be read. A reading that is missing is a gap, never a zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What was tried: a path or an interface, such as `/proc/net/netstat` or `sock_diag`.
    pub source: String,
    /// What kind of refusal it was.
    pub kind: GapKind,
    /// What the kernel answered, in words.
    pub reason: String,
    /// What is unknown because of it, and what the user can do about it.
    pub consequence: String,
}

/// Kinds of refusal, since "not there" and "not allowed" call for different remedies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// The kernel has no such file, key or protocol here.
    Absent,
    /// The kernel refused this process.
    Denied,
    /// It was there, but what it held could not be understood.
    Malformed,
    /// Reading it failed half way, or the thing vanished meanwhile.
    Failed,
    /// Another source stood in for it, or it was worked out from something else.
    Substituted,
}

impl Gap {
    /// Makes a gap.
    pub fn new(
        source: impl Into<String>,
        kind: GapKind,
        reason: impl Into<String>,
        consequence: impl Into<String>,
    ) -> Self {
        Self { source: source.into(), kind, reason: reason.into(), consequence: consequence.into() }
    }
}
