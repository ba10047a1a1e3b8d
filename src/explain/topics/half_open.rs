//! What if one side was rebooted.

use crate::explain::{Ask, Figures, Group, Topic};
use crate::model::{Action, Scenario, Side, Start, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "half-open",
    group: Group::Living,
    question: "What if one side was rebooted?",
    keys: &["net.ipv4.tcp_keepalive_time"],
    folklore: &[],
    sources: &["tcp_v4_send_reset()", "tcp_reset()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::beginning(ask.host, &ask.settings(), Start::Forgotten).calling(Side::Client, Action::Send)
}

fn answer(_ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let answer = vec![
        "The other side believes in the connection until it sends: the rebooted host knows no such connection and \
         answers with a RST, and the call fails with ECONNRESET one round trip later."
            .to_owned(),
        "If it never sends, it never learns; keepalive sends in its place.".to_owned(),
    ];
    Figures { answer, ..Figures::default() }
}
