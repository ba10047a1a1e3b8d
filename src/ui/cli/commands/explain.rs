//! `tcpctl explain`.

use crate::collect::{self, SocketReading, Source};
use crate::explain::{Ask, Overrides, explain, find_topic, topics};
use crate::model::Settings;
use crate::report::{DiagramStyle, ExplanationView, TopicView, render_explanation, render_topics};
use crate::ui::cli::args::{ExplainArgs, parse_duration_us};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};
use crate::units::SysctlValues;

/// Lists the topics, or answers one for this host or for what was asked.
pub(in crate::ui::cli) fn run(args: &ExplainArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let Some(id) = &args.topic else {
        if context.json {
            let views: Vec<TopicView> = topics().map(TopicView::from).collect();
            context.print_json(&views)?;
        } else {
            write!(context.out, "{}", render_topics(topics()))?;
        }
        return Ok(Exit::Ok);
    };
    let topic = find_topic(id).map_err(|error| CliError::Usage(error.to_string()))?;
    let ask = ask(args, context)?;
    let explanation = explain(topic, &ask);
    if context.json {
        context.print_json(&ExplanationView::from(&explanation))?;
    } else {
        let style = DiagramStyle { width: context.width, ascii: context.ascii };
        write!(context.out, "{}", render_explanation(&explanation, style))?;
    }
    Ok(Exit::Ok)
}

/// The question's premises: the host as it is, or as asked.
fn ask(args: &ExplainArgs, context: &Context<'_>) -> Result<Ask, CliError> {
    let usage = |error: &dyn std::fmt::Display| CliError::Usage(error.to_string());
    let overrides = Overrides {
        set: args.set.clone(),
        kernel: args.kernel.clone(),
        hz: args.hz.clone(),
        backlog: args.backlog,
        rtt_us: args.rtt.as_deref().map(parse_duration_us).transpose().map_err(|error| usage(&error))?,
    };
    let source = Source {
        proc_root: context.proc_root.clone(),
        netns: context.netns.clone(),
        keys: Settings::keys().filter_map(|key| key.parse().ok()).collect(),
        sockets: SocketReading::Skip,
        processes: false,
    };
    let host = collect::live(&source).map_err(|error| usage(&error))?;
    let values = if args.defaults { SysctlValues::new() } else { host.sysctls.values() };
    let hz = host.kernel.hz.map(|reading| reading.hz);
    Ask::new(host.kernel.version, hz, host.memory_kib, &values, &overrides).map_err(|error| usage(&error))
}
