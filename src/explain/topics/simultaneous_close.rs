//! What if both sides close at once.

use crate::explain::{Ask, Figures, Group, Topic};
use crate::model::{Action, Scenario, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "simultaneous-close",
    group: Group::Living,
    question: "What if both sides close at once?",
    keys: &["net.ipv4.tcp_max_tw_buckets"],
    folklore: &[],
    sources: &["tcp_rcv_state_process()", "tcp_fin()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings())
        .calling(Side::Client, Action::Close)
        .calling(Side::Server, Action::Close)
}

fn answer(_ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = vec![
        "The FINs cross. Each side goes from FIN-WAIT-1 to CLOSING when the other's FIN comes before the ACK of its own, \
         and then to TIME-WAIT: both of them."
            .to_owned(),
    ];
    if let Some(end) = timeline.and_then(Timeline::end) {
        answer.push(format!("Both are done after {}.", end.window));
    }
    Figures { answer, ..Figures::default() }
}
