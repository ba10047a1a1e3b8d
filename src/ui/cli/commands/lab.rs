//! `tcpctl lab`.

use std::time::Duration;

use super::lab_capture::CaptureFile;
use super::lab_interrupt::Interrupt;
use super::lab_live::play_live;
use super::lab_subject::{Subject, ending};
use super::{lab_all, lab_flood, lab_list};
use crate::lab::{
    Conditions, LabError, Proof, Replays, check_playable, longest, obtain_rights, predicted_end_us, prove_once,
};
use crate::model::{Scenario, forecast};
use crate::report::{ComparisonView, LabSpan, render_comparison, render_lab_opening};
use crate::ui::cli::args::Peer;
use crate::ui::cli::args_lab::LabArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// The topic whose peer may answer or not.
const ZERO_WINDOW: &str = "zero-window";

/// Plays a scenario on the kernel and prints it beside the prediction.
pub(in crate::ui::cli) fn run(args: &LabArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    match &args.scenario {
        Some(named) => one(named, args, context),
        None => {
            lab_flood::refuse_options(args)?;
            if args.all { lab_all::run(args, context) } else { lab_list::run(args, context) }
        }
    }
}

fn one(named: &str, args: &LabArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.live && context.json {
        let message = "--live prints events as they happen and --json the whole at the end: leave out one";
        return Err(CliError::Usage(message.to_owned()));
    }
    if named == lab_flood::TOPIC {
        return lab_flood::run(args, context);
    }
    lab_flood::refuse_options(args)?;
    if args.peer == Peer::Alive && named != ZERO_WINDOW {
        let message = format!("--peer is for `tcpctl lab {ZERO_WINDOW}`: in `{named}` the scenario says who answers");
        return Err(CliError::Usage(message));
    }
    let subject = Subject::read(named, args, context)?;
    check_playable(&subject.scenario).map_err(error_of)?;
    let capture = CaptureFile::asked_for(args)?;
    let extent = Extent { capture: capture.is_some(), ..Extent::new(&subject.scenario, args.limit) };
    obtain_rights().map_err(error_of)?;
    let interrupt = Interrupt::heed()?;
    if !context.json {
        let opening = render_lab_opening(&subject.title, subject.note.as_deref(), extent.span(), context.width);
        write!(context.out, "{opening}")?;
        context.out.flush()?;
    }
    let mut proof = play(&subject.scenario, extent, args.live, &interrupt, context)?;
    let mut replays = Replays::default();
    while proof.as_ref().is_ok_and(|proof| !proof.comparison.conclusive) && !interrupt.is_set() && replays.once_more() {
        if args.live {
            write!(context.out, "The host was too busy for this to mean anything; once more.\n\n")?;
        }
        proof = play(&subject.scenario, extent, args.live, &interrupt, context)?;
    }
    ending(interrupt.signal(), judged(&subject, proof, &replays, extent, capture.as_ref(), context))
}

fn play(
    scenario: &Scenario,
    extent: Extent,
    live: bool,
    interrupt: &Interrupt,
    context: &mut Context<'_>,
) -> Result<Result<Proof, LabError>, CliError> {
    if live {
        return Ok(play_live(scenario, extent, interrupt, context)?);
    }
    let conditions = Conditions { stop: interrupt.stop(), ..extent.conditions() };
    Ok(prove_once(scenario, &conditions, extent.horizon_us))
}

/// Prints what came of it.
fn judged(
    subject: &Subject,
    proof: Result<Proof, LabError>,
    replays: &Replays,
    extent: Extent,
    capture: Option<&CaptureFile>,
    context: &mut Context<'_>,
) -> Result<Exit, CliError> {
    let proof = match proof {
        // The signal says it all.
        Err(LabError::Stopped) => return Ok(Exit::Ok),
        proof => proof.map_err(error_of)?,
    };
    let played = &proof.played;
    let write = |capture: &CaptureFile| capture.write(&subject.title, played.scenario.host.version, &played.frames);
    let written = capture.map(write).transpose()?;
    if context.json {
        context.print_json(&ComparisonView::new(&subject.name, &proof, extent.limit_us))?;
    } else {
        let text = render_comparison(&proof, extent.limit_us, context.width, context.ascii);
        write!(context.out, "{text}{}", written.unwrap_or_default())?;
    }
    if !proof.comparison.conclusive && !proof.played.stopped {
        return Err(CliError::failure(anyhow::anyhow!(
            "inconclusive: this process could not keep up with the wire in {} runs; play it again on a less busy host",
            replays.plays()
        )));
    }
    Ok(if proof.comparison.agrees() { Exit::Ok } else { Exit::Findings })
}

/// How much of a scenario is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// The most that was asked for, in microseconds.
    pub(super) limit_us: Option<u64>,
    /// When the last predicted end is over, in microseconds.
    pub(super) predicted_end_us: u64,
    /// Until when it is compared, in microseconds.
    pub(super) horizon_us: u64,
    /// For how long it is played at the most.
    pub(super) most: Duration,
    /// Whether the packets are kept.
    pub(super) capture: bool,
}

impl Extent {
    /// The whole of a scenario, or its beginning.
    pub(super) fn new(scenario: &Scenario, limit_us: Option<u64>) -> Self {
        let predicted = forecast(scenario);
        let (predicted_end_us, whole) = (predicted_end_us(&predicted), longest(&predicted));
        let limited = limit_us.map(Duration::from_micros).filter(|limit| *limit < whole);
        Self {
            limit_us,
            predicted_end_us,
            horizon_us: limited.and(limit_us).unwrap_or(u64::MAX),
            most: limited.unwrap_or(whole),
            capture: false,
        }
    }

    /// As the laboratory takes it.
    pub(super) fn conditions(&self) -> Conditions {
        Conditions { capture: self.capture, ..Conditions::limited(self.most) }
    }

    /// As it is told before it is played.
    fn span(&self) -> LabSpan {
        LabSpan {
            predicted_end_us: self.predicted_end_us,
            most_us: u64::try_from(self.most.as_micros()).unwrap_or(u64::MAX),
            limited: self.horizon_us < u64::MAX,
        }
    }

    /// When what is played is over as predicted, in microseconds.
    pub(super) fn end_us(&self) -> u64 {
        self.predicted_end_us.min(self.horizon_us)
    }
}

/// An error of the laboratory as one of the command line.
pub(super) fn error_of(error: LabError) -> CliError {
    match error {
        error if error.is_denied() => CliError::NotPermitted(error.to_string()),
        LabError::NotPlayable(_) => CliError::Usage(error.to_string()),
        error => CliError::failure(error),
    }
}
