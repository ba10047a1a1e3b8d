//! Columns of text.

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// At the right.
    Right,
}

/// A first column up to this width stays beside the others.
const NARROW: usize = 4;

/// A table with two blanks before and between columns. When it does not fit into `width`, the few rows that are too wide
/// are set by themselves; when they are not few, the first column gets a line of its own and the rest stands below it.
#[must_use]
pub fn render_table<const N: usize>(
    head: &[&str; N],
    align: &[Align; N],
    rows: &[[String; N]],
    width: usize,
) -> String {
    // Cells hold names and values of others.
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| super::printable::printable(cell))).collect();
    let head = head.map(str::to_owned);
    let whole = widths(&head, rows.iter());
    let split = whole.iter().map(|width| width + 2).sum::<usize>() > width;
    let whole_first = whole.first().copied().unwrap_or(0);
    let columns = if split { narrowed(&head, &rows, width) } else { Some(whole) };
    let (first, columns) = match columns {
        Some(columns) => (0, columns),
        // A number does not deserve a line of its own.
        None if whole_first <= NARROW => (0, beside(&head, &rows, width, 0)),
        None => (1, beside(&head, &rows, width.saturating_sub(4), 1)),
    };
    let mut text = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        if first == 1 {
            text.extend(["  ", row.first().map_or("", String::as_str), "\n    "]);
        }
        let cells = row.iter().zip(&columns).zip(align).map(|((cell, column), align)| (cell.as_str(), *column, *align));
        text.push_str(&line(cells.skip(first), 4 * first, width));
    }
    text
}

/// How wide each column is with these rows.
fn widths<'a, const N: usize>(head: &[String; N], rows: impl Iterator<Item = &'a [String; N]>) -> Vec<usize> {
    let mut widths: Vec<usize> = head.iter().map(|cell| length(cell)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = length(cell).max(*width);
        }
    }
    widths
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// The widths of columns with which all but an eighth of the rows fit; nothing when more do not.
fn narrowed<const N: usize>(head: &[String; N], rows: &[[String; N]], width: usize) -> Option<Vec<usize>> {
    fitting(head, rows, width, 0, rows.len() / 8)
}

/// The widths of columns with which as many rows as possible fit, without as many cells as `skip` says.
fn beside<const N: usize>(head: &[String; N], rows: &[[String; N]], width: usize, skip: usize) -> Vec<usize> {
    let whole = || widths(head, rows.iter());
    fitting(head, rows, width, skip, rows.len()).unwrap_or_else(whole)
}

/// Leaves out the widest rows until the others fit, at most so many. `skip` columns stand elsewhere.
fn fitting<const N: usize>(
    head: &[String; N],
    rows: &[[String; N]],
    width: usize,
    skip: usize,
    most: usize,
) -> Option<Vec<usize>> {
    let own = |row: &&[String; N]| row.iter().skip(skip).map(|cell| length(cell)).sum::<usize>();
    let mut sorted: Vec<&[String; N]> = rows.iter().collect();
    sorted.sort_by_key(own);
    let least = rows.len().saturating_sub(most);
    (least..=rows.len()).rev().find_map(|count| {
        let columns = widths(head, sorted.iter().take(count).copied());
        let total: usize = columns.iter().skip(skip).map(|column| column + 2).sum();
        (total <= width).then_some(columns)
    })
}

/// One row. A cell that is wider than its column pushes the others to the right, and what does not fit into the line then
/// stands in the next one.
fn line<'a>(cells: impl Iterator<Item = (&'a str, usize, Align)>, indent: usize, width: usize) -> String {
    const DEEPER: usize = 6;
    let (mut text, mut at) = (String::new(), indent);
    for (cell, column, align) in cells {
        let own = length(cell);
        if at + 2 + own > width && at > DEEPER && own > 0 {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&" ".repeat(DEEPER));
            at = DEEPER;
        }
        let pad = " ".repeat(column.saturating_sub(own).min(width.saturating_sub(at + 2 + own)));
        text.push_str("  ");
        match align {
            Align::Left => text.extend([cell, &pad]),
            Align::Right => text.extend([&pad, cell]),
        }
        at += 2 + own + length(&pad);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: usize) -> String {
        let rows = [["short", "1"], ["much longer", "22"]].map(|row| row.map(str::to_owned));
        render_table(&["name", "n"], &[Align::Left, Align::Right], &rows, width)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(table(80), "  name          n\n  short         1\n  much longer  22\n");
    }

    #[test]
    fn a_table_that_is_too_wide_gives_its_first_column_a_line() {
        assert_eq!(table(10), "  name\n       n\n  short\n       1\n  much longer\n      22\n");
    }

    /// Eight rows of which one has a value like that of `tcp_rmem`.
    fn long_value(width: usize) -> String {
        let mut rows: Vec<[String; 3]> =
            (0..8).map(|n| [format!("key{n}"), "1".to_owned(), "set 1".to_owned()]).collect();
        rows[3] = ["key3", "4096 131072 33554432", "set 4096 131072 33554432"].map(str::to_owned);
        render_table(&["key", "now", "rule"], &[Align::Left, Align::Right, Align::Left], &rows, width)
    }

    #[test]
    fn one_row_that_is_too_wide_does_not_move_the_others() {
        let text = long_value(40);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  key   now  rule");
        assert_eq!(lines[1], "  key0    1  set 1");
        assert_eq!(lines[4..6], ["  key3  4096 131072 33554432", "        set 4096 131072 33554432"]);
        assert_eq!(lines[6], "  key4    1  set 1");
        assert!(long_value(60).lines().nth(4).is_some_and(|line| line.ends_with("  set 4096 131072 33554432")));
    }
}
