//! A socket that is opening: its SYN or SYN-ACK is not answered.
//!
//! Mirrors: what `tcp_connect()`, `tcp_retransmit_timer()` and `reqsk_timer_handler()` leave to be seen.
//!
//! Differs from the kernel: a child of Fast Open, which is in SYN_RECV as a full socket too, is taken for one of a
//! simultaneous open.

use super::machine::Machine;
use super::reading::{Age, Case, Reading};
use super::{Activity, Assumption, Unless, WhyUnknown};
use crate::model::clock::{QueueFill, SynAckClock, SynClock, SynExpiry};
use crate::model::{Outcome, SocketOptions};

/// A queue in which no entry is pruned.
const QUIET: QueueFill = QueueFill { half_open: 1, young: 0, backlog: 128 };

/// More than any socket can ask for, so that a clock which is only asked for its waits never gives up.
const RETRIES_WITHOUT_END: u8 = u8::MAX;

/// SYN_SENT, or SYN_RECV of a full socket.
pub(super) fn connecting(reading: &Reading<'_>, opened: bool) -> Case {
    let Reading { settings, options, version, .. } = *reading;
    let clock = |options: &SocketOptions| SynClock::connect(settings, options, version, reading.rto_max_us(), 0);
    let done = u32::from(reading.socket.retransmits);
    // With the peer's SYN the linear timeouts end, at a time that is not known.
    let linear = clock(&without_end(&options));
    let (fewest, rto_us) = waits_us(linear, done, false);
    let longest = if opened { waits_us(clock(&without_end(&options)), done, true).0 } else { fewest.clone() };
    let rto_us = reading.info().map_or(rto_us, |info| u64::from(info.rto_us));
    let past = fewest.iter().copied().zip(longest.iter().copied());
    let mut age = reading.age_us(past.clone(), rto_us);
    if let Some((least_us, most_us)) = past.clone().next() {
        // The first wait comes before the first timeout.
        let before = Age { least_us, most_us: most_us + reading.late_us(most_us) };
        age = reading.narrow_by_rto_time(age, before);
    }
    let resumed = clock(&options);
    let begins = age.times_us().map(|first_us| {
        let clock = resumed.clone().resume(first_us, done, rto_us);
        reading.begin(Machine::Syn { clock, opened }, rto_us)
    });
    let mut assumptions = reading.known.assume(&["TCP_SYNCNT", "TCP_USER_TIMEOUT"]);
    if version.at_least(6, 15) {
        assumptions.extend(reading.known.assume(&["TCP_RTO_MAX_MS"]));
    }
    assumptions.push(Assumption::NoSoftError);
    let unset = ["TCP_SYNCNT", "TCP_USER_TIMEOUT"].into_iter().find(|name| !reading.known.knows(name));
    let beyond = unset.filter(|_| !reaches(resumed, done, opened));
    let mut keys = vec!["net.ipv4.tcp_syn_linear_timeouts"];
    keys.extend((!reading.known.knows("TCP_SYNCNT")).then_some("net.ipv4.tcp_syn_retries"));
    keys.extend((!reading.known.knows("TCP_RTO_MAX_MS")).then_some("net.ipv4.tcp_rto_max_ms"));
    Case {
        done: Some(done),
        begins: begins.into(),
        outcome: reading.outcome(),
        unless: Some(Unless::Answered),
        assumptions,
        keys,
        unknown: beyond.map(WhyUnknown::Beyond),
        ..Case::staying(Activity::Connecting)
    }
}

/// The same options without an end of their own.
const fn without_end(options: &SocketOptions) -> SocketOptions {
    SocketOptions { syncnt: Some(RETRIES_WITHOUT_END), user_timeout_ms: 0, ..*options }
}

/// The waits before so many retransmissions, and the RTO after them.
fn waits_us(mut clock: SynClock, done: u32, opened: bool) -> (Vec<u64>, u64) {
    let (mut now_us, mut wait_us, mut waits) = (0, clock.first_wait_us(), Vec::new());
    for _ in 0..done {
        now_us += wait_us;
        waits.push(wait_us);
        let SynExpiry::Resend { wait_us: next_us } = clock.expire(now_us, 1, opened) else { break };
        wait_us = next_us;
    }
    (waits, clock.rto_us())
}

/// Whether so many retransmissions come at all before the clock gives up. Real timers are later, and give up sooner.
fn reaches(mut clock: SynClock, done: u32, opened: bool) -> bool {
    let mut now_us = clock.first_wait_us();
    (0..done).all(|_| match clock.expire(now_us, 1, opened) {
        SynExpiry::Resend { wait_us } => {
            now_us += wait_us;
            true
        }
        SynExpiry::GiveUp => false,
    })
}

/// SYN_RECV of a request socket. The kernel tells how many SYN-ACKs were sent again, by the timer or since another
/// copy of the SYN came, but its waits depend on the timers alone.
pub(super) fn half_open(reading: &Reading<'_>) -> Case {
    let Reading { settings, options, version, .. } = *reading;
    let clock = SynAckClock::request(settings, &options, version);
    let sent_again = u32::from(reading.socket.retransmits);
    let wait_us = |timeouts: u32| clock.clone().resume(timeouts).wait_us();
    let least = (0..u32::from(u8::MAX)).find(|timeouts| {
        wait_us(*timeouts) + reading.late_us(0) >= reading.left_us() || wait_us(*timeouts + 1) == wait_us(*timeouts)
    });
    let least = least.unwrap_or(sent_again);
    let begin = |timeouts: u32, acknowledged: bool| {
        let mut clock = clock.clone().resume(timeouts);
        if acknowledged {
            clock.acknowledged();
        }
        reading.begin(Machine::SynAck { clock, fill: QUIET }, wait_us(timeouts))
    };
    // With TCP_DEFER_ACCEPT some timers send nothing, once the peer has acknowledged.
    let mut begins: Vec<_> = (least..=least.max(sent_again)).map(|timeouts| begin(timeouts, false)).collect();
    if clock.deferred() > 0 {
        let most = sent_again + clock.deferred();
        begins.extend((least..=most.max(least)).map(|timeouts| begin(timeouts, true)));
    }
    let unset = |name: &'static str| (!reading.known.knows(name)).then_some(Assumption::UnsetOnListener(name));
    let mut assumptions: Vec<_> = ["TCP_SYNCNT", "TCP_DEFER_ACCEPT"].into_iter().filter_map(unset).collect();
    assumptions.extend([Assumption::QueueHalfEmpty, Assumption::NoSecondSyn]);
    let mut keys = Vec::new();
    keys.extend((!reading.known.knows("TCP_SYNCNT")).then_some("net.ipv4.tcp_synack_retries"));
    keys.extend(version.at_least(6, 19).then_some("net.ipv4.tcp_rto_max_ms"));
    Case {
        done: Some(sent_again),
        begins,
        outcome: Outcome::Gone,
        unless: Some(Unless::Completed),
        assumptions,
        keys,
        ..Case::staying(Activity::HalfOpen)
    }
}
