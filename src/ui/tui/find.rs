//! Searching in a text that has the screen: a page, the help, a plan, the history. What is found is shown and marked, and
//! `n` and `N` go on from there.

use super::action::Context;
use super::state::State;
use super::theme::Severity;
use super::{prompt, tuning, view};

/// What is searched for, and where it was found last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Find {
    /// What is searched for; empty for nothing.
    pub(super) text: String,
    /// The line in which it was found, in the text of this place.
    pub(super) found: Option<(Context, usize)>,
}

impl Find {
    /// Whether a line has what is searched for, whatever the case.
    pub(super) fn is_in(&self, line: &str) -> bool {
        !self.text.is_empty() && line.to_lowercase().contains(&self.text.to_lowercase())
    }
}

/// The line that is marked in the text of the place that is open.
pub(super) fn marked(state: &State) -> Option<usize> {
    let (place, line) = state.find.found?;
    (place == state.place()).then_some(line)
}

/// The first line of the text that is shown.
pub(super) fn first_shown(state: &State) -> usize {
    match state.place() {
        Context::Help | Context::Gaps | Context::ProfileValues | Context::Verification | Context::Entry => {
            state.page_scroll
        }
        Context::Plan => state.profiles.plan_scroll,
        Context::ProfileHistory => state.profiles.selected_entry_index(),
        _ => state.list(state.screen).scroll,
    }
}

/// Shows the text from a line on, or as far down as it goes.
pub(super) fn show_from(state: &mut State, line: usize) {
    match state.place() {
        Context::Help | Context::Gaps | Context::ProfileValues | Context::Verification | Context::Entry => {
            state.page_scroll = line.min(view::page_scroll_limit(state));
        }
        Context::Plan => {
            state.profiles.plan_scroll = line.min(view::plan_scroll_limit(state));
            tuning::note_seen(state);
        }
        Context::ProfileHistory => {
            let entry = state.profiles.journal().get(line).map(|entry| entry.id);
            state.profiles.selected_entry = entry.or(state.profiles.selected_entry);
        }
        _ => {
            let from = line.min(view::detail_scroll_limit(state));
            let screen = state.screen;
            state.list_mut(screen).scroll = from;
        }
    }
}

/// Where it is, seen from a line: the first at or below it and then from the top, or the other way up.
fn nearest(lines: &[usize], from: usize, down: bool) -> Option<usize> {
    if down {
        lines.iter().find(|line| **line >= from).or_else(|| lines.first()).copied()
    } else {
        lines.iter().rev().find(|line| **line <= from).or_else(|| lines.last()).copied()
    }
}

/// The lines that have it.
fn found_in(state: &State) -> Vec<usize> {
    let lines = view::text_of_place(state);
    lines.iter().enumerate().filter(|(_, line)| state.find.is_in(line)).map(|(at, _)| at).collect()
}

/// Goes to the first place of what is typed, seen from a line; what to say of it.
pub(super) fn seek(state: &mut State, text: &str, from: usize) -> String {
    text.clone_into(&mut state.find.text);
    let lines = found_in(state);
    let found = nearest(&lines, from, true);
    state.find.found = found.map(|line| (state.place(), line));
    show_from(state, found.unwrap_or(from));
    match (text.is_empty(), lines.len()) {
        (true, _) => "what to search for in this text; n and N go on".to_owned(),
        (false, 0) => "is nowhere in this text".to_owned(),
        (false, 1) => "in 1 line".to_owned(),
        (false, count) => format!("in {count} lines: Enter, then n and N"),
    }
}

/// Goes to the next place, or the one before.
pub(super) fn go_on(state: &mut State, down: bool) {
    if state.find.text.is_empty() {
        state.say(Severity::Quiet, "nothing is searched for; / searches");
        return;
    }
    let lines = found_in(state);
    let text = state.find.text.clone();
    let next = match marked(state) {
        Some(line) if down => nearest(&lines, line + 1, true),
        Some(0) => lines.last().copied(),
        Some(line) => nearest(&lines, line - 1, false),
        None => nearest(&lines, first_shown(state), down),
    };
    state.find.found = next.map(|line| (state.place(), line));
    match next {
        Some(line) => {
            show_from(state, line);
            let number = lines.iter().position(|one| *one == line).unwrap_or(0) + 1;
            state.say(Severity::Quiet, format!("`{text}`: line {number} of {}", lines.len()));
        }
        None => state.say(Severity::Quiet, format!("`{text}` is nowhere in this text")),
    }
}

/// What is said when the line is closed.
pub(super) fn accept(state: &mut State) {
    if state.find.text.is_empty() {
        return;
    }
    let (text, count) = (state.find.text.clone(), found_in(state).len());
    let words = match count {
        0 => format!("`{text}` is nowhere in this text"),
        _ => format!("`{text}`: n shows the next of {count} lines with it, N the one before"),
    };
    state.say(Severity::Quiet, words);
}

/// Opens the line.
pub(super) fn open(state: &mut State) {
    let from = first_shown(state);
    prompt::open(state, prompt::PromptKind::Find(from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_whatever_its_case_and_nothing_is_found_everywhere() {
        let find = |text: &str| Find { text: text.to_owned(), found: None };
        assert!(find("RETR").is_in("tcp_syn_retries") && !find("fin").is_in("tcp_syn_retries"));
        assert!(!find("").is_in("anything"));
    }

    #[test]
    fn what_is_found_is_the_next_line_and_after_the_last_the_first() {
        let lines = [3, 7, 9];
        assert_eq!([0, 3, 4, 10].map(|from| nearest(&lines, from, true)), [3, 3, 7, 3].map(Some));
        assert_eq!([0, 3, 8, 10].map(|from| nearest(&lines, from, false)), [9, 3, 7, 9].map(Some));
        assert_eq!(nearest(&[], 0, true), None);
    }
}
