//! The first handshake segment is lost.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "syn-lost",
    group: Group::Opening,
    question: "What if the first handshake segment, the SYN, is lost?",
    keys: &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.tcp_rto_max_ms"],
    folklore: &[
        Folklore {
            said: "A connect gives up after 63 s: five retries, 1+2+4+8+16+32.",
            kernel: "That takes tcp_syn_retries=5 and no linear timeouts. The default is 6 retries: 127 s before \
                     6.5, and 131 s since, as four tries at 1 s come first.",
        },
        Folklore {
            said: "tcp_syn_retries=N means N retries.",
            kernel: "Since 6.5 up to N + tcp_syn_linear_timeouts go out, and the attempt also ends when N doublings \
                     of 1 s have passed: with the default 4 linear ones and N of 1 or 2 the time ends it first.",
        },
    ],
    sources: &["tcp_connect()", "tcp_retransmit_timer()", "tcp_write_timeout()", "tcp_model_timeout()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings()).losing(Side::Client, Segment::Syn)
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut sentences = Vec::new();
    if let Some((timeline, end)) = timeline.and_then(|timeline| Some((timeline, timeline.end()?))) {
        sentences.push(format!(
            "connect() fails with {} after {}: the client sends {} SYNs and hears nothing.",
            end.outcome.name(),
            end.window,
            timeline.sent(Side::Client, Segment::Syn),
        ));
    }
    sentences.push(
        "The server knows nothing of it: no socket, no counter. A RST, or an ICMP unreachable, would end it sooner."
            .to_owned(),
    );
    sentences
        .push("An application can end it sooner with a timeout of its own, TCP_SYNCNT or TCP_USER_TIMEOUT.".to_owned());
    Figures { answer: sentences, ..Figures::default() }
}
