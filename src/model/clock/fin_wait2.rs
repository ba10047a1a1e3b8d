//! The clock of FIN_WAIT_2 after close(), when the peer's FIN never comes.
//!
//! Mirrors: the FIN_WAIT_1 part of `tcp_rcv_state_process()`, `tcp_fin_time()`, the FIN_WAIT_2 part of
//! `tcp_keepalive_timer()`, and `tcp_time_wait()`; the same from 4.14 to 6.18.
//!
//! Differs from the kernel: takes it that the ACK of the FIN carries no FIN and finds the socket unlocked, else a
//! wait of up to 60 s is spent in a full socket and ends with a RST.

use crate::model::constants::{FIN_TIMEOUT_MAX_US, TIMEWAIT_LEN_US};
use crate::model::{Settings, SocketOptions};

/// The timers that FIN_WAIT_2 goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinWait2Life {
    /// No FIN_WAIT_2 at all: close() answers with a RST (`TCP_LINGER2` below 0).
    None,
    /// A minisock for so long, in microseconds.
    Minisock {
        /// Its timer.
        wait_us: u64,
    },
    /// First a full socket, then a minisock, each for so long: asked-for times above 60 s.
    SocketThenMinisock {
        /// The full socket's timer.
        socket_us: u64,
        /// The minisock's timer.
        minisock_us: u64,
    },
}

/// How an orphan's FIN_WAIT_2 ends (a socket that its application still holds stays in it for ever), for a socket whose RTO is `rto_us`.
#[must_use]
pub fn fin_wait2_life(settings: &Settings, options: &SocketOptions, rto_us: u64) -> FinWait2Life {
    let asked_us = match options.linger2_s {
        Some(below) if below < 0 => return FinWait2Life::None,
        Some(0) | None => u64::try_from(settings.fin_timeout_s).unwrap_or(0).saturating_mul(1_000_000),
        Some(seconds) => u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000).min(FIN_TIMEOUT_MAX_US),
    };
    // tcp_fin_time(): never shorter than 3.5 RTO, so that the peer's FIN has a chance.
    let least_us = rto_us.saturating_mul(7) / 2;
    let fin_time_us = asked_us.max(least_us);
    match fin_time_us.checked_sub(TIMEWAIT_LEN_US) {
        // The full socket waits for what exceeds 60 s, and the minisock for the same time again.
        Some(above_us) if above_us > 0 => {
            FinWait2Life::SocketThenMinisock { socket_us: above_us, minisock_us: above_us.max(least_us) }
        }
        _ => FinWait2Life::Minisock { wait_us: fin_time_us },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nominal life in seconds.
    fn life_s(fin_timeout_s: i64, linger2_s: Option<i32>) -> Option<u64> {
        let settings = Settings { fin_timeout_s, ..Settings::default() };
        let options = SocketOptions { linger2_s, ..SocketOptions::default() };
        match fin_wait2_life(&settings, &options, 204_000) {
            FinWait2Life::Minisock { wait_us } => Some(wait_us / 1_000_000),
            FinWait2Life::SocketThenMinisock { socket_us, minisock_us } => Some((socket_us + minisock_us) / 1_000_000),
            FinWait2Life::None => None,
        }
    }

    #[test]
    fn above_60_s_the_life_is_twice_what_exceeds_60() {
        assert_eq!([1, 5, 60, 70, 90, 120].map(|s| life_s(s, None)), [1, 5, 60, 20, 60, 120].map(Some));
        assert_eq!(life_s(61, None), Some(2));
    }

    #[test]
    fn linger2_overrides_and_a_negative_one_skips_the_state() {
        assert_eq!(life_s(60, Some(5)), Some(5));
        assert_eq!(life_s(60, Some(100)), Some(80));
        assert_eq!(life_s(60, Some(-1)), None);
        assert_eq!(life_s(30, Some(0)), Some(30));
    }

    #[test]
    fn nothing_is_shorter_than_three_and_a_half_rto() {
        let settings = Settings { fin_timeout_s: -5, ..Settings::default() };
        assert_eq!(
            fin_wait2_life(&settings, &SocketOptions::default(), 204_000),
            FinWait2Life::Minisock { wait_us: 714_000 }
        );
    }
}
