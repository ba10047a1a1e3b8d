//! `tcpctl status`.

use crate::ui::cli::args::StatusArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl status`.
pub(in crate::ui::cli) fn run(_args: &StatusArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
