//! Mistakes in texts that people write, each with its place.

use core::ops::Range;

/// A place in a text, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextPlace {
    /// Line.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
}

impl TextPlace {
    /// The place of a byte offset.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}:{}: {message}", place.line, place.column)]
pub struct TextError {
    /// The file, or another name for where the text stands.
    pub file: String,
    /// Where in it.
    pub place: TextPlace,
    /// What is wrong and what was expected.
    pub message: String,
}

impl TextError {
    /// A mistake that begins where `span` does, in bytes of `text`.
    #[must_use]
    pub fn at(file: &str, text: &str, span: &Range<usize>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: TextPlace::of(text, span.start), message: message.into() }
    }

    /// The TOML parser's own mistake, with the nearest word where it speaks of an unknown one.
    #[must_use]
    pub fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let mut message = error.message().trim().replace('\n', "; ");
        if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            message = format!("`{missing}` is missing; expected a line {missing} = \"…\"");
        }
        let integer = message.strip_prefix("invalid type: integer `").and_then(|rest| rest.split_once("` as i128"));
        if let Some((number, _)) = integer {
            message = format!("{number} is out of range: a whole number here is {} to {}", i64::MIN, i64::MAX);
        }
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        if let Some(unknown) = unknown.map(str::to_owned) {
            let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
            let close = similar::get_close_matches(unknown.as_str(), &known, 1, 0.6);
            if let Some(close) = close.first() {
                message = format!("{message}; did you mean `{close}`?");
            }
        }
        Self::at(file, text, &error.span().unwrap_or(0..0), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let text = "a\né = 1\n";
        assert_eq!(TextPlace::of(text, 0), TextPlace { line: 1, column: 1 });
        assert_eq!(TextPlace::of(text, 5), TextPlace { line: 2, column: 3 });
        assert_eq!(TextPlace::of(text, 3), TextPlace { line: 3, column: 1 }, "an offset inside a letter is the end");
    }
}
