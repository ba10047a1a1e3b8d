//! Segments dropped for an old timestamp.
//!
//! `tcp_validate_incoming` drops what is older than the last timestamp seen (PAWSEstab). Plain reordering and
//! duplication do that too: 25 and 425 in a few seconds were seen, beside DSACKs and out-of-order queues.

use crate::diagnose::case::{at_least_percent, share};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "paws-drops",
    looks_for: "segments dropped for an old timestamp, without reordering",
    topic: Some("why-time-wait"),
    reads: &[
        Input::TcpExt("PAWSEstab"),
        Input::TcpExt("TCPSACKReorder"),
        Input::TcpExt("TCPDSACKRecv"),
        Input::TcpExt("TCPDSACKOldSent"),
        Input::TcpExt("TCPOFOQueue"),
        Input::Tcp("InSegs"),
    ],
    keys: &[],
    threshold: "10 in one window and 1% of the segments received, while nothing tells of reordering or duplication: \
                those two move the same counter",
    confidence: Confidence::Possible,
    next: Some("tcpdump of one flow, for TSval that goes back"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_timestamps=0; net.ipv4.tcp_tw_recycle, which is another story",
    disproved_by: "TCPOFOQueue or DSACK counters that rise too: then segments merely overtake each other",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let old = case.tcp_ext_rise("PAWSEstab")?;
    let received = case.tcp_rise("InSegs")?;
    let mut out_of_order = 0_u64;
    for name in ["TCPSACKReorder", "TCPDSACKRecv", "TCPDSACKOldSent", "TCPOFOQueue"] {
        out_of_order = out_of_order.saturating_add(case.tcp_ext_rise(name)?);
    }
    if old < 10 || out_of_order > 0 || !at_least_percent(old, received, 1) {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{old} segments dropped {} for an old timestamp, and nothing is out of order", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .tcp_ext(case, &["PAWSEstab", "TCPOFOQueue", "TCPDSACKOldSent", "TCPSACKReorder", "TCPDSACKRecv"])
        .seen(
            "of the segments received (InSegs)",
            share(old, received),
            "/proc/net/netstat TcpExt PAWSEstab and /proc/net/snmp Tcp InSegs",
        )
        .because(
            "a middlebox rewrites timestamps, or two hosts use one connection's addresses (a failover, a cloned VM)",
        )
        .remedy("find the flow by capturing; take the timestamp option out of what the middlebox rewrites")
        .into())
}
