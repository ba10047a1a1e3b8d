//! Local ports of one address that are used up because each socket binds before it connects.
//!
//! bind() with port 0 wants a port that nobody on that address has (`inet_csk_find_open_port`), wherever connect() then
//! leads; connect() alone shares one port among destinations (`__inet_hash_connect`). No counter moves when none is left:
//! bind() fails with EADDRINUSE, although each single destination has ports in plenty.
//!
//! From outside both look alike but for one thing: sockets that were bound first never share a port. connect() fills a
//! run of ports for each destination, beginning anywhere, and k such runs that fill a share s of all ports miss each
//! other with a chance of (1 - s)^(k-1).

use crate::diagnose::case::at_least_percent;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::AddressUse;

use super::ports_exhaustion::{RANGE, RESERVED, usable_ports};

/// Share of the usable ports, in percent, from which it is said, and from which binds are about to fail.
const WARN_PERCENT: u64 = 70;
const CRITICAL_PERCENT: u64 = 90;

/// Sockets that may share a port, in percent: a dump is not atomic.
const SHARED_PERCENT_MAX: u64 = 1;

/// One in so many: how likely chance may be at the most.
const CHANCE_ONE_IN: u128 = 20;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "ports-bound-first",
    looks_for: "a local address whose ports run out because sockets bind before they connect",
    topic: Some("same-port"),
    reads: &[Input::Sockets("local ports by destination")],
    keys: &[RANGE, RESERVED],
    threshold: "70% of the usable ports of one local address, critical from 90%, each with one socket, and to so many \
                destinations that connect() would have shared some but for a chance of one in twenty: such a port serves one of them",
    confidence: Confidence::Likely,
    next: Some("strace -fe trace=bind,connect of the client"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_tw_reuse: it is for connect() without bind(); net.ipv4.tcp_fin_timeout",
    disproved_by: "sockets that share a local port, or an application that binds to ports of its own choice",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let sockets = case.sockets()?;
    let addresses = sockets.addresses.as_ref().ok_or("distinct ports of an address were not counted")?;
    let usable = usable_ports(case)?;
    // Where one destination alone uses them up, that has its verdict.
    let is_one = |row: &AddressUse| {
        sockets.ports.iter().any(|one| one.source == row.source && at_least_percent(one.used, usable, WARN_PERCENT))
    };
    let found = addresses.iter().filter(|row| is_bound_first(row, usable) && !is_one(row));
    Ok(Verdict { findings: found.map(|row| finding(case, row, usable)).collect(), gaps: Vec::new() })
}

fn is_bound_first(row: &AddressUse, usable: u64) -> bool {
    let shared = row.sockets.saturating_sub(row.distinct);
    if !at_least_percent(row.distinct, usable, WARN_PERCENT) || shared * 100 > row.sockets * SHARED_PERCENT_MAX {
        return false;
    }
    // In parts of a million.
    let free = u128::from(usable.saturating_sub(row.distinct)) * 1_000_000 / u128::from(usable.max(1));
    let runs = row.destinations.saturating_sub(1).min(64);
    let chance = (0..runs).fold(1_000_000_u128, |chance, _| chance * free / 1_000_000);
    chance * CHANCE_ONE_IN <= 1_000_000
}

fn finding(case: &Case<'_>, row: &AddressUse, usable: u64) -> Finding {
    let critical = at_least_percent(row.distinct, usable, CRITICAL_PERCENT);
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let percent = row.distinct.saturating_mul(100) / usable;
    let sentence = format!(
        "{percent}% of the local ports of {} are taken ({} of {usable}), each for one socket: bind() before connect()",
        row.source, row.distinct
    );
    Finding::new(&RULE, severity, sentence)
        .seen(format!("distinct local ports of {} in use", row.source), row.distinct.to_string(), source::ENDS)
        .seen("sockets that use them", row.sockets.to_string(), source::ENDS)
        .seen("destinations that they lead to", row.destinations.to_string(), source::ENDS)
        .settings(case, RULE.keys)
        .seen("ports that are left of these two to choose from", usable.to_string(), source::USABLE_PORTS)
        .because(
            "an application binds to port 0 before it connects, so each connection takes a port away from all \
             destinations",
        )
        .remedy(
            "connect() without bind(), or IP_BIND_ADDRESS_NO_PORT before a bind() that is only for the address; else a \
             wider net.ipv4.ip_local_port_range, or more local addresses",
        )
}
