//! Profiles: which values are wanted, and why.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::normalize_value;
use crate::units::{KernelVersion, SysctlKey};

/// A tuning profile with everything it takes from its parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name: the file's name without `.toml`.
    pub name: String,
    /// One line: what it is for.
    pub summary: String,
    /// Its parents, the nearest first.
    pub parents: Vec<String>,
    /// What it wants, by key.
    pub rules: BTreeMap<SysctlKey, Rule>,
    /// Advice that no sysctl can carry out, such as the application's `listen()` backlog.
    pub notes: Vec<String>,
}

/// What a profile wants of one sysctl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How the value is to be compared.
    pub operator: Operator,
    /// The value, numbers and words separated by single blanks.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Where that is said: a kernel document or function, an RFC.
    pub source: String,
    /// What may go wrong.
    pub risk: Option<String>,
    /// Whether the profile makes no sense without the key.
    pub required: bool,
    /// First kernel the rule is for.
    pub since: Option<KernelVersion>,
    /// Last kernel series the rule is for, itself included.
    pub until: Option<KernelVersion>,
    /// The profile that says so: this one or one of its parents.
    pub profile: String,
}

/// How a wanted value is compared with the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// Exactly this value.
    Set,
    /// This value or more: only ever raises.
    AtLeast,
    /// This value or less: only ever lowers.
    AtMost,
}

impl Operator {
    /// Every operator, in the order in which they are documented.
    pub const ALL: [Self; 3] = [Self::Set, Self::AtLeast, Self::AtMost];

    /// The word in a profile's text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::AtLeast => "at-least",
            Self::AtMost => "at-most",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Rule {
    /// Whether the rule is for a kernel.
    #[must_use]
    pub fn is_for(&self, version: KernelVersion) -> bool {
        let series = (version.major, version.minor);
        self.since.is_none_or(|since| version >= since)
            && self.until.is_none_or(|until| series <= (until.major, until.minor))
    }

    /// What a sysctl with this value has to become; the same text when the rule is met.
    ///
    /// With `at-least` and `at-most` vectors are compared and raised or lowered number by number. A present
    /// value that is not numbers does not meet them and becomes the wanted one.
    #[must_use]
    pub fn wanted_from(&self, present: &str) -> String {
        let present = normalize_value(present);
        let bound = |keep: fn(i128, i128) -> i128| -> Option<String> {
            let have = numbers(&present)?;
            let want = numbers(&self.value)?;
            if have.len() != want.len() {
                return None;
            }
            let merged = have.into_iter().zip(want).map(|(have, want)| keep(have, want).to_string());
            Some(merged.collect::<Vec<_>>().join(" "))
        };
        let wanted = match self.operator {
            Operator::Set => None,
            Operator::AtLeast => bound(i128::max),
            Operator::AtMost => bound(i128::min),
        };
        wanted.unwrap_or_else(|| self.value.clone())
    }
}

/// All words as numbers, or nothing when one is not.
fn numbers(text: &str) -> Option<Vec<i128>> {
    text.split_whitespace().map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(operator: Operator, value: &str) -> Rule {
        Rule {
            operator,
            value: value.to_owned(),
            reason: "r".into(),
            source: "s".into(),
            risk: None,
            required: false,
            since: None,
            until: None,
            profile: "p".into(),
        }
    }

    #[test]
    fn at_least_only_raises_and_at_most_only_lowers() {
        assert_eq!(rule(Operator::AtLeast, "4096").wanted_from("128"), "4096");
        assert_eq!(rule(Operator::AtLeast, "4096").wanted_from("65535"), "65535");
        assert_eq!(rule(Operator::AtMost, "2").wanted_from("5"), "2");
        assert_eq!(rule(Operator::AtMost, "2").wanted_from("1"), "1");
        assert_eq!(rule(Operator::Set, "1").wanted_from("2"), "1");
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_not_as_text() {
        assert_eq!(rule(Operator::AtLeast, "1000").wanted_from("999"), "1000");
        assert_eq!(rule(Operator::AtLeast, "9").wanted_from("10"), "10");
        assert_eq!(rule(Operator::AtLeast, "128").wanted_from("-1"), "128");
    }

    #[test]
    fn vectors_are_raised_number_by_number_whatever_separates_them() {
        let raise = rule(Operator::AtLeast, "4096 131072 16777216");
        assert_eq!(raise.wanted_from("4096\t87380\t33554432"), "4096 131072 33554432");
        assert_eq!(rule(Operator::Set, "1024 65000").wanted_from("1024\t65000"), "1024 65000");
    }

    #[test]
    fn until_includes_the_whole_series_it_names() {
        let mut rule = rule(Operator::Set, "1");
        rule.since = Some(KernelVersion::new(5, 4));
        rule.until = Some(KernelVersion::new(6, 1));
        assert!(!rule.is_for(KernelVersion::new(5, 3)));
        assert!(rule.is_for(KernelVersion::new(5, 4)));
        assert!(rule.is_for(KernelVersion { major: 6, minor: 1, patch: 90 }));
        assert!(!rule.is_for(KernelVersion::new(6, 2)));
    }
}
