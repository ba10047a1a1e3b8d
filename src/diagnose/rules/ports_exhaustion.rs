//! Local ports that run out towards one destination.
//!
//! `__inet_hash_connect` takes a port of `ip_local_port_range` that is not reserved and whose tuple (source,
//! destination, port) is free. When there is none, connect() fails with EADDRNOTAVAIL and **no counter moves**, so only
//! counting sockets tells.
//!
//! What grows is what is open, without an end, and what waits in TIME-WAIT, up to as many as enter it in 60 s: a host
//! that has just begun to close first is no host whose ports run out. Where TIME-WAIT may be taken again after a second
//! (`tcp_tw_reuse`, `tcp_twsk_unique`), it holds up nobody.

use std::net::SocketAddr;

use crate::diagnose::case::{SOCK_DIAG, at_least_percent};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::model::KnownSettings;
use crate::snapshot::PortUse;
use crate::units::{Micros, TcpState};

/// Share of the usable ports, in percent, from which it is said. From 50 % on the search already walks both
/// parities; 70 leaves time to act.
const WARN_PERCENT: u64 = 70;

/// Share of the usable ports, in percent, from which connects are about to fail.
const CRITICAL_PERCENT: u64 = 90;

/// Share of the usable ports, in percent, from which a forecast is made: below, a service that has just begun fills
/// its pools.
const FORECAST_PERCENT: u64 = 30;

/// How near the end of a forecast must be to be said below [`WARN_PERCENT`].
const FORECAST_MS: u64 = 600_000;

/// `TCP_TIMEWAIT_LEN`.
const TIME_WAIT_MS: u64 = 60_000;

const TW_REUSE: &str = "net.ipv4.tcp_tw_reuse";
const TIMESTAMPS: &str = "net.ipv4.tcp_timestamps";

pub(super) const RANGE: &str = "net.ipv4.ip_local_port_range";
pub(super) const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "ports-exhaustion",
    looks_for: "a destination towards which the local ports run out",
    topic: Some("time-wait-many"),
    reads: &[Input::Sockets("local ports by destination"), Input::TcpExt("TW")],
    keys: &[RANGE, RESERVED, TW_REUSE, TIMESTAMPS],
    threshold: "70% of the usable ports towards one destination, critical from 90%: from 50% on the search walks both \
                parities, and 70% leaves time to act; or 30%, and none left within 10 minutes at the window's rate",
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
    let findings = sockets.ports.iter().filter_map(|row| crowded_destination(case, row, usable)).collect();
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

/// What there is to say of a destination: that its ports are nearly gone, or that they will be soon.
fn crowded_destination(case: &Case<'_>, row: &PortUse, usable: u64) -> Option<Finding> {
    let crowded = at_least_percent(row.used, usable, WARN_PERCENT);
    if !crowded && !at_least_percent(row.used, usable, FORECAST_PERCENT) {
        return None;
    }
    let left_ms = time_left_ms(case, row, usable);
    if !crowded && left_ms.is_none_or(|ms| ms > FORECAST_MS) {
        return None;
    }
    let destination = SocketAddr::new(row.destination, row.destination_port);
    let percent = row.used.saturating_mul(100) / usable;
    let severity = if percent >= CRITICAL_PERCENT { Severity::Critical } else { Severity::Warning };
    let left = left_ms.map(|ms| format!("{:#}", Micros(ms.saturating_mul(1000))));
    let forecast = left.as_ref().map(|left| format!(", none is left in {left} at this rate")).unwrap_or_default();
    let sentence =
        format!("{percent}% of the local ports to {destination} are taken ({} of {usable}){forecast}", row.used);
    let mut finding = Finding::new(&RULE, severity, sentence)
        .seen(format!("ports from {} in use", row.source), format!("{} of {usable}", row.used), SOCK_DIAG)
        .seen("of these in TIME-WAIT", row.time_wait.to_string(), SOCK_DIAG);
    if let Some(old) = before(case, row) {
        finding = finding.seen("in use in the reading before", old.used.to_string(), SOCK_DIAG);
    }
    if let Some(left) = left {
        finding = finding.seen("at the rate of this window none is left in", left, "sock_diag, both readings");
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
    Some(finding.settings(case, &[TW_REUSE]).because(cause).remedy(remedy))
}

/// Whether there is a destination of which it matters when its ports run out.
pub(in crate::diagnose) fn wants_rate(case: &Case<'_>) -> bool {
    let Ok(usable) = usable_ports(case) else { return false };
    case.sockets().is_ok_and(|sockets| {
        sockets.ports.iter().any(|row| at_least_percent(row.used, usable, FORECAST_PERCENT) && row.used < usable)
    })
}

/// The same destination in the older reading.
fn before<'a>(case: &Case<'a>, row: &PortUse) -> Option<&'a PortUse> {
    let same = |old: &&PortUse| {
        (old.source, old.destination, old.destination_port) == (row.source, row.destination, row.destination_port)
    };
    case.sockets_before().ok()?.ports.iter().find(same)
}

/// How long the ports last at the rate of the window, in milliseconds; nothing when they do not run out, or when the
/// older reading did not count them.
fn time_left_ms(case: &Case<'_>, row: &PortUse, usable: u64) -> Option<u64> {
    let (window_ms, old) = (case.window_ms().ok()?, before(case, row)?);
    let open = row.used.saturating_sub(row.time_wait);
    let opened = open.saturating_sub(old.used.saturating_sub(old.time_wait));
    if is_reused(case, row) {
        return after_ms(usable.saturating_sub(open), opened, window_ms);
    }
    let waiting_more = row.time_wait.saturating_sub(old.time_wait);
    let left = usable.saturating_sub(row.used);
    let most_waiting = most_in_time_wait(case, row, waiting_more, window_ms).max(row.time_wait);
    let both_ms = after_ms(left, opened + waiting_more, window_ms)?;
    // Until TIME-WAIT is as long as it gets, both grow; from then on what is open does alone.
    let room = most_waiting - row.time_wait;
    match after_ms(room, waiting_more, window_ms) {
        Some(full_ms) if full_ms < both_ms => after_ms(left.saturating_sub(room), opened, window_ms),
        _ => Some(both_ms),
    }
}

/// When so much is used up of which so much goes in one window.
pub(super) fn after_ms(left: u64, in_window: u64, window_ms: u64) -> Option<u64> {
    left.saturating_mul(window_ms).checked_div(in_window)
}

/// How many of this destination there are in TIME-WAIT when as many leave it as enter it: those that enter in 60 s. The
/// kernel counts who enters for all destinations together; this one's share of them is taken to be its share of those
/// that wait.
fn most_in_time_wait(case: &Case<'_>, row: &PortUse, waiting_more: u64, window_ms: u64) -> u64 {
    let all = case.sockets().map_or(0, |sockets| sockets.count(TcpState::TimeWait));
    let entered = case.tcp_ext_rise("TW").unwrap_or(0);
    let its_own = entered.saturating_mul(row.time_wait).checked_div(all.max(row.time_wait)).unwrap_or(0);
    its_own.max(waiting_more).saturating_mul(TIME_WAIT_MS) / window_ms.max(1)
}

/// Whether connect() may take a port in TIME-WAIT again after a second: `tcp_tw_reuse` 1 for all, 2 for loopback, and
/// with timestamps alone.
fn is_reused(case: &Case<'_>, row: &PortUse) -> bool {
    let with_timestamps = case.sysctl_number(TIMESTAMPS).is_ok_and(|value| value != 0);
    with_timestamps
        && match case.sysctl_number(TW_REUSE) {
            Ok(1) => true,
            Ok(2) => row.destination.is_loopback(),
            _ => false,
        }
}
