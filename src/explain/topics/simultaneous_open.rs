//! Both sides open at once.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Outcome, Scenario, Segment, Side, Start, Timeline, forecast};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "simultaneous-open",
    group: Group::Living,
    question: "What if both sides open at once?",
    keys: &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts"],
    folklore: &[
        Folklore {
            said: "That makes two connections.",
            kernel: "One: both SYNs name the same addresses and ports. Nobody needs to listen.",
        },
        Folklore {
            said: "It never happens.",
            kernel: "Hole punching through NAT lives on it; and on the loopback a connect() to a free port of the local \
                     range can meet itself, so that a client talks to its own echo.",
        },
    ],
    sources: &["tcp_rcv_synsent_state_process()", "tcp_send_synack()", "tcp_validate_incoming()", "RFC 9293 3.5"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::beginning(ask.host, &ask.settings(), Start::Nothing)
        .calling(Side::Client, Action::Connect)
        .calling(Side::Server, Action::Connect)
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = vec![
        "The SYNs cross. Each side goes from SYN-SENT to SYN-RECV, answers with a SYN-ACK of the same number as its SYN, \
         and is connected when the other's SYN-ACK comes: four segments that matter instead of three."
            .to_owned(),
    ];
    if let Some(end) = timeline.and_then(Timeline::end).filter(|end| end.outcome == Outcome::Established) {
        answer.push(format!("Both are connected after {}.", end.window));
    }
    let mut lost = scenario(ask).losing(Side::Client, Segment::SynAck).losing(Side::Server, Segment::SynAck);
    lost.rtt_us = ask.rtt_us;
    let lost = forecast(&lost);
    if let Some(end) = lost.end().filter(|end| matches!(end.outcome, Outcome::Failed(_))) {
        answer.push(format!(
            "If no SYN-ACK arrives, {} of each side go out under tcp_syn_retries (not tcp_synack_retries: this is no \
             half-open entry but a whole socket), and connect() fails with {} after {}. In SYN-RECV linear timeouts \
             do not count.",
            lost.sent(Side::Client, Segment::SynAck),
            end.outcome.name(),
            end.window,
        ));
    }
    Figures { answer, ..Figures::default() }
}
