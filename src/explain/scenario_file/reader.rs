//! The text being read: values taken from it, and mistakes with their places.

use core::ops::Range;

use toml::Spanned;

use super::raw::RawValue;
use super::words::{Word, parse_word};
use crate::units::{TextError, parse_duration_us};

/// Times above a day are taken for a slip of the pen.
pub(super) const LONGEST_US: u64 = 86_400_000_000;

/// The text, for the places of mistakes.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Reader<'_> {
    /// A mistake that begins where the span does.
    pub(super) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> TextError {
        TextError::at(self.file, self.text, span, message)
    }

    /// The TOML parser's mistake, in the words of this format.
    pub(super) fn toml_error(&self, error: &toml::de::Error) -> TextError {
        let mut told = TextError::from_toml(self.file, self.text, error);
        if told.message.starts_with("invalid type: map, expected a sequence") {
            "single brackets; these come in lists, so each is [[call]], [[wire]] or [[inject]]"
                .clone_into(&mut told.message);
        }
        told
    }

    /// A text in quotes.
    pub(super) fn text<'v>(&self, what: &str, value: &'v RawValue, such_as: &str) -> Result<&'v str, TextError> {
        match value.get_ref() {
            toml::Value::String(text) => Ok(text),
            other => {
                let message = format!("`{what}` is {}; expected a text in quotes such as \"{such_as}\"", kind(other));
                Err(self.error(&value.span(), message))
            }
        }
    }

    /// One word of a table.
    pub(super) fn word<T: Copy>(
        &self,
        what: &str,
        value: &RawValue,
        words: &'static [Word<T>],
    ) -> Result<T, TextError> {
        let such_as = words.first().map_or("", |word| word.word);
        let text = self.text(what, value, such_as)?;
        parse_word(words, what, text).map_err(|message| self.error(&value.span(), message))
    }

    /// A text that a function reads.
    pub(super) fn parsed<T>(
        &self,
        what: &str,
        value: &RawValue,
        such_as: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, TextError> {
        let text = self.text(what, value, such_as)?;
        parse(text).map_err(|message| self.error(&value.span(), message))
    }

    /// A duration of at most `longest_us`.
    pub(super) fn duration(&self, what: &str, value: &RawValue, longest_us: u64) -> Result<u64, TextError> {
        let us = self.parsed(what, value, "50ms", |text| {
            parse_duration_us(text).map_err(|message| format!("`{what}`: {message}"))
        })?;
        if us > longest_us {
            let hours = longest_us / 3_600_000_000;
            let message = format!("`{what}` is longer than {hours}h, which can only be a mistake");
            return Err(self.error(&value.span(), message));
        }
        Ok(us)
    }

    /// The same, or this when it is left out.
    pub(super) fn duration_or(&self, what: &str, value: Option<&RawValue>, otherwise: u64) -> Result<u64, TextError> {
        value.map_or(Ok(otherwise), |value| self.duration(what, value, LONGEST_US))
    }

    /// A whole number in a range.
    pub(super) fn number<T>(&self, what: &str, value: &RawValue, range: (T, T)) -> Result<T, TextError>
    where
        T: TryFrom<i64> + Into<i64> + Copy,
    {
        let toml::Value::Integer(number) = value.get_ref() else {
            let message = format!("`{what}` is {}; expected a whole number without quotes", kind(value.get_ref()));
            return Err(self.error(&value.span(), message));
        };
        let (least, greatest): (i64, i64) = (range.0.into(), range.1.into());
        let taken = if (least..=greatest).contains(number) { T::try_from(*number).ok() } else { None };
        taken.ok_or_else(|| {
            self.error(&value.span(), format!("`{what}` is {number}; expected a number from {least} to {greatest}"))
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, what: &str, value: &RawValue) -> Result<bool, TextError> {
        match value.get_ref() {
            toml::Value::Boolean(flag) => Ok(*flag),
            other => Err(self.error(&value.span(), format!("`{what}` is {}; expected true or false", kind(other)))),
        }
    }

    /// Refuses lists that are longer than a scenario of anybody's.
    pub(super) fn few<T>(&self, name: &str, list: &[Spanned<T>], most: usize) -> Result<(), TextError> {
        match list.get(most) {
            None => Ok(()),
            Some(first_too_many) => {
                let message = format!("there are {} of [[{name}]]; at most {most} are taken", list.len());
                Err(self.error(&first_too_many.span(), message))
            }
        }
    }
}

/// A type of TOML with its article.
pub(super) fn kind(value: &toml::Value) -> String {
    match value {
        toml::Value::Integer(number) => format!("the number {number}"),
        toml::Value::Boolean(flag) => format!("{flag}"),
        toml::Value::String(_) => "a text".to_owned(),
        toml::Value::Float(_) => "a number with a fraction".to_owned(),
        toml::Value::Datetime(_) => "a date".to_owned(),
        toml::Value::Array(_) => "a list".to_owned(),
        toml::Value::Table(_) => "a table".to_owned(),
    }
}
