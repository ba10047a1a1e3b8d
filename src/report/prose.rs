//! Sentences set to a width.

/// The text in lines of at most `width` columns, each ended.
#[must_use]
pub(super) fn wrapped(text: &str, width: usize) -> String {
    hanging("", text, width)
}

/// The text after a lead; further lines are indented as deep as the lead is long.
#[must_use]
pub(super) fn hanging(lead: &str, text: &str, width: usize) -> String {
    let indent = lead.chars().count();
    let mut lines = String::from(lead);
    let mut column = indent;
    for (place, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if place > 0 && column + 1 + length > width {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else if place > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines.push('\n');
    lines
}

/// The text with further lines indented by four.
#[must_use]
pub(super) fn hanging_deeper(text: &str, width: usize) -> String {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut lines = first.to_owned();
    let mut column = first.chars().count();
    for word in rest.split(' ') {
        let length = word.chars().count();
        if column + 1 + length > width && !word.is_empty() {
            lines.truncate(lines.trim_end().len());
            lines.push_str("\n    ");
            column = 4;
        } else {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines.truncate(lines.trim_end().len());
    lines.push('\n');
    lines
}

/// The text with the signs that sentences use beyond ASCII written as people do without them.
#[must_use]
pub(super) fn in_ascii(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, character| {
        match character {
            '×' => plain.push('x'),
            '–' | '—' | '−' => plain.push('-'),
            '“' | '”' => plain.push('"'),
            '’' => plain.push('\''),
            '…' => plain.push_str("..."),
            'µ' => plain.push('u'),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            '→' => plain.push_str("->"),
            other if other.is_ascii() => plain.push(other),
            _ => plain.push('?'),
        }
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_hang_below_the_lead() {
        assert_eq!(hanging("- ", "one two three", 9), "- one two\n  three\n");
        assert_eq!(wrapped("averylongword b", 5), "averylongword\nb\n");
    }

    #[test]
    fn signs_beyond_ascii_are_written_without_them() {
        assert_eq!(in_ascii("2 × 3 … “yes” ☃"), "2 x 3 ... \"yes\" ?");
    }
}
