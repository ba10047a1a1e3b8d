//! Plays a scenario once: a queue of events that drives the clocks of both ends.
//!
//! Times are windows. Where the windows of a timer and of a segment that arrives at the same end overlap, or
//! where lateness decides whether a limit has passed, either may come first: a tie, which is decided by the
//! caller's script, so that every course can be played in turn.
//!
//! Mirrors: the order in which softirqs of one end run; the ends themselves are in `endpoint`.
//!
//! Differs from the kernel: two segments of one direction never overtake each other.

use std::collections::{BTreeMap, BTreeSet};

use super::endpoint::{Clock, Endpoint};
use super::scenario::{Action, Loss, Scenario};
use super::timeline::{Outcome, Segment, Side, What, Window};
use super::wheel::Wheel;

/// No scenario of ours comes near; a guard against rules that would never end.
const MOST_STEPS: usize = 10_000;

/// One course of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// When, where, what; by nominal time, and in the order of their causes where times are equal.
    pub(super) events: Vec<(Window, Side, What)>,
    /// How each side ended.
    pub(super) ends: BTreeMap<Side, (Window, Outcome)>,
    /// Timers that something other than a timer armed: when and for how long.
    pub(super) armed: BTreeSet<(u64, u64)>,
    /// How many ties there were on the way.
    pub(super) ties: usize,
}

/// Plays it, each side on its own wheel. The n-th tie goes to the nominally later one where `script` says so;
/// ties beyond the script go to the nominally earlier one.
pub(super) fn play(scenario: &Scenario, client: Wheel, server: Wheel, script: &[bool]) -> Course {
    let mut player = Player {
        scenario,
        wheels: [client, server],
        script,
        ends: [Side::Client, Side::Server].map(|side| Endpoint::new(side, scenario)),
        queue: BTreeMap::new(),
        next_order: 0,
        course: Course::default(),
    };
    for call in &scenario.calls {
        player.schedule(Window::exactly(call.at_us), call.side, Happening::Call(call.action));
    }
    for _ in 0..MOST_STEPS {
        let Some((window, side, happening)) = player.next() else { break };
        player.step(window, side, happening);
    }
    player.course
}

/// What the queue holds.
#[derive(Clone, Debug)]
enum Happening {
    Call(Action),
    Arrive(Segment),
    /// A timer of this generation; an older generation was re-armed or stopped meanwhile.
    Timer(u64, Clock),
}

/// What an end does in answer to something, in order.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    /// Writes an event down.
    Record(What),
    /// Sends a segment.
    Send(Segment),
    /// Arms its timer with a clock, for this long if the step came at the beginning of its window, for that
    /// long if at the end.
    Arm(Clock, (u64, u64)),
    /// Stops its timer.
    Disarm,
    /// Ends, for now.
    End(Outcome),
}

/// What a step may ask and leave.
pub(super) struct Step<'a> {
    /// When it takes place; a tie may narrow it.
    pub(super) window: Window,
    /// The end's shortest tick in microseconds.
    pub(super) tick_us: u64,
    script: &'a [bool],
    ties: &'a mut usize,
    pub(super) doings: Vec<Doing>,
}

impl Step<'_> {
    /// Decides a tie: whether the later of two possibilities comes true.
    fn later_wins(&mut self) -> bool {
        let place = *self.ties;
        *self.ties += 1;
        self.script.get(place).copied().unwrap_or(false)
    }

    /// Whether a limit has passed by now, given as a test of the time; narrows the step's window to the part
    /// where the answer holds.
    pub(super) fn passed(&mut self, limit_passed: impl Fn(u64) -> bool) -> bool {
        let Window { at_us, latest_us } = self.window;
        let (at_first, at_last) = (limit_passed(at_us), limit_passed(latest_us));
        if at_first == at_last {
            return at_first;
        }
        let (mut before, mut after) = (at_us, latest_us);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if limit_passed(middle) { after = middle } else { before = middle }
        }
        let later = self.later_wins();
        self.window = if later { Window { at_us: after, latest_us } } else { Window { at_us, latest_us: before } };
        later
    }
}

struct Player<'a> {
    scenario: &'a Scenario,
    /// Of the client and of the server.
    wheels: [Wheel; 2],
    script: &'a [bool],
    ends: [Endpoint; 2],
    /// By nominal time, then by the order of their causes.
    queue: BTreeMap<(u64, u64), (Window, Side, Happening)>,
    next_order: u64,
    course: Course,
}

impl Player<'_> {
    fn wheel(&self, side: Side) -> Wheel {
        let [client, server] = self.wheels;
        if side == Side::Client { client } else { server }
    }

    fn end(&mut self, side: Side) -> &mut Endpoint {
        let [client, server] = &mut self.ends;
        if side == Side::Client { client } else { server }
    }

    fn schedule(&mut self, window: Window, side: Side, happening: Happening) {
        self.queue.insert((window.at_us, self.next_order), (window, side, happening));
        self.next_order += 1;
    }

    /// Whether an event in the queue still means something.
    fn is_live(&self, side: Side, happening: &Happening) -> bool {
        let [client, server] = &self.ends;
        let end = if side == Side::Client { client } else { server };
        !matches!(happening, Happening::Timer(generation, _) if *generation != end.generation)
    }

    fn loses(&self, from: Side, segment: Segment) -> bool {
        self.scenario.losses.contains(&Loss { from, segment })
    }

    /// Takes the next event: the nominally first one, unless another may come before it.
    fn next(&mut self) -> Option<(Window, Side, Happening)> {
        let (key, window, side) = loop {
            let (key, (window, side, happening)) = self.queue.first_key_value()?;
            if self.is_live(*side, happening) {
                break (*key, *window, *side);
            }
            self.queue.pop_first();
        };
        // What the other end's timer may send before this one fires has its turn first, so that its arrival is
        // seen coming.
        let half = self.scenario.rtt_us / 2;
        let is_timer = |happening: &Happening| matches!(happening, Happening::Timer(..));
        let gets_through = |from: Side, happening: &Happening| match happening {
            Happening::Timer(_, clock) => clock.sends().is_some_and(|segment| !self.loses(from, segment)),
            Happening::Call(_) | Happening::Arrive(_) => false,
        };
        let ahead = self.queue.iter().find(|(_, (other, where_to, happening))| {
            *where_to != side
                && gets_through(*where_to, happening)
                && self.is_live(*where_to, happening)
                && other.at_us.saturating_add(half) <= window.latest_us
        });
        let ahead = ahead.map(|(key, _)| *key).filter(|_| window.at_us < window.latest_us);
        // A timer and a segment of one end whose windows overlap may come in either order.
        let (first_is_timer, rival) = match self.queue.get(&key) {
            Some((_, _, first)) => {
                let first_is_timer = is_timer(first);
                let rival = self.queue.iter().find(|(other, (overlap, where_to, happening))| {
                    **other != key
                        && *where_to == side
                        && is_timer(happening) != first_is_timer
                        && self.is_live(side, happening)
                        && overlap.at_us <= window.latest_us
                });
                (first_is_timer, rival.map(|(key, _)| *key))
            }
            None => return None,
        };
        if let Some(key) = ahead.filter(|_| first_is_timer) {
            return self.queue.remove(&key);
        }
        let Some(rival) = rival else { return self.queue.remove(&key) };
        let later = self.script.get(self.course.ties).copied().unwrap_or(false);
        self.course.ties += 1;
        let (chosen, kept) = if later { (rival, key) } else { (key, rival) };
        let (mut first, mut second) = (self.queue.remove(&chosen)?, self.queue.remove(&kept)?);
        first.0.latest_us = first.0.latest_us.min(second.0.latest_us).max(first.0.at_us);
        second.0.at_us = second.0.at_us.max(first.0.at_us);
        second.0.latest_us = second.0.latest_us.max(second.0.at_us);
        // Behind everything of that moment, but not a rival of the one that was just chosen.
        self.schedule(second.0, second.1, second.2);
        Some(first)
    }

    fn step(&mut self, window: Window, side: Side, happening: Happening) {
        let tick_us = self.wheel(side).tick_us();
        let in_timer = matches!(happening, Happening::Timer(..));
        let mut ties = self.course.ties;
        let mut step = Step { window, tick_us, script: self.script, ties: &mut ties, doings: Vec::new() };
        if let Happening::Arrive(segment) = &happening {
            step.doings.push(Doing::Record(What::Arrive(*segment)));
        }
        let end = self.end(side);
        match happening {
            Happening::Call(action) => end.call(action, &mut step),
            Happening::Arrive(segment) => end.arrive(segment, &mut step),
            Happening::Timer(_, clock) => end.expire(clock, &mut step),
        }
        let (window, doings) = (step.window, step.doings);
        self.course.ties = ties;
        for doing in doings {
            self.perform(window, side, doing, in_timer);
        }
    }

    fn perform(&mut self, window: Window, side: Side, doing: Doing, in_timer: bool) {
        match doing {
            Doing::Record(what) => self.course.events.push((window, side, what)),
            Doing::Send(segment) => self.send(window, side, segment),
            Doing::Arm(clock, waits_us) => {
                if !in_timer {
                    self.course.armed.insert((window.at_us, waits_us.0));
                }
                let fires = self.wheel(side).fire(window, waits_us);
                let end = self.end(side);
                end.generation += 1;
                let generation = end.generation;
                self.schedule(fires, side, Happening::Timer(generation, clock));
            }
            Doing::Disarm => self.end(side).generation += 1,
            Doing::End(outcome) => {
                self.course.ends.insert(side, (window, outcome));
            }
        }
    }

    fn send(&mut self, window: Window, side: Side, segment: Segment) {
        let lost = self.loses(side, segment);
        let copy = self.end(side).count_copy(segment);
        self.course.events.push((window, side, What::Send { segment, copy, lost }));
        if !lost {
            let half = self.scenario.rtt_us / 2;
            let arrives =
                Window { at_us: window.at_us.saturating_add(half), latest_us: window.latest_us.saturating_add(half) };
            self.schedule(arrives, side.other(), Happening::Arrive(segment));
        }
    }
}
