//! What if the application never closes.

use crate::explain::facts::tell_close_wait;
use crate::explain::{Ask, Fact, Figures, Folklore, Group, Seen, Topic};
use crate::model::{Scenario, Side, Timeline};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "close-wait",
    group: Group::Closing,
    question: "What if the application never closes?",
    keys: &["net.ipv4.tcp_fin_timeout"],
    folklore: &[Folklore {
        said: "A sysctl limits CLOSE-WAIT.",
        kernel: "None does: it has no timer. Only the process can end it, by close() or by its end; or keepalive, if the peer is gone.",
    }],
    sources: &["tcp_fin()", "tcp_close()"],
    wants: &[Fact::CloseWait],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::closed_alone(ask.host, &ask.settings()).about(Side::Server)
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = vec![
        "The side that was closed upon stays in CLOSE-WAIT for ever: the kernel waits for the application's close()."
            .to_owned(),
    ];
    let peer = timeline.and_then(|timeline| timeline.ends.iter().find(|end| end.side == Side::Client));
    if let Some(end) = peer {
        answer.push(format!(
            "The peer that closed forgets it after {}; what the application sends after that is answered by a RST.",
            end.window
        ));
    }
    let mut tables = Vec::new();
    match &ask.facts.close_wait {
        Seen::NotAsked => {
            answer.push("Look for the process: `tcpctl diagnose`, or `ss -tnp state close-wait`.".to_owned());
        }
        Seen::Unread(reason) => answer.push(format!("The sockets of this host could not be read: {reason}.")),
        Seen::Is(fact) => {
            let (sentences, table) = tell_close_wait(fact);
            answer.extend(sentences);
            tables.extend(table);
        }
    }
    Figures { answer, tables, ..Figures::default() }
}
