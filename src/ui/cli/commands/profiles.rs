//! `tcpctl profiles`.

use crate::ui::cli::args::ProfilesArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Runs `tcpctl profiles`.
pub(in crate::ui::cli) fn run(_args: &ProfilesArgs, _context: &mut Context<'_>) -> Result<Exit, CliError> {
    Err(CliError::failure(anyhow::anyhow!("not built yet")))
}
