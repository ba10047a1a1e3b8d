//! What is wrong with a filter, and where.

use core::fmt;
use core::ops::Range;

/// A filter that cannot be applied. It prints as the filter with a caret below the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The filter as it was typed.
    pub filter: String,
    /// The place in it, in bytes.
    pub place: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
    /// Whose fault it is.
    pub fault: FilterFault,
}

/// Whose fault it is, since each calls for another exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterFault {
    /// The filter cannot be right.
    Filter,
    /// The filter is right, and this process may not apply it.
    Permission,
}

impl FilterError {
    /// A mistake at a place of the filter.
    pub(super) fn new(filter: &str, place: &Range<usize>, message: impl Into<String>) -> Self {
        let (filter, message) = (filter.to_owned(), message.into());
        Self { filter, place: place.clone(), message, fault: FilterFault::Filter }
    }
}

impl fmt::Display for FilterError {
    /// The message, then the filter, then the caret; a letter of the filter that would break the line is a blank.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filter: String = self.filter.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = self.filter.get(..self.place.start).unwrap_or(&self.filter).chars().count();
        let marked = self.filter.get(self.place.clone()).unwrap_or_default().chars().count().max(1);
        writeln!(f, "the filter cannot be applied: {}", self.message)?;
        writeln!(f, "  {}", filter.trim_end())?;
        write!(f, "  {}{}", " ".repeat(before), "^".repeat(marked))
    }
}

impl std::error::Error for FilterError {}

/// `; did you mean X?` for a word that is close to one of these, or nothing.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let word = word.to_ascii_lowercase();
    match similar::get_close_matches(word.as_str(), known, 1, 0.6).first() {
        Some(close) => format!("; did you mean `{close}`?"),
        None => String::new(),
    }
}
