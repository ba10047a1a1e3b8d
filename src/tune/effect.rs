//! What changes do, in the terms of the model.

use super::Change;
use crate::model::{Answer, Host, Settings, consequences};
use crate::snapshot::Snapshot;
use crate::units::SysctlValues;

/// An answer of the model that differs before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Stable id of the consequence.
    pub id: &'static str,
    /// What it says, as the subject of a sentence.
    pub label: &'static str,
    /// Two or three words for a table column.
    pub short: &'static str,
    /// The topic of `explain` that has more.
    pub topic: &'static str,
    /// The answer with the values as they are.
    pub before: Answer,
    /// The answer with the values as they would be.
    pub after: Answer,
}

/// The answers of the model that the changes alter, in the order of its table.
///
/// Nothing when the kernel version is unknown, since the rules differ by version.
#[must_use]
pub fn plan_effects(changes: &[Change], snapshot: &Snapshot) -> Vec<Effect> {
    let Some(version) = snapshot.kernel.version else { return Vec::new() };
    let host = Host { version, hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz) };
    let before: SysctlValues = snapshot.sysctls.values();
    let mut after = before.clone();
    for change in changes {
        after.insert(change.key.clone(), change.after.clone());
    }
    let answers = |values: &SysctlValues| consequences(&Settings::from_values(values), &host);
    answers(&before)
        .into_iter()
        .zip(answers(&after))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((consequence, before), (_, after))| Effect {
            id: consequence.id,
            label: consequence.label,
            short: consequence.short,
            topic: consequence.topic,
            before,
            after,
        })
        .collect()
}
