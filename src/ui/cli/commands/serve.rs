//! `tcpctl serve`.

use std::path::Path;

use crate::diagnose::diagnose;
use crate::report::render_openmetrics;
use crate::snapshot::StoredSnapshots;
use crate::ui::cli::args::ServeArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};
use crate::ui::export::{Readers, replace_file};

/// Reads once and writes the metrics to the file, or to standard output for `-`.
pub(in crate::ui::cli) fn run(args: &ServeArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let snapshot = read_snapshot(context, Depth::Processes, [])?;
    let earlier = context.stored.as_ref().and_then(StoredSnapshots::first);
    let text = render_openmetrics(&snapshot, &diagnose(&snapshot, earlier));
    if args.textfile == "-" {
        write!(context.out, "{text}")?;
    } else {
        replace_file(Path::new(&args.textfile), text.as_bytes(), Readers::All).map_err(CliError::Failure)?;
    }
    Ok(Exit::Ok)
}
