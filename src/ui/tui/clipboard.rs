//! What is selected, handed to the clipboard of the terminal: OSC 52, which works through ssh, and which a terminal
//! that does not know it ignores.

use super::event::Effect;
use super::screen::Screen;
use super::state::State;
use super::theme::Severity;
use super::{explaining, export, view};

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The selected row; of a page its text.
    Selected,
    /// The screen as it stands.
    Screen,
    /// The command that prints the same.
    Command,
}

/// The words that name what is copied, in the palette.
pub(super) const WORDS: &[(&str, What)] =
    &[("row", What::Selected), ("screen", What::Screen), ("command", What::Command)];

/// Bytes of a text that terminals take at once, with room for the four thirds that base64 makes of it.
const MOST: usize = 48 << 10;

/// Hands something to the terminal.
pub(super) fn copy(state: &mut State, what: What) -> Vec<Effect> {
    let text = match what {
        What::Selected => selected(state),
        What::Screen => Some(export::picture(state)),
        What::Command => Some(command(state)),
    };
    let Some(text) = text.map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty()) else {
        state.say(Severity::Quiet, "nothing is selected that could be copied");
        return Vec::new();
    };
    if text.len() > MOST {
        state.say(Severity::Warning, format!("{} bytes are more than a terminal takes; e writes a file", text.len()));
        return Vec::new();
    }
    let lines = text.lines().count();
    let what = if lines == 1 { text.clone() } else { format!("{lines} lines") };
    state.say(Severity::Quiet, format!("sent to the terminal's clipboard: {}", what.trim()));
    vec![Effect::Copy(text)]
}

/// The selected row, as wide as a terminal can be, so that nothing of it is cut; where text has the screen, that text.
fn selected(state: &State) -> Option<String> {
    match state.context() {
        context if context.has_rows() => export::selected_row(state),
        _ => Some(export::page(state)),
    }
}

/// The command that prints what the open screen shows.
fn command(state: &State) -> String {
    let selected = view::selected_id(state, state.screen);
    let netns =
        match state.shown().and_then(|snapshot| snapshot.netns.name.clone()).or_else(|| state.entered_name.clone()) {
            Some(name) => format!(" -N {}", quoted(&name)),
            None => String::new(),
        };
    let rest = match state.screen {
        Screen::Overview => "status".to_owned(),
        Screen::Listeners => "listeners".to_owned(),
        Screen::Sockets if state.sockets_want.filter.is_empty() => "sockets -a".to_owned(),
        Screen::Sockets => format!("sockets -a {}", quoted(&state.sockets_want.filter)),
        Screen::Explain => {
            let asked = explaining::topic(state).map(|topic| explaining::arguments(state, topic, false));
            let asked = asked.into_iter().flatten().map(|word| format!(" {}", quoted(&word)));
            format!("explain {}{}", selected.unwrap_or_default(), asked.collect::<String>())
        }
        Screen::Profiles => format!("plan {}", quoted(&state.named_profile().unwrap_or_default())),
        Screen::Findings => "diagnose".to_owned(),
        Screen::Parameters => format!("params {}", selected.unwrap_or_default()),
        Screen::Lab if !state.laboratory.command.is_empty() => return state.laboratory.command.clone(),
        Screen::Lab => format!("lab {}", selected.unwrap_or_default()),
        Screen::Namespaces => "status --all-netns".to_owned(),
    };
    format!("tcpctl{netns} {rest}")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=:,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The sequence that hands a text to the clipboard: `OSC 52 ; c ; base64 ST`.
pub(super) fn sequence(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{1b}\\", base64(text.as_bytes()))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = 0_u32;
        for at in 0..3 {
            word = word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..4 {
            let six = usize::try_from(word >> (18 - 6 * at) & 63).unwrap_or(0);
            let letter = LETTERS.get(six).copied().unwrap_or(b'=');
            text.push(char::from(if at <= chunk.len() { letter } else { b'=' }));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (text, coded) in pairs {
            assert_eq!(base64(text.as_bytes()), coded);
        }
        assert_eq!(sequence("✗"), "\u{1b}]52;c;4pyX\u{1b}\\");
    }

    #[test]
    fn a_shell_gets_back_the_word_that_was_quoted() {
        assert_eq!(quoted("state=x"), "state=x");
        assert_eq!(quoted("dport = :443"), "'dport = :443'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
