//! `tcpctl lab --all`: every topic that can be played, side by side.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::lab::{Extent, error_of};
use super::lab_interrupt::Interrupt;
use super::lab_list::playable;
use super::lab_subject::ending;
use super::progress_bar::ProgressBar;
use crate::explain::{Topic, topics};
use crate::lab::{Conditions, LabError, Proof, judge, obtain_rights, play_all};
use crate::model::Scenario;
use crate::report::{LabResult, LabResultsView, render_lab_results, render_lab_results_opening, render_progress};
use crate::ui::cli::args::LabArgs;
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
    // Those that take as long as each other wait for each other the least.
    candidates.sort_by_key(|candidate| core::cmp::Reverse(candidate.extent.end_us()));
    let waves: Vec<&[Candidate]> = candidates.chunks(AT_ONCE).collect();
    if !context.json {
        let all_us = waves.iter().map(|wave| wave_end_us(wave)).sum();
        let text = render_lab_results_opening(candidates.len(), AT_ONCE, (limit_us, all_us), context.width);
        write!(context.out, "{text}")?;
        context.out.flush()?;
    }
    let results = play_waves(&waves, &interrupt, context);
    if context.json {
        context.print_json(&LabResultsView::new(&results, &left_out, limit_us))?;
    } else {
        let text = render_lab_results(&results, left_out.len(), context.width, context.ascii);
        write!(context.out, "{text}")?;
    }
    ending(interrupt.signal(), verdict(&results))
}

fn wave_end_us(wave: &[Candidate]) -> u64 {
    wave.iter().map(|candidate| candidate.extent.end_us()).max().unwrap_or(0)
}

/// Plays one wave after the other, and what proved nothing once more alone; in the order of the topics.
fn play_waves(waves: &[&[Candidate]], interrupt: &Interrupt, context: &Context<'_>) -> Vec<LabResult> {
    let mut proofs: Vec<(&Candidate, Result<Proof, LabError>)> = Vec::new();
    for wave in waves {
        let wave: Vec<&Candidate> = wave.iter().collect();
        proofs.extend(play_wave(&wave, interrupt, context));
    }
    for (candidate, proof) in &mut proofs {
        if proof.as_ref().is_ok_and(|proof| !proof.comparison.conclusive && !proof.played.stopped) {
            let again = play_wave(&[*candidate], interrupt, context).pop();
            // What was stopped while it was played again has its first result.
            *proof = match again {
                Some((_, again)) if !interrupt.is_set() => again,
                _ => continue,
            };
        }
    }
    let order = |topic: &Topic| topics().position(|listed| listed.id == topic.id);
    proofs.sort_by_key(|(candidate, _)| order(candidate.topic));
    let result = |(candidate, proof): (&Candidate, _)| LabResult {
        topic: candidate.topic,
        predicted_end_us: candidate.extent.predicted_end_us,
        proof,
    };
    proofs.into_iter().map(result).collect()
}

fn play_wave<'a>(
    wave: &[&'a Candidate],
    interrupt: &Interrupt,
    context: &Context<'_>,
) -> Vec<(&'a Candidate, Result<Proof, LabError>)> {
    if interrupt.is_set() {
        return wave.iter().map(|candidate| (*candidate, Err(LabError::Stopped))).collect();
    }
    let conditions = |extent: &Extent| Conditions { stop: interrupt.stop(), ..extent.conditions() };
    let scenarios: Vec<(Scenario, Conditions)> =
        wave.iter().map(|candidate| (candidate.scenario.clone(), conditions(&candidate.extent))).collect();
    let end_us = wave.iter().map(|candidate| candidate.extent.end_us()).max().unwrap_or(0);
    let played = while_drawing(end_us, context, || play_all(&scenarios));
    let judged = |(candidate, played): (&&'a Candidate, Result<_, _>)| {
        (*candidate, played.map(|played| judge(played, candidate.extent.horizon_us)))
    };
    wave.iter().zip(played).map(judged).collect()
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
            "inconclusive: this process could not keep up with the wire of {inconclusive} topics, twice; play them again \
             on a less busy host"
        ))),
        (_, cannot) => Err(CliError::failure(anyhow::anyhow!("{cannot} topics could not be played"))),
    }
}
