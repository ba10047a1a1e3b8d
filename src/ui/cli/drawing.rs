//! Diagrams, to standard output or to a file.

use super::CliError;
use super::args::{DiagramFormat, DrawingArgs};
use super::context::Context;
use crate::report::{Pictured, render_mermaid, render_svg};
use crate::ui::export::{Readers, replace_file};

/// Prints the diagram of a course, or writes it to the file that was asked for; `name` is what has the course.
pub(super) fn print_diagram<'a>(
    pictured: impl Into<Pictured<'a>>,
    format: DiagramFormat,
    name: &str,
    args: &DrawingArgs,
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    if context.json {
        return Err(CliError::Usage("--diagram prints a diagram and --json JSON: leave out one".to_owned()));
    }
    let drawn = match format {
        DiagramFormat::Svg => render_svg(pictured),
        DiagramFormat::Mermaid => render_mermaid(pictured),
    };
    let drawn =
        drawn.ok_or_else(|| CliError::Usage(format!("there is nothing to draw: {name} has no course of events")))?;
    match &args.output {
        None => write!(context.out, "{drawn}")?,
        Some(path) => replace_file(path, drawn.as_bytes(), Readers::All).map_err(CliError::Failure)?,
    }
    Ok(())
}
