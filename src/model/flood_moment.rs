//! What a flood has come to at any moment, for a comparison with what was seen then.
//!
//! Mirrors: the courses of [`forecast_flood`](super::forecast_flood), whose figures are those of the whole flood.

use super::flood::{Flood, Span, courses, setup};
use super::flood_course::{Course, Setup};
use super::{Window, queue_limits};

/// Every course that a flood may take.
#[derive(Clone, Debug)]
pub struct FloodMoments {
    setup: Setup,
    courses: Vec<Course>,
    has_cookies: bool,
}

/// What was counted by some moment. The client is not counted in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodSums {
    /// SYNs that became half-open requests.
    pub taken: Span,
    /// SYNs answered with a cookie (`SyncookiesSent`).
    pub cookies_sent: Span,
    /// SYNs dropped (`ListenDrops`).
    pub dropped: Span,
    /// SYN-ACKs sent: the first ones, cookies, and those that timers sent again.
    pub syn_acks_sent: Span,
}

/// Plays a flood.
#[must_use]
pub fn flood_moments(flood: &Flood) -> FloodMoments {
    let limits = queue_limits(flood.asked, &flood.settings, flood.host.version);
    let setup = setup(flood, limits);
    let courses = courses(&setup, flood);
    FloodMoments { setup, courses, has_cookies: flood.settings.syncookies != 0 }
}

impl FloodMoments {
    /// Half-open requests at a moment that is somewhere in this window.
    #[must_use]
    pub fn half_open(&self, moment: Window) -> Span {
        let of = |course: &Course| {
            let from = course.levels.partition_point(|(at_us, _)| *at_us <= moment.at_us);
            let until = course.levels.partition_point(|(at_us, _)| *at_us <= moment.latest_us);
            let within = course.levels.get(from..until).unwrap_or_default().iter().map(|(_, level)| *level);
            Span::of(within.chain(core::iter::once(course.level_at(moment.at_us))))
        };
        let spans = self.courses.iter().map(of);
        Span {
            least: spans.clone().map(|span| span.least).min().unwrap_or(0),
            most: spans.map(|span| span.most).max().unwrap_or(0),
        }
    }

    /// When the queue is full for the first time; nothing if it never is.
    #[must_use]
    pub fn full_at(&self) -> Option<Window> {
        let full = self.courses.iter().filter_map(|course| course.full_at_us).map(Window::exactly);
        full.reduce(Window::hull)
    }

    /// What was counted by a moment that is somewhere in this window.
    #[must_use]
    pub fn sums(&self, moment: Window) -> FloodSums {
        let at = [moment.at_us, moment.latest_us];
        let of = |figure: &dyn Fn(u64, (u64, u64)) -> u64| {
            let each = self.courses.iter().flat_map(|course| {
                // A SYN that comes at the very moment has come.
                at.map(|at_us| figure(self.setup.syns_before(at_us.saturating_add(1)), course.sums_at(at_us)))
            });
            Span::of(each)
        };
        let refused = |is_cookie: bool| {
            if is_cookie == self.has_cookies {
                // Those of a tick that are taken are noted at the last of them.
                of(&|syns, (taken, _)| syns.saturating_sub(taken))
            } else {
                Span::default()
            }
        };
        FloodSums {
            taken: of(&|_, (taken, _)| taken),
            cookies_sent: refused(true),
            dropped: refused(false),
            syn_acks_sent: of(&|syns, (taken, again)| again + if self.has_cookies { syns.max(taken) } else { taken }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FloodClient, Host, PlayedPace, Settings, forecast_flood};
    use crate::units::{Hz, KernelVersion};

    fn flood(syncookies: i64, jiffies: Option<u64>) -> Flood {
        Flood {
            host: Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) },
            settings: Settings { syncookies, ..Settings::default() },
            asked: 128,
            rate_per_s: 1000,
            count: 9000,
            client: FloodClient::default(),
            pace: jiffies.map(|jiffies| PlayedPace { jiffies: Some(jiffies), ..PlayedPace::default() }),
        }
    }

    #[test]
    fn at_the_end_there_is_what_the_forecast_says_of_the_whole_flood() {
        for (syncookies, jiffies) in [(0, None), (1, None), (2, None), (0, Some(77)), (1, Some(4711))] {
            let flood = flood(syncookies, jiffies);
            let said = forecast_flood(&flood);
            let moments = flood_moments(&flood);
            let end = Window::exactly(500_000_000);
            let sums = moments.sums(end);
            assert_eq!((sums.cookies_sent, sums.dropped), (said.spans[0], said.spans[1]));
            assert!((sums.syn_acks_sent.least..=sums.syn_acks_sent.most).contains(&said.syn_acks_sent));
            assert_eq!(moments.half_open(end), Span::default());
            let whole = moments.half_open(Window { at_us: 0, latest_us: end.at_us });
            assert_eq!(whole.most, said.half_open_peak);
        }
    }

    #[test]
    fn at_a_moment_there_is_what_came_until_then() {
        let moments = flood_moments(&flood(1, Some(0)));
        let sums = moments.sums(Window::exactly(500_000));
        assert_eq!((sums.taken, sums.cookies_sent), (Span { least: 129, most: 129 }, Span { least: 372, most: 372 }));
        assert_eq!(sums.syn_acks_sent, Span { least: 501, most: 501 });
        assert_eq!(moments.half_open(Window::exactly(500_000)), Span { least: 129, most: 129 });
        // The third timers of the first ones have fired, and the flood has taken their places.
        assert_eq!(moments.half_open(Window::exactly(8_000_000)), Span { least: 129, most: 129 });
        // Each SYN that comes while they fire makes one more of them go.
        assert_eq!(moments.sums(Window::exactly(8_000_000)).taken, Span { least: 194, most: 198 });
    }

    /// A flood that is over before anything is pruned comes to the same in every phase; only times differ.
    #[test]
    fn a_short_flood_comes_to_the_same_in_every_phase() {
        let short = |jiffies| Flood { count: 5000, ..flood(1, jiffies) };
        let end = Window::exactly(11_000_000);
        for jiffies in 0..512 {
            let moments = flood_moments(&short(Some(jiffies)));
            assert_eq!(moments.sums(end).syn_acks_sent, Span { least: 5322, most: 5322 });
            assert_eq!(moments.half_open(end), Span { least: 64, most: 64 });
            assert_eq!(moments.full_at(), Some(Window::exactly(128_000)));
        }
    }

    #[test]
    fn a_known_phase_says_to_some_ticks_when_the_last_request_goes() {
        let few = |jiffies| {
            let few = Flood { settings: Settings { synack_retries: 2, ..Settings::default() }, ..flood(1, jiffies) };
            forecast_flood(&Flood { count: 100, rate_per_s: 100_000, ..few }).last_gone.expect("they go")
        };
        let any = few(None);
        for jiffies in 0..512 {
            let known = few(Some(jiffies));
            assert!(known.latest_us <= any.latest_us && known.at_us >= any.at_us, "{known} {any}");
            assert!(known.latest_us - known.at_us < 300_000, "{known:?}");
        }
    }
}
