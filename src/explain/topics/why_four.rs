//! Four segments to close, and when three do.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Call, Scenario, Side, Timeline, What};
use crate::units::{Micros, TcpState};

/// When the server's application closes in the scenario.
const SERVER_CLOSES_AT_US: u64 = 5_000_000;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "why-four",
    group: Group::Closing,
    question: "Why does closing take four segments when opening takes three?",
    keys: &["net.ipv4.tcp_fin_timeout"],
    folklore: &[Folklore {
        said: "Closing always takes four segments.",
        kernel: "Linux delays the ACK of a FIN by 40 ms or more. A server that calls close() within that sends one \
                 segment, FIN and ACK together: three in all, and the usual case.",
    }],
    sources: &["RFC 9293 3.6", "tcp_fin()", "inet_csk_enter_pingpong_mode()", "__tcp_ack_snd_check()", "tcp_close()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    let mut scenario = Scenario::connect(ask.host, &ask.settings());
    let server_closes_us = SERVER_CLOSES_AT_US + ask.rtt_us * 2;
    scenario.calls.extend([
        Call { at_us: 0, side: Side::Client, action: Action::Close },
        Call { at_us: server_closes_us, side: Side::Server, action: Action::CloseAfterPeer },
    ]);
    scenario
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let waits = timeline.and_then(|timeline| {
        let entered = |state| {
            let mut events = timeline.events.iter();
            let event = events.find(|event| event.side == Side::Server && event.what == What::State(state));
            event.map(|event| event.window.at_us)
        };
        entered(TcpState::LastAck)?.checked_sub(entered(TcpState::CloseWait)?)
    });
    let mut sentences = vec![
        "Each direction is closed for itself: a FIN means `I have no more to send`, not `I want no more`. In the \
         handshake the server's SYN and its ACK go together, as it has nothing to wait for. At the end its kernel \
         acknowledges the FIN, but its application may still have something to send."
            .to_owned(),
    ];
    if let Some(waits) = waits {
        sentences.push(format!(
            "In the diagram the server's application closes after {}: that long it is in CLOSE-WAIT, and the ACK cannot \
             wait for the FIN.",
            Micros(waits)
        ));
    }
    sentences.push(
        "With nothing left to send the middle two are one segment, and three are enough (measured on 6.18: a server \
         that closes at once or 20 ms later sends one, after 200 ms two)."
            .to_owned(),
    );
    sentences.push(
        "An application that wants to go on reading closes with shutdown(SHUT_WR). After close() the kernel answers \
         data with a RST, and FIN-WAIT-2 ends after tcp_fin_timeout."
            .to_owned(),
    );
    Figures { answer: sentences, ..Figures::default() }
}
