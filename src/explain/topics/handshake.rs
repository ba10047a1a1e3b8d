//! The handshake that works.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Side, Timeline, What};
use crate::units::{Micros, TcpState};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "handshake",
    group: Group::Opening,
    question: "What happens in the three-way handshake?",
    keys: &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_fastopen"],
    folklore: &[
        Folklore {
            said: "The connection is there when accept() returns.",
            kernel: "The kernel alone completes the handshake and puts the connection into the accept queue. The \
                     client may send before the application has called accept(), or without it ever doing so.",
        },
        Folklore {
            said: "A socket in SYN-RECV is a socket.",
            kernel: "It is a small entry (a request) until the third segment comes; with a SYN cookie it is nothing \
                     at all.",
        },
    ],
    sources: &[
        "RFC 9293 3.5",
        "tcp_v4_connect()",
        "tcp_conn_request()",
        "tcp_rcv_synsent_state_process()",
        "tcp_check_req()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings())
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut sentences = vec![
        "Each side tells the other its initial sequence number and hears it acknowledged. With 100 and 300: SYN seq \
         100; SYN-ACK seq 300, ack 101; ACK seq 101, ack 301. Each SYN counts one, so data begins at 101 and 301."
            .to_owned(),
    ];
    sentences.extend(timeline.and_then(opened_sentence));
    sentences.push(
        "The third segment may carry data, and usually the request follows right behind. The first two carry none, but \
         for Fast Open (tcp_fastopen), whose SYN brings data with a cookie from before."
            .to_owned(),
    );
    if ask.rtt_us >= 1_000_000 {
        sentences.push(
            "At this round-trip time the first timeout (1 s) comes before the answer: the SYN goes out again although \
             nothing was lost."
                .to_owned(),
        );
    }
    Figures { answer: sentences, ..Figures::default() }
}

/// When each side is open.
fn opened_sentence(timeline: &Timeline) -> Option<String> {
    let opened = |side: Side| {
        let event =
            timeline.events.iter().find(|event| event.side == side && event.what == What::State(TcpState::Estab));
        event.map(|event| event.window.at_us)
    };
    let (client, server) = (opened(Side::Client)?, opened(Side::Server)?);
    Some(if client == 0 {
        "connect() returns after one round trip, the server's side is open half a round trip later (--rtt sets one)."
            .to_owned()
    } else {
        format!(
            "connect() returns after one round trip ({}), the server's side is open half a round trip later ({}).",
            Micros(client),
            Micros(server)
        )
    })
}
