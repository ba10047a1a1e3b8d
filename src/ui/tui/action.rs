//! The one key table. Dispatch, the footer and the help screen are made from it.
//!
//! To add a key: add an [`Action`], a row in [`KEYS`], and its arm in `update`. A key means one thing on all
//! screens; lower case never changes the host.

pub use super::explaining::Step;
use super::key::Key;
use super::screen::Screen;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Show a screen.
    Show(Screen),
    /// Move the selection or scroll.
    Move(Motion),
    /// Open the selected row.
    Open,
    /// Close the question, the page or the detail on top; never quits.
    Back,
    /// Go to the next region of the screen.
    NextRegion,
    /// Sort by the next column.
    Sort,
    /// Turn the order round.
    Reverse,
    /// Count by the next thing that rows have in common.
    Group,
    /// Search, or filter.
    Search,
    /// Search in the text that has the screen.
    Find,
    /// Go to the next line that has it.
    FindNext,
    /// Go to the line before that has it.
    FindPrevious,
    /// Type a command.
    Command,
    /// Write what is shown to a file.
    Export,
    /// Hand what is selected to the clipboard of the terminal.
    Copy,
    /// Listen to the mouse, or leave it to the terminal.
    Mouse,
    /// Only what is changed.
    ChangedOnly,
    /// Show the topic that explains what is selected.
    Explain,
    /// Show the profile that would change what is selected.
    Profile,
    /// Show the sockets or listeners that it is about.
    Whereabouts,
    /// Change the value that is asked about.
    Step(Step),
    /// Take what was typed.
    Accept,
    /// Complete what was typed.
    Complete,
    /// Take the last character away.
    Erase,
    /// Take all of what was typed away.
    EraseAll,
    /// Freeze the picture, or let it live again.
    Freeze,
    /// Read less often.
    Slower,
    /// Read more often.
    Faster,
    /// Read now.
    ReadNow,
    /// List what could not be read.
    Gaps,
    /// Show the keys.
    Help,
    /// Ask whether the plan on the screen is to be applied.
    AskApply,
    /// Ask whether the newest standing change is to be undone.
    AskRollback,
    /// Keep the apply that is undone otherwise.
    Keep,
    /// Show what a profile wants, with its reasons.
    Values,
    /// Hold a profile against the host.
    Verify,
    /// Look at the network namespace of the start again.
    Return,
    /// Play a topic in the laboratory, or stop it.
    Play,
    /// Answer yes to a question that writes.
    Yes,
    /// Leave.
    Quit,
    /// Leave, and print the screen as text.
    QuitKeepingScreen,
    /// Draw everything anew.
    Redraw,
    /// Stop the process until the shell continues it.
    Suspend,
}

/// How far to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One screen up.
    PageUp,
    /// One screen down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// To the row with this number, from 0.
    To(usize),
    /// So many rows down, or up where it is less than nothing; of a page its text, whatever arrows do there.
    Scroll(isize),
}

/// Where the keyboard is: what a key press is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The overview.
    Overview,
    /// The overview as one list of lines, on terminals too small for tables.
    OverviewText,
    /// The table of listeners.
    Listeners,
    /// One listener's page, on terminals too small for list and detail.
    ListenerDetail,
    /// The table of sockets.
    Sockets,
    /// One socket's page.
    SocketPage,
    /// The list of topics.
    Topics,
    /// A topic's page, with its what-ifs.
    TopicPage,
    /// The findings.
    Findings,
    /// A finding's page.
    FindingPage,
    /// The parameters.
    Parameters,
    /// A parameter's page.
    ParameterPage,
    /// The laboratory's scenarios.
    Lab,
    /// A playing.
    LabPage,
    /// The network namespaces.
    Namespaces,
    /// The list of profiles.
    ProfileList,
    /// The list of what was applied and rolled back.
    ProfileHistory,
    /// A profile's plan.
    Plan,
    /// A question that writes.
    Question,
    /// The help page.
    Help,
    /// The page of gaps.
    Gaps,
    /// What a profile wants.
    ProfileValues,
    /// A profile held against the host.
    Verification,
    /// An entry of the history.
    Entry,
    /// A line that text is typed into.
    Prompt,
}

impl Context {
    /// All of them.
    ///
    /// The screens come first, those about profiles last of them; then pages, the question, and the line.
    pub const ALL: &'static [Self] = &[
        Self::Overview,
        Self::OverviewText,
        Self::Listeners,
        Self::ListenerDetail,
        Self::Sockets,
        Self::SocketPage,
        Self::Topics,
        Self::TopicPage,
        Self::Findings,
        Self::FindingPage,
        Self::Parameters,
        Self::ParameterPage,
        Self::Lab,
        Self::LabPage,
        Self::Namespaces,
        Self::ProfileList,
        Self::ProfileHistory,
        Self::Plan,
        Self::Help,
        Self::Gaps,
        Self::ProfileValues,
        Self::Verification,
        Self::Entry,
        Self::Question,
        Self::Prompt,
    ];

    /// Whether there are rows to choose from.
    #[must_use]
    pub fn has_rows(self) -> bool {
        LISTS.contains(&self)
    }

    /// What it is called in a message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview | Self::OverviewText => "the overview",
            Self::Listeners => "the listeners",
            Self::ListenerDetail => "a listener's page",
            Self::Sockets => "the sockets",
            Self::SocketPage => "a socket's page",
            Self::Topics => "the topics",
            Self::TopicPage => "a topic's page",
            Self::Findings => "the findings",
            Self::FindingPage => "a finding's page",
            Self::Parameters => "the parameters",
            Self::ParameterPage => "a parameter's page",
            Self::Lab => "the laboratory",
            Self::LabPage => "a playing",
            Self::Namespaces => "the namespaces",
            Self::ProfileList => "the profiles",
            Self::ProfileHistory => "the history",
            Self::Plan => "a plan",
            Self::Question => "a question that writes",
            Self::Help => "the help",
            Self::Gaps => "the list of gaps",
            Self::ProfileValues => "a profile's values",
            Self::Verification => "a verification",
            Self::Entry => "an entry of the history",
            Self::Prompt => "a line that is typed",
        }
    }
}

/// Where a binding shows besides the help page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the left of the footer.
    Footer,
    /// Pinned to the right of the footer, never dropped.
    Pinned,
    /// In the row of tabs.
    Tab,
    /// Only on the help page.
    HelpOnly,
}

/// One row of the key table.
#[derive(Debug)]
pub struct Binding {
    /// The keys, any of them.
    pub keys: &'static [Key],
    /// The keys as the footer prints them.
    pub shown: &'static str,
    /// One or two words for the footer.
    pub label: &'static str,
    /// A sentence for the help page.
    pub help: &'static str,
    /// What it asks for.
    pub action: Action,
    /// Where it is valid.
    pub contexts: &'static [Context],
    /// Where it shows.
    pub place: Place,
}

use Context::{
    Entry, FindingPage, Findings, Gaps, Help, Lab, LabPage, ListenerDetail, Listeners, Namespaces, Overview,
    OverviewText, ParameterPage, Parameters, Plan, ProfileHistory, ProfileList, ProfileValues, Prompt, SocketPage,
    Sockets, TopicPage, Topics, Verification,
};

/// The screens that are not about profiles.
const ELSEWHERE: &[Context] = Context::ALL.split_at(15).0;
/// The screens themselves.
const SCREENS: &[Context] = Context::ALL.split_at(18).0;
/// Every place where no question is open and nothing is typed.
const UNASKED: &[Context] = Context::ALL.split_at(23).0;
/// Every place where a letter is a key and not text.
const UNTYPED: &[Context] = Context::ALL.split_at(24).0;
/// Every place with rows to choose from.
const LISTS: &[Context] =
    &[Overview, Listeners, Sockets, Topics, Findings, Parameters, Lab, Namespaces, ProfileList, ProfileHistory];
/// Every place with text to scroll.
const TEXTS: &[Context] = &[
    OverviewText,
    ListenerDetail,
    SocketPage,
    FindingPage,
    ParameterPage,
    LabPage,
    Plan,
    Help,
    Gaps,
    ProfileValues,
    Verification,
    Entry,
];
/// Lists that can be searched, or filtered.
const SEARCHED: &[Context] =
    &[Overview, OverviewText, Listeners, Sockets, Topics, Findings, Parameters, Lab, Namespaces, ProfileList];
/// Texts that are searched in, and the history.
const FOUND: &[Context] = &[
    ListenerDetail,
    SocketPage,
    TopicPage,
    FindingPage,
    ParameterPage,
    LabPage,
    ProfileHistory,
    Plan,
    Help,
    Gaps,
    ProfileValues,
    Verification,
    Entry,
];
/// Lists whose rows have a page.
const PAGED: &[Context] = &[Sockets, Topics, Findings, Parameters, Lab];

const fn row(
    keys: &'static [Key],
    shown: &'static str,
    label: &'static str,
    help: &'static str,
    action: Action,
    contexts: &'static [Context],
    place: Place,
) -> Binding {
    Binding { keys, shown, label, help, action, contexts, place }
}

/// The table, in the order of the footer and the help page.
#[rustfmt::skip]
pub const KEYS: &[Binding] = &[
    row(&[Key::Char('1')], "1", "Overview", "show the overview", Action::Show(Screen::Overview), UNASKED, Place::Tab),
    row(&[Key::Char('2')], "2", "Listeners", "show the listeners", Action::Show(Screen::Listeners), UNASKED, Place::Tab),
    row(&[Key::Char('3')], "3", "Sockets", "show the sockets", Action::Show(Screen::Sockets), UNASKED, Place::Tab),
    row(&[Key::Char('4')], "4", "Explain", "show the topics", Action::Show(Screen::Explain), UNASKED, Place::Tab),
    row(&[Key::Char('5')], "5", "Profiles", "show the profiles", Action::Show(Screen::Profiles), UNASKED, Place::Tab),
    row(&[Key::Char('6')], "6", "Findings", "show the findings", Action::Show(Screen::Findings), UNASKED, Place::Tab),
    row(&[Key::Char('7')], "7", "Params", "show the parameters", Action::Show(Screen::Parameters), UNASKED, Place::Tab),
    row(&[Key::Char('8')], "8", "Lab", "show the laboratory", Action::Show(Screen::Lab), UNASKED, Place::Tab),
    row(&[Key::Char('9')], "9", "Netns", "show the network namespaces", Action::Show(Screen::Namespaces), UNASKED, Place::Tab),
    row(&[Key::Char('y')], "y", "do it", "write what the question says", Action::Yes, &[Context::Question], Place::Footer),
    row(&[Key::Escape], "Esc", "do nothing", "close the question; nothing is written", Action::Back, &[Context::Question], Place::Footer),
    row(&[Key::Enter], "Enter", "go", "take what was typed", Action::Accept, &[Prompt], Place::Footer),
    row(&[Key::Escape], "Esc", "leave it", "close the line; all is as it was", Action::Back, &[Prompt], Place::Footer),
    row(&[Key::Tab], "Tab", "complete", "complete a command as far as it is clear, then go through what there is", Action::Complete, &[Prompt], Place::Footer),
    row(&[Key::Up, Key::BackTab], "↑", "", "the one before in what there is", Action::Move(Motion::Up), &[Prompt], Place::HelpOnly),
    row(&[Key::Down], "↑↓", "choose", "the next one in what there is", Action::Move(Motion::Down), &[Prompt], Place::Footer),
    row(&[Key::Backspace], "Backspace", "", "take the last character away", Action::Erase, &[Prompt], Place::HelpOnly),
    row(&[Key::Control('u')], "Ctrl-U", "clear", "take all of it away", Action::EraseAll, &[Prompt], Place::Footer),
    row(&[Key::Up, Key::Char('k')], "↑", "", "one row up", Action::Move(Motion::Up), LISTS, Place::HelpOnly),
    row(&[Key::Down, Key::Char('j')], "↑↓", "row", "one row down", Action::Move(Motion::Down), LISTS, Place::Footer),
    row(&[Key::Up, Key::Char('k')], "↑", "", "one line up", Action::Move(Motion::Up), TEXTS, Place::HelpOnly),
    row(&[Key::Down, Key::Char('j')], "↑↓", "scroll", "one line down", Action::Move(Motion::Down), TEXTS, Place::Footer),
    row(&[Key::Left, Key::Char('h')], "←→", "value", "a smaller value of the setting: what if? Nothing is written", Action::Step(Step::Less), &[TopicPage, ParameterPage], Place::Footer),
    row(&[Key::Right, Key::Char('l')], "→", "", "a larger value", Action::Step(Step::More), &[TopicPage, ParameterPage], Place::HelpOnly),
    row(&[Key::ShiftLeft, Key::Char('<')], "<>", "×2", "half the value", Action::Step(Step::Half), &[TopicPage, ParameterPage], Place::Footer),
    row(&[Key::ShiftRight, Key::Char('>')], ">", "", "twice the value", Action::Step(Step::Twice), &[TopicPage, ParameterPage], Place::HelpOnly),
    row(&[Key::Up, Key::Char('k')], "↑", "", "the setting above", Action::Move(Motion::Up), &[TopicPage], Place::HelpOnly),
    row(&[Key::Down, Key::Char('j')], "↑↓", "setting", "the setting below", Action::Move(Motion::Down), &[TopicPage], Place::Footer),
    row(&[Key::Char('u')], "u", "host's", "back to the host's value", Action::Step(Step::Host), &[TopicPage, ParameterPage], Place::Footer),
    row(&[Key::Char('d')], "d", "default", "the kernel's default", Action::Step(Step::Default), &[TopicPage, ParameterPage], Place::Footer),
    row(&[Key::PageUp, Key::Control('b')], "PgUp", "", "one screen up", Action::Move(Motion::PageUp), UNASKED, Place::HelpOnly),
    row(&[Key::PageDown, Key::Control('f')], "PgDn", "", "one screen down", Action::Move(Motion::PageDown), UNASKED, Place::HelpOnly),
    row(&[Key::Char('g'), Key::Home], "g", "", "to the first row", Action::Move(Motion::First), UNASKED, Place::HelpOnly),
    row(&[Key::Char('G'), Key::End], "G", "", "to the last row", Action::Move(Motion::Last), UNASKED, Place::HelpOnly),
    row(&[Key::Enter], "Enter", "open", "open the listener of this row", Action::Open, &[Overview], Place::Footer),
    row(&[Key::Enter], "Enter", "page", "this listener alone, and back with Esc", Action::Open, &[Listeners], Place::Footer),
    row(&[Key::Enter], "Enter", "page", "all of this row, and back with Esc", Action::Open, PAGED, Place::Footer),
    row(&[Key::Char('L')], "L", "run/stop", "play it in namespaces of its own on this kernel; again stops it", Action::Play, &[Lab, LabPage, TopicPage], Place::Footer),
    row(&[Key::Enter], "Enter", "enter", "look at this namespace on every screen", Action::Open, &[Namespaces], Place::Footer),
    row(&[Key::Char('u')], "u", "back to the first", "look at the network namespace of the start again", Action::Return, &[Namespaces], Place::Footer),
    row(&[Key::Enter], "Enter", "plan", "show what the profile would change; nothing is written", Action::Open, &[ProfileList], Place::Footer),
    row(&[Key::Enter], "Enter", "entry", "what it wrote, key by key, and what came of it", Action::Open, &[ProfileHistory], Place::Footer),
    row(&[Key::Enter, Key::Char('w')], "Enter", "its sockets", "the sockets or listeners that this is about", Action::Whereabouts, &[FindingPage, ListenerDetail], Place::Footer),
    row(&[Key::Char('w')], "w", "where", "the sockets or listeners that this is about", Action::Whereabouts, &[Findings, Listeners], Place::Footer),
    row(&[Key::Char('A')], "A", "apply", "ask whether to apply this plan", Action::AskApply, &[Plan], Place::Footer),
    row(&[Key::Char('v')], "v", "values", "every value that the profile wants, with its reason", Action::Values, &[ProfileList, Plan], Place::Footer),
    row(&[Key::Char('V')], "V", "verify", "hold the profile against this host; nothing is written", Action::Verify, &[ProfileList, Plan], Place::Footer),
    row(&[Key::Char('U')], "U", "undo last", "ask whether to undo the newest change that stands", Action::AskRollback, &[ProfileList, ProfileHistory, Plan], Place::Footer),
    row(&[Key::Char('U')], "U", "", "show the newest change that stands, and ask whether to undo it", Action::AskRollback, ELSEWHERE, Place::HelpOnly),
    row(&[Key::Char('K')], "K", "", "keep what was applied and is undone otherwise", Action::Keep, UNASKED, Place::HelpOnly),
    row(&[Key::Tab, Key::BackTab], "Tab", "history", "what was applied and rolled back", Action::NextRegion, &[ProfileList], Place::Footer),
    row(&[Key::Tab, Key::BackTab], "Tab", "profiles", "back to the list of profiles", Action::NextRegion, &[ProfileHistory], Place::Footer),
    row(&[Key::Char('x')], "x", "explain", "the topic that explains what is selected", Action::Explain, &[Overview, Listeners, ListenerDetail, Sockets, SocketPage, Findings, FindingPage, Parameters, ParameterPage, Lab, LabPage], Place::Footer),
    row(&[Key::Char('p')], "p", "profile", "a plan of what is asked about, else a profile that sets what this is about; nothing is written", Action::Profile, &[Findings, FindingPage, Parameters, ParameterPage, TopicPage], Place::Footer),
    row(&[Key::Char('/'), Key::Function(4)], "/", "filter", "show only rows with these words; sockets: a filter in the words of ss", Action::Search, SEARCHED, Place::Footer),
    row(&[Key::Char('/'), Key::Function(4)], "/", "search", "search in this text; n and N go on", Action::Find, FOUND, Place::Footer),
    row(&[Key::Char('n')], "n", "", "the next line with what is searched for", Action::FindNext, FOUND, Place::HelpOnly),
    row(&[Key::Char('N')], "N", "", "the line before with what is searched for", Action::FindPrevious, FOUND, Place::HelpOnly),
    row(&[Key::Char('s')], "s", "sort", "sort by the next column", Action::Sort, &[Listeners, Sockets], Place::Footer),
    row(&[Key::Char('S')], "S", "", "turn the order round", Action::Reverse, &[Sockets], Place::HelpOnly),
    row(&[Key::Char('o')], "o", "group", "count by peer, process, state, or nothing", Action::Group, &[Sockets], Place::Footer),
    row(&[Key::Char('c')], "c", "changed", "only parameters that are not at their default, or all", Action::ChangedOnly, &[Parameters], Place::Footer),
    row(&[Key::Escape], "Esc", "back", "back one level, or to where a jump began", Action::Back, &[ListenerDetail, SocketPage, TopicPage, FindingPage, ParameterPage, LabPage, ProfileHistory, Plan, Help, Gaps, ProfileValues, Verification, Entry], Place::Footer),
    row(&[Key::Escape], "Esc", "", "clear the message; back to where a jump began; clear the filter; never quits", Action::Back, &[Overview, OverviewText, Listeners, Sockets, Topics, Findings, Parameters, Lab, Namespaces, ProfileList], Place::HelpOnly),
    row(&[Key::Char('f')], "f", "freeze", "freeze the picture, or let it live; history goes on being collected", Action::Freeze, SCREENS, Place::Footer),
    row(&[Key::Char('i')], "i", "gaps", "what could not be read, why, and what would help", Action::Gaps, SCREENS, Place::Footer),
    row(&[Key::Char('r')], "r", "read now", "read the kernel now", Action::ReadNow, SCREENS, Place::Footer),
    row(&[Key::Char('+'), Key::Char('=')], "+", "", "read less often", Action::Slower, SCREENS, Place::HelpOnly),
    row(&[Key::Char('-')], "+-", "interval", "read more often", Action::Faster, SCREENS, Place::Footer),
    row(&[Key::Char('e')], "e", "export", "write what is shown to a new file: a text, or JSON where its name ends in .json", Action::Export, UNASKED, Place::Footer),
    row(&[Key::Char('m')], "m", "", "listen to the mouse, or leave it to the terminal, which selects text with it", Action::Mouse, UNASKED, Place::HelpOnly),
    row(&[Key::Char(':')], ":", "command", "type a command: sockets, explain, params, interval and others", Action::Command, UNASKED, Place::Footer),
    row(&[Key::Char('y')], "y", "copy", "hand the selected row, or the page, to the clipboard of the terminal (OSC 52)", Action::Copy, UNASKED, Place::Footer),
    row(&[Key::Control('l')], "Ctrl-L", "", "draw the screen anew", Action::Redraw, Context::ALL, Place::HelpOnly),
    row(&[Key::Control('z')], "Ctrl-Z", "", "suspend; fg comes back", Action::Suspend, Context::ALL, Place::HelpOnly),
    row(&[Key::Char('Q')], "Q", "", "quit and leave this screen as text", Action::QuitKeepingScreen, UNTYPED, Place::HelpOnly),
    row(&[Key::Char('?'), Key::Function(1)], "?", "help", "the keys of this screen; again or Esc goes back", Action::Help, UNASKED, Place::Pinned),
    row(&[Key::Char('q'), Key::Control('c')], "q", "quit", "quit", Action::Quit, UNTYPED, Place::Pinned),
    row(&[Key::Control('c')], "Ctrl-C", "quit", "quit", Action::Quit, &[Prompt], Place::Pinned),
];

impl Binding {
    /// Whether it is valid in a context.
    #[must_use]
    pub fn valid_in(&self, context: Context) -> bool {
        self.contexts.contains(&context)
    }
}

/// What the table says about a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// It asks for this here.
    Here(Action),
    /// It is valid, though not here; the binding says where.
    Elsewhere(&'static Binding),
    /// No row has it.
    Unknown,
}

/// Looks a key up.
pub(super) fn meaning(key: Key, context: Context) -> Meaning {
    let mut rows = KEYS.iter().filter(|binding| binding.keys.contains(&key));
    match rows.clone().find(|binding| binding.valid_in(context)) {
        Some(binding) => Meaning::Here(binding.action),
        None => rows.next().map_or(Meaning::Unknown, Meaning::Elsewhere),
    }
}

/// The bindings that are valid in a context, in table order.
pub fn valid_bindings(context: Context) -> impl Iterator<Item = &'static Binding> {
    KEYS.iter().filter(move |binding| binding.valid_in(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_places_are_beginnings_of_all() {
        assert_eq!(ELSEWHERE.last(), Some(&Context::Namespaces));
        assert_eq!(SCREENS.last(), Some(&Context::Plan));
        assert_eq!(UNASKED.last(), Some(&Context::Entry));
        assert_eq!(UNTYPED.last(), Some(&Context::Question));
        assert_eq!(Context::ALL.last(), Some(&Context::Prompt));
    }

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        for &context in Context::ALL {
            let mut seen: Vec<Key> = Vec::new();
            for key in valid_bindings(context).flat_map(|binding| binding.keys) {
                assert!(!seen.contains(key), "{key} has two meanings in {}", context.name());
                seen.push(*key);
            }
        }
    }

    #[test]
    fn every_row_is_valid_somewhere_and_what_shows_has_a_word() {
        for binding in KEYS {
            assert!(!binding.contexts.is_empty() && !binding.help.is_empty(), "{}", binding.shown);
            assert_eq!(binding.place == Place::HelpOnly, binding.label.is_empty(), "{}", binding.shown);
        }
    }

    #[test]
    fn what_may_change_the_host_is_a_capital_or_the_answer_to_a_question() {
        for binding in KEYS.iter().filter(|row| matches!(row.action, Action::AskApply | Action::AskRollback)) {
            assert!(matches!(binding.keys, [Key::Char('A' | 'U')]));
        }
        for binding in KEYS.iter().filter(|row| row.action == Action::Yes) {
            assert_eq!((binding.keys, binding.contexts), ([Key::Char('y')].as_slice(), [Context::Question].as_slice()));
        }
    }

    #[test]
    fn every_place_can_be_left_and_quit_from() {
        for &context in Context::ALL {
            for wanted in [Action::Quit, Action::Back] {
                assert!(valid_bindings(context).any(|row| row.action == wanted), "{wanted:?} in {}", context.name());
            }
        }
    }
}
