//! Lists with a detail: what is selected, and what a screen gives to be drawn as a list.

use super::theme::Role;

/// Where the user is in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ListState {
    /// Identity of the selected row, so that it stays selected when rows come and go.
    pub(super) selected: Option<String>,
    /// Its place when it was selected, for when it is gone.
    pub(super) at: usize,
    /// Whether the detail has the screen to itself.
    pub(super) page: bool,
    /// First line of the detail that is shown then.
    pub(super) scroll: usize,
    /// What rows are searched for; empty for all.
    pub(super) search: String,
    /// Only rows that differ, where the screen knows such.
    pub(super) changed_only: bool,
}

/// What a screen gives to be drawn as a list.
pub(super) struct Listing<'a> {
    /// Name of the region.
    pub(super) title: &'static str,
    /// Facts beside it: counts, filter, order.
    pub(super) facts: Vec<String>,
    /// The columns, as wide as the lines.
    pub(super) heading: String,
    /// Identities of the rows, in order.
    pub(super) ids: Vec<String>,
    /// A row as a line without its mark, and what it means.
    pub(super) line: Box<dyn Fn(usize) -> (String, Role) + 'a>,
    /// What is said where there is no row.
    pub(super) empty: String,
}

impl Listing<'_> {
    /// A list of nothing, with the reason.
    pub(super) fn nothing(title: &'static str, empty: impl Into<String>) -> Self {
        Self {
            title,
            facts: Vec::new(),
            heading: String::new(),
            ids: Vec::new(),
            line: Box::new(|_| (String::new(), Role::Plain)),
            empty: empty.into(),
        }
    }

    /// Place of the selected row; of one that is gone, the place where it was.
    pub(super) fn selected(&self, list: &ListState) -> usize {
        let found = list.selected.as_ref().and_then(|wanted| self.ids.iter().position(|id| id == wanted));
        found.unwrap_or(if list.selected.is_some() { list.at } else { 0 }).min(self.ids.len().saturating_sub(1))
    }
}

impl ListState {
    /// Whether a row with these words is searched for: every word of the search is in one of them.
    pub(super) fn admits(&self, words: &[&str]) -> bool {
        self.search.split_whitespace().all(|part| {
            let part = part.to_lowercase();
            words.iter().any(|word| word.to_lowercase().contains(&part))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_for_all_its_words_in_any_order_and_case() {
        let list = |search: &str| ListState { search: search.to_owned(), ..ListState::default() };
        assert!(list("").admits(&["x"]));
        assert!(list("SYN retr").admits(&["net.ipv4.tcp_syn_retries"]));
        assert!(!list("syn fin").admits(&["net.ipv4.tcp_syn_retries"]));
    }
}
