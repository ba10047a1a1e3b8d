//! Measured beside predicted, as text and as JSON.

use serde::Serialize;

use super::timeline::TimelineView;
use crate::lab::{Comparison, Played, Row, Verdict};
use crate::model::Timeline;

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
    /// The sysctls of the private namespaces, read back: client, server.
    settings: Vec<PinsView>,
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

impl ComparisonView {
    /// Puts it together.
    #[must_use]
    pub fn new(scenario: &str, predicted: &Timeline, played: &Played, comparison: &Comparison) -> Self {
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
            settings: played
                .pins
                .iter()
                .map(|(side, values)| PinsView { side: side.name(), values: values.clone() })
                .collect(),
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

/// A comparison as a table: predicted window, measured time, verdict.
#[must_use]
pub fn render_comparison(comparison: &Comparison, played: &Played, ascii: bool) -> String {
    let (good, bad) = if ascii { ("ok", "!!") } else { ("✓", "✗") };
    let mut text = format!("{:<6}  {:<20} {:>19}  {:>9}\n", "side", "what", "predicted (s)", "measured");
    for row in &comparison.rows {
        let seconds = |us: u64| format!("{}.{:03}", us / 1_000_000, us / 1000 % 1000);
        let window = row
            .predicted
            .map_or("-".to_owned(), |window| format!("{} - {}", seconds(window.at_us), seconds(window.latest_us)));
        let measured = row.measured_us.map_or("-".to_owned(), seconds);
        let verdict = match verdict_words(row.verdict) {
            ("inside", _) => good.to_owned(),
            (word, 0) => format!("{bad} {word}"),
            (word, us) => format!("{bad} {word} by {} ms", us.div_ceil(1000)),
        };
        text.push_str(&format!("{:<6}  {:<20} {window:>19}  {measured:>9}  {verdict}\n", row.side.name(), row.what));
    }
    let wrong = comparison.rows.iter().filter(|row| row.verdict != Verdict::Inside).count();
    text.push_str(&match wrong {
        0 => format!("\nKernel and model agree on all {} events", comparison.rows.len()),
        wrong => format!("\nKernel and model disagree on {wrong} of {} events", comparison.rows.len()),
    });
    if comparison.course > 0 {
        text.push_str(&format!(" (course {} of a tie)", comparison.course + 1));
    }
    text.push_str(&format!(
        ".\nPackets were carried {} ms late, all together",
        milliseconds(played.punctuality.wire_us)
    ));
    if played.punctuality.tick_us > 0 {
        text.push_str(&format!("; the kernel's tick was {} ms behind", milliseconds(played.punctuality.tick_us)));
    }
    text.push_str(".\n");
    text
}

fn milliseconds(us: u64) -> String {
    format!("{}.{}", us / 1000, us / 100 % 10)
}
