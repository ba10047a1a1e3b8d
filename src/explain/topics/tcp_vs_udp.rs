//! TCP beside UDP.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::Timeline;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "tcp-vs-udp",
    group: Group::Opening,
    question: "How do TCP and UDP differ, and when to use which?",
    keys: &[],
    folklore: &[Folklore {
        said: "UDP is faster.",
        kernel: "It only leaves out what TCP does: no handshake, no waiting for a lost packet, no brake. Whoever \
                 needs order or completeness builds that on top, as QUIC does.",
    }],
    sources: &["RFC 9293", "RFC 768", "RFC 8085", "tcp_v4_rcv()", "udp_rcv()"],
    wants: &[],
    scenario: None,
    answer,
};

/// Point, TCP, UDP.
const POINTS: [[&str; 3]; 7] = [
    ["connection", "opened by three segments, closed by four", "none: the first packet carries data"],
    ["peers", "two", "one to one, to many, many to many (multicast, broadcast)"],
    ["reliability", "all bytes, once, in order, or an error", "packets may be lost, doubled, in any order"],
    ["flow, congestion", "windows: slows down for receiver and network", "none: the application must see to it"],
    ["header", "20 to 60 bytes", "8 bytes"],
    ["large data", "cut into segments of at most the MSS", "one packet; IP fragments it, one lost loses all"],
    ["use for", "files, web, mail, databases, shells", "DNS, time, voice, games, QUIC"],
];

fn answer(_ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let sentences = vec![
        "TCP is a stream of bytes between two ends that arrives whole and in order. UDP is single packets that arrive \
         or do not."
            .to_owned(),
        "Take TCP unless a late answer is worth less than none, the exchange is one packet each way, or there is more \
         than one receiver."
            .to_owned(),
    ];
    let rows = POINTS.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
    let table = FigureTable { title: "Seven points".to_owned(), columns: vec!["", "TCP", "UDP"], rows };
    Figures { answer: sentences, tables: vec![table], ..Figures::default() }
}
