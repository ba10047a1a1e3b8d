//! Lets a clock run on that nobody answers, over every lateness of the timer wheel at once.
//!
//! Times are windows, as in `play`: where a limit passes within one, both ways are followed. What is found holds for
//! every phase of the wheel, since each timer may be as late as its level allows.

use super::NextStep;
use super::machine::Machine;
use crate::model::Window;
use crate::model::wheel::Wheel;
use crate::units::Hz;

/// Timers followed at the most, over all ways: `TCP_KEEPCNT` and the retries are at most 255, and each can be a tie.
const MOST_TIMERS: usize = 4096;

/// A clock and when its timer fires next.
#[derive(Clone, Debug)]
pub(super) struct Begin {
    pub(super) machine: Machine,
    pub(super) first: Window,
}

/// What was found over all ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// When the first timer fires.
    pub(super) first: Option<Window>,
    /// What it does then.
    pub(super) steps: Vec<NextStep>,
    /// When the end comes.
    pub(super) end: Option<Window>,
    /// How often something that counts is done from now on: at the least, at the most.
    pub(super) count: Option<(u32, u32)>,
    /// Whether a way was given up.
    pub(super) cut_off: bool,
}

impl Course {
    /// Widens it to hold another one.
    pub(super) fn include(&mut self, other: Self) {
        let hull = |one: Option<Window>, two: Option<Window>| {
            one.map_or(two, |one| Some(two.map_or(one, |two| one.hull(two))))
        };
        self.first = hull(self.first, other.first);
        self.end = hull(self.end, other.end);
        for step in other.steps {
            if !self.steps.contains(&step) {
                self.steps.push(step);
            }
        }
        self.count = match (self.count, other.count) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.cut_off |= other.cut_off;
    }
}

/// A way that is followed.
struct Way {
    machine: Machine,
    window: Window,
    count: u32,
    is_first: bool,
}

/// Runs it to its end.
pub(super) fn run(begin: Begin, hz: Hz) -> Course {
    let wheel = Wheel::Any(hz);
    let mut course = Course { first: Some(begin.first), ..Course::default() };
    let mut ways = vec![Way { machine: begin.machine, window: begin.first, count: 0, is_first: true }];
    for _ in 0..MOST_TIMERS {
        let Some(way) = ways.pop() else { return course };
        for window in parts(&way.machine, way.window, wheel.tick_us()) {
            follow(&way, window, wheel, &mut course, &mut ways);
        }
    }
    course.cut_off = true;
    course
}

/// The parts of a timer's window in each of which the same happens and a limit is counted from one time.
fn parts(machine: &Machine, window: Window, tick_us: u64) -> Vec<Window> {
    if machine.begins_to_count() && window.at_us < window.latest_us {
        // All that comes is counted from here, so that it is only as much later as this is.
        return vec![Window::exactly(window.at_us), Window::exactly(window.latest_us)];
    }
    let first = machine.fired(window.at_us, tick_us).0.step;
    match window.split(|now_us| machine.fired(now_us, tick_us).0.step != first) {
        Some((before, after)) => vec![before, after],
        None => vec![window],
    }
}

/// The timer fires within the window.
fn follow(way: &Way, window: Window, wheel: Wheel, course: &mut Course, ways: &mut Vec<Way>) {
    let (early, machine) = way.machine.fired(window.at_us, wheel.tick_us());
    let (late, _) = way.machine.fired(window.latest_us, wheel.tick_us());
    let mut found = Course::default();
    found.steps.extend(way.is_first.then_some(early.step));
    let count = way.count + u32::from(early.counts());
    match (early.wait_us, late.wait_us) {
        (Some(first_us), Some(last_us)) => {
            let at_first = wheel.fire(Window::exactly(window.at_us), (first_us, first_us));
            let at_last = wheel.fire(Window::exactly(window.latest_us), (last_us, last_us));
            let ends_us = window.latest_us + last_us;
            let mut window = at_first.hull(at_last);
            if first_us != last_us {
                // A wait that is cut to end at a fixed time is rounded to ticks from wherever it began, and as late as
                // the longest of these waits may be.
                let late_us = wheel.fire(Window::exactly(0), (0, first_us)).latest_us - first_us + wheel.tick_us();
                window.latest_us = window.latest_us.max(ends_us + late_us);
            }
            ways.push(Way { machine, window, count, is_first: false });
        }
        _ => (found.end, found.count) = (Some(window), Some((count, count))),
    }
    course.include(found);
}
