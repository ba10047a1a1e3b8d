//! The older reading that rates are told by, where readings come whenever somebody asks.

use crate::snapshot::Snapshot;

/// An older reading than this says nothing of now.
const LONGEST_MS: u64 = 900_000;

/// What was read before: the reading to compare with, and the one that will be.
#[derive(Debug)]
pub(super) struct Past {
    window_ms: u64,
    base: Option<Snapshot>,
    next: Option<Snapshot>,
}

impl Past {
    /// Nothing yet. Readings are compared that are at least so far apart, however often is read in between.
    pub(super) const fn new(window_ms: u64) -> Self {
        Self { window_ms, base: None, next: None }
    }

    /// The newest reading that is at least a window older than this one, as far as readings were kept.
    pub(super) fn before(&mut self, now: &Snapshot) -> Option<&Snapshot> {
        let age_ms = |one: &Snapshot| now.monotonic_ms.saturating_sub(one.monotonic_ms);
        if self.next.as_ref().is_some_and(|next| age_ms(next) >= self.window_ms) {
            self.base = self.next.take();
        }
        self.base.as_ref().filter(|base| age_ms(base) <= LONGEST_MS && base.is_before(now).is_ok())
    }

    /// Keeps this reading, if it is the next to be compared with.
    pub(super) fn keep(&mut self, now: Snapshot) {
        self.next.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::parse_stored;

    #[test]
    fn readings_are_compared_that_are_a_window_apart_and_old_ones_are_forgotten() {
        let text = include_str!("../../../tests/data/snapshots/version-1.json");
        let at = |monotonic_ms| Snapshot { monotonic_ms, ..parse_stored(text).unwrap().last().clone() };
        let mut past = Past::new(5_000);
        let seen: Vec<Option<u64>> = [10_000, 11_000, 15_000, 16_000, 19_999, 20_000, 60_000, 70_000, 970_001]
            .into_iter()
            .map(|ms| {
                let now = at(ms);
                let before = past.before(&now).map(|one| one.monotonic_ms);
                past.keep(now);
                before
            })
            .collect();
        let expected =
            [None, None, Some(10_000), Some(10_000), Some(10_000), Some(15_000), Some(20_000), Some(60_000), None];
        assert_eq!(seen, expected);
    }
}
