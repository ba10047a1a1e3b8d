//! The run of a search: what becomes of each wish, alone and with the others.

use super::application::{Application, advise};
use super::caution::Reach;
use super::profile::profile;
use super::search::Search;
use super::solution::{OptionsFor, Solution, SolveError, WishOutcome, WishVerdict};
use super::together::{Candidate, Joint, Means, Table};
use super::wish::Wish;
use crate::model::Answer;
use crate::snapshot::Snapshot;
use crate::tune::{NetworkPath, plan_profiles};

/// Searches for values that meet the wishes on a host, and compares them with it.
///
/// The wishes are met from the first on: one that cannot be met together with those before it is left out and named.
/// `options` says which wishes are left to the application where an option of its socket meets them. What is said to be
/// met is met with the plan and on a socket that has all these options, which may be in each other's way.
///
/// # Errors
/// When nothing is wished for, or the kernel's version is not known.
pub fn solve(wishes: &[Wish], snapshot: &Snapshot, name: &str, options: OptionsFor) -> Result<Solution, SolveError> {
    if wishes.is_empty() {
        return Err(SolveError::NoWish);
    }
    let search = Search::new(wishes, snapshot).ok_or(SolveError::NoKernel)?;
    let mut table = Table::new(&search);
    let (mut outcomes, mut advices): (Vec<WishOutcome>, Vec<Vec<Application>>) = (Vec::new(), Vec::new());
    for wish in wishes {
        let advice = advise(wish, &search);
        let (verdict, means) = alone(wish, &advice, options, &search);
        let mut outcome = search.outcome(wish, verdict);
        if !means.is_empty()
            && let Err(verdict) = table.seat(Candidate { wish: wish.clone(), means })
        {
            outcome.verdict = verdict;
        }
        outcomes.push(outcome);
        advices.push(advice);
    }
    let joint = table.joint();
    for (outcome, advice) in outcomes.iter_mut().zip(&advices) {
        settle(outcome, advice, &table, joint, &search);
    }
    offer_further(&mut outcomes, &table, joint, &search);
    let profile = profile(name, &outcomes, &joint.values, &search);
    let plan = plan_profiles(core::slice::from_ref(&profile), snapshot, NetworkPath::default());
    Ok(Solution { wishes: outcomes, profile, plan })
}

/// What becomes of a wish that is the only one, and by which means it can be met, the best first.
fn alone(wish: &Wish, advice: &[Application], options: OptionsFor, search: &Search<'_>) -> (WishVerdict, Vec<Means>) {
    let (verdict, reach) = search.alone(wish);
    let own = || advice.iter().filter(|advice| advice.answer.is_some() && options != OptionsFor::None);
    let by_socket = || own().cloned().map(Means::Socket).collect::<Vec<_>>();
    let better = own().next().is_some_and(|advice| match reach {
        Reach::Fine => false,
        Reach::WarnedOf => !advice.is_count_of_tries(),
        Reach::EveryConnection => true,
    });
    match verdict {
        WishVerdict::Already => (verdict, vec![Means::Sysctls]),
        WishVerdict::Met(_) => {
            let (mut first, mut then) = (vec![Means::Sysctls], by_socket());
            if options == OptionsFor::All || better {
                core::mem::swap(&mut first, &mut then);
            }
            (verdict, first.into_iter().chain(then).collect())
        }
        WishVerdict::Impossible { .. } if own().next().is_some() => (WishVerdict::ByApplication, by_socket()),
        WishVerdict::Impossible { why, nearest } if options != OptionsFor::None => {
            (WishVerdict::Impossible { why, nearest: search.nearer(wish, nearest) }, Vec::new())
        }
        _ => (verdict, Vec::new()),
    }
}

/// Writes into a wish what became of it.
fn settle(outcome: &mut WishOutcome, advice: &[Application], table: &Table<'_>, joint: &Joint, search: &Search<'_>) {
    outcome.then = search.answer(&outcome.wish, &joint.values);
    outcome.application = advice.first().cloned();
    match table.means_of(&outcome.wish) {
        Some(Means::Socket(own)) => {
            outcome.verdict = WishVerdict::ByApplication;
            let answer = joint.answer(&outcome.wish, search);
            outcome.application =
                Some(Application { options: joint.own_options(own), answer: Some(answer), ..own.clone() });
        }
        Some(Means::Sysctls) if outcome.verdict != WishVerdict::Already => {
            let its = joint.values.keys().filter(|key| outcome.wish.kind.levers.contains(key));
            outcome.verdict = WishVerdict::Met(its.filter_map(|key| key.parse().ok()).collect());
            outcome.nominal = search.in_time_but_for_lateness(&outcome.wish);
            outcome.caution = search.caution(&outcome.wish, &joint.values);
        }
        _ => {}
    }
}

/// Which of the options that are advised besides go with those that meet a wish, and what all of them make of it.
fn offer_further(outcomes: &mut [WishOutcome], table: &Table<'_>, joint: &Joint, search: &Search<'_>) {
    let mut all = joint.clone();
    for outcome in outcomes.iter_mut() {
        let besides = matches!(outcome.verdict, WishVerdict::Met(_) | WishVerdict::Contradicts { .. });
        let Some(advice) = outcome.application.as_mut().filter(|advice| besides && advice.answer.is_some()) else {
            continue;
        };
        match table.with(&all, &outcome.wish, advice) {
            Ok(more) => all = more,
            Err(why) => advice.apart = Some(why),
        }
    }
    for outcome in outcomes.iter_mut().filter(|outcome| outcome.verdict.is_met()) {
        let own = outcome.application.as_ref().filter(|advice| advice.apart.is_none());
        let said = match (&outcome.verdict, own.and_then(|advice| advice.answer)) {
            (WishVerdict::ByApplication | WishVerdict::Met(_), Some(answer)) => answer,
            _ => outcome.then,
        };
        let answer = all.answer(&outcome.wish, search);
        outcome.on_socket = (answer != said && answer != Answer::Unknown).then_some(answer);
    }
}
