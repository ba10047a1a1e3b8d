//! Laying text out in fixed columns, by what a terminal shows and not by bytes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::{Role, Theme};

/// Columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

/// Cuts a text to so many columns, with `…` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut kept = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let letter_columns = columns(letter.encode_utf8(&mut [0; 4]));
        if used + letter_columns > width - 1 {
            break;
        }
        used += letter_columns;
        kept.push(letter);
    }
    kept.push('…');
    kept
}

/// Cuts an address to so many columns and keeps its port, which tells more apart than the middle of an address.
pub(super) fn cut_address(text: &str, width: usize) -> String {
    let port = text.rfind(':').and_then(|at| text.get(at..)).unwrap_or_default();
    if columns(text) <= width || port.is_empty() || columns(port) + 2 > width {
        return cut(text, width);
    }
    let host = text.get(..text.len() - port.len()).unwrap_or_default();
    cut(host, width - columns(port)) + port
}

/// A text in exactly so many columns, from the left.
pub(super) fn left(text: &str, width: usize) -> String {
    let kept = cut(text, width);
    let pad = width.saturating_sub(columns(&kept));
    kept + &" ".repeat(pad)
}

/// A text in exactly so many columns, from the right.
pub(super) fn right(text: &str, width: usize) -> String {
    let kept = cut(text, width);
    " ".repeat(width.saturating_sub(columns(&kept))) + &kept
}

/// Breaks a text at blanks into lines of at most so many columns; a word that is longer is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(core::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(word, width));
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Breaks a line at blanks where it is too long, and keeps those that stand in what is not broken; what goes on below
/// begins so many columns further in.
pub(super) fn fold(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim_end();
    let mut lead = String::new();
    while columns(rest) + lead.len() > width {
        let room = width.saturating_sub(lead.len());
        let mut used = 0;
        let fits = |(at, letter): (usize, char)| {
            used += columns(letter.encode_utf8(&mut [0; 4]));
            (used <= room + 1 && letter == ' ').then_some(at)
        };
        let words_from = rest.len() - rest.trim_start().len();
        let Some(at) = rest.char_indices().filter_map(fits).filter(|at| *at > words_from).last() else { break };
        let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        lines.push(format!("{lead}{}", head.trim_end()));
        rest = tail.trim_start();
        lead = " ".repeat(indent.min(width / 2));
    }
    lines.push(cut(&format!("{lead}{rest}"), width));
    lines
}

/// A title rule: `▎Title ── facts ──────`; the bold mark shows where the keyboard is.
pub(super) fn rule(theme: Theme, title: &str, facts: &[&str], width: usize) -> Line<'static> {
    let mut text = String::new();
    for fact in facts.iter().filter(|fact| !fact.is_empty()) {
        text.push_str(" ── ");
        text.push_str(fact);
    }
    let room = width.saturating_sub(1 + columns(title));
    let mut tail = cut(&text, room.saturating_sub(1));
    tail.push(' ');
    tail.push_str(&"─".repeat(room.saturating_sub(columns(&tail))));
    Line::from(vec![
        Span::styled(format!("▎{}", cut(title, width.saturating_sub(1))), theme.style(Role::Bold)),
        Span::styled(cut(&tail, room), theme.style(Role::Dim)),
    ])
}

/// Draws lines from the top of an area; what does not fit is left out.
pub(super) fn draw_lines<'a>(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        buffer.set_line(area.x, y, &line, area.width);
    }
}

/// Marks a row as selected: reverse over its whole width. The row itself must hold the `>`.
pub(super) fn mark_selected(buffer: &mut Buffer, theme: Theme, row: Rect) {
    buffer.set_style(row, theme.style(Role::Selected));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_so_and_fits() {
        assert_eq!(cut("localhost", 6), "local…");
        assert_eq!(cut("localhost", 9), "localhost");
        assert_eq!(cut("localhost", 0), "");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(left("ab", 4), "ab  ");
        assert_eq!(right("ab", 4), "  ab");
    }

    #[test]
    fn of_an_address_the_port_is_the_last_to_go() {
        assert_eq!(cut_address("10.0.0.7:40000", 14), "10.0.0.7:40000");
        assert_eq!(cut_address("[2001:db8::7:1]:40000", 16), "[2001:db8…:40000");
        assert_eq!(cut_address("10.0.0.7:40000", 9), "10…:40000");
        assert_eq!(cut_address("10.0.0.7:40000", 6), "10.0.…");
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_below_with_its_blanks() {
        assert_eq!(
            fold("  1.0s  ≈ 1.0–1.2s  client sends SYN again", 30, 8),
            ["  1.0s  ≈ 1.0–1.2s  client", "        sends SYN again"]
        );
        assert_eq!(fold("short", 30, 8), ["short"]);
        assert_eq!(fold("", 30, 8), [""]);
        assert_eq!(fold("unbreakable", 5, 2), ["unbr…"]);
    }

    #[test]
    fn text_breaks_between_words() {
        assert_eq!(wrap("run as root or with more", 10), ["run as", "root or", "with more"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("unbreakable", 5), ["unbr…"]);
    }
}
