//! `tcpctl status`.

use serde::Serialize;

use super::namespaces;
use crate::diagnose::{diagnose, headlines};
use crate::report::{StatusView, render_pace, render_status};
use crate::snapshot::{Snapshot, StoredSnapshots};
use crate::ui::cli::args::{Detail, StatusArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::pace::{Pace, Step};
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
        // A program that is loaded once pays where it is read again and again.
        Some(Detail::Sums) if args.watch.is_some() => Depth::SumsAndQueues,
        Some(Detail::Sums) => Depth::Sums,
        Some(Detail::States) => Depth::States,
        Some(Detail::All) => Depth::Processes,
    };
    let Some(interval_ms) = args.watch else {
        let snapshot = read_snapshot(context, depth, keys())?;
        let earlier = context.stored.as_ref().and_then(StoredSnapshots::first);
        print(&view(&snapshot, earlier), context, None)?;
        return Ok(Exit::Ok);
    };
    watch(depth, Pace::new(interval_ms, args.cpu_share), args.count, context)
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
fn watch(depth: Depth, mut pace: Pace, count: Option<u64>, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut earlier = None;
    let mut printed = 0;
    loop {
        let snapshot = read_snapshot(context, depth, keys())?;
        let status = view(&snapshot, earlier.as_ref());
        print(&status, context, Some(pace.step()))?;
        context.out.flush()?;
        earlier = Some(snapshot);
        printed += 1;
        if count.is_some_and(|count| printed >= count) {
            return Ok(Exit::Ok);
        }
        pace.wait();
    }
}

/// A reading among several, as a line of JSON.
#[derive(Serialize)]
struct Watched<'a> {
    #[serde(flatten)]
    status: &'a StatusView,
    cpu_us: u64,
    interval_us: u64,
}

/// One line of JSON when watching, for readers line by line; indented otherwise.
fn print(status: &StatusView, context: &mut Context<'_>, step: Option<Step>) -> Result<(), CliError> {
    match (context.json, step) {
        (true, Some(Step { cost_us: cpu_us, interval_us, .. })) => {
            let watched = Watched { status, cpu_us, interval_us };
            writeln!(context.out, "{}", serde_json::to_string(&watched).map_err(CliError::failure)?)?;
        }
        (true, None) => {
            writeln!(context.out, "{}", serde_json::to_string_pretty(status).map_err(CliError::failure)?)?;
        }
        (false, step) => {
            write!(context.out, "{}", render_status(status, context.width, context.ascii))?;
            if let Some(Step { cost_us, asked_us, interval_us, share_percent }) = step {
                // Nothing is said of an interval that is as it was asked for.
                if interval_us > asked_us {
                    writeln!(context.out, "\n{}", render_pace(asked_us, interval_us, cost_us, share_percent))?;
                }
                writeln!(context.out)?;
            }
        }
    }
    Ok(())
}
