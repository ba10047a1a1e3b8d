//! A sequence diagram as SVG: a picture to put into a post-mortem.
//!
//! One self-contained document without scripts, fonts or styles from elsewhere. Each time is the window in which the
//! event lies.

use std::collections::BTreeMap;

use super::answer::render_window;
use super::diagram_caption::{Caption, Pictured};
use super::prose::hanging;
use super::sequence::{Arrow, Mark, Part, Row, rows};
use crate::model::{Side, Window};

const WIDTH: usize = 780;
const CLIENT_X: usize = 240;
const SERVER_X: usize = 540;
const ROW: usize = 32;
/// How far down a segment comes that takes time.
const SLOPE: usize = 12;
/// Characters of a caption's line.
const CAPTION_COLUMNS: usize = 96;

/// The diagram of a course; nothing when there is none.
#[must_use]
pub fn render_svg<'a>(pictured: impl Into<Pictured<'a>>) -> Option<String> {
    let pictured = pictured.into();
    let timeline = pictured.timeline?;
    let rows = rows(&timeline.events);
    let caption = Caption::of(&pictured, timeline);
    let above: Vec<String> = caption.above.iter().flat_map(|line| lines(line)).collect();
    let below: Vec<String> = caption.below.iter().flat_map(|line| lines(line)).collect();
    let top = 52 + above.len() * 18 + 40;
    let bottom = top + rows.len() * ROW + 8;
    let height = bottom + 24 + below.len() * 18;
    let mut picture = Picture { text: String::new() };
    picture.text.push_str(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#1a1a1a\">\n"
    ));
    picture.text.push_str(&format!("<title>{}</title>\n", escape(&caption.title)));
    picture.text.push_str(&format!("<desc>{}</desc>\n", escape(&caption.below.join(" "))));
    picture.text.push_str(&format!("<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"));
    picture.words(24, 34, "start", " font-size=\"18\" font-weight=\"600\"", &caption.title);
    for (place, line) in above.iter().enumerate() {
        picture.words(24, 58 + place * 18, "start", " fill=\"#555555\"", line);
    }
    picture.lifelines(top, bottom);
    picture.rows(&rows, top);
    for (place, line) in below.iter().enumerate() {
        picture.words(24, bottom + 24 + place * 18, "start", "", line);
    }
    picture.text.push_str("</svg>\n");
    Some(picture.text)
}

/// A caption in lines that fit the picture.
fn lines(text: &str) -> Vec<String> {
    hanging("", text, CAPTION_COLUMNS).lines().map(str::to_owned).collect()
}

struct Picture {
    text: String,
}

impl Picture {
    fn words(&mut self, x: usize, y: usize, anchor: &str, style: &str, words: &str) {
        let words = escape(words);
        self.text.push_str(&format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{style}>{words}</text>\n"));
    }

    fn line(&mut self, from: (usize, usize), to: (usize, usize), style: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.text.push_str(&format!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" {style}/>\n"));
    }

    fn lifelines(&mut self, top: usize, bottom: usize) {
        for (x, name) in [(CLIENT_X, "client"), (SERVER_X, "server")] {
            self.words(x, top - 24, "middle", " font-weight=\"600\"", name);
            self.line((x, top - 14), (x, bottom), "stroke=\"#999999\" stroke-width=\"2\"");
        }
    }

    fn rows(&mut self, rows: &[Row], top: usize) {
        let y_of = |place: usize| top + place * ROW + 8;
        // Where each crossing segment arrives, to draw it in one line from where it leaves.
        let arrivals: BTreeMap<usize, usize> = rows
            .iter()
            .enumerate()
            .filter_map(|(place, row)| {
                row.arrow.filter(|arrow| arrow.part == Part::Arrives).map(|it| (it.message, place))
            })
            .collect();
        let sent: Vec<usize> =
            rows.iter().filter_map(|row| row.arrow).filter(|it| it.part == Part::Leaves).map(|it| it.message).collect();
        for (place, row) in rows.iter().enumerate() {
            let y = y_of(place);
            let slope = row.arrow.map_or(0, |arrow| slope(row, &arrow));
            let is_late = |side: Side| row.arrow.is_some_and(|arrow| arrow.part == Part::Whole && arrow.from != side);
            for side in Side::BOTH {
                self.mark(side, row.mark(side), if is_late(side) { y + slope } else { y });
            }
            let Some(arrow) = row.arrow else { continue };
            match arrow.part {
                Part::Whole => self.arrow(&arrow, y, y + slope),
                Part::Lost => self.lost(&arrow, y),
                Part::Leaves => {
                    self.arrow(&arrow, y, arrivals.get(&arrow.message).map_or(y + slope, |place| y_of(*place)))
                }
                Part::Arrives if !sent.contains(&arrow.message) => self.injected(&arrow, y),
                Part::Arrives => {}
            }
        }
    }

    /// Time, state and failed call beside a lifeline.
    fn mark(&mut self, side: Side, mark: &Mark, y: usize) {
        let Some(window) = mark.window else { return };
        let (x, anchor, time_x, words_x) = match side {
            Side::Client => (CLIENT_X, "end", CLIENT_X - 12, CLIENT_X - 100),
            Side::Server => (SERVER_X, "start", SERVER_X + 12, SERVER_X + 100),
        };
        self.text.push_str(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"#666666\"/>\n"));
        self.words(time_x, y + 4, anchor, " fill=\"#555555\"", &time(window));
        if let Some(state) = mark.state {
            self.words(words_x, y + 4, anchor, " font-weight=\"600\"", &state.to_string());
        }
        if !mark.note.is_empty() {
            let x = if side == Side::Client { CLIENT_X + 14 } else { SERVER_X - 14 };
            let anchor = if side == Side::Client { "start" } else { "end" };
            self.words(x, y + 4, anchor, " fill=\"#b00020\" font-weight=\"600\"", &mark.note);
        }
    }

    /// A segment that gets through.
    fn arrow(&mut self, arrow: &Arrow, y: usize, arrives_y: usize) {
        let (from, to) = ends(arrow.from);
        self.line((from, y), (to, arrives_y), "stroke=\"#1f5fbf\" stroke-width=\"1.5\"");
        self.head(arrow.from, to, arrives_y);
        let x = if from < to { from + 24 } else { from - 24 };
        let anchor = if from < to { "start" } else { "end" };
        self.words(x, y - 5, anchor, "", &arrow.label());
    }

    fn head(&mut self, from: Side, x: usize, y: usize) {
        let back = if from == Side::Client { x - 9 } else { x + 9 };
        let points = format!("{x},{y} {back},{} {back},{}", y - 4, y + 4);
        self.text.push_str(&format!("<polygon points=\"{points}\" fill=\"#1f5fbf\"/>\n"));
    }

    fn lost(&mut self, arrow: &Arrow, y: usize) {
        let (from, to) = ends(arrow.from);
        let end = if from < to { from + (to - from) * 2 / 3 } else { from - (from - to) * 2 / 3 };
        let style = "stroke=\"#b00020\" stroke-width=\"1.5\"";
        self.line((from, y), (end, y), &format!("{style} stroke-dasharray=\"6 3\""));
        self.line((end - 5, y - 5), (end + 5, y + 5), style);
        self.line((end - 5, y + 5), (end + 5, y - 5), style);
        let (x, anchor) = if from < to { (from + 24, "start") } else { (from - 24, "end") };
        self.words(x, y - 5, anchor, "", &arrow.label());
        let (x, anchor) = if from < to { (end + 12, "start") } else { (end - 12, "end") };
        self.words(x, y + 4, anchor, " fill=\"#b00020\" font-size=\"11\"", "lost");
    }

    /// A segment that neither side sent in this course.
    fn injected(&mut self, arrow: &Arrow, y: usize) {
        let (from, to) = ends(arrow.from);
        let middle = from.midpoint(to);
        self.line((middle, y), (to, y), "stroke=\"#1f5fbf\" stroke-width=\"1.5\" stroke-dasharray=\"2 3\"");
        self.head(arrow.from, to, y);
        let (x, anchor) = if from < to { (middle, "end") } else { (middle, "start") };
        self.words(x, y - 5, anchor, "", &arrow.label());
    }
}

/// Where a segment begins and ends.
const fn ends(from: Side) -> (usize, usize) {
    match from {
        Side::Client => (CLIENT_X, SERVER_X),
        Side::Server => (SERVER_X, CLIENT_X),
    }
}

/// A segment that takes time comes down a little.
fn slope(row: &Row, arrow: &Arrow) -> usize {
    let at = |side: Side| row.mark(side).window.map(|window| window.at_us);
    if at(arrow.from) < at(arrow.from.other()) { SLOPE } else { 0 }
}

fn time(window: Window) -> String {
    if window.latest_us == 0 { "0s".to_owned() } else { render_window(window, false) }
}

/// Text as XML takes it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // XML 1.0 has no other control characters than these three.
            other if other.is_control() && !matches!(other, '\t' | '\n' | '\r') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_keeps_for_itself_is_escaped() {
        assert_eq!(escape("a<b & \"c\" > 'd'\u{1}"), "a&lt;b &amp; &quot;c&quot; &gt; &apos;d&apos;\u{fffd}");
    }
}
