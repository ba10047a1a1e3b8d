//! The table of screens.
//!
//! To add a screen: a variant and a row here, a key in `action::KEYS`, a file in `view` with its `draw`.

/// A screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Screen {
    /// Is TCP in trouble now, where, how long will it last?
    #[default]
    Overview,
    /// Which listener turns clients away, and which setting binds?
    Listeners,
    /// What happens next to a socket, and when does it die?
    Sockets,
    /// How long, on this host, and what if?
    Explain,
    /// What would a profile change, what does it do, how do I get back?
    Profiles,
    /// What is wrong, how is that known, what helps?
    Findings,
    /// What is a setting now, against which default, and who set it?
    Parameters,
    /// Does the kernel do what the model says?
    Lab,
    /// Which network namespaces are there, whose, and how do they differ?
    Namespaces,
}

impl Screen {
    /// Every screen that is built, in the order of the tabs.
    pub const ALL: &'static [Self] = &[
        Self::Overview,
        Self::Listeners,
        Self::Sockets,
        Self::Explain,
        Self::Profiles,
        Self::Findings,
        Self::Parameters,
        Self::Lab,
        Self::Namespaces,
    ];

    /// The question that the screen answers, for its help page.
    #[must_use]
    pub const fn question(self) -> &'static str {
        match self {
            Self::Overview => "Is TCP in trouble now, where, and how long will it last?",
            Self::Listeners => "Which listener turns clients away, and which setting binds?",
            Self::Sockets => "What happens next to this socket, and when does it die, unless what?",
            Self::Explain => "How long does it take on this host, and what if a setting were another?",
            Self::Profiles => "What would a profile change, what does that do, and how do I get back?",
            Self::Findings => "What is wrong, how is that known, what helps, and what does not?",
            Self::Parameters => "What is it now, against what default, when does it count, who set it?",
            Self::Lab => "Does this kernel do what the model says, event by event?",
            Self::Namespaces => "Which network namespaces are there, whose are they, how do they differ?",
        }
    }

    /// Whether it is a list with a detail of the selected row, drawn as all such lists are.
    #[must_use]
    pub const fn is_listing(self) -> bool {
        !matches!(self, Self::Overview | Self::Listeners | Self::Profiles)
    }
}
