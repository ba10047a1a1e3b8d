//! Local ports that are bound and not connected.
//!
//! A socket that bind() gave an ephemeral port and that never connects is in no table of `/proc`; sock_diag has told of
//! it since 6.8 (`TCP_BOUND_INACTIVE`, shown as CLOSE).

use crate::diagnose::case::{SOCK_DIAG, at_least_percent};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::TcpState;

use super::ports_exhaustion::{RANGE, RESERVED, usable_ports};

/// Share of the usable ports, in percent, from which it is said.
const WARN_PERCENT: u64 = 70;

/// Share of the usable ports, in percent, from which connects are about to fail.
const CRITICAL_PERCENT: u64 = 90;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "ports-bound-only",
    looks_for: "local ports taken by sockets that are bound and never connected",
    topic: Some("same-port"),
    reads: &[Input::Sockets("states"), Input::Sockets("local ports by destination")],
    keys: &[RANGE, RESERVED],
    threshold: "70% of the usable ports, critical from 90%: a connect() without bind() finds none then, whatever its \
                destination",
    confidence: Confidence::Likely,
    next: Some("ss -tanp state closed (iproute2 6.8 or newer), or the descriptors of the process"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_tw_reuse and net.ipv4.tcp_fin_timeout: no TIME-WAIT is involved; \
                   IP_BIND_ADDRESS_NO_PORT for new sockets while the old ones hold the ports",
    disproved_by: "ports outside net.ipv4.ip_local_port_range: then they are the application's own choice",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let bound = case.sockets()?.count(TcpState::Close);
    let usable = usable_ports(case)?;
    if !at_least_percent(bound, usable, WARN_PERCENT) {
        return Ok(Verdict::quiet());
    }
    let critical = at_least_percent(bound, usable, CRITICAL_PERCENT);
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let sentence = format!("{bound} sockets are bound to a port and not connected; {usable} local ports are usable");
    Ok(Finding::new(&RULE, severity, sentence)
        .seen("bound and not connected (shown as CLOSE)", bound.to_string(), SOCK_DIAG)
        .settings(case, &[RANGE, RESERVED])
        .seen("ports that are left of these two to choose from", usable.to_string(), "/proc/sys")
        .because("an application calls bind() with port 0 and then does not connect, or has forgotten such sockets")
        .remedy("find the process by its descriptors; IP_BIND_ADDRESS_NO_PORT before bind(), so that connect() picks")
        .into())
}
