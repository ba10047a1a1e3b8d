//! The third ACK is lost, but data follows: is the handshake wasted.

use crate::explain::{Ask, Figures, Group, Topic};
use crate::model::{Action, Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "ack-with-data",
    group: Group::Opening,
    question: "The third ACK is lost, but data follows: is the handshake wasted?",
    keys: &["net.ipv4.tcp_synack_retries"],
    folklore: &[],
    sources: &["tcp_check_req()", "tcp_rcv_state_process()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings()).calling(Side::Client, Action::Send).losing_first(
        Side::Client,
        Segment::Ack,
        1,
    )
}

fn answer(_ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let answer = vec![
        "No. Every segment of data carries the acknowledgement that the bare ACK carried, so the first one completes \
         the handshake, and its data is delivered."
            .to_owned(),
        "The server waits in SYN-RECV until then and needs no retry of its own.".to_owned(),
    ];
    Figures { answer, ..Figures::default() }
}
