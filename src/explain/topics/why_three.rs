//! Why three segments open a connection.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::{
    Fate, Injected, Injection, Number, Outcome, Scenario, Segment, Side, Timeline, What, WireRule, forecast,
    isn_advance,
};
use crate::units::Micros;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "why-three",
    group: Group::Opening,
    question: "Why three segments, and not two or four?",
    keys: &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.tcp_synack_retries"],
    folklore: &[
        Folklore {
            said: "The third segment keeps old SYNs out.",
            kernel: "The RST does, in place of the third segment: the client knows that it never sent the number that \
                     is acknowledged, and says so.",
        },
        Folklore {
            said: "After the RST the new SYN succeeds.",
            kernel: "If it comes after the RST. One that comes before is answered by an ACK of the old number, and the \
                     client sends its SYN again two ticks later (since 5.6; before, a second later).",
        },
        Folklore {
            said: "Say the old SYN has the number 90 and the new one 100.",
            kernel: "Numbers as near as that would end in a RST and ECONNREFUSED: the second SYN lies in the window of \
                     the first. Real ones move on by 15.6 million a second.",
        },
    ],
    sources: &["tcp_check_req()", "tcp_rcv_synsent_state_process()", "tcp_v4_send_reset()", "RFC 9293 3.5"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

/// How long ago the old SYN was sent, in microseconds.
const OLD_US: u64 = 60_000_000;
/// How much later than the RST the new SYN arrives.
const AFTER_US: u64 = 1000;

/// An old SYN arrives first, and the new one after the RST that it provokes.
fn scenario(ask: &Ask) -> Scenario {
    let late = Fate::Delay { by_us: ask.rtt_us / 2 + AFTER_US };
    let first = WireRule { segment: Some(Segment::Syn), nth: (1, Some(1)), ..WireRule::every(Side::Client, late) };
    with_old_syn(ask, isn_advance(OLD_US)).ruled(first)
}

/// An old SYN, so many numbers below the new one, arrives before it.
fn with_old_syn(ask: &Ask, below: u32) -> Scenario {
    let seq = Number::Initial(i32::try_from(below).map_or(i32::MIN, |below| -below));
    let what = Injected::Segment { segment: Segment::Syn, seq, ack: None };
    let mut scenario =
        Scenario::connect(ask.host, &ask.settings()).injecting(Injection { at_us: 0, to: Side::Server, what });
    scenario.rtt_us = ask.rtt_us;
    scenario
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = vec![
        "Each side must tell its first number and hear that it has arrived: two segments each way, of which the middle \
         two travel together. Four would say the same; two leave one side guessing."
            .to_owned(),
        format!(
            "What it is for: a SYN of {} ago arrives first. The server cannot know and answers it. The client has sent no \
             such number: it answers with a RST, the server drops the half-open entry, and the new SYN opens the \
             connection.",
            Micros(OLD_US)
        ),
    ];
    answer.extend(
        timeline
            .and_then(established)
            .map(|at| format!("In the diagram the connection is open after {at}, as if nothing had happened.")),
    );
    let before = forecast(&with_old_syn(ask, isn_advance(OLD_US)));
    answer.extend(established(&before).map(|at| {
        format!(
            "If the new SYN comes before that RST, it takes {} SYNs and {at} (the server answers the first with an ACK \
             of the old number).",
            before.sent(Side::Client, Segment::Syn)
        )
    }));
    answer.push(
        "With two segments the server would be ESTAB with a ghost at once: it would hold a socket, wake its application \
         and send data to a client that wants none."
            .to_owned(),
    );
    Figures { answer, tables: vec![courses(ask)], ..Figures::default() }
}

/// When the client is connected for good.
fn established(timeline: &Timeline) -> Option<crate::model::Window> {
    let end = timeline.ends.iter().find(|end| end.side == Side::Client)?;
    (end.outcome == Outcome::Established).then_some(end.window)
}

/// What becomes of a new SYN by how it follows the old one.
fn courses(ask: &Ask) -> FigureTable {
    let near = 10;
    let twin = |below, when: &str| (when.to_owned(), forecast(&with_old_syn(ask, below)));
    let cases = [
        ("after the RST".to_owned(), forecast(&scenario(ask))),
        twin(isn_advance(OLD_US), "before the RST"),
        twin(near, &format!("before, {near} numbers above the old one")),
    ];
    let rows = cases.map(|(when, timeline)| {
        let answers =
            timeline.events.iter().filter(|event| event.side == Side::Server).filter_map(|event| match event.what {
                What::Send { segment, .. } => Some(segment.name()),
                _ => None,
            });
        let end = timeline.end().map_or(String::new(), |end| end.outcome.name().to_owned());
        vec![when, answers.collect::<Vec<_>>().join(", "), end]
    });
    FigureTable {
        title: "The new SYN, by when it arrives".to_owned(),
        columns: vec!["new SYN arrives", "the server sends", "connect()"],
        rows: rows.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_syn_costs_a_reset_and_not_the_connection() {
        let ask = Ask::of_defaults(0);
        let timeline = forecast(&scenario(&ask));
        assert_eq!(timeline.sent(Side::Client, Segment::Rst), 1);
        assert_eq!(timeline.sent(Side::Server, Segment::SynAck), 2);
        assert!(established(&timeline).is_some());
        let outcomes: Vec<String> = courses(&ask).rows.iter().filter_map(|row| row.last().cloned()).collect();
        assert_eq!(outcomes, ["established", "established", "ECONNREFUSED"]);
    }
}
