//! Plays a scenario once: a queue of events that drives the clocks of both ends.
//!
//! Times are windows. Where the windows of a timer and of a segment that arrives at the same end overlap, or
//! where lateness decides whether a limit has passed, either may come first: a tie, which is decided by the
//! caller's script, so that every course can be played in turn.
//!
//! Mirrors: the order in which softirqs of one end run; the ends themselves are in `endpoint` and `segments`.
//!
//! Differs from the kernel: the wire keeps the order of segments of one direction, unless its rules say otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::endpoint::{Clock, Endpoint};
use super::packet::Packet;
use super::pending::Pending;
use super::rto::RoundTrips;
use super::scenario::{Scenario, Start};
use super::script::{Action, Injected, Injection, Number};
use super::timeline::{Outcome, Segment, Side, What, Window};
use super::timer::{Timer, Timers};
use super::wheel::Wheel;
use crate::units::{Hz, TcpState};

/// A guard against scripts that would never end. A course that is cut off here leaves open how its sides end.
const MOST_STEPS: usize = 100_000;

/// What varies between two plays of one scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant<'a> {
    /// Tick rate of both ends.
    pub(super) hz: Hz,
    /// What both ends have measured of the wire.
    pub(super) seen: RoundTrips,
    /// The wheel of both ends.
    pub(super) wheel: Wheel,
    /// The n-th tie goes to the nominally later one where this says so; ties beyond it go to the earlier one.
    pub(super) script: &'a [bool],
}

/// One course of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// Time, where, what; by nominal time, and in the order of their causes where times are equal.
    pub(super) events: Vec<(Window, Side, What)>,
    /// How each side ended.
    pub(super) ends: BTreeMap<Side, (Window, Outcome)>,
    /// Timers that something other than a timer armed, or for a time that does not depend on it: on which side, when
    /// and for how long.
    pub(super) armed: BTreeSet<(Side, u64, u64)>,
    /// The longest wait of any timer.
    pub(super) longest_wait_us: u64,
    /// Whether something came after what must have been later: ties were decided in a way that cannot be.
    pub(super) contradicts_itself: bool,
    /// Whether a wait ended at a fixed time, whenever it began.
    pub(super) cut: bool,
    /// How many ties there were on the way.
    pub(super) ties: usize,
    /// How the ends stood after each step, for tests that look at them as sock_diag would.
    #[cfg(test)]
    pub(super) moments: Vec<Moment>,
}

/// How an end stood after a step.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at_us: u64,
    pub(super) side: Side,
    /// Whether something other than a timer made the step.
    pub(super) from_outside: bool,
    pub(super) standing: super::endpoint::Standing,
    /// The timers that run: when they were armed, for how long, and with which clock.
    pub(super) timers: BTreeMap<Timer, (u64, u64, Clock)>,
}

/// What the queue holds.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Begin,
    Call(Action),
    Arrive(Packet),
    Inject(Injected),
    /// A timer of this generation; an older generation was re-armed or stopped meanwhile.
    Timer(Timer, u64),
}

/// What an end does in answer to something, in order.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    /// Writes an event down.
    Record(What),
    /// Sends a segment.
    Send(Packet),
    /// Arms the clock's timer, for this long if the step came at the beginning of its window, for that long if
    /// at the end.
    Arm(Clock, (u64, u64)),
    /// Stops a timer.
    Disarm(Timer),
    /// Ends, for now.
    End(Outcome),
}

/// What a step may ask and leave.
pub(super) struct Step<'a> {
    /// When it takes place; a tie may narrow it.
    pub(super) window: Window,
    /// The shortest tick in microseconds.
    pub(super) tick_us: u64,
    /// What the write timer is armed with.
    pub(super) armed: Option<Clock>,
    /// Whether nothing that is scripted lies ahead: what repeats itself now does so for ever.
    pub(super) steady: bool,
    script: &'a [bool],
    ties: &'a mut usize,
    pub(super) doings: Vec<Doing>,
}

impl Step<'_> {
    /// Arms the clock's timer.
    pub(super) fn arm(&mut self, clock: Clock, wait_us: u64) {
        self.arm_between(clock, (wait_us, wait_us));
    }

    /// Arms the clock's timer, for the first wait at the beginning of the step's window and the second at its end.
    pub(super) fn arm_between(&mut self, clock: Clock, waits_us: (u64, u64)) {
        if clock.timer() == Timer::Write {
            self.armed = Some(clock.clone());
        }
        self.doings.push(Doing::Arm(clock, waits_us));
    }

    /// Stops a timer.
    pub(super) fn disarm(&mut self, timer: Timer) {
        if timer == Timer::Write {
            self.armed = None;
        }
        self.doings.push(Doing::Disarm(timer));
    }

    /// Writes a call down.
    pub(super) fn record_call(&mut self, call: &'static str) {
        self.doings.push(Doing::Record(What::Call(call)));
    }

    /// A tie of which nothing is known: either may be so.
    pub(super) fn either(&mut self) -> bool {
        decide(self.script, self.ties)
    }

    /// Whether it is later than something else by so much at least; a tie where the two windows allow either.
    pub(super) fn is_later_by(&mut self, us: u64, before: Window) -> bool {
        let least_us = self.window.at_us.saturating_sub(before.latest_us);
        let most_us = self.window.latest_us.saturating_sub(before.at_us);
        least_us >= us || (most_us >= us && decide(self.script, self.ties))
    }

    /// Whether a limit has passed by now, given as a test of the time; narrows the step's window to the part
    /// where the answer holds.
    pub(super) fn passed(&mut self, limit_passed: impl Fn(u64) -> bool) -> bool {
        let Some((before, after)) = self.window.split(&limit_passed) else { return limit_passed(self.window.at_us) };
        let later = decide(self.script, self.ties);
        self.window = if later { after } else { before };
        later
    }
}

/// Decides a tie: whether the later of two possibilities comes true.
fn decide(script: &[bool], ties: &mut usize) -> bool {
    let later = script.get(*ties).copied().unwrap_or(false);
    *ties += 1;
    later
}

struct Player<'a> {
    scenario: &'a Scenario,
    variant: Variant<'a>,
    ends: [Endpoint; 2],
    /// By nominal time, then by the order of their causes.
    queue: Pending<(Window, Side, Happening)>,
    next_order: u64,
    /// When the last thing happened on each side.
    last_us: [u64; 2],
    /// What each timer is armed with, and its generation.
    timers: Timers,
    /// When each timer was armed, and for how long.
    #[cfg(test)]
    waits: BTreeMap<(Side, Timer), (u64, u64)>,
    course: Course,
}

/// Plays it.
pub(super) fn play(scenario: &Scenario, variant: Variant<'_>) -> Course {
    let end = |side| Endpoint::new(side, scenario, variant.hz, variant.seen);
    let mut player = Player {
        scenario,
        variant,
        ends: [end(Side::Client), end(Side::Server)],
        queue: Pending::default(),
        next_order: 0,
        last_us: [0; 2],
        timers: Timers::default(),
        #[cfg(test)]
        waits: BTreeMap::new(),
        course: Course::default(),
    };
    if scenario.start != Start::Closed {
        for side in Side::BOTH {
            player.schedule(Window::exactly(0), side, Happening::Begin);
        }
    }
    for call in &scenario.calls {
        player.schedule(Window::exactly(call.at_us), call.side, Happening::Call(call.action));
    }
    for Injection { at_us, to, what } in &scenario.injections {
        player.schedule(Window::exactly(*at_us), *to, Happening::Inject(*what));
    }
    for _ in 0..MOST_STEPS {
        let Some((window, side, happening)) = player.next() else {
            player.finish();
            break;
        };
        player.step(window, side, happening);
    }
    player.course
}

impl Player<'_> {
    fn end(&mut self, side: Side) -> &mut Endpoint {
        let [client, server] = &mut self.ends;
        if side == Side::Client { client } else { server }
    }

    fn seen_end(&self, side: Side) -> &Endpoint {
        let [client, server] = &self.ends;
        if side == Side::Client { client } else { server }
    }

    fn schedule(&mut self, window: Window, side: Side, happening: Happening) {
        self.queue.insert((window.at_us, self.next_order), (window, side, happening));
        self.next_order += 1;
    }

    /// Whether an event in the queue still means something.
    fn is_live(&self, side: Side, happening: Happening) -> bool {
        match happening {
            Happening::Timer(timer, generation) => self.timers.of(side, timer).0 == generation,
            _ => true,
        }
    }

    /// Whether what a timer sends when it fires then reaches the other end.
    fn gets_through(&self, at_us: u64, side: Side, happening: Happening) -> bool {
        let Happening::Timer(timer, _) = happening else { return false };
        let end = self.seen_end(side);
        let segment = self.timers.of(side, timer).1.as_ref().and_then(|clock| end.would_send(clock));
        segment.is_some_and(|segment| !self.scenario.loses(side, segment, end.copies_of(segment), at_us))
    }

    /// Takes the next event: the nominally first one, unless another may come before it.
    fn next(&mut self) -> Option<(Window, Side, Happening)> {
        let (key, window, side, first) = loop {
            let (key, (window, side, happening)) = self.queue.first()?;
            if self.is_live(*side, *happening) {
                break (*key, *window, *side, *happening);
            }
            self.queue.pop_first();
        };
        let is_timer = |happening: &Happening| matches!(happening, Happening::Timer(..));
        let first_is_timer = is_timer(&first);
        // What the other end's timer may send before this one fires has its turn first, so that its arrival is
        // seen coming. Where this one may likewise send something before the other fires, it is a tie which.
        let half = self.scenario.rtt_us / 2;
        let ahead = self.queue.iter().find(|(_, (other, where_to, happening))| {
            first_is_timer
                && *where_to != side
                && other.at_us.saturating_add(half) <= window.latest_us
                && self.is_live(*where_to, *happening)
                && self.gets_through(other.at_us, *where_to, *happening)
        });
        // But not ahead of what is no timer and comes earlier still: that may stop it. Where such a thing comes to this end,
        // it may come before or after the end's own timer.
        let earlier = |limit| {
            let mut before = self.queue.iter().take_while(move |(other, _)| *other < limit);
            before.find(|(_, (_, _, happening))| !is_timer(happening))
        };
        let ahead = ahead.filter(|_| window.at_us < window.latest_us);
        let ahead = ahead.map(|one| earlier(one.0).unwrap_or(one)).filter(|(_, (_, where_to, _))| *where_to != side);
        if let Some((key, latest_us)) = ahead.map(|(key, (other, ..))| (*key, other.latest_us)) {
            let mutual = window.at_us.saturating_add(half) <= latest_us && self.gets_through(window.at_us, side, first);
            if !mutual || !decide(self.variant.script, &mut self.course.ties) {
                return self.queue.remove(key);
            }
        }
        // A timer and a segment of one end whose windows overlap may come in either order.
        let rival = self.queue.iter().find(|(other, (overlap, where_to, happening))| {
            *other != key
                && *where_to == side
                && overlap.at_us <= window.latest_us
                && is_timer(happening) != first_is_timer
                && self.is_live(side, *happening)
        });
        let Some(rival) = rival.map(|(key, _)| *key) else { return self.queue.remove(key) };
        let later = decide(self.variant.script, &mut self.course.ties);
        let (chosen, kept) = if later { (rival, key) } else { (key, rival) };
        let (mut first, mut second) = (self.queue.remove(chosen)?, self.queue.remove(kept)?);
        first.0.latest_us = first.0.latest_us.min(second.0.latest_us).max(first.0.at_us);
        second.0.at_us = second.0.at_us.max(first.0.at_us);
        second.0.latest_us = second.0.latest_us.max(second.0.at_us);
        self.schedule(second.0, second.1, second.2);
        Some(first)
    }

    fn step(&mut self, mut window: Window, side: Side, happening: Happening) {
        // What happens after something else does not happen before it.
        let [client_us, server_us] = &mut self.last_us;
        let last_us = if side == Side::Client { client_us } else { server_us };
        self.course.contradicts_itself |= *last_us > window.latest_us;
        window.at_us = window.at_us.max(*last_us);
        window.latest_us = window.latest_us.max(window.at_us);
        *last_us = window.at_us;
        let in_timer = matches!(happening, Happening::Timer(..));
        // A timer that fires is not armed any more.
        let fired = match happening {
            Happening::Timer(timer, _) => self.timers.of_mut(side, timer).1.take(),
            _ => None,
        };
        let armed = self.timers.of(side, Timer::Write).1.clone();
        let mut ties = self.course.ties;
        let tick_us = self.variant.wheel.tick_us();
        let (script, steady) = (self.variant.script, self.is_steady(window));
        let mut step = Step { window, tick_us, armed, steady, script, ties: &mut ties, doings: Vec::new() };
        let injected = self.resolve(side, happening);
        let start = self.scenario.start;
        let end = self.end(side);
        match happening {
            Happening::Begin => end.begin(start, &mut step),
            Happening::Call(action) => end.call(action, &mut step),
            Happening::Arrive(packet) => end.arrive(packet, &mut step),
            Happening::Inject(Injected::Icmp { error, in_call }) => end.hear_icmp(error, in_call, &mut step),
            Happening::Inject(Injected::Segment { .. }) => {
                if let Some(packet) = injected {
                    end.arrive(packet, &mut step);
                }
            }
            Happening::Timer(..) => {
                if let Some(clock) = fired {
                    end.expire(clock, &mut step);
                }
            }
        }
        let (mut window, doings) = (step.window, step.doings);
        self.course.ties = ties;
        for doing in doings {
            window = self.perform(window, side, doing, in_timer);
        }
        #[cfg(test)]
        self.take_moment(window, side, !in_timer);
    }

    #[cfg(test)]
    fn take_moment(&mut self, window: Window, side: Side, from_outside: bool) {
        let armed = [Timer::Write, Timer::Life, Timer::Ack].into_iter().filter_map(|timer| {
            let clock = self.timers.of(side, timer).1.clone()?;
            let (armed_us, wait_us) = *self.waits.get(&(side, timer))?;
            Some((timer, (armed_us, wait_us, clock)))
        });
        let timers = armed.collect();
        let standing = self.seen_end(side).standing();
        self.course.moments.push(Moment { at_us: window.at_us, side, from_outside, standing, timers });
    }

    /// Whether no call, injection, or change of the wire's rules is still to come.
    fn is_steady(&self, window: Window) -> bool {
        let scripted = |happening: &Happening| matches!(happening, Happening::Call(_) | Happening::Inject(_));
        let ahead = |limit_us: u64| limit_us > window.at_us;
        !self.queue.iter().any(|(_, (_, _, happening))| scripted(happening))
            && !self.scenario.wire.iter().any(|rule| ahead(rule.from_us) || rule.until_us.is_some_and(ahead))
    }

    /// A segment from outside with the numbers that its script means at this moment.
    fn resolve(&self, side: Side, happening: Happening) -> Option<Packet> {
        let Happening::Inject(Injected::Segment { segment, seq, ack }) = happening else { return None };
        let (end, peer) = (self.seen_end(side), self.seen_end(side.other()));
        let own = |number: Number| end.own_number(number);
        Some(Packet::bare(segment, end.number_from(peer, seq), ack.map(own)))
    }

    /// Does it; returns what is left of the window.
    fn perform(&mut self, window: Window, side: Side, doing: Doing, in_timer: bool) -> Window {
        match doing {
            Doing::Record(what) => self.course.events.push((window, side, what)),
            Doing::Send(packet) => return self.send(window, side, packet),
            Doing::Arm(clock, waits_us) => {
                // A wait that ends at a fixed time, whenever it began, is like one that the outside armed.
                self.course.cut |= waits_us.0 != waits_us.1;
                if !in_timer || waits_us.0 != waits_us.1 {
                    self.course.armed.insert((side, window.at_us, waits_us.0));
                }
                self.course.longest_wait_us = self.course.longest_wait_us.max(waits_us.1);
                let fires = self.variant.wheel.fire(window, waits_us);
                let timer = clock.timer();
                #[cfg(test)]
                self.waits.insert((side, timer), (window.at_us, waits_us.0));
                let entry = self.timers.of_mut(side, timer);
                *entry = (entry.0 + 1, Some(clock));
                let generation = entry.0;
                self.schedule(fires, side, Happening::Timer(timer, generation));
            }
            Doing::Disarm(timer) => {
                let entry = self.timers.of_mut(side, timer);
                *entry = (entry.0 + 1, None);
            }
            Doing::End(outcome) => {
                self.course.ends.insert(side, (window, outcome));
            }
        }
        window
    }

    /// Puts a segment on the wire; returns the part of the window in which the wire's rules do what they do here.
    fn send(&mut self, window: Window, side: Side, packet: Packet) -> Window {
        let ordinal = self.end(side).count_sent(packet.segment);
        let copy = self.end(side).count_copy(packet.segment, packet.end() - 1);
        let window = self.narrow_to_rules(window, side, packet.segment, ordinal);
        let passage_us = self.scenario.passage_us(side, packet.segment, ordinal, window.at_us);
        let lost = passage_us.is_empty();
        self.course.events.push((window, side, What::Send { segment: packet.segment, copy, lost }));
        for later_us in passage_us {
            let way_us = (self.scenario.rtt_us / 2).saturating_add(later_us);
            let arrives = Window {
                at_us: window.at_us.saturating_add(way_us),
                latest_us: window.latest_us.saturating_add(way_us),
            };
            self.schedule(arrives, side.other(), Happening::Arrive(Packet { copy: Some(copy), ..packet }));
        }
        window
    }

    /// Where a rule begins or ends within the window, it is a tie whether the segment leaves before or after.
    fn narrow_to_rules(&mut self, mut window: Window, side: Side, segment: Segment, ordinal: u32) -> Window {
        let scenario = self.scenario;
        for rule in scenario.wire.iter().filter(|rule| rule.fits(side, segment, ordinal)) {
            for limit_us in [Some(rule.from_us), rule.until_us].into_iter().flatten() {
                if window.at_us < limit_us && limit_us <= window.latest_us {
                    let later = decide(self.variant.script, &mut self.course.ties);
                    if later { window.at_us = limit_us } else { window.latest_us = limit_us - 1 }
                }
            }
        }
        window
    }

    /// An end that was connected at time 0 and still is stays so.
    fn finish(&mut self) {
        for side in Side::BOTH {
            let stays = !matches!(self.seen_end(side).state, None | Some(TcpState::Close));
            if stays && !self.course.ends.contains_key(&side) {
                let mut windows = self.course.events.iter().filter(|(_, place, _)| *place == side);
                let last = windows.next_back().map_or(Window::exactly(0), |(window, ..)| *window);
                self.course.ends.insert(side, (last, Outcome::Never));
            }
        }
    }
}
