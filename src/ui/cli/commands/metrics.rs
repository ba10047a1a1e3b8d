//! `tcpctl metrics`.

use crate::report::{DashboardView, MetricsView, render_alerts, render_metrics_list};
use crate::ui::cli::args::{MetricsArgs, MetricsWhat};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Prints what is made from the tables, and reads nothing.
pub(in crate::ui::cli) fn run(args: &MetricsArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    match args.what {
        MetricsWhat::List if context.json => context.print_json(&MetricsView::new())?,
        MetricsWhat::List => write!(context.out, "{}", render_metrics_list(context.width))?,
        // YAML is what Prometheus reads; there is no other form.
        MetricsWhat::Alerts => write!(context.out, "{}", render_alerts())?,
        MetricsWhat::Dashboard => context.print_json(&DashboardView::new())?,
    }
    Ok(Exit::Ok)
}
