//! What if an idle peer vanishes.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "keepalive",
    group: Group::Living,
    question: "What if an idle peer vanishes?",
    keys: &["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"],
    folklore: &[
        Folklore {
            said: "tcp_keepalive_time makes idle connections safe.",
            kernel: "Only sockets that set SO_KEEPALIVE are probed; all others wait for ever.",
        },
        Folklore {
            said: "Keepalive detects after the idle time and one interval a probe.",
            kernel: "So it does by default: 7200 s and nine times 75 s, plus the lateness of a coarse timer, which for \
                     7200 s may be two minutes.",
        },
    ],
    sources: &["tcp_keepalive_timer()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    probed(Scenario::established(ask.host, &ask.settings()).silencing(Side::Client))
}

/// The client has keepalive on: that is what the question is about.
fn probed(mut scenario: Scenario) -> Scenario {
    scenario.client.options.keepalive = true;
    scenario
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = Vec::new();
    if let Some((timeline, end)) = timeline.and_then(|timeline| Some((timeline, timeline.end()?))) {
        answer.push(format!(
            "With SO_KEEPALIVE, {} probes go unanswered, and the connection fails with {} after {}.",
            timeline.sent(Side::Client, Segment::Keepalive),
            end.outcome.name(),
            end.window,
        ));
    }
    answer.push("Without SO_KEEPALIVE nothing is ever noticed until somebody sends.".to_owned());
    answer.push(
        "It rests while data is unacknowledged: then the retransmission timer decides (see data-lost).".to_owned(),
    );
    answer.push(
        "A load balancer or NAT that forgets idle connections must wait longer than tcp_keepalive_time (or TCP_KEEPIDLE); \
         many wait only minutes."
            .to_owned(),
    );
    Figures { answer, ..Figures::default() }
}
