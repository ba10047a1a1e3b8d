//! `tcpctl sockets --watch`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::Instant;

use super::sockets::{Forecaster, count_groups, group_by, limit, order, style, tell, tell_assumed, wants_holders};
use super::sockets_places::{Places, Visited, is_whole};
use crate::collect::Holders;
use crate::report::{
    GroupChanges, RowChange, SocketChange, SocketWatch, SocketWriter, WatchOrder, WatchReading, WatchRows,
    highlight_rows, render_group_rates, render_watch, watch_json,
};
use crate::snapshot::{Gap, NamespaceName};
use crate::ui::cli::args_sockets::{SocketGroup, SocketSort, SocketsArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::pace::{Pace, Step};
use crate::ui::cli::{CliError, Exit};

/// Lines of a screen that are not sockets: what is said of the reading, the heading, and the prompt.
const OTHER_LINES: usize = 5;
/// Bytes of lines that are gathered before they are written.
const GATHERED: usize = 32 << 10;

/// Prints the sockets, and then again and again: on a terminal a screen full of them with what changed, elsewhere
/// only what changed.
pub(super) fn run(
    args: &SocketsArgs,
    interval_ms: u64,
    places: &mut Places,
    context: &mut Context<'_>,
) -> Result<Exit, CliError> {
    let mut pace = Pace::new(interval_ms, args.cpu_share);
    let mut watched = Watched {
        args,
        cgroups: places.cgroups(args),
        screen: if context.json { None } else { screen_lines() },
        watch: SocketWatch::default(),
        groups: GroupChanges::default(),
        forecaster: if places.is_one() { Forecaster::wanted(args, context)? } else { None },
    };
    let (mut told, mut assumed, mut begun): (_, _, Option<Instant>) = (Vec::new(), None, None);
    for number in 1.. {
        if number > 1 {
            places.find_again(context)?;
        }
        let now = Instant::now();
        let window = begun.replace(now).map(|begun| now.saturating_duration_since(begun));
        watched.watch.begin(window.map(|window| u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1)));
        let (written, gaps) = match args.group_by {
            Some(by) => watched.groups(by, places, context)?,
            None => (watched.rows(places, context)?, Vec::new()),
        };
        let Step { cost_us, asked_us, interval_us, share_percent } = pace.step();
        let reading =
            WatchReading { number, hidden: written.hidden, cost_us, asked_us, interval_us, ..watched.watch.reading() };
        match (context.json, written.groups) {
            (true, Some(groups)) => {
                let mut view = watch_json(&reading);
                if let Some(view) = view.as_object_mut() {
                    view.extend(groups);
                }
                writeln!(context.out, "{view}")?;
            }
            (json, _) => write!(context.out, "{}", render_watch(&reading, share_percent, json))?,
        }
        context.out.flush()?;
        let gaps = [written.gaps, gaps].concat();
        if gaps != told {
            tell(&gaps, context)?;
            told = gaps;
        }
        tell_assumed(places, &mut assumed, context)?;
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

/// What is kept from reading to reading.
struct Watched<'a> {
    args: &'a SocketsArgs,
    cgroups: BTreeMap<u64, String>,
    screen: Option<usize>,
    watch: SocketWatch,
    groups: GroupChanges,
    /// Of the one namespace that is read; of several each has its own.
    forecaster: Option<Forecaster>,
}

/// What a reading came to besides what was written.
#[derive(Default)]
struct Written {
    gaps: Vec<Gap>,
    /// Whether the screen has no room for all rows.
    hidden: bool,
    /// What the line of JSON says of groups.
    groups: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What was read of one namespace besides its sockets.
struct Entered {
    name: Option<NamespaceName>,
    devices: BTreeMap<u32, String>,
    forecaster: Option<Forecaster>,
}

impl Watched<'_> {
    /// One reading in groups.
    fn groups(
        &mut self,
        by: SocketGroup,
        places: &Places,
        context: &mut Context<'_>,
    ) -> Result<(Written, Vec<Gap>), CliError> {
        let mut holders = wants_holders(self.args).then(|| places.holders());
        let (groups, _, mut gaps) = count_groups(by, places, &mut holders, Some(&mut self.watch))?;
        let are_whole = self.watch.has_read_all(places.names());
        self.watch.end(places.names(), |_, _| ());
        gaps.extend(holders.as_ref().and_then(Holders::gap));
        let window_us = self.watch.reading().window_us;
        let (mut groups, _) = groups.finish(usize::MAX);
        self.groups.note(&mut groups, are_whole);
        let all = groups.len();
        groups.truncate(limit(self.args).min(self.screen.unwrap_or(usize::MAX)));
        if context.json {
            let groups: Vec<_> = groups.iter().map(|group| group.watched(window_us)).collect();
            let view = serde_json::json!({ "groups": groups, "groups_in_all": all, "gaps": gaps });
            let groups = view.as_object().cloned();
            return Ok((Written { groups, ..Written::default() }, gaps));
        }
        if self.screen.is_some() {
            write!(context.out, "\x1b[H\x1b[2J")?;
        } else if !self.watch.is_first() {
            writeln!(context.out)?;
        }
        let by = group_by(by);
        write!(context.out, "{}", render_group_rates(by, &groups, all, !self.args.no_header, window_us))?;
        Ok((Written::default(), gaps))
    }

    /// One reading, row by row. Where they are neither sorted nor on a screen, rows are written as they come.
    fn rows(&mut self, places: &Places, context: &mut Context<'_>) -> Result<Written, CliError> {
        let args = self.args;
        let mut holders = wants_holders(args).then(|| places.holders());
        let (first, screen) = (self.watch.is_first(), self.screen);
        let none = BTreeMap::new();
        let mut style = style(args, places.width(), context);
        // Below the first reading only changes follow, under the same heading.
        style.heading &= first || screen.is_some();
        let mut writer = SocketWriter::new(context.json, style, &none);
        writer.name_cgroups(self.cgroups.clone());
        writer.name_unseen(holders.as_ref().and_then(Holders::unseen));
        let most = limit(args);
        let mut kept = (screen.is_some() || args.sort.is_some())
            .then(|| WatchRows::new(watch_order(args.sort), most.min(screen.unwrap_or(usize::MAX))));
        let (mut entered, mut text, mut shown) = (Vec::new(), Vec::new(), 0_usize);
        let (watch, own) = (&mut self.watch, self.forecaster.as_ref());
        let mut gaps = places.each(|place, rows| {
            let forecaster = match place {
                None => None,
                Some(_) => Forecaster::of_place(args, place, context)?,
            };
            let name = place.map(|place| place.name.clone());
            watch.enter(name.as_ref());
            writer.enter(name.as_ref(), rows.devices());
            entered.push(Entered { name, devices: rows.devices().clone(), forecaster });
            let here = entered.len() - 1;
            let forecaster = entered.last().and_then(|entered| entered.forecaster.as_ref()).or(own);
            let mut failed = Ok(());
            let walked = rows.walk(|found| {
                let change = watch.note(found);
                // What did not change is shown again on a screen alone.
                if !(first || screen.is_some() || change.is_some()) {
                    return ControlFlow::Continue(());
                }
                if let Some(kept) = &mut kept {
                    kept.push(found, change, here);
                } else if shown < most || change.what != SocketChange::Same {
                    shown += 1;
                    let owners = holders.iter_mut().flat_map(|holders| holders.of(found.inode()));
                    let forecast = forecaster.and_then(|forecaster| forecaster.of(found.live_socket()?));
                    places.note_assumed(forecast.as_ref());
                    writer.push(found, change, owners, forecast.as_ref(), &mut text);
                    if text.len() >= GATHERED {
                        failed = context.out.write_all(&text);
                        text.clear();
                    }
                }
                if failed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            failed?;
            if is_whole(&walked) {
                watch.leave();
            }
            Ok(Visited { walked, is_enough: false })
        })?;
        watch.end(places.names(), |name, found| {
            let change = RowChange::from(SocketChange::Gone);
            let devices = entered.iter().find(|entered| entered.name.as_ref() == name).map(|entered| &entered.devices);
            match &mut kept {
                Some(kept) => {
                    let at = entered.iter().position(|entered| entered.name.as_ref() == name);
                    let at = at.unwrap_or_else(|| {
                        let (name, devices) = (name.cloned(), BTreeMap::new());
                        entered.push(Entered { name, devices, forecaster: None });
                        entered.len() - 1
                    });
                    kept.push(found, change, at);
                }
                None => {
                    writer.enter(name, devices.unwrap_or(&none));
                    writer.push(found, change, core::iter::empty(), None, &mut text);
                }
            }
        });
        let mut listed = 0_u64;
        if let Some(kept) = kept {
            kept.each(|found, change, place| {
                let entered = entered.get(place);
                writer.enter(
                    entered.and_then(|entered| entered.name.as_ref()),
                    entered.map_or(&none, |entered| &entered.devices),
                );
                let is_gone = change.what == SocketChange::Gone;
                listed += u64::from(!is_gone);
                let inode = if is_gone { 0 } else { found.inode() };
                let owners = holders.iter_mut().filter(|_| !is_gone).flat_map(|holders| holders.of(inode));
                let forecaster = entered.and_then(|entered| entered.forecaster.as_ref()).or(own);
                let forecaster = forecaster.filter(|_| !is_gone);
                let forecast = forecaster.and_then(|forecaster| forecaster.of(found.live_socket()?));
                places.note_assumed(forecast.as_ref());
                writer.push(found, change, owners, forecast.as_ref(), &mut text);
            });
        }
        writer.finish(&mut text);
        let mut hidden = false;
        match screen {
            // The heading is a line as well.
            Some(lines) => {
                let (text, lines) = (String::from_utf8_lossy(&text), lines + usize::from(style.heading));
                hidden = text.lines().count() > lines || self.watch.reading().sockets > listed;
                write!(context.out, "\x1b[H\x1b[2J{}", highlight_rows(&text, lines))?;
            }
            None => context.out.write_all(&text)?,
        }
        gaps.extend(holders.as_ref().and_then(Holders::gap));
        Ok(Written { gaps, hidden, groups: None })
    }
}

/// What rows are ordered by; what changed comes first where nothing is asked.
fn watch_order(sort: Option<SocketSort>) -> WatchOrder {
    match sort {
        None => WatchOrder::Changes,
        Some(SocketSort::Sent) => WatchOrder::Sent,
        Some(SocketSort::Received) => WatchOrder::Received,
        Some(SocketSort::Resent) => WatchOrder::Retransmits,
        Some(SocketSort::Drops) => WatchOrder::Drops,
        Some(sort) => order(sort).map_or(WatchOrder::Changes, WatchOrder::By),
    }
}
