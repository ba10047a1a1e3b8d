//! The table of connection tracking, near its limit.
//!
//! `__nf_conntrack_alloc` drops the packet when the namespace's own count exceeds `nf_conntrack_max`, which is one
//! value for all namespaces. TCP's counters stay silent: clients see SYNs that get no answer.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Sockets;
use crate::units::{Micros, TcpState};

use super::ports_exhaustion::after_ms;

/// Share of the limit, in percent, from which it is said.
const WARN_PERCENT: u64 = 80;

/// Share of the limit, in percent, from which packets are about to be dropped.
const CRITICAL_PERCENT: u64 = 95;

/// Share of the limit, in percent, from which a forecast is made, and how near its end must be to be said.
const FORECAST_PERCENT: u64 = 30;
const FORECAST_MS: u64 = 600_000;

const COUNT: &str = "net.netfilter.nf_conntrack_count";
const MAX: &str = "net.netfilter.nf_conntrack_max";
const TIME_WAIT: &str = "net.netfilter.nf_conntrack_tcp_timeout_time_wait";
const SYN_SENT: &str = "net.netfilter.nf_conntrack_tcp_timeout_syn_sent";

/// What these two are, in seconds, as they come.
const ENDS_S: u64 = 120;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "conntrack-full",
    looks_for: "a connection tracking table that nears its limit",
    topic: Some("syn-lost"),
    reads: &[Input::Sockets("states")],
    keys: &[COUNT, MAX, TIME_WAIT, SYN_SENT],
    threshold: "80% of nf_conntrack_max, critical from 95%: above the limit every new connection is dropped; or 30%, \
                and full within 10 minutes at the window's rate, although entries of ended connections end too",
    confidence: Confidence::Certain,
    next: Some("conntrack -S, for drop and early_drop; conntrack -L, for what fills it"),
    proof: Proof::Live,
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
        // Where connections were not counted, those that stay open may be what fills it.
        return match (case.window_ms(), case.sockets().and(case.sockets_before())) {
            (Ok(_), Err(gap)) => Err(gap),
            _ => Ok(Verdict::quiet()),
        };
    }
    let critical = at_least_percent(count, limit, CRITICAL_PERCENT);
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let forecast = match left_ms {
        _ if count >= limit => ": new connections are dropped".to_owned(),
        Some(ms) => format!(", full in {:#} at this rate", Micros(ms.saturating_mul(1000))),
        None => String::new(),
    };
    let sentence = format!("{count} of {limit} entries of connection tracking are taken{forecast}");
    let finding = Finding::new(&RULE, severity, sentence).settings(case, RULE.keys);
    let finding = match case.sysctl_number_before(COUNT) {
        Ok(Some(before)) => finding.seen("in the reading before", before.to_string(), source::setting(COUNT)),
        _ => finding,
    };
    let finding = match left_ms {
        Some(ms) => {
            let left = format!("{:#}", Micros(ms.saturating_mul(1000)));
            finding.seen("at the rate of this window it is full in", left, source::setting(COUNT))
        }
        None => finding,
    };
    Ok(finding
        .because("more flows than the table has room for, or entries that live long after their connection")
        .remedy(
            "raise net.netfilter.nf_conntrack_max with its buckets (in the initial namespace: one limit is for all); shorten nf_conntrack_tcp_timeout_established (5 \
             days) \
             and _close_wait; do not track what needs no tracking",
        )
        .into())
}

/// How long the table lasts at the window's rate, in milliseconds; nothing when it does not fill up, which includes that
/// as many entries end as begin before it is full.
///
/// An entry of a connection that is over, or was never answered, ends by itself after `time_wait` or `syn_sent`. Those
/// grow to as many as begin in that time. What connections of this host keep open stays.
fn time_left_ms(case: &Case<'_>, count: u64, limit: u64) -> Option<u64> {
    let window_ms = case.window_ms().ok()?;
    let grown = count.checked_sub(case.sysctl_number_before(COUNT).ok()??).filter(|&grown| grown > 0)?;
    let open = |sockets: &Sockets| sockets.counted(TcpState::Estab);
    let (open, open_before) = (case.sockets().ok().and_then(open), case.sockets_before().ok().and_then(open));
    let staying = open.zip(open_before).map_or(0, |(now, before)| now.saturating_sub(before)).min(grown);
    let ending = grown - staying;
    let ends_s = [TIME_WAIT, SYN_SENT].iter().filter_map(|key| case.sysctl_number_if_there(key).ok()?).max();
    let most_ending = ending.saturating_mul(ends_s.unwrap_or(ENDS_S)).saturating_mul(1000) / window_ms.max(1);
    let there_ending = count.saturating_sub(open.unwrap_or(0));
    let left = limit.saturating_sub(count);
    let both_ms = after_ms(left, grown, window_ms)?;
    let room = most_ending.saturating_sub(there_ending);
    match after_ms(room, ending, window_ms) {
        Some(full_ms) if full_ms < both_ms => after_ms(left.saturating_sub(room), staying, window_ms),
        _ => Some(both_ms),
    }
}
