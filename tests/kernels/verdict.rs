//! Plays the cases and says how they went.

use std::fmt::Write;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use tcpctl::lab::{self, Comparison, Proof, prove, prove_beginning};
use tcpctl::model::Host;

use crate::cases::{Case, cases};
use crate::machine::Pulse;
use crate::syn_queues;
use crate::{tracing, transaction};

/// Cases that are played at the same time. They mostly wait, but an emulated processor is slow when they do not.
const AT_ONCE: usize = 2;
/// Starts are this far apart, so that the timers of all do not fire in one tick.
const STAGGER: Duration = Duration::from_millis(23);

/// How often a case is played while the machine stood still meanwhile.
const MOST_PLAYS: u32 = 4;

static PULSE: Pulse = Pulse::new();

/// How a case went.
pub(crate) enum Verdict {
    Passed,
    /// Why.
    Failed(String),
    /// Why it proves nothing.
    Inconclusive(String),
}

/// What cases that are played elsewhere came to: their names, and what went wrong.
type Played = Vec<(&'static str, Result<(), String>)>;

/// Plays every case on this kernel, prints a line for each as it ends, those that were `played` before it among them, and
/// the totals at the end.
pub(crate) fn report(host: &Host, played: Played) {
    let hz = host.hz.map_or("unknown".to_owned(), |hz| hz.get().to_string());
    println!("kernel {}, {hz} ticks per second", host.version);
    PULSE.start();
    let (cases, totals) = (Mutex::new(cases(*host).into_iter()), Mutex::new([0_u32; 3]));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            thread::sleep(STAGGER);
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().expect("no player panics").next() else { break };
                    count(&mut totals.lock().expect("no player panics"), case.name, play(&case));
                }
            });
        }
    });
    count(&mut totals.lock().expect("no player panics"), syn_queues::NAME, syn_queues::verdict());
    for (name, went) in played.into_iter().chain(transaction::play()).chain(tracing::play(host)) {
        count(
            &mut totals.lock().expect("no player panics"),
            name,
            went.map_or_else(Verdict::Failed, |()| Verdict::Passed),
        );
    }
    let [passed, failed, inconclusive] = totals.into_inner().expect("no player panics");
    println!("{passed} passed, {failed} failed, {inconclusive} inconclusive");
}

/// Prints a verdict, in one piece, and counts it.
fn count(totals: &mut [u32; 3], name: &str, verdict: Verdict) {
    let [passed, failed, inconclusive] = totals;
    let (line, total) = match verdict {
        Verdict::Passed => (format!("passed: {name}"), passed),
        Verdict::Failed(why) => (format!("failed: {name}: {why}"), failed),
        Verdict::Inconclusive(why) => (format!("inconclusive: {name}: {why}"), inconclusive),
    };
    println!("{line}");
    *total += 1;
}

/// Plays a case. The lab itself plays it again if its wire was late; if the machine was, it is done here, a few times.
fn play(case: &Case) -> Verdict {
    (1..MOST_PLAYS)
        .fold(play_once(case), |verdict, _| verdict.or_else(|_| play_once(case)))
        .unwrap_or_else(Verdict::Inconclusive)
}

/// An error says how the machine was late.
fn play_once(case: &Case) -> Result<Verdict, String> {
    let began = Instant::now();
    let proof = match case.until_ms {
        Some(until_ms) => prove_beginning(&case.scenario, until_ms * 1000),
        None => prove(&case.scenario),
    };
    Ok(match proof {
        Ok(proof) if !proof.comparison.conclusive => Verdict::Inconclusive(lateness(&proof)),
        Ok(proof) if proof.comparison.agrees() => Verdict::Passed,
        Ok(proof) => {
            let pause = PULSE.longest_pause_since(began);
            if is_explained_by(pause, &proof.comparison) {
                return Err(format!(
                    "the machine stood still for {} us: {}",
                    pause.as_micros(),
                    rows(&proof.comparison)
                ));
            }
            Verdict::Failed(rows(&proof.comparison))
        }
        Err(error) => Verdict::Failed(error.to_string()),
    })
}

/// Whether nothing is wrong but times, and none of them by more than the machine stood still.
fn is_explained_by(pause: Duration, comparison: &Comparison) -> bool {
    comparison.rows.iter().all(|row| match row.verdict {
        lab::Verdict::Inside => true,
        lab::Verdict::Early(us) | lab::Verdict::Late(us) => Duration::from_micros(us) <= pause,
        lab::Verdict::Missing | lab::Verdict::Extra => false,
    })
}

fn lateness(proof: &Proof) -> String {
    format!("the machine was too late to prove anything; the last time {:?}", proof.played.punctuality)
}

/// Every event, predicted and measured.
fn rows(comparison: &Comparison) -> String {
    let mut text = format!("the kernel did something else (course {})", comparison.course);
    for row in &comparison.rows {
        let predicted = row.predicted.map_or("-".to_owned(), |it| format!("{}..{}", it.at_us, it.latest_us));
        let measured = row.measured_us.map_or("-".to_owned(), |us| us.to_string());
        let (side, what, verdict) = (row.side.name(), &row.what, row.verdict);
        write!(text, "\n    {side} {what:<24} {predicted:>24} {measured:>10} {verdict:?}").expect("a string takes it");
    }
    text
}
