//! `tcpctl explain`.

use crate::ui::cli::args::ExplainArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl explain`.
pub(in crate::ui::cli) fn run(_args: &ExplainArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
