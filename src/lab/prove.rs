//! A scenario on the kernel and in the model, compared.

use std::time::{Duration, Instant};

use super::play::measured_a_late_wire;
use super::wire::with_lateness;
use super::{Comparison, Conditions, LabError, Played, compare_until, play};
use crate::model::{Endpoint, Scenario, Segment, Side, Timeline, What, forecast};

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

/// How often what proves nothing is played anew, since the host was too busy for its times to mean anything: once
/// more however long it takes, and after that only what is short.
///
/// Whether a run proves anything is told by its clocks alone, never by how it fits the prediction.
#[derive(Debug)]
pub struct Replays {
    begun: Instant,
    plays: u32,
}

impl Default for Replays {
    fn default() -> Self {
        Self { begun: Instant::now(), plays: 1 }
    }
}

impl Replays {
    /// The most that anything is played.
    const MOST: u32 = 8;
    /// All plays together take no longer than this, but for the second.
    const ALL_TAKE: Duration = Duration::from_secs(60);

    /// Whether what was played from the beginning on and proved nothing is to be played again.
    pub fn once_more(&mut self) -> bool {
        let again = is_played_again(self.plays, self.begun.elapsed());
        self.plays += u32::from(again);
        again
    }

    /// How often it was played.
    #[must_use]
    pub const fn plays(&self) -> u32 {
        self.plays
    }
}

/// Whether it is played once more after so many plays that took so long together.
fn is_played_again(plays: u32, took: Duration) -> bool {
    let with_another = took / plays.max(1) * plays.saturating_add(1);
    plays < 2 || plays < Replays::MOST && with_another <= Replays::ALL_TAKE
}

/// Plays a scenario and compares it with its prediction. A run that proves nothing, since this process could not
/// keep up with the wire, is played again ([`Replays`]).
///
/// # Errors
/// When it cannot be played.
pub fn prove(scenario: &Scenario) -> Result<Proof, LabError> {
    until_conclusive(|| run(scenario, longest(&forecast(scenario)), u64::MAX))
}

/// The same, but only the beginning is played and compared, until `horizon_us` microseconds.
///
/// # Errors
/// When it cannot be played.
pub fn prove_beginning(scenario: &Scenario, horizon_us: u64) -> Result<Proof, LabError> {
    until_conclusive(|| run(scenario, Duration::from_micros(horizon_us), horizon_us))
}

fn until_conclusive(run: impl Fn() -> Result<Proof, LabError>) -> Result<Proof, LabError> {
    let mut replays = Replays::default();
    loop {
        let proof = run()?;
        if proof.comparison.conclusive || !replays.once_more() {
            return Ok(proof);
        }
    }
}

/// Plays a scenario once under these conditions and compares what came of it, until `horizon_us` microseconds at the
/// most. One that was stopped is compared until then.
///
/// # Errors
/// When it cannot be played.
pub fn prove_once(scenario: &Scenario, conditions: &Conditions, horizon_us: u64) -> Result<Proof, LabError> {
    Ok(judge(play(scenario, conditions)?, horizon_us))
}

fn run(scenario: &Scenario, limit: Duration, horizon_us: u64) -> Result<Proof, LabError> {
    prove_once(scenario, &Conditions::limited(limit), horizon_us)
}

/// Holds what was played against its prediction, until `horizon_us` microseconds, or where it was stopped before.
#[must_use]
pub fn judge(played: Played, horizon_us: u64) -> Proof {
    let took_us = u64::try_from(played.took.as_micros()).unwrap_or(u64::MAX);
    let horizon_us = if played.stopped { horizon_us.min(took_us) } else { horizon_us };
    let against = |predicted: &Timeline| {
        let measured = without_passing_ends(&played.timeline, predicted, horizon_us);
        compare_until(predicted, &measured, &played.punctuality, horizon_us)
    };
    let mut predicted = forecast(&played.scenario);
    let mut comparison = against(&predicted);
    if !comparison.agrees() {
        // What comes first may hang on how late the wire was.
        let on_this_wire = forecast(&with_lateness(&played.scenario, &played.timeline));
        let compared = against(&on_this_wire);
        if compared.agrees() {
            (predicted, comparison) = (on_this_wire, compared);
        }
    }
    comparison.conclusive &= !played.outrun && !measured_it_anew(&played.scenario, &played.timeline);
    Proof { predicted, played, comparison }
}

/// Whether the wire was late while the connection measured it, before the scenario began, and was measured again: each
/// punctual sample takes some of that back, and the RTO that the prediction starts from with it.
fn measured_it_anew(scenario: &Scenario, timeline: &Timeline) -> bool {
    let late = |side, end: &Endpoint| {
        end.measured.is_some_and(|measured| measured_a_late_wire(scenario, &[(side, measured)].into()))
    };
    // Only what is acknowledged for the first time is a sample (`tcp_ack_update_rtt()`), and that has to arrive before.
    let brought = |to: Side| {
        let news = |what: &What| matches!(what, What::Arrive { segment: Segment::Data | Segment::Fin, .. });
        timeline.events.iter().any(|event| event.side == to && news(&event.what))
    };
    let ends = [(Side::Client, &scenario.client), (Side::Server, &scenario.server)];
    ends.into_iter().any(|(side, end)| late(side, end) && brought(side.other()))
}

/// What was measured, without the ends of sides that begin again later: a prediction tells only how each ends at last.
fn without_passing_ends(measured: &Timeline, predicted: &Timeline, horizon_us: u64) -> Timeline {
    let opens = |what: &What| matches!(what, What::Send { segment: Segment::Syn | Segment::SynAck, .. });
    let begins_again =
        |side| predicted.events.iter().any(|it| it.side == side && it.window.at_us > horizon_us && opens(&it.what));
    let ends = measured.ends.iter().filter(|end| !begins_again(end.side)).cloned();
    Timeline { ends: ends.collect(), ..measured.clone() }
}

/// When the last end of any course is over at the latest, in microseconds; what never ends by itself, with the last
/// event that is predicted.
#[must_use]
pub fn predicted_end_us(predicted: &Timeline) -> u64 {
    let ends = |timeline: &Timeline| timeline.ends.iter().map(|end| end.window.latest_us).max().unwrap_or(0);
    core::iter::once(predicted).chain(&predicted.alternatives).map(ends).max().unwrap_or(0)
}

/// How long a scenario is played at the most: until the latest moment of any course, and a grace.
#[must_use]
pub fn longest(predicted: &Timeline) -> Duration {
    let latest_us = predicted_end_us(predicted);
    // What a connection measures of a busy wire stretches each of its waits.
    Duration::from_micros(latest_us.saturating_add(latest_us / STRETCH)) + GRACE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, End, Event, Host, Measured, Outcome, Settings, Side, Window};
    use crate::units::{Hz, KernelVersion};

    #[test]
    fn what_is_short_is_played_again_more_often() {
        let plays = |each_s: u64| {
            (1..).find(|plays| !is_played_again(*plays, Duration::from_secs(each_s) * *plays)).expect("it ends")
        };
        assert_eq!([1, 10, 15, 29, 63, 1000].map(plays), [8, 6, 4, 2, 2, 2]);
    }

    #[test]
    fn a_side_that_connects_again_after_the_horizon_has_not_ended_before_it() {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let again_us = 70_000_000;
        let scenario = Scenario::close(host, &Settings::default()).calling_at(again_us, Side::Client, Action::Connect);
        let predicted = forecast(&scenario);
        let gone = End { window: Window::exactly(60_500_000), side: Side::Client, outcome: Outcome::Gone };
        let measured = Timeline { events: Vec::new(), ends: vec![gone], alternatives: Vec::new() };
        let ends_until = |horizon_us| without_passing_ends(&measured, &predicted, horizon_us).ends.len();
        assert_eq!((ends_until(65_000_000), ends_until(u64::MAX)), (0, 1));
    }

    /// Of a wire without length that took 20 ms in the handshake; then this arrived at the server.
    fn late_is_doubted(segment: Segment) -> bool {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let mut scenario = Scenario::established(host, &Settings::default());
        scenario.client.measured = Some(Measured { srtt_us: 20_000, rto_us: 220_000 });
        let what = What::Arrive { segment, copy: None };
        let arrival = Event { window: Window::exactly(1_000_000), side: Side::Server, what };
        let timeline = Timeline { events: vec![arrival], ends: Vec::new(), alternatives: Vec::new() };
        measured_it_anew(&scenario, &timeline)
    }

    #[test]
    fn a_wire_that_was_late_before_is_doubted_only_where_it_is_measured_again() {
        let doubted =
            [Segment::Data, Segment::Fin, Segment::Rst, Segment::Ack, Segment::Keepalive].map(late_is_doubted);
        assert_eq!(doubted, [true, true, false, false, false]);
    }
}
