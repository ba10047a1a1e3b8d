//! A scenario on the kernel and in the model, compared.

use std::time::Duration;

use super::{Comparison, LabError, Played, compare_until, play};
use crate::model::{Endpoint, Scenario, Segment, Side, Start, Timeline, What, forecast};

/// How much longer than predicted the kernel is given before the laboratory stops waiting.
const GRACE: Duration = Duration::from_secs(3);

/// Part of the predicted time that the kernel is given on top.
const STRETCH: u64 = 8;

/// How much longer than the wire's a measured round trip may be, in microseconds: less than a tick.
const MEASURED_LATE_MOST_US: u64 = 3_000;

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
    Ok(judge(play(scenario, limit)?, horizon_us))
}

/// Holds what was played against its prediction, until `horizon_us` microseconds.
#[must_use]
pub fn judge(played: Played, horizon_us: u64) -> Proof {
    let predicted = forecast(&played.scenario);
    let mut comparison = compare_until(&predicted, &played.timeline, played.lateness_us, horizon_us);
    comparison.conclusive &= !played.outrun && !measured_a_late_wire(&played);
    Proof { predicted, played, comparison }
}

/// Whether the wire was late while the connection measured it, before the scenario began, and was measured again: each
/// punctual sample takes some of that back, and the RTO that the prediction starts from with it.
fn measured_a_late_wire(played: &Played) -> bool {
    let Scenario { rtt_us, start, client, server, .. } = &played.scenario;
    let late = |end: &Endpoint| end.measured.is_some_and(|it| it.srtt_us > rtt_us + MEASURED_LATE_MOST_US);
    // Only what is acknowledged for the first time is a sample (`tcp_ack_update_rtt()`), and that has to arrive before.
    let brought = |to: Side| {
        let news = |what: &What| matches!(what, What::Arrive { segment: Segment::Data | Segment::Fin, .. });
        played.timeline.events.iter().any(|event| event.side == to && news(&event.what))
    };
    // A window that is filled is acknowledged late by the kernel itself.
    *start != Start::WindowClosed
        && ((late(client) && brought(Side::Server)) || (late(server) && brought(Side::Client)))
}

/// How long a scenario is played at the most: until the latest moment of any course, and a grace.
#[must_use]
pub fn longest(predicted: &Timeline) -> Duration {
    let ends = |timeline: &Timeline| timeline.ends.iter().map(|end| end.window.latest_us).max().unwrap_or(0);
    let latest_us = core::iter::once(predicted).chain(&predicted.alternatives).map(ends).max().unwrap_or(0);
    // What a connection measures of a busy wire stretches each of its waits.
    Duration::from_micros(latest_us.saturating_add(latest_us / STRETCH)) + GRACE
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Event, Host, Measured, Settings, Window};
    use crate::units::{Hz, KernelVersion};

    /// Of a wire without length that took 20 ms in the handshake; then this arrived at the server.
    fn late_is_doubted(segment: Segment) -> bool {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let mut scenario = Scenario::established(host, &Settings::default());
        scenario.client.measured = Some(Measured { srtt_us: 20_000, rto_us: 220_000 });
        let what = What::Arrive { segment, copy: None };
        let arrival = Event { window: Window::exactly(1_000_000), side: Side::Server, what };
        let timeline = Timeline { events: vec![arrival], ends: Vec::new(), alternatives: Vec::new() };
        measured_a_late_wire(&Played { timeline, lateness_us: 0, outrun: false, scenario, pins: BTreeMap::new() })
    }

    #[test]
    fn a_wire_that_was_late_before_is_doubted_only_where_it_is_measured_again() {
        let doubted =
            [Segment::Data, Segment::Fin, Segment::Rst, Segment::Ack, Segment::Keepalive].map(late_is_doubted);
        assert_eq!(doubted, [true, true, false, false, false]);
    }
}
