//! Data or a FIN in flight that nobody acknowledges.
//!
//! Mirrors: what `tcp_retransmit_timer()` leaves to be seen of `icsk_retransmits`, `icsk_backoff` and `icsk_rto`;
//! `tcp_update_rto_stats()`.
//!
//! Differs from the kernel: where the peer's window has shrunk to nothing under data in flight, nothing is forecast.

use super::machine::Machine;
use super::reading::{Age, Case, NOW_US, Reading};
use super::{Activity, Assumption, NextStep, Unless, WhyUnknown};
use crate::model::clock::{RetransmitClock, RetransmitExpiry};
use crate::model::rto::Timeouts;
use crate::model::wheel::ticks_to_us;
use crate::model::{Segment, SocketOptions};
use crate::units::{LiveInfo, TcpState};

/// `TCP_CA_Open`, `TCP_CA_CWR`: no loss is known.
const CA_OPEN: u8 = 0;
const CA_CWR: u8 = 2;
/// `TCP_CA_Loss`.
const CA_LOSS: u8 = 4;

/// A socket whose retransmission timer runs.
pub(super) fn in_flight(reading: &Reading<'_>) -> Case {
    let done = u32::from(reading.socket.retransmits);
    let activity = if done > 0 { Activity::Retransmitting } else { Activity::InFlight };
    let Some(info) = reading.info() else {
        let case = Case::unknown(activity, WhyUnknown::NoTcpInfo);
        return Case { done: Some(done), unless: Some(Unless::Acknowledged), ..case };
    };
    let orphan = reading.is_orphan();
    let begins = clocks(reading, info, done).into_iter().map(|clock| {
        reading.begin(Machine::Retransmit { clock, orphan, resends: resends(reading, info) }, u64::from(info.rto_us))
    });
    let mut assumptions = reading.known.assume(&["TCP_USER_TIMEOUT"]);
    if reading.version.at_least(6, 15) {
        assumptions.extend(reading.known.assume(&["TCP_RTO_MAX_MS"]));
    }
    if done == 0 && !orphan {
        assumptions.extend(reading.known.assume(&["TCP_THIN_LINEAR_TIMEOUTS"]));
    }
    assumptions.push(if orphan { Assumption::OrphansWithinLimits } else { Assumption::NoSoftError });
    let mut keys = Vec::new();
    if reading.options.user_timeout_ms == 0 {
        keys.push(if orphan { "net.ipv4.tcp_orphan_retries" } else { "net.ipv4.tcp_retries2" });
    }
    keys.extend((!reading.known.knows("TCP_RTO_MAX_MS")).then_some("net.ipv4.tcp_rto_max_ms"));
    let unknown = beyond(reading, info, done).then_some(WhyUnknown::Beyond("TCP_USER_TIMEOUT"));
    let shrank = info.snd_wnd == Some(0) && info.unacked > 0 && !orphan;
    Case {
        done: Some(done),
        begins: begins.collect(),
        outcome: reading.outcome(),
        unless: Some(Unless::Acknowledged),
        assumptions,
        keys,
        unknown: if shrank { Some(WhyUnknown::WindowShrank) } else { unknown },
        ..Case::staying(activity)
    }
}

/// What a timeout sends again, as far as that is known.
fn resends(reading: &Reading<'_>, info: &LiveInfo) -> NextStep {
    match reading.socket.state {
        TcpState::Estab | TcpState::CloseWait => NextStep::Send(Segment::Data),
        _ if info.unacked == 1 => NextStep::Send(Segment::Fin),
        _ => NextStep::Resend,
    }
}

/// The clocks that may be behind what is seen.
fn clocks(reading: &Reading<'_>, info: &LiveInfo, done: u32) -> Vec<RetransmitClock> {
    let (rto_us, backoff) = (u64::from(info.rto_us), u32::from(info.backoff));
    let before_us = rto_us.checked_shr(backoff).unwrap_or(0).max(1);
    let waits =
        Timeouts { rto_us: before_us, probe_us: None, probe_of_many_us: None, rto_max_us: reading.rto_max_us() };
    let clock = |timeouts| {
        let (thin, sysctl) = thin_linear(reading, done, backoff);
        let options = SocketOptions { thin_linear_timeouts: thin, ..reading.options };
        if sysctl == reading.settings.thin_linear_timeouts {
            RetransmitClock::sent(reading.settings, &options, reading.version, timeouts, true)
        } else {
            let settings = crate::model::Settings { thin_linear_timeouts: sysctl, ..reading.settings.clone() };
            RetransmitClock::sent(&settings, &options, reading.version, timeouts, true)
        }
    };
    if done == 0 {
        // Before the first timeout the timer may be that of a tail loss probe, or of what may only be late; the RTO
        // starts anew from there.
        let open = matches!(info.ca_state, CA_OPEN | CA_CWR);
        let probes = open && info.sack && (3..=4).contains(&reading.settings.early_retrans);
        let waits_for_late = !open && info.ca_state != CA_LOSS;
        let probing = Timeouts { probe_us: Some(rto_us), ..waits };
        let probing = (probes || waits_for_late).then(|| clock(probing));
        return probing.into_iter().chain([clock(waits)]).collect();
    }
    let age = reading.narrow_by_rto_time(age(reading, done, backoff, rto_us), Age::default());
    age.times_us().map(|stamp_us| clock(waits).resume(stamp_us.min(NOW_US), done, backoff, rto_us)).into()
}

/// Whether the last timeout should have been the end.
fn beyond(reading: &Reading<'_>, info: &LiveInfo, done: u32) -> bool {
    if done < 2 || reading.known.knows("TCP_USER_TIMEOUT") {
        return false;
    }
    // Since it waits for at most an RTO, that was at least so long ago.
    let waited_us = u64::from(info.rto_us).saturating_sub(reading.left_us());
    let orphan = reading.is_orphan();
    // The youngest row of timeouts that can be.
    clocks(reading, info, done).pop().is_some_and(|mut clock| {
        clock.expire(NOW_US - waited_us, ticks_to_us(1, reading.hz), orphan) == RetransmitExpiry::GiveUp
    })
}

/// How long ago the first timeout was: those after it waited half as long each, back from the present one, down to
/// what the RTO was before any backoff. Where it has reached its largest, nobody knows how often it was that.
fn age(reading: &Reading<'_>, done: u32, backoff: u32, rto_us: u64) -> Age {
    let largest = rto_us >= reading.rto_max_us();
    let past = (1..done).map(|retransmit| {
        let halvings = (done - retransmit).min(backoff);
        let halved_us = rto_us.checked_shr(halvings).unwrap_or(0);
        (halved_us, if largest { rto_us } else { halved_us })
    });
    reading.age_us(past, rto_us)
}

/// Whether timeouts leave the RTO as it is, by the option and by the sysctl: what has been seen of it says more.
fn thin_linear(reading: &Reading<'_>, done: u32, backoff: u32) -> (bool, bool) {
    match (done, backoff) {
        (0, _) => (reading.options.thin_linear_timeouts, reading.settings.thin_linear_timeouts),
        (_, backoff) => (backoff < done, false),
    }
}
