//! SYN cookies.

use crate::explain::topics::TYPICAL_BACKLOG;
use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Settings, Timeline, queue_limits};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "syncookies",
    group: Group::Queues,
    question: "How do SYN cookies work, and what do they cost?",
    keys: &["net.ipv4.tcp_syncookies", "net.ipv4.tcp_timestamps", "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog"],
    folklore: &[
        Folklore {
            said: "tcp_syncookies=2 is the strong setting.",
            kernel: "2 sends a cookie for every SYN, for tests, and keeps the flood out of the log. 0 sends \
                     none; any other value acts as 1: cookies only while the SYN queue is full.",
        },
        Folklore {
            said: "Cookies break window scaling and SACK.",
            kernel: "They travel in the low 6 bits of the timestamp. Only a client without timestamps loses them.",
        },
        Folklore {
            said: "Cookies make a full accept queue harmless.",
            kernel: "They replace the SYN queue alone. With a full accept queue the SYN is dropped, and so is the \
                     answer to a cookie.",
        },
        Folklore {
            said: "The log says possible SYN flooding: this is an attack.",
            kernel: "It means that the SYN queue of that listener was full once. It is logged once per listener; \
                     SyncookiesRecv near SyncookiesSent means honest clients and a small backlog.",
        },
    ],
    sources: &[
        "tcp_conn_request()",
        "tcp_syn_flood_action()",
        "cookie_v4_init_sequence()",
        "cookie_v4_check()",
        "cookie_init_timestamp()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

/// On the wire a handshake with a cookie is like any other.
fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings())
}

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let settings = ask.settings();
    let sentences = vec![
        when_sentence(ask, &settings),
        "Instead of keeping an entry, the server puts what it must remember into the sequence number of its SYN-ACK: a \
         keyed hash of addresses, ports and the client's sequence number, a counter of minutes, and one of four MSS \
         values (536, 1300, 1440, 1460 over IPv4). The third segment brings it back, and the connection is made from that."
            .to_owned(),
        if settings.timestamps {
            "tcp_timestamps is on: window scale, SACK and ECN travel in the low 6 bits of the timestamp, for clients \
             that send timestamps too."
                .to_owned()
        } else {
            "tcp_timestamps is off: connections made by a cookie have no window scaling, no SACK and no ECN.".to_owned()
        },
        "Lost in any case: the exact MSS, the handshake's round-trip time, TCP_DEFER_ACCEPT and Fast Open; and the \
         SYN-ACK is never sent again, so that a lost one costs the client's own wait of 1 s."
            .to_owned(),
        "A cookie is good for 2 minutes, and only at a listener that sent one in that time; else the third segment gets \
         a RST (SyncookiesFailed)."
            .to_owned(),
        "If the third segment is lost, the server knows nothing: a client that waits for the server to speak first \
         hangs, connected."
            .to_owned(),
    ];
    Figures { answer: sentences, ..Figures::default() }
}

fn when_sentence(ask: &Ask, settings: &Settings) -> String {
    let asked = ask.backlog.unwrap_or(TYPICAL_BACKLOG);
    let limits = queue_limits(asked, settings, ask.host.version);
    match settings.syncookies {
        0 => format!(
            "tcp_syncookies is 0 here: none is sent, and a SYN that finds the queue full ({} half-open for \
             listen(fd, {asked})) is dropped.",
            limits.half_open_capacity
        ),
        2 => "tcp_syncookies is 2 here: every SYN gets a cookie, and the SYN queue is never used.".to_owned(),
        value => format!(
            "tcp_syncookies is {value} here: cookies begin when a listener has {} half-open entries (listen(fd, \
             {asked})), and end when there is room again. SyncookiesSent counts them.",
            limits.half_open_capacity
        ),
    }
}
