//! `tcpctl snapshot`.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::catalog;
use crate::snapshot::{Snapshot, StoredSnapshots, redact, render_stored};
use crate::ui::cli::args::SnapshotArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};
use crate::ui::export::{Readers, check_replaceable, replace_file};
use crate::units::SysctlKey;

/// Reads twice, a window apart, and writes both readings as one document.
pub(in crate::ui::cli) fn run(args: &SnapshotArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let path = args.file.as_deref().filter(|path| *path != Path::new("-"));
    if let Some(path) = path {
        // What is in the way is said before the window is waited for.
        check_replaceable(path).map_err(CliError::Failure)?;
    }
    let mut stored = read(args.window, context)?;
    if args.redact {
        redact(&mut stored);
    }
    let text = render_stored(&stored).map_err(CliError::failure)?;
    let Some(path) = path else {
        write!(context.out, "{text}")?;
        return Ok(Exit::Ok);
    };
    let bytes = if path.extension().is_some_and(|extension| extension == "gz") { packed(&text)? } else { text.into() };
    replace_file(path, &bytes, Readers::Owner).map_err(CliError::Failure)?;
    Ok(Exit::Ok)
}

fn read(window_ms: u64, context: &Context<'_>) -> Result<StoredSnapshots, CliError> {
    if let Some(stored) = &context.stored {
        return Ok(stored.clone());
    }
    let read = || -> Result<Snapshot, CliError> { read_snapshot(context, Depth::Processes, every_key()) };
    let first = read()?;
    if window_ms == 0 {
        return Ok(StoredSnapshots::new(Vec::new(), first));
    }
    std::thread::sleep(Duration::from_millis(window_ms));
    Ok(StoredSnapshots::new(vec![first], read()?))
}

/// Every sysctl that is known, so that any question may be asked of the file.
fn every_key() -> impl Iterator<Item = SysctlKey> {
    catalog::parameters().filter_map(|parameter| parameter.key.parse().ok())
}

fn packed(text: &str) -> Result<Vec<u8>, CliError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).map_err(CliError::failure)
}
