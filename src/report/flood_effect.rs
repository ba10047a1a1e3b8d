//! The same flood without and with a profile, as text and as JSON.

use serde::Serialize;

use super::flood_lab::{FloodRunView, agreement, figure_label, measured_cell, predicted_cell, waited_us};
use super::plan::skip_reason;
use super::prose::{hanging, wrapped};
use super::table::{Align, render_table};
use crate::lab::{FloodFigure, FloodProof, FloodRow, FloodSeen};
use crate::tune::Plan;
use crate::units::Micros;

/// Version of the JSON of a flood without and with a profile; the shape only grows.
const SCHEMA: u32 = 1;

/// A client that waits longer than this much more is worth a word, in microseconds.
const WAITS_LONGER_US: u64 = 100_000;

/// What is told of a profile: its plan for the laboratory's namespaces, and the flood without and with it.
#[derive(Clone, Copy, Debug)]
pub struct FloodEffect<'a> {
    /// What the profile changes there, and what it cannot.
    pub plan: &'a Plan,
    /// The flood without it.
    pub without: &'a FloodProof,
    /// The flood with it.
    pub with: &'a FloodProof,
}

/// The same in JSON.
#[derive(Debug, Serialize)]
pub struct FloodEffectView<'a> {
    schema: u32,
    scenario: &'static str,
    profile: &'a str,
    changes: Vec<ChangeView<'a>>,
    left_out: Vec<LeftOutView<'a>>,
    agrees: bool,
    conclusive: bool,
    without: FloodRunView,
    with: FloodRunView,
    /// What the profile did, in words.
    conclusion: String,
}

#[derive(Debug, Serialize)]
struct ChangeView<'a> {
    key: &'a str,
    without: &'a str,
    with: &'a str,
}

#[derive(Debug, Serialize)]
struct LeftOutView<'a> {
    key: &'a str,
    reason: String,
}

impl<'a> FloodEffectView<'a> {
    /// Puts it together.
    #[must_use]
    pub fn new(effect: &FloodEffect<'a>) -> Self {
        let change = |change: &'a crate::tune::Change| ChangeView {
            key: change.key.as_str(),
            without: &change.before,
            with: &change.after,
        };
        let both = [effect.without, effect.with];
        Self {
            schema: SCHEMA,
            scenario: "syn-flood",
            profile: &effect.plan.profile,
            changes: effect.plan.changes.iter().map(change).collect(),
            left_out: left_out(effect).map(|(key, reason)| LeftOutView { key, reason }).collect(),
            agrees: both.iter().all(|proof| proof.agrees()),
            conclusive: both.iter().all(|proof| proof.conclusive),
            without: FloodRunView::new(effect.without),
            with: FloodRunView::new(effect.with),
            conclusion: conclusion(effect),
        }
    }
}

/// What the profile wants and the laboratory cannot set, and why.
fn left_out<'a>(effect: &FloodEffect<'a>) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
    let planned = effect.plan.skipped.iter().map(|skip| (skip.key.as_str(), skip_reason(&skip.why)));
    planned.chain(effect.with.played.not_set.iter().map(|(key, reason)| (key.as_str(), reason.clone())))
}

/// What the profile changed, the figures side by side, and what that did.
#[must_use]
pub fn render_flood_effect(effect: &FloodEffect<'_>, width: usize, ascii: bool) -> String {
    let changes: Vec<_> = effect
        .plan
        .changes
        .iter()
        .map(|change| [change.key.to_string(), change.before.clone(), change.after.clone()])
        .collect();
    let align = [Align::Left, Align::Right, Align::Right];
    let mut text = match changes.as_slice() {
        [] => wrapped(&format!("{} changes no value here.", effect.plan.profile), width),
        changes => render_table(&["setting", "without", "with"], &align, changes, width),
    };
    for (change, idle) in effect.plan.changes.iter().filter_map(|change| Some((change, change.idle.as_ref()?))) {
        text.push_str(&hanging("  ", &format!("no effect: {}, {idle}", change.key), width));
    }
    for (key, reason) in left_out(effect) {
        text.push_str(&hanging("  ", &format!("left out: {key}: {reason}"), width));
    }
    text.push('\n');
    text.push_str(&figures(effect, width, ascii));
    text.push('\n');
    text.push_str(&wrapped(&agreement(&[effect.without.clone(), effect.with.clone()]), width));
    text.push_str(&wrapped(&conclusion(effect), width));
    text
}

/// Each figure of either run; one that contradicts its prediction is marked.
fn figures(effect: &FloodEffect<'_>, width: usize, ascii: bool) -> String {
    const ORDER: [FloodFigure; 11] = [
        FloodFigure::HalfOpenPeak,
        FloodFigure::FullAt,
        FloodFigure::CookiesSent,
        FloodFigure::Dropped,
        FloodFigure::QueueFullDrops,
        FloodFigure::SynAcks,
        FloodFigure::Looks,
        FloodFigure::HalfOpenLeft,
        FloodFigure::LastGone,
        FloodFigure::ClientServed,
        FloodFigure::ClientCookies,
    ];
    let (none, bad) = if ascii { ("-", "!!") } else { ("–", "✗") };
    let cells = |proof: &FloodProof, figure| match row_of(proof, figure) {
        None => [none.to_owned(), none.to_owned()],
        Some(row) if row.verdict.is_wrong() => {
            [format!("{bad} {}", measured_cell(row, ascii)), predicted_cell(row, proof, ascii)]
        }
        Some(row) => [measured_cell(row, ascii), predicted_cell(row, proof, ascii)],
    };
    let is_there =
        |figure: &FloodFigure| row_of(effect.without, *figure).is_some() || row_of(effect.with, *figure).is_some();
    // How many looks there were tells nothing of the profile.
    let shown = ORDER.into_iter().filter(|figure| *figure != FloodFigure::Looks && is_there(figure));
    let rows: Vec<_> = shown
        .map(|figure| {
            let [without, expected_without] = cells(effect.without, figure);
            let [with, expected_with] = cells(effect.with, figure);
            let label = match figure {
                FloodFigure::HalfOpenLeft => "half-open at the end".to_owned(),
                figure => figure_label(figure, effect.without),
            };
            [label, without, expected_without, with, expected_with]
        })
        .collect();
    let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    render_table(&["figure", "without", "predicted", "with", "predicted"], &align, &rows, width)
}

fn row_of(proof: &FloodProof, figure: FloodFigure) -> Option<&FloodRow> {
    proof.rows.iter().find(|row| row.figure == figure)
}

/// What was measured with the profile, and without it.
type Clause = (String, String);

/// What the profile did, from what was measured.
fn conclusion(effect: &FloodEffect<'_>) -> String {
    let told = [client_clause(effect), entries_clause(effect), drops_clause(effect), peak_clause(effect)];
    let clauses: Vec<String> =
        told.into_iter().flatten().map(|(with, without)| format!("{with} (without: {without})")).collect();
    let profile = &effect.plan.profile;
    match clauses.as_slice() {
        [] => format!("{profile} made no difference to this flood."),
        [one] => format!("With {profile} {one}."),
        [first @ .., last] => format!("With {profile} {}, and {last}.", first.join(", ")),
    }
}

/// How the client fared, if that is not the same.
fn client_clause(effect: &FloodEffect<'_>) -> Option<Clause> {
    let fate = |proof: &FloodProof| {
        let client = proof.played.client;
        let by = if client.cookies > 0 { " by a cookie" } else { "" };
        match client.returned {
            Some((took_us, None)) => (Some(took_us), format!("served{by} after {}", Micros(took_us))),
            Some((took_us, Some(errno))) => (None, format!("left with {} after {}", errno.name(), Micros(took_us))),
            None if client.called_us.is_none() => (None, "not there yet".to_owned()),
            None => (None, format!("shut out for all of {}", Micros(waited_us(proof)))),
        }
    };
    let ((without_us, without), (with_us, with)) = (fate(effect.without), fate(effect.with));
    let differs = match (without_us, with_us) {
        (Some(without_us), Some(with_us)) => without_us.abs_diff(with_us) > WAITS_LONGER_US,
        (None, None) => false,
        _ => true,
    };
    let without = match (without_us, with_us) {
        (Some(without_us), Some(with_us)) if without_us > with_us => format!("shut out for {}", Micros(without_us)),
        _ => without,
    };
    differs.then(|| (format!("the client is {with}"), without))
}

/// When the last half-open entry went, or how many were left, if that is not the same.
fn entries_clause(effect: &FloodEffect<'_>) -> Option<Clause> {
    let gone = |proof: &FloodProof| match row_of(proof, FloodFigure::LastGone)?.measured? {
        FloodSeen::Time(window) => Some(window.latest_us),
        FloodSeen::Count(_) => None,
    };
    let left = |proof: &FloodProof| proof.played.counts.half_open;
    let words = |proof: &FloodProof| match (gone(proof), left(proof)) {
        (Some(us), _) => format!("the last half-open entry is gone after {}", Micros(us)),
        (None, 0) => "there is no half-open entry".to_owned(),
        (None, left) => format!("{left} are left after {}", Micros(proof.played.counted_at.at_us)),
    };
    let differs = match (gone(effect.without), gone(effect.with)) {
        (Some(without_us), Some(with_us)) => without_us.abs_diff(with_us) > WAITS_LONGER_US,
        (None, None) => left(effect.without) != left(effect.with),
        _ => true,
    };
    let subject = |words: String| words.replace(" are left", " half-open entries are left");
    differs.then(|| (subject(words(effect.with)), words(effect.without)))
}

/// How many SYNs were dropped, if that is not the same.
fn drops_clause(effect: &FloodEffect<'_>) -> Option<Clause> {
    let [without, with] = [effect.without, effect.with].map(|proof| proof.played.counts.listen_drops);
    let words =
        |dropped| if dropped == 0 { "no SYN is dropped".to_owned() } else { format!("{dropped} SYNs are dropped") };
    (without != with).then(|| (words(with), without.to_string()))
}

/// How many entries the queue held, if that is not the same.
fn peak_clause(effect: &FloodEffect<'_>) -> Option<Clause> {
    let peak = |proof: &FloodProof| proof.played.looks.iter().map(|(_, level)| *level).max().unwrap_or(0);
    let (without, with) = (peak(effect.without), peak(effect.with));
    (without != with).then(|| (format!("the queue holds up to {with}"), without.to_string()))
}
