//! `tcpctl simulate`.

use crate::explain::{Overrides, simulate};
use crate::model::IpVersion;
use crate::report::{DiagramStyle, SimulationView, render_simulation};
use crate::ui::cli::args::SimulateArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::drawing::print_diagram;
use crate::ui::cli::scenario_text::ScenarioText;
use crate::ui::cli::{CliError, Exit};

/// Plays the scenario of a file.
pub(in crate::ui::cli) fn run(args: &SimulateArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let text = ScenarioText::read(&args.file)?;
    let family = args.ipv6.then_some(IpVersion::V6);
    let overrides = Overrides { family, ..args.premises.overrides(&args.set)? };
    let host = context.premises(args.premises.defaults)?;
    let scenario = text.scenario(&host, &overrides)?;
    let simulation = simulate(scenario);
    match args.drawing.diagram {
        Some(format) => print_diagram(&simulation, format, &text.name, &args.drawing, context)?,
        None if context.json => context.print_json(&SimulationView::from(&simulation))?,
        None => {
            let style = DiagramStyle { width: context.width, ascii: context.ascii };
            write!(context.out, "{}", render_simulation(&simulation, style))?;
        }
    }
    Ok(Exit::Ok)
}
