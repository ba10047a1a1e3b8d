//! The clock of a connect() that nobody answers.
//!
//! Mirrors: `tcp_connect()`, `tcp_retransmit_timer()` and `tcp_write_timeout()` of `net/ipv4/tcp_output.c` and
//! `tcp_timer.c`. Which test ends it depends on the version, see [`Limit`].
//!
//! Differs from the kernel: no local transmit failures (a full queueing discipline makes the kernel wait 500 ms
//! without counting), no BPF sock_ops program that replaces the first RTO.

use crate::model::constants::{RTO_MIN_US, TIMEOUT_INIT_US};
use crate::model::timeout::{cut_to_user_timeout, model_timeout_us};
use crate::model::{Settings, SocketOptions};
use crate::units::KernelVersion;

/// The clock of one socket in SYN_SENT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynClock {
    /// `TCP_SYNCNT`, else `tcp_syn_retries`.
    retries: u32,
    /// `tcp_syn_linear_timeouts`; 0 before 6.5, which does not have it.
    linear: u32,
    limit: Limit,
    user_timeout_us: u64,
    rto_max_us: u64,
    /// When the first SYN went out (`retrans_stamp`).
    first_us: u64,
    rto_us: u64,
    /// SYNs sent again so far (`icsk_retransmits`).
    retransmits: u32,
}

/// Which tests end the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// The number of retransmissions alone; `TCP_USER_TIMEOUT` is not looked at (4.14 to 4.18).
    Count,
    /// The number alone, though the timer is already cut to `TCP_USER_TIMEOUT`: from that mark on the remaining
    /// SYNs go out one tick after another (4.19 to 5.3).
    CountCutToUserTimeout,
    /// The number, or a time with the wrong base of 200 ms (a41e8a88b06e, in 4.19.77 to about 4.19.208).
    CountOrTimeOfWrongBase,
    /// The number, or the time that so many doublings of 1 s take, or `TCP_USER_TIMEOUT` (5.4 and later).
    CountOrTime,
}

impl Limit {
    fn of(version: KernelVersion) -> Self {
        match (version.major, version.minor, version.patch) {
            (4, 19, 77..=208) => Self::CountOrTimeOfWrongBase,
            _ if version.at_least(5, 4) => Self::CountOrTime,
            _ if version.at_least(4, 19) => Self::CountCutToUserTimeout,
            _ => Self::Count,
        }
    }
}

/// What the kernel does when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynExpiry {
    /// Sends the SYN again and waits that long, in microseconds.
    Resend {
        /// The next wait.
        wait_us: u64,
    },
    /// Fails the connect() with ETIMEDOUT.
    GiveUp,
}

impl SynClock {
    /// The clock as connect() starts it at `now_us`, of a socket whose RTO is never above `rto_max_us`.
    #[must_use]
    pub fn connect(
        settings: &Settings,
        options: &SocketOptions,
        version: KernelVersion,
        rto_max_us: u64,
        now_us: u64,
    ) -> Self {
        Self {
            retries: options.syncnt.map_or(settings.syn_retries, u32::from),
            linear: if version.at_least(6, 5) { settings.syn_linear_timeouts } else { 0 },
            limit: Limit::of(version),
            user_timeout_us: u64::from(options.user_timeout_ms) * 1000,
            rto_max_us,
            first_us: now_us,
            rto_us: TIMEOUT_INIT_US,
            retransmits: 0,
        }
    }

    /// The clock of a socket that has sent its SYN again so often, the first one at `first_us`, and waits for so long as
    /// `rto_us` says.
    pub(crate) fn resume(self, first_us: u64, retransmits: u32, rto_us: u64) -> Self {
        Self { first_us, retransmits, rto_us, ..self }
    }

    /// What sock_diag shows of it.
    #[cfg(test)]
    pub(crate) const fn shown(&self) -> (u32, u64) {
        (self.retransmits, self.first_us)
    }

    /// What it waits for at present where nothing cuts it, in microseconds.
    pub(crate) const fn rto_us(&self) -> u64 {
        self.rto_us
    }

    /// How long the kernel waits for an answer to the first SYN, in microseconds.
    #[must_use]
    pub fn first_wait_us(&self) -> u64 {
        self.rto_us.min(self.rto_max_us)
    }

    /// The socket has these options from now on.
    pub(crate) fn take_options(
        &mut self,
        settings: &Settings,
        options: &SocketOptions,
        version: KernelVersion,
        rto_max_us: u64,
    ) {
        let Self { first_us, rto_us, retransmits, .. } = *self;
        *self = Self { rto_us, retransmits, ..Self::connect(settings, options, version, rto_max_us, first_us) };
    }

    /// Whether the SYN was sent again already.
    pub(crate) const fn has_retransmitted(&self) -> bool {
        self.retransmits > 0
    }

    /// The timer fires at `now_us`; `tick_us` is the shortest wait there is. `opened` says that the peer's SYN has
    /// come meanwhile (SYN_RECV of a simultaneous open), so that the linear timeouts count no more.
    pub fn expire(&mut self, now_us: u64, tick_us: u64, opened: bool) -> SynExpiry {
        let elapsed_us = now_us.saturating_sub(self.first_us);
        let linear = if opened { 0 } else { self.linear };
        if self.retransmits >= self.retries.saturating_add(linear) || self.timed_out(elapsed_us) {
            return SynExpiry::GiveUp;
        }
        self.retransmits += 1;
        // tcp_retransmit_timer(): linear timeouts leave the RTO alone (tcp_syn_linear_timeouts, 6.5).
        if self.retransmits > linear {
            self.rto_us = self.rto_us.saturating_mul(2).min(self.rto_max_us);
        }
        SynExpiry::Resend { wait_us: self.next_wait_us(elapsed_us, tick_us) }
    }

    /// `retransmits_timed_out()`: never at the first timer.
    fn timed_out(&self, elapsed_us: u64) -> bool {
        let base_us = match self.limit {
            Limit::Count | Limit::CountCutToUserTimeout => return false,
            Limit::CountOrTimeOfWrongBase => RTO_MIN_US,
            Limit::CountOrTime => TIMEOUT_INIT_US,
        };
        let limit_us = match self.user_timeout_us {
            0 => model_timeout_us(self.retries, base_us, self.rto_max_us),
            user_timeout_us => user_timeout_us,
        };
        self.retransmits > 0 && elapsed_us >= limit_us
    }

    /// `tcp_clamp_rto_to_user_timeout()`, since 4.19.
    fn next_wait_us(&self, elapsed_us: u64, tick_us: u64) -> u64 {
        let user_timeout_us = if self.limit == Limit::Count { 0 } else { self.user_timeout_us };
        cut_to_user_timeout(self.rto_us, user_timeout_us, elapsed_us, tick_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rto::largest_rto_us;
    use crate::units::Hz;

    /// Nominal SYN times and the end, in milliseconds.
    fn play(version: (u16, u16, u16), edit: impl FnOnce(&mut Settings, &mut SocketOptions)) -> (Vec<u64>, u64) {
        let version = KernelVersion { major: version.0, minor: version.1, patch: version.2 };
        let mut settings = Settings::default();
        let mut options = SocketOptions::default();
        edit(&mut settings, &mut options);
        let rto_max_us = largest_rto_us(&settings, &options, version, Hz::new(250).expect("a tick rate"));
        let mut clock = SynClock::connect(&settings, &options, version, rto_max_us, 0);
        let mut sent_ms = vec![0];
        let mut now_us = clock.first_wait_us();
        while let SynExpiry::Resend { wait_us } = clock.expire(now_us, 4000, false) {
            sent_ms.push(now_us / 1000);
            now_us += wait_us;
        }
        (sent_ms, now_us / 1000)
    }

    fn retries(syn: u32, linear: u32) -> impl FnOnce(&mut Settings, &mut SocketOptions) {
        move |settings, _| {
            settings.syn_retries = syn;
            settings.syn_linear_timeouts = linear;
        }
    }

    #[test]
    fn a_modern_kernel_ends_by_count_or_by_time_whichever_comes_first() {
        let ends = |linear| [1, 2, 3, 4, 5, 6, 7].map(|syn| play((6, 18, 0), retries(syn, linear)).1 / 1000);
        assert_eq!(ends(0), [3, 7, 15, 31, 63, 127, 247]);
        assert_eq!(ends(4), [3, 7, 19, 35, 67, 131, 251]);
        assert_eq!(ends(1), [4, 8, 16, 32, 64, 128, 248]);
    }

    #[test]
    fn the_first_segments_are_sent_where_the_kernel_was_seen_to_send_them() {
        let s = |(sent, end): (Vec<u64>, u64)| (sent.iter().map(|ms| ms / 1000).collect::<Vec<_>>(), end / 1000);
        assert_eq!(s(play((6, 18, 0), retries(6, 4))), (vec![0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67], 131));
        assert_eq!(s(play((6, 18, 0), retries(2, 4))), (vec![0, 1, 2, 3, 4, 5], 7));
        assert_eq!(s(play((6, 18, 0), retries(1, 4))), (vec![0, 1, 2], 3));
        assert_eq!(s(play((6, 18, 0), retries(3, 4))), (vec![0, 1, 2, 3, 4, 5, 7, 11], 19));
    }

    #[test]
    fn linear_timeouts_do_not_exist_before_6_5() {
        assert_eq!(play((6, 4, 0), retries(6, 4)).1, 127_000);
        assert_eq!(play((6, 5, 0), retries(6, 4)).1, 131_000);
    }

    #[test]
    fn a_lower_rto_max_counts_since_6_15() {
        let capped = |version| {
            play(version, |settings, _| {
                settings.syn_retries = 6;
                settings.rto_max_ms = 2000;
            })
        };
        assert_eq!(capped((6, 18, 0)).1, 13_000);
        assert_eq!(capped((6, 14, 0)).1, 131_000);
    }

    /// Measured on 6.18: 1.02, 3.04, 5.05, and ETIMEDOUT at 7.07 s.
    #[test]
    fn the_rto_max_of_the_socket_replaces_that_of_the_host() {
        let capped = |version| {
            play(version, |settings, options| {
                (settings.syn_retries, settings.syn_linear_timeouts) = (3, 0);
                options.rto_max_ms = Some(2000);
            })
        };
        assert_eq!(capped((6, 18, 0)), (vec![0, 1000, 3000, 5000], 7000));
        assert_eq!(capped((6, 14, 0)).1, 15_000);
    }

    #[test]
    fn the_wrong_base_of_some_4_19_kernels_gives_up_after_31_s() {
        assert_eq!(play((4, 19, 100), retries(6, 0)), (vec![0, 1000, 3000, 7000, 15_000], 31_000));
        assert_eq!(play((4, 19, 250), retries(6, 0)).1, 127_000);
    }

    #[test]
    fn user_timeout_has_three_histories() {
        let user_timeout = |version| {
            play(version, |settings, options| {
                settings.syn_retries = 3;
                settings.syn_linear_timeouts = 0;
                options.user_timeout_ms = 2500;
            })
        };
        assert_eq!(user_timeout((4, 14, 0)), (vec![0, 1000, 3000, 7000], 15_000));
        // From the mark on, a SYN a tick until the count is full.
        assert_eq!(user_timeout((4, 20, 0)), (vec![0, 1000, 2500, 2504], 2508));
        assert_eq!(user_timeout((6, 18, 0)), (vec![0, 1000], 2500));
    }

    #[test]
    fn syncnt_replaces_the_retries_and_leaves_the_linear_timeouts() {
        let (sent, end) = play((6, 18, 0), |_, options| options.syncnt = Some(2));
        assert_eq!((sent.len(), end), (6, 7000));
    }
}
