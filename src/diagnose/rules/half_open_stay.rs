//! Half-open connections that do not finish, without a full queue.
//!
//! `reqsk_timer_handler` sends the SYN-ACK again (`tcp_rtx_synack`: TCPSynRetrans and RetransSegs). A SYN-ACK that this
//! host itself throws away on its way out counts as a timeout and as nothing else.

use super::pressure::most_half_open;
use crate::diagnose::case::{at_least_percent, listener_name};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::TcpState;

/// Half-open connections, and timeouts of them, below which it is chance.
const MIN: u64 = 10;

/// Timeouts beside the connections that opened, in percent: on a busy server some SYN-ACKs are always lost.
const SHARE_PERCENT: u64 = 10;

const SYNACK_RETRIES: &str = "net.ipv4.tcp_synack_retries";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "half-open-stay",
    looks_for: "half-open connections whose third segment never comes",
    topic: Some("third-ack-lost"),
    reads: &[
        Input::Sockets("states"),
        Input::TcpExt("TCPSynRetrans"),
        Input::TcpExt("TCPTimeouts"),
        Input::TcpExt("TCPAbortOnTimeout"),
        Input::TcpExt("TCPSpuriousRtxHostQueues"),
        Input::Tcp("RetransSegs"),
        Input::TcpExt("SyncookiesSent"),
        Input::TcpExt("TCPReqQFullDrop"),
        Input::TcpExt("ListenOverflows"),
        Input::Tcp("PassiveOpens"),
    ],
    keys: &[SYNACK_RETRIES],
    threshold: "10 half-open at both readings and 10 SYN-ACKs sent again, or timeouts that sent nothing, that are at \
                least 10% of the connections opened, while no queue is full: honest clients finish within one round trip",
    confidence: Confidence::Possible,
    next: Some(
        "ss -tno state syn-recv, for their addresses: a few known ones are lost ACKs, many strange ones a slow flood",
    ),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_max_syn_backlog: the queue is not full",
    disproved_by: "SYN-RECV that is empty in the next reading",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let (before, now) = (case.sockets_before()?, case.sockets()?);
    let half_open = now.count(TcpState::SynRecv);
    let retried = case.tcp_ext_rise("TCPSynRetrans")?;
    let unsent = unsent(case)?;
    let opens = case.tcp_rise("PassiveOpens")?;
    let mut full = 0_u64;
    for queue in ["SyncookiesSent", "TCPReqQFullDrop", "ListenOverflows"] {
        full = full.saturating_add(case.tcp_ext_rise(queue)?);
    }
    if full > 0
        || half_open.min(before.count(TcpState::SynRecv)) < MIN
        || half_open < now.count(TcpState::SynSent)
        || retried.max(unsent) < MIN
        || !at_least_percent(retried.max(unsent), opens, SHARE_PERCENT)
    {
        return Ok(Verdict::quiet());
    }
    let on = most_half_open(case, half_open).map(|listener| format!(" of {}", listener_name(listener)));
    let on = on.unwrap_or_default();
    let (sentence, cause, remedy) = if retried.saturating_mul(10) < unsent {
        (
            format!("{half_open} half-open connections{on}: this host throws its own SYN-ACKs away"),
            "their timers expire, and yet nothing is sent again: an output rule or a traffic control drops the SYN-ACK",
            "look for the rule in `nft list ruleset` and `tc -s qdisc`",
        )
    } else {
        (
            format!(
                "{half_open} half-open connections{on} do not finish; {retried} SYN-ACKs sent again {}",
                case.in_window()
            ),
            "SYN-ACKs or the clients' third segments are lost or filtered, or the sources are forged",
            "look at the addresses: a few known ones point to the path or a firewall that sees one direction only",
        )
    };
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .states(case, &[TcpState::SynRecv])
        .seen("SYN-RECV in the reading before", before.count(TcpState::SynRecv).to_string(), source::STATES)
        .tcp_ext(case, &["TCPSynRetrans", "TCPTimeouts"])
        .tcp(case, &["RetransSegs", "PassiveOpens"])
        .settings(case, &[SYNACK_RETRIES])
        .because(cause)
        .remedy(remedy)
        .into())
}

/// How many timers expired of which nothing came: no segment, no end, and none still in a queue of this host. The timers
/// of connections that are open send data again, and count as both.
fn unsent(case: &Case<'_>) -> Result<u64, String> {
    let mut sent = case.tcp_rise("RetransSegs")?;
    for name in ["TCPAbortOnTimeout", "TCPSpuriousRtxHostQueues"] {
        sent = sent.saturating_add(case.tcp_ext_rise(name)?);
    }
    Ok(case.tcp_ext_rise("TCPTimeouts")?.saturating_sub(sent))
}
