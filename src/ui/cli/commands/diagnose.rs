//! `tcpctl diagnose`.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::diagnose_namespaces;
use crate::collect::name_owners;
use crate::diagnose::{
    Finding, Findings, Input, Rule, Severity, Stated, diagnose_stated, rules_that_want_a_rate, select_rules,
};
use crate::report::{FindingsStyle, FindingsView, RuleView, render_findings, render_rule};
use crate::snapshot::{GapKind, Snapshot, StoredSnapshots};
use crate::ui::cli::args::{DiagnoseArgs, FailOn};
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::setting_files::read_setting_files;
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
    if args.all_netns {
        return diagnose_namespaces::run(args, context);
    }
    let stated = stated(args, context)?;
    let rules = asked(&args.rules, &stated)?;
    if args.since.is_some() || context.stored.is_some() {
        let before = stored_before(args, context)?;
        let mut now = read_snapshot(context, Depth::Sockets, [])?;
        if let (Some(since), Some(before)) = (&args.since, &before) {
            let refused = |error| CliError::Usage(format!("--since {}: {error}", since.display()));
            before.is_before(&now).map_err(refused)?;
        }
        let findings = judge(&rules, &mut now, before.as_ref(), &stated, context);
        print(&findings, args, context)?;
        return Ok(exit_of(args.fail_on, &findings.findings));
    }
    let window = Duration::from_millis(args.window);
    // Counters, states and listeners of the older reading are compared with; its sockets need no walk of their own.
    let mut before = read_snapshot(context, Depth::States, [])?;
    let mut exit = Exit::Ok;
    let mut judged = 0;
    loop {
        sleep(window);
        let mut now = read_snapshot(context, Depth::Sockets, [])?;
        let mut findings = judge(&rules, &mut now, Some(&before), &stated, context);
        let unrated = rules_that_want_a_rate(&rules, &now, Some(&before));
        if !args.watch && !unrated.is_empty() {
            // Rare, and then worth a second window: how long the ports last.
            sleep(window);
            let mut later = read_snapshot(context, Depth::Sockets, [])?;
            findings.replace(judge(&unrated, &mut later, Some(&now), &stated, context));
        }
        print(&findings, args, context)?;
        if exit_of(args.fail_on, &findings.findings) == Exit::Findings {
            exit = Exit::Findings;
        }
        judged += 1;
        if !args.watch || args.count.is_some_and(|count| judged >= count) {
            return Ok(exit);
        }
        context.out.flush()?;
        before = now;
    }
}

/// What the rules say. Who holds the sockets is looked for only when there is something to say of them, since that goes
/// through the descriptors of every process.
fn judge(
    rules: &[&'static Rule],
    now: &mut Snapshot,
    before: Option<&Snapshot>,
    stated: &Stated,
    context: &Context<'_>,
) -> Findings {
    let findings = diagnose_stated(rules, now, before, stated);
    if findings.findings.is_empty() || context.stored.is_some() {
        return findings;
    }
    let gaps = now.gaps.len();
    name_owners(&context.proc_root, [&mut *now]);
    let mut named = diagnose_stated(rules, now, before, stated);
    named.unnamed = now.gaps.iter().skip(gaps).filter(|gap| gap.kind == GapKind::Denied).cloned().collect();
    named
}

/// The exit code for these findings.
pub(super) fn exit_of<'a>(fail_on: FailOn, findings: impl IntoIterator<Item = &'a Finding>) -> Exit {
    let failed = findings.into_iter().any(|finding| fails(fail_on, finding.severity));
    if failed { Exit::Findings } else { Exit::Ok }
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

/// What is known besides readings: the timeouts as they are stated, and the files of settings of this host, or of the
/// system that is named. Those of a stored snapshot's host are not here.
pub(super) fn stated(args: &DiagnoseArgs, context: &Context<'_>) -> Result<Stated, CliError> {
    let named = selected(&args.rules)?;
    let reads_files = named.iter().any(|rule| rule.reads.contains(&Input::Files));
    let is_own = context.stored.is_none() && context.proc_root == Path::new("/proc");
    let root = args.root.as_deref().or(is_own.then_some(Path::new("/"))).filter(|_| reads_files);
    if let Some(root) = root.filter(|root| !root.is_dir()) {
        return Err(CliError::Usage(format!("there is no directory {} to read", root.display())));
    }
    let files = root.map(|root| read_setting_files(root, context)).transpose()?;
    Ok(Stated { timeouts: args.timeouts, files })
}

/// The rules that are to judge: those that are named, or all that have something to judge.
pub(super) fn asked(names: &[String], stated: &Stated) -> Result<Vec<&'static Rule>, CliError> {
    let mut rules = selected(names)?;
    rules.retain(|rule| !names.is_empty() || rule.is_asked(stated));
    Ok(rules)
}

pub(super) fn selected(names: &[String]) -> Result<Vec<&'static Rule>, CliError> {
    select_rules(names).map_err(|error| CliError::Usage(error.to_string()))
}

/// Whether a finding of this severity makes the exit code 1.
pub(super) fn fails(least: FailOn, severity: Severity) -> bool {
    match least {
        FailOn::Notice => true,
        FailOn::Warning => severity != Severity::Notice,
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
