//! `tcpctl diagnose`.

use crate::ui::cli::args::DiagnoseArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl diagnose`.
pub(in crate::ui::cli) fn run(_args: &DiagnoseArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
