//! `tcpctl snapshot`.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::sockets::tell;
use crate::catalog;
use crate::collect::{Holders, RowsWanted, ShownStates, SocketRows, Source, read_cgroups};
use crate::snapshot::{
    Gap, GapKind, Redaction, RedactionKey, RowsWriter, Snapshot, StoredSnapshots, render_around_rows, render_stored,
};
use crate::ui::cli::args::SnapshotArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::named_file::{NamedFile, is_longer};
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::stored::{MOST_BYTES, without_rows};
use crate::ui::cli::{CliError, Exit};
use crate::ui::export::{Readers, check_replaceable, replace_file_with};
use crate::units::SysctlKey;

/// Bytes of rows that are gathered before they are written.
const GATHERED: usize = 64 << 10;

/// Reads twice, a window apart, and writes both readings as one document, with all sockets if they are asked for.
pub(in crate::ui::cli) fn run(args: &SnapshotArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let path = args.file.as_deref().filter(|path| *path != Path::new("-"));
    if let Some(path) = path {
        // What is in the way is said before the window is waited for.
        check_replaceable(path).map_err(CliError::Failure)?;
    }
    let mut stored = read(args.window, context)?;
    let mut hidden = match &args.redact_key {
        Some(path) => Some(Redaction::keyed(read_key(path)?)),
        None => args.redact.then(Redaction::default),
    };
    refuse_hidden(&stored, hidden.is_some())?;
    if let Some(hidden) = &mut hidden {
        hidden.redact(&mut stored);
    }
    let mut rows = open_rows(args, context)?;
    let mut gaps = Vec::new();
    match path {
        None => gaps = write_document(&stored, rows.as_mut(), hidden.as_mut(), &mut context.out)?,
        Some(path) => {
            let is_packed = path.extension().is_some_and(|extension| extension == "gz");
            let write = |file: &mut dyn Write| {
                gaps = if is_packed {
                    let mut packed = GzEncoder::new(file, Compression::default());
                    let gaps = write_document(&stored, rows.as_mut(), hidden.as_mut(), &mut packed)?;
                    packed.finish()?;
                    gaps
                } else {
                    write_document(&stored, rows.as_mut(), hidden.as_mut(), file)?
                };
                Ok(())
            };
            replace_file_with(path, Readers::Owner, write).map_err(CliError::Failure)?;
        }
    }
    tell(&gaps, context)?;
    Ok(Exit::Ok)
}

/// The secret of a file.
fn read_key(path: &Path) -> Result<RedactionKey, CliError> {
    /// Longer ones are no secrets but something else that was named by mistake.
    const MOST_BYTES: u64 = 4096;
    let file = NamedFile::new(path);
    let bytes = file.read(MOST_BYTES, String::new)?;
    if is_longer(&bytes, MOST_BYTES) {
        return Err(CliError::Usage(format!("{} is longer than 4 KiB, which no key is", file.named)));
    }
    RedactionKey::new(&bytes).map_err(|error| CliError::Usage(format!("{}: {error}", file.named)))
}

/// What is hidden already cannot be hidden otherwise: who it was is not known any more.
fn refuse_hidden(stored: &StoredSnapshots, hides: bool) -> Result<(), CliError> {
    if hides && stored.last().redacted.is_some() {
        return Err(CliError::Usage("the addresses of this snapshot are hidden already".to_owned()));
    }
    Ok(())
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

/// Sockets one by one, with who holds them.
struct Rows {
    sockets: SocketRows,
    holders: Holders,
    cgroups: std::collections::BTreeMap<u64, String>,
}

/// Those that are to be stored: all if they are asked for, and those that were stored before.
fn open_rows(args: &SnapshotArgs, context: &Context<'_>) -> Result<Option<Rows>, CliError> {
    let wanted = RowsWanted {
        filter: Default::default(),
        shown: ShownStates::All,
        ipv4: None,
        info: true,
        memory: true,
        filter_here: false,
    };
    if let Some(stored) = &context.stored {
        let Some(rows) = stored.rows() else { return if args.sockets { Err(without_rows()) } else { Ok(None) } };
        let sockets = SocketRows::stored(rows, None, wanted)?;
        return Ok(Some(Rows { sockets, holders: Holders::stored(rows), cgroups: rows.cgroups.clone() }));
    }
    if !args.sockets {
        return Ok(None);
    }
    let (netns, proc_root) = (context.netns.clone(), context.proc_root.clone());
    let source = Source { netns, proc_root, ..Source::own(Vec::new()) };
    let sockets = SocketRows::open(&source, wanted)?;
    Ok(Some(Rows { sockets, holders: Holders::read(&context.proc_root), cgroups: read_cgroups() }))
}

/// Writes the readings, and the sockets as they come; nothing is kept of these. What could not be read of them is
/// stored and given back.
fn write_document(
    stored: &StoredSnapshots,
    rows: Option<&mut Rows>,
    mut hidden: Option<&mut Redaction>,
    out: &mut dyn Write,
) -> Result<Vec<Gap>, CliError> {
    let Some(Rows { sockets, holders, cgroups }) = rows else {
        let text = render_stored(stored).map_err(CliError::failure)?;
        out.write_all(text.as_bytes())?;
        return Ok(Vec::new());
    };
    let (before, behind) = render_around_rows(stored).map_err(CliError::failure)?;
    let mut writer = RowsWriter::default();
    let begin = writer.begin(sockets.devices()).map_err(CliError::failure)?;
    let mut text = [before, begin].concat().into_bytes();
    let (mut record, mut written, mut failed) = (Vec::new(), 0, Ok(()));
    let walked = sockets.walk(|found| {
        record.clear();
        found.push_stored(|address| hidden.as_mut().map_or(address, |hidden| hidden.stand_in(address)), &mut record);
        writer.push(&record, holders.of(found.inode()).map(|owner| owner.pid), &mut text);
        if text.len() >= GATHERED {
            written += u64::try_from(text.len()).unwrap_or(u64::MAX);
            failed = out.write_all(&text);
            text.clear();
        }
        // What stands behind them fits into a tenth.
        let is_enough = written > MOST_BYTES / 10 * 9;
        if failed.is_err() || is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    failed?;
    let mut gaps = walked?;
    if written > MOST_BYTES / 10 * 9 {
        let consequence = "the sockets behind the first ones are not stored";
        gaps.push(Gap::new("every socket", GapKind::Failed, "a snapshot is not longer than 1 GiB", consequence));
    }
    gaps.extend(holders.gap());
    let processes: Vec<_> = holders.met().cloned().collect();
    let end = writer.finish(&processes, cgroups, &gaps).map_err(CliError::failure)?;
    text.extend([end.as_str(), behind].concat().into_bytes());
    out.write_all(&text)?;
    Ok(gaps)
}
