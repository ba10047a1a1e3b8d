//! Durations as people read them.

use core::fmt;

/// A duration in microseconds that prints as a person says it: `204 ms`, `7.1 s`, `131 s`.
///
/// Below a second in milliseconds (or microseconds), up to 1000 s in seconds with one decimal unless it is whole,
/// then in minutes and hours with what is left in the next unit.
/// With `{:#}` it is set for a table column, without blanks: `204ms`, `7.1s`, `2m11s`, `2h05m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() { column(self.0) } else { sentence(self.0) };
        f.pad(&text)
    }
}

fn sentence(us: u64) -> String {
    match us {
        0..1_000 => small(us, " "),
        1_000..999_950_000 => in_seconds(us, " "),
        _ => match us.saturating_add(500_000) / 1_000_000 {
            seconds @ 0..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
            seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        },
    }
}

fn column(us: u64) -> String {
    match us {
        0..1_000 => small(us, ""),
        1_000..59_950_000 => in_seconds(us, ""),
        _ => match us.saturating_add(500_000) / 1_000_000 {
            seconds @ 0..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
            seconds @ 3_600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
            seconds => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
        },
    }
}

fn small(us: u64, blank: &str) -> String {
    if us == 0 { format!("0{blank}s") } else { format!("{us}{blank}us") }
}

fn in_seconds(us: u64, blank: &str) -> String {
    if us < 999_500 {
        return format!("{}{blank}ms", us.saturating_add(500) / 1000);
    }
    let tenths = us.saturating_add(50_000) / 100_000;
    match tenths % 10 {
        0 => format!("{}{blank}s", tenths / 10),
        tenth => format!("{}.{tenth}{blank}s", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_unit_a_person_would() {
        let texts = [0, 30, 204_000, 1_000_000, 7_127_000, 59_960_000, 131_000_000, 135_308_000, 929_000_000]
            .map(|us| Micros(us).to_string());
        assert_eq!(texts, ["0 s", "30 us", "204 ms", "1 s", "7.1 s", "60 s", "131 s", "135.3 s", "929 s"]);
        assert_eq!(Micros(7_875_000_000).to_string(), "2 h 11 min");
        assert_eq!(Micros(1_045_000_000).to_string(), "17 min 25 s");
    }

    #[test]
    fn columns_hold_at_most_two_units_without_blanks() {
        let texts = [204_000, 3_100_000, 42_000_000, 131_000_000, 7_500_000_000, 273_600_000_000]
            .map(|us| format!("{:#}", Micros(us)));
        assert_eq!(texts, ["204ms", "3.1s", "42s", "2m11s", "2h05m", "3d04h"]);
    }
}
