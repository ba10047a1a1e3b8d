//! Connections that go with another congestion control than the one that is set.
//!
//! `tcp_assign_congestion_control` gives a socket the namespace's when it is made, and a connection that is accepted has
//! the one of that moment (`tcp_ca_openreq_child`); a change reaches none that is open.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::by_destination;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SocketRow;

const CONTROL: &str = "net.ipv4.tcp_congestion_control";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "congestion-kept",
    looks_for: "connections that keep another congestion control than the one that is set",
    topic: None,
    reads: &[Input::Sockets("single connections that send or are idle, with their congestion control")],
    keys: &[CONTROL, "net.core.default_qdisc"],
    threshold: "3 connections, and half of those looked at, with another one than net.ipv4.tcp_congestion_control: a single \
                application may have chosen its own by TCP_CONGESTION",
    confidence: Confidence::Likely,
    next: Some("ss -ti, for each one's; ip route, for a congctl of a route"),
    proof: Proof::Live,
    wrong_remedy: "a restart of servers: connections that they accept from now on have it; net.core.default_qdisc: devices \
                   that are there keep theirs",
    disproved_by: "an application that sets TCP_CONGESTION, or a route with congctl",
    check: |case| judge(case).into(),
};

/// Connections below which it may be one application's choice.
const MIN: u64 = 3;

/// Share of those looked at, in percent.
const SHARE_PERCENT: u64 = 50;

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let Some(set) = case.sysctl(CONTROL)? else { return Ok(Verdict::quiet()) };
    let samples = case.samples()?;
    let rows = || samples.sending.iter().chain(&samples.idle).flat_map(|sample| &sample.rows);
    let looked_at = count(rows().filter(|row| row.congestion.is_some()));
    if looked_at == 0 && rows().next().is_some() {
        return Err("the congestion control of single connections was not kept".to_owned());
    }
    let others: Vec<&SocketRow> =
        rows().filter(|row| row.congestion.as_deref().is_some_and(|one| one != set)).collect();
    let number = count(others.iter());
    let groups = by_destination(others.iter().copied());
    let group = groups.first().filter(|_| number >= MIN && at_least_percent(number, looked_at, SHARE_PERCENT));
    let Some(group) = group else { return Ok(Verdict::quiet()) };
    let theirs = group.rows.first().and_then(|row| row.congestion.as_deref()).unwrap_or_default();
    let sentence = format!(
        "{number} of {looked_at} connections keep another congestion control than {set}, which is set: such as{} to {}, \
         with {theirs}",
        group.of_process(),
        group.remote
    );
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .seen("such connections", number.to_string(), "sock_diag INET_DIAG_CONG")
        .seen("of those that were looked at", looked_at.to_string(), "sock_diag INET_DIAG_CONG")
        .seen("congestion control (INET_DIAG_CONG)", theirs, "sock_diag INET_DIAG_CONG")
        .settings(case, RULE.keys)
        .because("they were open before it was set, and a connection keeps what it began with; or their applications chose their own")
        .remedy(
            "nothing for new connections, accepted ones included; long-lived ones, such as those of pools, have to be \
             opened again",
        )
        .into())
}

fn count<T>(rows: impl Iterator<Item = T>) -> u64 {
    u64::try_from(rows.count()).unwrap_or(u64::MAX)
}
