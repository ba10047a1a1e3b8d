//! One topic for several values, as a table.

use std::collections::BTreeMap;

use super::answer::render_window;
use super::explanation::endings;
use super::figure::render_count as count;
use super::flood::client;
use super::grid::render_grid;
use super::prose::wrapped;
use crate::explain::{Case, Explanation};
use crate::model::{FloodForecast, Outcome, Segment, Side, Timeline, What};

/// The same topic answered for each combination of values: when it ends, how, and with how many segments.
#[must_use]
pub fn render_variants(cases: &[Case], width: usize, ascii: bool) -> String {
    let Some(Case { varied, explanation: first }) = cases.first() else { return String::new() };
    let hz = first.host.hz.map_or("HZ unknown".to_owned(), |hz| format!("HZ {hz}"));
    let mut text = format!("{}\nFor Linux {}, {hz}.\n\n", first.topic.question, first.host.version);
    let keys: Vec<String> = varied.iter().map(|(key, _)| leaf(key).to_owned()).collect();
    let figures = columns(first);
    let names: Vec<&str> =
        keys.iter().map(String::as_str).chain(figures.iter().map(|column| column.name.as_str())).collect();
    let rows: Vec<Vec<String>> = cases
        .iter()
        .map(|Case { varied, explanation }| {
            let values = varied.iter().map(|(_, value)| value.clone());
            values.chain(figures.iter().map(|column| (column.value)(explanation, ascii))).collect()
        })
        .collect();
    text.push_str(&render_grid(&names, &rows, width));
    let idle: Vec<&str> = varied
        .iter()
        .map(|(key, _)| key.as_str())
        .filter(|key| first.idle_what_ifs.iter().any(|idle| idle == key))
        .collect();
    if !idle.is_empty() {
        text.push_str(&wrapped(&format!("{} does not change this answer.", idle.join(", ")), width));
    }
    if figures.is_empty() {
        text.push_str("This topic has no figures to compare.\n");
    }
    if figures.iter().any(|column| column.name.ends_with(" ends")) {
        text.push_str(&wrapped(
            "A timer may be late, never early: each end lies between the two times. One value shows the whole course.",
            width,
        ));
    }
    text
}

fn leaf(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// A column of figures.
struct Column {
    name: String,
    value: fn(&Explanation, bool) -> String,
}

/// The columns that an explanation has figures for; where it has figures of its own, its scenario only illustrates.
fn columns(explanation: &Explanation) -> Vec<Column> {
    let mut columns = Vec::new();
    let mut add = |name: &str, value| columns.push(Column { name: name.to_owned(), value });
    let figures = &explanation.figures;
    if figures.flood.is_some() {
        add("peak", |explanation, _| with_flood(explanation, |flood| count(flood.half_open_peak)));
        add("cookies", |explanation, _| with_flood(explanation, |flood| count(flood.cookies_sent)));
        add("dropped", |explanation, _| with_flood(explanation, |flood| count(flood.dropped)));
        add("left", |explanation, _| with_flood(explanation, |flood| count(flood.half_open_after_pruning)));
        add("empty at", |explanation, ascii| {
            let gone = |flood: &FloodForecast| flood.last_gone.map(|gone| render_window(gone, ascii));
            with_flood(explanation, |flood| gone(flood).unwrap_or_else(|| "-".to_owned()))
        });
        add("honest client", |explanation, ascii| with_flood(explanation, |flood| client(flood, ascii)));
    } else if figures.queues.is_some() {
        add("accept queue", |explanation, _| {
            explanation.figures.queues.map_or_else(String::new, |queues| queues.accept_capacity.to_string())
        });
        add("SYN queue", |explanation, _| {
            explanation.figures.queues.map_or_else(String::new, |queues| queues.half_open_capacity.to_string())
        });
        // A handshake that succeeds only illustrates; one that does not is what the topic is about.
        let ends = explanation.timeline.as_ref().and_then(Timeline::end);
        if ends.is_some_and(|end| end.outcome != Outcome::Established) {
            add("ends", |explanation, ascii| with_timeline(explanation, |course| end(course, ascii)));
            add("how", |explanation, _| with_timeline(explanation, outcome));
        }
    } else if figures.ports.is_some() {
        add("ports", |explanation, _| {
            explanation.figures.ports.map_or_else(String::new, |ports| ports.budget.available.to_string())
        });
        add("connections/s", |explanation, _| {
            explanation.figures.ports.map_or_else(String::new, |ports| ports.budget.sustained_per_s.to_string())
        });
    } else if figures.mss.is_some() {
        add("MSS (IPv4)", |explanation, _| {
            explanation.figures.mss.map_or_else(String::new, |mss| mss.ipv4.mss.to_string())
        });
        add("data a segment", |explanation, _| {
            explanation.figures.mss.map_or_else(String::new, |mss| mss.ipv4.data_per_segment.to_string())
        });
        add("segments", |explanation, _| {
            explanation.figures.mss.map_or_else(String::new, |mss| mss.ipv4.segments.to_string())
        });
    } else if let Some(timeline) = &explanation.timeline {
        let about = timeline.end().map_or("", |end| end.side.name());
        add(format!("{about} ends").trim(), |explanation, ascii| {
            with_timeline(explanation, |course| end(course, ascii))
        });
        add("how", |explanation, _| with_timeline(explanation, outcome));
        add("client sends", |explanation, _| with_timeline(explanation, |course| segments(course, Side::Client)));
        add("server sends", |explanation, _| with_timeline(explanation, |course| segments(course, Side::Server)));
    }
    columns
}

fn with_flood(explanation: &Explanation, words: impl Fn(&FloodForecast) -> String) -> String {
    explanation.figures.flood.as_ref().map_or_else(String::new, |figures| words(&figures.forecast))
}

fn with_timeline(explanation: &Explanation, words: impl Fn(&Timeline) -> String) -> String {
    explanation.timeline.as_ref().map_or_else(String::new, words)
}

/// When the side ends that the scenario is about; every ending in a tie.
fn end(timeline: &Timeline, ascii: bool) -> String {
    let Some(end) = timeline.end() else { return "-".to_owned() };
    match endings(timeline, end.side, ascii) {
        Some(several) => several,
        None if end.outcome == Outcome::Never => "never".to_owned(),
        None => render_window(end.window, ascii),
    }
}

fn outcome(timeline: &Timeline) -> String {
    timeline.end().map_or("-", |end| end.outcome.name()).to_owned()
}

/// What a side sends and how often: `11 SYN`, `1 SYN, 1 ACK`.
fn segments(timeline: &Timeline, side: Side) -> String {
    let mut copies: BTreeMap<Segment, usize> = BTreeMap::new();
    for event in timeline.events.iter().filter(|event| event.side == side) {
        if let What::Send { segment, .. } = event.what {
            *copies.entry(segment).or_default() += 1;
        }
    }
    let words: Vec<String> = copies.iter().map(|(segment, number)| format!("{number} {}", segment.name())).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
