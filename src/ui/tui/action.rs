//! The one key table. Dispatch, the footer and the help screen are made from it.
//!
//! To add a key: add an [`Action`], a row in [`KEYS`], and its arm in `update`. A key means one thing on all
//! screens; lower case never changes the host.

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
}

/// Where the keyboard is: what a key press is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The overview.
    Overview,
    /// The table of listeners.
    Listeners,
    /// One listener's page, on terminals too small for list and detail.
    ListenerDetail,
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
}

impl Context {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Overview,
        Self::Listeners,
        Self::ListenerDetail,
        Self::ProfileList,
        Self::ProfileHistory,
        Self::Plan,
        Self::Question,
        Self::Help,
        Self::Gaps,
    ];

    /// What it is called in a message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "the overview",
            Self::Listeners => "the listeners",
            Self::ListenerDetail => "a listener's page",
            Self::ProfileList => "the profiles",
            Self::ProfileHistory => "the history",
            Self::Plan => "a plan",
            Self::Question => "a question that writes",
            Self::Help => "the help",
            Self::Gaps => "the list of gaps",
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

use Context::{Gaps, Help, ListenerDetail, Listeners, Overview, Plan, ProfileHistory, ProfileList, Question};

/// Every place where no question is open.
const UNASKED: &[Context] = &[Overview, Listeners, ListenerDetail, ProfileList, ProfileHistory, Plan, Help, Gaps];
/// The screens themselves.
const SCREENS: &[Context] = &[Overview, Listeners, ListenerDetail, ProfileList, ProfileHistory, Plan];
/// Every place with rows to choose from.
const LISTS: &[Context] = &[Overview, Listeners, ProfileList, ProfileHistory];
/// Every place with text to scroll.
const TEXTS: &[Context] = &[Plan, Help, Gaps];

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
    row(&[Key::Char('5')], "5", "Profiles", "show the profiles", Action::Show(Screen::Profiles), UNASKED, Place::Tab),
    row(&[Key::Char('y')], "y", "do it", "write what the question says", Action::Yes, &[Question], Place::Footer),
    row(&[Key::Escape], "Esc", "do nothing", "close the question; nothing is written", Action::Back, &[Question], Place::Footer),
    row(&[Key::Up, Key::Char('k')], "↑", "", "one row up", Action::Move(Motion::Up), LISTS, Place::HelpOnly),
    row(&[Key::Down, Key::Char('j')], "↑↓", "row", "one row down", Action::Move(Motion::Down), LISTS, Place::Footer),
    row(&[Key::Up, Key::Char('k')], "↑", "", "one line up", Action::Move(Motion::Up), TEXTS, Place::HelpOnly),
    row(&[Key::Down, Key::Char('j')], "↑↓", "scroll", "one line down", Action::Move(Motion::Down), TEXTS, Place::Footer),
    row(&[Key::PageUp], "PgUp", "", "one screen up", Action::Move(Motion::PageUp), UNASKED, Place::HelpOnly),
    row(&[Key::PageDown], "PgDn", "", "one screen down", Action::Move(Motion::PageDown), UNASKED, Place::HelpOnly),
    row(&[Key::Char('g'), Key::Home], "g", "", "to the first row", Action::Move(Motion::First), UNASKED, Place::HelpOnly),
    row(&[Key::Char('G'), Key::End], "G", "", "to the last row", Action::Move(Motion::Last), UNASKED, Place::HelpOnly),
    row(&[Key::Enter], "Enter", "open", "open the listener of this row", Action::Open, &[Overview], Place::Footer),
    row(&[Key::Enter], "Enter", "page", "this listener alone, and back with Esc", Action::Open, &[Listeners], Place::Footer),
    row(&[Key::Enter], "Enter", "plan", "show what the profile would change; nothing is written", Action::Open, &[ProfileList], Place::Footer),
    row(&[Key::Char('A')], "A", "apply", "ask whether to apply this plan", Action::AskApply, &[Plan], Place::Footer),
    row(&[Key::Char('U')], "U", "undo last", "ask whether to undo the newest change that stands", Action::AskRollback, &[ProfileList, ProfileHistory, Plan], Place::Footer),
    row(&[Key::Tab, Key::BackTab], "Tab", "history", "what was applied and rolled back", Action::NextRegion, &[ProfileList], Place::Footer),
    row(&[Key::Tab, Key::BackTab], "Tab", "profiles", "back to the list of profiles", Action::NextRegion, &[ProfileHistory], Place::Footer),
    row(&[Key::Char('s')], "s", "sort", "sort by the next column", Action::Sort, &[Listeners], Place::Footer),
    row(&[Key::Escape], "Esc", "back", "back one level", Action::Back, &[ListenerDetail, ProfileHistory, Plan, Help, Gaps], Place::Footer),
    row(&[Key::Escape], "Esc", "", "clear the message; never quits", Action::Back, &[Overview, Listeners, ProfileList], Place::HelpOnly),
    row(&[Key::Char('f')], "f", "freeze", "freeze the picture, or let it live; history goes on being collected", Action::Freeze, SCREENS, Place::Footer),
    row(&[Key::Char('i')], "i", "gaps", "what could not be read, why, and what would help", Action::Gaps, SCREENS, Place::Footer),
    row(&[Key::Char('r')], "r", "read now", "read the kernel now", Action::ReadNow, SCREENS, Place::Footer),
    row(&[Key::Char('+'), Key::Char('=')], "+", "", "read less often", Action::Slower, SCREENS, Place::HelpOnly),
    row(&[Key::Char('-')], "+-", "interval", "read more often", Action::Faster, SCREENS, Place::Footer),
    row(&[Key::Control('l')], "Ctrl-L", "", "draw the screen anew", Action::Redraw, Context::ALL, Place::HelpOnly),
    row(&[Key::Control('z')], "Ctrl-Z", "", "suspend; fg comes back", Action::Suspend, Context::ALL, Place::HelpOnly),
    row(&[Key::Char('Q')], "Q", "", "quit and leave this screen as text", Action::QuitKeepingScreen, Context::ALL, Place::HelpOnly),
    row(&[Key::Char('?'), Key::Function(1)], "?", "help", "the keys of this screen; again or Esc goes back", Action::Help, UNASKED, Place::Pinned),
    row(&[Key::Char('q'), Key::Control('c')], "q", "quit", "quit", Action::Quit, Context::ALL, Place::Pinned),
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
