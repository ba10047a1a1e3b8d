//! `tcpctl lab --all`: every topic that can be played, side by side.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::lab::{Extent, error_of};
use super::lab_interrupt::Interrupt;
use super::lab_list::playable;
use super::lab_subject::ending;
use super::progress_bar::ProgressBar;
use crate::explain::{Topic, topics};
use crate::lab::{Conditions, LabError, Played, Proof, Replays, judge, obtain_rights, play_each};
use crate::model::Scenario;
use crate::report::{LabResult, LabResultsView, render_lab_results, render_lab_results_opening, render_progress};
use crate::ui::cli::args_lab::LabArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// More at a time make each other late.
const AT_ONCE: usize = 20;
/// How long each is played at the most when nothing was asked for.
const LIMIT_US: u64 = 60_000_000;
/// How often the bar moves.
const REDRAWN: Duration = Duration::from_millis(200);

/// What is to be played of a topic.
struct Candidate {
    topic: &'static Topic,
    scenario: Scenario,
    extent: Extent,
}

/// Plays all and prints a table.
pub(super) fn run(args: &LabArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let limit_us = args.limit.unwrap_or(LIMIT_US);
    let host = context.premises(args.defaults)?;
    let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
    for topic in topics() {
        match playable(topic, args, &host)? {
            Ok(scenario) => {
                let extent = Extent::new(&scenario, Some(limit_us));
                candidates.push(Candidate { topic, scenario, extent });
            }
            Err(reason) => left_out.push((topic, reason)),
        }
    }
    obtain_rights().map_err(error_of)?;
    let interrupt = Interrupt::heed()?;
    // The longest begin first, and the short ones fill in.
    candidates.sort_by_key(|candidate| core::cmp::Reverse(candidate.extent.end_us()));
    let all_us = together_us(candidates.iter().map(|candidate| candidate.extent.end_us()), AT_ONCE);
    if !context.json {
        let text = render_lab_results_opening(candidates.len(), AT_ONCE, (limit_us, all_us), context.width);
        write!(context.out, "{text}")?;
        context.out.flush()?;
    }
    let results = play_candidates(&candidates, all_us, &interrupt, context);
    if context.json {
        context.print_json(&LabResultsView::new(&results, &left_out, limit_us))?;
    } else {
        let text = render_lab_results(&results, left_out.len(), context.width, context.ascii);
        write!(context.out, "{text}")?;
    }
    ending(interrupt.signal(), verdict(&results))
}

/// How long these take when each begins as soon as one of so many places is free.
fn together_us(each_us: impl Iterator<Item = u64>, at_once: usize) -> u64 {
    let mut places = vec![0_u64; at_once];
    for takes_us in each_us {
        if let Some(free) = places.iter_mut().min() {
            *free = free.saturating_add(takes_us);
        }
    }
    places.into_iter().max().unwrap_or(0)
}

/// Plays all, and what proved nothing again, alone ([`Replays`]); in the order of the topics.
fn play_candidates(
    candidates: &[Candidate],
    all_us: u64,
    interrupt: &Interrupt,
    context: &Context<'_>,
) -> Vec<LabResult> {
    let all: Vec<&Candidate> = candidates.iter().collect();
    let mut proofs = play_together(&all, all_us, interrupt, context);
    for (place, candidate) in candidates.iter().enumerate() {
        let proves_nothing = |proof: &Proof| !proof.comparison.conclusive && !proof.played.stopped;
        let mut replays = Replays::default();
        while !interrupt.is_set()
            && matches!(proofs.get(&place), Some(Ok(proof)) if proves_nothing(proof))
            && replays.once_more()
        {
            let again = play_together(&[candidate], candidate.extent.end_us(), interrupt, context).pop_first();
            // One that was stopped has its last result.
            if let Some((_, again)) = again.filter(|_| !interrupt.is_set()) {
                proofs.insert(place, again);
            }
        }
    }
    let mut results: Vec<LabResult> = candidates
        .iter()
        .enumerate()
        .map(|(place, candidate)| LabResult {
            topic: candidate.topic,
            predicted_end_us: candidate.extent.predicted_end_us,
            proof: proofs.remove(&place).unwrap_or(Err(LabError::NotReady("its own thread"))),
        })
        .collect();
    results.sort_by_key(|result| topics().position(|topic| topic.id == result.topic.id));
    results
}

/// Plays some side by side; the proofs come by their places.
fn play_together(
    candidates: &[&Candidate],
    end_us: u64,
    interrupt: &Interrupt,
    context: &Context<'_>,
) -> BTreeMap<usize, Result<Proof, LabError>> {
    let conditions = |extent: &Extent| Conditions { stop: interrupt.stop(), ..extent.conditions() };
    let scenarios: Vec<(Scenario, Conditions)> =
        candidates.iter().map(|candidate| (candidate.scenario.clone(), conditions(&candidate.extent))).collect();
    let played = Mutex::new(BTreeMap::new());
    let done = |place, result| {
        if let Ok(mut played) = played.lock() {
            played.insert(place, result);
        }
    };
    while_drawing(end_us, context, || play_each(&scenarios, AT_ONCE, &done));
    let played = played.into_inner().unwrap_or_default();
    let judged = |(place, played): (usize, Result<Played, LabError>)| {
        let horizon_us = candidates.get(place)?.extent.horizon_us;
        Some((place, played.map(|played| judge(played, horizon_us))))
    };
    played.into_iter().filter_map(judged).collect()
}

/// Does something that takes about so long, and meanwhile draws how far it must be.
fn while_drawing<T: Send>(end_us: u64, context: &Context<'_>, work: impl FnOnce() -> T + Send) -> T {
    let mut bar = ProgressBar::new();
    if !bar.is_drawn() {
        return work();
    }
    let (begun, (width, ascii)) = (Instant::now(), (context.width.saturating_sub(1), context.ascii));
    let (done, is_done) = channel::<()>();
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _done = done;
            work()
        });
        while is_done.recv_timeout(REDRAWN) == Err(RecvTimeoutError::Timeout) {
            let elapsed_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            bar.draw(&render_progress(elapsed_us, end_us, None, width, ascii));
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// 1 when any disagrees; else it failed when any proves nothing.
fn verdict(results: &[LabResult]) -> Result<Exit, CliError> {
    let count = |word: &str| results.iter().filter(|result| result.word() == word).count();
    if count("disagrees") > 0 {
        return Ok(Exit::Findings);
    }
    match (count("inconclusive"), count("cannot")) {
        (0, 0) => Ok(Exit::Ok),
        (inconclusive, 0) => Err(CliError::failure(anyhow::anyhow!(
            "inconclusive: this process could not keep up with the wire of {inconclusive} topics, however often; play \
             them again on a less busy host"
        ))),
        (_, cannot) => Err(CliError::failure(anyhow::anyhow!("{cannot} topics could not be played"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ones_fill_in_while_long_ones_are_played() {
        assert_eq!(together_us([60, 60, 5, 5, 5].into_iter(), 3), 60);
        assert_eq!(together_us([60, 60, 60].into_iter(), 2), 120);
        assert_eq!(together_us(core::iter::empty(), 2), 0);
    }
}
