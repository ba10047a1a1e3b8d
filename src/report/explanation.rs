//! An explanation as text, and the list of topics.

use super::answer::render_window;
use super::diagram::{DiagramStyle, render_diagram};
use super::flood::render_flood;
use super::grid::render_grid;
use super::printable::printable;
use super::prose::{hanging, in_ascii, wrapped};
use super::timeline::render_timeline;
use crate::explain::{Explanation, Origin, SettingRow, SocketOptionRow, Topic};
use crate::model::{Outcome, Side, Timeline, Window};

/// Different endings named one by one; more are given as a range.
const MOST_ENDINGS: usize = 3;

/// An explanation as text.
#[must_use]
pub fn render_explanation(explanation: &Explanation, style: DiagramStyle) -> String {
    let width = style.width;
    let topic = explanation.topic;
    let hz = explanation.host.hz.map_or("HZ unknown".to_owned(), |hz| format!("HZ {hz}"));
    let mut text = format!("{}\n", topic.question);
    text.push_str(&format!("For Linux {}, {hz}.\n\n", explanation.host.version));
    for sentence in &explanation.figures.answer {
        text.push_str(&wrapped(&printable(sentence), width));
    }
    for table in &explanation.figures.tables {
        text.push_str(&format!("\n{}", wrapped(&table.title, width)));
        let row = |row: &Vec<String>| row.iter().map(|cell| printable(cell)).collect();
        let rows: Vec<Vec<String>> = table.rows.iter().map(row).collect();
        text.push_str(&render_grid(&table.columns, &rows, width));
    }
    if !explanation.facts.gaps.is_empty() {
        text.push_str("\nNot read\n");
    }
    for gap in &explanation.facts.gaps {
        let sentence = format!("{}: {} → {}", gap.source, gap.reason, gap.consequence);
        text.push_str(&hanging("? ", &printable(&sentence), width));
    }
    if let Some(flood) = &explanation.figures.flood {
        text.push('\n');
        text.push_str(&render_flood(flood, width, style.ascii));
    }
    if let Some(timeline) = &explanation.timeline {
        text.push_str(&render_course(timeline, style));
    }
    if !explanation.settings.is_empty() || !explanation.socket_options.is_empty() {
        text.push_str("\nSettings that matter\n");
    }
    text.push_str(&render_settings(&explanation.settings, width));
    text.push_str(&render_socket_options(&explanation.socket_options, width));
    for key in &explanation.idle_what_ifs {
        text.push_str(&wrapped(&format!("{key} was set as a what-if and does not change this answer."), width));
    }
    if !topic.folklore.is_empty() {
        text.push_str("\nWhat people say, and what the kernel does\n");
        for folklore in topic.folklore {
            text.push_str(&hanging(
                if style.ascii { "  \"" } else { "  “" },
                &closing_quote(folklore.said, style.ascii),
                width,
            ));
            text.push_str(&hanging("    ", folklore.kernel, width));
        }
    }
    text.push_str(&format!("\n{}", hanging("Sources: ", &topic.sources.join(", "), width)));
    if style.ascii { in_ascii(&text) } else { text }
}

/// A course: the diagram, the timeline, what goes on for ever, and ties.
pub(super) fn render_course(timeline: &Timeline, style: DiagramStyle) -> String {
    let mut text = format!("\n{}", render_diagram(timeline, style));
    text.push_str("\nTimeline (a timer may be late, never early: from the first to the second time)\n");
    text.push_str(&render_timeline(timeline, style.width));
    for end in timeline.ends.iter().filter(|end| end.outcome == Outcome::Never) {
        text.push_str(&format!("The {} does not end by itself: this goes on for ever.\n", end.side.name()));
    }
    text.push_str(&render_alternatives(timeline, style));
    text
}

/// What else can happen as well, where timers meet: the endings of each side that differ.
fn render_alternatives(timeline: &Timeline, style: DiagramStyle) -> String {
    if timeline.alternatives.is_empty() {
        return String::new();
    }
    let others = timeline.alternatives.len();
    let ways = if others == 1 { "one other course is".to_owned() } else { format!("{others} other courses are") };
    let mut text = format!("A tie: {ways} as likely, where timers meet.");
    for side in Side::BOTH {
        if let Some(words) = endings(timeline, side, style.ascii) {
            text.push_str(&format!(" The {} ends {words}.", side.name()));
        }
    }
    text.push_str(" --json has them whole.");
    wrapped(&text, style.width)
}

/// The endings of a side over all courses, when there is more than one: `19-20s (gone) or 35-36s (gone)`.
pub(super) fn endings(timeline: &Timeline, side: Side, ascii: bool) -> Option<String> {
    let courses = core::iter::once(timeline).chain(&timeline.alternatives);
    let mut ends: Vec<(Window, Outcome)> = courses
        .filter_map(|course| course.ends.iter().find(|end| end.side == side))
        .map(|end| (end.window, end.outcome))
        .collect();
    ends.sort_unstable();
    ends.dedup_by_key(|(window, outcome)| (window.at_us, *outcome));
    let (first, last) = (ends.first()?, ends.last()?);
    let words = |(window, outcome): &(Window, Outcome)| {
        if *outcome == Outcome::Never { "never".to_owned() } else { render_window(*window, ascii) }
    };
    match ends.len() {
        1 => None,
        2..=MOST_ENDINGS => Some(ends.iter().map(words).collect::<Vec<_>>().join(" or ")),
        _ => {
            let hull = Window { at_us: first.0.at_us, latest_us: last.0.latest_us };
            Some(format!("at one of {} times within {}", ends.len(), render_window(hull, ascii)))
        }
    }
}

pub(super) fn render_socket_options(options: &[SocketOptionRow], width: usize) -> String {
    let line = |row: &SocketOptionRow| {
        let side = row
            .side
            .map_or("no effect here".to_owned(), |side| format!("{} for the {}", row.origin.name(), side.name()));
        let lead = format!("  {:<18}  {:>10}  {:<6}  ", row.name, row.value, row.unit);
        hanging(&lead, &format!("{side}: {}", row.affects), width)
    };
    options.iter().map(line).collect()
}

fn closing_quote(said: &str, ascii: bool) -> String {
    format!("{said}{}", if ascii { "\"" } else { "”" })
}

pub(super) fn render_settings(settings: &[SettingRow], width: usize) -> String {
    let values: Vec<String> =
        settings.iter().map(|row| row.value.as_ref().map_or("-".to_owned(), |sourced| shown(&sourced.value))).collect();
    let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let key = longest(&mut settings.iter().map(|row| row.key.len()));
    let value = longest(&mut values.iter().map(String::len));
    let unit = longest(&mut settings.iter().map(|row| row.unit.len()));
    let lines = settings.iter().zip(&values).map(|(row, text)| {
        hanging(&format!("  {:<key$}  {text:>value$}  {:<unit$}  ", row.key, row.unit), &origin(row), width)
    });
    lines.collect()
}

/// Where a value came from, beside the default, and the end that has it where the other has another.
fn origin(row: &SettingRow) -> String {
    let from = origin_of_value(row);
    row.side.map_or(from.clone(), |side| format!("{}: {from}", side.name()))
}

fn origin_of_value(row: &SettingRow) -> String {
    let Some(sourced) = &row.value else {
        // Some defaults depend on the host's memory or processors, and not every key can be read everywhere.
        return if row.exists { "not known" } else { "not in this kernel" }.to_owned();
    };
    let name = sourced.origin.name();
    match &row.default {
        _ if sourced.origin == Origin::Default => name.to_owned(),
        Some(default) if *default == sourced.value => format!("{name} (the default)"),
        Some(default) => format!("{name} (default {})", shown(default)),
        None => name.to_owned(),
    }
}

/// A value, or a word for an empty one.
fn shown(value: &str) -> String {
    if value.is_empty() { "none".to_owned() } else { value.to_owned() }
}

/// The list of topics by group.
#[must_use]
pub fn render_topics<'a>(topics: impl Iterator<Item = &'a Topic>, width: usize) -> String {
    let topics: Vec<&Topic> = topics.collect();
    let longest = topics.iter().map(|topic| topic.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut group = None;
    for topic in topics {
        if group != Some(topic.group) {
            text.push_str(&format!("{}{}\n", if group.is_some() { "\n" } else { "" }, topic.group.title()));
            group = Some(topic.group);
        }
        text.push_str(&hanging(&format!("  {:<longest$}  ", topic.id), topic.question, width));
    }
    let hint =
        "tcpctl explain TOPIC answers for this host; --set KEY=VALUE, --sockopt, --kernel, --hz and --rtt ask what if.";
    text.push_str(&format!("\n{}", wrapped(hint, width)));
    text
}
