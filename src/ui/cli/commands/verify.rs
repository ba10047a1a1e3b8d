//! `tcpctl verify`.

use crate::report::{VerificationView, render_verification};
use crate::ui::cli::args::VerifyArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, choose};

/// Runs `tcpctl verify`.
pub(in crate::ui::cli) fn run(args: &VerifyArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let plan = choose::plan(&args.choice, context)?;
    if context.json {
        context.print_json(&VerificationView::from(&plan))?;
    } else {
        write!(context.out, "{}", render_verification(&plan, context.width, context.ascii))?;
    }
    Ok(if plan.has_drift() { Exit::Findings } else { Exit::Ok })
}
