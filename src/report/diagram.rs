//! A sequence diagram with two lifelines.

use std::collections::BTreeMap;

use crate::model::{Errno, Event, Segment, Side, Timeline, What};
use crate::units::{Micros, TcpState};

/// Rows shown at most; the middle of a longer course is folded.
const MOST_ROWS: usize = 26;
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
    let rows = rows(&timeline.events);
    let (head, tail) = if rows.len() > MOST_ROWS { (MOST_ROWS / 2, MOST_ROWS / 2 - 1) } else { (rows.len(), 0) };
    let mut text = line("client", "", &" ".repeat(span), "", "server");
    for row in rows.iter().take(head) {
        text.push_str(&draw(row, span, glyphs));
    }
    if tail > 0 {
        let folded = rows.len() - head - tail;
        text.push_str(&format!(" {}{folded} more, not drawn\n", " ".repeat(STATE_COLUMNS + TIME_COLUMNS + 2)));
        for row in rows.iter().skip(rows.len() - tail) {
            text.push_str(&draw(row, span, glyphs));
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
    lost: &'static str,
}

const UNICODE: Glyphs =
    Glyphs { from_left: "├", from_right: "┤", to_right: "▶", to_left: "◀", line: "─", lost: "✗" };
const ASCII: Glyphs = Glyphs { from_left: "|", from_right: "|", to_right: ">", to_left: "<", line: "-", lost: "x" };

/// One line of the diagram.
#[derive(Clone, Debug, Default)]
struct Row {
    left: Lifeline,
    right: Lifeline,
    arrow: Option<Arrow>,
    /// What is said in place of an arrow.
    note: String,
    noted_side: Option<Side>,
}

/// What stands at one side of a line.
#[derive(Clone, Debug, Default)]
struct Lifeline {
    at_us: Option<u64>,
    state: Option<TcpState>,
}

#[derive(Clone, Debug)]
struct Arrow {
    from: Side,
    segment: Segment,
    copy: u32,
    lost: bool,
}

impl Row {
    fn lifeline(&mut self, side: Side) -> &mut Lifeline {
        match side {
            Side::Client => &mut self.left,
            Side::Server => &mut self.right,
        }
    }
}

/// A line per segment, with the states that it is sent from and leads to; a line of its own for every other
/// change of state and for every call that fails.
fn rows(events: &[Event]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    // The row of each segment that is on its way, by sender and kind, oldest first.
    let mut on_the_way: BTreeMap<(Side, Segment), Vec<usize>> = BTreeMap::new();
    // The row that a side's next state belongs to, and when that row happened there.
    let mut open: BTreeMap<Side, (usize, u64)> = BTreeMap::new();
    for event in events {
        let (side, at_us) = (event.side, event.window.at_us);
        match &event.what {
            What::Send { segment, copy, lost } => {
                // A state entered just before, such as SYN-SENT, labels the line of what is sent then.
                let labelled = open.get(&side).filter(|(place, at)| {
                    *at == at_us && rows.get(*place).is_some_and(|row| row.arrow.is_none() && row.note.is_empty())
                });
                let place = match labelled {
                    Some((place, _)) => *place,
                    None => {
                        rows.push(Row::default());
                        rows.len() - 1
                    }
                };
                if let Some(row) = rows.get_mut(place) {
                    row.lifeline(side).at_us = Some(at_us);
                    row.arrow = Some(Arrow { from: side, segment: *segment, copy: *copy, lost: *lost });
                }
                open.remove(&side);
                if !lost {
                    on_the_way.entry((side, *segment)).or_default().push(place);
                }
            }
            What::Arrive(segment) => {
                let queue = on_the_way.entry((side.other(), *segment)).or_default();
                if !queue.is_empty() {
                    let place = queue.remove(0);
                    if let Some(row) = rows.get_mut(place) {
                        row.lifeline(side).at_us = Some(at_us);
                    }
                    open.insert(side, (place, at_us));
                }
            }
            What::State(state) => {
                let place = match open.get(&side).filter(|(_, at)| *at == at_us) {
                    Some((place, _)) => *place,
                    None => {
                        rows.push(Row::default());
                        open.insert(side, (rows.len() - 1, at_us));
                        rows.len() - 1
                    }
                };
                if let Some(row) = rows.get_mut(place) {
                    let lifeline = row.lifeline(side);
                    (lifeline.at_us, lifeline.state) = (Some(at_us), Some(*state));
                }
            }
            What::Return(call, Some(errno)) => note_failure(&mut rows, &open, side, at_us, call, *errno),
            What::Call(_) | What::Return(_, None) => {}
        }
    }
    rows
}

/// Writes a failed call beside the state that it left.
fn note_failure(
    rows: &mut Vec<Row>,
    open: &BTreeMap<Side, (usize, u64)>,
    side: Side,
    at_us: u64,
    call: &str,
    errno: Errno,
) {
    let place = open.get(&side).filter(|(_, at)| *at == at_us).map(|(place, _)| *place);
    let place = place.unwrap_or_else(|| {
        rows.push(Row::default());
        rows.len() - 1
    });
    if let Some(row) = rows.get_mut(place) {
        row.lifeline(side).at_us = Some(at_us);
        row.note = format!("{call}() fails: {}", errno.name());
        row.noted_side = Some(side);
    }
}

fn draw(row: &Row, span: usize, glyphs: &Glyphs) -> String {
    let middle = match &row.arrow {
        Some(arrow) => draw_arrow(arrow, span, glyphs),
        None => match row.noted_side {
            Some(Side::Server) => format!("{:>span$}", row.note),
            _ => format!("{:<span$}", row.note),
        },
    };
    let state = |lifeline: &Lifeline| lifeline.state.map_or(String::new(), |state| state.to_string());
    let time = |lifeline: &Lifeline| lifeline.at_us.map_or(String::new(), |us| format!("{:#}", Micros(us)));
    line(&state(&row.left), &time(&row.left), &middle, &time(&row.right), &state(&row.right))
}

fn line(left: &str, left_time: &str, middle: &str, right_time: &str, right: &str) -> String {
    let text =
        format!(" {left:<STATE_COLUMNS$} {left_time:>TIME_COLUMNS$} {middle} {right_time:>TIME_COLUMNS$} {right}");
    format!("{}\n", text.trim_end())
}

fn draw_arrow(arrow: &Arrow, span: usize, glyphs: &Glyphs) -> String {
    let name = match arrow.copy {
        0 => format!(" {} ", arrow.segment.name()),
        copy => format!(" {} again ({copy}) ", arrow.segment.name()),
    };
    // A lost segment gets two thirds of the way.
    let length = if arrow.lost { span * 2 / 3 } else { span };
    let fill = length.saturating_sub(name.chars().count() + 2 + 3);
    let (near, far) = (glyphs.line.repeat(3), glyphs.line.repeat(fill));
    let blank = " ".repeat(span - length);
    match (arrow.from, arrow.lost) {
        (Side::Client, false) => format!("{}{near}{name}{far}{}", glyphs.from_left, glyphs.to_right),
        (Side::Client, true) => format!("{}{near}{name}{far}{}{blank}", glyphs.from_left, glyphs.lost),
        (Side::Server, false) => format!("{}{far}{name}{near}{}", glyphs.to_left, glyphs.from_right),
        (Side::Server, true) => format!("{blank}{}{far}{name}{near}{}", glyphs.lost, glyphs.from_right),
    }
}
