//! `tcpctl apply`.

use crate::ui::cli::args::ApplyArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl apply`.
pub(in crate::ui::cli) fn run(_args: &ApplyArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
