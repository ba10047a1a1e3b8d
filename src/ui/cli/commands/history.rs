//! `tcpctl history`.

use crate::ui::cli::args::HistoryArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl history`.
pub(in crate::ui::cli) fn run(_args: &HistoryArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
