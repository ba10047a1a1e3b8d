//! What if the FIN of the side that closes second is lost.

use crate::explain::{Ask, Figures, Group, Topic};
use crate::model::{Action, Scenario, Segment, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "last-ack-lost",
    group: Group::Closing,
    question: "What if the FIN of the side that closes second is lost?",
    keys: &[
        "net.ipv4.tcp_orphan_retries",
        "net.ipv4.tcp_rto_max_ms",
        "net.ipv4.tcp_early_retrans",
        "net.ipv4.tcp_fin_timeout",
    ],
    folklore: &[],
    sources: &[
        "tcp_retransmit_timer()",
        "retransmits_timed_out()",
        "tcp_model_timeout()",
        "tcp_schedule_loss_probe()",
        "tcp_orphan_retries()",
        "tcp_time_wait()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings())
        .calling(Side::Client, Action::Close)
        .calling(Side::Server, Action::CloseAfterPeer)
        .losing(Side::Server, Segment::Fin)
        .about(Side::Server)
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = Vec::new();
    let end_of = |side| timeline.and_then(|timeline| timeline.ends.iter().find(|end| end.side == side));
    if let Some(end) = end_of(Side::Server) {
        answer.push(format!("It stays in LAST-ACK, sends its FIN again, and is forgotten after {}.", end.window));
    }
    if let Some(end) = end_of(Side::Client) {
        answer.push(format!(
            "The side that closed first waits in FIN-WAIT-2 and gives up by itself after {}.",
            end.window
        ));
    }
    Figures { answer, ..Figures::default() }
}
