//! A flood that is asked about, and what would help against it, one change at a time and all together.

use super::ask::Ask;
use super::topics::TYPICAL_BACKLOG;
use crate::model::{Flood, FloodClient, FloodForecast, Settings, forecast_flood};

/// What a flood is taken to be when nothing is said: what one small machine can send.
const RATE_PER_S: u64 = 50_000;
/// How long it goes on when its count is not given.
const LASTS_S: u64 = 60;
/// A flood that lasts longer is steady, which the forecast says anyway.
const LASTS_MOST_S: u64 = 600;
/// Queues that are called large: larger ones than most hosts have.
const LARGE_QUEUE: u32 = 16_384;
/// SYN-ACK retries that are called few: an entry then lives 7 s, which pruning allows at the least.
const FEW_RETRIES: u32 = 2;

/// A flood, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodAsk {
    /// SYNs per second.
    pub rate_per_s: u64,
    /// SYNs in all.
    pub count: u64,
}

/// Why a flood makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FloodAskError {
    /// Nothing would be sent.
    #[error("a flood of 0 SYNs is none; --rate and --count must be at least 1")]
    Nothing,
    /// It lasts too long to be played.
    #[error(
        "{count} SYNs at {rate_per_s}/s last {} s; at most {LASTS_MOST_S} s are played, so give --count {} or less \
         (the steady state is said anyway)",
        .count / .rate_per_s, .rate_per_s.saturating_mul(LASTS_MOST_S)
    )]
    TooLong {
        /// SYNs in all.
        count: u64,
        /// Per second.
        rate_per_s: u64,
    },
}

impl FloodAsk {
    /// A flood with what was said of it.
    ///
    /// # Errors
    /// When it would be none, or last longer than is played.
    pub fn new(rate_per_s: Option<u64>, count: Option<u64>) -> Result<Self, FloodAskError> {
        let rate_per_s = rate_per_s.unwrap_or(RATE_PER_S);
        let count = count.unwrap_or(rate_per_s.saturating_mul(LASTS_S));
        if rate_per_s == 0 || count == 0 {
            return Err(FloodAskError::Nothing);
        }
        if count > rate_per_s.saturating_mul(LASTS_MOST_S) {
            return Err(FloodAskError::TooLong { count, rate_per_s });
        }
        Ok(Self { rate_per_s, count })
    }
}

/// A flood with what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloodFigures {
    /// The flood.
    pub flood: FloodAsk,
    /// The number given to listen().
    pub asked: u32,
    /// What comes of it as the host is.
    pub forecast: FloodForecast,
    /// The queue of packets before TCP; nothing when its setting is not known.
    pub input_queue: Option<InputQueue>,
    /// Changes, one by one, and the last one all together.
    pub remedies: Vec<Remedy>,
}

/// A CPU's queue of packets that wait for TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputQueue {
    /// `net.core.netdev_max_backlog`.
    pub packets: u64,
    /// For how long it holds the flood's SYNs when they all go to one CPU and that one does not come to them, in
    /// microseconds.
    pub holds_us: u64,
}

/// A change and what comes of the same flood then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// A stable name.
    pub id: &'static str,
    /// The change in words.
    pub what: String,
    /// Whether the host is like that already.
    pub is_now: bool,
    /// What comes of the flood.
    pub forecast: FloodForecast,
}

/// The flood that is asked about, on the host as it is and with each remedy.
pub(super) fn flood_figures(ask: &Ask) -> FloodFigures {
    let settings = ask.settings();
    let asked = ask.backlog.unwrap_or(TYPICAL_BACKLOG);
    let play = |settings: &Settings, asked: u32| {
        forecast_flood(&Flood {
            host: ask.host,
            settings: settings.clone(),
            asked,
            rate_per_s: ask.flood.rate_per_s,
            count: ask.flood.count,
            client: FloodClient { rtt_us: ask.rtt_us, ..FloodClient::default() },
            pace: None,
        })
    };
    let forecast = play(&settings, asked);
    let remedies = changes(&settings, asked).into_iter().map(|change| {
        let is_now = change.settings == settings && change.asked == asked;
        let forecast = if is_now { forecast.clone() } else { play(&change.settings, change.asked) };
        Remedy { id: change.id, what: change.what, is_now, forecast }
    });
    let remedies = remedies.collect();
    FloodFigures { flood: ask.flood, asked, forecast, input_queue: input_queue(ask), remedies }
}

fn input_queue(ask: &Ask) -> Option<InputQueue> {
    let packets: u64 = ask.values.get("net.core.netdev_max_backlog")?.value.parse().ok()?;
    Some(InputQueue { packets, holds_us: packets.saturating_mul(1_000_000) / ask.flood.rate_per_s.max(1) })
}

struct Change {
    id: &'static str,
    what: String,
    settings: Settings,
    asked: u32,
}

/// What can be changed: the queues, cookies, and the SYN-ACK retries.
fn changes(now: &Settings, asked: u32) -> Vec<Change> {
    let cookies = |id, value: i64| Change {
        id,
        what: format!("tcp_syncookies={value}"),
        settings: Settings { syncookies: value, ..now.clone() },
        asked,
    };
    let large = LARGE_QUEUE.max(asked);
    let with_queues = |settings: &Settings| Settings {
        somaxconn: settings.somaxconn.max(large),
        // Its last quarter is kept for known peers, so it must be larger than the backlog to be out of the way.
        max_syn_backlog: settings.max_syn_backlog.max(i64::from(large) * 2),
        ..settings.clone()
    };
    let retries = now.synack_retries.min(FEW_RETRIES);
    let together = Settings { syncookies: 1, synack_retries: retries, ..with_queues(now) };
    vec![
        Change { id: "queues", what: format!("queues of {large}"), settings: with_queues(now), asked: large },
        cookies("cookies-off", 0),
        cookies("cookies-when-full", 1),
        cookies("cookies-always", 2),
        Change {
            id: "fewer-retries",
            what: format!("tcp_synack_retries={retries}"),
            settings: Settings { synack_retries: retries, ..now.clone() },
            asked,
        },
        Change { id: "together", what: "all, with cookies 1".to_owned(), settings: together, asked: large },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_without_figures_lasts_a_minute() {
        let ask = FloodAsk::new(None, None).expect("a flood");
        assert_eq!((ask.rate_per_s, ask.count), (50_000, 3_000_000));
        assert_eq!(FloodAsk::new(Some(10), None).expect("a flood").count, 600);
        assert_eq!(FloodAsk::new(None, Some(5)).expect("a flood").count, 5);
    }

    #[test]
    fn floods_of_nothing_and_without_end_are_refused() {
        assert_eq!(FloodAsk::new(Some(0), None), Err(FloodAskError::Nothing));
        assert_eq!(FloodAsk::new(None, Some(0)), Err(FloodAskError::Nothing));
        let error = FloodAsk::new(Some(1), Some(601)).expect_err("too long").to_string();
        assert!(error.contains("601 s") && error.contains("--count 600"), "{error}");
    }
}
