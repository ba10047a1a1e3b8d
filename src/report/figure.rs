//! Numbers as text.

use crate::model::Answer;

/// An answer of the model at the end of its sentence.
#[must_use]
pub(super) fn answer(answer: Answer) -> String {
    match answer {
        Answer::After(after) => after.to_string(),
        Answer::Never => "never".to_owned(),
        Answer::PerSecond(rate) => format!("{rate} per second"),
        Answer::Count(count) => count.to_string(),
        Answer::Unknown => "?".to_owned(),
    }
}

/// A rate from thousandths per second: `412/s`, `1.2k/s`, `0.5/s`, and per minute or hour below 0.1 per second.
#[must_use]
pub(super) fn rate(milli_per_s: u64) -> String {
    match milli_per_s {
        0 => "0/s".to_owned(),
        1..=16 => format!("{}/h", (milli_per_s * 36).div_ceil(10)),
        17..=99 => format!("{}/min", milli_per_s * 6 / 100),
        100..=9_949 if !milli_per_s.is_multiple_of(1_000) => {
            let tenths = (milli_per_s + 50) / 100;
            format!("{}.{}/s", tenths / 10, tenths % 10)
        }
        100..=9_999_499 => match (milli_per_s + 500) / 1_000 {
            whole @ 0..=999 => format!("{whole}/s"),
            whole => format!("{}.{}k/s", whole / 1_000, whole % 1_000 / 100),
        },
        _ => format!("{}k/s", milli_per_s / 1_000_000),
    }
}

/// A count in a table: whole up to 99999, then `123k`, `1.3M`.
#[must_use]
pub(super) fn count(number: u64) -> String {
    match number {
        0..100_000 => number.to_string(),
        100_000..999_500 => format!("{}k", (number + 500) / 1000),
        _ => match (number / 10_000).saturating_add(5) / 10 {
            tenths @ 0..1000 => format!("{}.{}M", tenths / 10, tenths % 10),
            tenths => format!("{}M", tenths / 10),
        },
    }
}

/// Bytes in a binary unit with three figures at most: `412B`, `8.1KiB`, `412MiB`.
#[must_use]
pub(super) fn bytes(number: u64) -> String {
    let units = [("KiB", 10_u32), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    if number < 1000 {
        return format!("{number}B");
    }
    // The first unit in which there are less than a thousand.
    let (unit, shift) = units.into_iter().find(|(_, shift)| number >> shift < 1000).unwrap_or(("TiB", 40));
    let tenths = (u128::from(number) * 10 + (1 << (shift - 1))) >> shift;
    if tenths < 100 { format!("{}.{}{unit}", tenths / 10, tenths % 10) } else { format!("{}{unit}", tenths / 10) }
}

/// The use of a limit: `78%`, `<1%` for little, `100%` only when it is all.
#[must_use]
pub(super) fn share(now: u64, limit: u64) -> String {
    match (now, limit) {
        (0, _) => "0%".to_owned(),
        (_, 0) => "–".to_owned(),
        (now, limit) => match u128::from(now) * 100 / u128::from(limit) {
            0 => "<1%".to_owned(),
            percent => format!("{percent}%"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_three_figures_at_most_and_small_ones_another_unit() {
        let texts: Vec<_> = [0, 1, 50, 100, 1_000, 1_500, 412_000, 1_234_000, 56_000_000].map(rate).into();
        assert_eq!(texts, ["0/s", "4/h", "3/min", "0.1/s", "1/s", "1.5/s", "412/s", "1.2k/s", "56k/s"]);
    }

    #[test]
    fn counts_are_whole_as_long_as_they_are_short() {
        let texts = [0, 99_999, 100_000, 999_499, 999_500, 1_349_999, 2_996_412, 123_456_789].map(count);
        assert_eq!(texts, ["0", "99999", "100k", "999k", "1.0M", "1.3M", "3.0M", "123M"]);
    }

    #[test]
    fn bytes_have_three_figures_at_most() {
        let texts = [0, 999, 1000, 8_300, 102_400, 1_023_999, 1_024_000, 432_013_312, 1 << 32].map(bytes);
        assert_eq!(texts, ["0B", "999B", "1.0KiB", "8.1KiB", "100KiB", "1000KiB", "1.0MiB", "412MiB", "4.0GiB"]);
    }

    #[test]
    fn a_share_is_whole_only_when_it_is() {
        assert_eq!([share(0, 10), share(1, 1_000), share(999, 1_000), share(5, 4)], ["0%", "<1%", "99%", "125%"]);
    }
}
