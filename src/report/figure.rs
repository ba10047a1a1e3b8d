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
pub fn render_rate(milli_per_s: u64) -> String {
    match milli_per_s {
        0 => "0/s".to_owned(),
        1..100 => match (milli_per_s * 36 + 5) / 10 {
            per_hour @ 0..60 => format!("{}/h", per_hour.max(1)),
            per_hour => format!("{}/min", (per_hour + 30) / 60),
        },
        100..=9_949 => {
            let tenths = (milli_per_s + 50) / 100;
            let (whole, tenth) = (tenths / 10, tenths % 10);
            if tenth == 0 { format!("{whole}/s") } else { format!("{whole}.{tenth}/s") }
        }
        9_950..=999_499 => format!("{}/s", (milli_per_s + 500) / 1000),
        _ => {
            let (number, unit) = scaled(milli_per_s.saturating_add(500) / 1000);
            format!("{number}{unit}/s")
        }
    }
}

/// A count in a table: whole up to 99999, then `123k`, `1.3M`.
#[must_use]
pub fn render_count(number: u64) -> String {
    if number < 100_000 {
        return number.to_string();
    }
    let (number, unit) = scaled(number);
    format!("{number}{unit}")
}

/// Two or three figures and their unit: one decimal below ten, none above, to the nearest.
fn scaled(number: u64) -> (String, &'static str) {
    let units = [(1_000_u128, "k"), (1_000_000, "M"), (1_000_000_000, "G"), (1_000_000_000_000, "T")];
    let number = u128::from(number);
    // The first unit in which it stays below a thousand.
    let fits = |(size, _): &(u128, &str)| (number + size / 2) / size < 1000;
    let (size, unit) = units.into_iter().find(fits).unwrap_or((1_000_000_000_000, "T"));
    let tenths = (number * 10 + size / 2) / size;
    let text = if tenths < 100 {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        ((number + size / 2) / size).to_string()
    };
    (text, unit)
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
        let texts: Vec<_> = [0, 1, 50, 99, 100, 1_000, 1_500, 412_000, 999_499, 999_500].map(render_rate).into();
        assert_eq!(texts, ["0/s", "4/h", "3/min", "6/min", "0.1/s", "1/s", "1.5/s", "412/s", "999/s", "1.0k/s"]);
        let texts: Vec<_> = [1_234_000, 12_400_000, 56_000_000, 41_000_000_000, u64::MAX].map(render_rate).into();
        assert_eq!(texts, ["1.2k/s", "12k/s", "56k/s", "41M/s", "18447T/s"]);
    }

    #[test]
    fn counts_are_whole_as_long_as_they_are_short() {
        let texts = [0, 21_904, 99_999, 100_000, 262_144, 999_499, 999_500, 1_349_999, 2_996_412, 123_456_789];
        let texts = texts.map(render_count);
        assert_eq!(texts, ["0", "21904", "99999", "100k", "262k", "999k", "1.0M", "1.3M", "3.0M", "123M"]);
        assert_eq!([12_345_678, u64::MAX].map(render_count), ["12M", "18446744T"]);
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
