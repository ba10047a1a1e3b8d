//! Whether the running values meet a profile: a plan seen the other way round.

use super::{Plan, SkipReason};

/// What can be said of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It meets the rule.
    Ok,
    /// It does not.
    Differs,
    /// It is not here.
    Missing,
    /// It is not to be seen although the kernel has it.
    Hidden,
    /// It could not be read.
    Denied,
    /// The rule is for other kernels.
    NotForThisKernel,
    /// The rule is for other hosts or network namespaces.
    NotHere,
}

impl Verdict {
    /// A stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::Hidden => "hidden",
            Self::Denied => "denied",
            Self::NotForThisKernel => "not-for-this-kernel",
            Self::NotHere => "not-here",
        }
    }
}

impl SkipReason {
    /// What leaving a key out for this reason says of it.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::OnlyInInitialNamespace | Self::Absent | Self::NotLoaded(_) => Verdict::Missing,
            Self::Hidden(_) | Self::NotKnown(_) => Verdict::Hidden,
            Self::OtherKernel { .. } => Verdict::NotForThisKernel,
            Self::NotHere(_) => Verdict::NotHere,
            Self::Unreadable(_) => Verdict::Denied,
            Self::BootedSince
            | Self::NeverWritten(_)
            | Self::Contradiction(_)
            | Self::ReadOnlyHere(_)
            | Self::ValueRefused(_)
            | Self::ChangedSince(_)
            | Self::ChangedByEntry { .. } => Verdict::Differs,
        }
    }
}

impl Plan {
    /// Whether the running values do not meet the profile, or cannot be said to. A key that is not here is no drift
    /// unless the profile requires it.
    #[must_use]
    pub fn has_drift(&self) -> bool {
        let counts = |why: &SkipReason| matches!(why.verdict(), Verdict::Differs | Verdict::Denied | Verdict::Hidden);
        !self.changes.is_empty() || self.skipped.iter().any(|skip| skip.required || counts(&skip.why))
    }
}
