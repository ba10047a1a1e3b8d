//! How many connections to one destination a host can have, and how fast it can open new ones.
//!
//! That is for ports which connect() chooses, or bind() to port 0 with `IP_BIND_ADDRESS_NO_PORT`. A plain bind() to
//! port 0 takes a port for its local address alone, whatever the destination: the same number in all (measured).
//!
//! Mirrors: `__inet_hash_connect()` and `inet_sk_get_local_port_range()`; `tcp_twsk_unique()` for reuse.
//!
//! Differs from the kernel: one search over a range of odd length leaves one port out, though over several
//! searches all are used. `IP_LOCAL_PORT_RANGE` of a socket (6.3) is not known here.

use super::{Settings, TIME_WAIT_US};
use crate::units::KernelVersion;

/// Ports towards one (source, destination, destination port).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortBudget {
    /// Ports that connect() may choose by itself.
    pub available: u64,
    /// How long a port stays taken after a connection that this side closes first, in milliseconds.
    pub held_ms: u64,
    /// Connections a second that can be opened and closed by this side without running out.
    pub sustained_per_s: u64,
}

impl PortBudget {
    /// How long the ports last, in milliseconds, when this side opens and closes so many connections a second; nothing
    /// when they last for ever.
    #[must_use]
    pub fn exhausted_after_ms(&self, rate_per_s: u64) -> Option<u64> {
        // As many are taken at a time as are opened while a port is held.
        let taken_per_hold = rate_per_s.saturating_mul(self.held_ms) / 1000;
        (taken_per_hold > self.available).then(|| self.available.saturating_mul(1000) / rate_per_s.max(1))
    }
}

/// The budget, towards the loopback or anything else, with `tcp_timestamps` on at the peer too.
#[must_use]
pub fn port_budget(settings: &Settings, version: KernelVersion, loopback: bool) -> PortBudget {
    let available = available_ports(settings);
    let reuse = match settings.tw_reuse {
        0 => false,
        // 2 is loopback only since 4.19; before that any value but 0 is "everywhere".
        2 if version.at_least(4, 19) => loopback,
        _ => true,
    };
    let held_ms = if !settings.keeps_time_wait() {
        0
    } else if reuse && settings.timestamps {
        // Before 6.14 the clock had to be in a later second than when TIME-WAIT began: after one at the latest.
        if version.at_least(6, 14) { u64::from(settings.tw_reuse_delay_ms) } else { 1000 }
    } else {
        TIME_WAIT_US / 1000
    };
    PortBudget { available, held_ms, sustained_per_s: available.saturating_mul(1000) / held_ms.max(1) }
}

/// Ports in the range that are not reserved.
fn available_ports(settings: &Settings) -> u64 {
    let (low, high) = settings.local_ports;
    let mut available = u64::from(high).saturating_sub(u64::from(low)) + 1;
    let mut next_free = u64::from(low);
    // The ranges are ordered; those that overlap count once.
    for (from, to) in &settings.reserved_ports {
        let from = u64::from(*from).max(next_free);
        let to = u64::from(*to).min(u64::from(high));
        if from <= to {
            available -= to - from + 1;
            next_free = to + 1;
        }
    }
    available
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(edit: impl FnOnce(&mut Settings)) -> PortBudget {
        let mut settings = Settings::default();
        edit(&mut settings);
        port_budget(&settings, KernelVersion::new(6, 18), false)
    }

    #[test]
    fn the_default_range_carries_470_connections_a_second_to_one_destination() {
        assert_eq!(budget(|_| {}), PortBudget { available: 28_232, held_ms: 60_000, sustained_per_s: 470 });
    }

    #[test]
    fn reserved_ports_are_taken_out_once() {
        let reserved = |ranges: &[(u16, u16)]| {
            let ranges = ranges.to_vec();
            budget(move |settings| {
                settings.local_ports = (20_000, 20_009);
                settings.reserved_ports = ranges;
            })
            .available
        };
        assert_eq!(reserved(&[]), 10);
        assert_eq!(reserved(&[(20_000, 20_001)]), 8);
        assert_eq!(reserved(&[(80, 80), (19_000, 20_002), (20_001, 20_004), (20_009, 30_000)]), 4);
        assert_eq!(reserved(&[(1, 65_535)]), 0);
    }

    #[test]
    fn ports_run_out_when_more_are_opened_than_come_free() {
        let stock = budget(|_| {});
        assert_eq!(stock.exhausted_after_ms(470), None);
        assert_eq!(stock.exhausted_after_ms(471), Some(59_940));
        assert_eq!(stock.exhausted_after_ms(10_000), Some(2823));
        assert_eq!(budget(|settings| settings.tw_reuse = 1).exhausted_after_ms(10_000), None);
    }

    #[test]
    fn reuse_needs_timestamps_and_takes_the_delay() {
        assert_eq!(budget(|settings| settings.tw_reuse = 1).sustained_per_s, 28_232);
        assert_eq!(
            budget(|settings| {
                settings.tw_reuse = 1;
                settings.timestamps = false;
            })
            .sustained_per_s,
            470
        );
        assert_eq!(budget(|settings| settings.max_tw_buckets = 0).held_ms, 0, "no TIME_WAIT holds it");
        let loopback = port_budget(&Settings::default(), KernelVersion::new(6, 18), true);
        assert_eq!(loopback.held_ms, 1000);
    }
}
