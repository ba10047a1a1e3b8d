//! The retransmission timeout of a connection.
//!
//! Mirrors: `tcp_rtt_estimator()` for a first sample, `tcp_set_rto()`/`__tcp_set_rto()`, `tcp_rto_min()`, and
//! `tcp_schedule_loss_probe()` in `net/ipv4/tcp_input.c` and `tcp_output.c`.
//!
//! Differs from the kernel: the round-trip time is that of the handshake alone, as on a fresh connection, or the
//! variance has come down to its least (an RTO of RTT + 200 ms), which takes many samples; nothing in between. No route has a locked `rto_min`, and
//! `tcp_metrics` knows nothing.

use super::constants::{RTO_MAX_US, RTO_MIN_US};
use super::scenario::Endpoint;
use super::wheel::{ticks_ceil, ticks_to_us};
use super::{Settings, SocketOptions};
use crate::units::{Hz, KernelVersion};

/// `TCP_TIMEOUT_MIN_US`: what a probe of several packets waits besides two round trips.
const PROBE_MARGIN_US: u64 = 2_000;

/// The timeouts of one connection, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// RTO before any backoff.
    pub rto_us: u64,
    /// How long a tail loss probe waits when one packet is out; nothing where none is sent.
    pub probe_us: Option<u64>,
    /// How long it waits when several are out.
    pub probe_of_many_us: Option<u64>,
    /// Largest RTO.
    pub rto_max_us: u64,
}

/// `tcp_rto_max()`: `TCP_RTO_MAX_MS` of the socket, else `tcp_rto_max_ms`, both since 6.15 and kept in ticks; in
/// microseconds.
pub(super) fn largest_rto_us(settings: &Settings, options: &SocketOptions, version: KernelVersion, hz: Hz) -> u64 {
    match options.rto_max_ms {
        _ if !version.at_least(6, 15) => RTO_MAX_US,
        Some(ms) => whole_ticks(u64::from(ms) * 1000, hz),
        None => whole_ticks(settings.rto_max_us(), hz),
    }
}

/// `tcp_rto_min()`: `TCP_RTO_MIN_US` of the socket (6.15), else `tcp_rto_min_us` (6.11), both kept in ticks; in
/// microseconds.
fn least_rto_us(settings: &Settings, options: &SocketOptions, version: KernelVersion, hz: Hz) -> u64 {
    match options.rto_min_us.filter(|_| version.at_least(6, 15)) {
        Some(us) => whole_ticks(u64::from(us), hz),
        None if version.at_least(6, 11) => whole_ticks(u64::from(settings.rto_min_us), hz),
        None => RTO_MIN_US,
    }
}

/// A time rounded up to ticks, as `usecs_to_jiffies()` does.
fn whole_ticks(us: u64, hz: Hz) -> u64 {
    ticks_to_us(ticks_ceil(us, hz), hz)
}

/// What a connection has measured of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrips {
    /// The smoothed round-trip time, in microseconds.
    pub srtt_us: u64,
    /// Whether there were so many that the variance has come down to its least; else there was one.
    pub many: bool,
}

impl RoundTrips {
    /// Those of a connection fresh from a handshake that took so long.
    #[must_use]
    pub const fn of_handshake(rtt_us: u64) -> Self {
        Self { srtt_us: rtt_us, many: false }
    }
}

/// The timeouts of a connection that has measured this, or of one of which more is known.
#[must_use]
pub fn timeouts(end: &Endpoint, version: KernelVersion, seen: RoundTrips, hz: Hz) -> Timeouts {
    let Endpoint { settings, options, measured } = end;
    let rto_min_us = least_rto_us(settings, options, version, hz);
    let rto_max_us = largest_rto_us(settings, options, version, hz);
    let ticks = |us: u64| whole_ticks(us, hz);
    // First sample: srtt = rtt, mdev = rtt / 2, and the RTO takes four of them, floored by rto_min.
    let variance_us = if seen.many { rto_min_us } else { seen.srtt_us.saturating_mul(2).max(rto_min_us) };
    let rto_us = ticks(seen.srtt_us.saturating_add(variance_us)).min(rto_max_us);
    let (rto_us, srtt_us) = measured.map_or((rto_us, seen.srtt_us), |measured| (measured.rto_us, measured.srtt_us));
    // The probe needs SACK and tcp_early_retrans 3 or 4; it is never later than the RTO would be.
    let probes = settings.sack && (3..=4).contains(&settings.early_retrans);
    let probe = |margin_us: u64| ticks(srtt_us.saturating_mul(2).saturating_add(margin_us)).min(rto_us);
    Timeouts {
        rto_us,
        probe_us: probes.then(|| probe(rto_min_us)),
        probe_of_many_us: probes.then(|| probe(PROBE_MARGIN_US)),
        rto_max_us,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rto_ms(rtt_us: u64, ticks_per_s: u32) -> (u64, u64) {
        let hz = Hz::new(ticks_per_s).expect("a tick rate");
        let version = KernelVersion::new(6, 18);
        let timeouts = timeouts(&Endpoint::default(), version, RoundTrips::of_handshake(rtt_us), hz);
        (timeouts.rto_us / 1000, timeouts.probe_us.map_or(0, |us| us / 1000))
    }

    /// Measured at HZ 250: 204 ms on a wire without delay, 304 ms and a probe before it at 100.3 ms.
    #[test]
    fn the_rto_is_what_ss_shows_after_a_handshake() {
        assert_eq!(rto_ms(50, 250), (204, 204));
        assert_eq!(rto_ms(100_300, 250), (304, 304));
        assert_eq!(rto_ms(50, 1000), (201, 201));
        assert_eq!(rto_ms(50, 100), (210, 210));
        assert_eq!(rto_ms(50_000, 1000), (250, 250));
        assert_eq!(rto_ms(200_000, 1000), (600, 600));
    }

    /// Measured at HZ 250 on the loopback: the least RTO is kept in ticks, and the sum is rounded once more.
    #[test]
    fn the_least_rto_counts_in_ticks() {
        let rto_ms = |rto_min_us| {
            let settings = Settings { rto_min_us, ..Settings::default() };
            let end = Endpoint { settings, ..Endpoint::default() };
            timeouts(&end, KernelVersion::new(6, 18), RoundTrips::of_handshake(14), Hz::new(250).expect("a tick rate"))
                .rto_us
                / 1000
        };
        let given = [1, 1000, 4000, 4001, 8000, 8001, 10_000, 50_000, 100_000, 199_999, 200_000];
        assert_eq!(given.map(rto_ms), [8, 8, 8, 12, 12, 16, 16, 56, 104, 204, 204]);
    }
}
