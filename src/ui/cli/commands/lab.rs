//! `tcpctl lab`.

use crate::explain::{Overrides, find_topic, scenario_of, topics};
use crate::lab::{LabError, Proof, longest, prove};
use crate::model::forecast;
use crate::report::{ComparisonView, render_comparison, render_topics};
use crate::ui::cli::args::{LabArgs, Peer};
use crate::ui::cli::commands::lab_flood;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};
use crate::units::parse_duration_us;

/// Topics whose scenario the lab plays whole.
const PLAYABLE: &[&str] = &[
    "handshake",
    "syn-lost",
    "synack-lost",
    "third-ack-lost",
    "ack-with-data",
    "accept-queue-full",
    "close",
    "why-four",
    "fin-lost",
    "fin-ack-lost",
    "fin-wait-2",
    "close-wait",
    "last-ack-lost",
    "final-ack-lost",
    "why-time-wait",
    "data-lost",
    "keepalive",
    "zero-window",
    "half-open",
    "simultaneous-open",
    "simultaneous-close",
];

/// Plays a topic's scenario on the kernel and prints it beside the prediction.
pub(in crate::ui::cli) fn run(args: &LabArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let Some(id) = &args.scenario else {
        let playable = topics().filter(|topic| PLAYABLE.contains(&topic.id) || topic.id == lab_flood::TOPIC);
        write!(context.out, "{}", render_topics(playable, context.width))?;
        return Ok(Exit::Ok);
    };
    let topic = find_topic(id).map_err(|error| CliError::Usage(error.to_string()))?;
    if topic.id == lab_flood::TOPIC {
        return lab_flood::run(topic, args, context);
    }
    lab_flood::refuse_options(args)?;
    if !PLAYABLE.contains(&topic.id) {
        return Err(CliError::Usage(format!(
            "the lab cannot play `{id}` yet; it plays {}, {}",
            PLAYABLE.join(", "),
            lab_flood::TOPIC
        )));
    }
    let overrides = Overrides {
        set: args.set.clone(),
        sockopt: args.sockopt.clone(),
        rtt_us: args.rtt.as_deref().map(parse_duration_us).transpose().map_err(CliError::Usage)?,
        peer_alive: args.peer == Peer::Alive,
        ..Overrides::default()
    };
    let scenario = scenario_of(topic, &context.ask(&overrides, false)?)
        .ok_or_else(|| CliError::Usage(format!("`{id}` has no scenario to play")))?;
    if !context.json {
        let seconds = longest(&forecast(&scenario)).as_secs();
        writeln!(context.out, "{}\nPlaying it on this kernel, at most {seconds} s.\n", topic.question)?;
        context.out.flush()?;
    }
    let Proof { predicted, played, comparison } = prove(&scenario).map_err(error_of)?;
    if context.json {
        context.print_json(&ComparisonView::new(topic.id, &predicted, &played, &comparison))?;
    } else {
        write!(context.out, "{}", render_comparison(&comparison, &played, context.ascii))?;
    }
    if !comparison.conclusive {
        return Err(CliError::failure(anyhow::anyhow!(
            "inconclusive: this process could not keep up with the wire, twice; play it again on a less busy host"
        )));
    }
    Ok(if comparison.agrees() { Exit::Ok } else { Exit::Findings })
}

pub(super) fn error_of(error: LabError) -> CliError {
    if error.is_denied() { CliError::NotPermitted(error.to_string()) } else { CliError::failure(error) }
}
