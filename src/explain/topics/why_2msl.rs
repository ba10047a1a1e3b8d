//! The length of TIME-WAIT.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Side, TIME_WAIT_US, Timeline};
use crate::units::Micros;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "why-2msl",
    group: Group::Closing,
    question: "Why does TIME-WAIT last 2 MSL, and how long is that?",
    keys: &["net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_rfc1337", "net.ipv4.tcp_fin_timeout"],
    folklore: &[
        Folklore {
            said: "2 MSL are four minutes.",
            kernel: "RFC 9293 takes 2 minutes for the MSL. Linux takes 30 s: TCP_TIMEWAIT_LEN is 60 s, a constant.",
        },
        Folklore {
            said: "tcp_fin_timeout shortens it.",
            kernel: "That is for FIN-WAIT-2. No setting changes the length of TIME-WAIT.",
        },
        Folklore {
            said: "The MSL follows from the TTL.",
            kernel: "The TTL counts routers, not seconds. The MSL is a guess of how long a packet can be under way, \
                     and a generous one.",
        },
    ],
    sources: &["TCP_TIMEWAIT_LEN", "tcp_time_wait()", "tcp_timewait_state_process()", "RFC 9293 3.6.1"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::close(ask.host, &ask.settings())
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let end = timeline.and_then(|timeline| timeline.ends.iter().find(|end| end.side == Side::Client));
    let mut sentences = vec![
        "The last ACK may be lost. Then the peer sends its FIN again, and someone must be there to answer. One MSL \
         (maximum segment lifetime) for the ACK to die, one for a FIN that was sent just before: after that nothing of \
         the connection is on the network in either direction."
            .to_owned(),
    ];
    sentences.push(if !ask.settings().keeps_time_wait() {
        "With tcp_max_tw_buckets at 0 here no socket waits at all.".to_owned()
    } else {
        let gone =
            end.map_or_else(String::new, |end| format!(" (in the diagram the socket is gone after {})", end.window));
        format!("Here it lasts {}{gone}, counted anew whenever the peer's FIN comes again.", Micros(TIME_WAIT_US))
    });
    sentences.push(
        "It bears more than one loss: a FIN that is repeated after 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4 and 51 s has eight \
         tries within the 60 s, and each that arrives starts them anew."
            .to_owned(),
    );
    sentences.push(
        "Only the side that closes first waits. A RST for its port ends the wait, unless tcp_rfc1337 is 1.".to_owned(),
    );
    Figures { answer: sentences, ..Figures::default() }
}
