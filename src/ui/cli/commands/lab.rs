//! `tcpctl lab`.

use std::time::Duration;

use crate::explain::{Overrides, find_topic, topics};
use crate::lab::{LabError, compare, play};
use crate::model::{Timeline, forecast};
use crate::report::{ComparisonView, render_comparison, render_topics};
use crate::ui::cli::args::LabArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// How much longer than predicted the kernel is given before the lab stops waiting.
const GRACE: Duration = Duration::from_secs(3);

/// Topics whose scenario the lab plays whole.
const PLAYABLE: &[&str] = &["syn-lost", "synack-lost"];

/// Plays a topic's scenario on the kernel and prints it beside the prediction.
pub(in crate::ui::cli) fn run(args: &LabArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let Some(id) = &args.scenario else {
        let playable = topics().filter(|topic| PLAYABLE.contains(&topic.id));
        write!(context.out, "{}", render_topics(playable))?;
        return Ok(Exit::Ok);
    };
    let topic = find_topic(id).map_err(|error| CliError::Usage(error.to_string()))?;
    let scenario = topic
        .scenario
        .filter(|_| PLAYABLE.contains(&topic.id))
        .ok_or_else(|| CliError::Usage(format!("the lab cannot play `{id}` yet; it plays {}", PLAYABLE.join(", "))))?;
    let overrides = Overrides { set: args.set.clone(), ..Overrides::default() };
    let scenario = scenario(&context.ask(&overrides, false)?);
    let predicted = forecast(&scenario);
    let limit = longest(&predicted) + GRACE;
    if !context.json {
        writeln!(context.out, "{}\nPlaying it on this kernel, at most {} s.\n", topic.question, limit.as_secs())?;
        context.out.flush()?;
    }
    let played = play(&scenario, limit).map_err(error_of)?;
    let comparison = compare(&predicted, &played.timeline);
    if context.json {
        context.print_json(&ComparisonView::new(topic.id, &predicted, &played, &comparison))?;
    } else {
        write!(context.out, "{}", render_comparison(&comparison, &played, context.ascii))?;
    }
    Ok(if comparison.agrees() { Exit::Ok } else { Exit::Findings })
}

/// The latest moment of any course.
fn longest(predicted: &Timeline) -> Duration {
    let ends = |timeline: &Timeline| timeline.ends.iter().map(|end| end.window.latest_us).max().unwrap_or(0);
    let latest_us = core::iter::once(predicted).chain(&predicted.alternatives).map(ends).max().unwrap_or(0);
    Duration::from_micros(latest_us)
}

fn error_of(error: LabError) -> CliError {
    if error.is_denied() { CliError::NotPermitted(error.to_string()) } else { CliError::failure(error) }
}
