//! What if the peer never closes.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "fin-wait-2",
    group: Group::Closing,
    question: "What if the peer never closes?",
    keys: &["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_max_tw_buckets"],
    folklore: &[
        Folklore {
            said: "tcp_fin_timeout is how long FIN-WAIT-2 lasts.",
            kernel: "Up to 60 it is. Above, the kernel waits for what exceeds 60 s and then for the same again: 61 lasts 2 s, 90 lasts 60 s, 120 lasts 120 s.",
        },
        Folklore { said: "tcp_fin_timeout shortens TIME-WAIT.", kernel: "It does not touch TIME-WAIT." },
    ],
    sources: &["tcp_fin_time()", "tcp_time_wait()", "tcp_keepalive_timer()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::closed_alone(ask.host, &ask.settings())
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = Vec::new();
    if let Some(end) = timeline.and_then(Timeline::end) {
        answer.push(format!("After close() the socket leaves FIN-WAIT-2 after {}.", end.window));
    }
    answer.push(
        "After shutdown() the application still holds it, and it stays in FIN-WAIT-2 for ever; the peer may go on \
         sending."
            .to_owned(),
    );
    answer.push(
        "Data that arrives meanwhile is answered by a RST; the peer's FIN turns it into TIME-WAIT. It counts against \
         tcp_max_tw_buckets."
            .to_owned(),
    );
    Figures { answer, ..Figures::default() }
}
