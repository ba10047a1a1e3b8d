//! `tcpctl verify`.

use crate::ui::cli::args::VerifyArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl verify`.
pub(in crate::ui::cli) fn run(_args: &VerifyArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
