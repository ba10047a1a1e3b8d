//! Samples of what is made of readings: findings, forecasts, the server's own work.

use std::collections::BTreeSet;

use super::exposition::Sample;
use super::kernel::{counted, one, seconds};
use super::measured::Measured;
use crate::diagnose::{Findings, PortsEnd, PortsLeft, Severity};
use crate::snapshot::Sockets;

/// Destinations whose ports are told; those with the most of them in use.
pub(super) const DESTINATIONS_MAX: usize = 10;

/// Every severity, so that a series does not vanish when a finding becomes another one.
const SEVERITIES: [Severity; 3] = [Severity::Critical, Severity::Warning, Severity::Notice];

/// Rules that said that something was missing and found nothing.
fn rules_undecided(judged: &Findings) -> BTreeSet<&'static str> {
    let found = |id: &str| judged.findings.iter().any(|finding| finding.rule == id);
    judged.undecided.iter().map(|undecided| undecided.rule).filter(|id| !found(id)).collect()
}

pub(super) fn findings(measured: &Measured<'_>) -> Vec<Sample> {
    let judged = measured.findings;
    let undecided = rules_undecided(judged);
    let count = |id: &str, severity: Severity| {
        judged.findings.iter().filter(|finding| finding.rule == id && finding.severity == severity).count()
    };
    let decided = judged.rules.iter().filter(|id| !undecided.contains(**id));
    let both = decided.flat_map(|id| SEVERITIES.map(|severity| (*id, severity)));
    both.map(|(id, severity)| Sample::new(count(id, severity)).label("rule", id).label("severity", severity.word()))
        .collect()
}

pub(super) fn undecided(measured: &Measured<'_>) -> Vec<Sample> {
    vec![Sample::new(rules_undecided(measured.findings).len())]
}

pub(super) fn window(measured: &Measured<'_>) -> Vec<Sample> {
    one(measured.findings.window_ms.map(|ms| seconds(ms.saturating_mul(1000))))
}

/// A figure of the destinations with the most ports in use.
pub(super) fn of_destinations(measured: &Measured<'_>, of: impl Fn(&PortsLeft<'_>) -> Option<String>) -> Vec<Sample> {
    let sample = |one: &PortsLeft<'_>| {
        let row = one.row;
        let process = row.processes.first().map(|process| process.name.clone()).unwrap_or_default();
        let sample = Sample::new(of(one)?)
            .label("source", row.source.to_string())
            .label("destination", row.destination.to_string())
            .label("port", row.destination_port.to_string());
        Some(sample.label("process", process))
    };
    if counted(measured.now).is_none() {
        return Vec::new();
    }
    measured.destinations.iter().take(DESTINATIONS_MAX).filter_map(sample).collect()
}

pub(super) fn destinations_left_out(measured: &Measured<'_>) -> Vec<Sample> {
    one(counted(measured.now)
        .and_then(Sockets::counted_ports)
        .map(|ports| ports.len().saturating_sub(DESTINATIONS_MAX)))
}

pub(super) fn ports_end(left: &PortsLeft<'_>) -> Option<String> {
    match left.end {
        PortsEnd::Unknown => None,
        PortsEnd::Never => Some("+Inf".to_owned()),
        PortsEnd::After { ms } => Some(seconds(ms.saturating_mul(1000))),
    }
}

pub(super) fn took(measured: &Measured<'_>) -> Vec<Sample> {
    one(measured.took_us.map(seconds))
}

pub(super) fn build(_: &Measured<'_>) -> Vec<Sample> {
    vec![Sample::new(1).label("version", env!("CARGO_PKG_VERSION"))]
}
