//! Meaning to style, in one place; every meaning also has a sign or a word.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means. Green carries no meaning, and healthy is plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Ordinary text.
    Plain,
    /// Loses connections now.
    Critical,
    /// Will hurt.
    Warning,
    /// Predicted by the model.
    Predicted,
    /// Would change.
    Change,
    /// Not readable, not applicable, or not possible now.
    Dim,
    /// A title, a key, or what stands out without judgement.
    Bold,
    /// The selected row or tab.
    Selected,
}

/// How the screen may be drawn; chosen once at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// Without any colour: attributes alone.
    pub mono: bool,
    /// With ASCII characters only.
    pub ascii: bool,
}

impl Theme {
    /// The style of a meaning. A monochrome style holds no colour at all, since an empty colour command
    /// would wipe reverse and bold on the way to the terminal.
    pub(super) const fn style(self, role: Role) -> Style {
        let (color, modifier) = match role {
            Role::Plain => (None, Modifier::empty()),
            Role::Critical => (Some(Color::Red), Modifier::BOLD),
            Role::Warning if self.mono => (None, Modifier::BOLD),
            Role::Warning => (Some(Color::Yellow), Modifier::empty()),
            Role::Predicted => (Some(Color::Cyan), Modifier::empty()),
            Role::Change if self.mono => (None, Modifier::UNDERLINED),
            Role::Change => (Some(Color::Magenta), Modifier::empty()),
            Role::Dim => (None, Modifier::DIM),
            Role::Bold => (None, Modifier::BOLD),
            Role::Selected => (None, Modifier::REVERSED),
        };
        let style = Style::new().add_modifier(modifier);
        match color {
            Some(color) if !self.mono => style.fg(color),
            _ => style,
        }
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing to say.
    Quiet,
    /// Will hurt.
    Warning,
    /// Loses connections now.
    Critical,
}

impl Severity {
    /// The sign in front of the row.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Quiet => " ",
            Self::Warning => "!",
            Self::Critical => "✗",
        }
    }

    /// The style of the row.
    pub(super) const fn role(self) -> Role {
        match self {
            Self::Quiet => Role::Plain,
            Self::Warning => Role::Warning,
            Self::Critical => Role::Critical,
        }
    }
}

/// The ASCII stand-ins, one cell for one cell. Bars and sparklines share the full block.
const ASCII: &[(&str, &str)] = &[
    ("✗", "X"),
    ("✓", "v"),
    ("●", "o"),
    ("±", "*"),
    ("→", ">"),
    ("←", "<"),
    ("◂", "<"),
    ("▸", ">"),
    ("×", "x"),
    ("“", "\""),
    ("”", "\""),
    ("’", "'"),
    ("µ", "u"),
    ("└", "+"),
    ("├", "+"),
    ("┤", "+"),
    ("▶", ">"),
    ("◀", "<"),
    ("┄", "."),
    ("≈", "~"),
    ("–", "-"),
    ("…", "~"),
    ("·", "-"),
    ("≥", ">"),
    ("≤", "<"),
    ("↑", "^"),
    ("↓", "v"),
    ("█", "#"),
    ("▌", "="),
    ("░", "."),
    ("▁", "_"),
    ("▂", "."),
    ("▃", ":"),
    ("▄", "-"),
    ("▅", "="),
    ("▆", "+"),
    ("▇", "*"),
    ("▎", "|"),
    ("│", "|"),
    ("┃", "|"),
    ("─", "-"),
    ("━", "="),
    ("┏", "+"),
    ("┓", "+"),
    ("┗", "+"),
    ("┛", "+"),
];

/// Replaces every character that is not ASCII, so that no view has to think of it.
pub(super) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if !symbol.is_ascii() {
            let stand_in = ASCII.iter().find(|(sign, _)| *sign == symbol).map_or("?", |(_, stand_in)| *stand_in);
            cell.set_symbol(stand_in);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 8] = [
        Role::Plain,
        Role::Critical,
        Role::Warning,
        Role::Predicted,
        Role::Change,
        Role::Dim,
        Role::Bold,
        Role::Selected,
    ];

    #[test]
    fn no_monochrome_style_holds_a_colour() {
        for role in ROLES {
            let style = Theme { mono: true, ascii: false }.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }

    #[test]
    fn no_style_is_green_and_no_text_depends_on_a_background() {
        for role in ROLES {
            let style = Theme::default().style(role);
            assert!(style.bg.is_none() && style.fg != Some(Color::Green) && style.fg != Some(Color::LightGreen));
        }
    }
}
