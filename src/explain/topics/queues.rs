//! The SYN queue and the accept queue.

use crate::explain::facts::{listener_figures, tell_listeners};
use crate::explain::{Ask, Fact, Figures, Folklore, Group, QueueFigures, Seen, Topic};
use crate::model::{LimitedBy, QueueLimits, Scenario, Timeline, queue_limits};

/// The backlog that is shown when none is asked about: what many servers give to listen() (nginx, Apache and
/// redis use 511, Go and Rust somaxconn or 128 to 4096, Java 50).
pub(in crate::explain) const TYPICAL_BACKLOG: u32 = 511;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "queues",
    group: Group::Queues,
    question: "What are the SYN queue and the accept queue?",
    keys: &[
        "net.core.somaxconn",
        "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_abort_on_overflow",
        "net.ipv4.tcp_synack_retries",
    ],
    folklore: &[
        Folklore {
            said: "tcp_max_syn_backlog is the size of the SYN queue.",
            kernel: "The SYN queue of a listener holds what its accept queue holds: min(backlog, somaxconn) + 1 \
                     (since 6.14 and the stable releases of early 2025; one less before). tcp_max_syn_backlog is \
                     looked at only while tcp_syncookies is 0.",
        },
        Folklore {
            said: "Raising somaxconn helps a running server.",
            kernel: "It is read when the application calls listen(). A listener that is open keeps its backlog.",
        },
    ],
    sources: &[
        "__inet_listen_sk()",
        "tcp_conn_request()",
        "inet_csk_reqsk_queue_is_full()",
        "sk_acceptq_is_full()",
        "tcp_v4_syn_recv_sock()",
    ],
    wants: &[Fact::Listeners],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings())
}

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let settings = ask.settings();
    let asked = ask.backlog.unwrap_or(TYPICAL_BACKLOG);
    let limits = queue_limits(asked, &settings, ask.host.version);
    let backlog = asked.min(settings.somaxconn);
    let mut sentences = vec![
        format!(
            "An entry waits in the SYN queue from the SYN to the third segment, then in the accept queue until the \
             application calls accept(). For listen(fd, {asked}):"
        ),
        format!(
            "The accept queue holds {}. {}",
            limits.accept_capacity,
            if asked > settings.somaxconn {
                format!("somaxconn ({}) binds, not the application's {asked}.", settings.somaxconn)
            } else {
                format!("The application's backlog binds; somaxconn would allow {}.", settings.somaxconn)
            }
        ),
        syn_queue_sentence(&limits, settings.max_syn_backlog),
    ];
    sentences.push(match settings.syncookies {
        0 if limits.limited_by == LimitedBy::MaxSynBacklog => {
            "Beyond that, SYNs of unknown peers are dropped (ListenDrops alone).".to_owned()
        }
        0 => "SYN queue full: further SYNs are dropped (TCPReqQFullDrop, ListenDrops).".to_owned(),
        2 => "Every SYN gets a cookie (tcp_syncookies=2 is meant for tests).".to_owned(),
        _ => "SYN queue full: further SYNs get a cookie and take no room (TCPReqQFullDoCookies).".to_owned(),
    });
    sentences.push(accept_queue_full_sentence(settings.abort_on_overflow).to_owned());
    let (mut listeners, mut tables) = (Vec::new(), Vec::new());
    match &ask.facts.listeners {
        Seen::NotAsked => {}
        Seen::Unread(reason) => sentences.push(format!("The listeners of this host could not be read: {reason}.")),
        Seen::Is(found) => {
            listeners = listener_figures(ask, found);
            let (sentence, table) = tell_listeners(&listeners);
            sentences.push(sentence);
            tables.extend(table);
        }
    }
    Figures {
        answer: sentences,
        listeners,
        tables,
        queues: Some(QueueFigures {
            asked,
            backlog,
            accept_capacity: limits.accept_capacity,
            half_open_capacity: limits.half_open_capacity,
            limited_by: limits.limited_by,
        }),
        ..Figures::default()
    }
}

fn syn_queue_sentence(limits: &QueueLimits, max_syn_backlog: i64) -> String {
    let capacity = limits.half_open_capacity;
    match limits.limited_by {
        LimitedBy::Syncookies => "The SYN queue is not used.".to_owned(),
        LimitedBy::MaxSynBacklog => format!(
            "The SYN queue holds {capacity}: with cookies off, tcp_max_syn_backlog ({max_syn_backlog}) binds and \
             keeps its last quarter for known peers."
        ),
        LimitedBy::Backlog | LimitedBy::Somaxconn => format!("The SYN queue holds {capacity}, by the same limit."),
    }
}

const fn accept_queue_full_sentence(abort_on_overflow: bool) -> &'static str {
    if abort_on_overflow {
        "Accept queue full: new SYNs are dropped (ListenOverflows, ListenDrops); a third segment is answered with a \
         RST and the client sees ECONNRESET (tcp_abort_on_overflow=1)."
    } else {
        "Accept queue full: new SYNs are dropped (ListenOverflows, ListenDrops), cookies or not; a third segment is \
         ignored, so that client believes it is connected and the server's SYN-ACK timer goes on."
    }
}
