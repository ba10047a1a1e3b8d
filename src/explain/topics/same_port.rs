//! One port number for both protocols.

use crate::explain::facts::tell_shared_ports;
use crate::explain::{Ask, Fact, Figures, Folklore, Group, Seen, Topic};
use crate::model::Timeline;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "same-port",
    group: Group::Opening,
    question: "Can TCP and UDP use the same port?",
    keys: &["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"],
    folklore: &[Folklore {
        said: "A port belongs to one program.",
        kernel: "A number belongs to one socket per protocol, local address and network namespace; SO_REUSEPORT \
                 lets even those be shared.",
    }],
    sources: &["ip_protocol_deliver_rcu()", "__inet_lookup_listener()", "__udp4_lib_lookup()", "inet_csk_get_port()"],
    wants: &[Fact::SharedPorts],
    scenario: None,
    answer,
};

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let mut sentences = vec![
        "Yes. The kernel looks at the protocol number of the IP header first (6 is TCP, 17 UDP) and then for the port \
         in that protocol's own table. The two tables know nothing of each other."
            .to_owned(),
        "DNS has 53 in both, HTTP 443 in TCP and QUIC 443 in UDP; they may be different programs.".to_owned(),
        "ip_local_port_range and ip_local_reserved_ports count for both; a port that TCP chose stays free for UDP."
            .to_owned(),
    ];
    let mut tables = Vec::new();
    match &ask.facts.shared_ports {
        Seen::NotAsked => sentences
            .push("On a host `ss -Htuln | awk '{print $1, $5}' | sort -k2` shows what is bound by either.".to_owned()),
        Seen::Unread(reason) => {
            sentences.push(format!("Which ports of this host have both could not be read: {reason}."));
        }
        Seen::Is(fact) => {
            let (sentence, table) = tell_shared_ports(fact);
            sentences.push(sentence);
            tables.extend(table);
        }
    }
    Figures { answer: sentences, tables, ..Figures::default() }
}
