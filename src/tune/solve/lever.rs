//! The sysctls that are turned to meet a wish: in which direction, how far, and what that costs.

/// A sysctl that is turned.
#[derive(Debug)]
pub(super) struct Lever {
    /// Its key.
    pub(super) key: &'static str,
    /// The values that are tried.
    pub(super) steps: Steps,
    /// Whether a higher step makes the answers greater; else smaller.
    pub(super) rises: bool,
    /// How far-reaching a change of it is, compared with others: the least sum of these is chosen. One that is beyond
    /// all others together ([`LAST`]) is turned only when nothing else helps.
    pub(super) weight: u32,
    /// Where it is said what it does.
    pub(super) source: &'static str,
    /// What it costs to turn it to a lower step, and to a higher one.
    pub(super) risks: [&'static str; 2],
}

/// The values that are tried.
#[derive(Debug)]
pub(super) enum Steps {
    /// Whole numbers, both ends included, within what the kernel takes.
    Numbers {
        /// The least that is reasonable.
        least: i64,
        /// The greatest.
        most: i64,
        /// What the kernel takes 0 for, where 0 is not the number itself.
        zero: Option<i64>,
    },
    /// These texts, in an order in which the answers rise.
    Words(&'static [&'static str]),
    /// A range of ports, made wider: upwards first, then downwards; or narrower, from above.
    Ports,
    /// How many seconds FIN-WAIT-2 lasts, which is not what is written: above 60 the kernel counts the excess twice and
    /// not the rest (`tcp_rcv_state_process`, `tcp_time_wait`), so that 61 stands for 2 s and 90 for 60 s.
    FinWait,
}

/// The weight of what is turned only when nothing else helps.
pub(super) const LAST: u32 = 100;

const fn numbers(least: i64, most: i64) -> Steps {
    Steps::Numbers { least, most, zero: None }
}

/// The most that the kernel takes of SYNs (`tcp_syn_retries_max`), and of other retries, which are a byte.
const SYNS: i64 = 127;
const RETRIES: i64 = 255;

/// Every lever.
const LEVERS: &[Lever] = &[
    Lever {
        key: "net.ipv4.tcp_syn_retries",
        steps: numbers(1, SYNS),
        rises: true,
        weight: 1,
        source: "tcp_write_timeout(), net/ipv4/tcp_timer.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "connects over a path that loses several packets in a row, or is away for longer, fail",
            "a connect to a host that is gone keeps its caller waiting for longer",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_syn_linear_timeouts",
        steps: numbers(0, SYNS),
        rises: true,
        weight: 4,
        source: "tcp_retransmit_timer(), net/ipv4/tcp_timer.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "fewer SYNs go out in the first seconds, so that a single loss costs more of the time there is",
            "more SYNs go out in the first seconds, to a host that may be overloaded",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_synack_retries",
        steps: numbers(0, RETRIES),
        rises: true,
        weight: 1,
        source: "reqsk_timer_handler(), net/ipv4/inet_connection_sock.c; RFC 4987 section 3.3",
        risks: [
            "a client that loses as many SYN-ACKs in a row is forgotten",
            "what a flood, or a client that is gone, leaves half open fills the queue for longer",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_fin_timeout",
        steps: Steps::FinWait,
        rises: true,
        weight: 1,
        source: "tcp_fin_time(), include/net/tcp.h; tcp_rcv_state_process(), net/ipv4/tcp_input.c",
        risks: [
            "a peer that goes on sending for longer after this side closed gets a reset",
            "sockets whose peer never closes stay for longer",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_keepalive_time",
        steps: numbers(1, 32_767),
        rises: true,
        weight: 1,
        source: "tcp_keepalive_timer(), net/ipv4/tcp_timer.c; RFC 1122 section 4.2.3.6",
        risks: [
            "a packet for each idle connection with SO_KEEPALIVE, so often",
            "a peer that is gone is found later, and a firewall on the path may forget an idle connection before",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_keepalive_intvl",
        steps: numbers(1, 32_767),
        rises: true,
        weight: 1,
        source: "tcp_keepalive_timer(), net/ipv4/tcp_timer.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "a path that is away for as long as all probes take ends idle connections",
            "a peer that is gone is found later",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_keepalive_probes",
        steps: numbers(1, 127),
        rises: true,
        weight: 1,
        source: "tcp_keepalive_timer(), net/ipv4/tcp_timer.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "so many lost probes in a row end a connection whose peer is alive",
            "a peer that is gone is found later",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_retries2",
        steps: numbers(1, RETRIES),
        rises: true,
        weight: 1,
        source: "tcp_write_timeout(), net/ipv4/tcp_timer.c; RFC 1122 section 4.2.3.5, which asks for 100 s at least",
        risks: [
            "every connection of the namespace with data in flight ends when its path is away for longer",
            "connections whose peer is gone keep their memory, and their callers waiting, for longer",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_orphan_retries",
        steps: Steps::Numbers { least: 1, most: RETRIES, zero: Some(8) },
        rises: true,
        weight: 1,
        source: "tcp_orphan_retries(), net/ipv4/tcp_timer.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "the last data of a closing connection is dropped when its path is away for longer",
            "closed connections whose peer is gone keep their memory for longer, up to tcp_max_orphans of them",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_rto_max_ms",
        steps: numbers(1000, 120_000),
        rises: true,
        weight: LAST,
        source: "tcp_rto_max(), include/net/tcp.h; Documentation/networking/ip-sysctl.rst",
        risks: [
            "every connection asks a path that is away again and again at this interval, and gives up sooner in all",
            "a path that comes back is noticed later",
        ],
    },
    Lever {
        key: "net.ipv4.ip_local_port_range",
        steps: Steps::Ports,
        rises: true,
        weight: 1,
        source: "__inet_hash_connect(), net/ipv4/inet_hashtables.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "fewer connections to one destination at a time: beyond that connect() fails with EADDRNOTAVAIL",
            "a service that listens within the range may find its port taken; put such ports into \
               ip_local_reserved_ports first",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_tw_reuse",
        steps: Steps::Words(&["0", "2", "1"]),
        rises: true,
        weight: 2,
        source: "tcp_twsk_unique(), net/ipv4/tcp_ipv4.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "a port is free for the same destination only after the 60 s of TIME-WAIT",
            "needs timestamps at both ends and one clock behind each address: not through a NAT that rewrites \
               timestamps",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_timestamps",
        steps: Steps::Words(&["0", "1"]),
        rises: true,
        weight: 2,
        source: "RFC 7323; tcp_twsk_unique(), net/ipv4/tcp_ipv4.c",
        risks: [
            "no protection from wrapped sequence numbers, and no reuse of ports in TIME-WAIT",
            "12 bytes more in every segment",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_tw_reuse_delay",
        steps: numbers(1, 60_000),
        rises: false,
        weight: 8,
        source: "tcp_twsk_unique(), net/ipv4/tcp_ipv4.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "below a second the peer may not tell old segments from new ones, since its timestamps may tick that \
               slowly",
            "a port is free for the same destination later",
        ],
    },
    Lever {
        key: "net.core.somaxconn",
        steps: numbers(1, 2_147_483_647),
        rises: true,
        weight: 1,
        source: "__sys_listen(), net/socket.c; inet_csk_reqsk_queue_is_full(), include/net/inet_connection_sock.h",
        risks: [
            "in a burst more connects wait for their next SYN",
            "a longer accept queue can hold connections whose clients have long given up",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_max_syn_backlog",
        steps: numbers(1, 2_147_483_647),
        rises: true,
        weight: 2,
        source: "tcp_conn_request(), net/ipv4/tcp_input.c; Documentation/networking/ip-sysctl.rst",
        risks: [
            "fewer handshakes at once while SYN cookies are off",
            "memory for more half-open entries: about 300 bytes each",
        ],
    },
    Lever {
        key: "net.ipv4.tcp_syncookies",
        steps: Steps::Words(&["2", "0", "1"]),
        rises: true,
        weight: 3,
        source: "tcp_conn_request(), net/ipv4/tcp_input.c; RFC 4987 section 3.6",
        risks: [
            "with 0 a flood of SYNs keeps clients out; with 2 every connection goes by cookie",
            "a connection made by cookie has no window scaling and no SACK unless both sides use timestamps",
        ],
    },
];

/// The lever of a key.
pub(super) fn find_lever(key: &str) -> Option<&'static Lever> {
    LEVERS.iter().find(|lever| lever.key == key)
}

#[cfg(test)]
mod tests {
    use super::super::wish::WISH_KINDS;
    use super::*;
    use crate::catalog;

    #[test]
    fn every_lever_is_a_key_of_the_catalogue_and_some_wish_turns_it() {
        for lever in LEVERS {
            assert!(catalog::find(lever.key).is_some(), "{}", lever.key);
            assert!(WISH_KINDS.iter().any(|kind| kind.levers.contains(&lever.key)), "{}", lever.key);
        }
    }

    #[test]
    fn what_is_turned_last_weighs_more_than_all_others_together() {
        let others: u32 = LEVERS.iter().filter(|lever| lever.weight != LAST).map(|lever| lever.weight).sum();
        assert!(others < LAST, "{others}");
    }
}
