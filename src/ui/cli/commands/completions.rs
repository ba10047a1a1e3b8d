//! `tcpctl completions`.

use clap::CommandFactory;

use crate::ui::cli::args::{Cli, CompletionsArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// Prints a completion script, made from the argument definitions.
pub(in crate::ui::cli) fn run(args: &CompletionsArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tcpctl", &mut script);
    context.out.write_all(&script)?;
    Ok(Exit::Ok)
}
