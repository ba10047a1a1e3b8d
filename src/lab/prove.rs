//! A scenario on the kernel and in the model, compared.

use std::time::Duration;

use super::{Comparison, LabError, Played, compare, play};
use crate::model::{Scenario, Side, Timeline, forecast};

/// How much longer than predicted the kernel is given before the laboratory stops waiting.
const GRACE: Duration = Duration::from_secs(3);

/// Part of the predicted time that the kernel is given on top.
const STRETCH: u64 = 8;

/// A scenario as it was played, beside its prediction.
#[derive(Debug)]
pub struct Proof {
    /// The prediction, from what the connection had measured of the wire where it began connected.
    pub predicted: Timeline,
    /// What the kernel did.
    pub played: Played,
    /// How that fits the prediction.
    pub comparison: Comparison,
}

/// Plays a scenario and compares it with its prediction. A run that proves nothing, since this process could not
/// keep up with the wire, is played once more.
///
/// # Errors
/// When it cannot be played.
pub fn prove(scenario: &Scenario) -> Result<Proof, LabError> {
    let first = run(scenario)?;
    if first.comparison.conclusive { Ok(first) } else { run(scenario) }
}

fn run(scenario: &Scenario) -> Result<Proof, LabError> {
    let played = play(scenario, longest(&forecast(scenario)))?;
    let mut known = scenario.clone();
    known.client.measured = played.measured.get(&Side::Client).copied();
    known.server.measured = played.measured.get(&Side::Server).copied();
    let predicted = forecast(&known);
    let comparison = compare(&predicted, &played.timeline, played.lateness_us);
    Ok(Proof { predicted, played, comparison })
}

/// How long a scenario is played at the most: until the latest moment of any course, and a grace.
#[must_use]
pub fn longest(predicted: &Timeline) -> Duration {
    let ends = |timeline: &Timeline| timeline.ends.iter().map(|end| end.window.latest_us).max().unwrap_or(0);
    let latest_us = core::iter::once(predicted).chain(&predicted.alternatives).map(ends).max().unwrap_or(0);
    // What a connection measures of a busy wire stretches each of its waits.
    Duration::from_micros(latest_us.saturating_add(latest_us / STRETCH)) + GRACE
}
