//! Columns of text.

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// At the right.
    Right,
}

/// A table with two blanks before and between columns. When it does not fit into `width`, the first column gets a
/// line of its own and the rest stands below it.
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
    let length = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell));
            cells.chain(head.get(column).map(|text| length(text))).max().unwrap_or(0)
        })
        .collect();
    // The last column may be ragged, so what counts is the longest whole line.
    let whole: usize = widths.iter().map(|width| width + 2).sum();
    let split = whole > width;
    let mut text = String::new();
    let head = head.map(str::to_owned);
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for ((cell, cell_width), (column, align)) in row.iter().zip(&widths).zip(align.iter().enumerate()) {
            if split && column == 0 {
                line.push_str("  ");
                line.push_str(cell);
                line.push_str("\n    ");
                continue;
            }
            let pad = " ".repeat(cell_width.saturating_sub(length(cell)));
            line.push_str("  ");
            match align {
                Align::Left => line.extend([cell.as_str(), &pad]),
                Align::Right => line.extend([&pad, cell.as_str()]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
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
}
