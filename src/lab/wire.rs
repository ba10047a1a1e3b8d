//! The wire as it really was: a scenario with the lateness of each packet that was carried in it.

use std::collections::BTreeMap;

use crate::model::{Fate, Injected, Scenario, Segment, Side, Timeline, What, WireRule};

/// The scenario on a wire that is as late with each segment as the lab was: whether a segment comes before a timer of its
/// receiver expires may hang on that.
pub(super) fn with_lateness(scenario: &Scenario, played: &Timeline) -> Scenario {
    let mut sent: BTreeMap<(Side, Segment), Vec<u64>> = BTreeMap::new();
    let mut arrived: BTreeMap<(Side, Segment), Vec<u64>> = BTreeMap::new();
    for event in &played.events {
        let at_us = event.window.latest_us;
        match event.what {
            What::Send { segment, .. } => sent.entry((event.side, segment)).or_default().push(at_us),
            What::Arrive { segment, .. } => {
                arrived.entry((event.side.other(), segment)).or_default().push(at_us);
            }
            _ => {}
        }
    }
    let mut late = scenario.clone();
    for ((from, segment), sent_us) in sent {
        // What came from outside cannot be told from what the peer sent.
        let injected = |what: Injected| matches!(what, Injected::Segment { segment: kind, .. } if kind == segment);
        if scenario.injections.iter().any(|injection| injection.to == from.other() && injected(injection.what)) {
            continue;
        }
        let arrived_us = arrived.remove(&(from, segment)).unwrap_or_default();
        late.wire.extend(lateness(scenario, (from, segment), &sent_us, &arrived_us));
    }
    late
}

/// A rule for each copy of a segment that came late.
fn lateness(
    scenario: &Scenario,
    (from, segment): (Side, Segment),
    sent_us: &[u64],
    arrived_us: &[u64],
) -> Vec<WireRule> {
    let mut due: Vec<(u64, u32)> = Vec::new();
    for (copy, at_us) in (0_u32..).zip(sent_us) {
        let passages = scenario.passage_us(from, segment, copy, *at_us);
        due.extend(passages.into_iter().map(|later_us| (at_us + scenario.rtt_us / 2 + later_us, copy)));
    }
    due.sort_unstable();
    let mut rules: BTreeMap<u32, u64> = BTreeMap::new();
    for ((due_us, copy), arrived_us) in due.into_iter().zip(arrived_us) {
        let late_us = arrived_us.saturating_sub(due_us);
        rules.entry(copy).or_insert(late_us);
    }
    let rule = |(copy, by_us): (u32, u64)| WireRule {
        segment: Some(segment),
        nth: (copy + 1, Some(copy + 1)),
        ..WireRule::every(from, Fate::Delay { by_us })
    };
    rules.into_iter().filter(|(_, late_us)| *late_us > 0).map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Host, Settings, Window, forecast};
    use crate::units::{Hz, KernelVersion};

    fn event(at_us: u64, side: Side, what: What) -> Event {
        Event { window: Window::exactly(at_us), side, what }
    }

    fn send(segment: Segment, lost: bool) -> What {
        What::Send { segment, copy: 0, lost }
    }

    fn arrive(segment: Segment) -> What {
        What::Arrive { segment, copy: None }
    }

    /// The first SYN-ACK is lost, and the first SYN was 6 ms on its way.
    #[test]
    fn each_segment_is_as_late_as_it_was() {
        use Segment::{Syn, SynAck};
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let scenario = Scenario::connect(host, &Settings::default()).losing_first(Side::Server, SynAck, 1);
        let played = Timeline {
            events: vec![
                event(0, Side::Client, send(Syn, false)),
                event(6000, Side::Server, arrive(Syn)),
                event(6050, Side::Server, send(SynAck, true)),
                event(1_001_000, Side::Client, send(Syn, false)),
                event(1_001_100, Side::Server, arrive(Syn)),
                event(1_001_200, Side::Server, send(SynAck, false)),
                event(1_003_200, Side::Client, arrive(SynAck)),
            ],
            ends: Vec::new(),
            alternatives: Vec::new(),
        };
        let late = with_lateness(&scenario, &played);
        let rules: Vec<_> =
            late.wire[scenario.wire.len()..].iter().map(|rule| (rule.from, rule.nth, rule.fate)).collect();
        assert_eq!(
            rules,
            [
                (Side::Client, (1, Some(1)), Fate::Delay { by_us: 6000 }),
                (Side::Client, (2, Some(2)), Fate::Delay { by_us: 100 }),
                (Side::Server, (2, Some(2)), Fate::Delay { by_us: 2000 }),
            ]
        );
        // The repeated SYN may come before the server's own timer, which was armed 6 ms later: a single SYN-ACK answers.
        let courses = |scenario: &Scenario| {
            let predicted = forecast(scenario);
            let all = core::iter::once(&predicted).chain(&predicted.alternatives);
            all.map(|course| course.sent(Side::Server, SynAck)).collect::<Vec<_>>()
        };
        assert!(courses(&late).contains(&2), "{:?}", courses(&late));
    }

    /// The server's connect() took place 250 us after the client's, and the client's SYN came 30 us later.
    #[test]
    fn a_segment_that_came_just_after_a_late_call_comes_after_it_in_the_prediction() {
        use crate::model::{Action, Start};
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let as_played = Scenario::beginning(host, &Settings::default(), Start::Nothing)
            .calling(Side::Client, Action::Connect)
            .calling_at(250, Side::Server, Action::Connect);
        let events = vec![
            event(0, Side::Client, send(Segment::Syn, false)),
            event(260, Side::Server, send(Segment::Syn, false)),
            event(280, Side::Server, arrive(Segment::Syn)),
        ];
        let played = Timeline { events, ends: Vec::new(), alternatives: Vec::new() };
        let refused = |scenario: &Scenario| forecast(scenario).sent(Side::Server, Segment::Rst) > 0;
        assert!(refused(&as_played) && !refused(&with_lateness(&as_played, &played)));
    }
}
