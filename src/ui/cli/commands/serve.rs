//! `tcpctl serve`.

use crate::ui::cli::args::ServeArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl serve`.
pub(in crate::ui::cli) fn run(_args: &ServeArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
