//! Texts of others on a terminal.
//!
//! A process may call itself anything, and so may a host, a namespace or a file: what the terminal would obey is
//! spelt out. JSON keeps such texts as they are.

use core::fmt::Write;

/// A text of somebody else's with everything spelt out that a terminal obeys instead of showing: control characters
/// (C0, DEL, C1), line ends of Unicode, and marks that turn the direction of writing.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        // Writing to a String cannot fail.
        let _ = match letter {
            '\n' => shown.write_str("\\n"),
            '\t' => shown.write_str("\\t"),
            '\r' => shown.write_str("\\r"),
            letter if letter.is_control() => write!(shown, "\\x{:02x}", u32::from(letter)),
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                write!(shown, "\\u{{{:x}}}", u32::from(letter))
            }
            letter => shown.write_char(letter),
        };
    }
    shown
}

/// Writes a text of somebody else's as [`printable`] has it.
pub(super) fn push_printable(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(printable(text).as_bytes());
    }
}

/// The same for a text of several lines of our own with something of others in it.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelt_out() {
        assert_eq!(printable("a\u{1b}[31m\u{7f}\u{9b}0m\n\tb"), "a\\x1b[31m\\x7f\\x9b0m\\n\\tb");
        assert_eq!(printable("\u{202e}cba · é"), "\\u{202e}cba · é");
        assert_eq!(printable_lines("one\ntwo\u{7}\n"), "one\ntwo\\x07\n");
    }
}
