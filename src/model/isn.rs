//! How initial sequence numbers move with time.
//!
//! Mirrors: `seq_scale()` and `secure_tcp_seq()` of `net/core/secure_seq.c`: a keyed hash of the four addresses and
//! ports, plus the wall clock in steps of 64 ns.
//!
//! Differs from the kernel: a connection that takes a TIME-WAIT socket's place begins 65537 above what that one
//! would have sent next (`tcp_twsk_unique()`, `tcp_timewait_state_process()`), not by the clock.

/// The step of the clock in nanoseconds: `seq_scale()` shifts the time right by six bits.
pub const ISN_TICK_NS: u64 = 64;

/// After how many microseconds the clock has gone once through all sequence numbers, rounded down.
#[must_use]
pub const fn isn_wrap_us() -> u64 {
    (1 << 32) * ISN_TICK_NS / 1000
}

/// How far the initial sequence number of one pair of addresses and ports moves in a time, in sequence numbers,
/// whole turns left out.
#[must_use]
pub fn isn_advance(us: u64) -> u32 {
    let steps = u128::from(us) * 1000 / u128::from(ISN_TICK_NS);
    u32::try_from(steps & u128::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_round_in_four_and_a_half_minutes() {
        assert_eq!(isn_wrap_us() / 1000, 274_877);
        assert_eq!(isn_advance(64), 1000);
        assert_eq!(isn_advance(60_000_000), 937_500_000);
        assert_eq!(isn_advance(275_000_000), 4_296_875_000_u64.wrapping_sub(1 << 32) as u32);
    }
}
