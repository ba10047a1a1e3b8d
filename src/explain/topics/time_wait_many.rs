//! Many sockets in TIME_WAIT.

use crate::explain::facts::tell_port_use;
use crate::explain::{Ask, Fact, FigureTable, Figures, Folklore, Group, PortFigures, Seen, Topic};
use crate::model::{PortBudget, Scenario, Settings, Timeline, port_budget};
use crate::units::{KernelVersion, Micros};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "time-wait-many",
    group: Group::Closing,
    question: "What harm do many TIME-WAIT sockets do?",
    keys: &[
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_tw_reuse",
        "net.ipv4.tcp_tw_reuse_delay",
        "net.ipv4.tcp_timestamps",
        "net.ipv4.tcp_max_tw_buckets",
    ],
    folklore: &[
        Folklore {
            said: "Lower tcp_fin_timeout to shorten TIME-WAIT.",
            kernel: "tcp_fin_timeout is for FIN-WAIT-2. TIME-WAIT lasts 60 s, and no setting changes that.",
        },
        Folklore {
            said: "The range is 32768 to 61000: 28233 ports.",
            kernel: "It ends at 60999: 28232 ports by default.",
        },
        Folklore { said: "Turn on tcp_tw_recycle.", kernel: "It broke clients behind NAT and was removed in 4.12." },
        Folklore {
            said: "65535 connections are all that a host can have.",
            kernel: "Ports are counted per destination address and port; a server needs none of its own.",
        },
        Folklore {
            said: "Lower tcp_max_tw_buckets.",
            kernel: "Above it sockets skip TIME-WAIT (TCPTimeWaitOverflow) and lose its protection; nothing is gained.",
        },
    ],
    sources: &["tcp_time_wait()", "__inet_hash_connect()", "tcp_twsk_unique()", "inet_twsk_alloc()"],
    wants: &[Fact::PortUse],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::close(ask.host, &ask.settings())
}

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let settings = ask.settings();
    let ports = PortFigures::of(ask);
    let budget = ports.budget;
    let mut sentences = vec![
        "On the side that does not open connections: memory, about 0.3 KiB each, and nothing else.".to_owned(),
        format!(
            "On the side that opens and closes them: ports. Towards one address and port {} can be in use, and each \
             stays taken for {} after a close, so {} new connections a second can be sustained.",
            budget.available,
            Micros(budget.held_ms.saturating_mul(1000)),
            budget.sustained_per_s,
        ),
        reuse_sentence(&settings, ask.host.version, &budget),
        "When they run out, connect() fails with EADDRNOTAVAIL; no packet is sent and no counter moves.".to_owned(),
    ];
    sentences.push(if !settings.keeps_time_wait() {
        "tcp_max_tw_buckets is 0: no socket enters TIME-WAIT at all.".to_owned()
    } else if settings.max_tw_buckets < 0 {
        format!(
            "tcp_max_tw_buckets is {}, which is no limit: the kernel compares without a sign.",
            settings.max_tw_buckets
        )
    } else {
        format!("At most {} are kept (tcp_max_tw_buckets); further closes skip TIME-WAIT.", settings.max_tw_buckets)
    });
    sentences.extend(ports.at_rate.map(rate_sentence));
    let mut tables = Vec::new();
    match &ask.facts.port_use {
        Seen::NotAsked => {}
        Seen::Unread(reason) => sentences.push(format!("The sockets of this host could not be read: {reason}.")),
        Seen::Is(fact) => {
            let (sentence, table) = tell_port_use(fact, budget.available);
            sentences.push(sentence);
            tables.extend(table);
        }
    }
    tables.push(ways(&budget));
    Figures { answer: sentences, ports: Some(ports), tables, ..Figures::default() }
}

fn rate_sentence((rate_per_s, after_ms): (u64, Option<u64>)) -> String {
    match after_ms {
        Some(ms) => format!("At {rate_per_s} a second they run out after {}.", Micros(ms.saturating_mul(1000))),
        None => format!("{rate_per_s} a second can go on for ever."),
    }
}

/// Ways to a local port, and how far each goes.
fn ways(budget: &PortBudget) -> FigureTable {
    let row = |how: &str, shared: &str, error: &str| {
        vec![how.to_owned(), budget.available.to_string(), shared.to_owned(), error.to_owned()]
    };
    let each = "each destination address and port";
    FigureTable {
        title: "How the local port is chosen".to_owned(),
        columns: vec!["by", "ports", "for", "then"],
        rows: vec![
            row("connect() alone", each, "EADDRNOTAVAIL"),
            row("bind() to port 0 with IP_BIND_ADDRESS_NO_PORT", each, "EADDRNOTAVAIL"),
            row("bind() to port 0", "all destinations of a local address together", "EADDRINUSE"),
        ],
    }
}

fn reuse_sentence(settings: &Settings, version: KernelVersion, budget: &PortBudget) -> String {
    let reused = budget.held_ms < 60_000;
    match (settings.tw_reuse, settings.timestamps) {
        (_, true) if reused => format!(
            "tcp_tw_reuse={} lets connect() take a port back after {}, where both ends use timestamps.",
            settings.tw_reuse,
            Micros(budget.held_ms.saturating_mul(1000))
        ),
        (0, _) => "tcp_tw_reuse=0: a port is never taken back early.".to_owned(),
        (_, false) => "tcp_tw_reuse has no effect without tcp_timestamps.".to_owned(),
        _ => {
            let everywhere = port_budget(&Settings { tw_reuse: 1, ..settings.clone() }, version, false);
            format!(
                "tcp_tw_reuse=2 takes ports back early on loopback only; 1 would do so everywhere, after {} \
                 (tcp_tw_reuse_delay), where both ends use timestamps: {} a second.",
                Micros(everywhere.held_ms.saturating_mul(1000)),
                everywhere.sustained_per_s
            )
        }
    }
}
