//! Numbers as the screens write them.

pub(super) use crate::report::{render_count as count, render_rate as rate};
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
