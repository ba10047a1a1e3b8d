//! `tcpctl diagnose`.

use std::time::Duration;

use crate::diagnose::{diagnose_with, select_rules};
use crate::report::{FindingsStyle, FindingsView, render_findings};
use crate::ui::cli::args::DiagnoseArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};

/// Reads twice, a window apart, and judges what moved.
pub(in crate::ui::cli) fn run(args: &DiagnoseArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let rules = select_rules(&args.rules).map_err(|error| CliError::Usage(error.to_string()))?;
    let before = read_snapshot(context, Depth::Sockets, [])?;
    std::thread::sleep(Duration::from_millis(args.window));
    // Owners are wanted in the sentences, which speak of the newer reading.
    let now = read_snapshot(context, Depth::Processes, [])?;
    let findings = diagnose_with(&rules, &now, Some(&before));
    if context.json {
        context.print_json(&FindingsView::new(&findings))?;
    } else {
        let style = FindingsStyle { width: context.width, ascii: context.ascii, verbose: args.verbose };
        write!(context.out, "{}", render_findings(&findings, style))?;
    }
    Ok(if findings.findings.is_empty() { Exit::Ok } else { Exit::Findings })
}
