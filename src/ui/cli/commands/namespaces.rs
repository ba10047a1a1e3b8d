//! `tcpctl status --all-netns`.

use crate::catalog::parameters;
use crate::collect::{SocketReading, Source, survey_namespaces};
use crate::report::{NamespacesView, render_namespaces};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Shows every network namespace that can be reached.
pub(super) fn run(context: &mut Context<'_>) -> Result<Exit, CliError> {
    let source = Source {
        proc_root: context.proc_root.clone(),
        netns: None,
        keys: parameters().filter_map(|parameter| parameter.key.parse().ok()).collect(),
        sockets: SocketReading::States,
        processes: false,
        syn_queues: context.syn_queues.clone(),
    };
    let view = NamespacesView::from(survey_namespaces(&source)?);
    if context.json {
        context.print_json(&view)?;
    } else {
        write!(context.out, "{}", render_namespaces(&view, context.width, context.ascii))?;
    }
    Ok(Exit::Ok)
}
