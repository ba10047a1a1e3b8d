//! The text of a profile: TOML, every mistake with its file, line and column.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{Operator, Rule};
use crate::catalog::{self, Form, ValueError};
use crate::units::{KernelVersion, SysctlKey, TextError, TextPlace};

/// A profile as its own text says it, without its parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileText {
    /// One line: what it is for.
    pub summary: String,
    /// The profile it builds on, and where in the text that is said.
    pub parent: Option<(String, TextPlace)>,
    /// Its own rules.
    pub rules: BTreeMap<SysctlKey, Rule>,
    /// Advice that no sysctl can carry out.
    pub notes: Vec<String>,
}

/// The tables of the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawProfile {
    summary: Spanned<String>,
    parent: Option<Spanned<String>>,
    #[serde(default)]
    notes: Vec<String>,
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
    reason: Spanned<String>,
    source: Spanned<String>,
    risk: Option<String>,
    #[serde(default)]
    required: bool,
    since: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
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
    let parent = raw.parent.map(|parent| (parent.get_ref().clone(), TextPlace::of(text, parent.span().start)));
    Ok(ProfileText { summary: raw.summary.into_inner(), parent, rules, notes: raw.notes })
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
        let text = self.checked_value(&parsed, key, operator, value, until)?;
        let rule = Rule {
            operator,
            value: text,
            reason: self.filled("reason", &raw_rule.reason)?,
            source: self.filled("source", &raw_rule.source)?,
            risk: raw_rule.risk.clone(),
            required: raw_rule.required,
            since,
            until,
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

    /// The value as text, after the catalogue has agreed to it.
    fn checked_value(
        &self,
        parsed: &SysctlKey,
        key: &Spanned<String>,
        operator: Operator,
        value: &Spanned<toml::Value>,
        until: Option<KernelVersion>,
    ) -> Result<String, TextError> {
        let text = match value.get_ref() {
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::String(text) => catalog::normalize_value(text),
            other => {
                let message = format!(
                    "the value of {parsed} is a {}; expected a whole number, or a text in quotes for several numbers \
                     or names",
                    other.type_str()
                );
                return Err(self.error(value.span(), message));
            }
        };
        // Later kernels check more, so the newest one that the rule is for is the strictest.
        let version = until.unwrap_or(KernelVersion { major: u16::MAX, minor: 0, patch: 0 });
        match catalog::check_value(parsed.as_str(), &text, version, None) {
            Ok(()) | Err(ValueError::NotInThisKernel { .. }) => {}
            Err(error @ (ValueError::UnknownKey { .. } | ValueError::ReadOnly { .. })) => {
                return Err(self.error(key.span(), error.to_string()));
            }
            Err(error) => return Err(self.error(value.span(), error.to_string())),
        }
        let numbers = catalog::find(parsed.as_str()).is_some_and(|row| matches!(row.form, Form::Numbers(_)));
        if operator != Operator::Set && !numbers {
            let message = format!("`{operator}` compares numbers, and {parsed} is none; expected `set`");
            return Err(self.error(value.span(), message));
        }
        Ok(text)
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
