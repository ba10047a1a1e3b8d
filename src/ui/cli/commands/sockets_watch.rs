//! `tcpctl sockets --watch`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;

use super::sockets::{Forecaster, limit, style, tell};
use super::sockets_places::Places;
use crate::collect::{Holders, SocketRows};
use crate::report::{SocketChange, SocketChanges, SocketWriter, WatchReading, render_watch};
use crate::snapshot::Gap;
use crate::ui::cli::args_sockets::SocketsArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::pace::{Pace, Step};
use crate::ui::cli::{CliError, Exit};

/// Lines of a screen that are not sockets: what is said of the reading, the heading, and the prompt.
const OTHER_LINES: usize = 4;

/// Prints the sockets, and then again and again: on a terminal a screen full of them with what changed, elsewhere
/// only what changed.
pub(super) fn run(
    args: &SocketsArgs,
    interval_ms: u64,
    places: &Places,
    context: &mut Context<'_>,
) -> Result<Exit, CliError> {
    let (mut rows, cgroups) = (places.open()?, places.cgroups(args));
    let mut pace = Pace::new(interval_ms, args.cpu_share);
    let screen = if context.json { None } else { screen_lines() };
    let mut changes = SocketChanges::default();
    let forecaster = Forecaster::wanted(args, context)?;
    let mut told = Vec::new();
    for number in 1.. {
        let (mut reading, gaps) =
            read((args, forecaster.as_ref(), &cgroups), &mut rows, &mut changes, screen, context)?;
        let Step { cost_us, asked_us, interval_us, share_percent } = pace.step();
        reading = WatchReading { number, cost_us, asked_us, interval_us, ..reading };
        write!(context.out, "{}", render_watch(&reading, share_percent, context.json))?;
        context.out.flush()?;
        if gaps != told {
            tell(&gaps, context)?;
            told = gaps;
        }
        if args.count.is_some_and(|count| number >= count) {
            break;
        }
        pace.wait();
    }
    Ok(Exit::Ok)
}

/// Lines of the terminal that sockets may take; nothing when standard output is none.
fn screen_lines() -> Option<usize> {
    let (_, lines) = crossterm::terminal::size().ok().filter(|_| std::io::stdout().is_terminal())?;
    Some(usize::from(lines).saturating_sub(OTHER_LINES).max(1))
}

/// One reading, written but for what is said of it.
fn read(
    (args, forecaster, cgroups): (&SocketsArgs, Option<&Forecaster>, &BTreeMap<u64, String>),
    rows: &mut SocketRows,
    changes: &mut SocketChanges,
    screen: Option<usize>,
    context: &mut Context<'_>,
) -> Result<(WatchReading, Vec<Gap>), CliError> {
    let mut holders = args.processes.then(|| Holders::read(&context.proc_root));
    let devices = rows.devices().clone();
    changes.begin();
    let first = changes.is_first();
    let mut style = style(args, 0, context);
    // Below the first reading only changes follow, under the same heading.
    style.heading &= first || screen.is_some();
    let mut writer = SocketWriter::new(context.json, style, &devices);
    writer.name_cgroups(cgroups.clone());
    let most = limit(args).min(screen.unwrap_or(usize::MAX));
    let (mut reading, mut text, mut shown) = (WatchReading::default(), Vec::new(), 0_usize);
    let walked = rows.walk(|found| {
        let change = changes.note(found);
        reading.sockets += 1;
        reading.new += u64::from(change == SocketChange::New);
        reading.changed += u64::from(matches!(change, SocketChange::State(_)));
        // What did not change is shown again on a screen alone, where it gives way to what did.
        let is_same = change == SocketChange::Same;
        let is_wanted = if is_same { first || screen.is_some() } else { true };
        if is_wanted && (shown < most || !is_same) {
            shown += 1;
            let owners = holders.iter_mut().flat_map(|holders| holders.of(found.inode()));
            let forecast = forecaster.and_then(|forecaster| forecaster.of(found.live_socket()?));
            writer.push(found, change, owners, forecast.as_ref(), &mut text);
        }
        ControlFlow::Continue(())
    });
    let mut gaps = walked?;
    changes.end(|found| {
        reading.gone += 1;
        writer.push(found, SocketChange::Gone, core::iter::empty(), None, &mut text);
    });
    writer.finish(&mut text);
    if screen.is_some() {
        write!(context.out, "\x1b[H\x1b[2J")?;
    }
    context.out.write_all(&text)?;
    gaps.extend(holders.as_ref().and_then(Holders::gap));
    Ok((reading, gaps))
}
