//! Data that arrived and was thrown away for want of room.
//!
//! `tcp_prune_queue` (RcvPruned) and `tcp_try_rmem_schedule` (TCPRcvQDrop) drop what does not fit the receive buffer;
//! `tcp_add_backlog` (TCPBacklogDrop) drops while the application holds the socket for too long.

use crate::diagnose::forecast::whose;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

const RMEM: &str = "net.ipv4.tcp_rmem";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "receive-drops",
    looks_for: "data dropped because a receive buffer is full",
    topic: Some("zero-window"),
    reads: &[
        Input::TcpExt("TCPRcvQDrop"),
        Input::TcpExt("RcvPruned"),
        Input::TcpExt("TCPBacklogDrop"),
        Input::TcpExt("PruneCalled"),
        Input::TcpExt("TCPRcvCollapsed"),
        Input::Tcp("InSegs"),
        Input::Sockets("single connections with much unread"),
    ],
    keys: &[RMEM],
    threshold: "a receive queue that drops at all, a backlog that drops 10, either for every 10000 segments received: a \
                window keeps the sender from sending what has no room, so the kernel drops only when that promise \
                broke; a backlog of a busy socket is full now and then",
    confidence: Confidence::Likely,
    next: Some("ss -tnmi, for sockets with Recv-Q near rb and for d"),
    proof: Proof::Live,
    wrong_remedy: "the ring of the network card or net.core.netdev_max_backlog: the packets had reached TCP; \
                   net.core.rmem_max alone: it limits SO_RCVBUF only",
    disproved_by: "TCPRcvQDrop, RcvPruned and TCPBacklogDrop that stay where they are",
    check: |case| judge(case).into(),
};

/// Drops of a socket's backlog below which it is a hiccup.
const BACKLOG_MIN: u64 = 10;

/// Segments received to one dropped, from which on nobody feels it: loss hurts from one in a thousand.
const RECEIVED_MAX: u64 = 10_000;

/// The drops, or nothing when they are few of what was received.
const fn much(drops: u64, least: u64, received: u64) -> u64 {
    if drops < least || drops.saturating_mul(RECEIVED_MAX) < received { 0 } else { drops }
}

/// Whether this rule speaks.
pub(super) fn claims(case: &Case<'_>) -> bool {
    judge(case).is_ok_and(|verdict| !verdict.findings.is_empty())
}

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let queue = case.tcp_ext_rise("TCPRcvQDrop")?.max(case.tcp_ext_rise("RcvPruned")?);
    let backlog = case.tcp_ext_rise("TCPBacklogDrop")?;
    let received = case.tcp_rise("InSegs")?;
    let (queue, backlog) = (much(queue, 1, received), much(backlog, BACKLOG_MIN, received));
    let (sentence, cause) = match (queue, backlog) {
        (0, 0) => return Ok(Verdict::quiet()),
        (0, backlog) => (
            format!("{backlog} segments dropped {} while their application held the socket", case.in_window()),
            "a process is in a long system call on the socket, or too slow for what arrives meanwhile",
        ),
        (queue, _) => (
            format!("{queue} segments dropped {}: a receive buffer has no room", case.in_window()),
            "the application reads too slowly, its buffer was made smaller than the window it had offered \
             (SO_RCVBUF after connect), or TCP is short of memory",
        ),
    };
    // Whose buffers are full now, where single connections tell.
    let unread = case.samples().ok().and_then(|samples| samples.unread.as_ref());
    let unread: Vec<_> = unread.into_iter().flat_map(|sample| &sample.rows).collect();
    let sentence = match whose(unread.iter().copied()).as_str() {
        "" => sentence,
        whose => format!("{sentence}; most that is unread now is{whose}"),
    };
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .destinations(unread)
        .tcp_ext(case, &["TCPRcvQDrop", "RcvPruned", "TCPBacklogDrop", "PruneCalled", "TCPRcvCollapsed"])
        .tcp(case, &["InSegs"])
        .settings(case, &[RMEM])
        .because(cause)
        .remedy(
            "speed the reader up; then let autotuning work: no SO_RCVBUF, and a larger third figure of \
                 net.ipv4.tcp_rmem",
        )
        .into())
}
