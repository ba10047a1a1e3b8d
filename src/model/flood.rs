//! A SYN flood at one listener: how full its SYN queue is and for how long, what becomes of the SYNs that find no
//! room, and whether a client that means it still gets in.
//!
//! The sources never answer, as forged ones do not. The course depends on where the flood begins on the timer wheel,
//! so it is played for several phases; the figures are those of the first, with the least and most of all beside.
//!
//! Mirrors: `tcp_conn_request()`, `reqsk_timer_handler()`, `inet_csk_reqsk_queue_is_full()`.
//!
//! Differs from the kernel: SYNs come evenly; the sources are unknown to tcp_metrics; none is lost before TCP sees
//! it; the client's own request, in the queue for one round trip, takes no room from the flood.

use core::ops::RangeInclusive;

use super::clock::SynAckClock;
use super::flood_client::{FloodClient, Legitimate, legitimate};
use super::flood_course::{Course, Listener, Setup, play};
use super::wheel::{Wheel, rates};
use super::{Host, LimitedBy, QueueLimits, Scenario, Settings, SocketOptions, Window, forecast, queue_limits};
use crate::units::Hz;

/// Phases of the wheel that are played for a known tick rate, and for each of several: all that matter for waits of up to
/// 4032 ticks, since a wave that finds the last one half pruned takes another course, and in few phases only.
const PHASES: u64 = 512;
const PHASES_OF_EACH: u64 = 128;
/// Ticks between them: odd, and such that the first ones are spread over 8 ticks, over 64 and over 512.
const PHASE_STEP: u64 = 37;
/// Changes of the queue that are played at most before further phases are left out: a long flood has thousands of
/// waves of its own in which the phases even out.
const CHANGES_MOST: usize = 100_000;
/// For how long an endless flood is played at most until it counts as steady, and how long it is then watched.
const SETTLING_MOST_US: u64 = 600_000_000;
const WATCHED_MOST_US: u64 = 300_000_000;
/// Whole of a share.
const PPM: u128 = 1_000_000;

/// A flood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// The kernel of the listener and of the client.
    pub host: Host,
    /// Their settings.
    pub settings: Settings,
    /// The backlog given to listen().
    pub asked: u32,
    /// SYNs per second; 0 counts as 1.
    pub rate_per_s: u64,
    /// SYNs in all; the first comes at time 0.
    pub count: u64,
    /// The client that means it.
    pub client: FloodClient,
    /// How it was played, where it was; else its SYNs come evenly, and it is played for every phase of the timer wheel.
    pub pace: Option<PlayedPace>,
}

/// How a flood was really played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlayedPace {
    /// Jiffies at its beginning, where they can be told.
    pub jiffies: Option<u64>,
    /// How far into the tick of those jiffies the first SYN came, in microseconds.
    pub into_tick_us: u64,
    /// When each SYN came at the earliest, in microseconds after the first one, ordered; none if they came evenly.
    pub earliest_us: Vec<u64>,
    /// When each came at the latest.
    pub latest_us: Vec<u64>,
}

/// The least and most of a figure over every phase of the timer wheel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Least.
    pub least: u64,
    /// Most.
    pub most: u64,
}

impl Span {
    /// The least and most of these; 0 when there are none.
    pub(super) fn of(figures: impl Iterator<Item = u64> + Clone) -> Self {
        Self { least: figures.clone().min().unwrap_or(0), most: figures.max().unwrap_or(0) }
    }
}

/// What comes of a flood. The client is not counted in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloodForecast {
    /// What the queue holds, and what sets that.
    pub limits: QueueLimits,
    /// The backlog after somaxconn.
    pub backlog: u32,
    /// SYNs that became half-open requests.
    pub taken: u64,
    /// Most of them at a time.
    pub half_open_peak: u64,
    /// SYNs answered with a cookie (`SyncookiesSent`).
    pub cookies_sent: u64,
    /// SYNs dropped (`ListenDrops`).
    pub dropped: u64,
    /// SYN-ACKs sent: the first ones, cookies, and those that timers sent again.
    pub syn_acks_sent: u64,
    /// Requests that are left when each has had its third timer after the last SYN: what pruning leaves.
    pub half_open_after_pruning: u64,
    /// When the queue is full for the first time, in microseconds; nothing if it never is.
    pub full_at_us: Option<u64>,
    /// When the last SYN comes, in microseconds.
    pub last_syn_us: u64,
    /// When the last request goes; nothing if none was taken.
    pub last_gone: Option<Window>,
    /// Half-open requests at some moments: microseconds and number, ordered.
    pub occupancy: Vec<(u64, u64)>,
    /// The figures that depend on the wheel's phase: cookies sent, dropped, left after pruning.
    pub spans: [Span; 3],
    /// The same flood if it never ended.
    pub steady: SteadyFlood,
    /// The client.
    pub legitimate: Legitimate,
}

/// What an endless flood comes to, per second over a minute or more once the first requests have lived their lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SteadyFlood {
    /// Half-open requests on average.
    pub half_open: u64,
    /// Cookies sent per second.
    pub cookies_per_s: u64,
    /// SYNs dropped per second.
    pub dropped_per_s: u64,
    /// SYN-ACKs sent per second, cookies and repetitions included.
    pub syn_acks_per_s: u64,
    /// Parts per million of the time in which a further SYN would find room.
    pub room_ppm: u64,
}

/// What comes of it. The same flood gives the same forecast.
#[must_use]
pub fn forecast_flood(flood: &Flood) -> FloodForecast {
    let limits = queue_limits(flood.asked, &flood.settings, flood.host.version);
    let setup = setup(flood, limits);
    let courses = courses(&setup, flood);
    let nothing = Course::default();
    let main = courses.first().unwrap_or(&nothing);
    let cookies = flood.settings.syncookies != 0;
    let refused_as = |is_cookie: bool, refused: u64| if is_cookie == cookies { refused } else { 0 };
    let span = |figure: &dyn Fn(&Course) -> u64| Span::of(courses.iter().map(figure));
    let cookies_sent = refused_as(true, main.refused);
    let last_syn_us = setup.syn_at_us(setup.count.saturating_sub(1));
    // How long one request lives that is left alone.
    let life = forecast(&Scenario::half_open(flood.host, &flood.settings)).ends.first().map(|end| end.window);
    FloodForecast {
        limits,
        backlog: setup.backlog,
        taken: main.taken,
        half_open_peak: main.peak,
        cookies_sent,
        dropped: refused_as(false, main.refused),
        syn_acks_sent: main.taken + cookies_sent + main.sent_again,
        half_open_after_pruning: main.after_pruning,
        full_at_us: main.full_at_us,
        last_syn_us,
        last_gone: life.and_then(|life| last_gone(flood, &setup, &courses, life)),
        occupancy: occupancy(main, last_syn_us),
        spans: [
            span(&|course| refused_as(true, course.refused)),
            span(&|course| refused_as(false, course.refused)),
            span(&|course| course.after_pruning),
        ],
        steady: rates(flood.host.hz)
            .next()
            .zip(life)
            .map(|(hz, life)| steady(flood, &setup, hz, life))
            .unwrap_or_default(),
        legitimate: legitimate(flood, limits, &courses, main),
    }
}

pub(super) fn setup(flood: &Flood, limits: QueueLimits) -> Setup {
    Setup {
        clock: SynAckClock::request(&flood.settings, &SocketOptions::default(), flood.host.version),
        capacity: limits.half_open_capacity,
        backlog: flood.asked.min(flood.settings.somaxconn),
        rate_per_s: flood.rate_per_s.max(1),
        count: flood.count,
        meanwhile: false,
        arrivals_us: flood.pace.as_ref().map(|pace| pace.earliest_us.clone()).unwrap_or_default(),
    }
}

/// The course on phases of every rate that the wheel may have; the first one begins right at a tick of phase 0. Where
/// the phase is known there is none but that: SYNs come early or late, after the handlers of their tick or while they
/// run, and those run at once or a tick late.
pub(super) fn courses(setup: &Setup, flood: &Flood) -> Vec<Course> {
    let hz = flood.host.hz;
    if let Some((hz, pace, jiffies)) = known_phase(flood) {
        let arrivals = [&pace.earliest_us, &pace.latest_us].map(|arrivals_us| {
            arrivals_us.iter().map(|at_us| at_us.saturating_add(pace.into_tick_us)).collect::<Vec<_>>()
        });
        let play_with = |arrivals_us: Vec<u64>| {
            let setup = Setup { arrivals_us, ..setup.clone() };
            [(false, false), (false, true), (true, false), (true, true)].map(|(meanwhile, busy)| {
                let wheel = Wheel::Exact { hz, phase: jiffies, busy };
                play(&Setup { meanwhile, ..setup.clone() }, wheel).earlier_by(pace.into_tick_us)
            })
        };
        return arrivals.into_iter().flat_map(play_with).collect();
    }
    let phases = if hz.is_some() { PHASES } else { PHASES_OF_EACH };
    let mut courses: Vec<Course> = Vec::new();
    for turn in 0..phases {
        let changes: usize = courses.iter().map(|course| course.levels.len()).sum();
        if changes > CHANGES_MOST {
            break;
        }
        courses.extend(rates(hz).map(|hz| {
            let wheel = Wheel::Exact { hz, phase: PHASE_STEP * turn, busy: false };
            play(setup, wheel)
        }));
    }
    courses
}

/// The tick rate and the phase of a flood that was played, where both are known.
fn known_phase(flood: &Flood) -> Option<(Hz, &PlayedPace, u64)> {
    let pace = flood.pace.as_ref()?;
    Some((flood.host.hz?, pace, pace.jiffies?))
}

/// When the last request goes. None lives longer than one that is left alone, nor shorter than by the asked times.
fn last_gone(flood: &Flood, setup: &Setup, courses: &[Course], life: Window) -> Option<Window> {
    let first_us = courses.iter().filter_map(|course| course.last_gone_us).min()?;
    let seen_us = courses.iter().filter_map(|course| course.last_gone_us).max()?;
    let taken_us = courses.iter().filter_map(|course| course.last_taken_us).max()?;
    if known_phase(flood).is_some() {
        return Some(Window { at_us: first_us, latest_us: seen_us });
    }
    // Asked times do not fall together as late ones do, so a long flood has many more changes with them.
    let changes = courses.iter().map(|course| course.levels.len()).max().unwrap_or(0);
    let nominal_us = if changes > CHANGES_MOST / 10 {
        Some(first_us.saturating_sub(life.latest_us - life.at_us))
    } else {
        rates(flood.host.hz).filter_map(|hz| play(setup, Wheel::Any(hz)).last_gone_us).min()
    };
    let at_us = first_us.min(nominal_us.unwrap_or(first_us));
    let latest_us = if seen_us >= taken_us.saturating_add(life.at_us) {
        seen_us.max(taken_us.saturating_add(life.latest_us))
    } else {
        seen_us
    };
    Some(Window { at_us: at_us.min(latest_us), latest_us })
}

/// Half-open requests when the queue is full, at the last SYN, and at 1, 2, 4, 8 … s until the last is gone.
fn occupancy(course: &Course, last_syn_us: u64) -> Vec<(u64, u64)> {
    let end_us = course.last_gone_us.unwrap_or(last_syn_us);
    let doublings = core::iter::successors(Some(1_000_000_u64), |at_us| at_us.checked_mul(2));
    let mut moments: Vec<u64> = doublings.take_while(|at_us| *at_us < end_us).collect();
    moments.extend([last_syn_us, end_us]);
    moments.extend(course.full_at_us);
    moments.sort_unstable();
    moments.dedup();
    moments.into_iter().map(|at_us| (at_us, course.level_at(at_us))).collect()
}

/// The same flood without an end: left alone for two lives of a request (or until that is too long), then watched.
fn steady(flood: &Flood, setup: &Setup, hz: Hz, life: Window) -> SteadyFlood {
    let life_us = life.latest_us.max(10_000_000);
    let from_us = (life_us * 2).min(SETTLING_MOST_US);
    let watched_us = life_us.min(WATCHED_MOST_US);
    let endless = Setup { count: u64::MAX, arrivals_us: Vec::new(), ..setup.clone() };
    let mut listener = Listener::new(&endless, Wheel::Exact { hz, phase: 0, busy: false });
    let totals = |course: &Course| (course.refused, course.taken + course.sent_again);
    listener.play_until(from_us);
    let before = totals(listener.course());
    listener.play_until(from_us + watched_us);
    let after = totals(listener.course());
    let course = listener.finish();
    let per_s = |more: u64, less: u64| {
        let rate = u128::from(more.saturating_sub(less)) * 1_000_000 / u128::from(watched_us);
        u64::try_from(rate).unwrap_or(u64::MAX)
    };
    let refused_per_s = per_s(after.0, before.0);
    let (cookies_per_s, dropped_per_s) =
        if flood.settings.syncookies == 0 { (0, refused_per_s) } else { (refused_per_s, 0) };
    SteadyFlood {
        half_open: average(&course, from_us..=from_us + watched_us),
        cookies_per_s,
        dropped_per_s,
        syn_acks_per_s: per_s(after.1, before.1) + cookies_per_s,
        room_ppm: share_ppm(course.open_us(from_us, from_us + watched_us), watched_us),
    }
}

/// Requests on average over a time that is not empty, rounded.
fn average(course: &Course, over_us: RangeInclusive<u64>) -> u64 {
    let (from_us, until_us) = over_us.into_inner();
    let inner = course.levels.iter().filter(|(at_us, _)| (from_us..until_us).contains(at_us)).copied();
    let mut sum = 0_u128;
    let (mut since_us, mut level) = (from_us, course.level_at(from_us));
    for (at_us, next) in inner.chain([(until_us, 0)]) {
        sum += u128::from(at_us - since_us) * u128::from(level);
        (since_us, level) = (at_us, next);
    }
    let whole = u128::from(until_us.saturating_sub(from_us).max(1));
    u64::try_from((sum + whole / 2) / whole).unwrap_or(u64::MAX)
}

/// A share of a time in parts per million.
pub(super) fn share_ppm(part_us: u64, whole_us: u64) -> u64 {
    let share = u128::from(part_us) * PPM / u128::from(whole_us.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

impl FloodForecast {
    /// Whether the counters of SYNs that find no room are those of a full SYN queue (`TCPReqQFullDrop`), and not of
    /// the last quarter of `tcp_max_syn_backlog` (`ListenDrops` alone).
    #[must_use]
    pub fn drops_count_as_full(&self) -> bool {
        self.limits.limited_by != LimitedBy::MaxSynBacklog
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Errno, Outcome};
    use crate::units::KernelVersion;

    fn flood(asked: u32, count: u64, edit: impl FnOnce(&mut Settings)) -> Flood {
        let mut settings = Settings::default();
        edit(&mut settings);
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        Flood { host, settings, asked, rate_per_s: 50_000, count, client: FloodClient::default(), pace: None }
    }

    fn evenly(jiffies: u64) -> PlayedPace {
        PlayedPace { jiffies: Some(jiffies), ..PlayedPace::default() }
    }

    /// Half-open at most, cookies, dropped, and left after pruning.
    fn figures(flood: &Flood) -> (u64, u64, u64, u64) {
        let forecast = forecast_flood(flood);
        (forecast.half_open_peak, forecast.cookies_sent, forecast.dropped, forecast.half_open_after_pruning)
    }

    fn cookies(value: i64) -> impl Fn(&mut Settings) {
        move |settings| settings.syncookies = value
    }

    #[test]
    fn the_queue_takes_one_more_than_its_backlog_and_the_rest_depends_on_cookies() {
        assert_eq!(figures(&flood(128, 5000, cookies(1))), (129, 4871, 0, 64));
        assert_eq!(figures(&flood(128, 5000, cookies(0))), (129, 0, 4871, 64));
        assert_eq!(figures(&flood(128, 5000, cookies(2))), (0, 5000, 0, 0));
        assert_eq!(figures(&flood(128, 5000, cookies(7))), (129, 4871, 0, 64));
    }

    /// Measured on 6.18.
    #[test]
    fn the_last_quarter_of_max_syn_backlog_is_kept_while_cookies_are_off() {
        let limited = |max| {
            move |settings: &mut Settings| {
                settings.syncookies = 0;
                settings.max_syn_backlog = max;
            }
        };
        let forecast = forecast_flood(&flood(128, 200, limited(16)));
        assert_eq!((forecast.half_open_peak, forecast.dropped), (13, 187));
        assert!(!forecast.drops_count_as_full());
        assert_eq!(figures(&flood(128, 200, limited(64))).0, 49);
        assert_eq!(figures(&flood(128, 200, limited(4096))).0, 129);
        // A client that is known has that quarter.
        let known = FloodClient { is_known: true, rtt_us: 10_000, ..FloodClient::default() };
        let legitimate = forecast_flood(&Flood { client: known, ..flood(128, 200, limited(16)) }).legitimate;
        assert_eq!((legitimate.outcome, legitimate.at), (Outcome::Established, Window::exactly(10_000)));
    }

    /// Measured on 6.18: backlog 20; 18 requests leave 10 after 7 s, 11 leave 10, and 10 are left alone.
    #[test]
    fn pruning_stops_at_half_of_the_backlog_and_the_rest_live_their_whole_lives() {
        for (count, left) in [(18, 10), (11, 10), (10, 10), (9, 9)] {
            let forecast = forecast_flood(&flood(20, count, |_| {}));
            assert_eq!((forecast.half_open_peak, forecast.half_open_after_pruning), (count, left));
            let gone = forecast.last_gone.expect("they go");
            assert!((63_000_000..=65_300_000).contains(&gone.at_us) && gone.latest_us >= 65_300_000, "{gone}");
            assert_eq!(forecast.spans[2], Span { least: left, most: left });
            assert_eq!(forecast.full_at_us, None);
        }
    }

    #[test]
    fn fewer_retries_leave_nothing_to_prune() {
        let with = |retries| {
            let forecast = forecast_flood(&flood(128, 5000, |settings| settings.synack_retries = retries));
            let gone = forecast.last_gone.expect("they go");
            (forecast.half_open_after_pruning, gone.at_us / 1_000_000, gone.latest_us.div_ceil(1_000_000))
        };
        assert_eq!([0, 1, 2].map(with), [(0, 1, 2), (0, 3, 4), (0, 7, 8)]);
        assert_eq!(with(3).0, 64);
    }

    #[test]
    fn every_syn_is_accounted_for_and_every_request_goes() {
        for (asked, count, rate_per_s) in [(0, 1, 1), (1, 70, 1), (128, 20_000, 1000), (65_535, 1_000_000, 50_000)] {
            for value in [0, 1, 2] {
                let flood = Flood { rate_per_s, ..flood(asked, count, cookies(value)) };
                let forecast = forecast_flood(&flood);
                assert_eq!(forecast.taken + forecast.cookies_sent + forecast.dropped, count);
                assert_eq!(forecast.occupancy.last().map_or(0, |(_, level)| *level), 0);
                assert!(forecast.half_open_peak <= forecast.limits.half_open_capacity);
                assert!(forecast.occupancy.is_sorted_by_key(|(at_us, _)| *at_us));
            }
        }
    }

    #[test]
    fn with_cookies_a_client_is_served_in_one_round_trip() {
        let client = FloodClient { rtt_us: 50_000, ..FloodClient::default() };
        let forecast = forecast_flood(&Flood { client, ..flood(128, 5000, cookies(1)) });
        // The 129th SYN fills the queue.
        assert_eq!(forecast.full_at_us, Some(2560));
        let legitimate = forecast.legitimate;
        assert_eq!((legitimate.connects_at_us, legitimate.at), (2560, Window::exactly(50_000)));
        assert_eq!((legitimate.outcome, legitimate.attempts), (Outcome::Established, (1, 1)));
        assert!(legitimate.by_cookie);
    }

    #[test]
    fn without_cookies_a_client_waits_until_pruning_makes_room() {
        let legitimate = forecast_flood(&flood(128, 5000, cookies(0))).legitimate;
        assert_eq!(legitimate.outcome, Outcome::Established);
        // Its SYN at 7 s may come just before or after the third timers; the next one is sent at 11 s.
        assert_eq!(legitimate.attempts, (7, 8));
        assert!((7_000_000..8_000_000).contains(&legitimate.at.at_us), "{:?}", legitimate.at);
        assert!((11_000_000..12_000_000).contains(&legitimate.at.latest_us), "{:?}", legitimate.at);
        let never = forecast_flood(&flood(128, 50_000 * 200, cookies(0))).legitimate;
        assert_eq!(never.outcome, Outcome::Failed(Errno::TimedOut));
        assert!(never.chance_ppm < 100_000, "{never:?}");
        assert_eq!(never.at.at_us, 131_000_000);
    }

    #[test]
    fn before_the_queue_is_full_a_client_is_taken_without_a_cookie() {
        let client = FloodClient { connects_at_us: Some(1000), ..FloodClient::default() };
        let legitimate = forecast_flood(&Flood { client, ..flood(128, 5000, cookies(0)) }).legitimate;
        assert_eq!((legitimate.outcome, legitimate.attempts), (Outcome::Established, (1, 1)));
        assert!(!legitimate.by_cookie);
    }

    /// Below half of the backlog nothing is pruned, so that Little's law holds: rate times life.
    #[test]
    fn a_slow_flood_settles_at_rate_times_life() {
        let slow = Flood { rate_per_s: 10, ..flood(4096, 1000, cookies(1)) };
        let steady = forecast_flood(&slow).steady;
        assert!((630..=660).contains(&steady.half_open), "{steady:?}");
        assert_eq!((steady.cookies_per_s, steady.dropped_per_s, steady.room_ppm), (0, 0, 1_000_000));
        // The first and five copies of each.
        assert!((59..=61).contains(&steady.syn_acks_per_s), "{steady:?}");
    }

    #[test]
    fn a_fast_flood_keeps_the_queue_full_but_for_moments() {
        let steady = forecast_flood(&flood(128, 5000, cookies(0))).steady;
        assert!((125..=129).contains(&steady.half_open), "{steady:?}");
        assert!(steady.room_ppm > 0 && steady.room_ppm < 1000, "{steady:?}");
        assert!((49_900..50_000).contains(&steady.dropped_per_s), "{steady:?}");
    }

    /// Where the flood goes on while the first requests are pruned, the places may be taken between two ticks of them, and
    /// some of the second wave then live their whole lives. That is so in a few phases.
    #[test]
    fn a_second_wave_may_outlive_the_first_in_a_few_phases() {
        let going_on = Flood { rate_per_s: 1000, ..flood(128, 9000, cookies(1)) };
        let forecast = forecast_flood(&going_on);
        let gone = |jiffies| {
            forecast_flood(&Flood { pace: Some(evenly(jiffies)), ..going_on.clone() }).last_gone.expect("they go")
        };
        let windows: Vec<_> = (0..512).map(gone).collect();
        let said = forecast.last_gone.expect("they go");
        let latest_us = windows.iter().map(|window| window.latest_us).max().unwrap_or(0);
        assert!(windows.iter().any(|window| window.latest_us < 66_000_000) && latest_us > 70_000_000);
        assert!(latest_us <= said.latest_us, "{latest_us} {said}");
    }

    #[test]
    fn an_unknown_tick_rate_holds_every_common_one() {
        let of = |hz| {
            let flood = flood(20, 18, |_| {});
            forecast_flood(&Flood { host: Host { hz, ..flood.host }, ..flood }).last_gone.expect("they go")
        };
        let wide = of(None);
        for rate in Hz::COMMON {
            assert!(of(Some(rate)).latest_us <= wide.latest_us);
        }
    }
}
