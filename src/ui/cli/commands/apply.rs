//! `tcpctl apply`.

use std::path::Path;

use super::{plan, rollback};
use crate::tune::{Plan, Wishes, plan_persist};
use crate::ui::cli::args::{ApplyArgs, PlanArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::tune_args::SYSCTL_DIR;
use crate::ui::cli::{CliError, Exit, change, choose};

/// Why no file is written for a namespace that is not the one that the host boots into.
const NOT_BOOTED_INTO: &str = "--persist: this is not known to be the network namespace that the host boots into, and \
                               what reads a file in /etc/sysctl.d at boot sets the values there; nothing was written; \
                               apply it outside the container or namespace, or name the directory that is read here \
                               with --sysctl-dir";

/// Runs `tcpctl apply`.
pub(in crate::ui::cli) fn run(args: &ApplyArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.dry_run {
        return plan::run(&PlanArgs { choice: args.choice.clone(), diff: false, export: None }, context);
    }
    // Options of every command are not known to those of one, so that the parser cannot refuse this.
    if args.persist && context.netns.is_some() {
        return Err(CliError::Usage(
            "--persist cannot be used with --netns: a file in sysctl.d is for the network namespace that the host boots \
             into; nothing was written"
                .to_owned(),
        ));
    }
    let plan = choose::plan_completed(&args.choice, context, |plan| match args.persist {
        true => persist(plan, args, context),
        false => Ok(()),
    })?;
    let wishes = Wishes {
        why: args.why.clone(),
        confirm_within_ms: args.confirm,
        waiting: rollback::waiting(args.wait),
        unless_confirmed: None,
    };
    change::carry_out(&plan, args.yes, &wishes, context)
}

/// Adds to the plan what it makes of the file that keeps values across boots.
fn persist(plan: &mut Plan, args: &ApplyArgs, context: &Context<'_>) -> Result<(), CliError> {
    let target = change::target(context);
    let history = target.state_dir().history().map_err(|error| change::journal_refusal(&error))?;
    let directory = match &args.sysctl_dir {
        Some(directory) => std::path::absolute(directory)?,
        None if let Some(root) = &args.choice.root => std::path::absolute(root)?.join("etc/sysctl.d"),
        None if plan.netns_initial == Some(true) && context.proc_root == Path::new("/proc") => SYSCTL_DIR.into(),
        None => return Err(CliError::Usage(NOT_BOOTED_INTO.to_owned())),
    };
    plan_persist(plan, &history, &directory, args.force).map_err(|error| change::refusal(error.into()))
}
