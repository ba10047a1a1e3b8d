//! What a prediction says of the events of a playing while they come.

use std::collections::BTreeMap;

use super::Followed;
use super::compare::{Kind, Verdict, by_kind, judge};
use crate::model::{Side, Timeline, Window};

/// The prediction, and how far the playing has come in it.
#[derive(Debug)]
pub struct Expected {
    /// The windows of each course, the main one first.
    courses: Vec<BTreeMap<(Side, Kind), Vec<Window>>>,
    /// How many of each kind have come.
    come: BTreeMap<(Side, Kind), usize>,
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
        Self { courses: courses.map(|course| by_kind(course, u64::MAX)).collect(), come: BTreeMap::new() }
    }

    /// Finds the n-th of a kind in the course that it fits, or in the main one. Nothing for what is not compared.
    pub fn meet(&mut self, followed: &Followed) -> Option<Met> {
        let key = key_of(followed)?;
        let come = self.come.entry(key.clone()).or_insert(0);
        let nth = *come;
        *come += 1;
        let (Followed::Event(crate::model::Event { window: seen, .. })
        | Followed::End(crate::model::End { window: seen, .. })) = followed
        else {
            return None;
        };
        // When calls really took place and how late the wire was is known only at the end, so either side of a window
        // has some room.
        let allowance_us = key.1.allowance_us(true);
        let room = |window: Window| Window { at_us: window.at_us.saturating_sub(allowance_us), ..window };
        let windows = self.courses.iter().filter_map(|course| course.get(&key)?.get(nth).copied());
        let met = windows.map(|window| (window, judge(*seen, room(window), allowance_us)));
        let met: Vec<(Window, Verdict)> = met.collect();
        let fitting = met.iter().find(|(_, verdict)| *verdict == Verdict::Inside).or(met.first());
        match (fitting, followed) {
            (Some((window, verdict)), _) => Some(Met { predicted: Some(*window), verdict: *verdict }),
            // The side may begin again, and then that was not its end.
            (None, Followed::End(_)) => None,
            (None, _) => Some(Met { predicted: None, verdict: Verdict::Extra }),
        }
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
    use crate::model::{Errno, Event, Host, Scenario, Segment, Settings, What, forecast};
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
        assert_eq!(meet(1, What::Arrive { segment: Segment::Syn, copy: None }), None);
        let (side, what, window) = expected.next().unwrap();
        assert_eq!((side, what.as_str()), (Side::Client, "connect() ETIMEDOUT"));
        let failed = What::Return("connect", Some(Errno::TimedOut));
        assert_eq!(expected.meet(&seen(window.latest_us, failed)).unwrap().verdict, Verdict::Inside);
        assert_eq!(expected.next(), None);
    }
}
