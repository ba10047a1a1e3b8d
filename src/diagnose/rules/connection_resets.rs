//! Connections that end with a reset.
//!
//! EstabResets counts every jump from ESTABLISHED or CLOSE_WAIT to CLOSE (`tcp_set_state`), resets received and sent
//! and silent deaths alike; the TCPAbortOn counters split off what this host did and why (`__tcp_close`, `tcp_abort`).

use crate::diagnose::case::{at_least_percent, per_second};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Resets in one window, and a second, below which it is everyday.
const MIN: u64 = 10;
const PER_S_MIN: u64 = 2;

/// Share of the connections that opened in the window, in percent.
const SHARE_PERCENT: u64 = 5;

/// What this host does itself: counter, cause, remedy.
const OWN: [(&str, &str, &str); 4] = [
    (
        "TCPAbortOnClose",
        "applications of this host close connections without having read everything: close() then sends a reset",
        "let the application read to the end before close(), or shutdown() first",
    ),
    (
        "TCPAbortOnData",
        "applications of this host close with SO_LINGER of 0 s, or data came for a connection they had closed",
        "take SO_LINGER 0 out of the application; agree who closes first",
    ),
    (
        "TCPAbortOnLinger",
        "connections closed here whose peers did not close in time (TCP_LINGER2)",
        "let the peer close, or drop TCP_LINGER2",
    ),
    (
        "TCPAbortOnMemory",
        "this host has too many orphaned connections or too little TCP memory, and resets them",
        "see the rules orphans and tcp-memory",
    ),
];

/// What the peers do: cause, remedy.
const BY_PEERS: (&str, &str) = (
    "the peers, or something on the way, reset the connections",
    "look at the peers: the reset's TTL tells how far away it was sent",
);

/// Share of the connections that open, in percent, from which resets may be how a client ends all of its connections.
const HEALTH_PERCENT_MIN: u64 = 90;

/// Resets a second below which these are health checks: a handful of load balancers, each once or twice a second.
const HEALTH_PER_S_MAX: u64 = 10;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "connection-resets",
    looks_for: "connections that end with a reset",
    topic: Some("half-open"),
    reads: &[
        Input::Tcp("EstabResets"),
        Input::Tcp("OutRsts"),
        Input::Tcp("PassiveOpens"),
        Input::Tcp("ActiveOpens"),
        Input::Tcp("CurrEstab"),
        Input::TcpExt("TCPAbortOnClose"),
        Input::TcpExt("TCPAbortOnData"),
        Input::TcpExt("TCPAbortOnLinger"),
        Input::TcpExt("TCPAbortOnMemory"),
        Input::TcpExt("TCPAbortOnTimeout"),
    ],
    keys: &[],
    threshold: "10 in one window, 2 a second and 5% of the connections that opened; by peers of nearly all that \
                opened, 10 a second: load balancers' health checks reset on purpose",
    confidence: Confidence::Likely,
    next: Some("tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0', for who sends them"),
    proof: Proof::Live,
    wrong_remedy: "guesses at the firewall before the counters: a firewall's resets move none of this host's",
    disproved_by: "clients or health checks that end every connection with a reset by design",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    // Deaths by silence jump too, without a reset; they have their own verdict.
    let resets = case.tcp_rise("EstabResets")?.saturating_sub(case.tcp_ext_rise("TCPAbortOnTimeout")?);
    let opens = case.tcp_rise("PassiveOpens")?.saturating_add(case.tcp_rise("ActiveOpens")?);
    let open = case.tcp_now("CurrEstab")?;
    if resets < MIN
        || per_second(resets, case.window_ms()?) < PER_S_MIN
        || !at_least_percent(resets, opens, SHARE_PERCENT)
        || !at_least_percent(resets.saturating_mul(10), open, 1)
    {
        return Ok(Verdict::quiet());
    }
    let (cause, remedy) = cause(case, resets)?;
    // Few, of nearly all that open, and by the peers: so health checks look, on a backend that has nothing else to do.
    let are_health_checks = at_least_percent(resets, opens, HEALTH_PERCENT_MIN)
        && per_second(resets, case.window_ms()?) < HEALTH_PER_S_MAX
        && cause == BY_PEERS.0;
    if are_health_checks {
        return Ok(Verdict::quiet());
    }
    let sentence = format!("{resets} connections ended with a reset {}, {opens} opened", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .seen(
            "EstabResets, less TCPAbortOnTimeout",
            case.over_window(resets),
            "/proc/net/snmp Tcp EstabResets and /proc/net/netstat TcpExt TCPAbortOnTimeout",
        )
        .tcp(case, &["OutRsts", "PassiveOpens", "ActiveOpens"])
        .tcp_ext(case, &OWN.map(|(counter, _, _)| counter))
        .because(cause)
        .remedy(remedy)
        .into())
}

/// The counter of this host that explains most, if it explains enough. With both ends in one namespace each reset
/// counts twice.
fn cause(case: &Case<'_>, resets: u64) -> Result<(&'static str, &'static str), String> {
    let mut most = (0, "", "");
    for (counter, cause, remedy) in OWN {
        let rise = case.tcp_ext_rise(counter)?;
        if rise > most.0 {
            most = (rise, cause, remedy);
        }
    }
    let (rise, cause, remedy) = most;
    if at_least_percent(rise, resets, 40) {
        return Ok((cause, remedy));
    }
    if at_least_percent(case.tcp_rise("OutRsts")?, resets, 50) {
        return Ok((
            "this host sends resets that no counter explains: data for connections that were closed already, a \
             listener \
             that was closed with connections waiting, or `ss -K`",
            "look at what was restarted or closed, and at who still sends to it",
        ));
    }
    Ok(BY_PEERS)
}
