//! `tcpctl man`.

use anyhow::Context as _;
use clap::CommandFactory;

use crate::ui::cli::args::{Cli, ManArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Writes the manual pages, made from the argument definitions.
pub(in crate::ui::cli) fn run(args: &ManArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command().disable_help_flag(false)).render(&mut page)?;
    let path = args.dir.join("tcpctl.1");
    std::fs::write(&path, page)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(CliError::Failure)?;
    writeln!(context.out, "{}", path.display())?;
    Ok(Exit::Ok)
}
