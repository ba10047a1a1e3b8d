//! The TCP header.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::Timeline;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "segment",
    group: Group::Opening,
    question: "What is in a TCP header?",
    keys: &[
        "net.ipv4.tcp_timestamps",
        "net.ipv4.tcp_window_scaling",
        "net.ipv4.tcp_sack",
        "net.ipv4.tcp_ecn",
        "net.ipv4.tcp_fastopen",
    ],
    folklore: &[
        Folklore {
            said: "The acknowledgement number is the number of the last byte received.",
            kernel: "It is the number of the next byte expected: everything before it has arrived.",
        },
        Folklore {
            said: "PSH makes the sender send at once.",
            kernel: "Linux sets it by itself on the last segment of a write and hands data to the reader without \
                     waiting for it.",
        },
    ],
    sources: &["RFC 9293 3.1", "RFC 7323", "RFC 2018", "struct tcphdr", "tcp_options_write()"],
    wants: &[],
    scenario: None,
    answer,
};

/// Offset, size, name and meaning of each field.
const FIELDS: [[&str; 4]; 12] = [
    ["0", "2", "source port", "the sender's socket"],
    ["2", "2", "destination port", "the receiver's socket; with both addresses these name the connection"],
    ["4", "4", "sequence number", "number of the first byte of data; of the SYN itself, the initial one"],
    ["8", "4", "acknowledgement number", "number of the next byte expected; counts only with ACK"],
    ["12", "4 bit", "data offset", "length of the header in words of 4 bytes, 5 to 15"],
    ["12", "4 bit", "reserved, AE", "three bits are zero; AE belongs to accurate ECN"],
    ["13", "1", "flags", "CWR ECE URG ACK PSH RST SYN FIN, from the highest bit to the lowest"],
    ["14", "2", "window", "bytes that the receiver still has room for, times 2^(window scale)"],
    ["16", "2", "checksum", "over the header, the data, both addresses, protocol and length"],
    ["18", "2", "urgent pointer", "counts only with URG; hardly ever used"],
    ["20", "0-40", "options", "MSS, window scale, SACK permitted, timestamps, SACK blocks, Fast Open"],
    ["20-60", "rest", "data", "may be empty; no length is written, IP's tells it"],
];

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let timestamps = ask.settings().timestamps;
    let sentences = vec![
        "20 bytes, up to 40 bytes of options, then data. Sequence numbers count bytes, and SYN and FIN count one each, \
         so they are acknowledged like data."
            .to_owned(),
        "SYN opens and carries the initial sequence number; ACK says that the acknowledgement number counts (every \
         segment but the first SYN and some RSTs has it); FIN says that the sender has no more to send; RST ends the \
         connection at once, without an answer."
            .to_owned(),
        "The rest: PSH hands data to the reader without waiting for more, URG says that the urgent pointer counts, ECE \
         and CWR report congestion (ECN)."
            .to_owned(),
        if timestamps {
            "tcp_timestamps is on here: each segment carries 12 bytes of options, so its header has 32 bytes.".to_owned()
        } else {
            "tcp_timestamps is 0 here: a segment with data has a header of 20 bytes.".to_owned()
        },
        "`tcpctl explain segment --decode HEX` reads a packet of yours field by field.".to_owned(),
    ];
    let rows = FIELDS.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
    let table = FigureTable {
        title: "The header, from its first byte".to_owned(),
        columns: vec!["byte", "size", "field", "meaning"],
        rows,
    };
    Figures { answer: sentences, tables: vec![table], ..Figures::default() }
}
