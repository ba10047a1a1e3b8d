//! What if the first FIN is lost.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Outcome, Scenario, Segment, Side, Timeline, forecast};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "fin-lost",
    group: Group::Closing,
    question: "What if the first FIN is lost?",
    keys: &["net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_rto_max_ms", "net.ipv4.tcp_early_retrans"],
    folklore: &[
        Folklore {
            said: "tcp_orphan_retries=0 means no retries.",
            kernel: "0 means 8, about 104 s. 1 to 7 end sooner than 0.",
        },
        Folklore {
            said: "The orphan is given up after that many FINs.",
            kernel: "The limit is the time that so many doublings of 200 ms take, counted from the first retransmission.",
        },
    ],
    sources: &[
        "tcp_retransmit_timer()",
        "retransmits_timed_out()",
        "tcp_model_timeout()",
        "tcp_schedule_loss_probe()",
        "tcp_orphan_retries()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings()).calling(Side::Client, Action::Close).silencing(Side::Client)
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = Vec::new();
    if let Some((timeline, end)) = timeline.and_then(|timeline| Some((timeline, timeline.end()?))) {
        answer.push(format!(
            "After close() the socket is an orphan in FIN-WAIT-1. Its FIN is sent {} times; after {} the kernel forgets \
             it without a RST.",
            timeline.sent(Side::Client, Segment::Fin),
            end.window,
        ));
    }
    let mut kept = Scenario::established(ask.host, &ask.settings())
        .calling(Side::Client, Action::Shutdown)
        .silencing(Side::Client);
    kept.rtt_us = ask.rtt_us;
    if let Some(end) = forecast(&kept).end().filter(|end| matches!(end.outcome, Outcome::Failed(_))) {
        answer.push(format!(
            "After shutdown() the application still holds it and tcp_retries2 counts instead: {} after {}.",
            end.outcome.name(),
            end.window,
        ));
    }
    answer.push("The peer knows nothing of it and stays ESTAB until it sends, or its keepalive runs.".to_owned());
    Figures { answer, ..Figures::default() }
}
