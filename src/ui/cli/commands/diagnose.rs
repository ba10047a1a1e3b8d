//! `tcpctl diagnose`.

use std::time::Duration;

use crate::diagnose::{Findings, Rule, Severity, diagnose_with, select_rules};
use crate::report::{FindingsStyle, FindingsView, RuleView, render_findings, render_rule};
use crate::snapshot::{Snapshot, StoredSnapshots};
use crate::ui::cli::args::{DiagnoseArgs, FailOn};
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::stored::read_stored;
use crate::ui::cli::{CliError, Exit};

/// The older reading of a judgement that waits for nothing: a stored one. A stored snapshot may hold one reading only.
fn stored_before(args: &DiagnoseArgs, context: &Context<'_>) -> Result<Option<Snapshot>, CliError> {
    match &args.since {
        Some(since) => Ok(Some(read_stored(since)?.last().clone())),
        None => Ok(context.stored.as_ref().and_then(StoredSnapshots::first).cloned()),
    }
}

/// Reads twice, a window apart, and judges what moved; again and again when watching, each reading being the older
/// one of the next.
pub(in crate::ui::cli) fn run(args: &DiagnoseArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if let Some(name) = &args.explain {
        return explain(name, context);
    }
    let rules = selected(&args.rules)?;
    if args.since.is_some() || context.stored.is_some() {
        let before = stored_before(args, context)?;
        let findings = diagnose_with(&rules, &read_snapshot(context, Depth::Processes, [])?, before.as_ref());
        print(&findings, args, context)?;
        let failed = findings.findings.iter().any(|finding| fails(args.fail_on, finding.severity));
        return Ok(if failed { Exit::Findings } else { Exit::Ok });
    }
    // Owners are wanted in the sentences, which speak of the newer reading.
    let first = if args.watch { Depth::Processes } else { Depth::Sockets };
    let mut before = read_snapshot(context, first, [])?;
    let mut failed = false;
    let mut judged = 0;
    loop {
        std::thread::sleep(Duration::from_millis(args.window));
        let now = read_snapshot(context, Depth::Processes, [])?;
        let findings = diagnose_with(&rules, &now, Some(&before));
        print(&findings, args, context)?;
        failed |= findings.findings.iter().any(|finding| fails(args.fail_on, finding.severity));
        judged += 1;
        if !args.watch || args.count.is_some_and(|count| judged >= count) {
            return Ok(if failed { Exit::Findings } else { Exit::Ok });
        }
        context.out.flush()?;
        before = now;
    }
}

/// Tells what a rule is, and reads nothing.
fn explain(name: &str, context: &mut Context<'_>) -> Result<Exit, CliError> {
    for rule in selected(&[name.to_owned()])? {
        if context.json {
            context.print_json(&RuleView::new(rule))?;
        } else {
            write!(context.out, "{}", render_rule(rule, context.width))?;
        }
    }
    Ok(Exit::Ok)
}

fn selected(names: &[String]) -> Result<Vec<&'static Rule>, CliError> {
    select_rules(names).map_err(|error| CliError::Usage(error.to_string()))
}

/// Whether a finding of this severity makes the exit code 1.
fn fails(least: FailOn, severity: Severity) -> bool {
    match least {
        FailOn::Warning => true,
        FailOn::Critical => severity == Severity::Critical,
        FailOn::Never => false,
    }
}

/// One line of JSON a judgement when watching, for readers line by line; indented otherwise.
fn print(findings: &Findings, args: &DiagnoseArgs, context: &mut Context<'_>) -> Result<(), CliError> {
    let view = FindingsView::new(findings);
    match (context.json, args.watch) {
        (true, true) => writeln!(context.out, "{}", serde_json::to_string(&view).map_err(CliError::failure)?)?,
        (true, false) => context.print_json(&view)?,
        (false, _) => {
            let style = FindingsStyle { width: context.width, ascii: context.ascii, verbose: args.verbose };
            write!(context.out, "{}", render_findings(findings, style))?;
            if args.watch {
                writeln!(context.out)?;
            }
        }
    }
    Ok(())
}
