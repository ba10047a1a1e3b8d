//! What a lint rule is.

use super::{LineCase, LintCase};
use crate::tune::sysctl_d::{Fault, SysctlFile};
use crate::units::TextPlace;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The line does not do what it says.
    Error,
    /// It does, and that is most likely not what was wanted.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that can be wrong with a file.
#[derive(Debug)]
pub struct LintRule {
    /// Stable id, kebab-case.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it finds, as half a sentence: "a key that the kernel no longer has".
    pub finds: &'static str,
    /// Why that matters, where a finding does not say so itself.
    pub why: &'static str,
    /// What to write instead, where a finding does not say so itself.
    pub instead: &'static str,
    /// The topic of `explain` that has more.
    pub topic: Option<&'static str>,
    /// The judgement.
    pub judge: Judge,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// Lines that no reader takes as they are meant.
    Fault(fn(&Fault) -> Option<Hit>),
    /// Each line that assigns to something.
    Line(fn(&LineCase<'_>) -> Option<Hit>),
    /// Each file as a whole.
    File(fn(&LintCase<'_>, &SysctlFile) -> Option<Hit>),
    /// All files together.
    Whole(fn(&LintCase<'_>) -> Vec<(Spot, Hit)>),
}

/// Where a finding across lines or files stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub file: String,
    /// Where in it, if that can be said.
    pub place: Option<TextPlace>,
    /// The key, if it is about one.
    pub key: Option<String>,
    /// Whether a package brought the file.
    pub vendor: bool,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What is wrong, with the figures of this line.
    pub message: String,
    /// Why that matters, in place of the rule's own words.
    pub why: Option<String>,
    /// What to write instead, in place of the rule's own words.
    pub instead: Option<String>,
    /// Whether it is the value and not the key that is wrong.
    pub at_value: bool,
}

impl Hit {
    /// Something is wrong with the key or the line.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), why: None, instead: None, at_value: false }
    }

    /// Something is wrong with the value.
    pub fn value(message: impl Into<String>) -> Self {
        Self { at_value: true, ..Self::new(message) }
    }

    /// With a reason of its own.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// With a remedy of its own.
    #[must_use]
    pub fn instead(mut self, instead: impl Into<String>) -> Self {
        self.instead = Some(instead.into());
        self
    }
}
