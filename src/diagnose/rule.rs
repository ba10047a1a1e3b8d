//! What a rule is.

use super::{Case, Finding};

/// One thing that can be wrong, with everything about it that does not depend on the host.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, kebab-case; also the name of its file and of its topic in the manual.
    pub id: &'static str,
    /// What it looks for, as half a sentence: "a listener whose accept queue is full".
    pub looks_for: &'static str,
    /// The topic of `explain` that has more, if there is one.
    pub topic: Option<&'static str>,
    /// The sysctls it reads.
    pub keys: &'static [&'static str],
    /// What is often done about it and does not help.
    pub wrong_remedy: &'static str,
    /// What would show that a finding of this rule is mistaken.
    pub disproved_by: &'static str,
    /// The judgement.
    pub check: fn(&Case<'_>) -> Verdict,
}

/// What a rule says of one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong; empty when all is well or when it cannot be told.
    pub findings: Vec<Finding>,
    /// What was missing for a full judgement; empty when nothing was.
    pub gaps: Vec<String>,
}

impl Verdict {
    /// All is well.
    #[must_use]
    pub fn quiet() -> Self {
        Self::default()
    }

    /// Could not judge.
    #[must_use]
    pub fn undecided(gap: String) -> Self {
        Self { findings: Vec::new(), gaps: vec![gap] }
    }
}

impl From<Finding> for Verdict {
    fn from(finding: Finding) -> Self {
        Self { findings: vec![finding], gaps: Vec::new() }
    }
}

/// A rule that lacks an input is undecided.
impl From<Result<Self, String>> for Verdict {
    fn from(result: Result<Self, String>) -> Self {
        result.unwrap_or_else(Self::undecided)
    }
}
