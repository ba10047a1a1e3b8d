//! The value of a rule: words, some of which may be formulas.

use std::collections::BTreeSet;

use super::parse::{Bound, Formula, FormulaError, Function, Unworkable};
use super::premises::{Premises, Quantity};
use crate::units::{TextError, TextPlace};

/// A value as a profile says it: a text, in which `{…}` is worked out and `_` leaves a number as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleValue {
    text: String,
    words: Vec<Word>,
    /// The file it stands in.
    file: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Formula(Formula, TextPlace),
}

/// A plain text, as tests and programs give it.
impl From<&str> for RuleValue {
    fn from(text: &str) -> Self {
        let words = text.split_whitespace().map(|word| Word::Plain(word.to_owned())).collect();
        Self { text: text.split_whitespace().collect::<Vec<_>>().join(" "), words, file: String::new() }
    }
}

impl core::fmt::Display for RuleValue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(&self.text)
    }
}

impl RuleValue {
    /// The word for a number that is to stay as it is.
    pub const SAME: &'static str = "_";
    /// The word that alone stands for the kernel's own default.
    pub const DEFAULT: &'static str = "default";

    /// Reads a value that stands in `file`, its first character at `place`.
    ///
    /// # Errors
    /// The first mistake in a formula, with its place.
    pub fn parse(text: &str, file: &str, place: TextPlace) -> Result<Self, TextError> {
        let mut words = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let first = rest.chars().next().unwrap_or(' ');
            let place = place_in(text, at, place);
            if first.is_whitespace() {
                at += first.len_utf8();
            } else if let Some(inside) = rest.strip_prefix('{') {
                let length = inside.find('}').ok_or_else(|| TextError {
                    file: file.to_owned(),
                    place,
                    message: "the formula that opens here is never closed; expected a }".to_owned(),
                })?;
                let formula = inside.get(..length).unwrap_or(inside);
                let begin = TextPlace { column: place.column + 1, ..place };
                let formula = Formula::parse(formula).map_err(|error| text_error(&error, formula, file, begin))?;
                words.push(Word::Formula(formula, begin));
                at += length + 2;
            } else {
                let length = rest.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(rest.len());
                words.push(Word::Plain(rest.get(..length).unwrap_or(rest).to_owned()));
                at += length;
            }
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self { text, words, file: file.to_owned() })
    }

    /// As the profile says it, words separated by single blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is the same on every host and whatever a sysctl holds.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.is_default() && self.words.iter().all(|word| matches!(word, Word::Plain(text) if text != Self::SAME))
    }

    /// Whether it is the kernel's own default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.text == Self::DEFAULT
    }

    /// How many words it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.len()
    }

    /// The quantities it follows from.
    #[must_use]
    pub fn quantities(&self) -> BTreeSet<Quantity> {
        let formulas = self.words.iter().filter_map(|word| match word {
            Word::Formula(formula, _) => Some(formula.quantities()),
            Word::Plain(_) => None,
        });
        formulas.flatten().collect()
    }

    /// The words of it that a bound in their formula keeps from what is wished for, by their place.
    #[must_use]
    pub fn bounds(&self, premises: &Premises, holds: Function) -> Vec<(usize, Bound)> {
        let bound = |(place, word): (usize, &Word)| match word {
            Word::Formula(formula, _) => Some((place, formula.bound(premises, holds)?)),
            Word::Plain(_) => None,
        };
        self.words.iter().enumerate().filter_map(bound).collect()
    }

    /// What the formula at this place is after; nothing where none stands there, or it cannot be worked out.
    #[must_use]
    pub fn wished(&self, place: usize, premises: &Premises, holds: Function) -> Option<i128> {
        match self.words.get(place)? {
            Word::Formula(formula, _) => formula.wished(premises, holds).ok(),
            Word::Plain(_) => None,
        }
    }

    /// The value with every formula worked out; `_` stays.
    ///
    /// # Errors
    /// Says what is not known, or what cannot be worked out and where that stands.
    pub fn work_out(&self, premises: &Premises) -> Result<String, UnworkableValue> {
        let word = |word: &Word| match word {
            Word::Plain(text) => Ok(text.clone()),
            Word::Formula(formula, place) => {
                formula.work_out(premises).map(|number| number.to_string()).map_err(|why| match why {
                    Unworkable::Unknown(quantity) => UnworkableValue::Unknown(quantity),
                    // Only the whole text would tell characters from bytes, and a formula that was read is ASCII.
                    Unworkable::Wrong(error) => UnworkableValue::Wrong(TextError {
                        file: self.file.clone(),
                        place: TextPlace { column: place.column + error.at, ..*place },
                        message: error.message,
                    }),
                })
            }
        };
        let words: Result<Vec<String>, _> = self.words.iter().map(word).collect();
        Ok(words?.join(" "))
    }
}

/// Why a value cannot be worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnworkableValue {
    /// This is not known here.
    Unknown(Quantity),
    /// The formula has no result; where and why.
    Wrong(TextError),
}

fn text_error(error: &FormulaError, formula: &str, file: &str, begin: TextPlace) -> TextError {
    TextError { file: file.to_owned(), place: place_in(formula, error.at, begin), message: error.message.clone() }
}

/// The place of a byte of a text that begins at `begin`.
fn place_in(text: &str, at: usize, begin: TextPlace) -> TextPlace {
    let inside = TextPlace::of(text, at);
    match inside.line {
        1 => TextPlace { line: begin.line, column: begin.column + inside.column - 1 },
        line => TextPlace { line: begin.line + line - 1, column: inside.column },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: TextPlace = TextPlace { line: 4, column: 13 };

    #[test]
    fn formulas_stand_between_plain_words() {
        let value = RuleValue::parse("_  131072 {roundup(2 * bdp, 64KiB)}", "f", BEGIN).unwrap();
        assert_eq!(value.quantities(), BTreeSet::from([Quantity::Bdp]));
        assert_eq!((value.count(), value.is_plain()), (3, false));
        let premises = Premises { rtt_us: Some(30_000), bandwidth_bit_s: Some(1_000_000_000), ..Premises::default() };
        assert_eq!(value.work_out(&premises).unwrap(), "_ 131072 7536640");
        assert_eq!(value.work_out(&Premises::default()), Err(UnworkableValue::Unknown(Quantity::Bdp)));
        assert!(RuleValue::from("4096  87380").is_plain());
    }

    #[test]
    fn a_mistake_has_its_line_and_column_in_the_file() {
        let wrong = |text: &str| RuleValue::parse(text, "f", BEGIN).unwrap_err().to_string();
        assert_eq!(wrong("1 {2 +* 3}"), "f:4:19: a number or name is missing before `*`");
        assert!(wrong("1 {2").starts_with("f:4:15: the formula that opens here is never closed"));
        let value = RuleValue::parse("{1 / (cpus - 2)}", "f", BEGIN).unwrap();
        let Err(UnworkableValue::Wrong(error)) = value.work_out(&Premises { cpus: Some(2), ..Premises::default() })
        else {
            panic!("it has no result");
        };
        assert_eq!(error.to_string(), "f:4:16: this divides by 0");
    }
}
