//! A scenario on the kernel and in the model, compared.

use std::time::Duration;

use super::play::measured_a_late_wire;
use super::{Comparison, Conditions, LabError, Played, compare_until, play};
use crate::model::{Scenario, Side, Timeline, forecast};

/// How much longer than predicted the kernel is given before the laboratory stops waiting.
const GRACE: Duration = Duration::from_secs(3);

/// Part of the predicted time that the kernel is given on top.
const STRETCH: u64 = 8;

/// A scenario as it was played, beside its prediction.
#[derive(Debug)]
pub struct Proof {
    /// The prediction, from what the connection had measured of the wire where it began connected, and from when its
    /// calls and injections really took place.
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
    twice_at_most(|| run(scenario, longest(&forecast(scenario)), u64::MAX))
}

/// The same, but only the beginning is played and compared, until `horizon_us` microseconds.
///
/// # Errors
/// When it cannot be played.
pub fn prove_beginning(scenario: &Scenario, horizon_us: u64) -> Result<Proof, LabError> {
    twice_at_most(|| run(scenario, Duration::from_micros(horizon_us), horizon_us))
}

fn twice_at_most(run: impl Fn() -> Result<Proof, LabError>) -> Result<Proof, LabError> {
    let first = run()?;
    if first.comparison.conclusive { Ok(first) } else { run() }
}

fn run(scenario: &Scenario, limit: Duration, horizon_us: u64) -> Result<Proof, LabError> {
    Ok(judge(play(scenario, &Conditions::limited(limit))?, horizon_us))
}

/// Holds what was played against its prediction, until `horizon_us` microseconds.
#[must_use]
pub fn judge(played: Played, horizon_us: u64) -> Proof {
    let predicted = forecast(&played.scenario);
    let ends = [(Side::Client, &played.scenario.client), (Side::Server, &played.scenario.server)];
    let measured = ends.into_iter().filter_map(|(side, end)| Some((side, end.measured?))).collect();
    let mut comparison = compare_until(&predicted, &played.timeline, &played.punctuality, horizon_us);
    comparison.conclusive &= !played.outrun && !measured_a_late_wire(&played.scenario, &measured);
    Proof { predicted, played, comparison }
}

/// How long a scenario is played at the most: until the latest moment of any course, and a grace.
#[must_use]
pub fn longest(predicted: &Timeline) -> Duration {
    let ends = |timeline: &Timeline| timeline.ends.iter().map(|end| end.window.latest_us).max().unwrap_or(0);
    let latest_us = core::iter::once(predicted).chain(&predicted.alternatives).map(ends).max().unwrap_or(0);
    // What a connection measures of a busy wire stretches each of its waits.
    Duration::from_micros(latest_us.saturating_add(latest_us / STRETCH)) + GRACE
}
