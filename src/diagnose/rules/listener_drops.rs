//! Connections that listeners dropped and no other rule accounts for.
//!
//! ListenDrops counts every drop; ListenOverflows and TCPReqQFullDrop name the cause of some (`tcp_conn_request`,
//! `tcp_v4_syn_recv_sock`). The rest are, for one, the last quarter of `tcp_max_syn_backlog` that is kept for known
//! peers while cookies are off, no route back, and no memory.

use super::pressure::{Pressure, pressure};
use crate::diagnose::case::listener_name;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "listener-drops",
    looks_for: "connections dropped by listeners for a reason that no other rule names",
    topic: Some("queues"),
    reads: &[
        Input::TcpExt("ListenDrops"),
        Input::TcpExt("ListenOverflows"),
        Input::TcpExt("TCPReqQFullDrop"),
        Input::Sockets("accept queue, backlog and drops of each listener"),
    ],
    keys: &[],
    threshold: "any drop that neither a listener's queue nor missing cookies explain: each is a client that was turned away",
    confidence: Confidence::Possible,
    next: Some("perf trace -e skb:kfree_skb, or ip route get CLIENT"),
    proof: Proof::Live,
    wrong_remedy: "net.core.netdev_max_backlog: it is about packets before TCP sees them, and counts elsewhere",
    disproved_by: "ListenDrops that stays where it is",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let drops = case.tcp_ext_rise("ListenDrops")?;
    if drops == 0 {
        return Ok(Verdict::quiet());
    }
    let overflows = case.tcp_ext_rise("ListenOverflows")?;
    let cookies_off = case.tcp_ext_rise("TCPReqQFullDrop")?;
    let (mut claimed, mut is_one_full) = (0_u64, false);
    let mut unclear = Vec::new();
    let sockets = case.sockets();
    for listener in sockets.as_ref().map(|sockets| sockets.listeners.as_slice()).unwrap_or_default() {
        let pressure = pressure(case, listener);
        is_one_full |= matches!(pressure, Ok(Pressure::NotAccepting(_) | Pressure::Full));
        match pressure {
            Ok(
                Pressure::NotAccepting(drops)
                | Pressure::Skew(drops)
                | Pressure::AcceptSide(drops)
                | Pressure::Capped(drops)
                | Pressure::Burst(drops),
            ) => claimed = claimed.saturating_add(drops),
            Ok(Pressure::Unclear(drops)) => unclear.push((listener_name(listener), drops)),
            _ => {}
        }
    }
    // The counters and the listeners' own drops are read one after the other, so on a busy host one may be ahead; a listener
    // that is full has its verdict then too.
    // A drop of a full SYN queue is a claim of the rule about cookies, and one of that listener's own too.
    let rest = drops.saturating_sub(claimed.saturating_add(cookies_off));
    if rest == 0
        || (unclear.is_empty() && overflows.saturating_add(cookies_off) >= drops && (claimed > 0 || is_one_full))
    {
        return Ok(Verdict::quiet());
    }
    let neither = drops.saturating_sub(overflows.saturating_add(cookies_off));
    let whose = match &sockets {
        Ok(_) => "and no single listener's queue explains it".to_owned(),
        Err(gap) => format!("whose they were is not known: {gap}"),
    };
    let sentence = format!("listeners dropped {rest} attempts to connect {}, {whose}", case.in_window());
    let mut finding = Finding::new(&RULE, Severity::Critical, sentence)
        .seen("ListenDrops", case.over_window(drops), source::tcp_ext("ListenDrops"))
        .seen(
            "of these: accept queue full (ListenOverflows)",
            case.over_window(overflows),
            source::tcp_ext("ListenOverflows"),
        )
        .seen(
            "of these: SYN queue full, no cookies (TCPReqQFullDrop)",
            case.over_window(cookies_off),
            source::tcp_ext("TCPReqQFullDrop"),
        )
        .seen(
            "of these: neither",
            case.over_window(neither),
            source::tcp_ext("ListenDrops, ListenOverflows, TCPReqQFullDrop"),
        );
    for (name, drops) in unclear {
        finding = finding.seen(format!("drops of {name}"), case.over_window(drops), source::DROPS);
    }
    let (cause, remedy) = if neither > overflows {
        (
            "mostly neither queue was full: with cookies off the last quarter of net.ipv4.tcp_max_syn_backlog is kept \
             for known peers; or there is no route back to the client, or no memory",
            "with cookies off: net.ipv4.tcp_syncookies=1 or a larger tcp_max_syn_backlog; else `ip route get` to a \
             client",
        )
    } else if sockets.is_err() {
        ("an accept queue was full", "`tcpctl listeners` tells which, once sockets can be read")
    } else {
        (
            "an accept queue was full for a moment between two readings, or its listener is closed again",
            "watch longer (--window 10s): the listener whose own drops rise is the one",
        )
    };
    Ok(finding.because(cause).remedy(remedy).into())
}
