//! What the courses of a tie have in common.

use crate::model::{Timeline, Window};

/// When the side that a scenario is about ends, over every course: from the earliest to the latest.
pub(super) fn ends_within(timeline: &Timeline) -> Option<Window> {
    let courses = core::iter::once(timeline).chain(&timeline.alternatives);
    let windows = courses.filter_map(Timeline::end).map(|end| end.window);
    windows.reduce(Window::hull)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Ask;
    use crate::model::{Action, Scenario, Side, forecast};

    #[test]
    fn a_tie_ends_between_the_first_and_the_last_of_its_courses() {
        let ask = Ask::of_defaults(0);
        let mut scenario = Scenario::established(ask.host, &ask.settings())
            .calling(Side::Client, Action::Send)
            .silencing(Side::Client);
        (scenario.client.settings.rto_max_ms, scenario.client.settings.retries2) = (1000, 8);
        scenario.rtt_us = ask.rtt_us;
        let timeline = forecast(&scenario);
        let all = ends_within(&timeline).unwrap();
        let first = timeline.end().unwrap().window;
        assert_eq!((timeline.alternatives.len(), all.at_us), (1, first.at_us));
        assert!(all.latest_us > first.latest_us, "{all:?}");
    }
}
