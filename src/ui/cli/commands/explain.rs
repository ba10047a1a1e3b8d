//! `tcpctl explain`.

use crate::explain::{Overrides, explain, find_topic, topics};
use crate::report::{DiagramStyle, ExplanationView, TopicsView, render_explanation, render_topics};
use crate::ui::cli::args::{ExplainArgs, parse_duration_us};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Lists the topics, or answers one for this host or for what was asked.
pub(in crate::ui::cli) fn run(args: &ExplainArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let Some(id) = &args.topic else {
        if context.json {
            context.print_json(&TopicsView::new(topics()))?;
        } else {
            write!(context.out, "{}", render_topics(topics()))?;
        }
        return Ok(Exit::Ok);
    };
    let topic = find_topic(id).map_err(|error| CliError::Usage(error.to_string()))?;
    let ask = context.ask(&overrides(args)?, args.defaults)?;
    let explanation = explain(topic, &ask);
    if context.json {
        context.print_json(&ExplanationView::from(&explanation))?;
    } else {
        let style = DiagramStyle { width: context.width, ascii: context.ascii };
        write!(context.out, "{}", render_explanation(&explanation, style))?;
    }
    Ok(Exit::Ok)
}

/// The overrides as typed.
fn overrides(args: &ExplainArgs) -> Result<Overrides, CliError> {
    Ok(Overrides {
        set: args.set.clone(),
        kernel: args.kernel.clone(),
        hz: args.hz.clone(),
        backlog: args.backlog,
        rtt_us: args.rtt.as_deref().map(parse_duration_us).transpose().map_err(CliError::Usage)?,
    })
}
