//! The close that works.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Call, Scenario, Side, Timeline};

/// When the server's application closes in the scenario.
const SERVER_CLOSES_AT_US: u64 = 1_000_000;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "close",
    group: Group::Closing,
    question: "What happens in the four-way close?",
    keys: &["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_orphan_retries"],
    folklore: &[
        Folklore {
            said: "Both sides go through TIME-WAIT.",
            kernel: "Only the one that closes first (both only when their FINs cross). Who closes first decides \
                     where the TIME-WAIT sockets are: on the clients, or all on the server.",
        },
        Folklore {
            said: "close() waits until the data has arrived.",
            kernel: "It returns at once; the kernel goes on sending for the orphan. Data that the closing side has \
                     not read makes it a RST instead of a FIN.",
        },
    ],
    sources: &["RFC 9293 3.6", "__tcp_close()", "tcp_fin()", "tcp_rcv_state_process()", "tcp_time_wait()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    let mut scenario = Scenario::closed_alone(ask.host, &ask.settings());
    // Later than any delayed ACK, so that all four segments are seen.
    let at_us = SERVER_CLOSES_AT_US + ask.rtt_us * 2;
    scenario.calls.push(Call { at_us, side: Side::Server, action: Action::CloseAfterPeer });
    scenario
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut sentences = vec![
        "The side that closes first (here the client) goes ESTAB, FIN-WAIT-1 (FIN sent), FIN-WAIT-2 (FIN acknowledged), \
         TIME-WAIT (the peer's FIN is here), gone. The other goes ESTAB, CLOSE-WAIT (until its application closes), \
         LAST-ACK (own FIN sent), gone."
            .to_owned(),
    ];
    let end = timeline.and_then(|timeline| timeline.ends.iter().find(|end| end.side == Side::Client));
    sentences.push(match end {
        _ if !ask.settings().keeps_time_wait() => {
            "tcp_max_tw_buckets is 0 here: the first closer skips TIME-WAIT and is gone at once.".to_owned()
        }
        Some(end) => format!(
            "In the diagram the server closes a second later. The client is gone after {}; the server keeps nothing.",
            end.window
        ),
        None => "The other keeps nothing.".to_owned(),
    });
    sentences.push(
        "CLOSE-WAIT has no timer: a socket that stays there waits for its own application. FIN-WAIT-2 after close() is \
         limited by tcp_fin_timeout, and a FIN that nobody acknowledges by tcp_orphan_retries."
            .to_owned(),
    );
    Figures { answer: sentences, ..Figures::default() }
}
