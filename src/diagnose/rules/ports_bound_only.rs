//! Local ports that are bound and not connected.
//!
//! A socket that bind() gave an ephemeral port and that never connects is in no table of `/proc`; sock_diag has told of
//! it since 6.8 (`TCP_BOUND_INACTIVE`, shown as CLOSE).

use crate::diagnose::case::{at_least_percent, process_name};
use crate::diagnose::forecast::holder;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SocketRow;
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
    reads: &[
        Input::Sockets("states"),
        Input::Sockets("single sockets that are bound and not connected"),
        Input::Sockets("local ports by destination"),
    ],
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
    if case.now().kernel.version.is_some_and(|version| !version.at_least(6, 8)) {
        return Err("Linux tells of sockets that are only bound since 6.8".to_owned());
    }
    let all = case.sockets()?.counted(TcpState::Close).ok_or("sockets that are only bound were not counted")?;
    let usable = usable_ports(case)?;
    let sample = case.samples().ok().and_then(|samples| samples.bound.as_ref());
    let rows: Vec<&SocketRow> = sample.into_iter().flat_map(|sample| &sample.rows).collect();
    let (of_range, looked_at) = (rows.iter().filter(|row| is_in_range(case, row)).count(), rows.len());
    // What was not looked at is taken to be like what was: a port of the application's own choice takes none of these.
    let bound = if looked_at == 0 { all } else { all.saturating_mul(of_range as u64) / looked_at as u64 };
    if !at_least_percent(bound, usable, WARN_PERCENT) {
        return Ok(Verdict::quiet());
    }
    let critical = at_least_percent(bound, usable, CRITICAL_PERCENT);
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let whose =
        holder(rows.iter().copied()).map(|process| format!(" of {}", process_name(process))).unwrap_or_default();
    let sentence =
        format!("{bound} sockets{whose} are bound to a port and not connected; {usable} local ports are usable");
    let mut finding = Finding::new(&RULE, severity, sentence).seen(
        "bound and not connected (shown as CLOSE)",
        all.to_string(),
        source::STATES,
    );
    if looked_at > 0 {
        finding = finding
            .seen("of those looked at, in that range", format!("{of_range} of {looked_at}"), "sock_diag idiag_sport")
            .seen("so many of all", bound.to_string(), "sock_diag idiag_state, idiag_sport");
    }
    if let Some(process) = holder(rows.iter().copied()) {
        finding = finding.seen("that holds most of them", process_name(process), source::HOLDERS);
    }
    Ok(finding
        .settings(case, &[RANGE, RESERVED])
        .seen("ports that are left of these two to choose from", usable.to_string(), source::USABLE_PORTS)
        .because("an application calls bind() with port 0 and then does not connect, or has forgotten such sockets")
        .remedy("find the process by its descriptors; IP_BIND_ADDRESS_NO_PORT before bind(), so that connect() picks")
        .into())
}

/// Whether its port is one of those that connect() chooses from; taken so where the range is not known.
fn is_in_range(case: &Case<'_>, row: &SocketRow) -> bool {
    let range = case.sysctl(RANGE).ok().flatten().unwrap_or_default();
    let mut ends = range.split_whitespace().map(|word| word.parse::<u16>().ok());
    let (Some(Some(first)), Some(Some(last))) = (ends.next(), ends.next()) else { return true };
    (first..=last).contains(&row.local.port())
}
