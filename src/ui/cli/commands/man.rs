//! `tcpctl man`.

use anyhow::Context as _;
use clap::CommandFactory;

use crate::report::{render_metrics_manual, render_profile_manual, render_rules_manual, render_scenario_manual};
use crate::ui::cli::args::{Cli, ManArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// The scenario that the page on their format shows.
const EXAMPLE: &str = include_str!("../../../../scenarios/overtaken-syn.toml");

/// Writes the manual pages: one for the program and one for each verb, made from the argument definitions, and those
/// of the formats of scenarios and profiles of the rules and of the metrics, made from their tables.
pub(in crate::ui::cli) fn run(args: &ManArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    clap_mangen::generate_to(Cli::command(), &args.dir)
        .with_context(|| format!("cannot write manual pages to {}", args.dir.display()))
        .map_err(CliError::Failure)?;
    let tables = [
        ("tcpctl-scenario.5", render_scenario_manual(EXAMPLE)),
        ("tcpctl-profile.5", render_profile_manual()),
        ("tcpctl-rules.7", render_rules_manual()),
        ("tcpctl-metrics.7", render_metrics_manual()),
    ];
    for (name, text) in tables {
        let page = args.dir.join(name);
        std::fs::write(&page, text)
            .with_context(|| format!("cannot write {}", page.display()))
            .map_err(CliError::Failure)?;
    }
    writeln!(context.out, "{}", args.dir.display())?;
    Ok(Exit::Ok)
}
