//! `tcpctl plan`.

use crate::report::{PlanView, render_plan};
use crate::tune::plan_profile;
use crate::ui::cli::args::PlanArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit, change, choose};

/// Runs `tcpctl plan`.
pub(in crate::ui::cli) fn run(args: &PlanArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let (profile, _) = choose::profile(&args.choice)?;
    let snapshot = read_snapshot(context, Depth::Sockets, profile.rules.keys().cloned())?;
    let plan = plan_profile(&profile, &snapshot);
    if context.json {
        context.print_json(&PlanView::from(&plan))?;
    } else {
        write!(context.out, "{}", render_plan(&plan, context.width, context.ascii))?;
    }
    context.out.flush()?;
    change::refuse_blind(&plan)?;
    Ok(Exit::Ok)
}
