//! What the laboratory plays, and how all of it fared.

use serde::Serialize;

use super::comparison::marks;
use super::prose::{hanging, in_ascii, wrapped};
use crate::explain::Topic;
use crate::lab::{Comparison, LabError, Proof, Verdict};
use crate::units::Micros;

/// Version of the JSON of these lists; the shape only grows.
const SCHEMA: u32 = 1;

/// A topic, and how long its scenario takes in microseconds as predicted, or why the laboratory does not play it.
pub type LabTopic = (&'static Topic, Result<u64, String>);

/// What the laboratory plays and what not, in JSON.
#[derive(Debug, Serialize)]
pub struct LabTopicsView {
    schema: u32,
    topics: Vec<LabTopicView>,
}

#[derive(Debug, Serialize)]
struct LabTopicView {
    id: &'static str,
    question: &'static str,
    /// When the last predicted end is over, where it is played.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted_end_us: Option<u64>,
    /// Why it is not played.
    #[serde(skip_serializing_if = "Option::is_none")]
    cannot: Option<String>,
}

impl LabTopicsView {
    /// The view of these topics.
    #[must_use]
    pub fn new(topics: &[LabTopic]) -> Self {
        let view = |(topic, plays): &LabTopic| LabTopicView {
            id: topic.id,
            question: topic.question,
            predicted_end_us: plays.as_ref().ok().copied(),
            cannot: plays.as_ref().err().cloned(),
        };
        Self { schema: SCHEMA, topics: topics.iter().map(view).collect() }
    }
}

/// What the laboratory plays, with how long that takes, and what it does not, with why.
#[must_use]
pub fn render_lab_topics(topics: &[LabTopic], width: usize, ascii: bool) -> String {
    let longest = topics.iter().map(|(topic, _)| topic.id.len()).max().unwrap_or(0);
    let mut text = wrapped("Played on this host's kernel; with its settings it is over after at most:", width);
    for (topic, end_us) in topics.iter().filter_map(|(topic, plays)| Some((topic, plays.as_ref().ok()?))) {
        let lead = format!("  {:<longest$}  {:>10}  ", topic.id, Micros(rounded(*end_us)).to_string());
        text.push_str(&hanging(&lead, topic.question, width));
    }
    text.push_str("\nNot played:\n");
    for (topic, reason) in topics.iter().filter_map(|(topic, plays)| Some((topic, plays.as_ref().err()?))) {
        text.push_str(&hanging(&format!("  {:<longest$}  ", topic.id), reason, width));
    }
    let hint = "tcpctl lab TOPIC plays one, tcpctl lab FILE.toml a scenario of your own (- reads it from standard input), \
                tcpctl lab --all every one; --limit TIME plays the beginning.";
    text.push_str(&format!("\n{}", wrapped(hint, width)));
    if ascii { in_ascii(&text) } else { text }
}

/// Whole seconds where tenths say nothing more.
const fn rounded(us: u64) -> u64 {
    if us < 10_000_000 { us } else { us.div_ceil(1_000_000) * 1_000_000 }
}

/// How the scenario of a topic fared.
#[derive(Debug)]
pub struct LabResult {
    /// The topic.
    pub topic: &'static Topic,
    /// When its last predicted end is over, in microseconds.
    pub predicted_end_us: u64,
    /// What came of it.
    pub proof: Result<Proof, LabError>,
}

/// The same of all, in JSON.
#[derive(Debug, Serialize)]
pub struct LabResultsView {
    schema: u32,
    /// How long each was played at the most.
    limit_us: u64,
    topics: Vec<LabResultView>,
}

#[derive(Debug, Serialize)]
struct LabResultView {
    topic: &'static str,
    /// `agrees`, `disagrees`, `inconclusive`, `stopped` or `cannot`.
    verdict: &'static str,
    events: usize,
    /// How many of them are not as predicted.
    wrong: usize,
    predicted_end_us: Option<u64>,
    played_us: u64,
    lateness_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cannot: Option<String>,
}

impl LabResultsView {
    /// The view of these results, and of topics that are not played with why.
    #[must_use]
    pub fn new(results: &[LabResult], left_out: &[(&'static Topic, String)], limit_us: u64) -> Self {
        let left_out = left_out.iter().map(|(topic, reason)| LabResultView {
            topic: topic.id,
            verdict: "cannot",
            events: 0,
            wrong: 0,
            predicted_end_us: None,
            played_us: 0,
            lateness_us: 0,
            cannot: Some(reason.clone()),
        });
        let topics = results.iter().map(LabResultView::from).chain(left_out).collect();
        Self { schema: SCHEMA, limit_us, topics }
    }
}

impl From<&LabResult> for LabResultView {
    fn from(result: &LabResult) -> Self {
        let proof = result.proof.as_ref().ok();
        let comparison = proof.map(|proof| &proof.comparison);
        Self {
            topic: result.topic.id,
            verdict: result.word(),
            events: comparison.map_or(0, |comparison| comparison.rows.len()),
            wrong: comparison.map_or(0, wrong),
            predicted_end_us: Some(result.predicted_end_us),
            played_us: proof.map_or(0, played_us),
            lateness_us: proof.map_or(0, |proof| proof.played.punctuality.wire_us),
            cannot: result.proof.as_ref().err().map(ToString::to_string),
        }
    }
}

/// How many events are not as predicted.
pub(super) fn wrong(comparison: &Comparison) -> usize {
    comparison.rows.iter().filter(|row| row.verdict != Verdict::Inside).count()
}

fn played_us(proof: &Proof) -> u64 {
    u64::try_from(proof.played.took.as_micros()).unwrap_or(u64::MAX)
}

impl LabResult {
    /// The verdict in one word; the same in every output.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match &self.proof {
            Err(LabError::Stopped) => "stopped",
            Err(_) => "cannot",
            Ok(proof) if !proof.comparison.conclusive => "inconclusive",
            Ok(proof) if !proof.comparison.agrees() => "disagrees",
            Ok(proof) if proof.played.stopped => "stopped",
            Ok(_) => "agrees",
        }
    }
}

/// What is said before topics are played: how many, for how long each at the most, and for how long in all.
#[must_use]
pub fn render_lab_results_opening(
    topics: usize,
    at_once: usize,
    (limit_us, all_us): (u64, u64),
    width: usize,
) -> String {
    let text = format!(
        "Playing {topics} topics on this kernel, {at_once} at a time and each for at most {}: about {} in all.",
        Micros(limit_us),
        Micros(rounded(all_us))
    );
    format!("{}\n", wrapped(&text, width))
}

/// A line for each topic, and how many of them agree.
#[must_use]
pub fn render_lab_results(results: &[LabResult], left_out: usize, width: usize, ascii: bool) -> String {
    let (good, bad) = marks(ascii);
    let longest = results.iter().map(|result| result.topic.id.len()).max().unwrap_or(5).max(5);
    let mut text =
        format!("{:<longest$}  {:>6}  {:>13}  {:>10}  verdict\n", "topic", "events", "predicted end", "played");
    for result in results {
        let proof = result.proof.as_ref().ok();
        let events = proof.map_or("-".to_owned(), |proof| proof.comparison.rows.len().to_string());
        let played = proof.map_or("-".to_owned(), |proof| Micros(played_us(proof)).to_string());
        let end = Micros(result.predicted_end_us).to_string();
        let verdict = match (result.word(), &result.proof) {
            ("cannot", _) => "cannot be played:".to_owned(),
            (word @ "disagrees", Ok(proof)) => {
                format!("{bad} {word} on {} of {}", wrong(&proof.comparison), proof.comparison.rows.len())
            }
            (word @ "agrees", Ok(proof)) if proof.comparison.rows.is_empty() => {
                format!("{good} {word}: nothing happens")
            }
            (word @ "agrees", _) => format!("{good} {word}"),
            (word, _) => word.to_owned(),
        };
        let lead = format!("{:<longest$}  {events:>6}  {end:>13}  {played:>10}  ", result.topic.id);
        text.push_str(&format!("{lead}{verdict}\n"));
        if let ("cannot", Err(error)) = (result.word(), &result.proof) {
            text.push_str(&hanging("  ", &error.to_string(), width));
        }
    }
    let counted = ["agrees", "disagrees", "inconclusive", "stopped", "cannot"]
        .map(|word| (results.iter().filter(|result| result.word() == word).count(), word));
    let counted = counted.iter().filter(|(count, word)| *count > 0 || *word == "agrees");
    let counted: Vec<String> = counted.map(|(count, word)| format!("{count} {}", plural(word, *count))).collect();
    let total =
        format!("Of {} topics {}. {left_out} are not played; tcpctl lab says why.", results.len(), counted.join(", "));
    text.push_str(&format!("\n{}", wrapped(&total, width)));
    if ascii { in_ascii(&text) } else { text }
}

fn plural(word: &'static str, count: usize) -> &'static str {
    match word {
        "agrees" if count != 1 => "agree",
        "disagrees" if count != 1 => "disagree",
        "inconclusive" if count == 1 => "was inconclusive",
        "inconclusive" => "were inconclusive",
        "stopped" if count == 1 => "was stopped",
        "stopped" => "were stopped",
        "cannot" => "could not be played",
        word => word,
    }
}
