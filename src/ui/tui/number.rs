//! Numbers as the screens write them.

use crate::units::Micros;

/// A cell that may have no number. The four differ in text, since absent is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// A number.
    Value(u64),
    /// It could not be read: `?`.
    Unread,
    /// It does not apply: `–`.
    NotApplicable,
    /// The first interval is not over: `…`.
    NotYet,
}

impl Cell {
    /// A number, or the sign of a gap.
    pub(super) fn from_reading(reading: Option<u64>) -> Self {
        reading.map_or(Self::Unread, Self::Value)
    }

    /// The number, if it has one.
    pub(super) const fn value(self) -> Option<u64> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Its text, with the number written by `write`.
    pub(super) fn text(self, write: fn(u64) -> String) -> String {
        match self {
            Self::Value(value) => write(value),
            Self::Unread => "?".to_owned(),
            Self::NotApplicable => "–".to_owned(),
            Self::NotYet => "…".to_owned(),
        }
    }
}

/// A count: whole up to 99999, then with k, M or G.
pub(super) fn count(value: u64) -> String {
    match value {
        0..=99_999 => value.to_string(),
        100_000..=999_999 => format!("{}k", value / 1000),
        _ => scaled(value, &[(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M")]),
    }
}

/// A rate in thousandths per second: three figures; below 0.1/s per minute or per hour.
pub(super) fn rate(milli_per_s: u64) -> String {
    match milli_per_s {
        0 => "0/s".to_owned(),
        1..100 => {
            let per_hour = milli_per_s * 3600 / 1000;
            if per_hour >= 60 { format!("{}/min", (per_hour + 30) / 60) } else { format!("{}/h", per_hour.max(1)) }
        }
        100..=9_949 => {
            let tenths = (milli_per_s + 50) / 100;
            let (whole, tenth) = (tenths / 10, tenths % 10);
            if tenth == 0 { format!("{whole}/s") } else { format!("{whole}.{tenth}/s") }
        }
        9_950..=999_499 => format!("{}/s", (milli_per_s + 500) / 1000),
        _ => format!("{}/s", scaled(milli_per_s / 1000, &[(1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")])),
    }
}

/// A share in thousandths of a per cent; `100%` only when it is all.
pub(super) fn share(milli_percent: u64) -> String {
    match milli_percent {
        0 => "0%".to_owned(),
        1..100 => "<0.1%".to_owned(),
        100..=9_949 => {
            let tenths = (milli_percent + 50) / 100;
            format!("{}.{}%", tenths / 10, tenths % 10)
        }
        9_950..=99_999 => format!("{}%", ((milli_percent + 500) / 1000).min(99)),
        _ => "100%".to_owned(),
    }
}

/// A duration in milliseconds: two units at most, no blanks.
pub(super) fn duration_ms(ms: u64) -> String {
    format!("{:#}", Micros(ms.saturating_mul(1000)))
}

/// Three figures with the first unit that is not larger than the value.
fn scaled(value: u64, units: &[(u64, &str)]) -> String {
    let Some((size, unit)) = units.iter().copied().find(|(size, _)| value >= *size) else {
        return value.to_string();
    };
    let tenths = value / (size / 10).max(1);
    if tenths >= 100 { format!("{}{unit}", tenths / 10) } else { format!("{}.{}{unit}", tenths / 10, tenths % 10) }
}

/// The time of day of an instant, `12:01:05`, at an offset from UTC.
pub(super) fn time_of_day(unix_ms: u64, utc_offset_s: i32) -> String {
    let s = seconds_of_day(unix_ms, utc_offset_s);
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The date of an instant, `2026-11-22`, at an offset from UTC.
pub(super) fn date(unix_ms: u64, utc_offset_s: i32) -> String {
    let seconds = i64::try_from(unix_ms / 1000).unwrap_or(0).saturating_add(i64::from(utc_offset_s));
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "?".to_owned(), |instant| instant.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
}

fn seconds_of_day(unix_ms: u64, utc_offset_s: i32) -> i64 {
    let seconds = i64::try_from(unix_ms / 1000).unwrap_or(0) + i64::from(utc_offset_s);
    seconds.rem_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_a_zero_and_what_does_not_apply_differ_in_text() {
        let text = |cell: Cell| cell.text(count);
        assert_eq!(text(Cell::Value(0)), "0");
        assert_eq!(text(Cell::Unread), "?");
        assert_eq!(text(Cell::NotApplicable), "–");
        assert_eq!(text(Cell::NotYet), "…");
    }

    #[test]
    fn counts_keep_their_figures_until_they_are_too_long() {
        assert_eq!(count(21_904), "21904");
        assert_eq!(count(99_999), "99999");
        assert_eq!(count(262_144), "262k");
        assert_eq!(count(999_999), "999k");
        assert_eq!(count(1_300_000), "1.3M");
        assert_eq!(count(u64::MAX), "18446744T");
    }

    #[test]
    fn rates_below_a_tenth_are_per_minute_or_hour() {
        assert_eq!(rate(0), "0/s");
        assert_eq!(rate(1), "3/h");
        assert_eq!(rate(99), "6/min");
        assert_eq!(rate(100), "0.1/s");
        assert_eq!(rate(3000), "3/s");
        assert_eq!(rate(412_000), "412/s");
        assert_eq!(rate(1_240_000), "1.2k/s");
        assert_eq!(rate(41_000_000), "41k/s");
    }

    #[test]
    fn a_share_is_only_whole_when_it_is_all() {
        assert_eq!(share(0), "0%");
        assert_eq!(share(20), "<0.1%");
        assert_eq!(share(800), "0.8%");
        assert_eq!(share(99_900), "99%");
        assert_eq!(share(100_000), "100%");
    }

    #[test]
    fn the_clock_follows_the_offset() {
        assert_eq!(time_of_day(0, 0), "00:00:00");
        assert_eq!(time_of_day(3_600_000, -7200), "23:00:00");
        assert_eq!(date(3_600_000, -7200), "1969-12-31");
    }
}
