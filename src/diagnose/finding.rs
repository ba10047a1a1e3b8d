//! What a judgement is made of.

use serde::Serialize;

use super::Rule;
use crate::snapshot::Gap;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It loses connections or packets now.
    Critical,
    /// It will hurt, or already hurts a little.
    Warning,
    /// Worth knowing: as far as can be seen nothing is lost by it, now or soon.
    Notice,
}

impl Severity {
    /// In one word, as JSON, metrics and `--fail-on` have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The kernel counts this very thing.
    Certain,
    /// Nothing else that is common looks like it.
    Likely,
    /// Something else may look like it; the next command tells.
    Possible,
}

impl Confidence {
    /// In one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What it is, in the kernel's own word where there is one: `ListenOverflows`.
    pub what: String,
    /// What it was: `+2060 in 5.0s`.
    pub seen: String,
    /// Where it was read, the file and the field or the attribute of sock_diag: `/proc/net/netstat TcpExt ListenDrops`.
    pub source: String,
}

impl Evidence {
    /// Where it was read, without the field where that has been named as what it is.
    #[must_use]
    pub fn place(&self) -> &str {
        let path = self.what.replace('.', "/");
        let bracketed = self.what.strip_suffix(')').and_then(|what| Some(what.rsplit_once('(')?.1));
        let named = [Some(self.what.as_str()), Some(path.as_str()), bracketed];
        let place = named.into_iter().flatten().find_map(|field| self.source.strip_suffix(field));
        place.map_or(self.source.as_str(), |place| place.trim_end_matches([' ', '/']))
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Id of the rule, kebab-case and stable.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, as one sentence.
    pub sentence: String,
    /// How it is known.
    pub evidence: Vec<Evidence>,
    /// Why it is so.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// What is often done and does not help.
    pub wrong_remedy: &'static str,
    /// What would show that this finding is mistaken.
    pub disproved_by: &'static str,
    /// The topic of `explain` that has more, if there is one.
    pub topic: Option<&'static str>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The command that goes on from here, if there is one.
    pub next: Option<&'static str>,
}

impl Finding {
    /// A finding of a rule, without evidence yet.
    #[must_use]
    pub fn new(rule: &Rule, severity: Severity, sentence: impl Into<String>) -> Self {
        Self {
            rule: rule.id,
            severity,
            sentence: sentence.into(),
            evidence: Vec::new(),
            cause: String::new(),
            remedy: String::new(),
            wrong_remedy: rule.wrong_remedy,
            disproved_by: rule.disproved_by,
            topic: rule.topic,
            confidence: rule.confidence,
            next: rule.next,
        }
    }

    /// Says that it is less sure than its rule usually is.
    #[must_use]
    pub fn only(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds one thing that was seen.
    #[must_use]
    pub fn seen(mut self, what: impl Into<String>, seen: impl Into<String>, source: impl Into<String>) -> Self {
        self.evidence.push(Evidence { what: what.into(), seen: seen.into(), source: source.into() });
        self
    }

    /// Says why it is so.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// A rule that could not judge, or not fully.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// Id of the rule.
    pub rule: &'static str,
    /// What was missing.
    pub gap: String,
}

/// The outcome of all rules that were asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Length of the window between the two readings in milliseconds; nothing when there was one reading only.
    pub window_ms: Option<u64>,
    /// Ids of the rules that judged.
    pub rules: Vec<&'static str>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be judged, in the order of the rules.
    pub undecided: Vec<Undecided>,
    /// Why processes are missing in what is said, if they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unnamed: Vec<Gap>,
}

impl Findings {
    /// The worst first. The sort is stable: within a severity the order of the rules stays.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by_key(|finding| finding.severity);
    }

    /// Takes what another judgement says of the rules that it asked, in place of what this one says.
    pub fn replace(&mut self, newer: Self) {
        self.findings.retain(|finding| !newer.rules.contains(&finding.rule));
        self.undecided.retain(|undecided| !newer.rules.contains(&undecided.rule));
        self.findings.extend(newer.findings);
        self.undecided.extend(newer.undecided);
        self.unnamed = newer.unnamed;
        self.sort();
    }
}

/// One line about one finding, for `status` and the screens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// How bad it is.
    pub severity: Severity,
    /// Id of the rule.
    pub rule: &'static str,
    /// What is wrong, as one sentence.
    pub sentence: String,
}
