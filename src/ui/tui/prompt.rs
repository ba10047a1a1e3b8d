//! The line that text is typed into: a search, a filter in the words of ss, or a command.

use super::event::Effect;
use super::screen::Screen;
use super::settings::{self, SETTINGS};
use super::state::{Page, State};
use super::theme::Severity;
use super::{clipboard, export, navigate};
use crate::catalog;
use crate::explain::topics;

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptKind {
    /// Words that rows must have; of sockets, a filter in the words of ss.
    Search,
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
    /// What was searched for before, for Esc.
    before: String,
}

/// A command of the palette.
#[derive(Debug)]
pub struct Verb {
    /// Its name, the same as on the command line.
    pub name: &'static str,
    /// What may follow.
    pub argument: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn verb(name: &'static str, argument: &'static str, help: &'static str) -> Verb {
    Verb { name, argument, help }
}

/// Every command of the palette.
pub const VERBS: &[Verb] = &[
    verb("overview", "", "show the overview"),
    verb("listeners", "", "show the listeners"),
    verb("sockets", "[FILTER]", "show the sockets that pass a filter in the words of ss"),
    verb("explain", "[TOPIC]", "answer a topic for this host"),
    verb("profiles", "[NAME]", "show the profiles"),
    verb("diagnose", "", "show the findings"),
    verb("params", "[WORDS]", "show parameters with these words in their names"),
    verb("lab", "", "show the laboratory"),
    verb("netns", "[WORDS]", "show the network namespaces with these words: a name, an owner, an inode"),
    verb("interval", "TIME", "read every so often, such as 500ms or 5s"),
    verb("set", "NAME VALUE", "a setting that is remembered: interval theme ascii mouse pause columns"),
    verb("copy", "[row|screen|command]", "hand it to the terminal's clipboard; command: the one that prints the same"),
    verb("freeze", "", "freeze the picture, or let it live"),
    verb("gaps", "", "what could not be read"),
    verb("help", "", "the keys of this screen"),
    verb("quit", "", "leave"),
];

/// Opens a line.
pub(super) fn open(state: &mut State, kind: PromptKind) {
    let text = match kind {
        PromptKind::Command => String::new(),
        PromptKind::Export => export::file_name(state),
        PromptKind::Search if state.screen == Screen::Sockets => state.sockets_want.filter.clone(),
        PromptKind::Search => state.list(state.screen).search.clone(),
    };
    state.message = None;
    state.prompt = Some(Prompt { kind, hint: String::new(), before: text.clone(), text });
    check(state);
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
    if let Some(prompt) = state.prompt.take()
        && prompt.kind == PromptKind::Search
        && state.screen != Screen::Sockets
    {
        let screen = state.screen;
        state.list_mut(screen).search = prompt.before;
    }
}

/// Goes on with what was typed.
pub(super) fn accept(state: &mut State) -> Vec<Effect> {
    let Some(prompt) = state.prompt.take() else { return Vec::new() };
    match prompt.kind {
        PromptKind::Command => run(state, prompt.text.trim()),
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
    }
}

/// What follows from the text as it stands: rows that are searched for, what is wrong with it, what could follow.
fn check(state: &mut State) {
    let screen = state.screen;
    let Some(prompt) = &mut state.prompt else { return };
    let text = prompt.text.clone();
    match prompt.kind {
        PromptKind::Command => {
            let hint = hint(&text);
            prompt.hint = hint;
        }
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

/// The words that may complete the text.
fn candidates(text: &str) -> Vec<String> {
    let starting = |part: &str, words: &mut dyn Iterator<Item = &'static str>| -> Vec<String> {
        words.filter(|word| word.starts_with(part)).map(str::to_owned).collect()
    };
    match text.split_once(' ') {
        None => starting(text, &mut VERBS.iter().map(|verb| verb.name)),
        Some(("set", part)) => starting(part, &mut SETTINGS.iter().map(|setting| setting.name)),
        Some(("copy", part)) => starting(part, &mut clipboard::WORDS.iter().map(|(name, _)| *name)),
        Some(("explain", part)) => starting(part, &mut topics().map(|topic| topic.id)),
        Some(("params", part)) => {
            let leaf = |row: &catalog::Parameter| row.leaf().starts_with(part);
            catalog::parameters().filter(|row| leaf(row)).map(|row| row.leaf().to_owned()).collect()
        }
        Some(_) => Vec::new(),
    }
}

/// The candidates, or what the command does.
fn hint(text: &str) -> String {
    let words = candidates(text);
    let named = VERBS.iter().find(|verb| text == verb.name || text.starts_with(&format!("{} ", verb.name)));
    match (words.as_slice(), named) {
        ([only], None) if only == text => String::new(),
        (_, Some(verb)) if words.len() <= 1 => format!("{} {}", verb.argument, verb.help).trim().to_owned(),
        ([], _) => "no such command; Tab completes".to_owned(),
        (words, _) => words.join(" "),
    }
}

/// Completes as far as it is unambiguous.
pub(super) fn complete(state: &mut State) {
    let Some(prompt) = &mut state.prompt else { return };
    if prompt.kind == PromptKind::Command {
        let words = candidates(&prompt.text);
        let Some(first) = words.first() else { return };
        let shared = words.iter().fold(first.as_str(), |shared, word| {
            let length = shared.bytes().zip(word.bytes()).take_while(|(one, other)| one == other).count();
            shared.get(..length).unwrap_or_default()
        });
        let start = prompt.text.find(' ').map_or("", |blank| prompt.text.get(..=blank).unwrap_or_default());
        let end = if words.len() == 1 && start.is_empty() { " " } else { "" };
        prompt.text = format!("{start}{shared}{end}");
    }
    check(state);
}

/// Carries a command out. What writes is not among them.
fn run(state: &mut State, text: &str) -> Vec<Effect> {
    let (typed, argument) = text.split_once(' ').map_or((text, ""), |(name, rest)| (name, rest.trim()));
    let mut matching = VERBS.iter().filter(|verb| verb.name.starts_with(typed));
    let name = match (VERBS.iter().find(|verb| verb.name == typed), matching.next(), matching.next()) {
        _ if typed.is_empty() => return Vec::new(),
        (Some(verb), _, _) | (None, Some(verb), None) => verb.name,
        (None, Some(_), Some(_)) => {
            state.say(Severity::Quiet, format!("`{typed}` may be {}", candidates(typed).join(" or ")));
            return Vec::new();
        }
        (None, None, _) => {
            let names: Vec<&str> = VERBS.iter().map(|verb| verb.name).collect();
            state.say(Severity::Warning, format!("there is no `{typed}`; there are {}", names.join(" ")));
            return Vec::new();
        }
    };
    match name {
        "overview" => navigate::show(state, Screen::Overview),
        "listeners" => navigate::show(state, Screen::Listeners),
        "sockets" => {
            if let Some(complaint) = filter_complaint(argument) {
                state.say(Severity::Warning, complaint);
                return Vec::new();
            }
            let effects = navigate::show(state, Screen::Sockets);
            state.sockets_want.group = None;
            navigate::filter_sockets(state, argument);
            effects
        }
        "explain" if argument.is_empty() => navigate::show(state, Screen::Explain),
        "explain" => navigate::show_topic(state, argument),
        "profiles" => navigate::show_profile(state, argument),
        "diagnose" => navigate::show(state, Screen::Findings),
        "params" => {
            state.list_mut(Screen::Parameters).search = argument.to_owned();
            navigate::show(state, Screen::Parameters)
        }
        "lab" => navigate::show(state, Screen::Lab),
        "netns" => {
            state.list_mut(Screen::Namespaces).search = argument.to_owned();
            navigate::show(state, Screen::Namespaces)
        }
        "interval" => settings::choose(state, &format!("interval {argument}")),
        "set" => settings::choose(state, argument),
        "copy" => {
            let word = if argument.is_empty() { "row" } else { argument };
            match clipboard::WORDS.iter().find(|(name, _)| *name == word) {
                Some((_, what)) => clipboard::copy(state, *what),
                None => {
                    let words: Vec<&str> = clipboard::WORDS.iter().map(|(name, _)| *name).collect();
                    state
                        .say(Severity::Warning, format!("there is no `{word}` to copy; there are {}", words.join(" ")));
                    Vec::new()
                }
            }
        }
        "freeze" => {
            navigate::freeze(state);
            Vec::new()
        }
        "gaps" => {
            navigate::open_page(state, Page::Gaps);
            Vec::new()
        }
        "help" => {
            navigate::open_page(state, Page::Help);
            Vec::new()
        }
        _ => vec![Effect::Quit],
    }
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
    fn what_could_follow_is_told() {
        assert_eq!(hint("s"), "sockets set");
        assert!(hint("explain syn").contains("syn-lost") && hint("explain syn").contains("syncookies"));
        assert!(hint("interval ").contains("500ms"));
        assert!(hint("zzz").contains("no such command"));
    }
}
