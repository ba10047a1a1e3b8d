//! A flood that is to be played, checked: what is sent at whom, and for how long it is watched.

use super::flood::FLOOD_MOST;
use crate::model::{Flood, FloodClient, FloodForecast, Host, IpVersion, PlayedPace, Settings, forecast_flood};

/// SYNs per second when nothing is said: few enough that the process is punctual, many enough to fill a queue.
const RATE_PER_S: u64 = 1000;
/// How long a flood goes on when its count is not given: over before the first requests are pruned, 7 s old, so that
/// what comes of it is the same in every phase of the timer wheel.
const LASTS_S: u64 = 5;
/// How long a flood may go on.
const LASTS_MOST_S: u64 = 60;
/// The backlog when nothing is said: a small one, so that a small flood fills the queue.
const BACKLOG: u32 = 128;
/// For how long the requests are watched after the last SYN, and after the first one at the least: until the third
/// timers of those that came last, or first, have had their time.
const WATCHED_AFTER_US: u64 = 6_000_000;
const WATCHED_LEAST_US: u64 = 11_000_000;
/// What the kernel is given beyond the predicted end.
const GRACE_US: u64 = 1_000_000;
/// The longest round trip of the client that fits into the watch.
const RTT_MOST_US: u64 = 5_000_000;

/// A flood to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloodPlan {
    /// The kernel that runs.
    pub host: Host,
    /// The settings of both ends.
    pub settings: Settings,
    /// Sysctls to set at both ends besides those of the settings: key and value.
    pub besides: Vec<(String, String)>,
    /// The backlog given to listen().
    pub backlog: u32,
    /// SYNs per second.
    pub rate_per_s: u64,
    /// SYNs in all.
    pub count: u32,
    /// The client's round-trip time in microseconds.
    pub rtt_us: u64,
    /// What carries the segments.
    pub family: IpVersion,
}

/// Why a flood is not played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FloodPlanError {
    /// Nothing would be sent.
    #[error("a flood of 0 SYNs is none; --rate and --count must be at least 1")]
    Nothing,
    /// More SYNs than the lab sends.
    #[error("the lab sends at most {FLOOD_MOST} SYNs, not {0}; `tcpctl explain syn-flood` forecasts larger floods")]
    TooMany(u64),
    /// It lasts too long.
    #[error(
        "{count} SYNs at {rate_per_s}/s last {} s and the lab floods for {LASTS_MOST_S} s at most: give --count {} or \
         a higher --rate; `tcpctl explain syn-flood` forecasts longer floods",
        .count / .rate_per_s, .rate_per_s.saturating_mul(LASTS_MOST_S)
    )]
    TooLong {
        /// SYNs in all.
        count: u64,
        /// Per second.
        rate_per_s: u64,
    },
    /// The kernel takes a signed number.
    #[error("{0} is no backlog that listen() takes; the most is {most}", most = i32::MAX)]
    Backlog(u32),
    /// It would not end while the flood is watched.
    #[error("a round trip of {0} us is longer than the lab watches a flood; at most 5s")]
    RoundTrip(u64),
}

impl FloodPlan {
    /// A flood with what was said of it.
    ///
    /// # Errors
    /// When it would be none, larger than [`FLOOD_MOST`], or longer than is played.
    pub fn new(
        host: Host,
        settings: &Settings,
        backlog: Option<u32>,
        rate_per_s: Option<u64>,
        count: Option<u64>,
        rtt_us: u64,
    ) -> Result<Self, FloodPlanError> {
        let rate_per_s = rate_per_s.unwrap_or(RATE_PER_S);
        let count = count.unwrap_or_else(|| rate_per_s.saturating_mul(LASTS_S).min(FLOOD_MOST.into()));
        if rate_per_s == 0 || count == 0 {
            return Err(FloodPlanError::Nothing);
        }
        let number = u32::try_from(count).ok().filter(|number| *number <= FLOOD_MOST);
        let Some(number) = number else { return Err(FloodPlanError::TooMany(count)) };
        if count > rate_per_s.saturating_mul(LASTS_MOST_S) {
            return Err(FloodPlanError::TooLong { count, rate_per_s });
        }
        let backlog = backlog.unwrap_or(BACKLOG);
        if i32::try_from(backlog).is_err() {
            return Err(FloodPlanError::Backlog(backlog));
        }
        if rtt_us > RTT_MOST_US {
            return Err(FloodPlanError::RoundTrip(rtt_us));
        }
        let (settings, besides) = (settings.clone(), Vec::new());
        Ok(Self { host, settings, besides, backlog, rate_per_s, count: number, rtt_us, family: IpVersion::V4 })
    }

    /// When the client calls connect(): in the middle of the flood.
    #[must_use]
    pub fn connects_at_us(&self) -> u64 {
        self.syn_at_us(self.count / 2)
    }

    /// When the n-th SYN is due; the first is number 0.
    #[must_use]
    pub fn syn_at_us(&self, number: u32) -> u64 {
        u64::from(number).saturating_mul(1_000_000) / self.rate_per_s.max(1)
    }

    /// The flood as the model takes it: the client calls connect() then, and it was played like that, if it was.
    #[must_use]
    pub fn flood(&self, connects_at_us: u64, pace: Option<PlayedPace>) -> Flood {
        Flood {
            host: self.host,
            settings: self.settings.clone(),
            asked: self.backlog,
            rate_per_s: self.rate_per_s,
            count: self.count.into(),
            client: FloodClient { connects_at_us: Some(connects_at_us), rtt_us: self.rtt_us, is_known: false },
            pace,
        }
    }

    /// For how long it is played at the most, in microseconds: until the last request is gone, and no longer than some
    /// seconds after the flood.
    #[must_use]
    pub fn longest_us(&self) -> u64 {
        let FloodForecast { last_gone, last_syn_us, .. } = forecast_flood(&self.flood(self.connects_at_us(), None));
        let over_us = last_gone.map_or(last_syn_us, |gone| gone.latest_us).saturating_add(GRACE_US);
        let watched_us = last_syn_us.saturating_add(WATCHED_AFTER_US).max(WATCHED_LEAST_US);
        over_us.max(last_syn_us.saturating_add(GRACE_US)).min(watched_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Hz, KernelVersion};

    fn plan(rate_per_s: Option<u64>, count: Option<u64>, backlog: Option<u32>) -> Result<FloodPlan, FloodPlanError> {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        FloodPlan::new(host, &Settings::default(), backlog, rate_per_s, count, 0)
    }

    #[test]
    fn a_flood_without_figures_is_over_before_anything_is_pruned() {
        let plan = plan(None, None, None).unwrap();
        assert_eq!((plan.rate_per_s, plan.count, plan.backlog), (1000, 5000, 128));
        assert_eq!((plan.connects_at_us(), plan.longest_us()), (2_500_000, 11_000_000));
    }

    #[test]
    fn a_flood_without_a_count_is_cut_to_what_the_lab_sends() {
        assert_eq!(plan(Some(50_000), None, None).unwrap().count, FLOOD_MOST);
        assert_eq!(plan(None, Some(300), None).unwrap().count, 300);
    }

    #[test]
    fn requests_that_die_soon_are_watched_no_longer() {
        let settings = Settings { synack_retries: 0, ..Settings::default() };
        let plan = FloodPlan { settings, ..plan(None, Some(300), None).unwrap() };
        assert!((2_000_000..3_000_000).contains(&plan.longest_us()), "{}", plan.longest_us());
    }

    #[test]
    fn floods_that_the_lab_does_not_play_are_refused_with_what_would_do() {
        let error = |rate, count, backlog| plan(rate, count, backlog).unwrap_err().to_string();
        assert!(error(None, Some(20_001), None).contains("at most 20000 SYNs, not 20001"));
        assert!(error(Some(1), Some(61), None).contains("--count 60"));
        assert!(error(Some(0), None, None).contains("at least 1") && error(None, Some(0), None).contains("at least 1"));
        assert!(error(None, None, Some(u32::MAX)).contains("no backlog"));
        let rtt_us = 6_000_000;
        let long = FloodPlan::new(plan(None, None, None).unwrap().host, &Settings::default(), None, None, None, rtt_us);
        assert_eq!(long, Err(FloodPlanError::RoundTrip(rtt_us)));
    }
}
