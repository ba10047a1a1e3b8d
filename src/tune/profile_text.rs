//! The text of a profile: TOML, every mistake with its file, line and column.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::formula::RuleValue;
use super::profile::{NamespaceKind, When};
use super::{Operator, Rule};
use crate::catalog::{self, Form, ValueError};
use crate::units::{KernelVersion, SysctlKey, TextError, TextPlace};

/// A profile as its own text says it, without its parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileText {
    /// One line: what it is for.
    pub summary: String,
    /// The profile it builds on, and where in the text that is said.
    pub extends: Option<(String, TextPlace)>,
    /// Its own rules.
    pub rules: BTreeMap<SysctlKey, Rule>,
    /// Advice that no sysctl can carry out.
    pub notes: Vec<String>,
    /// What it costs as a whole.
    pub costs: Vec<String>,
    /// When not to use it.
    pub not_for: Vec<String>,
}

/// The tables of the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawProfile {
    summary: Spanned<String>,
    extends: Option<Spanned<String>>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    costs: Vec<String>,
    #[serde(default)]
    not_for: Vec<String>,
    #[serde(default)]
    keys: BTreeMap<Spanned<String>, Spanned<RawRule>>,
}

/// One table `[keys."…"]`. The operators are those of [`Operator::word`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawRule {
    set: Option<Spanned<toml::Value>>,
    at_least: Option<Spanned<toml::Value>>,
    at_most: Option<Spanned<toml::Value>>,
    include: Option<Spanned<toml::Value>>,
    expect: Option<Spanned<toml::Value>>,
    reason: Spanned<String>,
    source: Spanned<String>,
    risk: Option<String>,
    cap: Option<String>,
    #[serde(default)]
    required: bool,
    since: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
    when: Option<RawWhen>,
}

/// The table `when`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawWhen {
    namespace: Option<Spanned<String>>,
    memory_at_least: Option<Spanned<String>>,
    memory_below: Option<Spanned<String>>,
}

/// Reads the text of the profile `name`, which stands in `file`.
///
/// # Errors
/// The first mistake: TOML that cannot be read, an unknown word, a missing reason, a key that the catalogue does
/// not know (with the nearest names), a value that the kernel would refuse.
pub fn parse_profile(name: &str, file: &str, text: &str) -> Result<ProfileText, TextError> {
    let reader = Reader { name, file, text };
    let raw: RawProfile = toml::from_str(text).map_err(|error| TextError::from_toml(file, text, &error))?;
    reader.filled("summary", &raw.summary)?;
    let mut rules = BTreeMap::new();
    for (key, rule) in &raw.keys {
        let (key, rule) = reader.rule(key, rule)?;
        rules.insert(key, rule);
    }
    let extends = raw.extends.map(|parent| (parent.get_ref().clone(), TextPlace::of(text, parent.span().start)));
    let (summary, notes, costs, not_for) = (raw.summary.into_inner(), raw.notes, raw.costs, raw.not_for);
    Ok(ProfileText { summary, extends, rules, notes, costs, not_for })
}

/// The text being read, for the places of mistakes.
struct Reader<'a> {
    name: &'a str,
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn error(&self, span: Range<usize>, message: impl Into<String>) -> TextError {
        TextError::at(self.file, self.text, &span, message)
    }

    /// Refuses a text that is empty, since an empty reason is no reason.
    fn filled(&self, what: &str, text: &Spanned<String>) -> Result<String, TextError> {
        if text.get_ref().trim().is_empty() {
            return Err(self.error(text.span(), format!("`{what}` is empty; expected a sentence")));
        }
        Ok(text.get_ref().clone())
    }

    fn rule(&self, key: &Spanned<String>, raw: &Spanned<RawRule>) -> Result<(SysctlKey, Rule), TextError> {
        let parsed: SysctlKey = key.get_ref().parse().map_err(|error| {
            let meant = catalog::find_by_name(key.get_ref()).map(|row| format!("; did you mean {}?", row.key));
            self.error(key.span(), format!("{error}{}", meant.unwrap_or_default()))
        })?;
        let raw_rule = raw.get_ref();
        let (operator, value) = self.operator(key, raw_rule)?;
        let since = self.version(raw_rule.since.as_ref())?;
        let until = self.version(raw_rule.until.as_ref())?;
        if let (Some(since), Some(until), Some(text)) = (since, until, &raw_rule.until)
            && (until.major, until.minor) < (since.major, since.minor)
        {
            return Err(self.error(text.span(), format!("`until` {until} is before `since` {since}")));
        }
        let checked = self.checked_value(&parsed, key, operator, value, until)?;
        let rule = Rule {
            operator,
            value: checked,
            reason: self.filled("reason", &raw_rule.reason)?,
            source: self.filled("source", &raw_rule.source)?,
            risk: raw_rule.risk.clone(),
            cap: raw_rule.cap.clone(),
            required: raw_rule.required,
            since,
            until,
            when: self.when(raw_rule.when.as_ref())?,
            profile: self.name.to_owned(),
        };
        Ok((parsed, rule))
    }

    /// The one operator of a rule.
    fn operator<'r>(
        &self,
        key: &Spanned<String>,
        raw: &'r RawRule,
    ) -> Result<(Operator, &'r Spanned<toml::Value>), TextError> {
        let given: Vec<_> = Operator::ALL
            .into_iter()
            .filter_map(|operator| {
                let value = match operator {
                    Operator::Set => &raw.set,
                    Operator::AtLeast => &raw.at_least,
                    Operator::AtMost => &raw.at_most,
                    Operator::Include => &raw.include,
                    Operator::Expect => &raw.expect,
                };
                Some((operator, value.as_ref()?))
            })
            .collect();
        match given.as_slice() {
            [one] => Ok(*one),
            [] => {
                let message = format!("{} has no value; expected one of {}", key.get_ref(), operator_words());
                Err(self.error(key.span(), message))
            }
            [first, second, ..] => {
                let (first, second, at) = (first.0, second.0, second.1);
                let message = format!(
                    "{} has both `{first}` and `{second}`; expected one of {}",
                    key.get_ref(),
                    operator_words()
                );
                Err(self.error(at.span(), message))
            }
        }
    }

    /// The value, after the catalogue has agreed to it. What a formula gives is judged when it is worked out.
    fn checked_value(
        &self,
        parsed: &SysctlKey,
        key: &Spanned<String>,
        operator: Operator,
        value: &Spanned<toml::Value>,
        until: Option<KernelVersion>,
    ) -> Result<RuleValue, TextError> {
        let read = match value.get_ref() {
            toml::Value::Integer(number) => RuleValue::from(number.to_string().as_str()),
            toml::Value::String(text) => RuleValue::parse(text, self.file, self.inside(value.span()))?,
            other => {
                let message = format!(
                    "the value of {parsed} is a {}; expected a whole number, or a text in quotes for several numbers, \
                     names or formulas",
                    other.type_str()
                );
                return Err(self.error(value.span(), message));
            }
        };
        let row = catalog::find(parsed.as_str());
        let form = row.map(|row| row.form);
        // Later kernels check more, so the newest one that the rule is for is the strictest.
        let version = until.unwrap_or(KernelVersion { major: u16::MAX, minor: 0, patch: 0 });
        let stand_in = row.map_or_else(String::new, |row| stand_in(row.form));
        let text = if read.is_plain() { read.as_str() } else { stand_in.as_str() };
        match catalog::check_value(parsed.as_str(), text, version, None) {
            Ok(()) | Err(ValueError::NotInThisKernel { .. }) => {}
            Err(error @ (ValueError::UnknownKey { .. } | ValueError::ReadOnly { .. })) => {
                return Err(self.error(key.span(), error.to_string()));
            }
            Err(ValueError::OutOfRange { .. }) if !read.is_plain() => {}
            Err(error) => return Err(self.error(value.span(), error.to_string())),
        }
        let refuse = |message: String| Err(self.error(value.span(), message));
        let octal =
            |word: &&str| word.len() > 1 && word.starts_with('0') && word.bytes().all(|digit| digit.is_ascii_digit());
        if let (Some(word), Some(Form::Numbers(_))) = (text.split(' ').find(octal), form) {
            let number = catalog::parse_number(word).unwrap_or_default();
            return refuse(format!("`{word}` is octal to the kernel, which takes it for {number}; write {number}"));
        }
        match (operator, form) {
            (Operator::AtLeast | Operator::AtMost, Some(Form::Numbers(_)) | None)
            | (Operator::Include, Some(Form::Ports) | None) => {}
            (Operator::AtLeast | Operator::AtMost, _) => {
                return refuse(format!("`{operator}` compares numbers, and {parsed} is none; expected `set`"));
            }
            (Operator::Include, _) => {
                return refuse(format!("`{operator}` is for lists of ports, and {parsed} is none; expected `set`"));
            }
            (Operator::Set | Operator::Expect, _) => {}
        }
        match form {
            _ if read.is_default() => Ok(read),
            Some(Form::Numbers(count)) if read.count() != count && !read.is_plain() => {
                refuse(format!("{parsed} has {count} numbers, and this gives {}", read.count()))
            }
            Some(Form::Numbers(_)) | None => Ok(read),
            Some(_) if read.is_plain() => Ok(read),
            Some(_) => refuse(format!("{parsed} is no number, so that a formula or `_` cannot be its value")),
        }
    }

    /// The place of the first character inside a text's quotes.
    fn inside(&self, span: Range<usize>) -> TextPlace {
        let quoted = self.text.get(span.clone()).unwrap_or_default();
        let quotes = if quoted.starts_with("\"\"\"") || quoted.starts_with("'''") { 3 } else { 1 };
        TextPlace::of(self.text, span.start + quotes)
    }

    /// The conditions of a rule.
    fn when(&self, raw: Option<&RawWhen>) -> Result<When, TextError> {
        let Some(raw) = raw else { return Ok(When::default()) };
        let namespace = raw.namespace.as_ref().map(|word| {
            let kind = NamespaceKind::ALL.into_iter().find(|kind| kind.word() == word.get_ref());
            kind.ok_or_else(|| self.error(word.span(), "expected \"initial\" or \"child\""))
        });
        let size = |text: &Option<Spanned<String>>| {
            let read = text.as_ref().map(|text| {
                let bytes = parse_binary_size(text.get_ref());
                bytes.ok_or_else(|| self.error(text.span(), "expected a size such as \"512MiB\" or \"16GiB\""))
            });
            read.transpose()
        };
        let when = When {
            namespace: namespace.transpose()?,
            memory_at_least: size(&raw.memory_at_least)?,
            memory_below: size(&raw.memory_below)?,
        };
        if let (Some(least), Some(below), Some(text)) = (when.memory_at_least, when.memory_below, &raw.memory_below)
            && below <= least
        {
            return Err(self.error(text.span(), "no host has less than that and at least `memory-at-least`"));
        }
        Ok(when)
    }

    fn version(&self, text: Option<&Spanned<String>>) -> Result<Option<KernelVersion>, TextError> {
        let Some(text) = text else { return Ok(None) };
        text.get_ref().parse().map(Some).map_err(|error| self.error(text.span(), format!("{error}")))
    }
}

/// `set`, `at-least` or `at-most`, as messages list them.
fn operator_words() -> String {
    let words: Vec<String> = Operator::ALL.iter().map(|operator| format!("`{operator}`")).collect();
    words.join(", ")
}

/// A value that the catalogue's form of it agrees to, for one that is not known yet.
fn stand_in(form: Form) -> String {
    match form {
        Form::Numbers(count) => vec!["1"; count].join(" "),
        Form::Name | Form::Words => "x".to_owned(),
        Form::Ports | Form::Hex => String::new(),
    }
}

/// `512MiB` or `16GiB` in bytes.
fn parse_binary_size(text: &str) -> Option<u64> {
    let units = [("KiB", 10_u32), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let (number, shift) = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
    let number: u64 = number.trim_end().parse().ok()?;
    number.checked_mul(1_u64.checked_shl(shift)?)
}
