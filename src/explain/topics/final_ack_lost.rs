//! What if the last ACK is lost.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "final-ack-lost",
    group: Group::Closing,
    question: "What if the last ACK is lost?",
    keys: &["net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_rto_max_ms", "net.ipv4.tcp_early_retrans"],
    folklore: &[Folklore {
        said: "The four-way close ends with the last ACK.",
        kernel: "Nobody can know that it arrived. The side that sent it waits in TIME-WAIT so that it can answer a repeated FIN, and each one starts the 60 s anew.",
    }],
    sources: &["tcp_timewait_state_process()", "tcp_retransmit_timer()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings())
        .calling(Side::Client, Action::Close)
        .calling(Side::Server, Action::CloseAfterPeer)
        .losing_first(Side::Client, Segment::Ack, 1)
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer =
        vec!["The peer sends its FIN again; the ACK is repeated, and TIME-WAIT starts again from there.".to_owned()];
    if let Some(end) = timeline.and_then(Timeline::end) {
        answer.push(format!("With one loss the side that closed first is done after {}.", end.window));
    }
    Figures { answer, ..Figures::default() }
}
