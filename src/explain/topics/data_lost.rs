//! What if the peer vanishes with data in flight.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "data-lost",
    group: Group::Living,
    question: "What if the peer vanishes with data in flight?",
    keys: &[
        "net.ipv4.tcp_retries2",
        "net.ipv4.tcp_rto_min_us",
        "net.ipv4.tcp_rto_max_ms",
        "net.ipv4.tcp_early_retrans",
        "net.ipv4.tcp_sack",
        "net.ipv4.tcp_thin_linear_timeouts",
    ],
    folklore: &[
        Folklore {
            said: "15 retransmissions, 924.6 s.",
            kernel: "tcp_retries2 is a time: 924.6 s from the first retransmission that the RTO timer sends, tested at each timer. How many segments that is depends on the round-trip time, and the end is later.",
        },
        Folklore {
            said: "A shorter keepalive finds it sooner.",
            kernel: "Keepalive rests while data is unacknowledged. TCP_USER_TIMEOUT is the tool.",
        },
    ],
    sources: &[
        "tcp_retransmit_timer()",
        "retransmits_timed_out()",
        "tcp_model_timeout()",
        "tcp_schedule_loss_probe()",
        "tcp_write_timeout()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings()).calling(Side::Client, Action::Send).silencing(Side::Client)
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = Vec::new();
    if let Some((timeline, end)) = timeline.and_then(|timeline| Some((timeline, timeline.end()?))) {
        answer.push(format!(
            "The connection fails with {} after {}; the data is sent {} times, the tail loss probe included.",
            end.outcome.name(),
            end.window,
            timeline.sent(Side::Client, Segment::Data),
        ));
        for other in timeline.alternatives.iter().filter_map(Timeline::end) {
            answer.push(format!("Or after {}: the lateness of timers decides (a tie).", other.window));
        }
    }
    answer.push(
        "The RTO is that of a connection fresh from its handshake: the round trip and twice of it, at least 200 ms. An \
         older connection has an RTO nearer to the round trip and 200 ms."
            .to_owned(),
    );
    Figures { answer, ..Figures::default() }
}
