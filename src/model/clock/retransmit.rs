//! The clock of segments that nobody acknowledges: data, or a FIN.
//!
//! Mirrors: `tcp_retransmit_timer()`, `tcp_write_timeout()`, `retransmits_timed_out()`, `tcp_orphan_retries()` and
//! `tcp_send_loss_probe()`. The limit is a time, counted from the first retransmission that the RTO timer sent
//! (`retrans_stamp`), not from the first transmission and not in packets.
//!
//! Differs from the kernel: no local transmit failures, a soft error does not shorten the life of an orphan whose
//! RTO is at its largest, no memory pressure, no
//! spurious-timeout detection; one flight is out and nothing of it is acknowledged.

use crate::model::constants::RTO_MIN_US;
use crate::model::rto::Timeouts;
use crate::model::timeout::{cut_to_user_timeout, model_timeout_us};
use crate::model::{Settings, SocketOptions};
use crate::units::KernelVersion;

/// `TCP_THIN_LINEAR_RETRIES`.
const THIN_LINEAR_RETRIES: u32 = 6;
/// What 0 stands for in `tcp_orphan_retries` while the peer may be alive.
const ORPHAN_RETRIES_OF_ZERO: u32 = 8;

/// The clock of one flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetransmitClock {
    timeouts: Timeouts,
    /// `tcp_retries2`.
    retries2: u32,
    /// `tcp_orphan_retries`.
    orphan_retries: u32,
    user_timeout_us: u64,
    /// Whether the wait is cut to `TCP_USER_TIMEOUT` (4.19 and later).
    cuts: bool,
    thin_linear: bool,
    /// The probe's wait while one is due.
    probe_us: Option<u64>,
    rto_us: u64,
    /// Doublings of the RTO (`icsk_backoff`).
    backoff: u32,
    retransmits: u32,
    /// When something was last sent.
    sent_us: u64,
    /// When the RTO timer first sent it again.
    stamp_us: Option<u64>,
}

/// Who holds a socket when its timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketHold {
    /// An application, and neither end has closed.
    Established,
    /// An application, and one end has closed: CLOSE_WAIT, or after shutdown().
    Closing,
    /// Nobody: the application has closed it.
    Orphan,
}

/// What the kernel does when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetransmitExpiry {
    /// Sends the newest segment again as a tail loss probe and waits that long, in microseconds.
    Probe {
        /// The next wait.
        wait_us: u64,
    },
    /// Sends the oldest segment again and waits that long, in microseconds.
    Resend {
        /// The next wait.
        wait_us: u64,
    },
    /// Gives the connection up: ETIMEDOUT, or silently when no application holds it. No RST is sent.
    GiveUp,
}

impl RetransmitClock {
    /// The clock of a flight that is just sent, of one packet or of several.
    #[must_use]
    pub fn sent(
        settings: &Settings,
        options: &SocketOptions,
        version: KernelVersion,
        timeouts: Timeouts,
        one_packet: bool,
    ) -> Self {
        Self {
            timeouts,
            retries2: settings.retries2,
            orphan_retries: settings.orphan_retries,
            user_timeout_us: u64::from(options.user_timeout_ms) * 1000,
            cuts: version.at_least(4, 19),
            thin_linear: settings.thin_linear_timeouts || options.thin_linear_timeouts,
            probe_us: if one_packet { timeouts.probe_us } else { timeouts.probe_of_many_us },
            rto_us: timeouts.rto_us,
            backoff: 0,
            retransmits: 0,
            sent_us: 0,
            stamp_us: None,
        }
    }

    /// The clock of a flight that the RTO timer has sent again so often, for the first time at `stamp_us`, with so many
    /// doublings of the RTO, which is now `rto_us`.
    pub(crate) fn resume(self, stamp_us: u64, retransmits: u32, backoff: u32, rto_us: u64) -> Self {
        Self { probe_us: None, stamp_us: Some(stamp_us), retransmits, backoff, rto_us, ..self }
    }

    /// What sock_diag shows of it.
    #[cfg(test)]
    pub(crate) const fn shown(&self) -> (u32, u32, u64, Option<u64>) {
        (self.retransmits, self.backoff, self.rto_us, self.stamp_us)
    }

    /// How long the kernel waits for the first acknowledgement, in microseconds.
    #[must_use]
    pub fn first_wait_us(&self) -> u64 {
        self.probe_us.unwrap_or(self.rto_us)
    }

    /// The socket has these options from now on.
    pub(crate) fn take_options(&mut self, options: &SocketOptions, timeouts: Timeouts) {
        self.user_timeout_us = u64::from(options.user_timeout_ms) * 1000;
        self.timeouts = timeouts;
    }

    /// Whether a tail loss probe comes first.
    pub(crate) const fn awaits_probe(&self) -> bool {
        self.probe_us.is_some()
    }

    /// The same without a tail loss probe first: something else has told that there is a loss.
    pub(crate) fn past_probe(self) -> Self {
        Self { probe_us: None, ..self }
    }

    /// Whether the RTO timer has sent something again.
    pub(crate) const fn has_retransmitted(&self) -> bool {
        self.retransmits > 0
    }

    /// An ICMP error says at `now_us` that the path is broken: one doubling is taken back. Returns how long to wait
    /// from now on, in microseconds, 0 for not at all; nothing where there is no doubling to take back.
    /// `tcp_ld_RTO_revert()`, RFC 6069.
    pub(crate) fn revert_backoff(&mut self, now_us: u64) -> Option<u64> {
        if self.retransmits == 0 || self.backoff == 0 {
            return None;
        }
        self.backoff -= 1;
        let factor = 1_u64.checked_shl(self.backoff).unwrap_or(u64::MAX);
        self.rto_us = self.timeouts.rto_us.saturating_mul(factor).min(self.timeouts.rto_max_us);
        Some(self.rto_us.saturating_sub(now_us.saturating_sub(self.sent_us)))
    }

    /// The timer fires at `now_us`; `tick_us` is the shortest wait there is.
    pub fn expire(&mut self, now_us: u64, tick_us: u64, hold: SocketHold) -> RetransmitExpiry {
        // The tail loss probe: not counted, no backoff, and the RTO starts anew from here.
        if self.probe_us.take().is_some() {
            return RetransmitExpiry::Probe { wait_us: self.rto_us };
        }
        let elapsed_us = self.stamp_us.map(|stamp_us| now_us.saturating_sub(stamp_us));
        if elapsed_us.is_some_and(|elapsed_us| elapsed_us >= self.limit_us(hold == SocketHold::Orphan)) {
            return RetransmitExpiry::GiveUp;
        }
        let stamp_us = *self.stamp_us.get_or_insert(now_us);
        self.retransmits += 1;
        self.sent_us = now_us;
        // A thin stream (fewer than four packets out) keeps the RTO for its first retransmissions while it is
        // established (tcp_retransmit_timer() asks for that very state).
        let is_thin = self.thin_linear && hold == SocketHold::Established;
        self.rto_us = if is_thin && self.retransmits <= THIN_LINEAR_RETRIES {
            self.backoff = 0;
            self.timeouts.rto_us
        } else {
            self.backoff += 1;
            self.rto_us.saturating_mul(2).min(self.timeouts.rto_max_us)
        };
        RetransmitExpiry::Resend { wait_us: self.next_wait_us(now_us.saturating_sub(stamp_us), tick_us) }
    }

    fn limit_us(&self, orphan: bool) -> u64 {
        if self.user_timeout_us > 0 {
            return self.user_timeout_us;
        }
        let retries = if orphan {
            let alive = self.rto_us < self.timeouts.rto_max_us;
            if self.orphan_retries == 0 && alive { ORPHAN_RETRIES_OF_ZERO } else { self.orphan_retries }
        } else {
            self.retries2
        };
        model_timeout_us(retries, RTO_MIN_US, self.timeouts.rto_max_us)
    }

    /// `tcp_clamp_rto_to_user_timeout()`.
    fn next_wait_us(&self, elapsed_us: u64, tick_us: u64) -> u64 {
        let user_timeout_us = if !self.cuts { 0 } else { self.user_timeout_us };
        cut_to_user_timeout(self.rto_us, user_timeout_us, elapsed_us, tick_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Endpoint;
    use crate::model::rto::{RoundTrips, timeouts};
    use crate::units::Hz;

    /// Times of sending again and the end, in milliseconds, with an RTO of 204 ms.
    fn play(hold: SocketHold, edit: impl FnOnce(&mut Settings, &mut SocketOptions)) -> (Vec<u64>, u64) {
        let (mut settings, mut options) = (Settings::default(), SocketOptions::default());
        edit(&mut settings, &mut options);
        let version = KernelVersion::new(6, 18);
        let end = Endpoint { settings: settings.clone(), options, measured: None };
        let timeouts = timeouts(&end, version, RoundTrips::of_handshake(50), Hz::new(250).expect("a tick rate"));
        let mut clock = RetransmitClock::sent(&settings, &options, version, timeouts, true);
        let mut now_us = clock.first_wait_us();
        let mut sent_ms = Vec::new();
        while let RetransmitExpiry::Probe { wait_us } | RetransmitExpiry::Resend { wait_us } =
            clock.expire(now_us, 4000, hold)
        {
            sent_ms.push(now_us / 1000);
            now_us += wait_us;
        }
        (sent_ms, now_us / 1000)
    }

    #[test]
    fn the_default_gives_up_after_928_s_and_not_after_15_packets_of_924_6() {
        let (sent, end) = play(SocketHold::Established, |_, _| {});
        assert_eq!((sent.len(), end / 1000), (16, 928));
        assert_eq!(sent.first().copied(), Some(204));
    }

    #[test]
    fn the_time_limit_of_retries2_ends_it() {
        let ends =
            [3, 5, 8].map(|retries2| play(SocketHold::Established, |settings, _| settings.retries2 = retries2).1 / 100);
        assert_eq!(ends, [65, 130, 1044]);
    }

    #[test]
    fn user_timeout_counts_from_the_first_retransmission() {
        assert_eq!(play(SocketHold::Established, |_, options| options.user_timeout_ms = 10_000).1, 10_408);
    }

    #[test]
    fn an_orphan_with_0_retries_lives_longer_than_with_1_to_7() {
        let ends =
            [0, 1, 3].map(|retries| play(SocketHold::Orphan, |settings, _| settings.orphan_retries = retries).1 / 1000);
        assert_eq!(ends, [104, 1, 6]);
    }

    /// Watched on 6.18 in the live cases of forecasts: both end when this says.
    #[test]
    fn only_an_established_connection_keeps_its_rto_when_it_is_thin() {
        let thin = |hold| {
            let edit = |settings: &mut Settings, options: &mut SocketOptions| {
                (settings.retries2, options.thin_linear_timeouts) = (3, true);
            };
            play(hold, edit).1 / 100
        };
        assert_eq!([SocketHold::Established, SocketHold::Closing].map(thin), [44, 65]);
    }

    /// Nominally the test at 61.12 s misses the limit of 61.2 s by a hair; real timers are late and do not.
    #[test]
    fn a_lower_rto_max_shortens_the_limit() {
        assert_eq!(play(SocketHold::Established, |settings, _| settings.rto_max_ms = 5000).1 / 1000, 66);
    }
}
