//! What an application can do for its own sockets.

use super::search::{Assignment, Search};
use super::wish::{Miss, Wish, WishUnit};
use crate::model::{Answer, SocketOptions};

/// Options of a socket that meet a wish for that socket alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What is to be set.
    pub options: Vec<SocketOption>,
    /// The answer for a socket that has them: with the sysctls as they are, and where they are what meets the wish,
    /// with the plan's and with all other options that meet one. Nothing where they only keep an answer from being
    /// spoilt.
    pub answer: Option<Answer>,
    /// What else there is to say, as a sentence.
    pub says: &'static str,
    /// What a plan would warn of, were these values of sysctls; nothing when they are beyond reproach.
    pub caution: Vec<String>,
    /// Why they are not for a socket that has the other options which are advised here, as a sentence.
    pub apart: Option<String>,
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

impl SocketOption {
    /// Sets it, where the model knows it. One of keepalive is of no use without `SO_KEEPALIVE`, so that it sets that.
    pub fn set_on(&self, options: &mut SocketOptions) {
        let (long, short) = (u32::try_from(self.value).ok(), u8::try_from(self.value).ok());
        match self.name {
            USER_TIMEOUT_NAME => options.user_timeout_ms = long.unwrap_or(u32::MAX),
            "TCP_SYNCNT" => options.syncnt = short,
            "TCP_LINGER2" => options.linger2_s = i32::try_from(self.value).ok(),
            "TCP_KEEPIDLE" => (options.keepidle_s, options.keepalive) = (long, true),
            "TCP_KEEPINTVL" => (options.keepintvl_s, options.keepalive) = (long, true),
            "TCP_KEEPCNT" => (options.keepcnt, options.keepalive) = (short, true),
            _ => {}
        }
    }

    /// As it is written: `TCP_KEEPIDLE = 10 s`.
    #[must_use]
    pub fn text(&self) -> String {
        match self.unit {
            "" => format!("{} = {}", self.name, self.value),
            unit => format!("{} = {} {unit}", self.name, self.value),
        }
    }
}

impl Application {
    /// Whether the options are for the listening socket, and not for that of a connection.
    #[must_use]
    pub fn is_for_listener(wish: &Wish) -> bool {
        matches!(wish.kind.word, "half-open" | "backlog")
    }

    /// The time that a socket has for whatever it waits for, where that is among the options.
    #[must_use]
    pub fn user_timeout(&self) -> Option<&SocketOption> {
        self.options.iter().find(|option| option.name == USER_TIMEOUT_NAME)
    }

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
}

impl TimeOption {
    fn at(&self, value: u32) -> SocketOption {
        SocketOption { name: self.name, value: u64::from(value), unit: self.unit }
    }
}

/// The option that many wishes share, and of which a socket has one.
pub(super) const USER_TIMEOUT_NAME: &str = "TCP_USER_TIMEOUT";

const USER_TIMEOUT: TimeOption = TimeOption {
    name: USER_TIMEOUT_NAME,
    unit: "ms",
    unit_us: Some(1000),
    least: 1,
    most: 2_147_483_647,
    round: &[1000, 500, 100, 10],
};
const SYNCNT: TimeOption = TimeOption { name: "TCP_SYNCNT", unit: "", unit_us: None, least: 1, most: 127, round: &[] };
const LINGER2: TimeOption = TimeOption {
    name: "TCP_LINGER2",
    unit: "s",
    unit_us: Some(1_000_000),
    least: 1,
    // Above, the kernel counts the excess over 60 s twice and not the rest.
    most: 60,
    round: &[],
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

/// What the application can do for its own socket to meet a wish: each way by itself, the best first.
pub(super) fn advise(wish: &Wish, search: &Search<'_>) -> Vec<Application> {
    let unasked = |name, value, says| {
        let options = vec![SocketOption { name, value, unit: "" }];
        vec![Application { options, answer: None, says, caution: Vec::new(), apart: None }]
    };
    match wish.kind.word {
        "dead-peer" => keepalive(wish, search).into_iter().collect(),
        "ports" | "ports-rate" => unasked(
            "IP_BIND_ADDRESS_NO_PORT",
            1,
            "An application that binds a source address before connect() needs it; else each port serves one destination \
             only.",
        ),
        "backlog" => wish.least.map_or_else(Vec::new, |least| {
            unasked(
                "listen()",
                least,
                "The backlog that the application asks for binds as well, from the next listen().",
            )
        }),
        word => {
            let Some((_, options, says)) = BOUNDS.iter().find(|(bound, ..)| *bound == word) else { return Vec::new() };
            options.iter().filter_map(|option| bound(wish, option, search, says)).collect()
        }
    }
}

/// What a plan would warn of, were options values of the sysctls that they stand in for.
fn caution(wish: &Wish, options: &[SocketOption], search: &Search<'_>) -> Vec<String> {
    let stands_for = |option: &SocketOption| match (option.name, wish.kind.word) {
        ("TCP_SYNCNT", "half-open") => Some("net.ipv4.tcp_synack_retries"),
        ("TCP_SYNCNT", _) => Some("net.ipv4.tcp_syn_retries"),
        (name, _) => KEEPALIVE.iter().find(|(_, one, _)| *one == name).map(|(key, ..)| *key),
    };
    let stand: Vec<(&'static str, &SocketOption)> =
        options.iter().filter_map(|option| Some((stands_for(option)?, option))).collect();
    let values = stand.iter().map(|(key, option)| (*key, option.value.to_string()));
    let says = search.warnings(&values.collect::<Assignment>()).into_iter();
    let leaf = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    says.map(|says| {
        stand.iter().fold(says, |says, (key, option)| says.replace(key, option.name).replace(leaf(key), option.name))
    })
    .collect()
}

/// The answer that comes nearest to a wish by an option at its least, and that option: an option bounds a time, so that
/// none of its values is quicker.
pub(super) fn nearest(wish: &Wish, search: &Search<'_>) -> Option<(Answer, SocketOption)> {
    let (_, options, _) = BOUNDS.iter().find(|(bound, ..)| *bound == wish.kind.word)?;
    let at_least = |option: &TimeOption| {
        let least = option.at(option.least);
        let answer = search.answer_with(wish, |options| least.set_on(options))?;
        let is_over = matches!(wish.miss(answer), Miss::Over(_));
        is_over.then_some((answer, least))
    };
    options.iter().filter_map(at_least).min_by_key(|(answer, _)| wish.miss(*answer).by())
}

/// The greatest value of an option with which the wish is met, rounded down where that does as well.
fn bound(wish: &Wish, option: &TimeOption, search: &Search<'_>, says: &'static str) -> Option<Application> {
    debug_assert_eq!(wish.kind.unit, WishUnit::Time);
    let answer = |value| search.answer_with(wish, |options| option.at(value).set_on(options));
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
    let value = rounded(option, fits, |value| miss(value) == Some(Miss::Met));
    let options = vec![option.at(value)];
    (miss(value)? == Miss::Met).then(|| Application {
        answer: answer(value),
        caution: caution(wish, &options, search),
        options,
        says,
        apart: None,
    })
}

/// The greatest [`USER_TIMEOUT`] up to a most that is good for a socket, rounded down where that is as well. `is_over` says
/// of a value that it is too much for somebody, which every greater one is then too.
pub(super) fn shared_user_timeout(
    most: u32,
    is_over: impl Fn(u32) -> bool,
    is_good: impl Fn(u32) -> bool,
) -> Option<SocketOption> {
    let (mut fits, mut above) = (0, most.saturating_add(1));
    if !is_over(most) {
        fits = most;
    }
    while above - fits > 1.max(above / 1000) {
        let middle = fits + (above - fits) / 2;
        if is_over(middle) { above = middle } else { fits = middle }
    }
    let value = if fits == most { most } else { rounded(&USER_TIMEOUT, fits, &is_good) };
    (value >= USER_TIMEOUT.least && is_good(value)).then(|| USER_TIMEOUT.at(value))
}

/// A value of an option rounded down where it is as good then and no more than a fifth less.
fn rounded(option: &TimeOption, value: u32, is_good: impl Fn(u32) -> bool) -> u32 {
    let mut down = option.round.iter().map(|round| value - value % round);
    let near = |less: &u32| *less >= option.least && u64::from(*less) * 10 >= u64::from(value) * 8 && is_good(*less);
    down.find(near).unwrap_or(value)
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
    let answer = search.answer_with(wish, |set| options.iter().for_each(|option| option.set_on(set)))?;
    let says = "With SO_KEEPALIVE, which it needs in any case; it counts for that socket alone.";
    let caution = caution(wish, &options, search);
    wish.is_met_by(answer).then_some(Application { options, answer: Some(answer), says, caution, apart: None })
}
