//! `tcpctl apply`.

use super::plan;
use crate::ui::cli::args::{ApplyArgs, PlanArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, change, choose};

/// Runs `tcpctl apply`.
pub(in crate::ui::cli) fn run(args: &ApplyArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.dry_run {
        return plan::run(&PlanArgs { choice: args.choice.clone() }, context);
    }
    let plan = choose::plan(&args.choice, context)?;
    change::carry_out(&plan, args.yes, context)
}
