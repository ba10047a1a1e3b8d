//! Local ports that run out towards one destination.
//!
//! `__inet_hash_connect` takes a port of `ip_local_port_range` that is not reserved and whose tuple (source,
//! destination, port) is free. When there is none, connect() fails with EADDRNOTAVAIL and **no counter moves**, so only
//! counting sockets tells.
//!
//! What grows is what is open, without an end, and what waits in TIME-WAIT, up to as many as enter it in 60 s: a host
//! that has just begun to close first is no host whose ports run out. Where TIME-WAIT may be taken again after a second
//! (`tcp_tw_reuse`, `tcp_twsk_unique`), only what entered it in the last second holds up anybody: a busy client may well
//! have a TIME-WAIT on every port and open as many connections as it likes.

use std::net::SocketAddr;

use crate::diagnose::case::{at_least_percent, process_name};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::model::KnownSettings;
use crate::snapshot::{PortUse, Snapshot, Sockets};
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
const TW_REUSE_DELAY: &str = "net.ipv4.tcp_tw_reuse_delay";
const TIMESTAMPS: &str = "net.ipv4.tcp_timestamps";
const TW_BUCKETS: &str = "net.ipv4.tcp_max_tw_buckets";

pub(super) const RANGE: &str = "net.ipv4.ip_local_port_range";
pub(super) const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "ports-exhaustion",
    looks_for: "a destination towards which the local ports run out",
    topic: Some("time-wait-many"),
    reads: &[Input::Sockets("local ports by destination"), Input::TcpExt("TW"), Input::Sockstat("tw")],
    keys: &[RANGE, RESERVED, TW_REUSE, TW_REUSE_DELAY, TIMESTAMPS, TW_BUCKETS],
    threshold: "70% of the usable ports towards one destination, critical from 90%: from 50% on the search walks both \
                parities, and 70% leaves time to act; or 30%, and none left within 10 minutes at the window's rate; \
                TIME-WAIT that connect() may take again (tcp_tw_reuse) counts for tcp_tw_reuse_delay only",
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
    let ports = sockets.counted_ports().ok_or("the use of ports was not counted")?;
    let usable = usable_ports(case)?;
    let findings = ports.iter().filter_map(|row| crowded_destination(case, row, usable)).collect();
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

/// How many ports of a destination connect() cannot take.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Ports that no TIME-WAIT holds.
    open: u64,
    /// All together.
    all: u64,
    /// Whether TIME-WAIT may be taken again before it ends.
    reused: bool,
}

impl Held {
    fn of(case: &Case<'_>, row: &PortUse) -> Self {
        let open = row.used.saturating_sub(row.time_wait);
        let held_ms = held_ms(case, row).unwrap_or(TIME_WAIT_MS);
        if held_ms >= TIME_WAIT_MS {
            return Self { open, all: row.used, reused: false };
        }
        let kept = half_closed(case, row).saturating_add(entered(case, row, held_ms)).min(row.time_wait);
        Self { open, all: open.saturating_add(kept), reused: true }
    }
}

/// How long TIME-WAIT keeps a port towards this destination from connect(), as the model says; nothing when that is not
/// known.
fn held_ms(case: &Case<'_>, row: &PortUse) -> Option<u64> {
    let known = KnownSettings::new(&case.now().sysctls.values(), |key| case.now().has_key(key));
    let is_loopback = |address: std::net::IpAddr| address.to_canonical().is_loopback();
    known.port_held_ms(case.now().kernel.version?, is_loopback(row.destination) || is_loopback(row.source))
}

/// This destination's share of something that is known of all that wait.
fn share_of_waiting(case: &Case<'_>, row: &PortUse, of_all: u64) -> u64 {
    let waiting = case.sockets().map_or(0, |sockets| sockets.count(TcpState::TimeWait));
    let all = waiting.saturating_add(orphans_waiting(case)).max(row.time_wait);
    of_all.saturating_mul(row.time_wait).div_ceil(all.max(1))
}

/// Orphans in FIN-WAIT-2 that are kept where TIME-WAIT is (`tcp_time_wait`).
fn orphans_waiting(case: &Case<'_>) -> u64 {
    let waiting = case.sockets().map_or(0, |sockets| sockets.count(TcpState::TimeWait));
    case.sockstat_tcp("tw").map_or(0, |all| all.saturating_sub(waiting))
}

/// Of these this destination's share: they are not taken again (`tcp_twsk_unique`, 6.10).
fn half_closed(case: &Case<'_>, row: &PortUse) -> u64 {
    share_of_waiting(case, row, orphans_waiting(case))
}

/// How many of this destination have entered TIME-WAIT lately, at the rate of the window; none where there is no rate.
fn entered(case: &Case<'_>, row: &PortUse, lately_ms: u64) -> u64 {
    let (Ok(entered), Ok(window_ms)) = (case.tcp_ext_rise("TW"), case.window_ms()) else { return 0 };
    share_of_waiting(case, row, entered).saturating_mul(lately_ms).div_ceil(window_ms)
}

/// What there is to say of a destination: that its ports are nearly gone, or that they will be soon.
fn crowded_destination(case: &Case<'_>, row: &PortUse, usable: u64) -> Option<Finding> {
    let held = Held::of(case, row);
    let crowded = at_least_percent(held.all, usable, WARN_PERCENT);
    if !crowded && !at_least_percent(held.all, usable, FORECAST_PERCENT) {
        return None;
    }
    let left_ms = time_left_ms(case, row, held, usable);
    if !crowded && left_ms.is_none_or(|ms| ms > FORECAST_MS) {
        return None;
    }
    let destination = SocketAddr::new(row.destination, row.destination_port);
    let percent = held.all.saturating_mul(100) / usable;
    let severity = if percent >= CRITICAL_PERCENT { Severity::Critical } else { Severity::Warning };
    let left = left_ms.map(|ms| format!("{:#}", Micros(ms.saturating_mul(1000))));
    let forecast = left.as_ref().map(|left| format!(", none is left in {left} at this rate")).unwrap_or_default();
    let who = match row.processes.as_slice() {
        [] => String::new(),
        [one] => format!(" by {}", process_name(one)),
        [one, ..] => format!(" by {} and others", process_name(one)),
    };
    let sentence =
        format!("{percent}% of the local ports to {destination} are taken{who} ({} of {usable}){forecast}", held.all);
    let mut finding = Finding::new(&RULE, severity, sentence)
        .seen(format!("ports from {} in use", row.source), format!("{} of {usable}", row.used), source::ENDS)
        .seen("of these in TIME-WAIT", row.time_wait.to_string(), source::ENDS);
    if held.reused {
        let taken = "that connect() cannot take now: open, or in TIME-WAIT for less than tcp_tw_reuse_delay";
        finding = finding.seen(taken, held.all.to_string(), "sock_diag idiag_state and /proc/net/netstat TcpExt TW");
    }
    for process in &row.processes {
        let held = format!("one of {} open sockets looked at, or more", row.inodes.len());
        finding = finding.seen(format!("held by {}", process_name(process)), held, source::HOLDERS);
    }
    if let Some(old) = before(case, row) {
        finding = finding.seen("in use in the reading before", old.used.to_string(), source::ENDS);
    }
    if let Some(left) = left {
        finding = finding.seen("at the rate of this window none is left in", left, source::ENDS);
    }
    let mostly_waiting = row.time_wait.saturating_mul(2) >= row.used && !held.reused;
    let (cause, remedy) = if mostly_waiting {
        (
            "this host closes its connections first and keeps each port in TIME-WAIT for 60s, which no process holds: \
             usable ports / 60s is the most it can open a second",
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
        sockets.ports.iter().any(|row| {
            let held = Held::of(case, row).all;
            at_least_percent(held, usable, FORECAST_PERCENT) && held < usable
        })
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
fn time_left_ms(case: &Case<'_>, row: &PortUse, held: Held, usable: u64) -> Option<u64> {
    let (window_ms, old) = (case.window_ms().ok()?, before(case, row)?);
    let open = held.open;
    let opened = open.saturating_sub(old.used.saturating_sub(old.time_wait));
    if held.reused {
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

/// When the local ports towards a destination are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortsEnd {
    /// There is no older reading to tell by, or the destination is not in it.
    Unknown,
    /// Not at this rate.
    Never,
    /// So long after the newer reading.
    After {
        /// Milliseconds.
        ms: u64,
    },
}

/// A destination, and when the local ports towards it are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortsLeft<'a> {
    /// The destination.
    pub row: &'a PortUse,
    /// When none is left.
    pub end: PortsEnd,
}

/// Every destination of the newer reading, the one with the most ports in use first. Nothing where they were not counted.
#[must_use]
pub fn ports_left<'a>(now: &'a Snapshot, before: Option<&'a Snapshot>) -> Vec<PortsLeft<'a>> {
    let case = Case::new(now, before);
    let Some(ports) = now.sockets.as_ref().and_then(Sockets::counted_ports) else {
        return Vec::new();
    };
    let usable = usable_ports(&case).ok();
    let left = |row| {
        let told = usable.filter(|_| case.window_ms().is_ok() && self::before(&case, row).is_some());
        let end = match told.map(|usable| time_left_ms(&case, row, Held::of(&case, row), usable)) {
            None => PortsEnd::Unknown,
            Some(None) => PortsEnd::Never,
            Some(Some(ms)) => PortsEnd::After { ms },
        };
        PortsLeft { row, end }
    };
    let mut all: Vec<PortsLeft<'a>> = ports.iter().map(left).collect();
    all.sort_by_key(|one| {
        (core::cmp::Reverse(one.row.used), one.row.source, one.row.destination, one.row.destination_port)
    });
    all
}

/// When so much is used up of which so much goes in one window.
pub(super) fn after_ms(left: u64, in_window: u64, window_ms: u64) -> Option<u64> {
    left.saturating_mul(window_ms).checked_div(in_window)
}

/// How many of this destination there are in TIME-WAIT when as many leave it as enter it: those that enter in 60 s. The
/// kernel counts who enters for all destinations together; this one's share of them is taken to be its share of those
/// that wait.
fn most_in_time_wait(case: &Case<'_>, row: &PortUse, waiting_more: u64, window_ms: u64) -> u64 {
    let its_own = case.tcp_ext_rise("TW").map_or(0, |entered| share_of_waiting(case, row, entered));
    its_own.max(waiting_more).saturating_mul(TIME_WAIT_MS) / window_ms.max(1)
}
