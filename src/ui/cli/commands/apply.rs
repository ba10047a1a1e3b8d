//! `tcpctl apply`.

use super::plan;
use crate::tune::plan_profile;
use crate::ui::cli::args::{ApplyArgs, PlanArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit, change, choose};

/// Runs `tcpctl apply`.
pub(in crate::ui::cli) fn run(args: &ApplyArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.dry_run {
        return plan::run(&PlanArgs { choice: args.choice.clone() }, context);
    }
    let (profile, _) = choose::profile(&args.choice)?;
    let snapshot = read_snapshot(context, Depth::Sockets, profile.rules.keys().cloned())?;
    change::carry_out(&plan_profile(&profile, &snapshot), args.yes, context)
}
