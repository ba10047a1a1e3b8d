//! `tcpctl listeners`.

use crate::report::{ListenersView, render_listeners};
use crate::ui::cli::args::ListenersArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl listeners`.
pub(in crate::ui::cli) fn run(args: &ListenersArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let snapshot = read_snapshot(context, Depth::Listeners, [])?;
    let view = ListenersView::new(&snapshot, args.port);
    if context.json {
        writeln!(context.out, "{}", serde_json::to_string_pretty(&view).map_err(CliError::failure)?)?;
    } else {
        write!(context.out, "{}", render_listeners(&view, context.width, context.ascii))?;
    }
    Ok(Exit::Ok)
}
