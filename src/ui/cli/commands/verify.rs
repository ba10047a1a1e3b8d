//! `tcpctl verify`.

use crate::report::{VerificationView, has_drift, render_verification};
use crate::tune::{KeptWhere, read_keeping};
use crate::ui::cli::args::VerifyArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, change, choose};

/// Runs `tcpctl verify`.
pub(in crate::ui::cli) fn run(args: &VerifyArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let plan = choose::plan(&args.choice, context)?;
    let target = change::target(context);
    let wanted = KeptWhere {
        directory: args.sysctl_dir.as_deref().map(std::path::absolute).transpose()?,
        root: args.choice.root.as_deref().map(std::path::absolute).transpose()?,
        booted: choose::boot_root(None, plan.netns_initial, context).is_some(),
    };
    let history = target.state_dir().history();
    let keeping = read_keeping(&plan, history.as_ref(), target.place().ok().as_ref(), &wanted);
    if context.json {
        context.print_json(&VerificationView::new(&plan, &keeping))?;
    } else {
        write!(context.out, "{}", render_verification(&plan, &keeping, context.width, context.ascii))?;
    }
    Ok(if has_drift(&plan, &keeping) { Exit::Findings } else { Exit::Ok })
}
