//! What the settings mean in seconds: one table, from which `status`, the effects of a plan and the screens are made.

use super::{Host, Settings, Window};

/// A question about the settings with an answer in seconds, per second, or a count.
#[derive(Debug)]
pub struct Consequence {
    /// Stable id, kebab-case.
    pub id: &'static str,
    /// What it says, as the subject of a sentence: "a connect that nobody answers fails after".
    pub label: &'static str,
    /// Two or three words for a table column: "connect gives up".
    pub short: &'static str,
    /// The topic of `explain` that has more.
    pub topic: &'static str,
    /// The sysctls it follows from.
    pub keys: &'static [&'static str],
    /// The rule.
    pub answer: fn(&Settings, &Host) -> Answer,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It happens then.
    After(Window),
    /// It never happens by itself.
    Never,
    /// A rate per second.
    PerSecond(u64),
    /// A number of things.
    Count(u64),
}

/// Every consequence, in the order in which they are shown.
pub const CONSEQUENCES: &[Consequence] = &[];

/// The answers of all of them.
#[must_use]
pub fn consequences(settings: &Settings, host: &Host) -> Vec<(&'static Consequence, Answer)> {
    CONSEQUENCES.iter().map(|consequence| (consequence, (consequence.answer)(settings, host))).collect()
}
