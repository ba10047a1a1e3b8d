//! What is left of a connection that is closed.
//!
//! Mirrors: `inet_twsk_diag_fill()`; what `tcp_time_wait()` and the FIN_WAIT_2 part of `tcp_keepalive_timer()` leave to
//! be seen.
//!
//! Differs from the kernel: a minisock's RTO is taken to be no longer than the first one of a connection, 1 s.

use super::machine::Machine;
use super::reading::{Case, ROUNDING_US, Reading};
use super::{Activity, Assumption, Unless, WhyUnknown};
use crate::model::Outcome;
use crate::model::clock::{FinWait2Life, TIME_WAIT_US, fin_wait2_life};
use crate::model::constants::TIMEOUT_INIT_US;
use crate::model::wheel::ticks_to_us;

/// TIME_WAIT.
pub(super) fn time_wait(reading: &Reading<'_>) -> Case {
    Case {
        begins: vec![reading.begin(Machine::Minisock, TIME_WAIT_US)],
        outcome: Outcome::Gone,
        unless: Some(Unless::Disturbed),
        ..Case::staying(Activity::TimeWait)
    }
}

/// FIN_WAIT_2 of an orphan, kept as a minisock or, at first, in a full socket.
pub(super) fn fin_wait_2(reading: &Reading<'_>, minisock: bool) -> Case {
    // A minisock does not tell its RTO, of which it was asked to wait 3.5 at the least.
    let rto_us = reading.info().map_or(TIMEOUT_INIT_US, |info| u64::from(info.rto_us));
    let (socket_us, minisock_us) = match fin_wait2_life(reading.settings, &reading.options, rto_us) {
        FinWait2Life::None => (0, None),
        FinWait2Life::Minisock { wait_us } => (wait_us, None),
        FinWait2Life::SocketThenMinisock { socket_us, minisock_us } => (socket_us, Some(minisock_us)),
    };
    let machine = if minisock { Machine::Minisock } else { Machine::FinWait2Socket(minisock_us) };
    let wait_us = if minisock { minisock_us.unwrap_or(socket_us) } else { socket_us };
    let mut assumptions = Vec::new();
    let mut keys = Vec::new();
    // Only what exceeds 60 s is waited for in a full socket, so that one of which the settings know nothing, or a longer
    // wait, comes from the option; how long the minisock waits after it is not told.
    let longest_us = if minisock_us.is_some() { socket_us + ticks_to_us(1, reading.hz) + ROUNDING_US } else { 0 };
    let beyond = !minisock && !reading.known.knows("TCP_LINGER2") && reading.left_us().max(1) > longest_us;
    if !minisock {
        assumptions.extend(reading.known.assume(&["TCP_LINGER2"]));
        assumptions.push(Assumption::OrphansWithinLimits);
        keys.extend((!reading.known.knows("TCP_LINGER2")).then_some("net.ipv4.tcp_fin_timeout"));
    }
    Case {
        begins: vec![reading.begin(machine, wait_us)],
        outcome: Outcome::Gone,
        unless: Some(Unless::PeerCloses),
        assumptions,
        keys,
        unknown: beyond.then_some(WhyUnknown::Beyond("TCP_LINGER2")),
        ..Case::staying(Activity::AwaitingFin)
    }
}
