//! Showing a plan, asking, and carrying it out: the same for `apply` and `rollback`.

use std::io::{BufRead, IsTerminal, Write};

use serde::Serialize;

use super::waiter;
use crate::report::{PlanView, ReceiptView, printable, render_plan, render_receipt, skip_reason};
use crate::tune::{ApplyError, History, JournalError, Outcome, Plan, PlanKind, Receipt, Target, Unreadable, Wishes};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// What `apply --json` and `rollback --json` print.
#[derive(Serialize)]
struct ChangeView<'a> {
    /// Version of this shape, which only grows.
    schema: u32,
    plan: Option<PlanView<'a>>,
    receipt: Option<ReceiptView<'a>>,
    /// Why there is not even a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Version of [`ChangeView`].
const SCHEMA: u32 = 1;

/// The target that the options speak of.
pub(in crate::ui::cli) fn target(context: &Context<'_>) -> Target {
    Target::new(&context.proc_root, context.netns.as_deref(), &context.state_dir)
}

/// Warns on standard error of files in the journal that cannot be understood.
pub(in crate::ui::cli) fn warn_of_unreadable(history: &History, target: &Target) -> Result<(), CliError> {
    for Unreadable { file, reason, .. } in &history.unreadable {
        let path = target.state_dir().path().join(file);
        writeln!(
            std::io::stderr(),
            "tcpctl: warning: {} cannot be understood: {reason}; what it changed is unknown",
            path.display()
        )?;
    }
    Ok(())
}

/// Says that there is not even a plan.
pub(in crate::ui::cli) fn print_nothing(why: &str, context: &mut Context<'_>) -> Result<(), CliError> {
    if context.json {
        context.print_json(&ChangeView { schema: SCHEMA, plan: None, receipt: None, reason: Some(why) })?;
    } else {
        writeln!(context.out, "{why}")?;
    }
    Ok(())
}

/// Shows the plan, asks unless `yes`, and carries it out.
pub(in crate::ui::cli) fn carry_out(
    plan: &Plan,
    yes: bool,
    wishes: &Wishes,
    context: &mut Context<'_>,
) -> Result<Exit, CliError> {
    let target = target(context);
    if !context.json {
        write!(context.out, "{}", render_plan(plan, context.width, context.ascii))?;
        context.out.flush()?;
    }
    refuse_blind(plan)?;
    refuse_contradictions(plan)?;
    // What a profile requires and cannot have is a failure, which applying tells.
    if plan.is_inapplicable() && plan.unmet().next().is_none() {
        return inapplicable(plan, context);
    }
    if !plan.is_empty() && !yes {
        refuse_silence(plan, context)?;
    }
    if !plan.is_empty() {
        if let Some(skip) = plan.unmet().next() {
            let key = skip.key.clone();
            return Err(refusal(ApplyError::RequiredKey { key }));
        }
        target.check_permission(plan).map_err(refusal)?;
        if !yes && !ask(plan, context)? {
            writeln!(std::io::stderr(), "nothing was written")?;
            return Ok(Exit::Ok);
        }
    }
    let mut waiter = waiter::Waiter::new(wishes.confirm_within_ms, context)?;
    let receipt = target.apply_with(plan, wishes, &mut |entry| waiter.start(entry)).map_err(refusal)?;
    if context.json {
        let view =
            ChangeView { schema: SCHEMA, plan: Some(plan.into()), receipt: Some((&receipt).into()), reason: None };
        context.print_json(&view)?;
    } else if !plan.is_empty()
        || receipt.confirm_until_unix_ms.is_some()
        || !receipt.left.is_empty()
        || receipt.file_left.is_some()
    {
        write!(context.out, "\n{}", render_receipt(&receipt, context.width, context.ascii))?;
    }
    ending(&receipt)
}

/// A plan that could see nothing is a failure and not one that has nothing to do.
pub(in crate::ui::cli) fn refuse_blind(plan: &Plan) -> Result<(), CliError> {
    if plan.is_blind() {
        return Err(refusal(ApplyError::Blind { count: plan.skipped.len() }));
    }
    Ok(())
}

/// A plan none of whose keys can be set here is a finding and no success; nothing is written or journalled.
fn inapplicable(plan: &Plan, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let reason = format!(
        "nothing of {} can be applied here: {} left out; nothing was written",
        plan.profile,
        if plan.skipped.len() == 1 {
            "its 1 key is".to_owned()
        } else {
            format!("all {} keys are", plan.skipped.len())
        }
    );
    if context.json {
        let view = ChangeView { schema: SCHEMA, plan: Some(plan.into()), receipt: None, reason: Some(&reason) };
        context.print_json(&view)?;
    }
    writeln!(std::io::stderr(), "tcpctl: {}", printable(&reason))?;
    Ok(Exit::Findings)
}

/// Profiles that contradict each other are a mistake of the request.
pub(in crate::ui::cli) fn refuse_contradictions(plan: &Plan) -> Result<(), CliError> {
    let Some(skip) = plan.contradictions().next() else { return Ok(()) };
    let (key, wants) = (skip.key.clone(), skip_reason(&skip.why));
    Err(CliError::Usage(format!("{key}: {wants}; nothing was written; apply one of them, or change one")))
}

/// The exit code that a receipt stands for.
fn ending(receipt: &Receipt) -> Result<Exit, CliError> {
    // What was to be restored and is not, is a finding.
    let restored = receipt.left.is_empty() && receipt.file_left.is_none();
    match &receipt.outcome {
        Outcome::Nothing | Outcome::Applied if restored => Ok(Exit::Ok),
        Outcome::Nothing | Outcome::Applied => Ok(Exit::Findings),
        Outcome::Undone { key, why, denied, .. } => {
            let rest =
                if receipt.outcome.is_whole() { "everything was put back" } else { "not everything could be put back" };
            let text = format!("cannot set {key}: {why}; {rest}");
            Err(if *denied { CliError::NotPermitted(text) } else { CliError::failure(anyhow::anyhow!(text)) })
        }
    }
}

/// Without a terminal nobody can be asked: the plan is shown, and that is all.
fn refuse_silence(plan: &Plan, context: &mut Context<'_>) -> Result<(), CliError> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    let (verb, changes) = question(plan);
    let reason = format!(
        "there is no terminal to ask on whether to {verb} {changes}; nothing was written; give --yes to go ahead"
    );
    if context.json {
        let view = ChangeView { schema: SCHEMA, plan: Some(plan.into()), receipt: None, reason: Some(&reason) };
        context.print_json(&view)?;
    }
    Err(CliError::Usage(reason))
}

/// What is asked, as verb and object.
fn question(plan: &Plan) -> (&'static str, String) {
    match (plan.kind, plan.changes.len()) {
        (PlanKind::Apply, 0) => ("write", "this file".to_owned()),
        (PlanKind::Rollback(_), 0) => ("restore", "this file".to_owned()),
        (PlanKind::Apply, 1) => ("apply", "this change".to_owned()),
        (PlanKind::Apply, count) => ("apply", format!("these {count} changes")),
        (PlanKind::Rollback(_), 1) => ("restore", "this value".to_owned()),
        (PlanKind::Rollback(_), count) => ("restore", format!("these {count} values")),
    }
}

/// Asks on the terminal; only `y` and `yes` are a yes.
fn ask(plan: &Plan, context: &Context<'_>) -> Result<bool, CliError> {
    let (verb, changes) = question(plan);
    let stdin = std::io::stdin();
    let mut stderr = std::io::stderr();
    if context.json {
        // Standard output is for the program that reads the JSON; the person must see the plan all the same.
        write!(stderr, "{}", render_plan(plan, context.width, context.ascii))?;
    }
    write!(stderr, "\n{verb} {changes}? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Why nothing was written, with the exit code that fits.
pub(in crate::ui::cli) fn refusal(error: ApplyError) -> CliError {
    match &error {
        ApplyError::Sysctl { .. } if error.is_denied() => CliError::NotPermitted(format!(
            "{error}\nchanging network sysctls takes root, or CAP_NET_ADMIN in the user namespace that owns this \
             network namespace (in a container /proc/sys is mostly read-only: set them on the host or in the pod's \
             securityContext); run it with sudo"
        )),
        ApplyError::Contradiction { .. } => CliError::Usage(error.to_string()),
        ApplyError::Journal(journal) => journal_refusal(journal),
        _ if error.is_request() => CliError::Usage(error.to_string()),
        _ if error.is_denied() => CliError::NotPermitted(error.to_string()),
        _ => CliError::failure(error),
    }
}

/// Why the journal cannot be used, with the exit code that fits.
pub(in crate::ui::cli) fn journal_refusal(error: &JournalError) -> CliError {
    if error.is_denied() {
        CliError::NotPermitted(format!(
            "{error}; nothing was written; the journal belongs to root: run it with sudo, or choose another \
             directory with --state-dir"
        ))
    } else {
        CliError::failure(error.clone())
    }
}
