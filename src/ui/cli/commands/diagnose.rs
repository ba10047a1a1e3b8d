//! `tcpctl diagnose`.

use std::time::Duration;

use crate::collect::{SocketReading, Source, live};
use crate::diagnose::{diagnose_with, keys, select_rules};
use crate::report::{FindingsStyle, FindingsView, render_findings};
use crate::ui::cli::args::DiagnoseArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};
use crate::units::SysctlKey;

/// Reads twice, a window apart, and judges what moved.
pub(in crate::ui::cli) fn run(args: &DiagnoseArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let rules = select_rules(&args.rules).map_err(|error| CliError::Usage(error.to_string()))?;
    let keys: Result<Vec<SysctlKey>, _> = keys(&rules).into_iter().map(str::parse).collect();
    let source = Source {
        proc_root: context.proc_root.clone(),
        netns: context.netns.clone(),
        keys: keys.map_err(CliError::failure)?,
        sockets: SocketReading::Best,
        processes: true,
    };
    let before = live(&source)?;
    std::thread::sleep(Duration::from_millis(args.window));
    let now = live(&source)?;
    let findings = diagnose_with(&rules, &now, Some(&before));
    if context.json {
        context.print_json(&FindingsView::new(&findings))?;
    } else {
        let style = FindingsStyle { width: context.width, ascii: context.ascii, verbose: args.verbose };
        write!(context.out, "{}", render_findings(&findings, style))?;
    }
    Ok(if findings.findings.is_empty() { Exit::Ok } else { Exit::Findings })
}
