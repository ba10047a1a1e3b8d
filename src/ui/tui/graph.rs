//! Bars and sparklines.

/// What one column of a sparkline shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// A reading.
    Value(u64),
    /// Time in which reading failed: a visible hole.
    Hole,
    /// Time before the first reading.
    Before,
}

/// A bar for `now` of `limit` in `width` columns, with halves.
pub(super) fn bar(now: u64, limit: u64, width: usize) -> String {
    if width == 0 {
        return String::new();
    }
    let halves = if limit == 0 {
        if now > 0 { 2 * width } else { 0 }
    } else {
        let exact = u128::from(now) * 2 * width as u128 / u128::from(limit);
        usize::try_from(exact).unwrap_or(usize::MAX).min(2 * width)
    };
    // Something is never drawn as nothing.
    let halves = if now > 0 { halves.max(1) } else { halves };
    let (full, half) = (halves / 2, halves % 2);
    "█".repeat(full) + if half == 1 { "▌" } else { "" } + &"░".repeat(width - full - half)
}

/// A sparkline on a scale from 0 to `peak`: the lowest block is zero, and anything above zero is higher.
pub(super) fn sparkline(points: &[Point], peak: u64) -> String {
    const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    points
        .iter()
        .map(|point| match *point {
            Point::Before => " ",
            Point::Hole => "?",
            Point::Value(0) => "▁",
            Point::Value(value) => {
                let step = 1 + u128::from(value) * 6 / u128::from(peak.max(1));
                BLOCKS.get(usize::try_from(step).unwrap_or(7)).copied().unwrap_or("█")
            }
        })
        .collect()
}

/// The highest reading.
pub(super) fn peak(points: &[Point]) -> Option<u64> {
    points
        .iter()
        .filter_map(|point| match point {
            Point::Value(value) => Some(*value),
            _ => None,
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_only_at_zero_and_full_at_the_limit() {
        assert_eq!(bar(0, 512, 4), "░░░░");
        assert_eq!(bar(1, 512, 4), "▌░░░");
        assert_eq!(bar(256, 512, 4), "██░░");
        assert_eq!(bar(600, 512, 4), "████");
        assert_eq!(bar(1, 0, 4), "████");
        assert_eq!(bar(u64::MAX, 1, 2), "██");
    }

    #[test]
    fn a_sparkline_shows_zero_holes_and_what_was_before() {
        use Point::{Before, Hole, Value};
        assert_eq!(sparkline(&[Before, Value(0), Value(1), Hole, Value(100)], 100), " ▁▂?█");
    }
}
