//! Handshakes that the client's side ends with a reset.
//!
//! `tcp_check_req` counts EmbryonicRsts (and AttemptFails) when a reset ends a half-open request. With
//! `tcp_abort_on_overflow` the host's own resets of requests that find the accept queue full count the same.

use crate::diagnose::case::{at_least_percent, per_second, share};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Resets a second below which they are stray. A choice, no kernel fact.
const PER_S_MIN: u64 = 10;

/// Share of them among handshakes that ended, in percent.
const SHARE_PERCENT: u64 = 50;

const ABORT_ON_OVERFLOW: &str = "net.ipv4.tcp_abort_on_overflow";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "handshake-resets",
    looks_for: "half-open connections that their clients reset",
    topic: Some("queues"),
    reads: &[Input::TcpExt("EmbryonicRsts"), Input::TcpExt("ListenOverflows"), Input::Tcp("PassiveOpens")],
    keys: &[ABORT_ON_OVERFLOW],
    threshold: "10 a second and as many as connections that open: an honest client resets a handshake only when it \
                has forgotten it",
    confidence: Confidence::Likely,
    next: Some("tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0', and count the sources"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_syncookies or a larger backlog: no queue is full; net.ipv4.tcp_synack_retries: \
                   nothing is retried",
    disproved_by: "EmbryonicRsts that stays where it is, or resets that come from load balancers' health checks",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let resets = case.tcp_ext_rise("EmbryonicRsts")?;
    let opens = case.tcp_rise("PassiveOpens")?;
    let ended = resets.saturating_add(opens);
    if per_second(resets, case.window_ms()?) < PER_S_MIN || !at_least_percent(resets, ended, SHARE_PERCENT) {
        return Ok(Verdict::quiet());
    }
    // Then the resets are this host's own, and the listener that overflows has its verdict.
    if case.sysctl(ABORT_ON_OVERFLOW)?.is_some_and(|value| value != "0") && case.tcp_ext_rise("ListenOverflows")? > 0 {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{resets} handshakes reset by their clients {}, beside {opens} that opened", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .tcp_ext(case, &["EmbryonicRsts"])
        .tcp(case, &["AttemptFails", "PassiveOpens"])
        .seen(
            "reset of all handshakes that ended",
            share(resets, ended),
            "/proc/net/netstat TcpExt EmbryonicRsts and /proc/net/snmp Tcp PassiveOpens",
        )
        .tcp_ext(case, &["SyncookiesSent"])
        .because(
            "the answer to a SYN meets a host that knows of none and resets it: a SYN scan of open ports, or SYNs with \
             the forged addresses of living hosts",
        )
        .remedy("nothing is lost here; filter the sources upstream when the load hurts")
        .into())
}
