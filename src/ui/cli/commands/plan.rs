//! `tcpctl plan`.

use crate::ui::cli::args::PlanArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl plan`.
pub(in crate::ui::cli) fn run(_args: &PlanArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
