//! How often something is read again that costs processor time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::sys::process_cpu_us;

/// The pace of readings: as often as asked for, and less often where they would take more than their share of one
/// processor.
pub(super) struct Pace {
    asked_us: u64,
    share_percent: u64,
    /// When the next one is due.
    due: Instant,
    /// Processor time of this process when the last one had been written.
    used_us: u64,
}

/// What one reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Processor time since the one before, writing included, in microseconds.
    pub(super) cost_us: u64,
    /// The interval that was asked for.
    pub(super) asked_us: u64,
    /// The interval until the next.
    pub(super) interval_us: u64,
    /// The share that readings may take, in percent of one processor.
    pub(super) share_percent: u64,
}

impl Pace {
    /// From now on.
    pub(super) fn new(interval_ms: u64, share_percent: u64) -> Self {
        let asked_us = interval_ms.saturating_mul(1000);
        Self { asked_us, share_percent, due: Instant::now(), used_us: process_cpu_us() }
    }

    /// Ends a reading, whose cost decides when the next one is due.
    pub(super) fn step(&mut self) -> Step {
        let used_us = process_cpu_us();
        let cost_us = used_us.saturating_sub(core::mem::replace(&mut self.used_us, used_us));
        let Self { asked_us, share_percent, .. } = *self;
        let interval_us = affordable_us(asked_us, cost_us, share_percent);
        // From the time it was due, so that the time for reading does not add up; a reading that took longer than the
        // interval is followed at once and not by several.
        self.due = (self.due + Duration::from_micros(interval_us)).max(Instant::now());
        Step { cost_us, asked_us, interval_us, share_percent }
    }

    /// Waits for the next one.
    pub(super) fn wait(&self) {
        sleep(self.due.saturating_duration_since(Instant::now()));
    }
}

/// Processor time of this process, told piece by piece.
pub(super) struct Spent {
    used_us: u64,
}

impl Spent {
    /// From now on.
    pub(super) fn new() -> Self {
        Self { used_us: process_cpu_us() }
    }

    /// What came since it was last asked, in microseconds.
    pub(super) fn more_us(&mut self) -> u64 {
        let used_us = process_cpu_us();
        used_us.saturating_sub(core::mem::replace(&mut self.used_us, used_us))
    }
}

/// The shortest interval from the one that was asked for on in which a reading of this cost takes no more than its share.
fn affordable_us(asked_us: u64, cost_us: u64, share_percent: u64) -> u64 {
    asked_us.max(cost_us.saturating_mul(100).div_ceil(share_percent.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reading_that_costs_more_than_its_share_comes_less_often() {
        assert_eq!(affordable_us(1_000_000, 20_000, 2), 1_000_000);
        assert_eq!(affordable_us(1_000_000, 84_000, 2), 4_200_000);
        assert_eq!(affordable_us(1_000_000, 84_000, 50), 1_000_000);
    }

    proptest! {
        #[test]
        fn the_share_is_kept_by_the_shortest_interval_and_no_one_is_read_more_often_than_asked(
            asked_us in 10_000..=86_400_000_000_u64, cost_us in 0..=600_000_000_u64, share_percent in 1..=100_u64,
        ) {
            let interval_us = affordable_us(asked_us, cost_us, share_percent);
            prop_assert!(interval_us >= asked_us);
            prop_assert!(cost_us * 100 <= interval_us * share_percent);
            prop_assert!(interval_us == asked_us || cost_us * 100 > (interval_us - 1) * share_percent);
            // A dearer reading never comes sooner.
            prop_assert!(affordable_us(asked_us, cost_us + 1, share_percent) >= interval_us);
        }
    }
}
