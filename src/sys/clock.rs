//! Clocks.

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

/// Milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn unix_ms() -> u64 {
    milliseconds(clock_gettime(ClockId::Realtime))
}

/// Nanoseconds since 1970-01-01 UTC, by the clock that stamps packets.
#[must_use]
pub fn unix_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// Nanoseconds of the monotonic clock, which starts at boot and is never set.
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Microseconds of processor time that this process has used, its own and the kernel's for it.
#[must_use]
pub fn process_cpu_us() -> u64 {
    nanoseconds(clock_gettime(ClockId::ProcessCPUTime)) / 1_000
}

/// From one tick of the kernel to the next, in nanoseconds (`CONFIG_HZ`).
#[must_use]
pub fn read_tick_length_ns() -> u64 {
    nanoseconds(clock_getres(ClockId::RealtimeCoarse))
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Milliseconds of the monotonic clock, which starts at boot and is never set.
#[must_use]
pub fn monotonic_ms() -> u64 {
    milliseconds(clock_gettime(ClockId::Monotonic))
}

fn milliseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_tell_milliseconds() {
        let system = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        assert!(u128::from(unix_ms()).abs_diff(system) < 60_000);
        let earlier = monotonic_ms();
        assert!(monotonic_ms() >= earlier);
    }

    #[test]
    fn a_tick_has_a_length() {
        assert!((1_000_000..=10_000_000).contains(&read_tick_length_ns()));
    }
}
