//! The first handshake segment is lost.

use crate::explain::course::ends_within;
use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Segment, Side, Timeline, forecast};

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

/// Retries of the shorter course that is worked out.
const FEWER: u32 = 3;

/// The same with fewer retries; nothing where there are no more already.
fn with_fewer(ask: &Ask) -> Option<String> {
    let mut fewer = Scenario { rtt_us: ask.rtt_us, ..scenario(ask) };
    if fewer.client.settings.syn_retries <= FEWER {
        return None;
    }
    fewer.client.settings.syn_retries = FEWER;
    let timeline = forecast(&fewer);
    let window = ends_within(&timeline)?;
    let sent = timeline.sent(Side::Client, Segment::Syn);
    Some(format!("With tcp_syn_retries={FEWER} it would fail after {window}, with {sent} SYNs."))
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut sentences = Vec::new();
    if let Some((timeline, end)) = timeline.and_then(|timeline| Some((timeline, timeline.end()?))) {
        sentences.push(format!(
            "connect() fails with {} after {}: the client sends {} SYNs and hears nothing.",
            end.outcome.name(),
            end.window,
            timeline.sent(Side::Client, Segment::Syn),
        ));
    }
    sentences.extend(with_fewer(ask));
    sentences.push(
        "The server knows nothing of it: no socket, no counter. A RST, or an ICMP unreachable, would end it sooner."
            .to_owned(),
    );
    sentences
        .push("An application can end it sooner with a timeout of its own, TCP_SYNCNT or TCP_USER_TIMEOUT.".to_owned());
    Figures { answer: sentences, ..Figures::default() }
}
