//! `tcpctl diagnose --all-netns`.

use std::thread::sleep;
use std::time::Duration;

use super::diagnose::{asked, exit_of, stated};
use crate::collect::{live_namespaces, name_owners};
use crate::diagnose::{NamespaceFindings, RULES, Rule, Stated, Undecided, diagnose_namespaces, rules_that_want_a_rate};
use crate::report::{FindingsStyle, NamespaceFindingsView, render_namespace_findings};
use crate::snapshot::{NamespaceReading, NamespaceReadings, Snapshot};
use crate::ui::cli::args::DiagnoseArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, source};
use crate::ui::cli::{CliError, Exit};

/// Reads every namespace, waits once, reads every one again, and judges each by its own two readings.
pub(super) fn run(args: &DiagnoseArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    // The parser does not look for conflicts of options that every command has.
    if context.netns.is_some() || context.stored.is_some() {
        let message = "--all-netns reads every namespace of this host: leave out --netns and --from";
        return Err(CliError::Usage(message.to_owned()));
    }
    let stated = stated(args, context)?;
    let rules = asked(&args.rules, &stated)?;
    let read = |depth| live_namespaces(&source(context, depth, []));
    let before = read(Depth::States)?;
    sleep(Duration::from_millis(args.window));
    let mut now = read(Depth::Sockets)?;
    let mut found = judge(&rules, &mut now, &before, &stated, context);
    let unrated = rules_without_rate(&rules, &now, &before);
    if !unrated.is_empty() {
        // Rare, and then worth a second window: how long the ports last.
        sleep(Duration::from_millis(args.window));
        let mut later = read(Depth::Sockets)?;
        found.replace(judge(&unrated, &mut later, &now, &stated, context));
    }
    if args.rules.is_empty() {
        let unasked = |rule: &Rule| Some(Undecided { rule: rule.id, gap: rule.unasked(&stated)?.to_owned() });
        found.unasked = RULES.iter().filter_map(unasked).collect();
    }
    if context.json {
        context.print_json(&NamespaceFindingsView::new(&found))?;
    } else {
        let style = FindingsStyle { width: context.width, ascii: context.ascii, verbose: args.verbose };
        write!(context.out, "{}", render_namespace_findings(&found, style))?;
    }
    Ok(exit_of(args.fail_on, found.all().flat_map(|judged| &judged.findings)))
}

/// What the rules say, with the processes that hold the sockets once there is something to say of them.
fn judge(
    rules: &[&'static Rule],
    now: &mut NamespaceReadings,
    before: &NamespaceReadings,
    stated: &Stated,
    context: &Context<'_>,
) -> NamespaceFindings {
    let found = diagnose_namespaces(rules, now, before, stated);
    if found.all().all(|judged| judged.findings.is_empty()) {
        return found;
    }
    name_owners(&context.proc_root, snapshots_mut(now));
    diagnose_namespaces(rules, now, before, stated)
}

/// The rules that want a second window in one of the namespaces.
fn rules_without_rate(
    rules: &[&'static Rule],
    now: &NamespaceReadings,
    before: &NamespaceReadings,
) -> Vec<&'static Rule> {
    let in_one = |one: &NamespaceReading| {
        let older = before.namespaces.iter().find(|older| older.inode == one.inode);
        let older = older.and_then(|older| older.snapshot.as_ref().ok());
        rules_that_want_a_rate(rules, one.snapshot.as_ref().ok()?, older).into_iter().next()
    };
    now.namespaces.iter().find_map(in_one).into_iter().collect()
}

fn snapshots_mut(readings: &mut NamespaceReadings) -> impl Iterator<Item = &mut Snapshot> {
    readings.namespaces.iter_mut().filter_map(|one| one.snapshot.as_mut().ok())
}
