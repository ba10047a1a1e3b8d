//! Profiles: which values are wanted, and why.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::formula::{Premises, Quantity, RuleValue, UnworkableValue};
use crate::catalog::{canonical_value, join_ports, normalize_value, same_value};
use crate::units::{KernelVersion, SysctlKey, TextError};

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
    /// What it costs as a whole.
    pub costs: Vec<String>,
    /// When not to use it.
    pub not_for: Vec<String>,
}

/// What a profile wants of one sysctl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How the value is to be compared.
    pub operator: Operator,
    /// The value.
    pub value: RuleValue,
    /// Why.
    pub reason: String,
    /// Where that is said: a kernel document or function, an RFC.
    pub source: String,
    /// What may go wrong.
    pub risk: Option<String>,
    /// Why a formula of the value has a bound.
    pub cap: Option<String>,
    /// Whether the profile makes no sense without the key.
    pub required: bool,
    /// First kernel the rule is for.
    pub since: Option<KernelVersion>,
    /// Last kernel series the rule is for, itself included.
    pub until: Option<KernelVersion>,
    /// What else must be so for the rule to count.
    pub when: When,
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
    /// These ports besides those that are there: only ever adds.
    Include,
    /// The profile relies on this value and never writes it.
    Expect,
}

impl Operator {
    /// Every operator, in the order in which they are documented.
    pub const ALL: [Self; 5] = [Self::Set, Self::AtLeast, Self::AtMost, Self::Include, Self::Expect];

    /// The word in a profile's text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::AtLeast => "at-least",
            Self::AtMost => "at-most",
            Self::Include => "include",
            Self::Expect => "expect",
        }
    }

    /// What it does, in a sentence.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Set => "Exactly this value.",
            Self::AtLeast => "This value or more; a higher present value is kept.",
            Self::AtMost => "This value or less; a lower present value is kept.",
            Self::Include => {
                "For a list of ports: these besides those that are there, since writing such a list replaces it."
            }
            Self::Expect => {
                "The profile relies on this value and never writes it: a plan and tcpctl verify say when it differs."
            }
        }
    }

    /// What a sysctl with the value `present` has to become; the same text when it is as wanted.
    ///
    /// With `at-least` and `at-most` vectors are compared and raised or lowered number by number, and a number `_` is
    /// left as it is. A present value that is not numbers does not meet them and becomes the wanted one.
    #[must_use]
    pub fn wanted_from(self, wanted: &str, present: &str) -> String {
        let present = normalize_value(present);
        let bound = |keep: fn(i128, i128) -> i128| -> Option<String> {
            let have = present.split_whitespace().map(|word| word.parse().ok()).collect::<Option<Vec<i128>>>()?;
            let want: Vec<&str> = wanted.split_whitespace().collect();
            if have.len() != want.len() {
                return None;
            }
            let merge = |(have, want): (i128, &str)| match want {
                RuleValue::SAME => Some(have.to_string()),
                number => Some(keep(have, number.parse().ok()?).to_string()),
            };
            Some(have.into_iter().zip(want).map(merge).collect::<Option<Vec<_>>>()?.join(" "))
        };
        let merged = match self {
            Self::Set | Self::Expect => bound(|_, want| want),
            Self::AtLeast => bound(i128::max),
            Self::AtMost => bound(i128::min),
            Self::Include => join_ports(&present, wanted),
        };
        merged.unwrap_or_else(|| wanted.to_owned())
    }
}

/// What is demanded of a key, with every formula worked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// How the value is to be compared.
    pub operator: Operator,
    /// The value.
    pub value: String,
}

impl Demand {
    /// What a sysctl with the value `present` has to become; the same text when it is as demanded, however that is
    /// written.
    #[must_use]
    pub fn wanted_from(&self, key: &SysctlKey, present: &str) -> String {
        let (wanted, have) = (canonical_value(key.as_str(), &self.value), canonical_value(key.as_str(), present));
        let next = self.operator.wanted_from(&wanted, &have);
        if next == have { normalize_value(present) } else { next }
    }

    /// Whether a value is as demanded.
    #[must_use]
    pub fn is_met_by(&self, key: &SysctlKey, value: &str) -> bool {
        same_value(key, &self.wanted_from(key, value), value)
    }
}

/// Whose network namespace a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceKind {
    /// The host's own.
    Initial,
    /// Any other: a container's, or one made by hand.
    Child,
}

impl NamespaceKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Initial, Self::Child];

    /// The word in a profile's text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Child => "child",
        }
    }
}

/// What must be so for a rule to count; nothing of it for one that always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// In which network namespace.
    pub namespace: Option<NamespaceKind>,
    /// The least memory of the host in bytes.
    pub memory_at_least: Option<u64>,
    /// The memory in bytes that the host must have less of.
    pub memory_below: Option<u64>,
}

impl When {
    /// Why the rule does not count where this is so; nothing when it does. What is not known is no reason.
    #[must_use]
    pub fn against(&self, initial: Option<bool>, memory_bytes: Option<u64>) -> Option<&'static str> {
        let other = |kind| initial.is_some_and(|initial| (kind == NamespaceKind::Initial) != initial);
        match self.namespace {
            Some(NamespaceKind::Initial) if other(NamespaceKind::Initial) => {
                return Some("the rule is for the host's own network namespace");
            }
            Some(NamespaceKind::Child) if other(NamespaceKind::Child) => {
                return Some("the rule is for network namespaces other than the host's");
            }
            _ => {}
        }
        let memory = memory_bytes?;
        if self.memory_at_least.is_some_and(|least| memory < least) {
            return Some("the rule is for hosts with more memory");
        }
        self.memory_below.is_some_and(|bound| memory >= bound).then_some("the rule is for hosts with less memory")
    }

    /// The conditions in words, for a line of text; empty when there are none.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let namespace = self.namespace.map(|kind| format!("namespace {}", kind.word()));
        let least = self.memory_at_least.map(|bytes| format!("memory at least {}", binary_size(bytes)));
        let below = self.memory_below.map(|bytes| format!("memory below {}", binary_size(bytes)));
        [namespace, least, below].into_iter().flatten().collect()
    }
}

/// Bytes in the largest binary unit that divides them: `4GiB`.
fn binary_size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.into_iter().find(|(shift, _)| bytes != 0 && bytes.trailing_zeros() >= *shift);
    whole.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

impl Profile {
    /// The quantities that its values follow from.
    #[must_use]
    pub fn quantities(&self) -> BTreeSet<Quantity> {
        self.rules.values().flat_map(|rule| rule.value.quantities()).collect()
    }

    /// The first value that has no result with these premises, where it is the formula that is wrong: a division by 0,
    /// a number that does not fit. What is merely not known is no mistake.
    ///
    /// # Errors
    /// The mistake with its file, line and column.
    pub fn check_values(&self, premises: &Premises) -> Result<(), TextError> {
        for rule in self.rules.values() {
            if let Err(UnworkableValue::Wrong(error)) = rule.value.work_out(premises) {
                return Err(error);
            }
        }
        Ok(())
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(operator: Operator, value: &str) -> Rule {
        Rule {
            operator,
            value: value.into(),
            reason: "r".into(),
            source: "s".into(),
            risk: None,
            cap: None,
            required: false,
            since: None,
            until: None,
            when: When::default(),
            profile: "p".into(),
        }
    }

    #[test]
    fn at_least_only_raises_and_at_most_only_lowers() {
        assert_eq!(Operator::AtLeast.wanted_from("4096", "128"), "4096");
        assert_eq!(Operator::AtLeast.wanted_from("4096", "65535"), "65535");
        assert_eq!(Operator::AtMost.wanted_from("2", "5"), "2");
        assert_eq!(Operator::AtMost.wanted_from("2", "1"), "1");
        assert_eq!(Operator::Set.wanted_from("1", "2"), "1");
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_not_as_text() {
        assert_eq!(Operator::AtLeast.wanted_from("1000", "999"), "1000");
        assert_eq!(Operator::AtLeast.wanted_from("9", "10"), "10");
        assert_eq!(Operator::AtLeast.wanted_from("128", "-1"), "128");
    }

    #[test]
    fn vectors_are_raised_number_by_number_whatever_separates_them() {
        let raise = |present| Operator::AtLeast.wanted_from("4096 131072 16777216", present);
        assert_eq!(raise("4096\t87380\t33554432"), "4096 131072 33554432");
        assert_eq!(Operator::Set.wanted_from("1024 65000", "1024\t65000"), "1024 65000");
        assert_eq!(Operator::AtLeast.wanted_from("_ _ 8388608", "4096 16384 4194304"), "4096 16384 8388608");
        assert_eq!(Operator::Set.wanted_from("10240 _", "32768 60999"), "10240 60999");
    }

    #[test]
    fn ports_are_added_to_those_that_are_there() {
        assert_eq!(Operator::Include.wanted_from("30000-32767", "8080,9000-9010"), "8080,9000-9010,30000-32767");
        assert_eq!(Operator::Include.wanted_from("30000-32767", ""), "30000-32767");
        assert_eq!(Operator::Include.wanted_from("5,6", "4,7"), "4-7", "as the kernel prints it");
        assert_eq!(Operator::Include.wanted_from("8080", "8000-9000"), "8000-9000");
    }

    #[test]
    fn a_rule_counts_only_where_its_conditions_are_met() {
        let when = When {
            namespace: Some(NamespaceKind::Initial),
            memory_at_least: Some(4 << 30),
            memory_below: Some(64 << 30),
        };
        assert_eq!(when.against(Some(true), Some(8 << 30)), None);
        assert_eq!(when.against(None, None), None);
        assert!(when.against(Some(false), Some(8 << 30)).unwrap().contains("host's own"));
        assert!(when.against(Some(true), Some(1 << 30)).unwrap().contains("more memory"));
        assert!(when.against(Some(true), Some(64 << 30)).unwrap().contains("less memory"));
        assert_eq!(when.words(), ["namespace initial", "memory at least 4GiB", "memory below 64GiB"]);
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
