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
    fn text_breaks_between_words() {
        assert_eq!(wrap("run as root or with more", 10), ["run as", "root or", "with more"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("unbreakable", 5), ["unbr…"]);
    }
}
