//! The search: among values for those with which the model's answers are as wished.
//!
//! Wishes that turn no lever in common are searched for apart. For each, sets of levers are tried from the lightest to
//! the heaviest; within a set, the values nearest to those of now. What is beyond all others ([`LAST`]) is turned only
//! when nothing else helps, step by step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::application;
use super::caution::{Caution, Judge, Reach};
use super::dial::Dial;
use super::lever::{LAST, find_lever};
use super::solution::{Nearest, WishOutcome, WishVerdict};
use super::wish::{Miss, Wish};
use crate::catalog::normalize_value;
use crate::model::{Answer, Host, KnownSettings, Settings, SocketOptions};
use crate::snapshot::Snapshot;
use crate::units::{KernelVersion, SysctlKey, SysctlValues};

/// Values that differ from those of now, by key.
pub(super) type Assignment = BTreeMap<&'static str, String>;
/// A consequence with values and the options of a socket, for which an answer is known.
type OnSocket = (&'static str, Assignment, SocketOptions);
/// Steps of dials, by key.
type Steps = BTreeMap<&'static str, i64>;

/// What is searched on.
pub(super) struct Search<'a> {
    snapshot: &'a Snapshot,
    version: KernelVersion,
    host: Host,
    start: SysctlValues,
    /// The levers that can be turned here.
    dials: BTreeMap<&'static str, Dial>,
    /// The same as far as no plan would warn of their values.
    safe: BTreeMap<&'static str, Dial>,
    /// What plans warn of.
    judge: Judge,
    /// Those that cannot, with why.
    stuck: BTreeMap<&'static str, String>,
    /// Answers that were worked out before, by consequence and the values of its keys.
    known: RefCell<BTreeMap<(&'static str, Vec<String>), Answer>>,
    /// The same for sockets with options.
    known_on: RefCell<BTreeMap<OnSocket, Option<Answer>>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(wishes: &[Wish], snapshot: &'a Snapshot) -> Option<Self> {
        let version = snapshot.kernel.version?;
        let host = Host { version, hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz) };
        let values = snapshot.sysctls.values().into_iter();
        let start: SysctlValues = values.map(|(key, value)| (key, normalize_value(&value))).collect();
        let (mut dials, mut stuck) = (BTreeMap::new(), BTreeMap::new());
        for lever in wishes.iter().flat_map(|wish| wish.kind.levers_on(version)).filter_map(find_lever) {
            match Dial::new(lever, snapshot, &start) {
                Ok(dial) => drop(dials.insert(lever.key, dial)),
                Err(why) => drop(stuck.insert(lever.key, why)),
            }
        }
        let labels = wishes.iter().filter_map(|wish| Some(wish.kind.consequence()?.label));
        let judge = Judge::new(snapshot, labels.collect::<Vec<_>>().join("; "));
        let narrowed = |(key, dial): (&&'static str, &Dial)| (*key, dial.narrowed(|value| judge.warns_of(key, value)));
        let safe = dials.iter().map(narrowed).collect();
        let (known, known_on) = (RefCell::default(), RefCell::default());
        Some(Self { snapshot, version, host, start, dials, safe, judge, stuck, known, known_on })
    }

    /// The kernel's version.
    pub(super) const fn version(&self) -> KernelVersion {
        self.version
    }

    /// The value of a key now.
    pub(super) fn now(&self, key: &str) -> Option<&str> {
        self.start.get(key).map(String::as_str)
    }

    /// What it costs to set a key to a value.
    pub(super) fn risk(&self, key: &str, value: &str) -> Option<String> {
        self.dials.get(key).map(|dial| dial.risk(value).to_owned())
    }

    /// The answer to a wish with other values.
    pub(super) fn answer(&self, wish: &Wish, values: &Assignment) -> Answer {
        let Some(consequence) = wish.kind.consequence() else { return Answer::Unknown };
        let value = |key: &&'static str| {
            values.get(key).cloned().or_else(|| self.now(key).map(str::to_owned)).unwrap_or_default()
        };
        let place = (consequence.id, consequence.keys.iter().map(value).collect::<Vec<_>>());
        if let Some(answer) = self.known.borrow().get(&place) {
            return *answer;
        }
        let all = self.with(values);
        let known = KnownSettings::new(&all, |key| self.snapshot.has_key(key));
        let answer = if known.missing(consequence.keys).is_empty() {
            consequence.answer(&Settings::from_values(&all), &self.host)
        } else {
            Answer::Unknown
        };
        self.known.borrow_mut().insert(place, answer);
        answer
    }

    /// The values of now with others over them.
    fn with(&self, values: &Assignment) -> SysctlValues {
        let mut all = self.start.clone();
        all.extend(values.iter().filter_map(|(key, value)| Some((key.parse::<SysctlKey>().ok()?, value.clone()))));
        all
    }

    /// The answer to a wish for a socket with options, with these values; nothing where a socket has no part in it.
    pub(super) fn answer_on(&self, wish: &Wish, values: &Assignment, options: &SocketOptions) -> Option<Answer> {
        let consequence = wish.kind.consequence()?;
        let place = (consequence.id, values.clone(), *options);
        if let Some(answer) = self.known_on.borrow().get(&place) {
            return *answer;
        }
        let settings = Settings::from_values(&self.with(values));
        let answer =
            consequence.answer_with(&settings, &self.host, |own| *own = with_keepalive(*options, own.keepalive));
        self.known_on.borrow_mut().insert(place, answer);
        answer
    }

    /// The answer to a wish for a socket with options, with the values of now.
    pub(super) fn answer_with(&self, wish: &Wish, set: impl FnOnce(&mut SocketOptions)) -> Option<Answer> {
        let mut options = SocketOptions::default();
        set(&mut options);
        self.answer_on(wish, &Assignment::new(), &options)
    }

    /// What a plan would warn of with these values.
    pub(super) fn warnings(&self, values: &Assignment) -> Vec<String> {
        self.judge.warnings(values)
    }

    /// What becomes of a wish that is the only one, and how far-reaching that is.
    pub(super) fn alone(&self, wish: &Wish) -> (WishVerdict, Reach) {
        let keys = wish.kind.consequence().map_or(&[][..], |consequence| consequence.keys);
        let known = KnownSettings::new(&self.start, |key| self.snapshot.has_key(key));
        let missing = known.missing(keys);
        if !missing.is_empty() {
            return (WishVerdict::Unknown(missing), Reach::Fine);
        }
        if wish.is_met_by(self.answer(wish, &Assignment::new())) {
            return (WishVerdict::Already, Reach::Fine);
        }
        match self.cheapest(core::slice::from_ref(wish)) {
            Some(values) => {
                let last = |key: &&str| find_lever(key).is_some_and(|lever| lever.weight == LAST);
                let reach = match values.keys().any(last) {
                    true => Reach::EveryConnection,
                    false if self.judge.warnings(&values).is_empty() => Reach::Fine,
                    false => Reach::WarnedOf,
                };
                (WishVerdict::Met(Vec::new()), reach)
            }
            None => {
                let nearest = self.nearest(wish, |_| true);
                (WishVerdict::Impossible { why: self.obstacles(wish), nearest }, Reach::Fine)
            }
        }
    }

    /// A wish with what became of it.
    pub(super) fn outcome(&self, wish: &Wish, verdict: WishVerdict) -> WishOutcome {
        let now = self.answer(wish, &Assignment::new());
        let label = wish.kind.consequence().map_or("", |consequence| consequence.label);
        let (nominal, caution, application, on_socket) = (None, None, None, None);
        WishOutcome { wish: wish.clone(), label, now, then: now, verdict, nominal, caution, application, on_socket }
    }

    /// The lesser change with which the answer would be in time if timers were never late.
    pub(super) fn in_time_but_for_lateness(&self, wish: &Wish) -> Option<Nearest> {
        // The timer wheel makes a wait longer by an eighth at the most (LVL_CLK_SHIFT, kernel/time/timer.c), and a tick.
        let most = wish.most?;
        let looser = Wish { most: Some(most.saturating_add(most / 7)), ..wish.clone() };
        let values = self.cheapest(core::slice::from_ref(&looser))?;
        let answer = self.answer(wish, &values);
        let nominal = matches!(answer, Answer::After(window) if window.at_us <= most && window.latest_us > most);
        let values = values.into_iter().filter_map(|(key, value)| Some((key.parse().ok()?, value))).collect();
        nominal.then_some(Nearest { answer, values, option: None })
    }

    /// Why a wish cannot be met: what cannot be turned, and how far the rest was.
    fn obstacles(&self, wish: &Wish) -> Vec<String> {
        if wish.kind.levers.is_empty() {
            return vec!["no setting changes it: it is a constant of the kernel".to_owned()];
        }
        let levers: Vec<&str> = wish.kind.levers_on(self.version).collect();
        let stuck = levers.iter().filter_map(|key| Some((key, self.stuck.get(key)?)));
        let mut sentences: Vec<String> = stuck.map(|(key, why)| format!("{key} {why}")).collect();
        let later = wish.kind.levers.iter().filter_map(|key| Some((key, wish.kind.counts_since(key)?)));
        let later = later.filter(|(key, since)| self.snapshot.has_key(key) && self.version < *since);
        sentences.extend(later.map(|(key, since)| format!("{key} counts for it only since Linux {since}")));
        let searched: Vec<String> = levers.iter().filter_map(|key| self.dials.get(key)).map(Dial::searched).collect();
        if !searched.is_empty() {
            sentences.push(format!("searched: {}", searched.join("; ")));
        }
        let options = application::searched(wish.kind.word);
        if !options.is_empty() {
            sentences.push(format!("and on the socket: {}", options.join("; ")));
        }
        sentences
    }

    /// The nearest to a wish by values, unless an option of the socket comes nearer, which also leaves the host alone.
    pub(super) fn nearer(&self, wish: &Wish, by_values: Option<Nearest>) -> Option<Nearest> {
        let miss = |answer: Answer| wish.miss(answer).by();
        let by_option = application::nearest(wish, self)
            .filter(|(answer, _)| by_values.as_ref().is_none_or(|values| miss(*answer) < miss(values.answer)));
        match by_option {
            Some((answer, option)) => Some(Nearest { answer, values: Vec::new(), option: Some(option) }),
            None => by_values,
        }
    }

    /// What the plan warns of in the values for a wish, and the nearest to it that nobody warns of.
    pub(super) fn caution(&self, wish: &Wish, chosen: &Assignment) -> Option<Caution> {
        let own = chosen.iter().filter(|(key, _)| wish.kind.levers.contains(key));
        let own: Assignment = own.map(|(key, value)| (*key, value.clone())).collect();
        let says = self.judge.warnings(&own);
        let nearest = || self.nearest(wish, |values| self.judge.warnings(values).is_empty());
        (!says.is_empty()).then(|| Caution { nearest: nearest(), says })
    }

    /// The nearest to a wish among all values that were worked out for it and may be named.
    fn nearest(&self, wish: &Wish, may: impl Fn(&Assignment) -> bool) -> Option<Nearest> {
        let consequence = wish.kind.consequence()?;
        if !wish.kind.levers.iter().any(|key| self.dials.contains_key(key)) {
            return None;
        }
        let known = self.known.borrow();
        let tried = known.iter().filter(|((id, _), answer)| *id == consequence.id && **answer != Answer::Unknown);
        let miss = |answer: Answer| wish.miss(answer).by();
        // A key that this kernel has not stands among the tried as nothing, and nothing of it was changed.
        let changed = |values: &[String]| -> Assignment {
            let pairs = consequence.keys.iter().zip(values);
            let changed = pairs.filter(|(key, value)| self.now(key).unwrap_or_default() != value.as_str());
            changed.map(|(key, value)| (*key, value.clone())).collect()
        };
        let mut tried: Vec<_> = tried.collect();
        tried.sort_by_key(|((_, values), answer)| (miss(**answer), changed(values).len(), values));
        let ((_, values), answer) = tried.into_iter().find(|((_, values), _)| may(&changed(values)))?;
        let changed = changed(values);
        let in_order = consequence.keys.iter().filter_map(|key| Some((key.parse().ok()?, changed.get(key)?.clone())));
        let values = in_order.collect();
        Some(Nearest { answer: *answer, values, option: None })
    }

    /// The lightest values with which all wishes are met.
    pub(super) fn cheapest(&self, wishes: &[Wish]) -> Option<Assignment> {
        let steps = self.with_last(wishes)?;
        Some(self.text(&self.settled(steps, wishes)))
    }

    /// First without what is turned last, and then with it, from the value now outwards.
    fn with_last(&self, wishes: &[Wish]) -> Option<Steps> {
        if let Some(steps) = self.all_groups(wishes, &Steps::new()) {
            return Some(steps);
        }
        let last = |key: &&'static str| self.dials.get(key).filter(|dial| dial.lever.weight == LAST);
        let levers = wishes.iter().flat_map(|wish| wish.kind.levers_on(self.version));
        let dials: BTreeSet<&'static str> = levers.filter(|key| last(key).is_some()).collect();
        dials.iter().filter_map(|key| self.dials.get(key)).find_map(|dial| {
            // One wish is helped in one direction alone; several may be met by turning it either way.
            let ways = if wishes.len() == 1 { self.ways(dial, wishes, &Steps::new()) } else { vec![false, true] };
            ways.into_iter().flat_map(|up| dial.outwards(up, self.version)).find_map(|step| {
                let fixed = Steps::from([(dial.lever.key, step)]);
                self.all_groups(wishes, &fixed).map(|found| found.into_iter().chain(fixed).collect())
            })
        })
    }

    /// Each group of wishes that turn a lever in common by itself.
    fn all_groups(&self, wishes: &[Wish], fixed: &Steps) -> Option<Steps> {
        let mut all = Steps::new();
        for group in groups(wishes) {
            all.extend(self.group(&group, fixed)?);
        }
        Some(all)
    }

    /// The lightest set of levers that meets a group of wishes, with the values nearest to those of now: with values
    /// that no plan would warn of, and with others only where those do not do.
    fn group(&self, wishes: &[Wish], fixed: &Steps) -> Option<Steps> {
        if self.miss(wishes, fixed).is_empty() {
            return Some(Steps::new());
        }
        [&self.safe, &self.dials].into_iter().find_map(|dials| self.lightest(dials, wishes, fixed))
    }

    /// As [`Self::group`], with these dials.
    fn lightest(&self, dials: &BTreeMap<&'static str, Dial>, wishes: &[Wish], fixed: &Steps) -> Option<Steps> {
        let keys: BTreeSet<&'static str> = wishes.iter().flat_map(|wish| wish.kind.levers_on(self.version)).collect();
        let dials: Vec<&Dial> =
            keys.iter().filter_map(|key| dials.get(key)).filter(|dial| dial.lever.weight != LAST).collect();
        let mut sets: Vec<(u32, u32)> =
            (1..1_u32 << dials.len().min(8)).map(|set| (self.weight(&dials, set), set)).collect();
        sets.sort_unstable();
        sets.into_iter().find_map(|(_, set)| {
            // The widest is turned last, as only that one is searched and not stepped through.
            let mut turned: Vec<&Dial> = members(&dials, set).collect();
            turned.sort_by_key(|dial| (dial.width(), dial.lever.key));
            self.turn(&turned, wishes, fixed)
        })
    }

    fn weight(&self, dials: &[&Dial], set: u32) -> u32 {
        members(dials, set).map(|dial| dial.lever.weight).sum()
    }

    /// The best steps of these dials, each away from its value now.
    fn turn(&self, dials: &[&Dial], wishes: &[Wish], fixed: &Steps) -> Option<Steps> {
        let (first, rest) = dials.split_first()?;
        if !self.is_in_reach(dials, wishes, fixed) {
            return None;
        }
        if rest.is_empty() {
            let step = self.settle(first, wishes, fixed)?;
            return Some(Steps::from([(first.lever.key, step)]));
        }
        let ways = self.ways(first, wishes, fixed);
        let tried = ways.into_iter().flat_map(|up| first.outwards(up, self.version)).filter_map(|step| {
            let mut fixed = fixed.clone();
            fixed.insert(first.lever.key, step);
            let mut found = self.turn(rest, wishes, &fixed)?;
            found.insert(first.lever.key, step);
            Some((self.distance(&found), found))
        });
        tried.min().map(|(_, found)| found)
    }

    /// Whether the wishes may be met by these dials at all: at their ends no wish is missed on the side that they are
    /// turned away from.
    fn is_in_reach(&self, dials: &[&Dial], wishes: &[Wish], fixed: &Steps) -> bool {
        self.miss(wishes, fixed).iter().all(|(wish, miss)| {
            let mut steps = fixed.clone();
            let over = matches!(miss, Miss::Over(_));
            for dial in dials {
                steps.insert(dial.lever.key, dial.end(dial.lever.rises != over));
            }
            let at_the_end = wish.miss(self.answer(wish, &self.text(&steps)));
            !matches!((miss, at_the_end), (Miss::Over(_), Miss::Over(_)) | (Miss::Under(_), Miss::Under(_)))
        })
    }

    /// In which directions a dial is to be turned for what is missed.
    fn ways(&self, dial: &Dial, wishes: &[Wish], fixed: &Steps) -> Vec<bool> {
        let missed = self.miss(wishes, fixed);
        let up = |miss: &Miss| dial.lever.rises != matches!(miss, Miss::Over(_));
        let ways: BTreeSet<bool> = missed.iter().map(|(_, miss)| up(miss)).collect();
        ways.into_iter().collect()
    }

    /// The step of a dial that is nearest to its value now and meets the wishes with the others fixed.
    fn settle(&self, dial: &Dial, wishes: &[Wish], fixed: &Steps) -> Option<i64> {
        let at = |step: i64| {
            let mut steps = fixed.clone();
            steps.insert(dial.lever.key, step);
            self.miss(wishes, &steps)
        };
        let before = at(dial.present());
        for up in self.ways(dial, wishes, fixed) {
            let is_beyond = |missed: &[(&Wish, Miss)]| sides(missed) != sides(&before);
            let mut near = dial.present();
            for step in dial.outwards(up, self.version) {
                if is_beyond(&at(step)) {
                    let mut far = step;
                    while far.abs_diff(near) > 1 {
                        let middle = near + (far - near) / 2;
                        if is_beyond(&at(middle)) { far = middle } else { near = middle }
                    }
                    if at(far).is_empty() {
                        return Some(far);
                    }
                    // What is met on this side is met, where at all, at the step that was found or further out.
                    if at(step).is_empty() {
                        return Some(step);
                    }
                }
                near = step;
            }
        }
        None
    }

    /// Turns each dial back as far as the wishes allow, and those that no wish needs all the way.
    fn settled(&self, mut steps: Steps, wishes: &[Wish]) -> Steps {
        // Each round takes a key out or moves one nearer to its value now, so that this ends; the bound is for safety.
        for _ in 0..16 {
            let before = steps.clone();
            for key in before.keys() {
                let Some(dial) = self.dials.get(key) else { continue };
                let mut without = steps.clone();
                without.remove(key);
                if self.miss(wishes, &without).is_empty() {
                    steps = without;
                } else if let Some(nearer) = self.settle(dial, wishes, &without)
                    && steps.get(key).is_some_and(|step| dial.distance(nearer) < dial.distance(*step))
                {
                    steps.insert(key, nearer);
                }
            }
            if steps == before {
                break;
            }
        }
        steps
    }

    fn distance(&self, steps: &Steps) -> u64 {
        steps.iter().filter_map(|(key, step)| Some(self.dials.get(key)?.distance(*step))).sum()
    }

    /// The wishes that are not met, and by how much.
    fn miss<'w>(&self, wishes: &'w [Wish], steps: &Steps) -> Vec<(&'w Wish, Miss)> {
        let values = self.text(steps);
        let miss = |wish: &'w Wish| (wish, wish.miss(self.answer(wish, &values)));
        wishes.iter().map(miss).filter(|(_, miss)| *miss != Miss::Met).collect()
    }

    fn text(&self, steps: &Steps) -> Assignment {
        steps.iter().filter_map(|(key, step)| Some((*key, self.dials.get(key)?.text(*step)))).collect()
    }
}

/// Options of a socket on which keepalive is on already where the question is about that.
const fn with_keepalive(options: SocketOptions, already: bool) -> SocketOptions {
    SocketOptions { keepalive: options.keepalive || already, ..options }
}

/// Which wishes are missed, and on which side.
fn sides(missed: &[(&Wish, Miss)]) -> Vec<(&'static str, bool)> {
    missed.iter().map(|(wish, miss)| (wish.kind.word, matches!(miss, Miss::Over(_)))).collect()
}

fn members<'d>(dials: &'d [&'d Dial], set: u32) -> impl Iterator<Item = &'d Dial> {
    dials.iter().enumerate().filter(move |(place, _)| set & (1 << place) != 0).map(|(_, dial)| *dial)
}

/// The wishes in groups that turn no lever in common but those that are turned last.
fn groups(wishes: &[Wish]) -> Vec<Vec<Wish>> {
    let own = |wish: &Wish| -> BTreeSet<&'static str> {
        let keys = wish.kind.levers.iter().copied();
        keys.filter(|key| find_lever(key).is_some_and(|lever| lever.weight != LAST)).collect()
    };
    let mut groups: Vec<(BTreeSet<&'static str>, Vec<Wish>)> = Vec::new();
    for wish in wishes {
        let keys = own(wish);
        match groups.iter_mut().find(|(group, _)| !group.is_disjoint(&keys)) {
            Some((group, members)) => {
                group.extend(keys);
                members.push(wish.clone());
            }
            None => groups.push((keys, vec![wish.clone()])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}
