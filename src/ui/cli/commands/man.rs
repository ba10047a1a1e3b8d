//! `tcpctl man`.

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory;

use crate::report::{
    render_metrics_manual, render_profile_manual, render_rules_manual, render_scenario_manual, render_snapshot_manual,
    render_topics_manual, tidy_manual,
};
use crate::ui::cli::args::{Cli, ManArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};

/// The scenario that the page on their format shows.
const EXAMPLE: &str = include_str!("../../../../scenarios/overtaken-syn.toml");

/// Writes the manual pages: one for the program and one for each verb, made from the argument definitions, and those
/// of the formats of scenarios, profiles and snapshots, of the rules, the metrics and the topics, made from their tables.
pub(in crate::ui::cli) fn run(args: &ManArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    clap_mangen::generate_to(Cli::command(), &args.dir)
        .with_context(|| format!("cannot write manual pages to {}", args.dir.display()))
        .map_err(CliError::Failure)?;
    tidy_commands(&args.dir)?;
    let tables = [
        ("tcpctl-scenario.5", render_scenario_manual(EXAMPLE)),
        ("tcpctl-profile.5", render_profile_manual()),
        ("tcpctl-snapshot.5", render_snapshot_manual()),
        ("tcpctl-rules.7", render_rules_manual()),
        ("tcpctl-metrics.7", render_metrics_manual()),
        ("tcpctl-topics.7", render_topics_manual()),
    ];
    for (name, text) in tables {
        let page = args.dir.join(name);
        std::fs::write(&page, tidy_manual(name, &text))
            .with_context(|| format!("cannot write {}", page.display()))
            .map_err(CliError::Failure)?;
    }
    writeln!(context.out, "{}", args.dir.display())?;
    Ok(Exit::Ok)
}

/// Tidies the pages of the commands, which are written as their arguments are laid out.
fn tidy_commands(directory: &Path) -> Result<(), CliError> {
    let mut names = vec!["tcpctl.1".to_owned()];
    let visible = Cli::command();
    names.extend(
        visible
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .map(|command| format!("tcpctl-{}.1", command.get_name())),
    );
    for name in names {
        let page = directory.join(&name);
        let tidied = std::fs::read_to_string(&page).and_then(|raw| std::fs::write(&page, tidy_manual(&name, &raw)));
        tidied.with_context(|| format!("cannot tidy {}", page.display())).map_err(CliError::Failure)?;
    }
    Ok(())
}
