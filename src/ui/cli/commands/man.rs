//! `tcpctl man`.

use anyhow::Context as _;
use clap::CommandFactory;

use crate::ui::cli::args::{Cli, ManArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Writes the manual pages, one for the program and one for each verb, made from the argument definitions.
pub(in crate::ui::cli) fn run(args: &ManArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    clap_mangen::generate_to(Cli::command(), &args.dir)
        .with_context(|| format!("cannot write manual pages to {}", args.dir.display()))
        .map_err(CliError::Failure)?;
    writeln!(context.out, "{}", args.dir.display())?;
    Ok(Exit::Ok)
}
