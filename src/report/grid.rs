//! Tables whose cells may be prose: columns that do not fit are narrowed, and their cells go on in further lines.

/// No column is narrowed below this.
const LEAST_COLUMN: usize = 10;
/// Blanks before the first column and between columns.
const GAP: usize = 2;

/// A table of at most `width` columns as far as words allow, with a heading.
#[must_use]
pub(super) fn render_grid(columns: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let widths = widths(columns, rows, width);
    let right: Vec<bool> = (0..columns.len()).map(|column| is_numeric(rows, column)).collect();
    let head: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let mut text = String::new();
    for row in core::iter::once(&head).chain(rows) {
        let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(cell, width)| set(cell, *width)).collect();
        for place in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = String::new();
            for ((cell, width), right) in cells.iter().zip(&widths).zip(&right) {
                let part = cell.get(place).map_or("", String::as_str);
                let pad = " ".repeat(width.saturating_sub(part.chars().count()));
                line.push_str(&" ".repeat(GAP));
                if *right { line.extend([pad.as_str(), part]) } else { line.extend([part, pad.as_str()]) }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Widths of the columns: that of the widest cell, then the widest column narrowed until all fit.
fn widths(columns: &[&str], rows: &[Vec<String>], width: usize) -> Vec<usize> {
    let length = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell));
            cells.chain([length(name)]).max().unwrap_or(0)
        })
        .collect();
    let room = width.saturating_sub(GAP * widths.len());
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > LEAST_COLUMN => *widest -= 1,
            _ => break,
        }
    }
    widths
}

/// Whether every cell of a column is a number, perhaps with a unit.
fn is_numeric(rows: &[Vec<String>], column: usize) -> bool {
    let number = |cell: &String| {
        let mut words = cell.split(' ');
        let is_number = words.next().is_some_and(|word| {
            word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || c == '.')
        });
        is_number && words.next().is_none_or(|unit| matches!(unit, "s" | "ms" | "us" | "h"))
    };
    !rows.is_empty() && rows.iter().filter_map(|row| row.get(column)).all(number)
}

/// A cell in lines of at most `width` columns; a longer word is cut, at a joint such as `_` where it has one.
fn set(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in cell.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let first = lines.last().is_none_or(String::is_empty);
        if !first && word.len() + 1 > room {
            lines.push(String::new());
            room = width;
        } else if !first {
            lines.last_mut().into_iter().for_each(|line| line.push(' '));
            room -= 1;
        }
        while word.len() > room && room > 0 {
            let joint = word.iter().take(room).rposition(|c| matches!(c, '_' | '-' | '.' | '/'));
            let rest = word.split_off(joint.map_or(room, |joint| joint + 1));
            lines.last_mut().into_iter().for_each(|line| line.extend(&word));
            lines.push(String::new());
            (word, room) = (rest, width);
        }
        room = room.saturating_sub(word.len());
        lines.last_mut().into_iter().for_each(|line| line.extend(&word));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn prose_goes_on_in_further_lines_and_numbers_stand_at_the_right() {
        let rows = rows(&[&["1 s", "one two three four"], &["10 ms", "five"]]);
        assert_eq!(
            render_grid(&["wait", "words"], &rows, 20),
            "   wait  words\n    1 s  one two\n         three four\n  10 ms  five\n"
        );
    }

    #[test]
    fn a_word_longer_than_its_column_is_cut() {
        assert_eq!(set("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(set("tcp_syn_retries", 9), ["tcp_syn_", "retries"]);
    }
}
