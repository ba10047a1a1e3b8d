//! One port number for both protocols.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
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
    scenario: None,
    answer,
};

fn answer(_ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let sentences = vec![
        "Yes. The kernel looks at the protocol number of the IP header first (6 is TCP, 17 UDP) and then for the port \
         in that protocol's own table. The two tables know nothing of each other."
            .to_owned(),
        "DNS has 53 in both, HTTP 443 in TCP and QUIC 443 in UDP; they may be different programs.".to_owned(),
        "ip_local_port_range and ip_local_reserved_ports count for both; a port that TCP chose stays free for UDP."
            .to_owned(),
        "On this host: `ss -Htuln | awk '{print $1, $5}' | sort -k2` shows what is bound by either.".to_owned(),
    ];
    Figures { answer: sentences, ..Figures::default() }
}
