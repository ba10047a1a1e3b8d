//! From a scenario to windows: the same play on the ideal wheel and on every wheel that the host may have.
//!
//! A timer's lateness is not random. It follows from the tick at which the scenario begins, and each further
//! timer is armed from the late firing of the one before. So the scenario is played once for each distinct
//! phase of the wheel, in time and one tick late, and the windows are the hull of the outcomes.
//!
//! Mirrors: `kernel/time/timer.c` through [`Wheel`].
//!
//! Differs from the kernel: a handler is at most one tick late; a host that runs handlers later than that is
//! outside every window.

use std::collections::{BTreeMap, BTreeSet};

use super::play::{Course, play};
use super::scenario::Scenario;
use super::timeline::{End, Event, Outcome, Side, Timeline, What, Window};
use super::wheel::{Wheel, granularity_ticks, tick_us, ticks_ceil, ticks_floor};
use crate::units::Hz;

/// Phases tried for each side at the most; enough for every phase of the SYN and SYN-ACK clocks on their own.
const MOST_PHASES: usize = 1024;
/// Pairs of phases tried at the most where both sides have timers that meet.
const MOST_PAIRS: usize = 256;
/// Other courses kept.
const MOST_ALTERNATIVES: usize = 8;

/// What will happen.
#[must_use]
pub fn forecast(scenario: &Scenario) -> Timeline {
    let rates = scenario.host.hz.map_or(Hz::COMMON.to_vec(), |hz| vec![hz]);
    let shortest_tick_us = rates.iter().map(|hz| tick_us(*hz)).min().unwrap_or(1);
    let ideal = Wheel::Ideal { tick_us: shortest_tick_us };
    let nominal = play(scenario, ideal, ideal);
    let mut groups: BTreeMap<Signature, Hull> = BTreeMap::new();
    let nominal_signature = Signature::of(&nominal);
    groups.insert(nominal_signature.clone(), Hull::new(&nominal));
    for hz in rates {
        for (client, server) in wheels(&nominal, hz) {
            let course = play(scenario, client, server);
            groups
                .entry(Signature::of(&course))
                .and_modify(|hull| hull.include(&course))
                .or_insert_with(|| Hull::new(&course));
        }
    }
    let main = groups.remove(&nominal_signature).map(|hull| hull.into_timeline(scenario.about));
    let mut main = main.unwrap_or(Timeline { events: Vec::new(), ends: Vec::new(), alternatives: Vec::new() });
    main.alternatives =
        groups.into_values().take(MOST_ALTERNATIVES).map(|hull| hull.into_timeline(scenario.about)).collect();
    main
}

/// The wheels to try: every phase at which a first timer is as late as it can be.
fn wheels(nominal: &Course, hz: Hz) -> Vec<(Wheel, Wheel)> {
    let phases = phases(nominal, hz);
    let wheel = |phase, busy| Wheel::Kernel { hz, phase, busy };
    let both_sides = [Side::Client, Side::Server].iter().all(|side| {
        nominal.events.iter().any(|(_, sender, what)| sender == side && matches!(what, What::Send { copy: 1.., .. }))
    });
    let mut pairs = Vec::new();
    for busy in [false, true] {
        pairs.extend(phases.iter().map(|phase| (wheel(*phase, busy), wheel(*phase, busy))));
        if both_sides {
            // Two hosts: their phases have nothing to do with each other.
            let step = (phases.len() * phases.len()).div_ceil(MOST_PAIRS).max(1);
            let all = phases.iter().flat_map(|client| phases.iter().map(move |server| (*client, *server)));
            pairs.extend(all.step_by(step).map(|(client, server)| (wheel(client, busy), wheel(server, busy))));
        }
    }
    pairs
}

/// Phases of the wheel right after which a timer that the outside armed fires a whole step later. Between two of
/// them nothing changes but that everything is a little earlier.
fn phases(nominal: &Course, hz: Hz) -> Vec<u64> {
    let longest = nominal.events.iter().map(|(at_us, ..)| *at_us).max().unwrap_or(0);
    let granularity = |wait_us: u64| granularity_ticks(wait_us, hz);
    // No single wait is longer than the whole course, nor than the longest wait of any clock here.
    let period = granularity(longest.min(120_000_000));
    let mut phases = BTreeSet::from([0]);
    for (at_us, wait_us) in &nominal.armed {
        let own = granularity(*wait_us);
        let expires = ticks_floor(*at_us, hz) + ticks_ceil(*wait_us, hz);
        let first = (own - expires % own) % own;
        phases.extend((0..period.max(own) / own).map(|turn| first + turn * own));
    }
    phases.into_iter().take(MOST_PHASES).collect()
}

/// What happens on each side in which order, without times: courses that agree in it are one outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Signature {
    by_side: BTreeMap<Side, Vec<What>>,
    ends: Vec<(Side, Outcome)>,
}

impl Signature {
    fn of(course: &Course) -> Self {
        let mut by_side: BTreeMap<Side, Vec<What>> = BTreeMap::new();
        for (_, side, what) in &course.events {
            by_side.entry(*side).or_default().push(what.clone());
        }
        Self { by_side, ends: course.ends.iter().map(|(side, (_, outcome))| (*side, *outcome)).collect() }
    }
}

/// Windows that hold every course of one signature.
struct Hull {
    /// In the order of the first course.
    events: Vec<Event>,
    /// Where each side's events are in `events`.
    places: BTreeMap<Side, Vec<usize>>,
    ends: BTreeMap<Side, (Window, Outcome)>,
}

impl Hull {
    fn new(course: &Course) -> Self {
        let mut places: BTreeMap<Side, Vec<usize>> = BTreeMap::new();
        let event = |(place, (at_us, side, what)): (usize, &(u64, Side, What))| {
            places.entry(*side).or_default().push(place);
            Event { window: Window::exactly(*at_us), side: *side, what: what.clone() }
        };
        let events = course.events.iter().enumerate().map(event).collect();
        let ends = course.ends.iter().map(|(side, (at_us, outcome))| (*side, (Window::exactly(*at_us), *outcome)));
        Self { events, places, ends: ends.collect() }
    }

    /// Widens the windows to hold another course of the same signature.
    fn include(&mut self, course: &Course) {
        let mut seen: BTreeMap<Side, usize> = BTreeMap::new();
        for (at_us, side, _) in &course.events {
            let ordinal = seen.entry(*side).or_insert(0);
            let place = self.places.get(side).and_then(|places| places.get(*ordinal)).copied();
            if let Some(event) = place.and_then(|place| self.events.get_mut(place)) {
                event.window = event.window.including(*at_us);
            }
            *ordinal += 1;
        }
        for (side, (at_us, _)) in &course.ends {
            if let Some((window, _)) = self.ends.get_mut(side) {
                *window = window.including(*at_us);
            }
        }
    }

    fn into_timeline(self, about: Side) -> Timeline {
        let mut events = self.events;
        events.sort_by_key(|event| event.window.at_us);
        let mut ends: Vec<End> =
            self.ends.into_iter().map(|(side, (window, outcome))| End { window, side, outcome }).collect();
        ends.sort_by_key(|end| end.side != about);
        Timeline { events, ends, alternatives: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Host, Segment, Settings};
    use crate::units::KernelVersion;

    fn host(ticks_per_s: u32) -> Host {
        Host { version: KernelVersion::new(6, 18), hz: Hz::new(ticks_per_s) }
    }

    fn syn_lost(syn_retries: u32, syn_linear_timeouts: u32) -> Timeline {
        let settings = Settings { syn_retries, syn_linear_timeouts, ..Settings::default() };
        forecast(&Scenario::connect(host(250), &settings).losing(Side::Client, Segment::Syn))
    }

    /// Windows of the client's SYNs and of the end, in milliseconds.
    fn windows_ms(timeline: &Timeline) -> Vec<(u64, u64)> {
        let sends = timeline.events.iter().filter(|event| matches!(event.what, What::Send { .. }));
        let ms = |window: Window| (window.at_us / 1000, window.latest_us / 1000);
        sends.map(|event| ms(event.window)).chain(timeline.ends.first().map(|end| ms(end.window))).collect()
    }

    /// Measured on 6.18 at HZ 250, in milliseconds after the first SYN; the last figure is ETIMEDOUT.
    #[test]
    fn what_was_measured_lies_in_the_windows() {
        type Measured = (u32, u32, &'static [u64]);
        let measured: [Measured; 7] = [
            (6, 4, &[0, 1029, 2053, 3077, 4101, 5125, 7141, 11_205, 19_401, 35_525, 69_317, 134_857]),
            (6, 0, &[0, 1009, 3025, 7217, 15_409, 31_537, 65_329, 130_865]),
            (3, 4, &[0, 1027, 2051, 3075, 4103, 5123, 7139, 11_395, 19_590]),
            (2, 4, &[0, 1014, 2042, 3062, 4086, 5110, 7127]),
            (1, 4, &[0, 1024, 2048, 3073]),
            (2, 0, &[0, 1008, 3024, 7184]),
            (1, 0, &[0, 1025, 3041]),
        ];
        for (retries, linear, times_ms) in measured {
            let timeline = syn_lost(retries, linear);
            let windows = windows_ms(&timeline);
            assert_eq!(windows.len(), times_ms.len(), "R={retries} L={linear}");
            for (at_ms, window) in times_ms.iter().zip(&windows) {
                assert!((window.0..=window.1).contains(at_ms), "R={retries} L={linear}: {at_ms} not in {window:?}");
            }
            assert!(timeline.alternatives.is_empty());
        }
    }

    #[test]
    fn the_default_connect_fails_between_131_and_136_s() {
        let end = syn_lost(6, 4).ends.first().expect("an end").window;
        assert_eq!(end.at_us, 131_000_000);
        // All granularities added up, as if each timer could be as late as it likes, would be 136.1 s.
        assert!((135_000_000..136_100_000).contains(&end.latest_us), "{end:?}");
    }

    #[test]
    fn an_unknown_tick_rate_gives_a_window_that_holds_every_common_one() {
        let unknown = Host { hz: None, ..host(250) };
        let end = |host| {
            let scenario = Scenario::half_open(host, &Settings::default());
            forecast(&scenario).ends.first().expect("an end").window
        };
        let wide = end(unknown);
        for hz in [100, 250, 300, 1000] {
            assert!(end(host(hz)).latest_us <= wide.latest_us);
        }
    }

    #[test]
    fn a_half_open_entry_lives_63_s_and_some_slack() {
        let timeline = forecast(&Scenario::half_open(host(250), &Settings::default()));
        let end = timeline.ends.first().expect("an end");
        assert_eq!((end.side, end.outcome, end.window.at_us), (Side::Server, Outcome::Gone, 63_000_000));
        // Measured: 65.3 s.
        assert!((65_300_000..66_500_000).contains(&end.window.latest_us), "{end:?}");
        assert_eq!(timeline.sent(Side::Server, Segment::SynAck), 6);
    }

    #[test]
    fn the_same_scenario_gives_the_same_timeline() {
        let scenario = Scenario::connect(host(1000), &Settings::default()).losing(Side::Server, Segment::SynAck);
        assert_eq!(forecast(&scenario), forecast(&scenario));
    }

    #[test]
    fn a_connection_that_nothing_disturbs_ends_in_time_wait_on_the_side_that_closed_first() {
        let mut scenario = Scenario::close(host(250), &Settings::default());
        scenario.rtt_us = 10_000;
        let timeline = forecast(&scenario);
        let states = |side| -> Vec<&str> {
            let of_side = timeline.events.iter().filter(|event| event.side == side);
            of_side
                .filter_map(|event| match event.what {
                    What::State(state) => Some(state.name()),
                    _ => None,
                })
                .collect()
        };
        assert_eq!(states(Side::Client), ["SYN-SENT", "ESTAB", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE"]);
        assert_eq!(states(Side::Server), ["SYN-RECV", "ESTAB", "CLOSE-WAIT", "LAST-ACK", "CLOSE"]);
        let end = timeline.ends.first().expect("an end");
        // Handshake, FIN, FIN: two round trips, then 60 s, at most 2.05 s late.
        assert_eq!(end.window.at_us, 60_020_000);
        assert!(end.window.latest_us <= 60_020_000 + 2_048_000 + 8_000, "{end:?}");
    }
}
