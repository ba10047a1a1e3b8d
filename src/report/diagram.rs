//! A sequence diagram with two lifelines, as text.

use super::fold::{Fold, Line, Waits, fold};
use super::sequence::{Arrow, Mark, Part, Row, rows};
use crate::model::{Side, Timeline};
use crate::units::Micros;

/// Lines shown at most, as far as there are repetitions to leave out.
const MOST_LINES: usize = 26;
/// Columns of a state's name, and of a time.
const STATE_COLUMNS: usize = 10;
const TIME_COLUMNS: usize = 6;

/// How a diagram is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiagramStyle {
    /// Columns it may use; at least 60 are used.
    pub width: usize,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

/// Draws the diagram: the client on the left, the server on the right, time downwards.
#[must_use]
pub fn render_diagram(timeline: &Timeline, style: DiagramStyle) -> String {
    let margins = 2 * (STATE_COLUMNS + TIME_COLUMNS + 3);
    let span = style.width.max(60).saturating_sub(margins).min(60);
    let glyphs = if style.ascii { &ASCII } else { &UNICODE };
    let mut text = line("client", "", &" ".repeat(span), "", "server");
    for drawn in fold(rows(&timeline.events), MOST_LINES) {
        match drawn {
            Line::Row(row) => text.push_str(&draw(&row, span, glyphs)),
            Line::Folded(fold) => {
                for words in fold_words(&fold, glyphs) {
                    text.push_str(&format!(" {}{words}\n", " ".repeat(STATE_COLUMNS + TIME_COLUMNS + 2)));
                }
            }
        }
    }
    text
}

struct Glyphs {
    from_left: &'static str,
    from_right: &'static str,
    to_right: &'static str,
    to_left: &'static str,
    line: &'static str,
    /// The part of a crossing segment's way that another row goes on with.
    under_way: &'static str,
    lost: &'static str,
    more: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    from_left: "├",
    from_right: "┤",
    to_right: "▶",
    to_left: "◀",
    line: "─",
    under_way: "┄",
    lost: "✗",
    more: "⋮",
};
const ASCII: Glyphs = Glyphs {
    from_left: "|",
    from_right: "|",
    to_right: ">",
    to_left: "<",
    line: "-",
    under_way: ".",
    lost: "x",
    more: ":",
};

/// What a fold leaves out, a line for each kind of segment.
fn fold_words(fold: &Fold, glyphs: &Glyphs) -> Vec<String> {
    let words = fold.sent.iter().map(|sent| {
        let waits = match sent.waits {
            Waits::Even(wait_us) => format!(", one every {:#}", Micros(wait_us)),
            Waits::Doubling(first_us, last_us) => {
                format!(", waits doubling {:#} to {:#}", Micros(first_us), Micros(last_us))
            }
            Waits::Mixed => String::new(),
        };
        format!("{} {} more {} of the {}{waits}", glyphs.more, sent.copies, sent.segment.name(), sent.from.name())
    });
    words.collect()
}

fn draw(row: &Row, span: usize, glyphs: &Glyphs) -> String {
    let middle = match (&row.arrow, row.client.note.as_str(), row.server.note.as_str()) {
        (Some(arrow), ..) => draw_arrow(arrow, span, glyphs),
        (None, "", note) => format!("{note:>span$}"),
        (None, note, _) => format!("{note:<span$}"),
    };
    let state = |mark: &Mark| mark.state.map_or(String::new(), |state| state.to_string());
    let time = |mark: &Mark| mark.window.map_or(String::new(), |window| format!("{:#}", Micros(window.at_us)));
    line(&state(&row.client), &time(&row.client), &middle, &time(&row.server), &state(&row.server))
}

fn line(left: &str, left_time: &str, middle: &str, right_time: &str, right: &str) -> String {
    let text =
        format!(" {left:<STATE_COLUMNS$} {left_time:>TIME_COLUMNS$} {middle} {right_time:>TIME_COLUMNS$} {right}");
    format!("{}\n", text.trim_end())
}

fn draw_arrow(arrow: &Arrow, span: usize, glyphs: &Glyphs) -> String {
    let name = format!(" {} ", arrow.label());
    // A lost segment gets two thirds of the way, one that another row goes on with a little more than its name.
    let length = if arrow.part == Part::Lost { span * 2 / 3 } else { span };
    let fill = length.saturating_sub(name.chars().count() + 2 + 3);
    let (near, far) = (glyphs.line.repeat(3), glyphs.line.repeat(fill));
    let under_way = glyphs.under_way.repeat(fill + 1);
    let blank = " ".repeat(span - length);
    let Glyphs { from_left, from_right, to_right, to_left, lost, .. } = glyphs;
    match (arrow.from, arrow.part) {
        (Side::Client, Part::Whole) => format!("{from_left}{near}{name}{far}{to_right}"),
        (Side::Client, Part::Lost) => format!("{from_left}{near}{name}{far}{lost}{blank}"),
        (Side::Client, Part::Leaves) => format!("{from_left}{near}{name}{under_way}"),
        (Side::Client, Part::Arrives) => format!("{under_way}{name}{near}{to_right}"),
        (Side::Server, Part::Whole) => format!("{to_left}{far}{name}{near}{from_right}"),
        (Side::Server, Part::Lost) => format!("{blank}{lost}{far}{name}{near}{from_right}"),
        (Side::Server, Part::Leaves) => format!("{under_way}{name}{near}{from_right}"),
        (Side::Server, Part::Arrives) => format!("{to_left}{near}{name}{under_way}"),
    }
}
