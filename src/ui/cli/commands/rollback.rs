//! `tcpctl rollback`.

use crate::ui::cli::args::RollbackArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl rollback`.
pub(in crate::ui::cli) fn run(_args: &RollbackArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
