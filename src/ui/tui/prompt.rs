//! The line that text is typed into: a search, a filter in the words of ss, or a command.

use super::event::Effect;
use super::palette::{self, Candidate};
use super::screen::Screen;
use super::state::State;
use super::theme::Severity;
use super::{export, find, navigate};

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptKind {
    /// Words that rows must have; of sockets, a filter in the words of ss.
    Search,
    /// Words in the text that has the screen; it was shown from this line on before.
    Find(usize),
    /// A command.
    Command,
    /// The name of a file.
    Export,
}

/// A line that is being typed. The list stays visible meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) kind: PromptKind,
    pub(super) text: String,
    /// What is wrong with the text as it stands, or what could follow.
    pub(super) hint: String,
    /// What was typed by hand: what is listed hangs on it while one of the list is looked at.
    typed: String,
    /// Which of the list is looked at.
    pub(super) chosen: Option<usize>,
    /// What was searched for before, for Esc.
    before: String,
}

/// Opens a line.
pub(super) fn open(state: &mut State, kind: PromptKind) {
    let text = match kind {
        PromptKind::Command => String::new(),
        PromptKind::Export => export::file_name(state),
        PromptKind::Find(_) => String::new(),
        PromptKind::Search if state.screen == Screen::Sockets => state.sockets_want.filter.clone(),
        PromptKind::Search => state.list(state.screen).search.clone(),
    };
    state.message = None;
    state.prompt =
        Some(Prompt { kind, hint: String::new(), typed: text.clone(), chosen: None, before: text.clone(), text });
    check(state);
    if let Some(prompt) = state.prompt.as_mut().filter(|prompt| !prompt.before.is_empty() && prompt.hint.is_empty()) {
        prompt.hint = "Ctrl-U clears".to_owned();
    }
}

/// Takes a character.
pub(super) fn type_char(state: &mut State, letter: char) {
    if let Some(prompt) = &mut state.prompt
        && !letter.is_control()
        && prompt.text.len() < 512
    {
        prompt.text.push(letter);
    }
    check(state);
}

/// Takes a pasted text, where one is typed: it is no keys, and does nothing elsewhere.
pub(super) fn paste(state: &mut State, text: &str) {
    if state.prompt.is_none() {
        state.say(Severity::Quiet, "what was pasted did nothing: it is taken where a line is typed, after / or :");
        return;
    }
    text.chars().for_each(|letter| type_char(state, letter));
}

/// Takes the last character away.
pub(super) fn erase(state: &mut State) {
    if let Some(prompt) = &mut state.prompt {
        prompt.text.pop();
    }
    check(state);
}

/// Takes everything away.
pub(super) fn erase_all(state: &mut State) {
    if let Some(prompt) = &mut state.prompt {
        prompt.text.clear();
    }
    check(state);
}

/// Closes the line; a search is as it was before.
pub(super) fn cancel(state: &mut State) {
    let Some(prompt) = state.prompt.take() else { return };
    match prompt.kind {
        PromptKind::Search if state.screen != Screen::Sockets => {
            let screen = state.screen;
            state.list_mut(screen).search = prompt.before;
        }
        PromptKind::Find(from) => {
            state.find = find::Find::default();
            find::show_from(state, from);
        }
        PromptKind::Search | PromptKind::Command | PromptKind::Export => {}
    }
}

/// Goes on with what was typed.
pub(super) fn accept(state: &mut State) -> Vec<Effect> {
    let Some(prompt) = state.prompt.take() else { return Vec::new() };
    match prompt.kind {
        PromptKind::Command => palette::run(state, prompt.text.trim()),
        PromptKind::Export => match export::contents(state, prompt.text.trim()) {
            Ok(text) => vec![Effect::Export { path: prompt.text.trim().to_owned(), text }],
            Err(reason) => {
                state.say(Severity::Warning, reason);
                Vec::new()
            }
        },
        PromptKind::Search if state.screen == Screen::Sockets => {
            if let Some(complaint) = filter_complaint(&prompt.text) {
                state.prompt = Some(Prompt { hint: complaint, ..prompt });
                return Vec::new();
            }
            navigate::filter_sockets(state, prompt.text.trim());
            Vec::new()
        }
        PromptKind::Search => Vec::new(),
        PromptKind::Find(_) => {
            find::accept(state);
            Vec::new()
        }
    }
}

/// What follows from the text as it stands: rows that are searched for, what is wrong with it, what could follow.
fn check(state: &mut State) {
    let screen = state.screen;
    let Some(kind) = state.prompt.as_ref().map(|prompt| prompt.kind) else { return };
    let text = state.prompt.as_ref().map_or_else(String::new, |prompt| prompt.text.clone());
    let hint = match kind {
        PromptKind::Command => hint(state, &text),
        PromptKind::Find(from) => find::seek(state, &text, from),
        PromptKind::Search | PromptKind::Export => String::new(),
    };
    let Some(prompt) = &mut state.prompt else { return };
    (prompt.typed, prompt.chosen) = (text.clone(), None);
    match prompt.kind {
        PromptKind::Command | PromptKind::Find(_) => prompt.hint = hint,
        PromptKind::Export => prompt.hint = "a text; JSON where the name ends in .json".to_owned(),
        PromptKind::Search if screen == Screen::Sockets => prompt.hint = filter_complaint(&text).unwrap_or_default(),
        PromptKind::Search => state.list_mut(screen).search = text,
    }
}

/// What is wrong with a filter, and where.
pub(super) fn filter_complaint(text: &str) -> Option<String> {
    let error = crate::collect::read_filter(text).err()?;
    let place = match text.get(error.place.clone()) {
        Some(part) if !part.trim().is_empty() => format!("at `{}`", part.trim()),
        _ => "at the end".to_owned(),
    };
    Some(format!("{place}: {}", error.message))
}

/// What is said behind a command: what may follow it.
fn hint(state: &State, line: &str) -> String {
    match palette::verb_of(line) {
        Some(verb) => format!("{} {}", verb.argument, verb.help()).trim().to_owned(),
        None if palette::candidates(state, line).is_empty() => "there is no such command".to_owned(),
        None => String::new(),
    }
}

/// Whether rows are searched for.
pub(super) fn is_search(state: &State) -> bool {
    state.prompt.as_ref().is_some_and(|prompt| prompt.kind == PromptKind::Search)
}

/// What may complete the command that is typed; nothing where nothing is to be said.
pub(super) fn listed(state: &State) -> Vec<Candidate> {
    let Some(prompt) = &state.prompt else { return Vec::new() };
    let found = match prompt.kind {
        PromptKind::Command => palette::candidates(state, &prompt.typed),
        // A filter that is whole needs no more words.
        PromptKind::Search if state.screen == Screen::Sockets && !prompt.typed.is_empty() => {
            let whole = filter_complaint(&prompt.typed).is_none() && prompt.chosen.is_none();
            if whole { Vec::new() } else { palette::filters(state, &prompt.typed) }
        }
        _ => Vec::new(),
    };
    match found.as_slice() {
        [only] if only.text == prompt.typed => Vec::new(),
        _ => found,
    }
}

/// Completes as far as it is unambiguous, and then goes through what is listed.
pub(super) fn complete(state: &mut State) {
    let found = listed(state);
    let Some(prompt) = &mut state.prompt else { return };
    let begin = found.iter().filter(|one| one.text.starts_with(prompt.text.as_str()));
    let shared = begin.map(|one| one.text.as_str()).reduce(|shared, text| {
        let same = |(one, other): &((usize, char), char)| one.1 == *other;
        let length = shared.char_indices().zip(text.chars()).take_while(same).last();
        length.map_or("", |((at, letter), _)| shared.get(..at + letter.len_utf8()).unwrap_or_default())
    });
    match (prompt.chosen, shared) {
        (None, Some(shared)) if shared.len() > prompt.text.len() => {
            // A command that takes something goes on with a blank.
            let takes = found.len() == 1 && palette::verb_of(shared).is_some_and(|verb| !verb.argument.is_empty());
            let blank = if takes && !shared.contains(' ') { " " } else { "" };
            prompt.text = format!("{shared}{blank}");
            prompt.typed.clone_from(&prompt.text);
            check(state);
        }
        _ => choose(state, true),
    }
}

/// Takes the next of what is listed, or the one before.
pub(super) fn choose(state: &mut State, down: bool) {
    let found = listed(state);
    let Some(prompt) = &mut state.prompt else { return };
    let Some(last) = found.len().checked_sub(1) else { return };
    let chosen = match (prompt.chosen, down) {
        (None, true) => 0,
        (None, false) => last,
        (Some(at), true) if at >= last => 0,
        (Some(at), true) => at + 1,
        (Some(at), false) => at.checked_sub(1).unwrap_or(last),
    };
    prompt.chosen = Some(chosen);
    if let Some(one) = found.get(chosen) {
        prompt.text.clone_from(&one.text);
    }
    prompt.hint.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_judged_with_its_place() {
        assert_eq!(filter_complaint("state syn-sent and dport = :443"), None);
        assert!(filter_complaint("state no-such").is_some_and(|complaint| complaint.contains("no-such")));
        assert!(filter_complaint("dport =").is_some_and(|complaint| complaint.starts_with("at the end")));
    }

    #[test]
    fn what_could_follow_is_told_and_completed() {
        let state = State::new(Default::default(), (80, 24), Default::default());
        assert!(hint(&state, "interval ").contains("500ms"));
        assert!(hint(&state, "zzz").contains("no such command"));
        let mut state = state;
        open(&mut state, PromptKind::Command);
        "expl".chars().for_each(|letter| type_char(&mut state, letter));
        complete(&mut state);
        assert_eq!(state.prompt.as_ref().map(|prompt| prompt.text.as_str()), Some("explain "));
        "syn".chars().for_each(|letter| type_char(&mut state, letter));
        let listed: Vec<String> = listed(&state).into_iter().map(|one| one.text).collect();
        assert!(listed.len() > 1 && listed.contains(&"explain syn-lost".to_owned()), "{listed:?}");
        // What is shared is there already, so the first is taken, and then the next one.
        for wanted in listed.iter().chain(listed.first()) {
            complete(&mut state);
            assert_eq!(state.prompt.as_ref().map(|prompt| &prompt.text), Some(wanted));
        }
    }
}
