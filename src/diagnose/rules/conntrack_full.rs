//! The table of connection tracking, near its limit.
//!
//! `__nf_conntrack_alloc` drops the packet when the namespace's own count exceeds `nf_conntrack_max`, which is one
//! value for all namespaces. TCP's counters stay silent: clients see SYNs that get no answer.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::{Case, Confidence, Finding, Proof, Rule, Severity, Verdict};
use crate::units::Micros;

/// Share of the limit, in percent, from which it is said.
const WARN_PERCENT: u64 = 80;

/// Share of the limit, in percent, from which packets are about to be dropped.
const CRITICAL_PERCENT: u64 = 95;

/// Share of the limit, in percent, from which a forecast is made, and how near its end must be to be said.
const FORECAST_PERCENT: u64 = 30;
const FORECAST_MS: u64 = 600_000;

const COUNT: &str = "net.netfilter.nf_conntrack_count";
const MAX: &str = "net.netfilter.nf_conntrack_max";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "conntrack-full",
    looks_for: "a connection tracking table that nears its limit",
    topic: None,
    reads: &[],
    keys: &[COUNT, MAX],
    threshold: "80% of nf_conntrack_max, critical from 95%: above the limit every new connection is dropped; or 30%, \
                and full within 10 minutes at the window's rate",
    confidence: Confidence::Certain,
    next: Some("conntrack -S, for drop and early_drop; conntrack -L, for what fills it"),
    proof: Proof::Written,
    wrong_remedy: "TCP's own settings: the packets are dropped before TCP; raising the limit without \
                   nf_conntrack_buckets makes long chains",
    disproved_by: "nf_conntrack_count that falls, or 0: then nothing is tracked",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    // Without the keys there is no connection tracking, and a limit of 0 means none.
    let (Some(count), Some(limit)) = (case.sysctl_number_if_there(COUNT)?, case.sysctl_number_if_there(MAX)?) else {
        return Ok(Verdict::quiet());
    };
    if limit == 0 || !at_least_percent(count, limit, FORECAST_PERCENT) {
        return Ok(Verdict::quiet());
    }
    let left_ms = time_left_ms(case, count, limit);
    if !at_least_percent(count, limit, WARN_PERCENT) && left_ms.is_none_or(|ms| ms > FORECAST_MS) {
        return Ok(Verdict::quiet());
    }
    let critical = at_least_percent(count, limit, CRITICAL_PERCENT);
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let forecast = left_ms.map(|ms| format!(", full in {:#} at this rate", Micros(ms.saturating_mul(1000))));
    let sentence =
        format!("{count} of {limit} entries of connection tracking are taken{}", forecast.unwrap_or_default());
    let finding = Finding::new(&RULE, severity, sentence).settings(case, &[COUNT, MAX]);
    let finding = match case.sysctl_number_before(COUNT) {
        Ok(Some(before)) => finding.seen("in the reading before", before.to_string(), "/proc/sys"),
        _ => finding,
    };
    Ok(finding
        .because("more flows than the table has room for, or entries that live long after their connection")
        .remedy(
            "raise net.netfilter.nf_conntrack_max with its buckets; shorten nf_conntrack_tcp_timeout_established (5 \
             days) \
             and _close_wait; do not track what needs no tracking",
        )
        .into())
}

/// How long the table lasts when it goes on growing as in the window, in milliseconds.
fn time_left_ms(case: &Case<'_>, count: u64, limit: u64) -> Option<u64> {
    let before = case.sysctl_number_before(COUNT).ok()??;
    let grown = count.checked_sub(before).filter(|&grown| grown > 0)?;
    limit.saturating_sub(count).saturating_mul(case.window_ms().ok()?).checked_div(grown)
}
