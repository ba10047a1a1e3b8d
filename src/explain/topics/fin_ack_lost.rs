//! What if the ACK of the FIN is lost.

use crate::explain::{Ask, Figures, Group, Topic};
use crate::model::{Action, Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "fin-ack-lost",
    group: Group::Closing,
    question: "What if the ACK of the FIN is lost?",
    keys: &["net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_rto_max_ms", "net.ipv4.tcp_early_retrans"],
    folklore: &[],
    sources: &["tcp_retransmit_timer()", "tcp_rcv_state_process()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings()).calling(Side::Client, Action::Close).losing_first(
        Side::Server,
        Segment::Ack,
        1,
    )
}

fn answer(_ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let answer = vec![
        "An ACK has no timer of its own. The FIN of a peer that closes as well carries the acknowledgement; if the peer \
         does not close, the FIN is sent again by the timer of fin-lost, and each copy is acknowledged again."
            .to_owned(),
    ];
    Figures { answer, ..Figures::default() }
}
