//! `tcpctl lab` without a scenario: what can be played.

use super::lab_subject::scenario_of_topic;
use crate::explain::{HostPremises, InLab, Topic, topics};
use crate::lab::{check_playable, predicted_end_us};
use crate::model::{Scenario, forecast};
use crate::report::{LabTopic, LabTopicsView, render_lab_topics};
use crate::ui::cli::args_lab::LabArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Prints every topic with how long it takes, or why it is not played.
pub(super) fn run(args: &LabArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let host = context.premises(args.defaults)?;
    let listed = |topic: &'static Topic| -> Result<LabTopic, CliError> {
        let playable = playable(topic, args, &host)?;
        Ok((topic, playable.map(|scenario| predicted_end_us(&forecast(&scenario)))))
    };
    let topics: Vec<LabTopic> = topics().map(listed).collect::<Result<_, _>>()?;
    if context.json {
        context.print_json(&LabTopicsView::new(&topics))?;
    } else {
        write!(context.out, "{}", render_lab_topics(&topics, context.width, context.ascii))?;
    }
    Ok(Exit::Ok)
}

/// The scenario of a topic, or why the laboratory does not play it.
pub(super) fn playable(
    topic: &'static Topic,
    args: &LabArgs,
    host: &HostPremises,
) -> Result<Result<Scenario, String>, CliError> {
    if let InLab::Cannot(reason) = topic.in_lab() {
        return Ok(Err(reason.to_owned()));
    }
    let scenario = scenario_of_topic(topic, args, host)?;
    Ok(check_playable(&scenario).map(|()| scenario).map_err(|error| error.to_string()))
}
