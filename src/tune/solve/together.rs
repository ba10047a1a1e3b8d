//! Wishes met together: by sysctls, which every connection shares, and by options, of which a socket has one each.
//!
//! `TCP_USER_TIMEOUT` takes the place of `tcp_retries2`, of `tcp_orphan_retries` and of the count of keepalive probes
//! (`tcp_write_timeout()`, `tcp_keepalive_timer()`), so that what one wish needs may undo what meets another.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::application::{Application, SocketOption, USER_TIMEOUT_NAME, shared_user_timeout};
use super::profile::says;
use super::search::{Assignment, Search};
use super::solution::WishVerdict;
use super::wish::{Miss, Wish};
use crate::model::{Answer, SocketOptions};

/// By what a wish is met.
#[derive(Clone, Debug)]
pub(super) enum Means {
    /// By the plan, or as it is.
    Sysctls,
    /// By options of the socket.
    Socket(Application),
}

/// A wish, and by what it can be met, the best first.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) wish: Wish,
    pub(super) means: Vec<Means>,
}

/// Values, and options of the sockets of a connection and of a listener.
#[derive(Clone, Debug, Default)]
pub(super) struct Joint {
    pub(super) values: Assignment,
    connection: Vec<SocketOption>,
    listener: Vec<SocketOption>,
}

impl Joint {
    /// The options of sockets of the kind that a wish is about.
    fn options(&self, wish: &Wish) -> &[SocketOption] {
        if Application::is_for_listener(wish) { &self.listener } else { &self.connection }
    }

    fn options_mut(&mut self, wish: &Wish) -> &mut Vec<SocketOption> {
        if Application::is_for_listener(wish) { &mut self.listener } else { &mut self.connection }
    }

    /// The answer to a wish for a socket with all options, or for the host where no socket has a part in it.
    pub(super) fn answer(&self, wish: &Wish, search: &Search<'_>) -> Answer {
        let mut options = SocketOptions::default();
        self.options(wish).iter().for_each(|option| option.set_on(&mut options));
        let of_host = || search.answer(wish, &self.values);
        search.answer_on(wish, &self.values, &options).unwrap_or_else(of_host)
    }

    fn miss(&self, wish: &Wish, search: &Search<'_>) -> Miss {
        wish.miss(self.answer(wish, search))
    }

    /// The options that are advised for one wish, with the values that go with the others. Where there is a
    /// `TCP_USER_TIMEOUT` the count of probes says nothing.
    pub(super) fn own_options(&self, advice: &Application) -> Vec<SocketOption> {
        let user_timeout = self.connection.iter().find(|option| option.name == USER_TIMEOUT_NAME);
        let shared = |option: &SocketOption| match user_timeout {
            Some(shared) if option.name == USER_TIMEOUT_NAME => shared.clone(),
            _ => option.clone(),
        };
        let counts = |option: &&SocketOption| user_timeout.is_none() || option.name != "TCP_KEEPCNT";
        let own: Vec<SocketOption> = advice.options.iter().filter(counts).map(shared).collect();
        if own.is_empty() { advice.options.clone() } else { own }
    }

    /// Options as a list, those of a connection or of a listener.
    fn list(&self, wish: &Wish) -> String {
        self.options(wish).iter().map(SocketOption::text).collect::<Vec<_>>().join(", ")
    }
}

/// Those that are met together.
pub(super) struct Table<'s> {
    search: &'s Search<'s>,
    seated: Vec<Candidate>,
    /// The place of what each is met by among its means.
    chosen: Vec<usize>,
    joint: Joint,
    /// The lightest values for wishes that were asked about before, by their words.
    cheapest: RefCell<BTreeMap<Vec<&'static str>, Option<Assignment>>>,
}

impl<'s> Table<'s> {
    pub(super) fn new(search: &'s Search<'s>) -> Self {
        let (seated, chosen, joint) = (Vec::new(), Vec::new(), Joint::default());
        Self { search, seated, chosen, joint, cheapest: RefCell::default() }
    }

    /// What all of them are met by.
    pub(super) const fn joint(&self) -> &Joint {
        &self.joint
    }

    /// By what a wish is met; nothing when it is not.
    pub(super) fn means_of(&self, wish: &Wish) -> Option<&Means> {
        let place = self.seated.iter().position(|one| one.wish.kind.word == wish.kind.word)?;
        self.seated.get(place)?.means.get(*self.chosen.get(place)?)
    }

    /// Takes one more, with which those before are met still, if by other means.
    pub(super) fn seat(&mut self, new: Candidate) -> Result<(), WishVerdict> {
        let all: Vec<&Candidate> = self.seated.iter().chain([&new]).collect();
        let Some((chosen, joint)) = self.first_that_goes(&all) else { return Err(self.contradiction(&new)) };
        (self.chosen, self.joint) = (chosen, joint);
        self.seated.push(new);
        Ok(())
    }

    /// The first choice of means with which all are met: the last one's are changed first.
    fn first_that_goes(&self, all: &[&Candidate]) -> Option<(Vec<usize>, Joint)> {
        let mut chosen = vec![0; all.len()];
        loop {
            let means = |(one, place): (&&Candidate, &usize)| Some((one.wish.clone(), one.means.get(*place)?.clone()));
            let picks: Vec<(Wish, Means)> = all.iter().zip(&chosen).filter_map(means).collect();
            if let Some(joint) = self.join(&picks) {
                return Some((chosen, joint));
            }
            let next = all.iter().zip(&chosen).rposition(|(one, place)| place + 1 < one.means.len())?;
            for (place, chosen) in chosen.iter_mut().enumerate().skip(next) {
                *chosen = if place == next { *chosen + 1 } else { 0 };
            }
        }
    }

    /// The lightest values and the options with which all are met, if there are any.
    fn join(&self, picks: &[(Wish, Means)]) -> Option<Joint> {
        let by_sysctls = picks.iter().filter(|(_, means)| matches!(means, Means::Sysctls));
        let mut joint =
            Joint { values: self.cheapest(by_sysctls.map(|(wish, _)| wish.clone()).collect())?, ..Joint::default() };
        let mut user_timeouts = Vec::new();
        for (wish, means) in picks {
            let Means::Socket(advice) = means else { continue };
            user_timeouts.extend(advice.user_timeout().and_then(|option| u32::try_from(option.value).ok()));
            let others = advice.options.iter().filter(|option| option.name != USER_TIMEOUT_NAME);
            joint.options_mut(wish).extend(others.cloned());
        }
        let wishes = || picks.iter().map(|(wish, _)| wish);
        if let Some(most) = user_timeouts.into_iter().min() {
            let with = |value: u32| {
                let mut joint = joint.clone();
                let unit = "ms";
                joint.connection.push(SocketOption { name: USER_TIMEOUT_NAME, value: value.into(), unit });
                joint
            };
            let misses = |value| {
                let joint = with(value);
                wishes().map(|wish| joint.miss(wish, self.search)).collect::<Vec<_>>()
            };
            let is_over = |value| misses(value).iter().any(|miss| matches!(miss, Miss::Over(_)));
            let is_good = |value| misses(value).iter().all(|miss| *miss == Miss::Met);
            joint.connection.push(shared_user_timeout(most, is_over, is_good)?);
        }
        wishes().all(|wish| joint.miss(wish, self.search) == Miss::Met).then_some(joint)
    }

    fn cheapest(&self, wishes: Vec<Wish>) -> Option<Assignment> {
        let words: Vec<&'static str> = wishes.iter().map(|wish| wish.kind.word).collect();
        if let Some(values) = self.cheapest.borrow().get(&words) {
            return values.clone();
        }
        let values = self.search.cheapest(&wishes);
        self.cheapest.borrow_mut().insert(words, values.clone());
        values
    }

    /// With which of those before a new one cannot be met, and why.
    fn contradiction(&self, new: &Candidate) -> WishVerdict {
        let alone = self.seated.iter().find(|other| self.first_that_goes(&[other, new]).is_none());
        let typed = |one: &Candidate| one.wish.typed();
        let all = || self.seated.iter().map(typed).collect::<Vec<_>>().join(" and ");
        let why = new.means.iter().find_map(|means| match means {
            Means::Socket(advice) => self.with(&self.joint, &new.wish, advice).err(),
            Means::Sysctls => {
                let sysctls = |one: &&Candidate| matches!(self.means_of(&one.wish), Some(Means::Sysctls));
                let wishes = self.seated.iter().filter(sysctls).chain([new]).map(|one| one.wish.clone());
                let values = self.cheapest(wishes.collect())?;
                self.unmet(&Joint { values, ..self.joint.clone() }, &new.wish)
            }
        });
        WishVerdict::Contradicts { other: alone.map_or_else(all, typed), why }
    }

    /// The options of a wish put to others; what would be wrong with that on one socket, as a sentence.
    pub(super) fn with(&self, joint: &Joint, wish: &Wish, advice: &Application) -> Result<Joint, String> {
        let mut more = joint.clone();
        let own = more.options_mut(wish);
        for option in &advice.options {
            match own.iter().find(|one| one.name == option.name) {
                Some(other) if other.value != option.value => {
                    let (one, another) = (option.text(), other.text());
                    return Err(format!(
                        "a socket has one {}: {one} here, and {another} for another wish",
                        option.name
                    ));
                }
                Some(_) => {}
                None => own.push(option.clone()),
            }
        }
        self.unmet(&more, wish).map_or(Ok(more), Err)
    }

    /// What of those that are met, and of another wish, is not as wished on one socket with all options, as a sentence.
    fn unmet(&self, joint: &Joint, another: &Wish) -> Option<String> {
        let wishes = self.seated.iter().map(|one| &one.wish).chain([another]);
        let unmet = wishes.filter(|wish| joint.miss(wish, self.search) != Miss::Met);
        unmet.into_iter().find_map(|wish| {
            let label = wish.kind.consequence()?.label;
            let answer = says(joint.answer(wish, self.search));
            Some(format!("on one socket with {} {label} {answer}", joint.list(wish)))
        })
    }
}
