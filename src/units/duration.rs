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

/// Reads a duration with a unit (`us`, `ms`, `s`, `m`, `h`) as microseconds. Without one it is refused: 50 could be
/// meant in ms as well as in s.
///
/// # Errors
/// Says what was expected when the text is no such duration.
pub fn parse_duration_us(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let factor: u64 = match unit.trim() {
        "us" | "µs" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "" if !number.is_empty() => {
            return Err(format!("`{text}` has no unit; expected one such as 30us, 50ms or 1.5s"));
        }
        "m" | "min" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return Err(format!("`{text}` is not a duration; expected one such as 30us, 50ms, 1.5s or 2m")),
    };
    let error = || format!("`{text}` is not a duration; expected one such as 30us, 50ms, 1.5s or 2m");
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 6 || (number.contains('.') && fraction.is_empty()) {
        return Err(error());
    }
    let whole: u64 = whole.parse().map_err(|_| error())?;
    let mut us = whole.checked_mul(factor).ok_or_else(error)?;
    if !fraction.is_empty() {
        let digits: u64 = fraction.parse().map_err(|_| error())?;
        let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(6));
        us = us.saturating_add(digits.saturating_mul(factor) / scale);
    }
    Ok(us)
}

/// A bandwidth with three digits at the most, rounded down, so that what is said to fit does: `6.19 Gbit/s`.
#[must_use]
pub fn bandwidth_text(bit_s: u64) -> String {
    let units = [(1_000_000_000_000, "Tbit/s"), (1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1000, "kbit/s")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| bit_s >= *unit) else {
        return format!("{bit_s} bit/s");
    };
    let (whole, hundredths) = (bit_s / unit, bit_s % unit / (unit / 100).max(1));
    let digits = match whole {
        0..10 => format!("{whole}.{hundredths:02}"),
        10..100 => format!("{whole}.{}", hundredths / 10),
        _ => return format!("{whole} {name}"),
    };
    format!("{} {name}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Reads a bandwidth with a unit (`kbit`, `Mbit`, `Gbit`, `Tbit`, with or without `/s`) as bits per second.
///
/// # Errors
/// Says what was expected when the text is no such bandwidth.
pub fn parse_bandwidth_bit_s(text: &str) -> Result<u64, String> {
    let error = || format!("`{text}` is not a bandwidth; expected one such as 100Mbit/s, 1Gbit/s or 2.5Gbit/s");
    let amount = text.strip_suffix("/s").unwrap_or(text);
    let amount = amount.strip_suffix("bit").or_else(|| amount.strip_suffix("bps")).ok_or_else(error)?;
    let powers: [(&[char], usize); 4] = [(&['k', 'K'], 3), (&['M', 'm'], 6), (&['G', 'g'], 9), (&['T', 't'], 12)];
    let (number, power) =
        powers.into_iter().find_map(|(unit, power)| Some((amount.strip_suffix(unit)?, power))).ok_or_else(error)?;
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > power {
        return Err(error());
    }
    let bits: u64 = format!("{whole}{fraction:0<power$}").parse().map_err(|_| error())?;
    if bits == 0 { Err(error()) } else { Ok(bits) }
}

/// The same number of microseconds as [`parse_duration_us`] reads it, exactly and in the largest unit that is usual
/// for it: `30us`, `204ms`, `1.5s`, `131s`.
#[must_use]
pub fn duration_text(us: u64) -> String {
    let (unit_us, digits, unit) = match us {
        0 => return "0s".to_owned(),
        1..1_000 => (1, 0, "us"),
        1_000..1_000_000 => (1_000, 3, "ms"),
        _ => (1_000_000, 6, "s"),
    };
    let (whole, rest) = (us / unit_us, us % unit_us);
    if rest == 0 {
        return format!("{whole}{unit}");
    }
    let fraction = format!("{rest:0digits$}");
    format!("{whole}.{}{unit}", fraction.trim_end_matches('0'))
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

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration_us("30us"), Ok(30));
        assert_eq!(parse_duration_us("50ms"), Ok(50_000));
        assert_eq!(parse_duration_us("1.5s"), Ok(1_500_000));
        assert_eq!(parse_duration_us("2m"), Ok(120_000_000));
        for bad in ["", "50", "1.5", "s", "1x", "-1s", "1.s", "99999999999999h", "1.2.3s"] {
            assert!(parse_duration_us(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn bandwidths_are_written_with_their_unit_and_never_rounded_up() {
        let texts = [(999, "999 bit/s"), (1_000_000_000, "1 Gbit/s"), (6_199_999_999, "6.19 Gbit/s")];
        let more = [(99_990_000, "99.9 Mbit/s"), (123_456_789, "123 Mbit/s"), (u64::MAX, "18446744 Tbit/s")];
        for (bit_s, text) in texts.into_iter().chain(more).chain([(10_000, "10 kbit/s"), (2_500_000_000, "2.5 Gbit/s")])
        {
            assert_eq!(bandwidth_text(bit_s), text);
        }
    }

    #[test]
    fn bandwidths_are_read_with_their_unit() {
        assert_eq!(parse_bandwidth_bit_s("100Mbit/s"), Ok(100_000_000));
        assert_eq!(parse_bandwidth_bit_s("2.5Gbit"), Ok(2_500_000_000));
        assert_eq!(parse_bandwidth_bit_s("10Gbps"), Ok(10_000_000_000));
        for bad in ["", "100", "1G", "0Gbit", "-1Gbit", "1.Gbit", ".5Gbit", "1GB/s", "99999999999Tbit"] {
            assert!(parse_bandwidth_bit_s(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn a_written_duration_is_read_as_the_same_number() {
        let texts = [0, 30, 1_500, 204_000, 1_500_000, 131_000_000, 86_400_000_000, 1_000_001].map(duration_text);
        assert_eq!(texts, ["0s", "30us", "1.5ms", "204ms", "1.5s", "131s", "86400s", "1.000001s"]);
        for us in [0, 1, 999, 1_001, 999_999, 1_000_001, 59_999_999, 86_399_999_999, u64::MAX / 2_000_000] {
            assert_eq!(parse_duration_us(&duration_text(us)), Ok(us));
        }
    }
}
