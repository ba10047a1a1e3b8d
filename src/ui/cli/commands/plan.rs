//! `tcpctl plan`.

use crate::report::{PlanView, render_plan};
use crate::ui::cli::args::PlanArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, change, choose};

/// Runs `tcpctl plan`.
pub(in crate::ui::cli) fn run(args: &PlanArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let plan = choose::plan(&args.choice, context)?;
    if context.json {
        context.print_json(&PlanView::from(&plan))?;
    } else {
        write!(context.out, "{}", render_plan(&plan, context.width, context.ascii))?;
    }
    context.out.flush()?;
    change::refuse_blind(&plan)?;
    Ok(Exit::Ok)
}
