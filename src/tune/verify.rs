//! Whether the running values meet a profile: a plan seen the other way round.

use std::collections::BTreeMap;

use super::sysctl_d::{Reader, Resolver, SysctlTree};
use super::{DROP_IN, Demand, Operator, Plan, SkipReason};
use crate::catalog::normalize_value;
use crate::units::SysctlKey;

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

/// What can be said of a key after the next boot, where tcpctl's own file keeps values of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The file keeps a value that is as wanted, and nothing that is read later takes it back.
    Ok,
    /// The file does not keep it.
    Missing,
    /// The file keeps a value that is not as wanted.
    Differs(String),
    /// Another file gives it a value that is not as wanted: the file with its line, and the value.
    OverriddenBy(String, String),
}

impl Kept {
    /// Words for a table: `ok`, `missing`, `differs`, `overridden-by FILE:LINE`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::Missing => "missing".to_owned(),
            Self::Differs(_) => "differs".to_owned(),
            Self::OverriddenBy(file, _) => format!("overridden-by {file}"),
        }
    }

    /// The value after the next boot, as far as the files say; nothing where none keeps it.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Differs(value) | Self::OverriddenBy(_, value) => Some(value),
            Self::Ok | Self::Missing => None,
        }
    }
}

/// Whether the values of a plan outlive a boot: `own` is what tcpctl's file keeps, `files` are all that are read.
/// Empty when that file keeps nothing of the plan.
#[must_use]
pub fn check_kept(
    plan: &Plan,
    own: &BTreeMap<SysctlKey, String>,
    files: Option<&SysctlTree>,
) -> Vec<(SysctlKey, Kept)> {
    let changes = plan.changes.iter().map(|one| (&one.key, &one.demands));
    let keys: Vec<(&SysctlKey, &Vec<Demand>)> =
        changes.chain(plan.already.iter().map(|one| (&one.key, &one.demands))).collect();
    if !keys.iter().any(|(key, _)| own.contains_key(*key)) {
        return Vec::new();
    }
    let resolver = files.map(|files| Resolver::new(files, Reader::Systemd));
    let check = |(key, demands): (&SysctlKey, &Vec<Demand>)| {
        let wanted: Vec<&Demand> = demands.iter().filter(|demand| demand.operator != Operator::Expect).collect();
        if wanted.is_empty() {
            return None;
        }
        let met = |value: &str| wanted.iter().all(|demand| demand.is_met_by(key, value));
        let decides = resolver.as_ref().and_then(|resolver| resolver.decide(key).decided_by);
        let other = decides.filter(|line| line.file.rsplit('/').next() != Some(DROP_IN));
        let kept = match (other, own.get(key)) {
            (Some(line), _) if !met(&normalize_value(&line.value)) => {
                Kept::OverriddenBy(format!("{}:{}", line.file, line.place.line), normalize_value(&line.value))
            }
            // Another file that says the same will do.
            (Some(_), _) => Kept::Ok,
            (None, Some(value)) if met(value) => Kept::Ok,
            (None, Some(value)) => Kept::Differs(value.clone()),
            (None, None) => Kept::Missing,
        };
        Some((key.clone(), kept))
    };
    keys.into_iter().filter_map(check).collect()
}
