//! Segments for ports that nobody listens on.
//!
//! `tcp_v4_send_reset` counts OutRsts for every reset; those that end connections of this host have counters of their
//! own (TCPAbortOnClose, TCPAbortOnData, …) or are EstabResets. What is left answered something that belongs to no
//! socket.

use crate::diagnose::case::{at_least_percent, per_second};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Resets a second below which it is the noise of every public address. A choice, no kernel fact.
const PER_S_MIN: u64 = 10;

/// Share of connections that open, in percent, below which it is noise.
const SHARE_PERCENT: u64 = 10;

/// Resets that have counters of their own.
const EXPLAINED: [&str; 5] =
    ["TCPAbortOnClose", "TCPAbortOnData", "TCPAbortOnTimeout", "SyncookiesFailed", "EmbryonicRsts"];

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "closed-ports",
    looks_for: "resets for ports that nobody listens on",
    topic: Some("half-open"),
    reads: &[
        Input::Tcp("OutRsts"),
        Input::Tcp("EstabResets"),
        Input::Tcp("AttemptFails"),
        Input::Tcp("PassiveOpens"),
        Input::Tcp("ActiveOpens"),
        Input::TcpExt("TCPAbortOnClose"),
        Input::TcpExt("TCPAbortOnData"),
        Input::TcpExt("TCPAbortOnTimeout"),
        Input::TcpExt("SyncookiesFailed"),
        Input::TcpExt("EmbryonicRsts"),
        Input::TcpExt("TW"),
    ],
    keys: &[],
    threshold: "10 a second that no connection of this host explains, those it closed first included, and 10% of the connections that open: a public \
                address is scanned all the time",
    confidence: Confidence::Likely,
    next: Some("tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0', for the ports; ss -ltn for who listens"),
    proof: Proof::Live,
    wrong_remedy: "a limit of resets in the firewall: it hides a service that is down",
    disproved_by: "EstabResets or one of the TCPAbortOn counters that rise alike: then connections are reset, not \
                   attempts",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let sent = case.tcp_rise("OutRsts")?;
    let mut explained = 0_u64;
    for name in EXPLAINED {
        explained = explained.saturating_add(case.tcp_ext_rise(name)?);
    }
    // Data that comes late for a connection that this host closed first is answered with a reset that has no counter.
    let closed_first = case.tcp_ext_rise("TW")?;
    let rest = sent.saturating_sub(explained.saturating_add(closed_first));
    let opens = case.tcp_rise("PassiveOpens")?.saturating_add(case.tcp_rise("ActiveOpens")?);
    // Clients in this very namespace fail as often: theirs is the verdict.
    let own_clients = case.tcp_rise("AttemptFails")?.saturating_sub(case.tcp_ext_rise("EmbryonicRsts")?);
    let of_connections = case.tcp_rise("EstabResets")?;
    if per_second(rest, case.window_ms()?) < PER_S_MIN
        || !at_least_percent(rest, opens, SHARE_PERCENT)
        || at_least_percent(own_clients, rest, 50)
        || at_least_percent(of_connections, rest, 50)
    {
        return Ok(Verdict::quiet());
    }
    let sentence = format!("{rest} segments {} came to ports that nobody listens on, and were reset", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .tcp(case, &["OutRsts"])
        .seen("of these without a counter that explains them", case.over_window(rest), source::tcp("OutRsts"))
        .seen(
            "connections closed here first, whose late data is reset too (TW)",
            case.over_window(closed_first),
            source::tcp_ext("TW"),
        )
        .tcp(case, &["EstabResets", "AttemptFails", "PassiveOpens"])
        .because("a port scan, or clients of a service that is not running (any more)")
        .remedy("compare the ports with `ss -ltn`: start the service, or let the firewall drop scans without an answer")
        .into())
}
