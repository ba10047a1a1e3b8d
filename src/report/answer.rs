//! Answers of the model as text and as JSON.

use serde::Serialize;

use crate::model::{Answer, Window};

/// An answer in JSON: `{"kind":"after","at_ms":63000,"latest_ms":66060}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum AnswerView {
    /// It happens then.
    After {
        /// Nominal time in milliseconds, rounded down.
        at_ms: u64,
        /// Latest time in milliseconds, rounded up.
        latest_ms: u64,
    },
    /// It never happens by itself.
    Never,
    /// A rate.
    PerSecond {
        /// The rate.
        value: u64,
    },
    /// A number of things.
    Count {
        /// The number.
        value: u64,
    },
    /// A setting that it follows from could not be read.
    Unknown,
}

impl From<Answer> for AnswerView {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::After(window) => {
                Self::After { at_ms: window.at_us / 1000, latest_ms: window.latest_us.div_ceil(1000) }
            }
            Answer::Never => Self::Never,
            Answer::PerSecond(value) => Self::PerSecond { value },
            Answer::Count(value) => Self::Count { value },
            Answer::Unknown => Self::Unknown,
        }
    }
}

/// An answer in a table: `63–66s`, `never`, `470/s`, `28232`, `?`.
#[must_use]
pub fn render_answer(answer: Answer, ascii: bool) -> String {
    match answer {
        Answer::After(window) => render_window(window, ascii),
        Answer::Never => "never".to_owned(),
        Answer::PerSecond(rate) => format!("{rate}/s"),
        Answer::Count(number) => number.to_string(),
        Answer::Unknown => "?".to_owned(),
    }
}

/// An answer in a sentence: `63 s (up to 65.1 s)`, `never`, `470/s`, `28232`.
pub(super) fn answer_sentence(answer: Answer) -> String {
    match answer {
        Answer::After(window) => window.to_string(),
        other => render_answer(other, true),
    }
}

/// A window in a table: both ends in one unit, with as many digits as make them differ and one decimal at most:
/// `63–66s`, `7.0–7.2s`, `2m11s–2m16s`. The latest end is never rounded down.
#[must_use]
pub fn render_window(window: Window, ascii: bool) -> String {
    let dash = if ascii { "-" } else { "–" };
    // In tenths of a second: the first end to the nearest, the last one up.
    let (first, last) = (window.at_us.saturating_add(50_000) / 100_000, window.latest_us.div_ceil(100_000));
    if window.latest_us < 1_000_000 {
        let (first, last) = (window.at_us / 1000, window.latest_us.div_ceil(1000));
        return if first == last { format!("{first}ms") } else { format!("{first}{dash}{last}ms") };
    }
    if last >= 1200 {
        let (first, last) = (first.saturating_add(5) / 10, last.div_ceil(10));
        return if first == last { clock(first) } else { format!("{}{dash}{}", clock(first), clock(last)) };
    }
    let whole = |tenths: u64| tenths.is_multiple_of(10);
    if last.saturating_sub(first) >= 10 {
        format!("{}{dash}{}s", first.saturating_add(5) / 10, last.div_ceil(10))
    } else if first == last && whole(first) {
        format!("{}s", first / 10)
    } else if first == last {
        format!("{}.{}s", first / 10, first % 10)
    } else {
        format!("{}.{}{dash}{}.{}s", first / 10, first % 10, last / 10, last % 10)
    }
}

/// Whole seconds from two minutes on: `2m11s`, `2h05m`.
fn clock(seconds: u64) -> String {
    if seconds < 3600 {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_the_digits_that_make_their_ends_differ() {
        let text = |at_us, latest_us| render_window(Window { at_us, latest_us }, false);
        assert_eq!(text(63_000_000, 65_100_000), "63–66s");
        assert_eq!(text(7_000_000, 7_120_000), "7.0–7.2s");
        assert_eq!(text(131_000_000, 135_308_000), "2m11s–2m16s");
        assert_eq!(text(60_000_000, 60_000_000), "60s");
        assert_eq!(text(200_000, 204_000), "200–204ms");
        assert_eq!(text(0, 0), "0ms");
        assert_eq!(text(7_200_000_000, 7_331_000_000), "2h00m–2h02m");
        assert_eq!(render_window(Window { at_us: 7_000_000, latest_us: 7_120_000 }, true), "7.0-7.2s");
    }
}
