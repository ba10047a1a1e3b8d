//! What an application can do for its own sockets.

use super::search::Search;
use super::wish::{Miss, Wish, WishUnit};
use crate::model::{Answer, SocketOptions};

/// Options of a socket that meet a wish for that socket alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What is to be set.
    pub options: Vec<SocketOption>,
    /// The answer for a socket that has them, with the sysctls as they are; nothing where they only keep an answer
    /// from being spoilt.
    pub answer: Option<Answer>,
    /// What else there is to say, as a sentence.
    pub says: &'static str,
}

/// An option with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOption {
    /// Its name; `listen()` for the backlog.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// In what that is measured; empty for a plain number.
    pub unit: &'static str,
}

impl Application {
    /// Whether it is the same count of tries that a sysctl sets, so that it is no better than that.
    pub(super) fn is_count_of_tries(&self) -> bool {
        self.options.iter().all(|option| option.name == SYNCNT.name)
    }
}

/// An option that bounds a time.
struct TimeOption {
    name: &'static str,
    unit: &'static str,
    /// The unit in microseconds, where the value is a time; no time is tried that is far above what is wished for.
    unit_us: Option<u64>,
    least: u32,
    most: u32,
    /// To what it is rounded down where that meets the wish as well, the roundest first.
    round: &'static [u32],
    set: fn(&mut SocketOptions, u32),
}

const USER_TIMEOUT: TimeOption = TimeOption {
    name: "TCP_USER_TIMEOUT",
    unit: "ms",
    unit_us: Some(1000),
    least: 1,
    most: 2_147_483_647,
    round: &[1000, 500, 100, 10],
    set: |options, value| options.user_timeout_ms = value,
};
const SYNCNT: TimeOption = TimeOption {
    name: "TCP_SYNCNT",
    unit: "",
    unit_us: None,
    least: 1,
    most: 127,
    round: &[],
    set: |options, value| options.syncnt = u8::try_from(value).ok(),
};
const LINGER2: TimeOption = TimeOption {
    name: "TCP_LINGER2",
    unit: "s",
    unit_us: Some(1_000_000),
    least: 1,
    // Above, the kernel counts the excess over 60 s twice and not the rest.
    most: 60,
    round: &[],
    set: |options, value| options.linger2_s = i32::try_from(value).ok(),
};

/// No longer time is tried for an option, since each is played to its end: an hour, in microseconds.
const LONGEST_US: u64 = 3_600_000_000;

/// What the application can do for a wish, and what to say of it. The first option that meets the wish is taken.
const BOUNDS: &[(&str, &[TimeOption], &str)] = &[
    ("connect", &[USER_TIMEOUT, SYNCNT], "It is set before connect(), and counts for that socket alone."),
    (
        "half-open",
        &[SYNCNT],
        "It is set on the listening socket before listen(), and counts for its connections alone.",
    ),
    ("unanswered", &[USER_TIMEOUT], "It counts for that socket alone; keepalive then obeys it as well."),
    ("orphan", &[USER_TIMEOUT], "It counts for that socket alone, after its close() as well."),
    ("fin-wait", &[LINGER2], "It is set before close(), and counts for that socket alone."),
];

/// The options of keepalive, with the sysctls that they stand in for.
const KEEPALIVE: [(&str, &str, &str); 3] = [
    ("net.ipv4.tcp_keepalive_time", "TCP_KEEPIDLE", "s"),
    ("net.ipv4.tcp_keepalive_intvl", "TCP_KEEPINTVL", "s"),
    ("net.ipv4.tcp_keepalive_probes", "TCP_KEEPCNT", ""),
];

/// The options of a socket that are searched for a wish, as in `TCP_SYNCNT from 1 to 127`.
pub(super) fn searched(word: &str) -> Vec<String> {
    let unit = |option: &TimeOption| if option.unit.is_empty() { String::new() } else { format!(" {}", option.unit) };
    let says = |option: &TimeOption| match option.unit_us {
        Some(_) => format!("{} from {}{}", option.name, option.least, unit(option)),
        None => format!("{} from {} to {}", option.name, option.least, option.most),
    };
    let bounds = BOUNDS.iter().filter(|(bound, ..)| *bound == word);
    bounds.flat_map(|(_, options, _)| options.iter().map(says)).collect()
}

/// What the application can do for its own socket to meet a wish.
pub(super) fn advise(wish: &Wish, search: &Search<'_>) -> Option<Application> {
    let number = |name, value, unit| SocketOption { name, value, unit };
    match wish.kind.word {
        "dead-peer" => keepalive(wish, search),
        "ports" | "ports-rate" => Some(Application {
            options: vec![number("IP_BIND_ADDRESS_NO_PORT", 1, "")],
            answer: None,
            says: "An application that binds a source address before connect() needs it; else each port serves one \
                   destination only.",
        }),
        "backlog" => wish.least.map(|least| Application {
            options: vec![number("listen()", least, "")],
            answer: None,
            says: "The backlog that the application asks for binds as well, from the next listen().",
        }),
        word => {
            let (_, options, says) = BOUNDS.iter().find(|(bound, ..)| *bound == word)?;
            options.iter().find_map(|option| bound(wish, option, search, says))
        }
    }
}

/// The answer that comes nearest to a wish by an option at its least, and that option: an option bounds a time, so that
/// none of its values is quicker.
pub(super) fn nearest(wish: &Wish, search: &Search<'_>) -> Option<(Answer, SocketOption)> {
    let (_, options, _) = BOUNDS.iter().find(|(bound, ..)| *bound == wish.kind.word)?;
    let at_least = |option: &TimeOption| {
        let answer = search.answer_with(wish, |options| (option.set)(options, option.least))?;
        let is_over = matches!(wish.miss(answer), Miss::Over(_));
        let least = SocketOption { name: option.name, value: u64::from(option.least), unit: option.unit };
        is_over.then_some((answer, least))
    };
    options.iter().filter_map(at_least).min_by_key(|(answer, _)| wish.miss(*answer).by())
}

/// The greatest value of an option with which the wish is met, rounded down where that does as well.
fn bound(wish: &Wish, option: &TimeOption, search: &Search<'_>, says: &'static str) -> Option<Application> {
    debug_assert_eq!(wish.kind.unit, WishUnit::Time);
    let answer = |value| search.answer_with(wish, |options| (option.set)(options, value));
    let miss = |value| answer(value).map(|answer| wish.miss(answer));
    let wished_us = wish.most.or(wish.least).unwrap_or(0);
    let unit_us = option.unit_us.unwrap_or(1);
    let furthest = option.unit_us.and(u32::try_from(wished_us.saturating_mul(2).min(LONGEST_US) / unit_us).ok());
    let most = furthest.unwrap_or(option.most).clamp(option.least, option.most);
    let mut fits = option.least;
    match miss(most)? {
        Miss::Under(_) => return None,
        Miss::Met => fits = most,
        Miss::Over(_) if matches!(miss(fits)?, Miss::Over(_)) => return None,
        Miss::Over(_) => {
            // A thousandth of what is wished for is as near as anybody wants it.
            let precision = option.unit_us.and(u32::try_from(wished_us / 1000 / unit_us).ok()).unwrap_or(1).max(1);
            let mut above = most;
            while above - fits > precision {
                let middle = fits + (above - fits) / 2;
                if matches!(miss(middle)?, Miss::Over(_)) { above = middle } else { fits = middle }
            }
        }
    }
    let rounded = option.round.iter().map(|round| fits - fits % round).find(|value| {
        *value >= option.least && u64::from(*value) * 10 >= u64::from(fits) * 8 && miss(*value) == Some(Miss::Met)
    });
    let value = rounded.unwrap_or(fits);
    (miss(value)? == Miss::Met).then(|| Application {
        options: vec![SocketOption { name: option.name, value: u64::from(value), unit: option.unit }],
        answer: answer(value),
        says,
    })
}

/// Keepalive for one socket: what the sysctls would have to be.
fn keepalive(wish: &Wish, search: &Search<'_>) -> Option<Application> {
    let values = search.cheapest(core::slice::from_ref(wish))?;
    let options: Vec<SocketOption> = KEEPALIVE
        .iter()
        .filter_map(|(key, name, unit)| {
            let value = values.get(key)?.parse().ok()?;
            Some(SocketOption { name, value, unit })
        })
        .collect();
    if options.is_empty() {
        return None;
    }
    let answer = search.answer_with(wish, |set| {
        for option in &options {
            let (long, short) = (u32::try_from(option.value).ok(), u8::try_from(option.value).ok());
            match option.name {
                "TCP_KEEPIDLE" => set.keepidle_s = long,
                "TCP_KEEPINTVL" => set.keepintvl_s = long,
                _ => set.keepcnt = short,
            }
        }
    })?;
    let says = "With SO_KEEPALIVE, which it needs in any case; it counts for that socket alone.";
    wish.is_met_by(answer).then_some(Application { options, answer: Some(answer), says })
}
