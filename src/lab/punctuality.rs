//! How punctual a run was: what this process and the machine below it added to what the kernel did.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::LabError;
use crate::sys::{Stream, monotonic_ns, read_tick_length_ns, unix_ns};
use crate::wire::TcpInfo;

/// More than this of anything proves nothing, in microseconds.
const MOST_US: u64 = 50_000;
/// A clock that was set by more than this meanwhile is no measure, in microseconds.
const CLOCK_MOST_US: u64 = 1_000;
/// A machine on which this process or the tick had to wait longer than this for its turn is a loaded one, in
/// microseconds.
const LOADED_US: u64 = 1_000;
/// Clocks that were read within this time belong together, in nanoseconds.
const TOGETHER_NS: u64 = 100_000;

/// How late a run was by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Punctuality {
    /// How late this process took packets from the wire and brought them, all together, in microseconds: each may make
    /// what follows from it later.
    pub wire_us: u64,
    /// How far the kernel's tick was behind its clock when something was done, all together, in microseconds: a timer
    /// that is armed meanwhile counts from a time that is past, and expires that much early. A virtual machine whose
    /// processor is taken away has such ticks.
    pub tick_us: u64,
    /// By how much the clock that stamps packets was set meanwhile, in microseconds.
    pub clock_us: u64,
    /// How long this process overslept at the most, in microseconds: by so much it may have noticed late what it has to
    /// notice itself, such as a call that returned.
    pub slept_us: u64,
    /// Whether the clocks could never be read together, so that nothing is known of the tick and of the clock.
    pub is_unknown: bool,
}

impl Punctuality {
    /// Whether a comparison means something.
    #[must_use]
    pub const fn is_conclusive(&self) -> bool {
        !self.is_unknown
            && self.wire_us <= MOST_US
            && self.tick_us <= MOST_US
            && self.slept_us <= MOST_US
            && self.clock_us <= CLOCK_MOST_US
    }

    /// Whether the machine was loaded.
    #[must_use]
    pub const fn is_loaded(&self) -> bool {
        self.wire_us > LOADED_US || self.tick_us > LOADED_US
    }
}

/// Watches the clocks while a scenario is played.
///
/// The kernel's jiffies are read where TCP itself tells them: `tcpi_last_data_sent` is `tcp_jiffies32 - lsndtime`
/// (`tcp_get_info`), and `lsndtime` of a socket that was never connected is 0. They are counted up in whole ticks of the
/// monotonic clock (`tick_do_update_jiffies64`), so that the clock is ahead of them by the same offset at each tick.
pub(super) struct Clocks {
    idle: Stream,
    tick_ns: u64,
    /// The first reading: monotonic clock, jiffies in milliseconds, real-time clock.
    first: Option<(u64, u32, u64)>,
    ticks: Ticks,
    clock_ns: u64,
    slept: Duration,
}

/// How far the clock was ahead of the jiffies.
#[derive(Debug, Default)]
struct Ticks {
    /// The least that was ever seen, which is right after a tick that was on time.
    least_ns: Option<i64>,
    /// The most that was seen in each jiffy.
    most_ns: BTreeMap<u64, i64>,
}

impl Ticks {
    fn note(&mut self, since_ns: u64, jiffies: u64, tick_ns: u64) {
        let ahead_ns = since_ns.cast_signed().wrapping_sub(jiffies.wrapping_mul(tick_ns).cast_signed());
        self.least_ns = Some(self.least_ns.map_or(ahead_ns, |least| least.min(ahead_ns)));
        let most = self.most_ns.entry(jiffies).or_insert(ahead_ns);
        *most = ahead_ns.max(*most);
    }

    /// How far the ticks were behind, all together.
    fn behind_ns(&self, tick_ns: u64) -> u64 {
        let least_ns = self.least_ns.unwrap_or(0);
        let behind = |most_ns: &i64| most_ns.saturating_sub(least_ns).cast_unsigned().saturating_sub(tick_ns);
        self.most_ns.values().map(behind).sum()
    }
}

impl Clocks {
    pub(super) fn new() -> Result<Self, LabError> {
        let idle = Stream::new(false).map_err(|error| LabError::Setup { doing: "make a socket", error })?;
        let mut clocks = Self {
            idle,
            tick_ns: read_tick_length_ns(),
            first: None,
            ticks: Ticks::default(),
            clock_ns: 0,
            slept: Duration::ZERO,
        };
        clocks.look();
        Ok(clocks)
    }

    /// What was seen so far does not count; how far the clock is ahead at least is kept.
    pub(super) fn begin(&mut self) {
        self.ticks.most_ns.clear();
        self.slept = Duration::ZERO;
        (self.first, self.clock_ns) = (self.first.map(|(at, jiffies, _)| (at, jiffies, 0)), 0);
    }

    /// It was to wake up then.
    pub(super) fn woke(&mut self, due: Instant) {
        self.slept = self.slept.max(Instant::now().saturating_duration_since(due));
    }

    /// Something was just done or seen.
    pub(super) fn look(&mut self) {
        let before_ns = monotonic_ns();
        let info = self.idle.tcp_info().ok().and_then(|bytes| TcpInfo::of(&bytes).last_data_sent_ms());
        let (unix_ns, after_ns) = (unix_ns(), monotonic_ns());
        // Interrupted in between, the clocks do not belong together.
        let Some(jiffies_ms) = info.filter(|_| after_ns.saturating_sub(before_ns) < TOGETHER_NS) else { return };
        let (first_ns, first_ms, _) = *self.first.get_or_insert((before_ns, jiffies_ms, 0));
        let since_ms = u64::from(jiffies_ms.wrapping_sub(first_ms));
        let jiffies = since_ms.saturating_mul(1_000_000).saturating_add(self.tick_ns / 2) / self.tick_ns.max(1);
        self.ticks.note(before_ns.saturating_sub(first_ns), jiffies, self.tick_ns);
        let since_boot_ns = unix_ns.saturating_sub(before_ns);
        if let Some((.., offset_ns)) = &mut self.first {
            if *offset_ns == 0 {
                *offset_ns = since_boot_ns;
            }
            self.clock_ns = self.clock_ns.max(offset_ns.abs_diff(since_boot_ns));
        }
    }

    /// The kernel's jiffies now, as far as they can be told from milliseconds: enough of their low bits for the timer
    /// wheel; and the monotonic clock then. Nothing where a tick is no whole number of milliseconds.
    pub(super) fn jiffies(&self) -> Option<(u64, u64)> {
        const TRIES: usize = 10;
        let read = || {
            let before_ns = monotonic_ns();
            let jiffies = self.jiffies_now()?;
            // Interrupted in between, the clocks do not belong together.
            (monotonic_ns().saturating_sub(before_ns) < TOGETHER_NS).then_some((jiffies, before_ns))
        };
        (0..TRIES).find_map(|_| read())
    }

    /// The kernel's jiffies now, told like those of [`Clocks::jiffies`], whatever the clock says meanwhile.
    pub(super) fn jiffies_now(&self) -> Option<u64> {
        let info = self.idle.tcp_info().ok()?;
        jiffies_of(TcpInfo::of(&info).last_data_sent_ms()?, self.tick_ns)
    }

    /// How far into its tick the monotonic clock was at this reading, as far as the ticks that were seen show.
    pub(super) fn ns_within_tick(&self, at_ns: u64) -> Option<u64> {
        let (first_ns, ..) = self.first?;
        let since_ns = at_ns.cast_signed().wrapping_sub(first_ns.cast_signed());
        let into_ns = since_ns.wrapping_sub(self.ticks.least_ns?).checked_rem_euclid(self.tick_ns.cast_signed())?;
        u64::try_from(into_ns).ok()
    }

    /// The length of a tick, in nanoseconds.
    pub(super) const fn tick_ns(&self) -> u64 {
        self.tick_ns
    }

    /// How punctual the tick and the clock were, beside a wire that was so late.
    pub(super) fn punctuality(&self, wire_us: u64) -> Punctuality {
        Punctuality {
            wire_us,
            tick_us: self.ticks.behind_ns(self.tick_ns) / 1000,
            clock_us: self.clock_ns / 1000,
            slept_us: u64::try_from(self.slept.as_micros()).unwrap_or(u64::MAX),
            is_unknown: self.ticks.most_ns.is_empty(),
        }
    }
}

/// The low bits of `jiffies` from what `jiffies_to_msecs()` made of them: their product with the length of a tick, cut
/// to 32 bits. An odd factor can be undone there, and a power of two but for the bits that it pushed out.
fn jiffies_of(ms: u32, tick_ns: u64) -> Option<u64> {
    const MS: u64 = 1_000_000;
    let tick_ms = u32::try_from(tick_ns / MS).ok().filter(|ms| *ms > 0 && tick_ns.is_multiple_of(MS))?;
    let twos = tick_ms.trailing_zeros();
    let odd = tick_ms >> twos;
    // Newton's iteration: each step doubles the bits that are right, and an odd number is its own inverse in three.
    let inverse = (0..4).fold(odd, |inverse, _| inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse))));
    Some(u64::from((ms >> twos).wrapping_mul(inverse) & (u32::MAX >> twos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_late_once_however_often_that_is_seen() {
        let behind_us = |readings: &[(u64, u64)]| {
            let mut ticks = Ticks::default();
            readings.iter().for_each(|(since_us, jiffies)| ticks.note(since_us * 1000, *jiffies, 4_000_000));
            ticks.behind_ns(4_000_000) / 1000
        };
        // Jiffies count from 1 ms after the first reading on.
        assert_eq!(behind_us(&[(0, 0), (1100, 1), (4900, 1), (9500, 3), (21_000, 6)]), 0);
        assert_eq!(behind_us(&[(0, 0), (1100, 1), (7100, 1), (6000, 1), (9100, 3), (14_100, 3)]), 2000 + 1000);
    }

    #[test]
    fn jiffies_are_told_from_milliseconds_that_were_cut_to_32_bits() {
        for (tick_ms, jiffies) in [(1, 4_294_937_297_u64), (4, 4_294_900_000), (10, 4_294_937_296), (10, 5), (4, 0)] {
            let ms = u32::try_from(jiffies * tick_ms % (1 << 32)).unwrap();
            let told = jiffies_of(ms, tick_ms * 1_000_000).unwrap();
            assert_eq!(told % (1 << 28), jiffies % (1 << 28), "{tick_ms} ms, {jiffies}");
        }
        assert_eq!(jiffies_of(1000, 3_333_333), None);
    }

    #[test]
    fn this_machines_own_jiffies_are_read_as_they_pass() {
        let began = monotonic_ns();
        let mut clocks = Clocks::new().unwrap();
        let passed_ns = |clocks: &Clocks| clocks.ticks.most_ns.keys().max().unwrap_or(&0) * clocks.tick_ns;
        while passed_ns(&clocks) < 20_000_000 {
            assert!(monotonic_ns() - began < 10_000_000_000, "no jiffies pass");
            clocks.look();
        }
        assert!(!clocks.punctuality(0).is_unknown);
        clocks.begin();
        assert!(clocks.punctuality(0).is_unknown, "nothing was read since");
        clocks.look();
        // No more of them than there was time for.
        assert!(passed_ns(&clocks) <= monotonic_ns() - began + clocks.tick_ns);
    }

    #[test]
    fn a_run_that_was_too_late_proves_nothing() {
        assert!(Punctuality::default().is_conclusive() && !Punctuality::default().is_loaded());
        for late in [
            Punctuality { wire_us: 60_000, ..Punctuality::default() },
            Punctuality { tick_us: 60_000, ..Punctuality::default() },
            Punctuality { clock_us: 2_000, ..Punctuality::default() },
            Punctuality { slept_us: 60_000, ..Punctuality::default() },
            Punctuality { is_unknown: true, ..Punctuality::default() },
        ] {
            assert!(!late.is_conclusive(), "{late:?}");
        }
    }
}
