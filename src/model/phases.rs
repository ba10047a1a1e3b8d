//! Phases of the timer wheel: how far its ticks had come when a scenario began.
//!
//! Mirrors: `kernel/time/timer.c` through [`Wheel`](super::wheel::Wheel): a timer fires at the first multiple of its
//! level's granularity, counted from boot, after the tick that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::forecast::{agree, include};
use super::play::Course;
use super::timeline::{Side, Window};
use super::wheel::{granularity_ticks, ticks_ceil, ticks_floor};
use crate::units::Hz;

/// Phases tried at the most; of more, some that are evenly apart.
const MOST_PHASES: usize = 1024;

/// Phases of the wheel right after which a timer that the outside armed fires a whole step later, and whether these are
/// all. Between two of them nothing changes but that everything is a little earlier.
pub(super) fn phases(nominal: &Course, sides: &[Side], hz: Hz) -> (Vec<u64>, bool) {
    let granularity = |wait_us: u64| granularity_ticks(wait_us, hz);
    let period = granularity(nominal.longest_wait_us);
    let mut phases = BTreeSet::from([0]);
    for (_, at_us, wait_us) in nominal.armed.iter().filter(|(side, ..)| sides.contains(side)) {
        let own = granularity(*wait_us);
        let expires = ticks_floor(*at_us, hz) + ticks_ceil(*wait_us, hz);
        let first = (own - expires % own) % own;
        phases.extend((0..period.max(own) / own).map(|turn| first + turn * own));
    }
    let step = phases.len().div_ceil(MOST_PHASES);
    (phases.into_iter().step_by(step).collect(), step == 1)
}

/// The latest that each event of these sides can be, over all phases of the wheel, in a scenario that takes the same
/// course in each; nothing if it does not. `play_at` plays it at a phase with handlers that are all late.
///
/// A later phase never makes anything fire at an earlier tick, and one that is later by a whole step of the wheel makes
/// it fire just that step later. So each event has one phase in a step right after which it fires a step later, and
/// there it is latest, as is all that led to it; it is found by halving. That does not hold for a wait that is cut to end at a fixed time where
/// ticks are no whole number of microseconds: rounding then depends on the phase.
pub(super) fn latest_of_any_phase(
    nominal: &Course,
    sides: &[Side],
    hz: Hz,
    play_at: impl Fn(u64) -> Course,
) -> Option<Course> {
    if nominal.cut && !1_000_000_u32.is_multiple_of(hz.get()) {
        return None;
    }
    let period = granularity_ticks(nominal.longest_wait_us, hz);
    let mut plays = Plays { play_at, nominal, sides, hz, played: BTreeMap::new() };
    let (mut latest, first) = plays.at(0)?.clone();
    let mut steps: Vec<u64> = Vec::new();
    // What comes last first: a phase at which that fires a step later makes all that causes it do so as well.
    for (place, at_first) in first.iter().enumerate().rev() {
        let mut tick = |phase| Some(plays.at(phase)?.1.get(place).copied().unwrap_or(0));
        let mut known = false;
        for step in &steps {
            known |= tick(*step)? > tick(step - 1)?;
        }
        let (mut before, mut after) = (0, if known { 0 } else { period });
        while after > before + 1 {
            let middle = before + (after - before) / 2;
            if tick(middle)? > *at_first { after = middle } else { before = middle }
        }
        if !known {
            steps.push(after);
            include(&mut latest, &plays.at(after)?.0, sides);
        }
    }
    Some(latest)
}

/// What was played, by phase: the course, and the ticks at which everything fires.
struct Plays<'a, P> {
    play_at: P,
    nominal: &'a Course,
    sides: &'a [Side],
    hz: Hz,
    played: BTreeMap<u64, (Course, Vec<u64>)>,
}

impl<P: Fn(u64) -> Course> Plays<'_, P> {
    /// Nothing if another course is taken at this phase.
    fn at(&mut self, phase: u64) -> Option<&(Course, Vec<u64>)> {
        if !self.played.contains_key(&phase) {
            let course = (self.play_at)(phase);
            if !agree(&course, self.nominal, self.sides) {
                return None;
            }
            let tick = |window: Window| phase + ticks_floor(window.at_us, self.hz);
            let ticks = windows(&course, self.sides).map(tick).collect();
            self.played.insert(phase, (course, ticks));
        }
        self.played.get(&phase)
    }
}

/// The windows of these sides, of events and then of ends.
fn windows<'a>(course: &'a Course, sides: &'a [Side]) -> impl Iterator<Item = Window> + 'a {
    let events = course.events.iter().filter(|(_, side, _)| sides.contains(side)).map(|(window, ..)| *window);
    let ends = course.ends.iter().filter(|(side, _)| sides.contains(side)).map(|(_, (window, _))| *window);
    events.chain(ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;
    use crate::model::play::{Variant, play};
    use crate::model::rto::RoundTrips;
    use crate::model::wheel::Wheel;
    use crate::model::{Action, Host, Scenario, Segment, Settings};
    use crate::units::KernelVersion;

    fn host(ticks_per_s: u32) -> Host {
        Host { version: KernelVersion::new(6, 18), hz: Hz::new(ticks_per_s) }
    }

    /// Against every phase, one by one.
    #[test]
    fn the_few_phases_that_are_tried_are_the_latest_of_all() {
        let settings = Settings::default();
        let lost = |edit: fn(&mut Scenario)| {
            let mut scenario = Scenario::established(host(250), &Settings::default())
                .calling(Side::Client, Action::Send)
                .silencing(Side::Client);
            edit(&mut scenario);
            scenario
        };
        let scenarios = [
            Scenario::connect(host(250), &settings).losing(Side::Client, Segment::Syn),
            Scenario::half_open(host(250), &settings),
            lost(|_| {}),
            lost(|scenario| scenario.client.options.user_timeout_ms = 7300),
            lost(|scenario| scenario.rtt_us = 90_000),
            Scenario::closed_alone(host(250), &Settings { fin_timeout_s: 90, ..Settings::default() }),
        ];
        for hz in [100, 250, 300, 1000].map(|rate| Hz::new(rate).expect("a tick rate")) {
            for scenario in &scenarios {
                let seen = RoundTrips::of_handshake(scenario.rtt_us.max(1));
                let play_at = |phase| {
                    play(scenario, Variant { hz, seen, wheel: Wheel::Exact { hz, phase, busy: true }, script: &[] })
                };
                let any = Variant { hz, seen, wheel: Wheel::Any(hz), script: &[] };
                let nominal = play(scenario, any);
                let Some(latest) = latest_of_any_phase(&nominal, &Side::BOTH, hz, play_at) else { continue };
                let mut all = play_at(0);
                for phase in 1..granularity_ticks(nominal.longest_wait_us, hz) {
                    include(&mut all, &play_at(phase), &Side::BOTH);
                }
                let ends =
                    |course: &Course| windows(course, &Side::BOTH).map(|window| window.latest_us).collect::<Vec<_>>();
                assert_eq!(ends(&latest), ends(&all), "HZ {hz}: {scenario:?}");
            }
        }
    }
}
