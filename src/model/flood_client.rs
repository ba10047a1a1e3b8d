//! A client that means it, during a flood.
//!
//! Its SYNs go out by its own clock, on a machine whose timer wheel has nothing to do with the server's. Each is
//! judged by how long the server's queue has room while the SYN may arrive.
//!
//! Mirrors: `tcp_connect()` and its timer through [`forecast`], `tcp_conn_request()` for the answer.
//!
//! Differs from the kernel: each of its SYNs counts as arriving at any moment of its window with the same chance,
//! whatever became of the one before; a round trip longer than its wait for an answer is not looked at.

use super::flood::{Flood, share_ppm};
use super::flood_course::Course;
use super::{Errno, LimitedBy, Outcome, QueueLimits, Scenario, Segment, Side, Timeline, What, Window, forecast};

/// Chances below this are not told apart from none when a window is named: one in a hundred.
const LEAST_CHANCE_PPM: u64 = 10_000;
const CERTAIN_PPM: u64 = 1_000_000;

/// A client that means it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodClient {
    /// When it calls connect(), in microseconds after the flood's first SYN; nothing for the moment at which the
    /// queue is full, or the middle of a flood that does not fill it.
    pub connects_at_us: Option<u64>,
    /// Its round-trip time in microseconds.
    pub rtt_us: u64,
    /// Whether the server remembers it from before (`ip tcp_metrics`), which opens the last quarter of
    /// `tcp_max_syn_backlog` to it.
    pub is_known: bool,
}

/// How the client fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legitimate {
    /// When it calls connect(), in microseconds after the flood's first SYN.
    pub connects_at_us: u64,
    /// [`Outcome::Established`], or [`Outcome::Failed`] with ETIMEDOUT: whichever is likelier.
    pub outcome: Outcome,
    /// When its connect() returns with that, counted from the call.
    pub at: Window,
    /// How many SYNs that takes, at least and at most.
    pub attempts: (u64, u64),
    /// When its connect() may return at all, however unlikely that is: with any of its SYNs that has a chance, or
    /// with its failure.
    pub possible: Window,
    /// When it returns if the likeliest of these SYNs does it.
    pub likeliest: Window,
    /// Chance that it gets in at all, in parts per million.
    pub chance_ppm: u64,
    /// Whether it is served by a cookie.
    pub by_cookie: bool,
}

/// How the client fares in a flood with these courses.
pub(super) fn legitimate(flood: &Flood, limits: QueueLimits, courses: &[Course], main: &Course) -> Legitimate {
    let client = flood.client;
    let middle_us = u128::from(flood.count / 2) * 1_000_000 / u128::from(flood.rate_per_s.max(1));
    let middle_us = u64::try_from(middle_us).unwrap_or(u64::MAX);
    let connects_at_us = client.connects_at_us.or(main.full_at_us).unwrap_or(middle_us);
    let arrives = |window: Window| Window {
        at_us: connects_at_us.saturating_add(client.rtt_us / 2).saturating_add(window.at_us),
        latest_us: connects_at_us.saturating_add(client.rtt_us / 2).saturating_add(window.latest_us),
    };
    let cookies = flood.settings.syncookies != 0;
    let always_room = cookies || (client.is_known && limits.limited_by == LimitedBy::MaxSynBacklog);
    if always_room {
        let room_at_once = courses.iter().all(|course| room_ppm(course, arrives(Window::exactly(0))) == CERTAIN_PPM);
        return Legitimate {
            connects_at_us,
            outcome: Outcome::Established,
            at: Window::exactly(client.rtt_us),
            attempts: (1, 1),
            possible: Window::exactly(client.rtt_us),
            likeliest: Window::exactly(client.rtt_us),
            chance_ppm: CERTAIN_PPM,
            by_cookie: cookies && !room_at_once,
        };
    }
    let unanswered = forecast(&Scenario::connect(flood.host, &flood.settings).losing(Side::Client, Segment::Syn));
    let windows = syn_windows(&unanswered);
    let chances = windows.iter().map(|window| {
        let rooms = courses.iter().map(|course| room_ppm(course, arrives(*window)));
        rooms.sum::<u64>() / u64::try_from(courses.len().max(1)).unwrap_or(1)
    });
    let chances: Vec<u64> = chances.collect();
    judge(connects_at_us, client.rtt_us, &unanswered, &windows, &chances)
}

/// When its SYNs go out while none is answered, counted from connect().
fn syn_windows(unanswered: &Timeline) -> Vec<Window> {
    let is_syn = |what: &What| matches!(what, What::Send { segment: Segment::Syn, .. });
    let sent = unanswered.events.iter().filter(|event| event.side == Side::Client && is_syn(&event.what));
    sent.map(|event| event.window).collect()
}

/// For which part of a window there is room, in parts per million.
fn room_ppm(course: &Course, window: Window) -> u64 {
    // A moment is as long as the microsecond that it is given in.
    let until_us = window.latest_us.max(window.at_us.saturating_add(1));
    share_ppm(course.open_us(window.at_us, until_us), until_us - window.at_us)
}

/// From the chance of each SYN to what is likeliest.
fn judge(connects_at_us: u64, rtt_us: u64, unanswered: &Timeline, windows: &[Window], chances: &[u64]) -> Legitimate {
    let mut waiting_ppm = CERTAIN_PPM;
    let mut served: Vec<(u64, Window, u64)> = Vec::new();
    let mut possible: Option<Window> = None;
    for ((window, chance), attempt) in windows.iter().zip(chances).zip(1..) {
        let here_ppm = waiting_ppm * chance / CERTAIN_PPM;
        waiting_ppm -= here_ppm;
        if here_ppm > 0 {
            possible = Some(possible.map_or(*window, |before| before.hull(*window)));
        }
        if here_ppm >= LEAST_CHANCE_PPM {
            served.push((here_ppm, *window, attempt));
        }
    }
    let chance_ppm = CERTAIN_PPM - waiting_ppm;
    let fails = unanswered.end().map_or(Window::exactly(0), |end| end.window);
    let all = u64::try_from(windows.len()).unwrap_or(u64::MAX);
    let mut fate = Legitimate {
        connects_at_us,
        outcome: Outcome::Failed(Errno::TimedOut),
        at: fails,
        attempts: (all, all),
        possible: fails,
        likeliest: fails,
        chance_ppm,
        by_cookie: false,
    };
    let returns = |window: Window| Window {
        at_us: window.at_us.saturating_add(rtt_us),
        latest_us: window.latest_us.saturating_add(rtt_us),
    };
    if let Some(possible) = possible.map(returns) {
        fate.possible = if waiting_ppm > 0 { possible.hull(fails) } else { possible };
    }
    // Of two that are as likely, the later one: a promise that is kept.
    let likeliest = served.iter().max_by_key(|(here_ppm, ..)| *here_ppm);
    if let (Some(first), Some(last), Some(likeliest)) = (served.first(), served.last(), likeliest)
        && chance_ppm >= CERTAIN_PPM / 2
    {
        fate.outcome = Outcome::Established;
        fate.at = returns(first.1.hull(last.1));
        fate.attempts = (first.2, last.2);
        fate.likeliest = returns(likeliest.1);
    }
    fate
}
