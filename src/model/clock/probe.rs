//! The clock of a peer whose window is closed.
//!
//! Mirrors: `tcp_probe_timer()`, `tcp_send_probe0()`, `tcp_ack_probe()`, `tcp_probe0_when()`.
//!
//! Differs from the kernel: nothing is in flight (with data in flight the retransmission timer rules), and the
//! shift of the backoff is bounded as in newer kernels; in older ones a huge `tcp_retries2` overflowed it.

use crate::model::constants::RTO_MIN_US;
use crate::model::rto::Timeouts;
use crate::model::{Settings, SocketOptions};
use crate::units::KernelVersion;

/// What 0 stands for in `tcp_orphan_retries` while the peer may be alive.
const ORPHAN_RETRIES_OF_ZERO: u32 = 8;
/// Largest shift of the interval.
const SHIFT_MAX: u32 = 10;

/// The clock of one connection with data queued behind a closed window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeClock {
    timeouts: Timeouts,
    retries2: u32,
    orphan_retries: u32,
    user_timeout_us: u64,
    /// Whether the wait is cut to `TCP_USER_TIMEOUT` (344db93ae3ee, 5.11).
    cuts: bool,
    /// When the timer first fired (`icsk_probes_tstamp`).
    first_us: Option<u64>,
    backoff: u32,
    /// Probes since the peer was last heard.
    unanswered: u32,
}

/// What the kernel does when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeExpiry {
    /// Sends a probe and waits that long, in microseconds.
    Probe {
        /// The next wait.
        wait_us: u64,
    },
    /// Fails the connection with ETIMEDOUT.
    GiveUp,
}

impl ProbeClock {
    /// The clock as a closed window starts it.
    #[must_use]
    pub fn closed_window(
        settings: &Settings,
        options: &SocketOptions,
        version: KernelVersion,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            timeouts,
            retries2: settings.retries2,
            orphan_retries: settings.orphan_retries,
            user_timeout_us: u64::from(options.user_timeout_ms) * 1000,
            cuts: version.at_least(5, 11),
            first_us: None,
            backoff: 0,
            unanswered: 0,
        }
    }

    /// The clock of a connection that has probed since `first_us` (nothing before the first timer), so often without an
    /// answer, with so many doublings of the interval.
    pub(crate) fn resume(self, first_us: Option<u64>, unanswered: u32, backoff: u32) -> Self {
        Self { first_us, unanswered, backoff, ..self }
    }

    /// What sock_diag shows of it.
    #[cfg(test)]
    pub(crate) const fn shown(&self) -> (u32, u32, u64) {
        (self.unanswered, self.backoff, self.timeouts.rto_us)
    }

    /// Whether its timer has fired.
    pub(crate) const fn has_begun(&self) -> bool {
        self.first_us.is_some()
    }

    /// The socket has these options from now on.
    pub(crate) fn take_options(&mut self, options: &SocketOptions, timeouts: Timeouts) {
        self.user_timeout_us = u64::from(options.user_timeout_ms) * 1000;
        self.timeouts = timeouts;
    }

    /// The wait at the present backoff, in microseconds.
    pub(crate) fn interval_us(&self) -> u64 {
        let base_us = self.timeouts.rto_us.max(RTO_MIN_US);
        base_us.saturating_mul(1 << self.backoff.min(SHIFT_MAX)).min(self.timeouts.rto_max_us)
    }

    /// The timer fires at `now_us`; `tick_us` is the shortest wait there is. An orphan is a socket that its
    /// application has closed.
    pub fn expire(&mut self, now_us: u64, tick_us: u64, orphan: bool) -> ProbeExpiry {
        let first_us = *self.first_us.get_or_insert(now_us);
        let elapsed_us = now_us.saturating_sub(first_us);
        if self.user_timeout_us > 0 && elapsed_us > 0 && elapsed_us >= self.user_timeout_us {
            return ProbeExpiry::GiveUp;
        }
        let mut most = self.retries2;
        if orphan {
            let alive = self.interval_us() < self.timeouts.rto_max_us;
            most = if self.orphan_retries == 0 && alive { ORPHAN_RETRIES_OF_ZERO } else { self.orphan_retries };
            if !alive && self.backoff >= most {
                return ProbeExpiry::GiveUp;
            }
        }
        if self.unanswered >= most {
            return ProbeExpiry::GiveUp;
        }
        self.unanswered += 1;
        if self.backoff < self.retries2 {
            self.backoff += 1;
        }
        ProbeExpiry::Probe { wait_us: self.cut_to_user_timeout(elapsed_us, tick_us) }
    }

    /// The peer answers a probe at `now_us` and its window is still closed: returns the wait from then on.
    pub fn answered(&mut self, now_us: u64, tick_us: u64) -> u64 {
        self.unanswered = 0;
        self.cut_to_user_timeout(now_us.saturating_sub(self.first_us.unwrap_or(now_us)), tick_us)
    }

    /// `tcp_clamp_probe0_to_user_timeout()`: not less than two ticks.
    fn cut_to_user_timeout(&self, elapsed_us: u64, tick_us: u64) -> u64 {
        match self.user_timeout_us {
            _ if !self.cuts => self.interval_us(),
            0 => self.interval_us(),
            user_timeout_us => self.interval_us().min(user_timeout_us.saturating_sub(elapsed_us).max(2 * tick_us)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Endpoint;
    use crate::model::rto::{RoundTrips, timeouts};
    use crate::units::Hz;

    fn clock(retries2: u32, user_timeout_ms: u32) -> ProbeClock {
        clock_of(KernelVersion::new(6, 18), retries2, user_timeout_ms)
    }

    fn clock_of(version: KernelVersion, retries2: u32, user_timeout_ms: u32) -> ProbeClock {
        let settings = Settings { retries2, ..Settings::default() };
        let options = SocketOptions { user_timeout_ms, ..SocketOptions::default() };
        let end = Endpoint { settings: settings.clone(), options, measured: None };
        let timeouts = timeouts(&end, version, RoundTrips::of_handshake(50), Hz::new(250).expect("a tick rate"));
        ProbeClock::closed_window(&settings, &options, version, timeouts)
    }

    #[test]
    fn a_silent_peer_costs_as_many_probes_as_retries2() {
        let mut clock = clock(5, 0);
        let (mut now_us, mut probes) = (0, 0);
        while let ProbeExpiry::Probe { wait_us } = clock.expire(now_us, 4000, false) {
            probes += 1;
            now_us += wait_us;
        }
        // 0.408 + 0.816 + 1.632 + 3.264 + 6.528 s after the first probe.
        assert_eq!((probes, now_us / 1000), (5, 12_648));
    }

    #[test]
    fn an_answering_peer_is_probed_for_ever_at_an_interval_that_retries2_bounds() {
        let mut clock = clock(3, 0);
        let mut now_us = 0;
        for _ in 0..100 {
            assert!(matches!(clock.expire(now_us, 4000, false), ProbeExpiry::Probe { .. }));
            now_us += clock.answered(now_us, 4000);
        }
        assert_eq!(clock.answered(now_us, 4000), 1_632_000);
    }

    #[test]
    fn user_timeout_ends_it_even_if_the_peer_answers() {
        let mut clock = clock(15, 6000);
        let mut now_us = 0;
        while let ProbeExpiry::Probe { .. } = clock.expire(now_us, 4000, false) {
            now_us += clock.answered(now_us, 4000);
        }
        assert_eq!(now_us, 6_000_000);
    }

    #[test]
    fn before_5_11_user_timeout_is_looked_at_when_a_probe_is_due_anyway() {
        let mut clock = clock_of(KernelVersion::new(5, 10), 15, 6000);
        let mut now_us = 0;
        while let ProbeExpiry::Probe { wait_us } = clock.expire(now_us, 4000, false) {
            now_us += wait_us;
        }
        assert_eq!(now_us / 1000, 6120);
    }
}
