//! `tcpctl status`.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::namespaces;
use crate::diagnose::{diagnose, headlines};
use crate::report::{StatusView, render_status};
use crate::snapshot::{Snapshot, StoredSnapshots};
use crate::ui::cli::args::{Detail, StatusArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};
use crate::units::SysctlKey;

/// Runs `tcpctl status`.
pub(in crate::ui::cli) fn run(args: &StatusArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.all_netns {
        // The parser does not look for conflicts of options that every command has.
        if context.netns.is_some() {
            return Err(CliError::Usage("--all-netns reads every namespace: leave out --netns".to_owned()));
        }
        return namespaces::run(context);
    }
    let depth = match args.detail {
        None => Depth::Fitting,
        Some(Detail::Sums) => Depth::Sums,
        Some(Detail::States) => Depth::States,
        Some(Detail::All) => Depth::Processes,
    };
    let Some(interval_ms) = args.watch else {
        let snapshot = read_snapshot(context, depth, keys())?;
        let earlier = context.stored.as_ref().and_then(StoredSnapshots::first);
        print(&view(&snapshot, earlier), context, false)?;
        return Ok(Exit::Ok);
    };
    watch(depth, Duration::from_millis(interval_ms), args.count, context)
}

/// The sysctls that the screen shows.
fn keys() -> impl Iterator<Item = SysctlKey> {
    StatusView::keys().filter_map(|key| key.parse().ok())
}

/// The status with what the rules say of it.
fn view(now: &Snapshot, earlier: Option<&Snapshot>) -> StatusView {
    StatusView::new(now, earlier, &headlines(&diagnose(now, earlier)))
}

/// Prints again and again, each time with the rates since the reading before.
///
/// The first reading is printed with totals, so that something is seen at once; it counts as one.
fn watch(depth: Depth, interval: Duration, count: Option<u64>, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut earlier = None;
    let mut due = Instant::now();
    let mut printed = 0;
    loop {
        let snapshot = read_snapshot(context, depth, keys())?;
        print(&view(&snapshot, earlier.as_ref()), context, true)?;
        context.out.flush()?;
        earlier = Some(snapshot);
        printed += 1;
        if count.is_some_and(|count| printed >= count) {
            return Ok(Exit::Ok);
        }
        // From the time it was due, so that the time for reading does not add up; a reading that took longer
        // than the interval is followed at once and not by several.
        due = (due + interval).max(Instant::now());
        sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// One line of JSON when watching, for readers line by line; indented otherwise.
fn print(status: &StatusView, context: &mut Context<'_>, watching: bool) -> Result<(), CliError> {
    match (context.json, watching) {
        (true, true) => writeln!(context.out, "{}", serde_json::to_string(status).map_err(CliError::failure)?)?,
        (true, false) => {
            writeln!(context.out, "{}", serde_json::to_string_pretty(status).map_err(CliError::failure)?)?;
        }
        (false, _) => {
            write!(context.out, "{}", render_status(status, context.width, context.ascii))?;
            if watching {
                writeln!(context.out)?;
            }
        }
    }
    Ok(())
}
