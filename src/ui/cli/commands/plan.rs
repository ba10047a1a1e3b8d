//! `tcpctl plan`.

use crate::report::{Export, PlanView, render_export, render_plan, render_plan_diff};
use crate::ui::cli::args::{ExportFormat, PlanArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, change, choose};

/// Runs `tcpctl plan`.
pub(in crate::ui::cli) fn run(args: &PlanArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if context.json && (args.diff || args.export.is_some()) {
        let option = if args.diff { "--diff" } else { "--export" };
        return Err(CliError::Usage(format!("{option} is text for other tools, and cannot be used with --json")));
    }
    let plan = choose::plan(&args.choice, context)?;
    let export = args.export.map(|format| match format {
        ExportFormat::SysctlD => Export::SysctlD,
        ExportFormat::Ansible => Export::Ansible,
        ExportFormat::Kubernetes => Export::Kubernetes,
        ExportFormat::Tuned => Export::Tuned,
    });
    if let Some(format) = export {
        change::refuse_blind(&plan)?;
        change::refuse_contradictions(&plan)?;
        write!(context.out, "{}", render_export(&plan, format))?;
    } else if args.diff {
        write!(context.out, "{}", render_plan_diff(&plan))?;
    } else if context.json {
        context.print_json(&PlanView::from(&plan))?;
    } else {
        write!(context.out, "{}", render_plan(&plan, context.width, context.ascii))?;
    }
    context.out.flush()?;
    change::refuse_blind(&plan)?;
    // Such a plan would not be applied.
    let refused = plan.contradictions().next().is_some() || plan.unmet().next().is_some() || plan.is_inapplicable();
    Ok(if refused { Exit::Findings } else { Exit::Ok })
}
