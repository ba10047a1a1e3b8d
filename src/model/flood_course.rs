//! One course of a SYN flood at one listener, tick by tick.
//!
//! Requests that came in the same tick are kept together: their timers fire in the same tick too, so a flood of
//! millions is a few thousand steps.
//!
//! Mirrors: `tcp_conn_request()` for what happens to a SYN, `reqsk_timer_handler()` through [`SynAckClock`] for what
//! happens to a request, `__run_timers()` for the order of timers that fire in one tick (the longest wait first).
//!
//! Differs from the kernel: timers of one tick run before the SYNs of that tick, or all of those come just before the last
//! of the timers that drops a request; on several CPUs it may be anything between.

use std::collections::BTreeMap;

use super::clock::{QueueFill, SynAckClock, SynAckExpiry};
use super::wheel::Wheel;

/// What the course is of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// The clock of a request as a SYN starts it.
    pub(super) clock: SynAckClock,
    /// Requests that the listener keeps.
    pub(super) capacity: u64,
    /// Its backlog after somaxconn.
    pub(super) backlog: u32,
    /// SYNs per second, at least 1.
    pub(super) rate_per_s: u64,
    /// SYNs in all.
    pub(super) count: u64,
    /// Whether the SYNs of a tick come while its timers are dealt with, as they may on another CPU, and not after them.
    pub(super) meanwhile: bool,
    /// When each of them arrives, in microseconds, ordered; none if they come evenly from time 0 on.
    pub(super) arrivals_us: Vec<u64>,
}

impl Setup {
    /// When the n-th SYN arrives; the first is number 0, at time 0 if they come evenly.
    pub(super) fn syn_at_us(&self, number: u64) -> u64 {
        let arrival = usize::try_from(number).ok().and_then(|number| self.arrivals_us.get(number));
        if let Some(at_us) = arrival {
            return *at_us;
        }
        let us = u128::from(number) * 1_000_000 / u128::from(self.rate_per_s.max(1));
        u64::try_from(us).unwrap_or(u64::MAX)
    }

    /// How many SYNs arrive before a time.
    pub(super) fn syns_before(&self, at_us: u64) -> u64 {
        if !self.arrivals_us.is_empty() {
            let before = self.arrivals_us.partition_point(|arrival_us| *arrival_us < at_us);
            return u64::try_from(before).unwrap_or(u64::MAX).min(self.count);
        }
        let number = (u128::from(at_us) * u128::from(self.rate_per_s.max(1))).div_ceil(1_000_000);
        u64::try_from(number).unwrap_or(u64::MAX).min(self.count)
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// SYNs that became requests.
    pub(super) taken: u64,
    /// SYNs that found no room: dropped, or answered with a cookie.
    pub(super) refused: u64,
    /// SYN-ACKs that timers sent again.
    pub(super) sent_again: u64,
    /// Most requests at a time.
    pub(super) peak: u64,
    /// When there was no room for the first time.
    pub(super) full_at_us: Option<u64>,
    /// When the last request came to be, and when the last one went.
    pub(super) last_taken_us: Option<u64>,
    pub(super) last_gone_us: Option<u64>,
    /// Requests left when every one of them had its third timer after the last SYN.
    pub(super) after_pruning: u64,
    /// Requests from each of these times on, ordered.
    pub(super) levels: Vec<(u64, u64)>,
    /// SYNs that became requests and SYN-ACKs sent again, all together from each of these times on, ordered.
    pub(super) sums: Vec<(u64, u64, u64)>,
    /// Times from and until which a further SYN would be taken, ordered; the last one has no end.
    pub(super) open: Vec<(u64, u64)>,
}

impl Course {
    /// The same course when time 0 is so much later.
    pub(super) fn earlier_by(mut self, by_us: u64) -> Self {
        let earlier =
            |at_us: &mut u64| *at_us = if *at_us == u64::MAX { u64::MAX } else { at_us.saturating_sub(by_us) };
        [&mut self.full_at_us, &mut self.last_taken_us, &mut self.last_gone_us].into_iter().flatten().for_each(earlier);
        self.levels.iter_mut().for_each(|(at_us, _)| earlier(at_us));
        self.sums.iter_mut().for_each(|(at_us, ..)| earlier(at_us));
        for (from_us, until_us) in &mut self.open {
            earlier(from_us);
            earlier(until_us);
        }
        self
    }

    /// Requests at a time.
    pub(super) fn level_at(&self, at_us: u64) -> u64 {
        let after = self.levels.partition_point(|(from_us, _)| *from_us <= at_us);
        after.checked_sub(1).and_then(|place| self.levels.get(place)).map_or(0, |(_, level)| *level)
    }

    /// SYNs that became requests and SYN-ACKs sent again, all together until a time, itself included.
    pub(super) fn sums_at(&self, at_us: u64) -> (u64, u64) {
        let after = self.sums.partition_point(|(from_us, ..)| *from_us <= at_us);
        let last = after.checked_sub(1).and_then(|place| self.sums.get(place));
        last.map_or((0, 0), |(_, taken, sent_again)| (*taken, *sent_again))
    }

    /// For how long in `from_us..until_us` a further SYN would be taken, in microseconds.
    pub(super) fn open_us(&self, from_us: u64, until_us: u64) -> u64 {
        let first = self.open.partition_point(|(_, end_us)| *end_us <= from_us);
        let rest = self.open.get(first..).unwrap_or_default().iter().take_while(|(start_us, _)| *start_us < until_us);
        rest.map(|(start_us, end_us)| (*end_us).min(until_us).saturating_sub((*start_us).max(from_us))).sum()
    }
}

/// Requests in the same state.
#[derive(Clone, Debug)]
struct Batch {
    clock: SynAckClock,
    /// Timers of each that fired.
    timeouts: u32,
    requests: u64,
}

/// A listener while it is flooded.
pub(super) struct Listener<'a> {
    setup: &'a Setup,
    wheel: Wheel,
    half_open: u64,
    young: u64,
    /// Requests by when their timers fire.
    timers: BTreeMap<u64, Vec<Batch>>,
    /// Requests whose third timer has not fired yet.
    before_third_timer: u64,
    next_syn: u64,
    /// Since when a further SYN would be taken; nothing while the queue is full.
    open_since_us: Option<u64>,
    course: Course,
}

/// Plays it on a wheel until every request is gone.
pub(super) fn play(setup: &Setup, wheel: Wheel) -> Course {
    let mut listener = Listener::new(setup, wheel);
    listener.play_until(u64::MAX);
    listener.finish()
}

impl<'a> Listener<'a> {
    /// One that nothing has reached yet.
    pub(super) fn new(setup: &'a Setup, wheel: Wheel) -> Self {
        Self {
            setup,
            wheel,
            half_open: 0,
            young: 0,
            timers: BTreeMap::new(),
            before_third_timer: 0,
            next_syn: 0,
            open_since_us: (setup.capacity > 0).then_some(0),
            course: Course::default(),
        }
    }

    /// What came of it so far, apart from the times at which it has room.
    pub(super) const fn course(&self) -> &Course {
        &self.course
    }

    /// Plays on, up to but without a time.
    pub(super) fn play_until(&mut self, until_us: u64) {
        loop {
            let timer_us = self.timers.keys().next().copied().filter(|at_us| *at_us < until_us);
            let syn_us = (self.next_syn < self.setup.count).then(|| self.setup.syn_at_us(self.next_syn));
            match (timer_us, syn_us.filter(|at_us| *at_us < until_us)) {
                (Some(timer_us), Some(syn_us)) if syn_us < timer_us => self.take_syns(syn_us, timer_us),
                (None, Some(syn_us)) => self.take_syns(syn_us, until_us),
                (Some(timer_us), _) => self.expire(timer_us),
                (None, None) => break,
            }
        }
    }

    /// What came of it.
    pub(super) fn finish(mut self) -> Course {
        if let Some(since_us) = self.open_since_us {
            self.course.open.push((since_us, u64::MAX));
        }
        self.course
    }

    /// SYNs arrive, the first of them at `at_us`: those of its tick if there is room, else all before `until_us`.
    fn take_syns(&mut self, at_us: u64, until_us: u64) {
        let room = self.room();
        if room == 0 {
            let next = self.setup.syns_before(until_us).max(self.next_syn + 1);
            self.course.refused += next - self.next_syn;
            self.next_syn = next;
            return;
        }
        let tick_end_us = self.wheel.next_tick_us(at_us).min(until_us);
        self.take(at_us, tick_end_us, false);
    }

    fn room(&self) -> u64 {
        self.setup.capacity.saturating_sub(self.half_open)
    }

    /// Those that come before the end of a tick are taken while there is room, and there is for one; all of them count as
    /// taken at once while timers are dealt with.
    fn take(&mut self, at_us: u64, tick_end_us: u64, at_once: bool) {
        let room = self.room();
        let arriving = self.setup.syns_before(tick_end_us).max(self.next_syn + 1) - self.next_syn;
        let taken = arriving.min(room);
        self.next_syn += taken;
        let last_us = if at_once { at_us } else { self.setup.syn_at_us(self.next_syn - 1) };
        self.half_open += taken;
        self.young += taken;
        self.before_third_timer += taken;
        let clock = self.setup.clock.clone();
        self.arm(at_us, Batch { clock, timeouts: 0, requests: taken });
        self.course.taken += taken;
        self.course.last_taken_us = Some(last_us);
        self.course.peak = self.course.peak.max(self.half_open);
        if taken == room {
            self.course.full_at_us.get_or_insert(last_us);
            if let Some(since_us) = self.open_since_us.take() {
                self.course.open.push((since_us, last_us));
            }
        }
        self.note_level(last_us);
    }

    /// The timers of one tick fire, the longest wait first.
    fn expire(&mut self, at_us: u64) {
        let mut batches = self.timers.remove(&at_us).unwrap_or_default();
        batches.sort_by_key(|batch| core::cmp::Reverse(batch.clock.wait_us()));
        for batch in batches {
            self.expire_batch(at_us, batch);
        }
        self.note_level(at_us);
        if self.half_open < self.setup.capacity {
            self.open_since_us.get_or_insert(at_us);
        }
        if self.half_open == 0 {
            self.course.last_gone_us = Some(at_us);
        }
        if self.before_third_timer == 0 && self.next_syn >= self.setup.count && !self.is_pruned() {
            self.course.after_pruning = self.half_open;
            self.before_third_timer = u64::MAX;
        }
    }

    /// Whether the number that is left after pruning is known already.
    const fn is_pruned(&self) -> bool {
        self.before_third_timer == u64::MAX
    }

    /// How many of requests in one state are dropped. Their timers fire one after another, and each that is dropped makes
    /// it less likely that the next one is, so the first ones go and the others stay.
    fn dropped_of(&self, batch: &Batch) -> u64 {
        let (mut fewest, mut most) = (0, batch.requests);
        while fewest < most {
            let middle = fewest + (most - fewest) / 2;
            let mut clock = batch.clock.clone();
            if clock.expire(self.fill_without(middle, batch.timeouts == 0)) == SynAckExpiry::Drop {
                fewest = middle + 1;
            } else {
                most = middle;
            }
        }
        fewest
    }

    /// The timers of requests in one state fire.
    fn expire_batch(&mut self, at_us: u64, mut batch: Batch) {
        let requests = batch.requests;
        let mut dropped = self.dropped_of(&batch);
        if self.setup.meanwhile && dropped > 0 && dropped < requests && batch.timeouts > 0 {
            (self.half_open, batch.requests) = (self.half_open - dropped, requests - dropped);
            if let Some(tick_end_us) = self.comes_meanwhile(at_us) {
                self.take(at_us, tick_end_us, true);
            }
            let more = self.dropped_of(&batch);
            self.half_open += dropped;
            dropped += more;
        }
        let fill = self.fill_without(dropped, batch.timeouts == 0);
        let stay = requests - dropped;
        self.half_open -= dropped;
        if batch.timeouts == 0 {
            self.young -= requests;
        }
        if batch.timeouts < 3 && !self.is_pruned() {
            let past_third = if batch.timeouts == 2 { requests } else { dropped };
            self.before_third_timer -= past_third;
        }
        if stay > 0 && batch.clock.expire(fill) != SynAckExpiry::Drop {
            self.course.sent_again += stay;
            self.arm(at_us, Batch { clock: batch.clock, timeouts: batch.timeouts + 1, requests: stay });
        }
    }

    /// The end of a tick in which a further SYN comes.
    fn comes_meanwhile(&self, at_us: u64) -> Option<u64> {
        let tick_end_us = self.wheel.next_tick_us(at_us);
        (self.setup.syns_before(tick_end_us) > self.next_syn).then_some(tick_end_us)
    }

    /// How full the queue is once `dropped` of a batch are gone. A request whose first timer fires is young until
    /// it is dealt with; so short a life is never pruned, so that it does not matter how many of the batch are.
    fn fill_without(&self, dropped: u64, is_young: bool) -> QueueFill {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        QueueFill {
            half_open: number(self.half_open.saturating_sub(dropped)),
            young: number(self.young.saturating_sub(if is_young { dropped } else { 0 })),
            backlog: self.setup.backlog,
        }
    }

    fn arm(&mut self, at_us: u64, batch: Batch) {
        let fires_us = self.wheel.fire_at_us(at_us, batch.clock.wait_us());
        let batches = self.timers.entry(fires_us).or_default();
        match batches.iter_mut().find(|other| other.timeouts == batch.timeouts && other.clock == batch.clock) {
            Some(other) => other.requests += batch.requests,
            None => batches.push(batch),
        }
    }

    fn note_level(&mut self, at_us: u64) {
        match self.course.levels.last_mut() {
            Some((last_us, level)) if *last_us == at_us => *level = self.half_open,
            _ => self.course.levels.push((at_us, self.half_open)),
        }
        let sums = (at_us, self.course.taken, self.course.sent_again);
        match self.course.sums.last_mut() {
            Some(last) if last.0 == at_us => *last = sums,
            _ => self.course.sums.push(sums),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Settings, SocketOptions};
    use crate::units::{Hz, KernelVersion};

    fn setup(retries: u32, backlog: u32, rate_per_s: u64, count: u64) -> Setup {
        let settings = Settings { synack_retries: retries, ..Settings::default() };
        let clock = SynAckClock::request(&settings, &SocketOptions::default(), KernelVersion::new(6, 18));
        Setup {
            clock,
            capacity: u64::from(backlog) + 1,
            backlog,
            rate_per_s,
            count,
            meanwhile: false,
            arrivals_us: Vec::new(),
        }
    }

    /// The same rules with every request on its own: taken, refused, sent again, peak, and when the last one goes.
    fn one_by_one(setup: &Setup, wheel: Wheel) -> (u64, u64, u64, u64, Option<u64>) {
        // By firing time, then the longest wait first; the flag says that the request is young.
        let mut timers: BTreeMap<(u64, core::cmp::Reverse<u64>, u64), (SynAckClock, bool)> = BTreeMap::new();
        let (mut taken, mut refused, mut sent_again, mut peak, mut gone_us) = (0, 0, 0, 0, None);
        let mut next_syn = 0;
        loop {
            let timer_us = timers.keys().next().map(|key| key.0);
            let syn_us = (next_syn < setup.count).then(|| setup.syn_at_us(next_syn));
            let Some(at_us) = timer_us.into_iter().chain(syn_us).min() else { break };
            if timer_us == Some(at_us) {
                let young = timers.values().filter(|(_, young)| *young).count();
                let fill = QueueFill {
                    half_open: u32::try_from(timers.len()).unwrap(),
                    young: u32::try_from(young).unwrap(),
                    backlog: setup.backlog,
                };
                let ((_, _, number), (mut clock, _)) = timers.pop_first().unwrap();
                match clock.expire(fill) {
                    SynAckExpiry::Drop => gone_us = Some(at_us),
                    SynAckExpiry::Wait { .. } => unreachable!("nobody acknowledges"),
                    SynAckExpiry::Resend { wait_us } => {
                        sent_again += 1;
                        let fires_us = wheel.fire_at_us(at_us, wait_us);
                        timers.insert((fires_us, core::cmp::Reverse(wait_us), number), (clock, false));
                    }
                }
            } else if u64::try_from(timers.len()).unwrap() < setup.capacity {
                let wait_us = setup.clock.wait_us();
                let fires_us = wheel.fire_at_us(at_us, wait_us);
                timers.insert((fires_us, core::cmp::Reverse(wait_us), next_syn), (setup.clock.clone(), true));
                taken += 1;
                next_syn += 1;
                peak = peak.max(u64::try_from(timers.len()).unwrap());
            } else {
                refused += 1;
                next_syn += 1;
            }
        }
        (taken, refused, sent_again, peak, gone_us)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn many_at_once_fare_as_they_would_one_by_one(
            retries in 0_u32..8,
            backlog in 0_u32..60,
            rate_per_s in 1_u64..3000,
            count in 1_u64..400,
            hz in prop::sample::select(Hz::COMMON.to_vec()),
            phase in 0_u64..512,
        ) {
            let setup = setup(retries, backlog, rate_per_s, count);
            let wheel = Wheel::Exact { hz, phase, busy: false };
            let course = play(&setup, wheel);
            let summary = (course.taken, course.refused, course.sent_again, course.peak, course.last_gone_us);
            prop_assert_eq!(summary, one_by_one(&setup, wheel));
            prop_assert_eq!(course.taken + course.refused, count);
            prop_assert!(course.peak <= setup.capacity);
            prop_assert!(course.levels.is_sorted_by_key(|(at_us, _)| *at_us));
            prop_assert_eq!(course.level_at(u64::MAX), 0);
        }

        #[test]
        fn syns_that_come_while_timers_run_are_counted_once(
            retries in 0_u32..8,
            backlog in 0_u32..60,
            rate_per_s in 1_u64..3000,
            count in 1_u64..20_000,
            phase in 0_u64..512,
        ) {
            let after = setup(retries, backlog, rate_per_s, count);
            let wheel = Wheel::Exact { hz: Hz::COMMON[1], phase, busy: false };
            let course = play(&Setup { meanwhile: true, ..after.clone() }, wheel);
            prop_assert_eq!(course.taken + course.refused, count);
            prop_assert!(course.peak <= after.capacity);
            prop_assert!(course.levels.is_sorted_by_key(|(at_us, _)| *at_us));
            prop_assert!(course.sums.is_sorted_by_key(|(at_us, ..)| *at_us));
            prop_assert_eq!(course.level_at(u64::MAX), 0);
        }

        #[test]
        fn syns_that_arrive_when_they_would_evenly_fare_the_same(
            backlog in 0_u32..60, rate_per_s in 1_u64..3000, count in 1_u64..2000, into_tick_us in 0_u64..4000,
        ) {
            let even = setup(5, backlog, rate_per_s, count);
            let arrivals_us: Vec<u64> = (0..count).map(|number| even.syn_at_us(number)).collect();
            let wheel = Wheel::Exact { hz: Hz::COMMON[1], phase: 3, busy: false };
            let course = play(&even, wheel);
            prop_assert_eq!(&play(&Setup { arrivals_us: arrivals_us.clone(), ..even.clone() }, wheel), &course);
            let later = arrivals_us.iter().map(|at_us| at_us + into_tick_us).collect();
            let shifted = play(&Setup { arrivals_us: later, ..even }, wheel).earlier_by(into_tick_us);
            prop_assert_eq!(shifted.taken + shifted.refused, count);
            prop_assert_eq!(shifted.last_taken_us.is_some(), course.last_taken_us.is_some());
            prop_assert!(shifted.levels.is_sorted_by_key(|(at_us, _)| *at_us));
        }

        #[test]
        fn a_course_that_is_played_in_two_parts_is_the_same(
            backlog in 0_u32..60, rate_per_s in 1_u64..3000, count in 1_u64..2000, at_us in 0_u64..100_000_000,
        ) {
            let setup = setup(5, backlog, rate_per_s, count);
            let wheel = Wheel::Exact { hz: Hz::COMMON[1], phase: 0, busy: false };
            let mut listener = Listener::new(&setup, wheel);
            listener.play_until(at_us);
            listener.play_until(u64::MAX);
            let parts = listener.finish();
            let whole = play(&setup, wheel);
            prop_assert_eq!((parts.taken, parts.refused, parts.last_gone_us), (whole.taken, whole.refused, whole.last_gone_us));
            let room = |course: &Course| course.open_us(0, 200_000_000);
            prop_assert_eq!(room(&parts), room(&whole));
        }
    }
}
