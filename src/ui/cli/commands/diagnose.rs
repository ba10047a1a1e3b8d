//! `tcpctl diagnose`.

use std::time::Duration;

use crate::diagnose::{diagnose_with, select_rules};
use crate::report::{FindingsStyle, FindingsView, render_findings};
use crate::snapshot::Snapshot;
use crate::ui::cli::args::DiagnoseArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::stored::read_stored;
use crate::ui::cli::{CliError, Exit};

/// The older reading: a stored one, or one that was taken a window ago. A stored snapshot may hold one reading only.
fn read_before(args: &DiagnoseArgs, context: &Context<'_>) -> Result<Option<Snapshot>, CliError> {
    if let Some(since) = &args.since {
        return Ok(Some(read_stored(since)?.last().clone()));
    }
    if let Some(stored) = &context.stored {
        return Ok(stored.first().cloned());
    }
    let before = read_snapshot(context, Depth::Sockets, [])?;
    std::thread::sleep(Duration::from_millis(args.window));
    Ok(Some(before))
}

/// Reads twice, a window apart, and judges what moved.
pub(in crate::ui::cli) fn run(args: &DiagnoseArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let rules = select_rules(&args.rules).map_err(|error| CliError::Usage(error.to_string()))?;
    let before = read_before(args, context)?;
    // Owners are wanted in the sentences, which speak of the newer reading.
    let now = read_snapshot(context, Depth::Processes, [])?;
    let findings = diagnose_with(&rules, &now, before.as_ref());
    if context.json {
        context.print_json(&FindingsView::new(&findings))?;
    } else {
        let style = FindingsStyle { width: context.width, ascii: context.ascii, verbose: args.verbose };
        write!(context.out, "{}", render_findings(&findings, style))?;
    }
    Ok(if findings.findings.is_empty() { Exit::Ok } else { Exit::Findings })
}
