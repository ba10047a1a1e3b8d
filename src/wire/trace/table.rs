//! The tracepoints that are read, one a row.

use super::event::TraceEvent;
use super::format::TraceFormat;

/// What a tracepoint tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TraceKind {
    /// A segment was sent again: `tcp_retransmit_skb`.
    Retransmit,
    /// A SYN-ACK was sent again: `tcp_retransmit_synack`.
    SynAck,
    /// A RST was sent: `tcp_send_reset`.
    ResetSent,
    /// A RST came in: `tcp_receive_reset`.
    ResetReceived,
    /// A socket changed its state: `inet_sock_set_state`.
    State,
    /// A packet was dropped: `kfree_skb`.
    Drop,
    /// A segment had a wrong checksum: `tcp_bad_csum`.
    BadChecksum,
}

/// A tracepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracedEvent {
    /// What it tells of.
    pub kind: TraceKind,
    /// What it is called on the command line and in JSON.
    pub name: &'static str,
    /// What it is called in a line of text.
    pub short: &'static str,
    /// Its directory below `events` of tracefs.
    pub system: &'static str,
    /// Its name there.
    pub tracepoint: &'static str,
    /// What it tells, as help.
    pub about: &'static str,
    /// Whether strangers can make it fire as often as their packets come. It has a buffer apart from the others then, so
    /// that a flood of it pushes out none of them.
    pub floods: bool,
}

/// All of them, in the order in which they are listed.
pub const TRACED_EVENTS: [TracedEvent; 7] = [
    TracedEvent {
        kind: TraceKind::Retransmit,
        name: "retransmit",
        short: "resend",
        system: "tcp",
        tracepoint: "tcp_retransmit_skb",
        about: "a segment is sent again: after a timeout, as a loss probe, or fast",
        floods: false,
    },
    TracedEvent {
        kind: TraceKind::SynAck,
        name: "synack",
        short: "syn-ack",
        system: "tcp",
        tracepoint: "tcp_retransmit_synack",
        about: "a SYN-ACK is sent again for a half-open connection",
        floods: false,
    },
    TracedEvent {
        kind: TraceKind::ResetSent,
        name: "reset-sent",
        short: "rst out",
        system: "tcp",
        tracepoint: "tcp_send_reset",
        about: "this host sends a RST; from Linux 6.10 on with the reason, and without a socket too",
        floods: true,
    },
    TracedEvent {
        kind: TraceKind::ResetReceived,
        name: "reset-received",
        short: "rst in",
        system: "tcp",
        tracepoint: "tcp_receive_reset",
        about: "a RST ends a connection of this host",
        floods: false,
    },
    TracedEvent {
        kind: TraceKind::State,
        name: "state",
        short: "state",
        system: "sock",
        tracepoint: "inet_sock_set_state",
        about: "a TCP socket changes its state",
        floods: false,
    },
    TracedEvent {
        kind: TraceKind::Drop,
        name: "drop",
        short: "drop",
        system: "skb",
        tracepoint: "kfree_skb",
        about: "an IP packet is dropped, with the kernel's reason and the function that did it; not for NOT_SPECIFIED \
                and QUEUE_PURGE, which say nothing or nothing of a loss",
        floods: true,
    },
    TracedEvent {
        kind: TraceKind::BadChecksum,
        name: "bad-checksum",
        short: "bad sum",
        system: "tcp",
        tracepoint: "tcp_bad_csum",
        about: "a segment comes in with a wrong checksum",
        floods: true,
    },
];

/// Reasons of `kfree_skb` that say nothing, or that nothing was lost: a free without a reason, and what a closing socket
/// still had in its queues.
const QUIET_REASONS: [&str; 3] = ["CONSUMED", "NOT_SPECIFIED", "QUEUE_PURGE"];
/// `IPPROTO_TCP`, `ETH_P_IP` and `ETH_P_IPV6`.
const TCP: u16 = 6;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

impl TraceKind {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static TracedEvent {
        let [first, ..] = &TRACED_EVENTS;
        TRACED_EVENTS.iter().find(|row| row.kind == self).unwrap_or(first)
    }
}

/// What the kernel is to leave out by itself, in the words of its `filter` files; nothing where it is to tell all, or
/// where this kernel's records lack the fields.
#[must_use]
pub fn kernel_filter(kind: TraceKind, format: &TraceFormat) -> Option<String> {
    match kind {
        // The same tracepoint tells of SCTP and of MPTCP.
        TraceKind::State => format.field("protocol").map(|_| format!("protocol == {TCP}")),
        TraceKind::Drop => {
            let mut parts = Vec::new();
            if format.field("protocol").is_some() {
                parts.push(format!("(protocol == {IPV4} || protocol == {IPV6})"));
            }
            if format.field("reason").is_some() {
                let names = format.names("reason");
                let quiet = names.iter().filter(|(_, name)| QUIET_REASONS.contains(&&***name));
                parts.extend(quiet.map(|(number, _)| format!("reason != {number}")));
            }
            (!parts.is_empty()).then(|| parts.join(" && "))
        }
        _ => None,
    }
}

/// Whether an event is one that [`kernel_filter`] has left out: a kernel that takes no filter tells it all the same.
#[must_use]
pub fn is_left_out(event: &TraceEvent) -> bool {
    match event.kind {
        TraceKind::State => event.protocol.is_some_and(|protocol| protocol != TCP),
        TraceKind::Drop => {
            event.protocol.is_some_and(|protocol| ![IPV4, IPV6].contains(&protocol))
                || event.reason.as_deref().is_some_and(|reason| QUIET_REASONS.contains(&reason))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_trace_format;
    use super::*;

    #[test]
    fn every_kind_has_one_row_and_every_name_is_its_own() {
        for row in &TRACED_EVENTS {
            assert_eq!(row.kind.row(), row);
            assert_eq!(TRACED_EVENTS.iter().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn the_kernel_leaves_out_what_the_formats_own_numbers_call_quiet() {
        let drop = parse_trace_format(include_str!("../../../tests/data/trace/6.18/kfree_skb.format")).unwrap();
        let filter = kernel_filter(TraceKind::Drop, &drop).unwrap();
        assert_eq!(filter, "(protocol == 2048 || protocol == 34525) && reason != 2 && reason != 104");
        let state =
            parse_trace_format(include_str!("../../../tests/data/trace/6.18/inet_sock_set_state.format")).unwrap();
        assert_eq!(kernel_filter(TraceKind::State, &state).as_deref(), Some("protocol == 6"));
        // A kernel whose records lack the fields is asked for all.
        assert_eq!(kernel_filter(TraceKind::Drop, &TraceFormat::default()), None);
    }
}
