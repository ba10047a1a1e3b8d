//! The clock of a connection on which nothing moves.
//!
//! Mirrors: `tcp_keepalive_timer()`, `keepalive_time_when()`, `tcp_set_keepalive()`.
//!
//! Differs from the kernel: nothing is in flight or queued; while something is, the kernel leaves the connection
//! to the retransmission timer.

use crate::model::{Settings, SocketOptions};

/// The clock of one connection with `SO_KEEPALIVE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepaliveClock {
    idle_us: u64,
    interval_us: u64,
    count: u32,
    user_timeout_us: u64,
    /// When something was last heard.
    heard_us: u64,
    /// Probes since then.
    probes: u32,
}

/// What the kernel does when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepaliveExpiry {
    /// Something was heard meanwhile: waits that long, in microseconds.
    Wait {
        /// The next wait.
        wait_us: u64,
    },
    /// Sends a probe and waits that long, in microseconds.
    Probe {
        /// The next wait.
        wait_us: u64,
    },
    /// Sends a RST and fails the connection with ETIMEDOUT.
    GiveUp,
}

impl KeepaliveClock {
    /// The clock of a connection on which something was last heard at `now_us`.
    #[must_use]
    pub fn idle_since(settings: &Settings, options: &SocketOptions, now_us: u64) -> Self {
        let seconds = |option: Option<u32>, sysctl: i64| {
            option.map_or_else(|| u64::try_from(sysctl).unwrap_or(0), u64::from).saturating_mul(1_000_000)
        };
        Self {
            idle_us: seconds(options.keepidle_s, settings.keepalive_time_s),
            interval_us: seconds(options.keepintvl_s, settings.keepalive_intvl_s),
            count: options.keepcnt.map_or(settings.keepalive_probes, u32::from),
            user_timeout_us: u64::from(options.user_timeout_ms) * 1000,
            heard_us: now_us,
            probes: 0,
        }
    }

    /// The same after so many probes without an answer.
    pub(crate) fn resume(self, probes: u32) -> Self {
        Self { probes, ..self }
    }

    /// What sock_diag shows of it.
    #[cfg(test)]
    pub(crate) const fn shown(&self) -> (u32, u64) {
        (self.probes, self.heard_us)
    }

    /// How long it waits between two probes, in microseconds.
    pub(crate) const fn interval_us(&self) -> u64 {
        self.interval_us
    }

    /// How many probes there are at the most; nothing where `TCP_USER_TIMEOUT` takes the place of the count.
    pub(crate) const fn most_probes(&self) -> Option<u32> {
        if self.user_timeout_us == 0 { Some(self.count) } else { None }
    }

    /// How long the kernel waits for the first probe, in microseconds.
    #[must_use]
    pub fn first_wait_us(&self) -> u64 {
        self.idle_us
    }

    /// The timer fires at `now_us`.
    pub fn expire(&mut self, now_us: u64) -> KeepaliveExpiry {
        let elapsed_us = now_us.saturating_sub(self.heard_us);
        if elapsed_us < self.idle_us {
            return KeepaliveExpiry::Wait { wait_us: self.idle_us - elapsed_us };
        }
        // TCP_USER_TIMEOUT takes the place of the count.
        let dead = match self.user_timeout_us {
            0 => self.probes >= self.count,
            user_timeout_us => elapsed_us >= user_timeout_us && self.probes > 0,
        };
        if dead {
            return KeepaliveExpiry::GiveUp;
        }
        self.probes += 1;
        KeepaliveExpiry::Probe { wait_us: self.interval_us }
    }

    /// The socket has these options from now on.
    pub(crate) fn take_options(&mut self, settings: &Settings, options: &SocketOptions) {
        let Self { heard_us, probes, .. } = *self;
        *self = Self { probes, ..Self::idle_since(settings, options, heard_us) };
    }

    /// The peer was last heard at `heard_us`; says whether that answers a probe.
    pub fn heard(&mut self, heard_us: u64) -> bool {
        let answered = heard_us > self.heard_us && self.probes > 0;
        if heard_us > self.heard_us {
            self.heard_us = heard_us;
            self.probes = 0;
        }
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times of probes and of the end, in seconds.
    fn play(options: &SocketOptions) -> (Vec<u64>, u64) {
        let mut clock = KeepaliveClock::idle_since(&Settings::default(), options, 0);
        let mut now_us = clock.first_wait_us();
        let mut probes_s = Vec::new();
        loop {
            match clock.expire(now_us) {
                KeepaliveExpiry::Probe { wait_us } => {
                    probes_s.push(now_us / 1_000_000);
                    now_us += wait_us;
                }
                KeepaliveExpiry::Wait { wait_us } => now_us += wait_us,
                KeepaliveExpiry::GiveUp => return (probes_s, now_us / 1_000_000),
            }
        }
    }

    #[test]
    fn a_silent_peer_is_found_out_after_idle_time_and_all_intervals() {
        assert_eq!(play(&SocketOptions::default()).1, 7875);
        let quick =
            SocketOptions { keepidle_s: Some(2), keepintvl_s: Some(1), keepcnt: Some(3), ..SocketOptions::default() };
        assert_eq!(play(&quick), (vec![2, 3, 4], 5));
        // Measured: one probe and the end at 3 s; the end at 5 s.
        assert_eq!(play(&SocketOptions { user_timeout_ms: 2500, ..quick }), (vec![2], 3));
        assert_eq!(play(&SocketOptions { user_timeout_ms: 5000, ..quick }), (vec![2, 3, 4], 5));
    }
}
