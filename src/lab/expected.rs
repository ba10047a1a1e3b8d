//! What a prediction says of the events of a playing while they come.

use std::collections::BTreeMap;

use super::Followed;
use super::compare::{Kind, Verdict, by_kind, judge};
use crate::model::{End, Event, Side, Timeline, What, Window};
use crate::units::TcpState;

/// The prediction, and how far the playing has come in it.
#[derive(Debug)]
pub struct Expected {
    /// The windows of each course, the main one first.
    courses: Vec<BTreeMap<(Side, Kind), Vec<Window>>>,
    /// How many of each kind have come.
    come: BTreeMap<(Side, Kind), usize>,
    /// States of the main course that have not been seen yet.
    states: Vec<(Side, TcpState, Window)>,
}

/// What was predicted of something that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// When it was to come; nothing when it was not to.
    pub predicted: Option<Window>,
    /// How it fares, as far as that is known before the end.
    pub verdict: Verdict,
}

impl Expected {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(predicted: &Timeline) -> Self {
        let courses = core::iter::once(predicted).chain(&predicted.alternatives);
        let courses = courses.map(|course| by_kind(course, u64::MAX)).collect();
        let entered = |event: &Event| match event.what {
            What::State(state) => Some((event.side, state, event.window)),
            _ => None,
        };
        Self { courses, come: BTreeMap::new(), states: predicted.events.iter().filter_map(entered).collect() }
    }

    /// Finds the n-th of a kind in the course that it fits, or in the main one. Nothing for what is not compared.
    pub fn meet(&mut self, followed: &Followed) -> Option<Met> {
        if let Followed::Event(Event { window: seen, side, what: What::State(state) }) = followed {
            return Some(self.meet_state(*side, *state, *seen));
        }
        let key = key_of(followed)?;
        let come = self.come.entry(key.clone()).or_insert(0);
        let nth = *come;
        *come += 1;
        let (Followed::Event(Event { window: seen, .. }) | Followed::End(End { window: seen, .. })) = followed else {
            return None;
        };
        let allowance_us = key.1.allowance_us(true);
        let windows = self.courses.iter().filter_map(|course| course.get(&key)?.get(nth).copied());
        let met = windows.map(|window| (window, judge_early(*seen, window, allowance_us)));
        let met: Vec<(Window, Verdict)> = met.collect();
        let fitting = met.iter().find(|(_, verdict)| *verdict == Verdict::Inside).or(met.first());
        match (fitting, followed) {
            (Some((window, verdict)), _) => Some(Met { predicted: Some(*window), verdict: *verdict }),
            // The side may begin again, and then that was not its end.
            (None, Followed::End(_)) => None,
            (None, _) => Some(Met { predicted: None, verdict: Verdict::Extra }),
        }
    }

    /// A state may pass unseen, so it is held against the first that fits and has not been seen.
    fn meet_state(&mut self, side: Side, state: TcpState, seen: Window) -> Met {
        let allowance_us = Kind::Gone.allowance_us(true);
        let same = |one: &(Side, TcpState, Window)| (one.0, one.1) == (side, state);
        let fits = |one: &(Side, TcpState, Window)| judge_early(seen, one.2, allowance_us) == Verdict::Inside;
        let place =
            self.states.iter().position(|one| same(one) && fits(one)).or_else(|| self.states.iter().position(same));
        place.map_or(Met { predicted: None, verdict: Verdict::Extra }, |place| {
            let (_, _, window) = self.states.remove(place);
            Met { predicted: Some(window), verdict: judge_early(seen, window, allowance_us) }
        })
    }

    /// What comes next in the main course, in words.
    #[must_use]
    pub fn next(&self) -> Option<(Side, String, Window)> {
        let course = self.courses.first()?;
        let next_of = |(key, windows): (&(Side, Kind), &Vec<Window>)| {
            let come = self.come.get(key).copied().unwrap_or(0);
            windows.get(come).map(|window| (key.0, key.1.words(), *window))
        };
        course.iter().filter_map(next_of).min_by_key(|(_, _, window)| window.at_us)
    }
}

/// The verdict as far as it is known while the playing goes on: when calls really took place and how late the wire was
/// shows only at the end, so either side of a window has some room.
fn judge_early(seen: Window, window: Window, allowance_us: u64) -> Verdict {
    judge(seen, Window { at_us: window.at_us.saturating_sub(allowance_us), ..window }, allowance_us)
}

/// Which kind it is, of which side.
fn key_of(followed: &Followed) -> Option<(Side, Kind)> {
    let nothing = || Timeline { events: Vec::new(), ends: Vec::new(), alternatives: Vec::new() };
    let alone = match followed {
        Followed::Begins(_) => return None,
        Followed::Event(event) => Timeline { events: vec![event.clone()], ..nothing() },
        Followed::End(end) => Timeline { ends: vec![end.clone()], ..nothing() },
    };
    by_kind(&alone, u64::MAX).into_keys().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Errno, Host, Scenario, Segment, Settings, forecast};
    use crate::units::{Hz, KernelVersion};

    fn seen(at_us: u64, what: What) -> Followed {
        Followed::Event(Event { window: Window::exactly(at_us), side: Side::Client, what })
    }

    #[test]
    fn the_nth_of_a_kind_is_held_against_the_nth_that_was_predicted() {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let settings = Settings { syn_retries: 1, ..Settings::default() };
        let mut expected =
            Expected::new(&forecast(&Scenario::connect(host, &settings).losing(Side::Client, Segment::Syn)));
        let syn = |copy| What::Send { segment: Segment::Syn, copy, lost: true };
        assert_eq!(expected.next().unwrap().1, "SYN");
        let mut meet = |at_us, what| expected.meet(&seen(at_us, what));
        assert_eq!(meet(0, syn(0)).unwrap().verdict, Verdict::Inside);
        let second = meet(1_020_000, syn(1)).unwrap();
        assert_eq!((second.predicted.unwrap().at_us, second.verdict), (1_000_000, Verdict::Inside));
        assert!(matches!(meet(2_500_000, syn(2)).unwrap().verdict, Verdict::Extra | Verdict::Late(_)));
        assert_eq!(meet(5000, What::State(TcpState::SynSent)).unwrap().verdict, Verdict::Inside);
        assert_eq!(meet(6000, What::State(TcpState::Estab)).unwrap().verdict, Verdict::Extra);
        assert_eq!(meet(1, What::Arrive { segment: Segment::Syn, copy: None }), None);
        let (side, what, window) = expected.next().unwrap();
        assert_eq!((side, what.as_str()), (Side::Client, "connect() ETIMEDOUT"));
        let failed = What::Return("connect", Some(Errno::TimedOut));
        assert_eq!(expected.meet(&seen(window.latest_us, failed)).unwrap().verdict, Verdict::Inside);
        assert_eq!(expected.next(), None);
    }
}
