//! Numbers as text.

use crate::model::{Answer, Window};

/// A duration in words, such as `200 ms`, `7.2 s`, `131 s` or `15 min 25 s`; cut off, not rounded.
#[must_use]
pub(super) fn duration(us: u64) -> String {
    match us {
        0..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..100_000_000 if us % 1_000_000 >= 100_000 => {
            format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000)
        }
        1_000_000..600_000_000 => format!("{} s", us / 1_000_000),
        600_000_000..7_200_000_000 => {
            let seconds = us / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
        _ => {
            let minutes = us / 60_000_000;
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

/// The smallest time that [`duration`] shows whole and that is not before this one.
fn rounded_up(us: u64) -> u64 {
    let step = match us {
        0..1_000_000 => 1_000,
        1_000_000..100_000_000 => 100_000,
        100_000_000..7_200_000_000 => 1_000_000,
        _ => 60_000_000,
    };
    us.div_ceil(step).saturating_mul(step)
}

/// A window in a sentence: `131 s (up to 135 s)`. The kernel fires late and never early, so the nominal time
/// is cut off and the latest one rounded up.
#[must_use]
pub(super) fn window(window: Window) -> String {
    let (at, latest) = (duration(window.at_us), duration(rounded_up(window.latest_us)));
    if at == latest { at } else { format!("{at} (up to {latest})") }
}

/// An answer of the model at the end of its sentence.
#[must_use]
pub(super) fn answer(answer: Answer) -> String {
    match answer {
        Answer::After(after) => window(after),
        Answer::Never => "never".to_owned(),
        Answer::PerSecond(rate) => format!("{rate} per second"),
        Answer::Count(count) => count.to_string(),
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
    fn a_window_never_promises_more_than_the_model() {
        let text = |at_us, latest_us| window(Window { at_us, latest_us });
        assert_eq!(text(131_000_000, 134_260_000), "131 s (up to 135 s)");
        assert_eq!(text(7_000_000, 7_224_000), "7 s (up to 7.3 s)");
        assert_eq!(text(200_000, 204_000), "200 ms (up to 204 ms)");
        assert_eq!(text(924_600_000, 948_100_000), "15 min 24 s (up to 15 min 49 s)");
        assert_eq!(text(7_200_000_000, 7_331_000_000), "2 h 0 min (up to 2 h 3 min)");
        assert_eq!(text(60_000_000, 60_000_000), "60 s");
    }

    #[test]
    fn rates_have_three_figures_at_most_and_small_ones_another_unit() {
        let texts: Vec<_> = [0, 1, 50, 100, 1_000, 1_500, 412_000, 1_234_000, 56_000_000].map(rate).into();
        assert_eq!(texts, ["0/s", "4/h", "3/min", "0.1/s", "1/s", "1.5/s", "412/s", "1.2k/s", "56k/s"]);
    }

    #[test]
    fn a_share_is_whole_only_when_it_is() {
        assert_eq!([share(0, 10), share(1, 1_000), share(999, 1_000), share(5, 4)], ["0%", "<1%", "99%", "125%"]);
    }
}
