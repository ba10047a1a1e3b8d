//! What a connection is and how many there can be.

use crate::explain::{Ask, Figures, Folklore, Group, PortFigures, Topic};
use crate::model::Timeline;

/// Bytes of kernel memory of an idle connection with its file: `TCP` 2368, `sock_inode_cache` 832, `filp` and
/// `dentry` 192 each, in /proc/slabinfo of 6.18 on x86-64. Buffers come on top while there is data in them.
const IDLE_BYTES: u64 = 3584;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "connection",
    group: Group::Opening,
    question: "What is a TCP connection, and what identifies it?",
    keys: &[
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_mem",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    ],
    folklore: &[
        Folklore {
            said: "A host can have 65535 connections.",
            kernel: "Ports limit connections from one address to one address and port. A server uses its one port for \
                     all of them; a client gets its whole range again for each other destination.",
        },
        Folklore {
            said: "A connection holds a wire or a path open.",
            kernel: "It is state in two kernels. Nothing in between need know, and while nobody sends, nobody notices \
                     that the other end is gone.",
        },
    ],
    sources: &["RFC 9293 3.3", "__inet_lookup_established()", "__inet_hash_connect()", "struct tcp_sock"],
    wants: &[],
    scenario: None,
    answer,
};

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let ports = PortFigures::of(ask);
    let budget = ports.budget;
    let (low, high) = ask.settings().local_ports;
    let mut sentences = vec![
        "State that two kernels keep about each other: a socket on each side, the next sequence number in each \
         direction, how much each may send (windows), and timers."
            .to_owned(),
        "It is identified by four numbers: source address and port, destination address and port. Any one that \
         differs makes another connection."
            .to_owned(),
        "As a server: one listening port takes 2^32 addresses x 2^16 ports, 281 million million over IPv4, on paper. \
         What ends first is memory and file descriptors (`ulimit -n`, fs.nr_open)."
            .to_owned(),
        memory_sentence(ask.memory_kib),
    ];
    sentences.push(format!(
        "As a client: from one address to one address and port {} at a time (ports {low} to {high}{}). The same again \
         to every other destination address or port, and from every further source address.",
        budget.available,
        if u64::from(high) + 1 == u64::from(low) + budget.available { "" } else { ", without reserved ones" },
    ));
    Figures { answer: sentences, ports: Some(ports), ..Figures::default() }
}

fn memory_sentence(memory_kib: Option<u64>) -> String {
    let each = "An idle connection takes about 3.5 KiB of kernel memory, more while data waits in its buffers";
    match memory_kib {
        Some(kib) => format!(
            "{each}: the {}.{} GiB of this host would hold {} and nothing else.",
            kib / (1 << 20),
            kib % (1 << 20) * 10 / (1 << 20),
            counted(kib * 1024 / IDLE_BYTES)
        ),
        None => format!("{each}."),
    }
}

/// A large number in words: `7.0 million`.
fn counted(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{} thousand", count / 1000),
        _ => format!("{}.{} million", count / 1_000_000, count / 100_000 % 10),
    }
}
