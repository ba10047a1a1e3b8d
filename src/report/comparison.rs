//! Measured beside predicted, as text and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lab_table::wrong;
use super::printable::printable;
use super::prose::{hanging, in_ascii, wrapped};
use super::timeline::TimelineView;
use crate::lab::{Moved, Played, Proof, Row, Verdict, predicted_end_us};
use crate::model::{Side, Window};
use crate::units::Micros;

/// Version of the JSON of `lab`; the shape only grows.
const SCHEMA: u32 = 1;

/// A comparison in JSON.
#[derive(Debug, Serialize)]
pub struct ComparisonView {
    /// Version of this shape.
    schema: u32,
    scenario: String,
    /// Whether everything lay in its window.
    agrees: bool,
    /// Which predicted course it was compared with; 0 is the main one.
    course: usize,
    /// Whether the wire was punctual enough for the comparison to mean something.
    conclusive: bool,
    rows: Vec<RowView>,
    predicted: TimelineView,
    measured: TimelineView,
    /// How late packets were taken from the wire and brought, all together.
    lateness_us: u64,
    /// How far the kernel's tick was behind its clock, all together.
    tick_behind_us: u64,
    /// By how much the clock that stamps packets was set meanwhile.
    clock_set_us: u64,
    /// How long the laboratory overslept at the most: so late it may have noticed what it notices itself.
    overslept_us: u64,
    /// The sysctls of the private namespaces, read back: client, server.
    settings: Vec<PinsView>,
    /// The counters of the private namespaces that moved, and by how much: client, server.
    counters: Vec<CountersView>,
    /// When the last predicted end is over.
    predicted_end_us: u64,
    /// How long was played.
    played_us: u64,
    /// How much of it was to be played at the most, where that was limited.
    limit_us: Option<u64>,
    /// What carried the segments: `ipv4` or `ipv6`.
    family: String,
    /// How many packets were no TCP and were not carried.
    not_carried: u64,
    /// Whether it was stopped before it was over; only what was predicted until then is compared.
    stopped: bool,
}

#[derive(Debug, Serialize)]
struct RowView {
    side: &'static str,
    what: String,
    at_us: Option<u64>,
    latest_us: Option<u64>,
    measured_us: Option<u64>,
    verdict: &'static str,
    /// By how much it was early or late.
    off_us: u64,
}

#[derive(Debug, Serialize)]
struct PinsView {
    side: &'static str,
    values: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct CountersView {
    side: &'static str,
    /// By group and name, such as `TcpExt.TCPTimeouts`.
    moved: BTreeMap<String, i64>,
}

impl ComparisonView {
    /// Puts it together; `limit_us` is how much was to be played, where that was limited.
    #[must_use]
    pub fn new(scenario: &str, proof: &Proof, limit_us: Option<u64>) -> Self {
        let Proof { predicted, played, comparison } = proof;
        let counters = |(side, moved): (&Side, &Moved)| CountersView {
            side: side.name(),
            moved: moved.iter().map(|((group, name), by)| (format!("{group}.{name}"), *by)).collect(),
        };
        Self {
            schema: SCHEMA,
            scenario: scenario.to_owned(),
            agrees: comparison.agrees(),
            course: comparison.course,
            conclusive: comparison.conclusive,
            rows: comparison.rows.iter().map(RowView::from).collect(),
            predicted: TimelineView::from(predicted),
            measured: TimelineView::from(&played.timeline),
            lateness_us: played.punctuality.wire_us,
            tick_behind_us: played.punctuality.tick_us,
            clock_set_us: played.punctuality.clock_us,
            overslept_us: played.punctuality.slept_us,
            settings: played
                .pins
                .iter()
                .map(|(side, values)| PinsView { side: side.name(), values: values.clone() })
                .collect(),
            counters: played.counters.iter().map(counters).collect(),
            predicted_end_us: predicted_end_us(predicted),
            played_us: u64::try_from(played.took.as_micros()).unwrap_or(u64::MAX),
            limit_us,
            family: played.scenario.family.name().to_ascii_lowercase(),
            not_carried: played.not_carried,
            stopped: played.stopped,
        }
    }
}

impl From<&Row> for RowView {
    fn from(row: &Row) -> Self {
        let (verdict, off_us) = verdict_words(row.verdict);
        Self {
            side: row.side.name(),
            what: row.what.clone(),
            at_us: row.predicted.map(|window| window.at_us),
            latest_us: row.predicted.map(|window| window.latest_us),
            measured_us: row.measured_us,
            verdict,
            off_us,
        }
    }
}

const fn verdict_words(verdict: Verdict) -> (&'static str, u64) {
    match verdict {
        Verdict::Inside => ("inside", 0),
        Verdict::Early(us) => ("early", us),
        Verdict::Late(us) => ("late", us),
        Verdict::Missing => ("missing", 0),
        Verdict::Extra => ("extra", 0),
    }
}

/// What stands before a verdict: as predicted, and not.
pub(super) const fn marks(ascii: bool) -> (&'static str, &'static str) {
    if ascii { ("ok", "!!") } else { ("✓", "✗") }
}

/// A verdict with its mark.
pub(super) fn verdict_text(verdict: Verdict, (good, bad): (&str, &str)) -> String {
    match verdict_words(verdict) {
        ("inside", _) => good.to_owned(),
        (word, 0) => format!("{bad} {word}"),
        (word, us) => format!("{bad} {:#} {word}", Micros(us)),
    }
}

/// Seconds with milliseconds; with tenths where milliseconds would not fit.
pub(super) fn seconds(us: u64) -> String {
    match us {
        0..1_000_000_000 => format!("{}.{:03}", us / 1_000_000, us / 1000 % 1000),
        _ => format!("{}.{}", us / 1_000_000, us / 100_000 % 10),
    }
}

/// Both ends of a window in seconds, or the one of a window without a width.
pub(super) fn window_text(window: Window) -> String {
    if window.at_us == window.latest_us {
        seconds(window.at_us)
    } else {
        format!("{}–{}", seconds(window.at_us), seconds(window.latest_us))
    }
}

/// How long a playing takes, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabSpan {
    /// When the last predicted end is over.
    pub predicted_end_us: u64,
    /// What is played at the most.
    pub most_us: u64,
    /// Whether that is less than the whole.
    pub limited: bool,
}

/// What is said before a scenario is played: what it is, and how long that takes.
#[must_use]
pub fn render_lab_opening(title: &str, note: Option<&str>, span: LabSpan, width: usize) -> String {
    let (end, most) = (Micros(span.predicted_end_us), Micros(span.most_us));
    let mut text = wrapped(&printable(title), width);
    text.extend(note.map(|note| wrapped(note, width)));
    text.push_str(&if span.limited && span.most_us < span.predicted_end_us {
        format!("Playing the first {most} of {end} on this kernel.\n\n")
    } else {
        format!("Playing it on this kernel, until about {end}, at most {most}.\n\n")
    });
    text
}

/// A comparison as a table (predicted window, measured time, verdict), and below it what it was made with.
#[must_use]
pub fn render_comparison(proof: &Proof, limit_us: Option<u64>, width: usize, ascii: bool) -> String {
    let Proof { predicted, played, comparison } = proof;
    let mut text = format!("{:<6}  {:<23}  {:>17}  {:>8}\n", "side", "what", "predicted (s)", "measured");
    for row in &comparison.rows {
        let window = row.predicted.map_or_else(|| "-".to_owned(), window_text);
        let measured = row.measured_us.map_or_else(|| "-".to_owned(), seconds);
        let verdict = verdict_text(row.verdict, marks(ascii));
        text.push_str(&format!("{:<6}  {:<23}  {window:>17}  {measured:>8}  {verdict}\n", row.side.name(), row.what));
    }
    let events = match comparison.rows.len() {
        0 => "this: nothing happens".to_owned(),
        1 => "the one event".to_owned(),
        count => format!("all {count} events"),
    };
    let mut said = match wrong(comparison) {
        _ if !comparison.conclusive => "This proves nothing: the host was too busy".to_owned(),
        0 => format!("Kernel and model agree on {events}"),
        wrong => format!("Kernel and model disagree on {wrong} of {} events", comparison.rows.len()),
    };
    if comparison.conclusive && comparison.course > 0 {
        said.push_str(&format!(" (course {} of a tie)", comparison.course + 1));
    }
    let end_us = predicted_end_us(predicted);
    let took_us = u64::try_from(played.took.as_micros()).unwrap_or(u64::MAX);
    said.push_str(&match limit_us.filter(|limit_us| *limit_us < end_us) {
        _ if played.stopped => format!(" until it was stopped, after {} of {}.", Micros(took_us), Micros(end_us)),
        Some(limit_us) => format!(", in the first {} of {}.", Micros(limit_us), Micros(end_us)),
        None => ".".to_owned(),
    });
    text.push_str(&format!("\n{}", wrapped(&said, width)));
    text.push_str(&made_with(played, width));
    if ascii { in_ascii(&text) } else { text }
}

/// Less than this is not worth a word, in microseconds.
const OVERSLEPT_US: u64 = 10_000;

/// How punctual the run was, what was set and which counters moved.
fn made_with(played: &Played, width: usize) -> String {
    let mut said = format!("Packets were carried {} ms late, all together", milliseconds(played.punctuality.wire_us));
    if played.punctuality.tick_us >= 100 {
        said.push_str(&format!("; the kernel's tick was {} ms behind", milliseconds(played.punctuality.tick_us)));
    }
    let counts: Vec<usize> = played.pins.values().map(Vec::len).collect();
    said.push_str(&match counts.as_slice() {
        [client, server] if client == server => format!(". At each end {client} sysctls were set and read back"),
        counts => format!(". At the two ends {} sysctls were set and read back", counts.iter().sum::<usize>()),
    });
    said.push_str("; --json lists them.");
    let slept_us = played.punctuality.slept_us;
    if slept_us > OVERSLEPT_US {
        said.push_str(&format!(" This process was kept waiting for up to {} ms.", milliseconds(slept_us)));
    }
    if played.not_carried > 0 {
        said.push_str(&format!(" {} packets were no TCP and were not carried.", played.not_carried));
    }
    let mut text = wrapped(&said, width);
    if played.counters.values().any(|moved| !moved.is_empty()) {
        text.push_str("Counters that moved:\n");
    }
    for (side, moved) in played.counters.iter().filter(|(_, moved)| !moved.is_empty()) {
        let moved: Vec<String> = moved.iter().map(|((_, name), by)| format!("{name}={by}")).collect();
        text.push_str(&hanging(&format!("  {}  ", side.name()), &moved.join(" "), width));
    }
    text
}

fn milliseconds(us: u64) -> String {
    format!("{}.{}", us / 1000, us / 100 % 10)
}
