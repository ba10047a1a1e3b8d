//! The arm that asks the kernel.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tcpctl::lab::{Comparison, Conditions, LabError, Proof, Punctuality, judge, play_each};

use crate::ability::{Ability, cannot_run};
use crate::cases::Case;

/// Cases that are played at the same time. Mostly they wait.
const AT_ONCE: usize = 32;
/// How often a case is played whose clocks say that the machine was too busy for its times to mean anything. That is
/// told without a look at how it fits the prediction.
const MOST_PLAYS: u32 = 8;
/// What a trial of this arm is called.
const ARM: &str = "kernel: ";

/// What a case came to.
type Verdict = Result<Proof, LabError>;

/// All cases that were asked for, played together as soon as the first result is wanted.
struct Plays {
    cases: Vec<Case>,
    began: OnceLock<()>,
    verdicts: Mutex<BTreeMap<usize, Verdict>>,
    news: Condvar,
}

/// A trial for each case; only those that the arguments choose are played.
pub(crate) fn trials(cases: Vec<Case>, ability: &Arc<Ability>, arguments: &Arguments) -> Vec<Trial> {
    let (chosen, others): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| is_chosen(&format!("{ARM}{}", case.name), arguments));
    let mut chosen = chosen;
    // Those that take long begin first, and their results are waited for last.
    chosen.sort_by_key(|case| core::cmp::Reverse(case.limit()));
    let names: Vec<String> = chosen.iter().map(|case| case.name.clone()).collect();
    let plays =
        Arc::new(Plays { cases: chosen, began: OnceLock::new(), verdicts: Mutex::default(), news: Condvar::new() });
    let trial = |(place, name): (usize, String)| {
        let (plays, ability) = (Arc::clone(&plays), Arc::clone(ability));
        let title = format!("{ARM}{name}");
        Trial::ignorable_test(title.clone(), move || match ability.obstacle(false) {
            Some(reason) => Ok(cannot_run(&title, &reason)),
            None => plays.verdict(place, &title),
        })
    };
    let left_out = others.into_iter().map(|case| {
        // The harness leaves them out by the same arguments.
        Trial::test(format!("{ARM}{}", case.name), || Err(Failed::from("was not chosen and not played")))
    });
    names.into_iter().enumerate().rev().map(trial).chain(left_out).collect()
}

/// As the harness itself chooses.
fn is_chosen(name: &str, arguments: &Arguments) -> bool {
    let fits = |pattern: &String| if arguments.exact { name == pattern } else { name.contains(pattern.as_str()) };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}

impl Plays {
    fn verdict(self: &Arc<Self>, place: usize, title: &str) -> Result<Completion, Failed> {
        self.began.get_or_init(|| {
            let plays = Arc::clone(self);
            thread::spawn(move || plays.play());
        });
        let mut verdicts = self.verdicts.lock().expect("nobody panics while holding it");
        let verdict = loop {
            match verdicts.remove(&place) {
                Some(verdict) => break verdict,
                None => verdicts = self.news.wait(verdicts).expect("nobody panics while holding it"),
            }
        };
        drop(verdicts);
        match verdict {
            Ok(proof) if !proof.comparison.conclusive => {
                let last = in_words(&proof.played.punctuality);
                Ok(cannot_run(title, &format!("inconclusive in {MOST_PLAYS} plays; in the last one {last}")))
            }
            Ok(proof) if proof.comparison.agrees() => Ok(Completion::Completed),
            Ok(proof) => Err(Failed::from(describe(&proof.comparison, &proof.played.punctuality))),
            Err(error) if error.is_denied() => Ok(cannot_run(title, &error.to_string())),
            Err(error) => Err(Failed::from(error.to_string())),
        }
    }

    /// Plays all, and those that proved nothing again, after all others and ever fewer at once.
    fn play(&self) {
        let mut places: Vec<usize> = (0..self.cases.len()).collect();
        let mut at_once = AT_ONCE;
        for play in 1..=MOST_PLAYS {
            let began = Instant::now();
            let again = self.wave(&places, at_once, play == MOST_PLAYS);
            let took = began.elapsed().as_secs_f32();
            let names: Vec<&str> =
                again.iter().filter_map(|place| self.cases.get(*place)).map(|it| it.name.as_str()).collect();
            eprintln!(
                "{} cases were played in {took:.1} s; {} proved nothing and are played again: {names:?}",
                places.len(),
                again.len()
            );
            (places, at_once) = (again, (at_once / 2).max(2));
            if places.is_empty() {
                break;
            }
        }
    }

    /// Plays these; says which proved nothing, unless that is all that there will be.
    fn wave(&self, places: &[usize], at_once: usize, is_last: bool) -> Vec<usize> {
        let cases: Vec<&Case> = places.iter().filter_map(|place| self.cases.get(*place)).collect();
        let scenarios: Vec<_> =
            cases.iter().map(|case| (case.scenario.clone(), Conditions::limited(case.limit()))).collect();
        let (sender, played) = std::sync::mpsc::channel();
        let mut again = Vec::new();
        thread::scope(|scope| {
            scope.spawn(move || play_each(&scenarios, at_once, &|place, played| drop(sender.send((place, played)))));
            for (number, played) in played {
                let (Some(case), Some(place)) = (cases.get(number), places.get(number)) else { continue };
                let verdict = played.map(|played| judge(played, case.until_us.unwrap_or(u64::MAX)));
                let proves_nothing = verdict.as_ref().is_ok_and(|proof| !proof.comparison.conclusive);
                if proves_nothing && !is_last {
                    again.push(*place);
                    continue;
                }
                self.verdicts.lock().expect("nobody panics while holding it").insert(*place, verdict);
                self.news.notify_all();
            }
        });
        again
    }
}

fn in_words(punctuality: &Punctuality) -> String {
    let Punctuality { wire_us, tick_us, clock_us, slept_us, is_unknown } = punctuality;
    let unknown = if *is_unknown { "; the clocks could not be read" } else { "" };
    format!(
        "the wire was {wire_us} us late, the tick {tick_us} us behind, the clock set by {clock_us} us; overslept \
         {slept_us} us{unknown}"
    )
}

fn describe(comparison: &Comparison, punctuality: &Punctuality) -> String {
    let mut text = format!("course {}; {}\n", comparison.course, in_words(punctuality));
    for row in &comparison.rows {
        let predicted = row.predicted.map(|window| format!("{}..{}", window.at_us, window.latest_us));
        let (predicted, measured) = (predicted.unwrap_or_default(), row.measured_us.map_or(-1, u64::cast_signed));
        let side = row.side.name();
        writeln!(text, "  {side} {:<24} {predicted:>24} {measured:>10} {:?}", row.what, row.verdict)
            .expect("a string takes it");
    }
    text
}
