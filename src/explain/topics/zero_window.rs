//! What if the receiver stops reading.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Segment, Side, Start, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "zero-window",
    group: Group::Living,
    question: "What if the receiver stops reading?",
    keys: &["net.ipv4.tcp_retries2", "net.ipv4.tcp_rto_max_ms", "net.ipv4.tcp_rto_min_us"],
    folklore: &[Folklore {
        said: "A peer that does not read is dropped after tcp_retries2.",
        kernel: "Only one that does not answer probes is. A peer that answers them is probed for ever; tcp_retries2 bounds the interval between probes.",
    }],
    sources: &["tcp_probe_timer()", "tcp_send_probe0()", "tcp_ack_probe()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    silent(Scenario::beginning(ask.host, &ask.settings(), Start::WindowClosed), !ask.peer_alive)
}

/// Whether the peer is gone, too.
fn silent(scenario: Scenario, gone: bool) -> Scenario {
    if gone { scenario.silencing(Side::Client) } else { scenario }
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = Vec::new();
    if let Some((timeline, end)) = timeline.and_then(|timeline| Some((timeline, timeline.end()?))) {
        let probes = timeline.sent(Side::Client, Segment::Probe);
        answer.push(if ask.peer_alive {
            match end.outcome.name() {
                "never" => "The peer answers every probe: the connection stays, for ever.".to_owned(),
                outcome => format!("Although the peer answers, the connection fails with {outcome} after {}.", end.window),
            }
        } else {
            format!(
                "The peer is gone as well: after {probes} probes the connection fails with {}, {} after the first probe.",
                end.outcome.name(),
                end.window,
            )
        });
    }
    answer.push("TCP_USER_TIMEOUT ends it in both cases.".to_owned());
    Figures { answer, ..Figures::default() }
}
