//! The time limit that the retry settings stand for.
//!
//! Mirrors: `tcp_model_timeout()` in `net/ipv4/tcp_timer.c`, the same from 4.14 to 6.18.
//!
//! Differs from the kernel: counts microseconds where the kernel counts jiffies; base and maximum are whole ticks.

/// The time in microseconds that `boundary` retries take when each waits twice as long as the one before,
/// from `base_us` up to `max_us`. `base_us` must not be 0 and not exceed `max_us`; the result saturates.
pub(super) fn model_timeout_us(boundary: u32, base_us: u64, max_us: u64) -> u64 {
    let doublings = (max_us / base_us.max(1)).checked_ilog2().unwrap_or(0);
    let doubled = |times: u32| {
        let factor = 2_u64.checked_shl(times).map_or(u64::MAX, |factor| factor.saturating_sub(1));
        factor.saturating_mul(base_us)
    };
    if boundary <= doublings {
        doubled(boundary)
    } else {
        doubled(doublings).saturating_add(u64::from(boundary - doublings).saturating_mul(max_us))
    }
}

/// What is left of a wait under a user timeout in microseconds (0 for none), after `elapsed_us`: the wait, but no
/// longer than the timeout leaves; one tick where that is nothing. `tcp_clamp_rto_to_user_timeout()`, since 4.19.
pub(super) fn cut_to_user_timeout(wait_us: u64, user_timeout_us: u64, elapsed_us: u64, tick_us: u64) -> u64 {
    match (user_timeout_us, user_timeout_us.saturating_sub(elapsed_us)) {
        (0, _) => wait_us,
        (_, 0) => tick_us,
        (_, left_us) => wait_us.min(left_us),
    }
}

#[cfg(test)]
mod tests {
    use super::super::constants::{RTO_MAX_US, RTO_MIN_US, TIMEOUT_INIT_US};
    use super::model_timeout_us;

    #[test]
    fn the_retries2_limits_are_the_kernels() {
        let limits_ms =
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15].map(|n| model_timeout_us(n, RTO_MIN_US, RTO_MAX_US) / 1000);
        assert_eq!(
            limits_ms,
            [200, 600, 1400, 3000, 6200, 12_600, 25_400, 51_000, 102_200, 204_600, 324_600, 564_600, 924_600]
        );
    }

    #[test]
    fn the_syn_limits_are_the_kernels() {
        let limits_s = [1, 2, 3, 4, 5, 6, 7].map(|n| model_timeout_us(n, TIMEOUT_INIT_US, RTO_MAX_US) / 1_000_000);
        assert_eq!(limits_s, [3, 7, 15, 31, 63, 127, 247]);
    }

    #[test]
    fn a_lower_maximum_shortens_the_limit() {
        assert_eq!(model_timeout_us(15, RTO_MIN_US, 5_000_000), 61_200_000);
        assert_eq!(model_timeout_us(8, RTO_MIN_US, 1_000_000), 7_400_000);
    }
}
