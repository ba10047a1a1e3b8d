//! `tcpctl verify`.

use crate::report::{VerificationView, render_verification};
use crate::tune::plan_profile;
use crate::ui::cli::args::VerifyArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit, choose};

/// Runs `tcpctl verify`.
pub(in crate::ui::cli) fn run(args: &VerifyArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let (profile, _) = choose::profile(&args.choice)?;
    let snapshot = read_snapshot(context, Depth::Sockets, profile.rules.keys().cloned())?;
    let plan = plan_profile(&profile, &snapshot);
    if context.json {
        context.print_json(&VerificationView::from(&plan))?;
    } else {
        write!(context.out, "{}", render_verification(&plan, context.width, context.ascii))?;
    }
    Ok(if plan.has_drift() { Exit::Findings } else { Exit::Ok })
}
