//! The timer wheel: how late a kernel timer fires.
//!
//! Mirrors: `calc_wheel_index()` and `calc_index()` in `kernel/time/timer.c`, the wheel without cascading of
//! 4.8 and later. A timer is never early: it fires at the first multiple of its level's granularity after the
//! asked tick.
//!
//! Differs from the kernel: the level is chosen by the asked distance; a timer that is armed by another timer's
//! handler is one tick nearer to the wheel's clock, so at the very edge of a level (63, 504, 4032 … ticks) the
//! kernel may use the finer level. The wheel here is never finer than the kernel's.

use super::Window;
use crate::units::Hz;

/// Levels are 63 buckets of reach each, 8 times coarser than the level before (`LVL_SIZE`, `LVL_CLK_SHIFT`).
const LEVEL_REACH: u64 = 63;
const LEVEL_SHIFT: u32 = 3;
/// `LVL_DEPTH` at more than 100 ticks a second.
const LEVELS: u32 = 9;

/// A wheel that timers are armed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wheel {
    /// Any wheel of this tick rate: a timer fires between the asked time and its granularity and a tick later.
    Any(Hz),
    /// One wheel in one phase.
    Exact {
        /// Tick rate.
        hz: Hz,
        /// Jiffies at time 0 of the scenario, which begins right at a tick.
        phase: u64,
        /// Whether every handler runs one tick late, as it may on a busy CPU.
        busy: bool,
    },
}

impl Wheel {
    /// When a timer runs its handler that was armed at the beginning of `now` for the first wait, or at its end
    /// for the second.
    pub(super) fn fire(self, now: Window, waits_us: (u64, u64)) -> Window {
        match self {
            Self::Any(hz) => {
                // The kernel asks for whole ticks, a begun one included.
                let ticks = ticks_ceil(waits_us.1, hz).saturating_add(granularity_ticks(waits_us.1, hz));
                let latest_us = now.latest_us.saturating_add(ticks_to_us(ticks.saturating_add(1), hz));
                let at_us = now.at_us.saturating_add(waits_us.0);
                Window { at_us, latest_us: latest_us.max(at_us) }
            }
            Self::Exact { hz, phase, busy } => {
                let wait = ticks_ceil(waits_us.0, hz);
                let expires = phase.saturating_add(ticks_floor(now.at_us, hz)).saturating_add(wait);
                let shift = level_of(wait) * LEVEL_SHIFT;
                let fires = ((expires >> shift) + 1) << shift;
                Window::exactly(ticks_to_us((fires - phase).saturating_add(u64::from(busy)), hz))
            }
        }
    }

    /// When a timer runs its handler that was armed at `now_us`; on any wheel, its nominal time.
    pub(super) fn fire_at_us(self, now_us: u64, wait_us: u64) -> u64 {
        self.fire(Window::exactly(now_us), (wait_us, wait_us)).at_us
    }

    /// When the tick after the present one comes.
    pub(super) fn next_tick_us(self, now_us: u64) -> u64 {
        let (Self::Any(hz) | Self::Exact { hz, .. }) = self;
        ticks_to_us(ticks_floor(now_us, hz) + 1, hz)
    }

    /// Length of a tick in microseconds, rounded up.
    pub(super) fn tick_us(self) -> u64 {
        let (Self::Any(hz) | Self::Exact { hz, .. }) = self;
        ticks_to_us(1, hz)
    }
}

/// The rate, or every common one.
pub(super) fn rates(hz: Option<Hz>) -> impl Iterator<Item = Hz> {
    let common = if hz.is_none() { Hz::COMMON.as_slice() } else { &[] };
    hz.into_iter().chain(common.iter().copied())
}

/// The level a timer of so many ticks is put on.
fn level_of(ticks: u64) -> u32 {
    (0..LEVELS).find(|level| ticks < LEVEL_REACH << (level * LEVEL_SHIFT)).unwrap_or(LEVELS - 1)
}

/// A wait on the timer wheel: how coarse its level is, and when its handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WheelWait {
    /// The tick rate.
    pub hz: Hz,
    /// What was asked for, in microseconds.
    pub wait_us: u64,
    /// Step of the wheel's level that the timer is put on, in microseconds.
    pub granularity_us: u64,
    /// When it fires; the latest time counts a handler that is one tick late.
    pub window: Window,
}

/// When one timer of `wait_us` fires that is armed at time 0.
#[must_use]
pub fn wheel_wait(wait_us: u64, hz: Hz) -> WheelWait {
    WheelWait {
        hz,
        wait_us,
        granularity_us: granularity_us(wait_us, hz),
        window: Wheel::Any(hz).fire(Window::exactly(0), (wait_us, wait_us)),
    }
}

/// How many ticks a timer of `wait_us` may be late: the granularity of its level.
pub(super) fn granularity_ticks(wait_us: u64, hz: Hz) -> u64 {
    1 << (level_of(ticks_ceil(wait_us, hz)) * LEVEL_SHIFT)
}

/// How late a timer of `wait_us` may fire, in microseconds.
fn granularity_us(wait_us: u64, hz: Hz) -> u64 {
    ticks_to_us(granularity_ticks(wait_us, hz), hz)
}

/// Whole ticks in a time, rounded up, as `usecs_to_jiffies()` does.
pub(super) fn ticks_ceil(us: u64, hz: Hz) -> u64 {
    us.saturating_mul(u64::from(hz.get())).div_ceil(1_000_000)
}

/// Ticks that have gone by at a time.
pub(super) fn ticks_floor(us: u64, hz: Hz) -> u64 {
    us.saturating_mul(u64::from(hz.get())) / 1_000_000
}

/// The time of a tick in microseconds, rounded up so that the tick has come at that time.
pub(super) fn ticks_to_us(ticks: u64, hz: Hz) -> u64 {
    ticks.saturating_mul(1_000_000).div_ceil(u64::from(hz.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hz(ticks_per_s: u32) -> Hz {
        Hz::new(ticks_per_s).expect("a tick rate")
    }

    #[test]
    fn granularities_grow_by_eight_with_each_level() {
        let ms = |wait_s: u64, rate| granularity_us(wait_s * 1_000_000, hz(rate)) / 1000;
        let waits_s = [1, 2, 4, 8, 16, 32, 60, 64, 75, 120];
        assert_eq!(waits_s.map(|s| ms(s, 100)), [80, 80, 80, 640, 640, 640, 5120, 5120, 5120, 5120]);
        assert_eq!(waits_s.map(|s| ms(s, 250)), [32, 32, 256, 256, 256, 2048, 2048, 2048, 2048, 2048]);
        assert_eq!(waits_s.map(|s| ms(s, 300)), [26, 213, 213, 213, 1706, 1706, 1706, 1706, 1706, 13653]);
        assert_eq!(waits_s.map(|s| ms(s, 1000)), [64, 64, 64, 512, 512, 512, 4096, 4096, 4096, 4096]);
        assert_eq!(ms(7200, 250), 131_072);
        assert_eq!(ms(7200, 300), 873_813);
    }

    #[test]
    fn a_timer_is_never_early_and_at_most_its_granularity_late() {
        for rate in [100, 250, 300, 1000] {
            for wait_us in [200_000, 1_000_000, 2_000_000, 4_000_000, 32_000_000, 60_000_000] {
                let granularity = granularity_ticks(wait_us, hz(rate));
                let late = |phase| {
                    let wheel = Wheel::Exact { hz: hz(rate), phase, busy: false };
                    wheel.fire(Window::exactly(0), (wait_us, wait_us)).at_us.checked_sub(wait_us)
                };
                let lateness: Vec<_> = (0..granularity).map(|phase| late(phase).expect("not early")).collect();
                let most = lateness.iter().max().copied().unwrap_or(0);
                assert_eq!(most, granularity_us(wait_us, hz(rate)), "HZ {rate}, {wait_us} us");
                assert!(lateness.iter().all(|late| *late > 0));
            }
        }
    }

    #[test]
    fn any_wheel_holds_every_exact_one() {
        for rate in [100, 250, 300, 1000] {
            for wait_us in (1..400).map(|step| step * 7_919) {
                let armed_us = wait_us * 3 % 50_000;
                let any = Wheel::Any(hz(rate)).fire(Window::exactly(armed_us), (wait_us, wait_us));
                for (phase, busy) in (0..64).flat_map(|phase| [(phase, false), (phase, true)]) {
                    let wheel = Wheel::Exact { hz: hz(rate), phase, busy };
                    let at_us = wheel.fire(Window::exactly(armed_us), (wait_us, wait_us)).at_us;
                    assert!((any.at_us..=any.latest_us).contains(&at_us), "HZ {rate}, {wait_us} us: {at_us}, {any:?}");
                }
            }
        }
    }

    #[test]
    fn a_tick_survives_the_way_to_microseconds_and_back() {
        for rate in [100, 250, 300, 1000, 1024] {
            for ticks in 0..5000 {
                assert_eq!(ticks_floor(ticks_to_us(ticks, hz(rate)), hz(rate)), ticks);
            }
        }
    }
}
