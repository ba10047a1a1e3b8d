//! Keys as the tables name them.

/// A key press, without the terminal library's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable character; capitals come as such, without a modifier.
    Char(char),
    /// Control with a letter, in lower case.
    Control(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow to the left.
    Left,
    /// Arrow to the right.
    Right,
    /// Shift and the arrow to the left.
    ShiftLeft,
    /// Shift and the arrow to the right.
    ShiftRight,
    /// Takes a character away.
    Backspace,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// A function key.
    Function(u8),
}

impl Key {
    /// The keys of a terminal event. Esc and what is typed right after it arrive together as that with Alt on a slow line,
    /// and nothing needs Alt: they are taken for the two that they are.
    #[must_use]
    pub fn pressed(mut event: crossterm::event::KeyEvent) -> Vec<Self> {
        use crossterm::event::KeyModifiers;
        let with_alt = event.modifiers.contains(KeyModifiers::ALT);
        event.modifiers.remove(KeyModifiers::ALT);
        let key = Self::from_terminal(event);
        key.into_iter().flat_map(|key| if with_alt { vec![Self::Escape, key] } else { vec![key] }).collect()
    }

    /// The key of a terminal event; nothing for keys that no table can name, and for releases.
    #[must_use]
    pub fn from_terminal(event: crossterm::event::KeyEvent) -> Option<Self> {
        use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
        if event.kind == KeyEventKind::Release || event.modifiers.contains(KeyModifiers::ALT) {
            return None;
        }
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let shift = event.modifiers.contains(KeyModifiers::SHIFT);
        Some(match event.code {
            KeyCode::Char(letter) if control => Self::Control(letter.to_ascii_lowercase()),
            KeyCode::Char(letter) => Self::Char(letter),
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Tab => Self::Tab,
            KeyCode::BackTab => Self::BackTab,
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::Left if shift => Self::ShiftLeft,
            KeyCode::Right if shift => Self::ShiftRight,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::Backspace => Self::Backspace,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::F(number) => Self::Function(number),
            _ => return None,
        })
    }
}

impl core::fmt::Display for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(letter) => write!(f, "{letter}"),
            Self::Control(letter) => write!(f, "Ctrl-{}", letter.to_ascii_uppercase()),
            Self::Enter => f.write_str("Enter"),
            Self::Escape => f.write_str("Esc"),
            Self::Tab => f.write_str("Tab"),
            Self::BackTab => f.write_str("Shift-Tab"),
            Self::Up => f.write_str("↑"),
            Self::Down => f.write_str("↓"),
            Self::Left => f.write_str("←"),
            Self::Right => f.write_str("→"),
            Self::ShiftLeft => f.write_str("Shift-←"),
            Self::ShiftRight => f.write_str("Shift-→"),
            Self::Backspace => f.write_str("Backspace"),
            Self::PageUp => f.write_str("PgUp"),
            Self::PageDown => f.write_str("PgDn"),
            Self::Home => f.write_str("Home"),
            Self::End => f.write_str("End"),
            Self::Function(number) => write!(f, "F{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    #[test]
    fn a_capital_is_its_own_key_and_control_is_told_apart() {
        let key = |code, modifiers| Key::from_terminal(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('A'), KeyModifiers::SHIFT), Some(Key::Char('A')));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Control('c')));
        assert_eq!(key(KeyCode::Char('y'), KeyModifiers::ALT), None);
    }

    #[test]
    fn escape_and_a_key_that_arrive_together_are_two_keys() {
        let pressed = |code, modifiers| Key::pressed(KeyEvent::new(code, modifiers));
        assert_eq!(pressed(KeyCode::Char('9'), KeyModifiers::ALT), [Key::Escape, Key::Char('9')]);
        assert_eq!(pressed(KeyCode::Char('9'), KeyModifiers::NONE), [Key::Char('9')]);
        assert_eq!(pressed(KeyCode::CapsLock, KeyModifiers::ALT), []);
    }
}
