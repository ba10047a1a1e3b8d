//! The table of screens.
//!
//! To add a screen: a variant and a row here, a key in `action::KEYS`, a file in `view` with its `draw`.

/// A screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Is TCP in trouble now, where, how long will it last?
    #[default]
    Overview,
    /// Which listener turns clients away, and which setting binds?
    Listeners,
    /// What would a profile change, what does it do, how do I get back?
    Profiles,
}

impl Screen {
    /// Every screen that is built, in the order of the tabs.
    pub const ALL: &'static [Self] = &[Self::Overview, Self::Listeners, Self::Profiles];

    /// The question that the screen answers, for its help page.
    #[must_use]
    pub const fn question(self) -> &'static str {
        match self {
            Self::Overview => "Is TCP in trouble now, where, and how long will it last?",
            Self::Listeners => "Which listener turns clients away, and which setting binds?",
            Self::Profiles => "What would a profile change, what does that do, and how do I get back?",
        }
    }
}
