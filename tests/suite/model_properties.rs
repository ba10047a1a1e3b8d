//! What holds for every forecast, whatever the kernel, the tick rate, the settings and the wire.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use tcpctl::explain::{Ask, Origin, Overrides, Sourced, explain, find_topic, scenario_of, topics};
use tcpctl::model::{
    Action, Call, Event, Fate, Host, Injection, Outcome, Scenario, Segment, Settings, Side, SocketOptions, Start,
    Timeline, What, Window, forecast,
};
use tcpctl::report::ExplanationView;
use tcpctl::units::{Hz, KernelVersion, SysctlValues, TcpState};

/// Whole ticks at every common rate, in microseconds.
const TICKS_AT_EVERY_RATE_US: u64 = 20_000;

/// One kernel for each set of rules, and a few between.
fn kernel() -> impl Strategy<Value = KernelVersion> {
    let version = |(major, minor, patch)| KernelVersion { major, minor, patch };
    select(vec![
        (4, 14, 0),
        (4, 19, 50),
        (4, 19, 100),
        (4, 19, 250),
        (5, 4, 0),
        (5, 10, 0),
        (6, 1, 0),
        (6, 5, 0),
        (6, 12, 0),
        (6, 15, 0),
        (6, 18, 0),
    ])
    .prop_map(version)
}

/// A tick rate that is known.
fn known_hz() -> impl Strategy<Value = Hz> {
    select(Hz::COMMON.to_vec())
}

fn host() -> impl Strategy<Value = Host> {
    let hz = prop_oneof![4 => known_hz().prop_map(Some), 1 => Just(None)];
    (kernel(), hz).prop_map(|(version, hz)| Host { version, hz })
}

/// A round-trip time in microseconds.
fn rtt_us() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..=1000_u64, 0..=300_000_u64]
}

prop_compose! {
    /// The retries and the limits of the clocks, over what the kernel takes, small ones more often.
    fn retries()(
        syn_retries in prop_oneof![4 => 1..=8_u32, 1 => 1..=20_u32],
        syn_linear_timeouts in prop_oneof![0..=5_u32, 0..=12_u32],
        synack_retries in prop_oneof![4 => 0..=8_u32, 1 => 0..=20_u32],
        retries2 in prop_oneof![4 => 0..=16_u32, 1 => 0..=24_u32],
        orphan_retries in prop_oneof![4 => 0..=9_u32, 1 => 0..=20_u32],
        keepalive_probes in prop_oneof![0..=9_u32, 0..=20_u32],
        rto_max_ms in prop_oneof![Just(120_000_u32), 1000..=120_000_u32],
        rto_min_us in prop_oneof![Just(200_000_u32), 4000..=200_000_u32],
    ) -> Settings {
        Settings {
            syn_retries, syn_linear_timeouts, synack_retries, retries2, orphan_retries, keepalive_probes, rto_max_ms,
            rto_min_us, ..Settings::default()
        }
    }
}

prop_compose! {
    /// Settings over what the kernel takes.
    fn settings()(
        retries in retries(),
        abort_on_overflow: bool,
        thin_linear_timeouts: bool,
        sack: bool,
        early_retrans in 0..=4_u32,
        keepalive_time_s in prop_oneof![-1..=20_i64, 1..=8000_i64],
        keepalive_intvl_s in prop_oneof![1..=20_i64, 0..=400_i64],
        fin_timeout_s in prop_oneof![-1..=130_i64, Just(i64::from(i32::MAX))],
        max_tw_buckets in prop_oneof![Just(262_144_i64), -1..=1_i64],
    ) -> Settings {
        Settings {
            abort_on_overflow, thin_linear_timeouts, sack, early_retrans, keepalive_time_s, keepalive_intvl_s,
            fin_timeout_s, max_tw_buckets, ..retries
        }
    }
}

prop_compose! {
    /// Socket options over what the kernel takes, each set now and then.
    fn options()(
        syncnt in proptest::option::weighted(0.2, 1..=9_u8),
        user_timeout_ms in prop_oneof![3 => Just(0_u32), 1 => 1..=30_000_u32],
        linger2_s in proptest::option::weighted(0.2, -1..=130_i32),
        keepalive: bool,
        keepidle_s in proptest::option::weighted(0.3, 1..=100_u32),
        keepintvl_s in proptest::option::weighted(0.3, 1..=100_u32),
        keepcnt in proptest::option::weighted(0.3, 1..=12_u8),
        rto_max_ms in proptest::option::weighted(0.2, 1000..=120_000_u32),
    ) -> SocketOptions {
        SocketOptions {
            syncnt, user_timeout_ms, linger2_s, keepalive, keepidle_s, keepintvl_s, keepcnt, rto_max_ms,
            ..SocketOptions::default()
        }
    }
}

/// A question to any topic, with these values for its settings.
fn ask(host: Host, rtt_us: u64, settings: &Settings, peer_alive: bool) -> Ask {
    let overrides = Overrides { rtt_us: Some(rtt_us), peer_alive, ..Overrides::default() };
    let mut ask = Ask::new(Some(host.version), host.hz, Some(8 << 20), &SysctlValues::new(), &overrides).unwrap();
    for (key, value) in settings.values() {
        ask.values.insert(key.parse().unwrap(), Sourced { value, origin: Origin::WhatIf });
    }
    ask
}

/// The ids of the topics that play a scenario.
fn played_topics() -> Vec<&'static str> {
    topics().filter(|topic| topic.scenario.is_some()).map(|topic| topic.id).collect()
}

prop_compose! {
    /// Any topic's scenario on any kernel with any settings and options.
    fn any_scenario()(
        id in select(played_topics()),
        host in host(),
        rtt_us in rtt_us(),
        settings in settings(),
        client in options(),
        server in options(),
        peer_alive: bool,
    ) -> (&'static str, Scenario) {
        let ask = ask(host, rtt_us, &settings, peer_alive);
        let mut scenario = scenario_of(find_topic(id).unwrap(), &ask).unwrap();
        (scenario.client.options, scenario.server.options) = (client, server);
        // Keepalive that is answered goes on for ever, and the model plays ten thousand steps of it in every course.
        if !scenario.wire.iter().any(|rule| rule.segment.is_none()) {
            scenario.client.options.keepalive = false;
            scenario.server.options.keepalive = false;
        }
        (id, scenario)
    }
}

/// The main course and the others.
fn courses(timeline: &Timeline) -> impl Iterator<Item = &Timeline> {
    std::iter::once(timeline).chain(&timeline.alternatives)
}

fn on(course: &Timeline, side: Side) -> impl Iterator<Item = &Event> {
    course.events.iter().filter(move |event| event.side == side)
}

fn end_of(course: &Timeline, side: Side) -> Option<(Window, Outcome)> {
    course.ends.iter().find(|end| end.side == side).map(|end| (end.window, end.outcome))
}

/// Every window holds its nominal time, and on each side nothing happens before what happened before it.
fn times_are_in_order(scenario: &Scenario, course: &Timeline) -> Result<(), TestCaseError> {
    let windows = course.events.iter().map(|event| event.window).chain(course.ends.iter().map(|end| end.window));
    for window in windows {
        prop_assert!(window.at_us <= window.latest_us, "{window:?}");
    }
    let probed = scenario.client.options.keepalive || scenario.server.options.keepalive;
    for side in Side::BOTH {
        let events: Vec<&Event> = on(course, side).collect();
        for pair in events.windows(2) {
            let (before, after) = (pair[0].window, pair[1].window);
            prop_assert!(before.at_us <= after.at_us, "{:?} then {:?}", pair[0], pair[1]);
            // Where a side hears something or has two timers, the model leaves windows in their order of nominal times
            // wider at the end than what comes next allows.
            let plain = !probed && !events.iter().any(|event| matches!(event.what, What::Arrive { .. }));
            let in_order = before.latest_us <= after.latest_us;
            prop_assert!(in_order || !plain, "{:?} then {:?}", pair[0], pair[1]);
        }
    }
    Ok(())
}

/// Each side that ever had a socket has one end, which agrees with the last state, and comes last where it is one.
fn ends_are_complete(scenario: &Scenario, course: &Timeline) -> Result<(), TestCaseError> {
    for side in Side::BOTH {
        let states = on(course, side).filter_map(|event| match event.what {
            What::State(state) => Some(state),
            _ => None,
        });
        let connected = match scenario.start {
            Start::Closed | Start::Nothing => None,
            Start::Forgotten if side == Side::Server => None,
            _ => Some(TcpState::Estab),
        };
        let Some(last) = states.last().or(connected) else {
            prop_assert!(end_of(course, side).is_none(), "{side:?} had no socket");
            continue;
        };
        let ends = course.ends.iter().filter(|end| end.side == side).count();
        prop_assert_eq!(ends, 1, "{:?} ends {} times", side, ends);
        let (window, outcome) = end_of(course, side).unwrap();
        match outcome {
            Outcome::Established => prop_assert_eq!(last, TcpState::Estab),
            Outcome::Never => prop_assert_ne!(last, TcpState::Close),
            Outcome::Failed(_) | Outcome::Gone => {
                prop_assert_eq!(last, TcpState::Close);
                // Without a socket, what still arrives is refused, and nothing else happens.
                let after = on(course, side).skip_while(|event| event.what != What::State(TcpState::Close));
                let after = after.filter(|event| event.window.at_us > window.at_us);
                for event in after {
                    let refusal = matches!(event.what, What::Arrive { .. } | What::Send { segment: Segment::Rst, .. });
                    prop_assert!(refusal, "{side:?} ended {outcome:?} at {window:?}, and then {event:?}");
                }
            }
        }
    }
    Ok(())
}

/// What arrives was sent half a round trip before, in that order, and nothing that was lost. The windows overlap and
/// need not be equal: those of a sending may have been narrowed to the wheel's phases, those of an arrival by a tie.
fn what_arrives_was_sent(scenario: &Scenario, course: &Timeline) -> Result<(), TestCaseError> {
    let probed = scenario.client.options.keepalive || scenario.server.options.keepalive;
    for side in Side::BOTH {
        let sent = on(course, side).filter_map(|event| match event.what {
            What::Send { segment, copy, lost: false } => Some(((segment, copy), event.window)),
            _ => None,
        });
        let mut sent = sent.collect::<Vec<_>>();
        for event in on(course, side.other()) {
            // What has no copy comes from outside.
            let What::Arrive { segment, copy: Some(copy) } = event.what else { continue };
            let Some(place) = sent.iter().position(|(what, _)| *what == (segment, copy)) else {
                return Err(TestCaseError::fail(format!("{event:?} was never sent")));
            };
            let (_, left) = sent.remove(place);
            let half_us = scenario.rtt_us / 2;
            prop_assert!(event.window.at_us >= left.at_us + half_us, "{left:?} to {event:?}");
            prop_assert!(event.window.latest_us >= left.at_us + half_us, "{left:?} to {event:?}");
            // A keepalive's arrival that had to wait for a tie is put after the end of its sending's window.
            let overlaps = event.window.at_us <= left.latest_us + half_us;
            let delayed = scenario.wire.iter().any(|rule| rule.fate != Fate::Lose);
            prop_assert!(overlaps || probed || delayed, "{left:?} to {event:?}");
        }
    }
    Ok(())
}

fn is_sound(scenario: &Scenario, timeline: &Timeline) -> Result<(), TestCaseError> {
    for course in courses(timeline) {
        times_are_in_order(scenario, course)?;
        ends_are_complete(scenario, course)?;
        what_arrives_was_sent(scenario, course)?;
    }
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    // A scenario says all that a failure needs; the seed of a run is in the message.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(150))]
    #[test]
    fn every_course_of_every_topic_is_sound((_id, scenario) in any_scenario()) {
        is_sound(&scenario, &forecast(&scenario))?;
    }
}

proptest! {
    #![proptest_config(config(30))]
    #[test]
    fn the_same_scenario_gives_the_same_timeline((_id, scenario) in any_scenario()) {
        prop_assert_eq!(forecast(&scenario), forecast(&scenario));
    }

    #[test]
    fn the_same_question_gives_the_same_bytes(
        id in select(topics().map(|topic| topic.id).collect::<Vec<_>>()),
        host in host(),
        rtt_us in rtt_us(),
        settings in settings(),
        peer_alive: bool,
    ) {
        let ask = ask(host, rtt_us, &settings, peer_alive);
        let topic = find_topic(id).unwrap();
        let bytes = || serde_json::to_vec(&ExplanationView::from(&explain(topic, &ask))).unwrap();
        prop_assert_eq!(bytes(), bytes());
    }
}

/// A clock whose retries can be turned up: the scenario for a number of retries.
type Clock = fn(Host, &Settings, u32) -> Scenario;

fn syn(host: Host, settings: &Settings, syn_retries: u32) -> Scenario {
    Scenario::connect(host, &Settings { syn_retries, ..settings.clone() }).losing(Side::Client, Segment::Syn)
}

fn synack(host: Host, settings: &Settings, synack_retries: u32) -> Scenario {
    Scenario::half_open(host, &Settings { synack_retries, ..settings.clone() })
}

fn data(host: Host, settings: &Settings, retries2: u32) -> Scenario {
    let settings = Settings { retries2, ..settings.clone() };
    Scenario::established(host, &settings).calling(Side::Client, Action::Send).silencing(Side::Client)
}

fn window_closed(host: Host, settings: &Settings, retries2: u32) -> Scenario {
    let settings = Settings { retries2, ..settings.clone() };
    Scenario::beginning(host, &settings, Start::WindowClosed).silencing(Side::Client)
}

fn orphan(host: Host, settings: &Settings, orphan_retries: u32) -> Scenario {
    let settings = Settings { orphan_retries, ..settings.clone() };
    Scenario::established(host, &settings).calling(Side::Client, Action::Close).silencing(Side::Client)
}

fn keepalive(host: Host, settings: &Settings, keepalive_probes: u32) -> Scenario {
    let settings = Settings { keepalive_probes, ..settings.clone() };
    Scenario::established(host, &settings).silencing(Side::Client)
}

/// The end of the side it is about, earliest and latest over all courses, and whether there are several.
fn end(scenario: &Scenario) -> (Window, bool) {
    let timeline = forecast(scenario);
    let ends = courses(&timeline).map(|course| course.end().expect("an end").window);
    (ends.reduce(Window::hull).expect("a course"), !timeline.alternatives.is_empty())
}

prop_compose! {
    /// What a comparison of retries is made under: the same for both numbers.
    fn premises()(
        version in kernel(),
        hz in known_hz(),
        rtt_us in rtt_us(),
        settings in settings(),
        user_timeout_ms in prop_oneof![3 => Just(0_u32), 1 => 1..=30_000_u32],
    ) -> (Host, u64, Settings, u32) {
        (Host { version, hz: Some(hz) }, rtt_us, settings, user_timeout_ms)
    }
}

/// The end with so many retries.
fn end_with(
    clock: Clock,
    (host, rtt_us, settings, user_timeout_ms): &(Host, u64, Settings, u32),
    n: u32,
) -> (Window, bool) {
    let mut scenario = clock(*host, settings, n);
    scenario.rtt_us = *rtt_us;
    let options = &mut scenario.client.options;
    (options.user_timeout_ms, options.keepalive) = (*user_timeout_ms, true);
    // An idle time of 0 ends a connection before it does anything.
    let settings = &mut scenario.client.settings;
    (settings.keepalive_time_s, settings.keepalive_probes) =
        (settings.keepalive_time_s.max(1), settings.keepalive_probes.max(1));
    end(&scenario)
}

fn never_earlier(fewer: (Window, bool), more: (Window, bool)) -> Result<(), TestCaseError> {
    let ((fewer, tie), (more, other_tie)) = (fewer, more);
    prop_assert!(fewer.at_us <= more.at_us, "fewer retries end at {fewer:?}, more at {more:?}");
    // Of a tie the model also lists courses that no phase of the wheel takes, and these are as wide as all of them.
    let in_order = fewer.latest_us <= more.latest_us;
    prop_assert!(in_order || tie || other_tie, "fewer retries end at {fewer:?}, more at {more:?}");
    Ok(())
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn more_retries_of_a_syn_never_end_earlier(premises in premises(), n in 1..=10_u32, more in 1..=3_u32) {
        never_earlier(end_with(syn, &premises, n), end_with(syn, &premises, n + more))?;
    }

    #[test]
    fn more_retries_of_a_syn_ack_never_end_earlier(premises in premises(), n in 0..=9_u32, more in 1..=3_u32) {
        never_earlier(end_with(synack, &premises, n), end_with(synack, &premises, n + more))?;
    }

    #[test]
    fn more_keepalive_probes_never_end_earlier(premises in premises(), n in 0..=20_u32, more in 1..=3_u32) {
        never_earlier(end_with(keepalive, &premises, n), end_with(keepalive, &premises, n + more))?;
    }
}

proptest! {
    #![proptest_config(config(20))]

    #[test]
    fn more_retries_of_data_never_end_earlier(premises in premises(), n in 0..=15_u32, more in 1..=3_u32) {
        never_earlier(end_with(data, &premises, n), end_with(data, &premises, n + more))?;
    }

    #[test]
    fn more_retries_behind_a_closed_window_never_end_earlier(
        premises in premises(), n in 0..=15_u32, more in 1..=3_u32,
    ) {
        never_earlier(end_with(window_closed, &premises, n), end_with(window_closed, &premises, n + more))?;
    }

    /// 0 is not less than 1: it acts as 8 while the RTO is below its maximum, and as 0 from then on, so that an
    /// orphan with 0 ends no later than one with 8.
    #[test]
    fn more_retries_of_an_orphan_never_end_earlier(premises in premises(), n in 1..=12_u32, more in 1..=3_u32) {
        never_earlier(end_with(orphan, &premises, n), end_with(orphan, &premises, n + more))?;
    }

    #[test]
    fn no_retries_of_an_orphan_are_at_most_eight(premises in premises()) {
        never_earlier(end_with(orphan, &premises, 0), end_with(orphan, &premises, 8))?;
    }
}

/// The same, with everything that is caused from outside that much later.
fn later(scenario: &Scenario, by_us: u64) -> Scenario {
    let calls = scenario.calls.iter().map(|call| Call { at_us: call.at_us + by_us, ..*call }).collect();
    let injections = scenario.injections.iter().map(|it| Injection { at_us: it.at_us + by_us, ..*it }).collect();
    Scenario { calls, injections, ..scenario.clone() }
}

/// Whether nothing happens but by a call: a probe or a keepalive timer that runs from time 0 on is not moved by
/// moving the calls.
fn begins_with_calls(scenario: &Scenario) -> bool {
    let probed = scenario.client.options.keepalive || scenario.server.options.keepalive;
    match scenario.start {
        Start::Closed | Start::Nothing => true,
        Start::WindowClosed => false,
        Start::Established | Start::Forgotten => !probed,
    }
}

/// Each course's events and ends without their windows.
type Story = (Vec<(Side, What)>, Vec<(Side, Outcome)>);

fn story(course: &Timeline) -> Story {
    let events = Side::BOTH.iter().flat_map(|side| on(course, *side)).map(|event| (event.side, event.what.clone()));
    (events.collect(), course.ends.iter().map(|end| (end.side, end.outcome)).collect())
}

/// The windows of a course in the order of its story; a side on which nothing happens has no time of its own.
fn windows(course: &Timeline) -> Vec<Window> {
    let events = Side::BOTH.iter().flat_map(|side| on(course, *side)).map(|event| event.window);
    let ends = course.ends.iter().filter(|end| on(course, end.side).next().is_some()).map(|end| end.window);
    events.chain(ends).collect()
}

/// Courses by story.
fn by_story(timeline: &Timeline) -> BTreeMap<String, Vec<Window>> {
    courses(timeline).map(|course| (format!("{:?}", story(course)), windows(course))).collect()
}

proptest! {
    #![proptest_config(config(60))]

    /// By whole ticks everything moves. (By a part of a tick the nominal times would move as well, but the wheel
    /// counts whole ticks, so that the latest ones would move by up to a tick more or less.)
    #[test]
    fn a_scenario_that_begins_later_ends_that_much_later(
        (_id, scenario) in any_scenario(), hz in known_hz(), ticks in 1..=500_u64,
    ) {
        prop_assume!(begins_with_calls(&scenario));
        let by_us = ticks * TICKS_AT_EVERY_RATE_US;
        let scenario = Scenario { host: Host { hz: Some(hz), ..scenario.host }, ..scenario };
        let (now, then) = (forecast(&scenario), forecast(&later(&scenario, by_us)));
        prop_assert_eq!(story(&now), story(&then));
        // The phases that are tried do not cover a wait that is cut to a user timeout: there the latest times differ.
        let cut = scenario.client.options.user_timeout_ms > 0 || scenario.server.options.user_timeout_ms > 0;
        let shown = |window: &Window, by_us| (window.at_us + by_us, if cut { 0 } else { window.latest_us + by_us });
        let times = |timeline: &Timeline, by_us| -> BTreeMap<String, Vec<(u64, u64)>> {
            let courses = by_story(timeline).into_iter();
            courses.map(|(story, windows)| (story, windows.iter().map(|one| shown(one, by_us)).collect())).collect()
        };
        prop_assert_eq!(times(&now, by_us), times(&then, 0));
    }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn a_tick_rate_that_is_not_known_covers_every_one_that_it_may_be((_id, scenario) in any_scenario()) {
        let at = |hz| forecast(&Scenario { host: Host { hz, ..scenario.host }, ..scenario.clone() });
        let wide = by_story(&at(None));
        for hz in Hz::COMMON {
            for (story, narrow) in by_story(&at(Some(hz))) {
                let Some(wide) = wide.get(&story) else {
                    return Err(TestCaseError::fail(format!("only HZ {hz} has the course {story}")));
                };
                for (narrow, wide) in narrow.iter().zip(wide) {
                    prop_assert_eq!(narrow.hull(*wide), *wide, "HZ {}", hz);
                }
            }
        }
    }
}
