//! `tcpctl lab`.

use crate::ui::cli::args::LabArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl lab`.
pub(in crate::ui::cli) fn run(_args: &LabArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
