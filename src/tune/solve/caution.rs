//! What a plan would warn of: values that meet a wish and are hardly meant.

use super::search::Assignment;
use super::solution::Nearest;
use crate::snapshot::Snapshot;
use crate::tune::conflict::lint_host;
use crate::tune::lint::{LintHost, lint_values};
use crate::units::SysctlKey;

/// What is wrong with values that meet a wish, and what would be without that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caution {
    /// What the plan warns of, in sentences.
    pub says: Vec<String>,
    /// The nearest to the wish with values that nobody warns of; nothing when none was found.
    pub nearest: Option<Nearest>,
}

/// How far-reaching it is to meet a wish by sysctls.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// No plan would warn of it.
    Fine,
    /// With values that a plan warns of.
    WarnedOf,
    /// With what changes every connection ([`LAST`](super::lever::LAST)).
    EveryConnection,
}

/// The judge of values.
pub(super) struct Judge {
    host: LintHost,
    /// What all wishes are about, which is what a value is set for.
    reason: String,
}

impl Judge {
    /// For a host, and values that are set for this reason.
    pub(super) fn new(snapshot: &Snapshot, reason: String) -> Self {
        Self { host: lint_host(snapshot), reason }
    }

    /// What a plan would warn of with these values.
    pub(super) fn warnings(&self, values: &Assignment) -> Vec<String> {
        let parsed = values.iter().filter_map(|(key, value)| Some((key.parse::<SysctlKey>().ok()?, value)));
        let parsed: Vec<(SysctlKey, &String)> = parsed.collect();
        let lines = parsed.iter().map(|(key, value)| (key, value.as_str(), self.reason.as_str()));
        lint_values(lines, &self.host)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.message, finding.why))
            .collect()
    }

    /// Whether a plan would warn of one value.
    pub(super) fn warns_of(&self, key: &'static str, value: String) -> bool {
        !self.warnings(&Assignment::from([(key, value)])).is_empty()
    }
}
