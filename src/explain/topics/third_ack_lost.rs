//! What if the third handshake segment, the ACK, is lost.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "third-ack-lost",
    group: Group::Opening,
    question: "What if the third handshake segment, the ACK, is lost?",
    keys: &["net.ipv4.tcp_synack_retries"],
    folklore: &[Folklore {
        said: "An ACK is never sent again.",
        kernel: "Not by a timer. It is sent in answer to every further SYN-ACK, so one loss costs a second; only if all of them are lost does the server forget.",
    }],
    sources: &["reqsk_timer_handler()", "tcp_check_req()", "tcp_send_challenge_ack()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings()).losing(Side::Client, Segment::Ack).about(Side::Server)
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = vec![
        "The client is connected after one round trip and knows of nothing. The server has a half-open entry and \
         sends its SYN-ACK again; each copy makes the client send the ACK again."
            .to_owned(),
    ];
    if let Some(end) = timeline.and_then(Timeline::end) {
        answer.push(format!("If every ACK is lost, the server drops the entry after {} and tells nobody.", end.window));
    }
    answer.push(
        "A client that sends data after that gets a RST (ECONNRESET); one that only reads waits for ever, unless it \
         uses keepalive."
            .to_owned(),
    );
    Figures { answer, ..Figures::default() }
}
