//! `tcpctl listeners`.

use crate::ui::cli::args::ListenersArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl listeners`.
pub(in crate::ui::cli) fn run(_args: &ListenersArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
