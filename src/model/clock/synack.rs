//! The clock of a half-open entry: a request socket whose SYN-ACK nobody answers.
//!
//! Mirrors: `reqsk_timer_handler()` and `syn_ack_recalc()` in `net/ipv4/inet_connection_sock.c`, and the
//! re-arming for a repeated SYN in `tcp_check_req()` (`tcp_minisocks.c`); the same logic from 4.14 to 6.18.
//!
//! Differs from the kernel: a listener that closes is for the caller to look at.

use crate::model::constants::{INVALID_RATELIMIT_US, RTO_MAX_US, TIMEOUT_INIT_US};
use crate::model::{Settings, SocketOptions};
use crate::units::KernelVersion;

/// How full the listener's SYN queue is, which decides whether the entry is pruned early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFill {
    /// Half-open entries of the listener (`reqsk_queue_len`).
    pub half_open: u32,
    /// Those of them whose timer has not fired yet (`reqsk_queue_len_young`).
    pub young: u32,
    /// The listener's backlog after somaxconn.
    pub backlog: u32,
}

/// The clock of one request socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynAckClock {
    /// The listener's `TCP_SYNCNT`, else `tcp_synack_retries`.
    retries: u32,
    rto_max_us: u64,
    /// `TCP_DEFER_ACCEPT` as the number of SYN-ACKs that it is kept as (`rskq_defer_accept`); 0 is off.
    defer: u32,
    /// Whether the peer has acknowledged the SYN-ACK, without data or without a place for it (`acked`).
    acked: bool,
    /// Timers that fired so far (`num_timeout`).
    timeouts: u32,
    /// When a repeated SYN was last answered (`last_oow_ack_time`).
    answered_us: Option<u64>,
}

/// What the kernel does when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynAckExpiry {
    /// Sends the SYN-ACK again and waits that long, in microseconds.
    Resend {
        /// The next wait.
        wait_us: u64,
    },
    /// Sends nothing, since the peer has acknowledged and is only waited for, and waits that long, in microseconds.
    Wait {
        /// The next wait.
        wait_us: u64,
    },
    /// Drops the entry without telling anybody.
    Drop,
}

impl SynAckClock {
    /// The clock as an accepted SYN starts it.
    #[must_use]
    pub fn request(settings: &Settings, options: &SocketOptions, version: KernelVersion) -> Self {
        // Up to 6.18 SYN-ACKs ignore tcp_rto_max_ms (measured); the listener's value counts in newer source.
        let rto_max_us = if version.at_least(6, 19) { settings.rto_max_us() } else { RTO_MAX_US };
        Self {
            retries: options.syncnt.map_or(settings.synack_retries, u32::from),
            rto_max_us,
            defer: deferred_synacks(options.defer_accept_s.unwrap_or(0)),
            acked: false,
            timeouts: 0,
            answered_us: None,
        }
    }

    /// The clock of an entry whose timer has fired so often.
    pub(crate) fn resume(self, timeouts: u32) -> Self {
        Self { timeouts, ..self }
    }

    /// How many of its timers may send nothing, since the peer has acknowledged and is only waited for.
    pub(crate) const fn deferred(&self) -> u32 {
        self.defer
    }

    /// How long the kernel waits at the present backoff, in microseconds.
    #[must_use]
    pub fn wait_us(&self) -> u64 {
        let doubled = 1_u64.checked_shl(self.timeouts).and_then(|factor| TIMEOUT_INIT_US.checked_mul(factor));
        doubled.unwrap_or(u64::MAX).min(self.rto_max_us)
    }

    /// The timer fires.
    pub fn expire(&mut self, fill: QueueFill) -> SynAckExpiry {
        let spent = self.timeouts >= allowed_retries(self.retries, fill);
        // syn_ack_recalc(): a deferred peer that has acknowledged is kept for its period, whatever the retries.
        let (expires, resends) = if self.defer == 0 {
            (spent, true)
        } else {
            (spent && (!self.acked || self.timeouts >= self.defer), !self.acked || self.timeouts >= self.defer - 1)
        };
        if expires {
            return SynAckExpiry::Drop;
        }
        self.timeouts += 1;
        let wait_us = self.wait_us();
        if resends { SynAckExpiry::Resend { wait_us } } else { SynAckExpiry::Wait { wait_us } }
    }

    /// Whether an ACK without data is passed over now (`tcp_check_req()`, `TCP_DEFER_ACCEPT`); takes a note of it.
    pub(crate) fn defers(&mut self) -> bool {
        let defers = self.timeouts < self.defer;
        self.acked |= defers;
        defers
    }

    /// The peer has acknowledged, but there is no place for it.
    pub(crate) fn acknowledged(&mut self) {
        self.acked = true;
    }

    /// Whether a segment outside the window is answered at `now_us`: at most every 500 ms, copies of the SYN counted.
    pub(crate) fn may_answer(&mut self, now_us: u64) -> bool {
        let may = self.answered_us.is_none_or(|before| now_us.saturating_sub(before) >= INVALID_RATELIMIT_US);
        if may {
            self.answered_us = Some(now_us);
        }
        may
    }

    /// Another copy of the SYN arrives at `now_us`: the SYN-ACK is sent again and the timer re-armed for the
    /// returned microseconds at the present backoff, unless a copy was answered less than 500 ms ago
    /// (`tcp_invalid_ratelimit`). The number of retries stays.
    pub fn repeated_syn(&mut self, now_us: u64) -> Option<u64> {
        self.may_answer(now_us).then(|| self.wait_us())
    }
}

/// `secs_to_retrans()`: the fewest SYN-ACKs whose waits of 1, 2, 4 … seconds, none above 120, add up to the time.
fn deferred_synacks(seconds: u32) -> u32 {
    let (mut synacks, mut wait_s, mut sum_s) = (0, 1_u32, 0_u32);
    while sum_s < seconds && synacks < u32::from(u8::MAX) {
        sum_s = sum_s.saturating_add(wait_s);
        wait_s = wait_s.saturating_mul(2).min(120);
        synacks += 1;
    }
    synacks
}

/// The retries that a queue this full allows: above half of the backlog, old entries are pruned so that there is
/// room for young ones, though never below 2 retries.
fn allowed_retries(retries: u32, fill: QueueFill) -> u32 {
    let mut allowed = retries;
    if u64::from(fill.half_open) * 2 > u64::from(fill.backlog.max(8)) {
        let mut young = u64::from(fill.young) * 2;
        while allowed > 2 && u64::from(fill.half_open) >= young {
            allowed -= 1;
            young *= 2;
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: QueueFill = QueueFill { half_open: 1, young: 0, backlog: 128 };

    fn clock(synack_retries: u32) -> SynAckClock {
        let settings = Settings { synack_retries, ..Settings::default() };
        SynAckClock::request(&settings, &SocketOptions::default(), KernelVersion::new(6, 18))
    }

    /// When SYN-ACKs go out again and when the entry is dropped, in seconds.
    fn play(synack_retries: u32, fill: QueueFill) -> (Vec<u64>, u64) {
        let mut clock = clock(synack_retries);
        let mut sent_s = Vec::new();
        let mut now_us = clock.wait_us();
        while let SynAckExpiry::Resend { wait_us } = clock.expire(fill) {
            sent_s.push(now_us / 1_000_000);
            now_us += wait_us;
        }
        (sent_s, now_us / 1_000_000)
    }

    #[test]
    fn an_entry_lives_as_long_as_the_kernel_lets_it() {
        assert_eq!([0, 1, 2, 3, 5, 6, 7].map(|n| play(n, QUIET).1), [1, 3, 7, 15, 63, 127, 247]);
        assert_eq!(play(5, QUIET).0, [1, 3, 7, 15, 31]);
    }

    #[test]
    fn a_queue_above_half_full_prunes_old_entries_to_two_retries() {
        assert_eq!(play(5, QueueFill { half_open: 18, young: 0, backlog: 20 }).1, 7);
        assert_eq!(play(5, QueueFill { half_open: 10, young: 0, backlog: 20 }).1, 63);
        assert_eq!(play(1, QueueFill { half_open: 18, young: 0, backlog: 20 }).1, 3);
        // Many young entries mean a burst, not a flood of old ones: they are spared.
        assert_eq!(play(5, QueueFill { half_open: 18, young: 18, backlog: 20 }).1, 63);
        // A small backlog counts as 8.
        assert_eq!(play(5, QueueFill { half_open: 4, young: 0, backlog: 1 }).1, 63);
    }

    #[test]
    fn a_repeated_syn_re_arms_without_counting_and_not_more_often_than_every_500_ms() {
        let mut clock = clock(5);
        assert_eq!(clock.repeated_syn(1_000_000), Some(1_000_000));
        assert_eq!(clock.repeated_syn(1_400_000), None);
        assert!(matches!(clock.expire(QUIET), SynAckExpiry::Resend { wait_us: 2_000_000 }));
        assert_eq!(clock.repeated_syn(2_000_000), Some(2_000_000));
    }
}
