//! `tcpctl sockets`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;

use super::sockets_places::{Places, Visited, is_whole};
use super::sockets_watch;
use crate::collect::{Holders, RowPlace};
use crate::model::{Host, KnownOptions, KnownSettings, LiveForecast, forecast_live};
use crate::report::{
    SocketChange, SocketGroupBy, SocketGroups, SocketJson, SocketLines, SocketOrder, SocketStyle, SocketWatch,
    SocketWriter, SortedSockets, printable, render_groups,
};
use crate::snapshot::{Gap, NamespaceName};
use crate::ui::cli::args_sockets::{SocketGroup, SocketSort, SocketsArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};
use crate::units::{LiveSocket, SocketTimer, TcpState};

/// Bytes of lines that are gathered before they are written.
const GATHERED: usize = 32 << 10;
/// From this width on, the timer has a column without being asked for.
const WIDE: usize = 110;

/// Runs `tcpctl sockets`.
pub(in crate::ui::cli) fn run(args: &SocketsArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut places = Places::new(args, context)?;
    if let Some(interval_ms) = args.watch {
        return sockets_watch::run(args, interval_ms, &mut places, context);
    }
    let places = places;
    let mut holders = wants_holders(args).then(|| places.holders());
    let mut gaps = match (args.group_by, args.sort) {
        (Some(by), _) => group(args, by, &places, &mut holders, context)?,
        (None, Some(sort)) => sorted(args, sort, &places, &mut holders, context)?,
        (None, None) => stream(args, &places, &mut holders, context)?,
    };
    gaps.extend(holders.as_ref().and_then(Holders::gap));
    tell(&gaps, context)?;
    tell_assumed(&places, &mut None, context)?;
    Ok(Exit::Ok)
}

/// Tells on standard error what the signs behind forecasts mean, if that has not been told yet.
pub(super) fn tell_assumed(
    places: &Places,
    told: &mut Option<String>,
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    let assumed = places.assumed().filter(|_| !context.json);
    if let Some(assumed) = assumed.filter(|assumed| told.as_ref() != Some(assumed)) {
        context.out.flush()?;
        // Nothing can be done when standard error is gone as well.
        let _ = write!(anstream::stderr(), "tcpctl: {assumed}");
        *told = Some(assumed);
    }
    Ok(())
}

/// What the forecast of sockets hangs on, besides themselves: the kernel and the settings of the namespace.
pub(super) struct Forecaster {
    host: Host,
    settings: KnownSettings,
}

impl Forecaster {
    /// Reads it where forecasts are asked for; none where the kernel's version is unknown, which is told.
    pub(super) fn wanted(args: &SocketsArgs, context: &mut Context<'_>) -> Result<Option<Self>, CliError> {
        if args.options { Self::read(context) } else { Ok(None) }
    }

    /// Reads it; none where the kernel's version is unknown, which is told.
    pub(super) fn read(context: &mut Context<'_>) -> Result<Option<Self>, CliError> {
        let snapshot = read_snapshot(context, Depth::Settings, [])?;
        let settings = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
        let hz = snapshot.kernel.hz.map(|reading| reading.hz);
        if snapshot.kernel.version.is_none() {
            tell(&snapshot.gaps, context)?;
        }
        Ok(snapshot.kernel.version.map(|version| Self { host: Host { version, hz }, settings }))
    }

    /// The same for one namespace among several.
    pub(super) fn of_place(
        args: &SocketsArgs,
        place: Option<&RowPlace>,
        context: &mut Context<'_>,
    ) -> Result<Option<Self>, CliError> {
        match place.filter(|_| args.options) {
            Some(place) => Self::within(place, context),
            None => Self::wanted(args, context),
        }
    }

    /// Reads it in a namespace among several.
    pub(super) fn within(place: &RowPlace, context: &mut Context<'_>) -> Result<Option<Self>, CliError> {
        let before = core::mem::replace(&mut context.netns, place.netns());
        let read = Self::read(context);
        context.netns = before;
        // One that is gone by now has nothing that could be foretold.
        Ok(read.unwrap_or_default())
    }

    /// What a socket will do. Nothing for one of which nothing is to be said: it waits for its application, and no
    /// timer runs.
    pub(super) fn of(&self, socket: LiveSocket) -> Option<LiveForecast> {
        let is_quiet = matches!(socket.state, TcpState::Listen | TcpState::Close)
            || (socket.state == TcpState::Estab && socket.timer == SocketTimer::Off);
        (!is_quiet).then(|| forecast_live(&socket, &KnownOptions::default(), &self.host, &self.settings))
    }
}

/// Whether processes are to be looked for.
pub(super) fn wants_holders(args: &SocketsArgs) -> bool {
    args.processes || args.group_by == Some(SocketGroup::Process)
}

/// What lines show.
pub(super) fn style(args: &SocketsArgs, netns: usize, context: &Context<'_>) -> SocketStyle {
    SocketStyle {
        heading: !args.no_header,
        processes: args.processes,
        timer: !args.options && context.width >= WIDE,
        forecast: args.options,
        extended: args.extended,
        memory: args.memory,
        info: args.info,
        one_line: args.oneline,
        changes: args.watch.is_some(),
        netns,
    }
}

/// How many at the most.
pub(super) fn limit(args: &SocketsArgs) -> usize {
    args.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Writes sockets as they come.
fn stream(
    args: &SocketsArgs,
    places: &Places,
    holders: &mut Option<Holders>,
    context: &mut Context<'_>,
) -> Result<Vec<Gap>, CliError> {
    let none = BTreeMap::new();
    let mut writer = SocketWriter::new(context.json, style(args, places.width(), context), &none);
    writer.name_cgroups(places.cgroups(args));
    writer.name_unseen(holders.as_ref().and_then(Holders::unseen));
    let (mut text, mut left) = (Vec::with_capacity(2 * GATHERED), limit(args));
    let gaps = places.each(|place, rows| {
        let forecaster = Forecaster::of_place(args, place, context)?;
        writer.enter(place.map(|place| &place.name), rows.devices());
        let mut failed = Ok(());
        let walked = rows.walk(|found| {
            let owners = holders.iter_mut().flat_map(|holders| holders.of(found.inode()));
            let forecast = forecaster.as_ref().and_then(|forecaster| forecaster.of(found.live_socket()?));
            places.note_assumed(forecast.as_ref());
            writer.push(found, SocketChange::Same, owners, forecast.as_ref(), &mut text);
            if text.len() >= GATHERED {
                failed = context.out.write_all(&text);
                text.clear();
            }
            left -= 1;
            if failed.is_err() || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        failed?;
        Ok(Visited { walked, is_enough: left == 0 })
    })?;
    writer.finish(&mut text);
    context.out.write_all(&text)?;
    Ok(gaps)
}

/// What sockets of one reading are ordered by; nothing for what is known of two readings alone.
pub(super) const fn order(sort: SocketSort) -> Option<SocketOrder> {
    Some(match sort {
        SocketSort::State => SocketOrder::State,
        SocketSort::RecvQ => SocketOrder::ReceiveQueue,
        SocketSort::SendQ => SocketOrder::SendQueue,
        SocketSort::Local => SocketOrder::Local,
        SocketSort::Peer => SocketOrder::Peer,
        SocketSort::Timer => SocketOrder::Timer,
        SocketSort::Sent | SocketSort::Received | SocketSort::Resent | SocketSort::Drops => return None,
    })
}

/// Keeps sockets, and writes them in order.
fn sorted(
    args: &SocketsArgs,
    sort: SocketSort,
    places: &Places,
    holders: &mut Option<Holders>,
    context: &mut Context<'_>,
) -> Result<Vec<Gap>, CliError> {
    let Some(order) = order(sort) else {
        let message = "sent, received, resent and drops are told between two readings: add --watch";
        return Err(CliError::Usage(message.to_owned()));
    };
    let whole = args.info
        || args.memory
        || args.extended
        || args.options
        || args.listening
        || context.json
        || args.limit.is_some();
    let mut kept = SortedSockets::new(order, limit(args), whole);
    let mut read = Vec::new();
    let gaps = places.each(|place, rows| {
        if !read.is_empty() {
            kept.next_place();
        }
        let forecaster = Forecaster::of_place(args, place, context)?;
        read.push((place.map(|place| place.name.clone()), rows.devices().clone(), forecaster));
        let walked = rows.walk(|found| {
            kept.push(found);
            ControlFlow::Continue(())
        });
        Ok(Visited { walked, is_enough: false })
    })?;
    write_sorted((args, places), kept, &read, holders, &gaps, context)?;
    Ok(gaps)
}

/// What was read of one namespace besides its sockets.
type Read = (Option<NamespaceName>, BTreeMap<u32, String>, Option<Forecaster>);

fn write_sorted(
    (args, places): (&SocketsArgs, &Places),
    kept: SortedSockets,
    read: &[Read],
    holders: &mut Option<Holders>,
    gaps: &[Gap],
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    let (none, cgroups) = (BTreeMap::new(), places.cgroups(args));
    let (mut lines, mut json) =
        (SocketLines::new(style(args, places.width(), context), &none), SocketJson::new(&none, args.processes, false));
    lines.name_cgroups(cgroups.clone());
    json.name_cgroups(cgroups);
    json.name_unseen(holders.as_ref().and_then(Holders::unseen));
    let (mut text, mut failed, mut separator) = (Vec::with_capacity(2 * GATHERED), Ok(()), "\n");
    if context.json {
        text.extend_from_slice(b"{\"schema\":1,\"sockets\":[");
    }
    let mut entered = None;
    kept.each(|found, place| {
        let (name, devices, forecaster) =
            read.get(place).map_or((None, &none, None), |(a, b, c)| (a.as_ref(), b, c.as_ref()));
        if entered.replace(place) != Some(place) {
            lines.enter(name, devices);
            json.enter(name, devices);
        }
        let owners = holders.iter_mut().flat_map(|holders| holders.of(found.inode()));
        let forecast = forecaster.and_then(|forecaster| forecaster.of(found.live_socket()?));
        places.note_assumed(forecast.as_ref());
        if context.json {
            text.extend_from_slice(core::mem::replace(&mut separator, ",\n").as_bytes());
            json.push(found, SocketChange::Same, owners, forecast.as_ref(), &mut text);
        } else {
            lines.push(found, SocketChange::Same, owners, forecast.as_ref(), &mut text);
        }
        if text.len() >= GATHERED && failed.is_ok() {
            failed = context.out.write_all(&text);
            text.clear();
        }
    });
    failed?;
    let unseen = holders.as_ref().and_then(Holders::gap);
    if context.json {
        text.extend_from_slice(b"\n],\"gaps\":");
        let gaps: Vec<&Gap> = gaps.iter().chain(&unseen).collect();
        serde_json::to_writer(&mut text, &gaps).map_err(CliError::failure)?;
        text.extend_from_slice(b"}\n");
    } else {
        lines.finish(&mut text);
    }
    Ok(context.out.write_all(&text)?)
}

/// Counts sockets.
fn group(
    args: &SocketsArgs,
    by: SocketGroup,
    places: &Places,
    holders: &mut Option<Holders>,
    context: &mut Context<'_>,
) -> Result<Vec<Gap>, CliError> {
    let (groups, inode, gaps) = count_groups(by, places, holders, None)?;
    let (groups, all) = groups.finish(limit(args));
    if context.json {
        let gaps: Vec<Gap> = gaps.iter().cloned().chain(holders.as_ref().and_then(Holders::gap)).collect();
        let view = serde_json::json!({
            "schema": 1, "netns": inode, "groups": groups, "groups_in_all": all, "gaps": gaps,
        });
        context.print_json(&view)?;
    } else {
        write!(context.out, "{}", render_groups(group_by(by), &groups, all, !args.no_header))?;
    }
    Ok(gaps)
}

/// What is counted by.
pub(super) const fn group_by(by: SocketGroup) -> SocketGroupBy {
    match by {
        SocketGroup::Peer => SocketGroupBy::Peer,
        SocketGroup::Process => SocketGroupBy::Process,
        SocketGroup::Listener => SocketGroupBy::Listener,
        SocketGroup::State => SocketGroupBy::State,
        SocketGroup::Netns => SocketGroupBy::Netns,
    }
}

/// The groups, the inode of the namespace where there is only one, and what could not be read. `watch` says what moved
/// since the reading before.
pub(super) fn count_groups(
    by: SocketGroup,
    places: &Places,
    holders: &mut Option<Holders>,
    mut watch: Option<&mut SocketWatch>,
) -> Result<(SocketGroups, Option<u64>, Vec<Gap>), CliError> {
    let by = group_by(by);
    let mut groups = SocketGroups::new(by);
    let mut inode = None;
    let gaps = places.each(|place, rows| {
        inode = rows.netns_inode().filter(|_| place.is_none());
        groups.name_devices(rows.devices());
        match place {
            Some(place) => groups.enter(&place.name),
            None if by == SocketGroupBy::Netns => {
                let inode = rows.netns_inode().unwrap_or(0);
                groups.enter(&NamespaceName { inode, name: "stored".to_owned() });
            }
            None => {}
        }
        if by == SocketGroupBy::Listener {
            let noted = places.open_listeners(place).and_then(|mut rows| {
                rows.walk(|found| {
                    groups.push_listener(found);
                    ControlFlow::Continue(())
                })
            });
            if let Err(error) = noted {
                return Ok(Visited { walked: Err(error), is_enough: false });
            }
        }
        if let Some(watch) = &mut watch {
            watch.enter(place.map(|place| &place.name));
        }
        let walked = rows.walk(|found| {
            let moves = watch.as_mut().and_then(|watch| watch.note(found).moves);
            groups.push_moved(found, holders.iter_mut().flat_map(|holders| holders.of(found.inode())), moves);
            ControlFlow::Continue(())
        });
        if let Some(watch) = watch.as_mut().filter(|_| is_whole(&walked)) {
            watch.leave();
        }
        Ok(Visited { walked, is_enough: false })
    })?;
    Ok((groups, inode, gaps))
}

/// Tells on standard error what could not be read.
pub(super) fn tell(gaps: &[Gap], context: &mut Context<'_>) -> Result<(), CliError> {
    context.out.flush()?;
    for gap in gaps {
        let told = printable(&format!("{}: {}: {}", gap.source, gap.reason, gap.consequence));
        // Nothing can be done when standard error is gone as well.
        let _ = writeln!(anstream::stderr(), "tcpctl: {told}");
    }
    Ok(())
}
