//! `tcpctl serve`.

use std::path::Path;

use crate::collect::{SocketReading, Source, live};
use crate::model::Settings;
use crate::report::render_openmetrics;
use crate::ui::cli::args::ServeArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};
use crate::ui::export::write_textfile;
use crate::units::SysctlKey;

/// Reads once and writes the metrics to the file, or to standard output for `-`.
pub(in crate::ui::cli) fn run(args: &ServeArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let keys: Result<Vec<SysctlKey>, _> = Settings::keys().map(str::parse).collect();
    let source = Source {
        proc_root: context.proc_root.clone(),
        netns: context.netns.clone(),
        keys: keys.map_err(CliError::failure)?,
        sockets: SocketReading::Best,
        processes: true,
    };
    let text = render_openmetrics(&live(&source)?);
    if args.textfile == "-" {
        write!(context.out, "{text}")?;
    } else {
        write_textfile(Path::new(&args.textfile), &text).map_err(CliError::Failure)?;
    }
    Ok(Exit::Ok)
}
