//! What can be wished for: one row for each forecast that a plan shows.

use super::super::effect::FURTHER;
use crate::model::{Answer, CONSEQUENCES, Consequence, ConsequenceRule, queue_limits};
use crate::units::{KernelVersion, parse_duration_us};

/// In what a wish is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WishUnit {
    /// A time, in microseconds: a single one is the latest that is wished for.
    Time,
    /// A rate per second: a single one is the least.
    Rate,
    /// A number: a single one is the least.
    Count,
}

/// A forecast that can be wished for.
#[derive(Debug)]
pub struct WishKind {
    /// Its word: the option of `tcpctl solve` without its dashes.
    pub word: &'static str,
    /// In what it is measured.
    pub unit: WishUnit,
    /// Stable id of the consequence that it is about.
    pub id: &'static str,
    /// The sysctls that are turned for it, those that are turned first at the front.
    pub levers: &'static [&'static str],
}

impl WishKind {
    /// The row of the model that answers it.
    #[must_use]
    pub fn consequence(&self) -> Option<&'static Consequence> {
        CONSEQUENCES.iter().chain(FURTHER).chain([&LISTENER]).find(|one| one.id == self.id)
    }

    /// The first kernel on which a lever counts for this, where that is a later one than the first that has the key.
    #[must_use]
    pub fn counts_since(&self, key: &str) -> Option<KernelVersion> {
        LATER.iter().find(|(word, lever, _)| *word == self.word && *lever == key).map(|(.., since)| *since)
    }

    /// The levers that count for this on a kernel.
    pub fn levers_on(&self, version: KernelVersion) -> impl Iterator<Item = &'static str> {
        let counts = move |key: &&'static str| self.counts_since(key).is_none_or(|since| version >= since);
        self.levers.iter().copied().filter(counts)
    }
}

/// Levers that a wish's clock takes notice of later than others do. The timer of SYN-ACKs (`reqsk_timer_handler()`) has gone by
/// `tcp_rto_max_ms` since 6.19; up to 6.18 it ends at 120 s whatever that is (measured).
const LATER: [(&str, &str, KernelVersion); 1] = [("half-open", RTO_MAX, KernelVersion::new(6, 19))];

/// What a listener can hold whose application asks for as much as it can. Plans show this listener by listener.
static LISTENER: Consequence = Consequence {
    id: "listener-entries",
    label: "half-open entries that a listener can hold whose application asks for enough:",
    short: "listener",
    topic: "backlog",
    keys: &["net.core.somaxconn", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog"],
    rule: ConsequenceRule::Figure(|settings, host| {
        Answer::Count(queue_limits(i32::MAX.unsigned_abs(), settings, host.version).half_open_capacity)
    }),
};

const RTO_MAX: &str = "net.ipv4.tcp_rto_max_ms";
const PORT_RANGE: &str = "net.ipv4.ip_local_port_range";

/// Everything that can be wished for, in the order in which it is documented.
pub const WISH_KINDS: &[WishKind] = &[
    WishKind {
        word: "connect",
        unit: WishUnit::Time,
        id: "connect-gives-up",
        levers: &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts", RTO_MAX],
    },
    WishKind {
        word: "half-open",
        unit: WishUnit::Time,
        id: "half-open-life",
        levers: &["net.ipv4.tcp_synack_retries", RTO_MAX],
    },
    WishKind {
        word: "dead-peer",
        unit: WishUnit::Time,
        id: "idle-peer-gone",
        levers: &["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"],
    },
    WishKind {
        word: "unanswered",
        unit: WishUnit::Time,
        id: "data-given-up",
        levers: &["net.ipv4.tcp_retries2", RTO_MAX],
    },
    WishKind {
        word: "orphan",
        unit: WishUnit::Time,
        id: "closed-data-given-up",
        levers: &["net.ipv4.tcp_orphan_retries", RTO_MAX],
    },
    WishKind { word: "fin-wait", unit: WishUnit::Time, id: "fin-wait-2-life", levers: &["net.ipv4.tcp_fin_timeout"] },
    WishKind { word: "time-wait", unit: WishUnit::Time, id: "time-wait-life", levers: &[] },
    WishKind { word: "ports", unit: WishUnit::Count, id: "ports-per-destination", levers: &[PORT_RANGE] },
    WishKind {
        word: "ports-rate",
        unit: WishUnit::Rate,
        id: "connects-per-second",
        levers: &[PORT_RANGE, "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps", "net.ipv4.tcp_tw_reuse_delay"],
    },
    WishKind {
        word: "backlog",
        unit: WishUnit::Count,
        id: "listener-entries",
        levers: &["net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies"],
    },
];

/// A wish: a forecast and the bounds that its worst case must keep.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it is about.
    pub kind: &'static WishKind,
    /// The least that the forecast may be, in microseconds, per second or as a number.
    pub least: Option<u64>,
    /// The most that it may be.
    pub most: Option<u64>,
    /// As it was typed.
    pub text: String,
}

/// By how much an answer misses a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// Not at all.
    Met,
    /// It is so much above what is wished for.
    Over(u64),
    /// It is so much below.
    Under(u64),
}

impl Miss {
    /// By how much.
    pub(super) const fn by(self) -> u64 {
        match self {
            Self::Met => 0,
            Self::Over(by) | Self::Under(by) => by,
        }
    }
}

impl Wish {
    /// Reads a wish: one bound (`10s`, `2000/s`, `50000`), or two with dots between (`5s..10s`, `30s..`, `..10s`). A
    /// single time is the latest, a single rate or number the least.
    ///
    /// # Errors
    /// Says what was expected, and in which of two bounds, when the text is no wish.
    pub fn parse(kind: &'static WishKind, text: &str) -> Result<Self, String> {
        let bound = |part: &str, place: &str| {
            let read = match kind.unit {
                WishUnit::Time => parse_duration_us(part),
                WishUnit::Rate => parse_number(part.strip_suffix("/s").unwrap_or(part), "2000/s or 50k/s"),
                WishUnit::Count => parse_number(part, "50000 or 50k"),
            };
            match read {
                Ok(0) => Err(format!("{place}0 cannot be wished for")),
                other => other.map_err(|error| format!("{place}{error}")),
            }
        };
        let (least, most) = match (text.split_once(".."), kind.unit) {
            (Some((low, high)), _) => {
                let side = |part: &str, place| if part.is_empty() { Ok(None) } else { bound(part, place).map(Some) };
                (side(low, "before the dots: ")?, side(high, "after the dots: ")?)
            }
            (None, WishUnit::Time) => (None, Some(bound(text, "")?)),
            (None, _) => (Some(bound(text, "")?), None),
        };
        match (least, most) {
            (None, None) => Err("there is no bound on either side of the dots".to_owned()),
            (Some(least), Some(most)) if least > most => {
                Err("the bound before the dots is above the one after them".to_owned())
            }
            _ => Ok(Self { kind, least, most, text: text.to_owned() }),
        }
    }

    /// As it would be typed.
    #[must_use]
    pub fn typed(&self) -> String {
        format!("--{} {}", self.kind.word, self.text)
    }

    /// Whether the answer, at its worst, is as wished.
    #[must_use]
    pub fn is_met_by(&self, answer: Answer) -> bool {
        self.miss(answer) == Miss::Met
    }

    /// By how much the answer, at its worst, is not as wished.
    pub(super) fn miss(&self, answer: Answer) -> Miss {
        let (first, last) = match answer {
            Answer::After(window) => (window.at_us, window.latest_us),
            Answer::Never | Answer::Unknown => (u64::MAX, u64::MAX),
            Answer::PerSecond(number) | Answer::Count(number) => (number, number),
        };
        if let Some(over) = self.most.and_then(|most| last.checked_sub(most)).filter(|over| *over > 0) {
            return Miss::Over(over);
        }
        let under = self.least.and_then(|least| least.checked_sub(first)).filter(|under| *under > 0);
        under.map_or(Miss::Met, Miss::Under)
    }
}

/// A whole number, with `k` for thousands or `M` for millions.
fn parse_number(text: &str, example: &str) -> Result<u64, String> {
    let (number, factor) = match (text.strip_suffix(['k', 'K']), text.strip_suffix('M')) {
        (Some(thousands), _) => (thousands, 1_000),
        (_, Some(millions)) => (millions, 1_000_000),
        _ => (text, 1),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let read = number.parse::<u64>().ok().filter(|_| digits).and_then(|number| number.checked_mul(factor));
    read.ok_or_else(|| format!("`{text}` is not a whole number; expected one such as {example}"))
}

#[cfg(test)]
mod tests {
    use super::super::super::effect::FURTHER;
    use super::super::lever::find_lever;
    use super::*;
    use crate::model::Window;

    fn kind(word: &str) -> &'static WishKind {
        WISH_KINDS.iter().find(|kind| kind.word == word).unwrap()
    }

    #[test]
    fn every_forecast_of_a_plan_can_be_wished_for() {
        for one in CONSEQUENCES.iter().chain(FURTHER) {
            assert!(WISH_KINDS.iter().any(|kind| kind.id == one.id), "{} cannot be wished for", one.id);
        }
    }

    #[test]
    fn every_kind_is_answered_by_the_model_and_its_levers_are_keys_that_the_answer_names() {
        for kind in WISH_KINDS {
            let consequence = kind.consequence().unwrap_or_else(|| panic!("{} is answered by nothing", kind.word));
            for key in kind.levers {
                assert!(find_lever(key).is_some(), "{key}");
                assert!(consequence.keys.contains(key), "{}: {key}", kind.word);
            }
        }
    }

    #[test]
    fn a_single_time_is_the_latest_and_a_single_rate_the_least() {
        let bounds = |word, text| Wish::parse(kind(word), text).map(|wish| (wish.least, wish.most));
        assert_eq!(bounds("connect", "10s"), Ok((None, Some(10_000_000))));
        assert_eq!(bounds("connect", "5s..10s"), Ok((Some(5_000_000), Some(10_000_000))));
        assert_eq!(bounds("unanswered", "30s.."), Ok((Some(30_000_000), None)));
        assert_eq!(bounds("unanswered", "..1.5s"), Ok((None, Some(1_500_000))));
        assert_eq!(bounds("ports-rate", "2k/s"), Ok((Some(2000), None)));
        assert_eq!(bounds("ports", "40000"), Ok((Some(40_000), None)));
    }

    #[test]
    fn what_is_no_wish_says_where_and_what_was_expected() {
        let error = |word, text| Wish::parse(kind(word), text).unwrap_err();
        assert!(error("connect", "10").contains("no unit"));
        assert!(error("connect", "5s..x").starts_with("after the dots: `x`"));
        assert!(error("connect", "5..9s").starts_with("before the dots: `5` has no unit"));
        assert!(error("connect", "..").contains("no bound"));
        assert!(error("connect", "9s..5s").contains("above"));
        assert!(error("connect", "0s").contains("0 cannot"));
        assert!(error("ports-rate", "many").contains("2000/s"));
        assert!(error("ports-rate", "+5").contains("whole number"));
        assert!(error("ports", "99999999999999999999").contains("whole number"));
        assert!(error("ports", "").contains("whole number"));
    }

    #[test]
    fn the_worst_of_a_window_is_what_counts() {
        let after = |at_us, latest_us| Answer::After(Window { at_us, latest_us });
        let wish = Wish::parse(kind("connect"), "5s..10s").unwrap();
        assert_eq!(wish.miss(after(9_900_000, 10_000_001)), Miss::Over(1));
        assert_eq!(wish.miss(after(4_999_999, 5_100_000)), Miss::Under(1));
        assert!(wish.is_met_by(after(5_000_000, 10_000_000)));
        assert!(!wish.is_met_by(Answer::Never) && !wish.is_met_by(Answer::Unknown));
    }
}
