//! What time it was when something happened that is stamped by a clock which nobody sets.

/// A moment by two clocks: the monotonic one, which stands still while the host is suspended and is never set, and the one
/// of the calendar, which is set and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    mono_ns: u64,
    unix_ns: u64,
}

impl WallClock {
    /// The clocks are taken to have gone alike as long as they are not further apart than this, so that times of events
    /// stay in their order while the calendar's clock is slewed.
    const ALIKE_NS: u64 = 1_000_000;

    /// The same moment by both clocks, in nanoseconds since boot without suspension, and since 1970.
    #[must_use]
    pub const fn new(mono_ns: u64, unix_ns: u64) -> Self {
        Self { mono_ns, unix_ns }
    }

    /// By the monotonic clock.
    #[must_use]
    pub const fn mono_ns(&self) -> u64 {
        self.mono_ns
    }

    /// Takes note of what the clocks say now: the calendar's between two readings of the monotonic one. When it was set, or
    /// the host was suspended, what happens from then on is stamped anew. A reading that took long says nothing.
    pub fn set(&mut self, before_ns: u64, unix_ns: u64, after_ns: u64) {
        let took_ns = after_ns.saturating_sub(before_ns);
        if after_ns >= before_ns
            && took_ns < Self::ALIKE_NS
            && self.unix_ns(before_ns).abs_diff(unix_ns) > Self::ALIKE_NS
        {
            *self = Self::new(before_ns, unix_ns);
        }
    }

    /// When it was by the calendar, in nanoseconds since 1970.
    #[must_use]
    pub const fn unix_ns(&self, mono_ns: u64) -> u64 {
        match mono_ns.checked_sub(self.mono_ns) {
            Some(later) => self.unix_ns.saturating_add(later),
            None => self.unix_ns.saturating_sub(self.mono_ns.saturating_sub(mono_ns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_that_is_slewed_moves_no_event_and_one_that_is_set_does() {
        let mut clock = WallClock::new(5_000_000_000, 90_000_000_000);
        clock.set(6_000_000_000, 91_000_400_000, 6_000_000_300);
        assert_eq!(clock.unix_ns(6_000_000_000), 91_000_000_000);
        // The host slept for an hour; then somebody set the clock back.
        clock.set(7_000_000_000, 3_692_000_000_000, 7_000_000_300);
        assert_eq!(clock.unix_ns(7_000_000_010), 3_692_000_000_010);
        clock.set(8_000_000_000, 80_000_000_000, 8_000_000_300);
        assert_eq!((clock.unix_ns(8_000_000_010), clock.unix_ns(7_999_999_990)), (80_000_000_010, 79_999_999_990));
        // Between the two readings the program stood still, so that nothing follows.
        clock.set(9_000_000_000, 82_000_000_000, 9_900_000_000);
        assert_eq!(clock.unix_ns(9_000_000_000), 81_000_000_000);
    }

    proptest! {
        #[test]
        fn whatever_the_clocks_do_the_time_is_theirs_to_a_millisecond(
            begun: (u64, u64), now in any::<(u64, u64)>(), took in 0..900_000_u64,
        ) {
            let mut clock = WallClock::new(begun.0, begun.1);
            clock.set(now.0, now.1, now.0.saturating_add(took));
            prop_assert!(clock.unix_ns(now.0).abs_diff(now.1) <= 1_000_000);
        }
    }
}
