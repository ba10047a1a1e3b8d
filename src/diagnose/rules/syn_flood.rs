//! SYNs whose senders never finish the handshake.
//!
//! Completion is told by PassiveOpens. SyncookiesRecv does not tell it: it also counts cookies whose connection is then
//! thrown away, and repeated data (`cookie_v4_check`).

use crate::diagnose::case::{NETSTAT, SNMP, SOCK_DIAG, per_second};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::{Micros, TcpState};

/// Uncompleted handshakes a second below which it is noise: scans and lost clients. A choice, no kernel fact.
const UNCOMPLETED_PER_S_MIN: u64 = 100;

/// Share of cookies, in percent, that open when the clients are honest is near 100; below this they are not. Loss
/// rarely takes more than a few percent. A choice, no kernel fact.
const HOSTILE_PERCENT_MAX: u64 = 10;

/// From this share of opened cookies on, in percent, most clients are honest, and the rule about small backlogs judges.
const HONEST_PERCENT_MIN: u64 = 50;

/// A window below which a burst looks like a flood, milliseconds: honest clients of slow paths need seconds.
const SURE_WINDOW_MS: u64 = 10_000;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "syn-flood",
    looks_for: "SYN cookies whose clients never come back",
    topic: Some("queues"),
    reads: &[
        Input::TcpExt("SyncookiesSent"),
        Input::TcpExt("SyncookiesRecv"),
        Input::TcpExt("ListenDrops"),
        Input::Tcp("PassiveOpens"),
        Input::Sockets("SYN-RECV"),
    ],
    keys: &[],
    threshold: "100 unfinished handshakes a second, and fewer than half of the cookies led to a connection: honest \
                clients finish nearly all, and loss rarely takes more than a few percent; below 10% all of it is \
                hostile",
    confidence: Confidence::Likely,
    next: Some("tcpdump -ni any 'tcp[tcpflags] == tcp-syn', and count the sources"),
    proof: Proof::Live,
    wrong_remedy: "turning cookies off to silence the log; only raising net.ipv4.tcp_max_syn_backlog; \
                   net.ipv4.tcp_syn_retries, which is the client's side",
    disproved_by: "PassiveOpens that rise as fast as SyncookiesSent over 10s or more",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let sent = case.tcp_ext_rise("SyncookiesSent")?;
    let window_ms = case.window_ms()?;
    if per_second(sent, window_ms) < UNCOMPLETED_PER_S_MIN {
        return Ok(Verdict::quiet());
    }
    let recv = case.tcp_ext_rise("SyncookiesRecv")?;
    let opens = case.tcp_rise("PassiveOpens")?;
    if case.tcp_ext_rise("ListenDrops")? > 0 {
        let gap = "listeners dropped connections meanwhile, so refused handshakes cannot be told from unfinished ones";
        return Ok(Verdict::undecided(gap.to_owned()));
    }
    let uncompleted_per_s = per_second(sent.saturating_sub(recv), window_ms);
    let percent = opens.saturating_mul(100) / sent.max(1);
    if uncompleted_per_s < UNCOMPLETED_PER_S_MIN || percent > HONEST_PERCENT_MIN {
        return Ok(Verdict::quiet());
    }
    let flood = percent < HOSTILE_PERCENT_MAX;
    let sentence = if flood {
        format!("SYN flood: {uncompleted_per_s} handshakes a second are never finished; cookies answer them")
    } else {
        format!(
            "{uncompleted_per_s} handshakes a second are never finished, beside {opens} that were: a flood among \
             clients"
        )
    };
    let sure = if window_ms >= SURE_WINDOW_MS {
        "window: long enough to tell"
    } else {
        "window: a burst looks alike, try --window 10s"
    };
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence)
        .seen("SyncookiesSent", case.over_window(sent), NETSTAT)
        .seen("SyncookiesRecv", case.over_window(recv), NETSTAT)
        .seen("a second, sent and not received", uncompleted_per_s.to_string(), NETSTAT)
        .seen("PassiveOpens", case.over_window(opens), SNMP)
        .seen(
            "of the cookies led to a connection",
            format!("{percent}%"),
            "/proc/net/snmp Tcp PassiveOpens of /proc/net/netstat TcpExt SyncookiesSent",
        )
        .seen("ListenDrops", case.over_window(0), NETSTAT)
        .seen(sure, format!("{:#}", Micros(window_ms.saturating_mul(1000))), "the readings' monotonic clocks");
    if let Some(half_open) = case.sockets().ok().and_then(|sockets| sockets.counted(TcpState::SynRecv)) {
        finding = finding.seen("SYN-RECV", half_open.to_string(), SOCK_DIAG);
    }
    Ok(finding
        .because("SYNs arrive from addresses that do not answer the SYN-ACK, as forged ones do")
        .remedy(
            "leave cookies on; larger listen() backlog and net.core.somaxconn, net.ipv4.tcp_synack_retries at most 2 \
             (profile anti-syn-flood); filter upstream",
        )
        .into())
}
