//! Local ports that run out towards one destination.
//!
//! `__inet_hash_connect` takes a port of `ip_local_port_range` that is not reserved and whose tuple (source,
//! destination, port) is free. When there is none, connect() fails with EADDRNOTAVAIL and **no counter moves**, so only
//! counting sockets tells.

use crate::diagnose::case::SOCK_DIAG;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::model::KnownSettings;
use crate::snapshot::PortUse;

/// Share of the usable ports, in percent, from which it is said. From 50 % on the search already walks both
/// parities; 70 leaves time to act.
const WARN_PERCENT: u64 = 70;

/// Share of the usable ports, in percent, from which connects are about to fail.
const CRITICAL_PERCENT: u64 = 90;

pub(super) const RANGE: &str = "net.ipv4.ip_local_port_range";
pub(super) const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "ports-exhaustion",
    looks_for: "a destination towards which the local ports run out",
    topic: Some("time-wait-many"),
    reads: &[Input::Sockets("local ports by destination")],
    keys: &[RANGE, RESERVED],
    threshold: "70% of the usable ports towards one destination, critical from 90%: from 50% on the search walks both \
                parities, and 70% leaves time to act",
    confidence: Confidence::Certain,
    next: None,
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_fin_timeout: it does not touch TIME-WAIT; lowering net.ipv4.tcp_max_tw_buckets; \
                   net.ipv4.tcp_tw_recycle, which is gone since 4.12",
    disproved_by: "connects to that destination that work at 100 %: then the application has a port range of its own \
                   (IP_LOCAL_PORT_RANGE)",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let sockets = case.sockets()?;
    if !sockets.source.counts_ports() {
        return Err("the use of ports was not counted".to_owned());
    }
    let usable = usable_ports(case)?;
    let crowded =
        sockets.ports.iter().filter(|row| row.used.saturating_mul(100) >= usable.saturating_mul(WARN_PERCENT));
    let findings = crowded.map(|row| crowded_destination(case, row, usable)).collect();
    Ok(Verdict { findings, gaps: Vec::new() })
}

/// How many ports connect() may choose from: the range without what is reserved in it.
pub(super) fn usable_ports(case: &Case<'_>) -> Result<u64, String> {
    case.sysctl(RANGE)?.ok_or_else(|| format!("{RANGE} is not in this network namespace"))?;
    case.sysctl(RESERVED)?;
    let known = KnownSettings::new(&case.now().sysctls.values(), |key| case.now().has_key(key));
    let missing = || format!("{} could not be read", known.missing(&[RANGE, RESERVED]).join(" and "));
    Ok(known.ports_available().ok_or_else(missing)?.max(1))
}

fn crowded_destination(case: &Case<'_>, row: &PortUse, usable: u64) -> Finding {
    let destination = match row.destination {
        std::net::IpAddr::V6(address) => format!("[{address}]:{}", row.destination_port),
        std::net::IpAddr::V4(address) => format!("{address}:{}", row.destination_port),
    };
    let percent = row.used.saturating_mul(100) / usable;
    let severity = if percent >= CRITICAL_PERCENT { Severity::Critical } else { Severity::Warning };
    let sentence = format!("{percent}% of the local ports to {destination} are taken ({} of {usable})", row.used);
    let mut finding = Finding::new(&RULE, severity, sentence)
        .seen(format!("ports from {} in use", row.source), format!("{} of {usable}", row.used), SOCK_DIAG)
        .seen("of these in TIME-WAIT", row.time_wait.to_string(), SOCK_DIAG);
    if let Some(left) = time_left(case, row, usable) {
        finding = finding.seen("at the rate of this window none is left", left, SOCK_DIAG);
    }
    let mostly_waiting = row.time_wait.saturating_mul(2) >= row.used;
    let (cause, remedy) = if mostly_waiting {
        (
            "this host closes its connections first and keeps each port in TIME-WAIT for 60s: usable ports / 60s is \
             the most it can open a second",
            "keep connections open (pooling, keep-alive); net.ipv4.tcp_tw_reuse=1 with timestamps frees a port after \
             1s; a wider net.ipv4.ip_local_port_range; more destination addresses",
        )
    } else {
        (
            "as many connections to this destination are open at once",
            "fewer connections (pooling); a wider net.ipv4.ip_local_port_range; more source or destination addresses",
        )
    };
    finding.because(cause).remedy(remedy)
}

/// "in 12s", when the use of this destination grew between the readings.
fn time_left(case: &Case<'_>, row: &PortUse, usable: u64) -> Option<String> {
    let same = |old: &&PortUse| {
        (old.source, old.destination, old.destination_port) == (row.source, row.destination, row.destination_port)
    };
    let old = case.sockets_before().ok()?.ports.iter().find(same)?;
    let grown = row.used.checked_sub(old.used).filter(|&grown| grown > 0)?;
    let ms = usable.saturating_sub(row.used).saturating_mul(case.window_ms().ok()?) / grown;
    Some(format!("in {}s", ms / 1000))
}
