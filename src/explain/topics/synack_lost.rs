//! The second handshake segment is lost.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{End, Scenario, Segment, Side, Timeline, forecast};
use crate::units::Micros;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "synack-lost",
    group: Group::Opening,
    question: "What if the second handshake segment, the SYN-ACK, is lost?",
    keys: &[
        "net.ipv4.tcp_syn_retries",
        "net.ipv4.tcp_syn_linear_timeouts",
        "net.ipv4.tcp_synack_retries",
        "net.ipv4.tcp_rto_max_ms",
    ],
    folklore: &[
        Folklore {
            said: "The server sends its SYN-ACK again tcp_synack_retries times, then it is over.",
            kernel: "That counts its own timer alone. Each copy of the client's SYN is answered as well (at most one \
                     every 500 ms) and starts the timer anew, without counting: a client that retries keeps the \
                     entry alive.",
        },
        Folklore {
            said: "tcp_syn_linear_timeouts makes SYN-ACKs linear too.",
            kernel: "It is for SYNs alone. SYN-ACKs double from the first timeout on.",
        },
    ],
    sources: &["reqsk_timer_handler()", "tcp_check_req()", "tcp_retransmit_timer()", "tcp_write_timeout()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings()).losing(Side::Server, Segment::SynAck)
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let Some(timeline) = timeline else { return Figures::default() };
    let mut sentences = Vec::new();
    if let Some(client) = timeline.ends.iter().find(|end| end.side == Side::Client) {
        sentences.push(format!(
            "Client: connect() fails with {} after {}, as if the SYN itself were lost.",
            client.outcome.name(),
            client.window,
        ));
    }
    sentences.push(server_sentence(timeline));
    sentences.push(alone_sentence(ask));
    sentences
        .push("Nobody is told when the server drops the entry: no RST, and no counter but TCPTimeouts.".to_owned());
    Figures { answer: sentences, ..Figures::default() }
}

/// When the server forgets a client that does not try again: one that is gone, or a forged SYN.
fn alone_sentence(ask: &Ask) -> String {
    let timeline = forecast(&Scenario::half_open(ask.host, &ask.settings()));
    timeline.end().map_or_else(String::new, |end| {
        format!(
            "If the client does not try again (it is gone, or the SYN was forged), the entry is dropped after {}, and {} \
             SYN-ACKs went out.",
            end.window,
            timeline.sent(Side::Server, Segment::SynAck),
        )
    })
}

/// When the server forgets, in every course that is possible.
fn server_sentence(timeline: &Timeline) -> String {
    let server_end =
        |course: &Timeline| -> Option<End> { course.ends.iter().find(|end| end.side == Side::Server).cloned() };
    let mut ends: Vec<End> = core::iter::once(timeline).chain(&timeline.alternatives).filter_map(server_end).collect();
    ends.sort_by_key(|end| end.window.at_us);
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
        return "Server: it answers every SYN and forgets.".to_owned();
    };
    let sent = timeline.sent(Side::Server, Segment::SynAck);
    if ends.len() == 1 {
        return format!("Server: the half-open entry is dropped after {}; {sent} SYN-ACKs went out.", first.window,);
    }
    format!(
        "Server: the half-open entry is dropped between {} and {}. A copy of the SYN and the server's own timer come \
         due at the same moment; which is first decides how often the timer counts (a tie).",
        Micros(first.window.at_us),
        Micros(last.window.latest_us),
    )
}
