//! The commands that are typed after a colon: one table, with what completes each and what each does. What writes is not
//! among them; those that lead to writing ask, as their keys do.
//!
//! To add a command: a row in [`VERBS`]. One that does what a key does takes its sentence from the table of keys.

use super::action::{Action, KEYS, Motion, Step};
use super::event::Effect;
use super::prompt::filter_complaint;
use super::screen::Screen;
use super::settings::{self, SETTINGS};
use super::state::{INTERVALS_MS, State};
use super::theme::Severity;
use super::wants::SocketsOrder;
use super::{clipboard, export, navigate, number, trail, tuning, update};
use crate::catalog;
use crate::diagnose::RULES;
use crate::explain::topics;
use crate::report::SocketGroupBy;
use crate::tune::VENDOR_PROFILES;
use crate::units::TcpState;

/// A command of the palette.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// Its name; where the command line has the same, the name that it has there.
    pub name: &'static str,
    /// What may follow.
    pub argument: &'static str,
    help: &'static str,
    does: Does,
    words: fn(&State, &str) -> Vec<Candidate>,
}

/// What a command does.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// What a key does.
    Key(Action),
    /// Something with what follows it.
    Run(fn(&mut State, &str) -> Vec<Effect>),
}

impl Verb {
    /// What it does.
    #[must_use]
    pub fn help(&self) -> &'static str {
        let of_key = |action| KEYS.iter().find(|binding| binding.action == action).map(|binding| binding.help);
        match self.does {
            Does::Key(action) if self.help.is_empty() => of_key(action).unwrap_or_default(),
            _ => self.help,
        }
    }

    /// The action of the key that does the same, if there is one.
    #[must_use]
    pub const fn action(&self) -> Option<Action> {
        match self.does {
            Does::Key(action) => Some(action),
            Does::Run(_) => None,
        }
    }
}

/// What may follow, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The whole of what would be typed.
    pub(super) text: String,
    /// What it is for.
    pub(super) help: String,
}

fn nothing(_: &State, _: &str) -> Vec<Candidate> {
    Vec::new()
}

const fn key(name: &'static str, action: Action) -> Verb {
    Verb { name, argument: "", help: "", does: Does::Key(action), words: nothing }
}

const fn verb(
    name: &'static str,
    argument: &'static str,
    help: &'static str,
    words: fn(&State, &str) -> Vec<Candidate>,
    run: fn(&mut State, &str) -> Vec<Effect>,
) -> Verb {
    Verb { name, argument, help, does: Does::Run(run), words }
}

/// Every command of the palette.
pub const VERBS: &[Verb] = &[
    key("overview", Action::Show(Screen::Overview)),
    key("listeners", Action::Show(Screen::Listeners)),
    verb("sockets", "[FILTER]", "show the sockets that pass a filter in the words of ss", filters, run_sockets),
    verb("explain", "[TOPIC]", "answer a topic for this host", topic_ids, |state, word| match word {
        "" => navigate::show(state, Screen::Explain),
        id => navigate::show_topic(state, id),
    }),
    verb("profiles", "[NAME]", "show the profiles", profile_names, navigate::show_profile),
    verb("plan", "PROFILE", "what a profile would change here; nothing is written", profile_names, tuning::plan_named),
    verb("history", "", "what was applied and rolled back", nothing, |state, _| navigate::show_history(state)),
    verb("diagnose", "[RULE]", "show the findings, or those of a rule", rule_ids, navigate::show_findings),
    verb("params", "[WORDS]", "show parameters with these words in their names", parameter_names, run_params),
    verb("lab", "[TOPIC]", "show the laboratory, or a scenario of it", topic_ids, navigate::show_scenario),
    verb("netns", "[WORDS]", "show network namespaces with these words", namespace_names, |state, words| {
        state.list_mut(Screen::Namespaces).search = words.to_owned();
        navigate::show(state, Screen::Namespaces)
    }),
    verb("interval", "TIME", "read every so often, such as 500ms or 5s", intervals, |state, word| {
        settings::choose(state, &format!("interval {word}"))
    }),
    verb("set", "NAME VALUE", "a setting that is remembered", setting_words, settings::choose),
    verb(
        "copy",
        "[WHAT]",
        "hand the row, the screen or the command that prints the same to the clipboard",
        copies,
        run_copy,
    ),
    verb(
        "export",
        "[FILE]",
        "write what is shown to a new file: a text, or JSON where it ends in .json",
        nothing,
        run_export,
    ),
    verb("order", "[COLUMN]", "order the sockets by a column", orders, run_order),
    verb("count", "[BY]", "count the sockets by what they have in common", groupings, run_count),
    key("open", Action::Open),
    key("back", Action::Back),
    key("filter", Action::Search),
    key("search", Action::Find),
    key("next", Action::FindNext),
    key("previous", Action::FindPrevious),
    key("sort", Action::Sort),
    key("reverse", Action::Reverse),
    key("group", Action::Group),
    key("changed", Action::ChangedOnly),
    key("about", Action::Explain),
    key("where", Action::Whereabouts),
    key("helps", Action::Profile),
    key("region", Action::NextRegion),
    key("values", Action::Values),
    key("verify", Action::Verify),
    key("apply", Action::AskApply),
    key("rollback", Action::AskRollback),
    key("keep", Action::Keep),
    key("play", Action::Play),
    key("return", Action::Return),
    key("less", Action::Step(Step::Less)),
    key("more", Action::Step(Step::More)),
    key("half", Action::Step(Step::Half)),
    key("twice", Action::Step(Step::Twice)),
    key("host-value", Action::Step(Step::Host)),
    key("default", Action::Step(Step::Default)),
    key("up", Action::Move(Motion::Up)),
    key("down", Action::Move(Motion::Down)),
    key("page-up", Action::Move(Motion::PageUp)),
    key("page-down", Action::Move(Motion::PageDown)),
    key("first", Action::Move(Motion::First)),
    key("last", Action::Move(Motion::Last)),
    key("freeze", Action::Freeze),
    key("read", Action::ReadNow),
    key("slower", Action::Slower),
    key("faster", Action::Faster),
    key("gaps", Action::Gaps),
    key("mouse", Action::Mouse),
    key("redraw", Action::Redraw),
    key("suspend", Action::Suspend),
    key("command", Action::Command),
    key("help", Action::Help),
    key("leave", Action::QuitKeepingScreen),
    key("quit", Action::Quit),
];

/// Those whose word begins with what is typed; without any, those that have it somewhere.
fn matching(start: &str, part: &str, words: impl IntoIterator<Item = (String, String)>) -> Vec<Candidate> {
    let all: Vec<(String, String)> = words.into_iter().collect();
    let begins = |word: &&(String, String)| word.0.starts_with(part);
    let found: Vec<_> = all.iter().filter(begins).collect();
    let found = if found.is_empty() { all.iter().filter(|word| word.0.contains(part)).collect() } else { found };
    found.into_iter().map(|(word, help)| Candidate { text: format!("{start}{word}"), help: help.clone() }).collect()
}

fn named<'a>(part: &str, words: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Candidate> {
    matching("", part, words.into_iter().map(|(word, help)| (word.to_owned(), help.to_owned())))
}

fn topic_ids(_: &State, part: &str) -> Vec<Candidate> {
    named(part, topics().map(|topic| (topic.id, topic.question)))
}

fn rule_ids(_: &State, part: &str) -> Vec<Candidate> {
    named(part, RULES.iter().map(|rule| (rule.id, rule.looks_for)))
}

fn parameter_names(_: &State, part: &str) -> Vec<Candidate> {
    named(part, catalog::parameters().map(|row| (row.leaf(), row.affects)))
}

/// Those that are known; before they were read those that are built in.
fn profile_names(state: &State, part: &str) -> Vec<Candidate> {
    match &state.profiles.entries {
        Some(entries) => named(
            part,
            entries.iter().map(|entry| {
                let (Ok(summary) | Err(summary)) = &entry.summary;
                (entry.name.as_str(), summary.as_str())
            }),
        ),
        None => named(part, VENDOR_PROFILES.iter().map(|(name, _)| (*name, "built in"))),
    }
}

fn namespace_names(state: &State, part: &str) -> Vec<Candidate> {
    let survey = state.namespaces.iter().filter_map(|survey| survey.as_ref().as_ref().ok());
    let names = survey.flat_map(|survey| &survey.namespaces).map(|facts| {
        let name = facts.bound.first().and_then(|path| path.rsplit('/').next());
        let owner = facts.process.as_ref().map_or_else(String::new, |process| process.name.clone());
        (name.map_or_else(|| facts.inode.to_string(), str::to_owned), owner)
    });
    matching("", part, names)
}

/// Beginnings of filters.
pub(super) fn filters(_: &State, part: &str) -> Vec<Candidate> {
    let (start, last) = part.rsplit_once(' ').map_or(("", part), |(start, last)| (start, last));
    let start = if start.is_empty() { String::new() } else { format!("{start} ") };
    if start.ends_with("state ") || start.ends_with("exclude ") {
        let states = TcpState::ALL.into_iter().map(|state| {
            let name =
                if state == TcpState::Estab { "established".to_owned() } else { state.name().to_ascii_lowercase() };
            (name, String::new())
        });
        return matching(&start, last, states);
    }
    let words = [
        ("state", "in a state, or in any of several"),
        ("exclude", "not in a state"),
        ("sport", "port at this end: sport = :443"),
        ("dport", "port at the other end: dport = :443"),
        ("src", "address at this end: src 10.0.0.0/8"),
        ("dst", "address at the other end: dst 10.0.3.9"),
        ("dev", "bound to a network device"),
        ("autobound", "with a port that the kernel chose"),
    ];
    matching(&start, last, words.map(|(word, help)| (word.to_owned(), help.to_owned())))
}

fn intervals(_: &State, part: &str) -> Vec<Candidate> {
    matching("", part, INTERVALS_MS.map(|ms| (number::duration_ms(ms), String::new())))
}

fn setting_words(_: &State, part: &str) -> Vec<Candidate> {
    let Some((name, value)) = part.split_once(' ') else {
        return matching("", part, SETTINGS.iter().map(|setting| (setting.name.to_owned(), setting.help.to_owned())));
    };
    let (start, last) = part.rsplit_once(' ').unwrap_or((name, value));
    let setting = SETTINGS.iter().find(|setting| setting.name == name);
    let values = setting.into_iter().flat_map(|setting| setting.values.split_whitespace());
    let values = values.filter(|word| !["to", "or"].contains(word)).map(|word| (word.to_owned(), String::new()));
    matching(&format!("{start} "), last, values)
}

fn copies(_: &State, part: &str) -> Vec<Candidate> {
    named(part, clipboard::WORDS.iter().map(|(name, _)| (*name, "")))
}

fn orders(_: &State, part: &str) -> Vec<Candidate> {
    matching("", part, SocketsOrder::ALL.map(|order| (order.name().to_ascii_lowercase(), String::new())))
}

/// What sockets are counted by.
const GROUPINGS: [(&str, Option<SocketGroupBy>); 4] = [
    ("none", None),
    ("peer", Some(SocketGroupBy::Peer)),
    ("process", Some(SocketGroupBy::Process)),
    ("state", Some(SocketGroupBy::State)),
];

fn groupings(_: &State, part: &str) -> Vec<Candidate> {
    named(part, GROUPINGS.map(|(name, _)| (name, "")))
}

fn run_sockets(state: &mut State, filter: &str) -> Vec<Effect> {
    if let Some(complaint) = filter_complaint(filter) {
        state.say(Severity::Warning, complaint);
        return Vec::new();
    }
    let effects = navigate::show(state, Screen::Sockets);
    state.sockets_want.group = None;
    navigate::filter_sockets(state, filter);
    effects
}

fn run_params(state: &mut State, words: &str) -> Vec<Effect> {
    let list = state.list_mut(Screen::Parameters);
    (list.search, list.page) = (words.to_owned(), false);
    navigate::show(state, Screen::Parameters)
}

fn run_copy(state: &mut State, word: &str) -> Vec<Effect> {
    let word = if word.is_empty() { "row" } else { word };
    match clipboard::WORDS.iter().find(|(name, _)| *name == word) {
        Some((_, what)) => clipboard::copy(state, *what),
        None => refuse(state, word, "to copy", clipboard::WORDS.iter().map(|(name, _)| *name)),
    }
}

fn run_export(state: &mut State, name: &str) -> Vec<Effect> {
    let path = if name.is_empty() { export::file_name(state) } else { name.to_owned() };
    match export::contents(state, &path) {
        Ok(text) => vec![Effect::Export { path, text }],
        Err(reason) => {
            state.say(Severity::Warning, reason);
            Vec::new()
        }
    }
}

fn run_order(state: &mut State, word: &str) -> Vec<Effect> {
    let named = |order: &SocketsOrder| order.name().eq_ignore_ascii_case(word);
    match SocketsOrder::ALL.into_iter().find(named) {
        Some(order) => {
            state.sockets_want.order = order;
            navigate::show(state, Screen::Sockets)
        }
        None => refuse(state, word, "to order by", SocketsOrder::ALL.iter().map(|order| order.name())),
    }
}

fn run_count(state: &mut State, word: &str) -> Vec<Effect> {
    match GROUPINGS.iter().find(|(name, _)| *name == word) {
        Some((_, by)) => {
            navigate::group_sockets_by(state, *by);
            navigate::show(state, Screen::Sockets)
        }
        None => refuse(state, word, "to count by", GROUPINGS.iter().map(|(name, _)| *name)),
    }
}

fn refuse(state: &mut State, word: &str, what: &str, known: impl Iterator<Item = &'static str>) -> Vec<Effect> {
    let known: Vec<&str> = known.collect();
    let text =
        if word.is_empty() { format!("nothing is named {what}") } else { format!("there is no `{word}` {what}") };
    state.say(Severity::Warning, format!("{text}; there are {}", known.join(" ")));
    Vec::new()
}

/// The command that a line begins with, when the whole word is there.
pub(super) fn verb_of(line: &str) -> Option<&'static Verb> {
    let name = line.split_once(' ').map_or(line, |(name, _)| name);
    VERBS.iter().find(|verb| verb.name == name)
}

/// What may complete a line.
pub(super) fn candidates(state: &State, line: &str) -> Vec<Candidate> {
    match line.split_once(' ') {
        None => named(line, VERBS.iter().map(|verb| (verb.name, verb.help()))),
        Some((name, part)) => {
            let found = verb_of(line).map_or_else(Vec::new, |verb| (verb.words)(state, part.trim_start()));
            let whole = |one: Candidate| Candidate { text: format!("{name} {}", one.text), ..one };
            found.into_iter().map(whole).collect()
        }
    }
}

/// Carries a command out. What is clear may be shortened.
pub(super) fn run(state: &mut State, line: &str) -> Vec<Effect> {
    let (typed, argument) = line.split_once(' ').map_or((line, ""), |(name, rest)| (name, rest.trim()));
    if typed.is_empty() {
        return Vec::new();
    }
    let mut beginning = VERBS.iter().filter(|verb| verb.name.starts_with(typed));
    let verb = match (verb_of(typed), beginning.next(), beginning.next()) {
        (Some(verb), _, _) | (None, Some(verb), None) => verb,
        (None, Some(_), Some(_)) => {
            let names: Vec<&str> = VERBS.iter().map(|verb| verb.name).filter(|name| name.starts_with(typed)).collect();
            state.say(Severity::Quiet, format!("`{typed}` may be {}", names.join(" or ")));
            return Vec::new();
        }
        (None, None, _) => {
            state.say(Severity::Warning, format!("there is no `{typed}`; a colon and Tab list what there is"));
            return Vec::new();
        }
    };
    match verb.does {
        Does::Run(run) => trail::jump(state, |state| run(state, argument)),
        Does::Key(action) => {
            let context = state.context();
            match KEYS.iter().filter(|binding| binding.action == action).find(|binding| binding.valid_in(context)) {
                Some(_) => update::act(state, action, context),
                None => {
                    if let Some(binding) = KEYS.iter().find(|binding| binding.action == action) {
                        update::say_elsewhere(state, verb.name, binding, context);
                    }
                    Vec::new()
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tui::action::{Context, valid_bindings};

    #[test]
    fn every_action_of_the_keys_has_a_command() {
        let typed = [Action::Copy, Action::Export];
        for &context in Context::ALL.iter().filter(|one| !matches!(one, Context::Prompt | Context::Question)) {
            for binding in valid_bindings(context) {
                let named = match binding.action {
                    Action::Show(_) => VERBS.iter().any(|verb| verb.name.starts_with(screen_verb(binding.action))),
                    action => typed.contains(&action) || VERBS.iter().any(|verb| verb.action() == Some(action)),
                };
                assert!(named, "{:?}", binding.action);
            }
        }
    }

    fn screen_verb(action: Action) -> &'static str {
        match action {
            Action::Show(Screen::Overview) => "overview",
            Action::Show(Screen::Listeners) => "listeners",
            Action::Show(Screen::Sockets) => "sockets",
            Action::Show(Screen::Explain) => "explain",
            Action::Show(Screen::Profiles) => "profiles",
            Action::Show(Screen::Findings) => "diagnose",
            Action::Show(Screen::Parameters) => "params",
            Action::Show(Screen::Lab) => "lab",
            _ => "netns",
        }
    }

    #[test]
    fn names_are_told_apart_and_each_command_says_what_it_does() {
        for (at, verb) in VERBS.iter().enumerate() {
            assert!(!verb.help().is_empty(), "{}", verb.name);
            assert!(VERBS.iter().skip(at + 1).all(|other| other.name != verb.name), "{}", verb.name);
        }
    }

    #[test]
    fn every_topic_rule_parameter_profile_and_scenario_is_completed_by_name() {
        let state = State::new(Default::default(), (80, 24), Default::default());
        let completes = |line: String| candidates(&state, &line).iter().any(|one| one.text == line);
        assert!(
            topics().all(|topic| completes(format!("explain {}", topic.id)) && completes(format!("lab {}", topic.id)))
        );
        assert!(RULES.iter().all(|rule| completes(format!("diagnose {}", rule.id))));
        assert!(catalog::parameters().all(|row| completes(format!("params {}", row.leaf()))));
        assert!(VENDOR_PROFILES.iter().all(|(name, _)| completes(format!("plan {name}"))));
        assert!(SETTINGS.iter().all(|setting| completes(format!("set {}", setting.name))));
        // What the beginning does not have is looked for inside.
        assert!(candidates(&state, "params retries2").iter().any(|one| one.text == "params tcp_retries2"));
        assert_eq!(candidates(&state, "sockets state syn-r").len(), 1);
        for (line, text) in
            [("set theme m", "set theme mono"), ("sockets dst 10.0.0.1 sta", "sockets dst 10.0.0.1 state")]
        {
            assert_eq!(candidates(&state, line).first().map(|one| one.text.as_str()), Some(text));
        }
    }
}
