//! A socket on which nothing is in flight: behind a closed window, or idle.
//!
//! Mirrors: what `tcp_probe_timer()` and `tcp_keepalive_timer()` leave to be seen.

use super::machine::Machine;
use super::reading::{Age, Case, NOW_US, Reading};
use super::{Activity, Assumption, Unless, WhyUnknown};
use crate::model::clock::{KeepaliveClock, ProbeClock};
use crate::model::rto::Timeouts;
use crate::model::wheel::ticks_to_us;
use crate::units::SocketTimer;

/// A socket whose timer of window probes runs.
pub(super) fn probing(reading: &Reading<'_>) -> Case {
    let unanswered = u32::from(reading.socket.retransmits);
    let Some(info) = reading.info() else {
        let case = Case::unknown(Activity::Probing, WhyUnknown::NoTcpInfo);
        return Case { done: Some(unanswered), unless: Some(Unless::ProbeAnswered), ..case };
    };
    let timeouts = Timeouts {
        rto_us: u64::from(info.rto_us),
        probe_us: None,
        probe_of_many_us: None,
        rto_max_us: reading.rto_max_us(),
    };
    let Reading { settings, options, version, .. } = *reading;
    let clock = ProbeClock::closed_window(settings, &options, version, timeouts);
    let (backoff, orphan) = (u32::from(info.backoff), reading.is_orphan());
    let interval_us = clock.clone().resume(None, unanswered, backoff).interval_us();
    let begin = |first_us| {
        let clock = clock.clone().resume(first_us, unanswered, backoff);
        reading.begin(Machine::Probe { clock, orphan }, interval_us)
    };
    let user_timeout_us = u64::from(options.user_timeout_ms) * 1000;
    let begins = match (unanswered, backoff, user_timeout_us) {
        (0, 0, _) => vec![begin(None)],
        (.., 0) => vec![begin(Some(NOW_US))],
        _ => begun(reading, &clock, unanswered, backoff).times_us().map(|us| begin(Some(us))).into(),
    };
    let mut assumptions = reading.known.assume(&["TCP_USER_TIMEOUT"]);
    if version.at_least(6, 15) {
        assumptions.extend(reading.known.assume(&["TCP_RTO_MAX_MS"]));
    }
    assumptions.push(if orphan { Assumption::OrphansWithinLimits } else { Assumption::NoSoftError });
    let mut keys = vec!["net.ipv4.tcp_retries2"];
    keys.extend(orphan.then_some("net.ipv4.tcp_orphan_retries"));
    keys.extend((!reading.known.knows("TCP_RTO_MAX_MS")).then_some("net.ipv4.tcp_rto_max_ms"));
    Case {
        done: Some(unanswered),
        begins,
        outcome: reading.outcome(),
        unless: Some(Unless::ProbeAnswered),
        assumptions,
        keys,
        ..Case::staying(Activity::Probing)
    }
}

/// How long ago the first of these probes was due, from which `TCP_USER_TIMEOUT` counts: nothing tells it. Each probe
/// without an answer took its wait, and the timer is never armed for later than the end.
fn begun(reading: &Reading<'_>, clock: &ProbeClock, unanswered: u32, backoff: u32) -> Age {
    let wait_us = |backoff: u32| clock.clone().resume(None, unanswered, backoff).interval_us();
    let past = (1..unanswered).map(|probe| wait_us(backoff.saturating_sub(probe))).sum::<u64>();
    let (tick_us, left_us) = (ticks_to_us(1, reading.hz), reading.left_us());
    let overdue_us = reading.overdue_us(wait_us(backoff));
    let user_timeout_us = u64::from(reading.options.user_timeout_ms) * 1000;
    let most_us = if reading.version.at_least(5, 11) {
        // Two ticks are waited for in any case.
        user_timeout_us.saturating_sub(left_us) + 3 * tick_us
    } else {
        (user_timeout_us + wait_us(backoff)).saturating_sub(left_us)
    };
    let least_us = (past + wait_us(backoff)).min(user_timeout_us).saturating_sub(left_us + tick_us);
    Age { least_us: if unanswered == 0 { 0 } else { least_us.min(most_us) }, most_us: most_us + overdue_us }
}

/// A socket on which nothing moves, with `SO_KEEPALIVE`.
pub(super) fn watched(reading: &Reading<'_>) -> Case {
    let Reading { settings, options, .. } = *reading;
    let probes = u32::from(reading.socket.retransmits);
    let clock = |heard_us| KeepaliveClock::idle_since(settings, &options, heard_us).resume(probes);
    let present = clock(NOW_US);
    // A probe that was answered leaves no count, but its wait.
    let idle_us = if probes == 0 { present.first_wait_us() } else { 0 };
    let wait_us = present.interval_us().max(idle_us);
    let tick_us = ticks_to_us(1, reading.hz);
    let age = match reading.info() {
        Some(info) => {
            let heard_ms = info.last_data_recv_ms.min(info.last_ack_recv_ms);
            let heard_us = u64::from(heard_ms) * 1000;
            Age { least_us: heard_us, most_us: heard_us + tick_us + 1000 }
        }
        None => {
            let most_us = present.first_wait_us().max(wait_us).saturating_sub(reading.left_us());
            Age { least_us: 0, most_us: most_us + reading.overdue_us(wait_us) + tick_us }
        }
    };
    let beyond = |name: &'static str, is_beyond: bool| {
        (is_beyond && !reading.known.knows(name)).then_some(WhyUnknown::Beyond(name))
    };
    let option = if probes == 0 { "TCP_KEEPIDLE" } else { "TCP_KEEPINTVL" };
    // A probe goes out when nothing was heard for the idle time, and not before.
    let early = probes > 0 && age.most_us < present.first_wait_us();
    let unknown = beyond("TCP_KEEPIDLE", early);
    let unknown = unknown.or_else(|| beyond(option, reading.left_us() > wait_us + tick_us));
    let counted = present.most_probes().is_some_and(|most| probes > most);
    let unknown = unknown.or_else(|| beyond("TCP_KEEPCNT", counted));
    let names = ["TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT"];
    let sysctls = [
        ("TCP_KEEPIDLE", "net.ipv4.tcp_keepalive_time"),
        ("TCP_KEEPINTVL", "net.ipv4.tcp_keepalive_intvl"),
        ("TCP_KEEPCNT", "net.ipv4.tcp_keepalive_probes"),
    ];
    let keys = sysctls.into_iter().filter(|(name, _)| !reading.known.knows(name)).map(|(_, key)| key).collect();
    let begins = age.times_us().map(|heard_us| reading.begin(Machine::Keepalive(clock(heard_us)), wait_us));
    Case {
        done: Some(probes),
        begins: begins.into(),
        outcome: reading.outcome(),
        unless: Some(Unless::Heard),
        assumptions: reading.known.assume(&names),
        keys,
        unknown,
        ..Case::staying(if probes == 0 { Activity::Watched } else { Activity::KeepaliveProbing })
    }
}

/// A socket that no timer ends, in whatever state: by itself it never does. A delayed ACK hides keepalive.
pub(super) fn quiet(reading: &Reading<'_>, activity: Activity) -> Case {
    let assumptions = match reading.socket.timer {
        SocketTimer::Other(_) => vec![Assumption::Unset("SO_KEEPALIVE")],
        _ => Vec::new(),
    };
    Case { assumptions, ..Case::staying(activity) }
}
