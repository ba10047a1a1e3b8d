//! `tcpctl simulate`.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::explain::{find_topic, read_scenario, simulate};
use crate::report::{DiagramStyle, SimulationView, render_simulation};
use crate::ui::cli::args::SimulateArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::drawing::print_diagram;
use crate::ui::cli::{CliError, Exit};

/// More than this is no scenario that a person wrote.
const MOST_BYTES: u64 = 1 << 20;

/// Plays the scenario of a file.
pub(in crate::ui::cli) fn run(args: &SimulateArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let (name, file) = names(&args.file);
    let text = read_text(&args.file, &file)?;
    let overrides = args.premises.overrides(&args.set)?;
    let host = context.premises(args.premises.defaults)?;
    let scenario =
        read_scenario(&name, &file, &text, &host, &overrides).map_err(|error| CliError::Usage(error.to_string()))?;
    let simulation = simulate(scenario);
    match args.drawing.diagram {
        Some(format) => print_diagram(&simulation, format, &name, &args.drawing, context)?,
        None if context.json => context.print_json(&SimulationView::from(&simulation))?,
        None => {
            let style = DiagramStyle { width: context.width, ascii: context.ascii };
            write!(context.out, "{}", render_simulation(&simulation, style))?;
        }
    }
    Ok(Exit::Ok)
}

/// The scenario's name, and the file's as mistakes are told.
fn names(path: &Path) -> (String, String) {
    if is_standard_input(path) {
        return ("standard input".to_owned(), "standard input".to_owned());
    }
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    (stem.to_string_lossy().into_owned(), path.display().to_string())
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// The text; a file that is not there or is no text is a mistake of the caller.
fn read_text(path: &Path, file: &str) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let read = if is_standard_input(path) {
        std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|opened| opened.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        let topic =
            find_topic(file).map_or(String::new(), |topic| format!("; to play the topic: tcpctl explain {}", topic.id));
        let message = format!("cannot read {file}: {error}{topic}");
        match error.kind() {
            ErrorKind::PermissionDenied => CliError::NotPermitted(message),
            _ => CliError::Usage(message),
        }
    })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(CliError::Usage(format!("{file} is longer than 1 MiB, which is no scenario")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        CliError::Usage(format!("{file}: line {line} is not UTF-8; save the file in that encoding"))
    })
}
