//! `tcpctl sockets`.

use std::io::Write as _;
use std::ops::ControlFlow;

use super::sockets_watch;
use crate::collect::{Holders, RowsWanted, ShownStates, SocketRows, Source};
use crate::model::{Host, KnownOptions, KnownSettings, LiveForecast, forecast_live};
use crate::report::{
    SocketChange, SocketGroupBy, SocketGroups, SocketJson, SocketLines, SocketOrder, SocketStyle, SocketWriter,
    SortedSockets, printable, render_groups,
};
use crate::snapshot::Gap;
use crate::ui::cli::args_sockets::{SocketGroup, SocketSort, SocketsArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};
use crate::units::{LiveSocket, SocketTimer, TcpState};
use crate::wire::parse_filter;

/// Bytes of lines that are gathered before they are written.
const GATHERED: usize = 32 << 10;
/// From this width on, the timer has a column without being asked for.
const WIDE: usize = 110;

/// Runs `tcpctl sockets`.
pub(in crate::ui::cli) fn run(args: &SocketsArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut rows = open(args, context)?;
    if let Some(interval_ms) = args.watch {
        return sockets_watch::run(args, interval_ms, &mut rows, context);
    }
    let mut holders = wants_holders(args).then(|| Holders::read(&context.proc_root));
    let mut gaps = match (args.group_by, args.sort) {
        (Some(by), _) => group(args, by, &mut rows, &mut holders, context)?,
        (None, Some(sort)) => sorted(args, sort, &mut rows, &mut holders, context)?,
        (None, None) => stream(args, &mut rows, &mut holders, context)?,
    };
    gaps.extend(holders.as_ref().and_then(Holders::gap));
    tell(&gaps, context)?;
    Ok(Exit::Ok)
}

/// What the forecast of sockets hangs on, besides themselves: the kernel and the settings of the namespace.
pub(super) struct Forecaster {
    host: Host,
    settings: KnownSettings,
}

impl Forecaster {
    /// Reads it where forecasts are asked for; none where the kernel's version is unknown, which is told.
    pub(super) fn wanted(args: &SocketsArgs, context: &mut Context<'_>) -> Result<Option<Self>, CliError> {
        if !args.options {
            return Ok(None);
        }
        let snapshot = read_snapshot(context, Depth::Settings, [])?;
        let settings = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
        let hz = snapshot.kernel.hz.map(|reading| reading.hz);
        if snapshot.kernel.version.is_none() {
            tell(&snapshot.gaps, context)?;
        }
        Ok(snapshot.kernel.version.map(|version| Self { host: Host { version, hz }, settings }))
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
fn wants_holders(args: &SocketsArgs) -> bool {
    args.processes || args.group_by == Some(SocketGroup::Process)
}

fn open(args: &SocketsArgs, context: &Context<'_>) -> Result<SocketRows, CliError> {
    let filter = parse_filter(&args.filter.join(" ")).map_err(|error| CliError::Usage(error.to_string()))?;
    let source =
        Source { netns: context.netns.clone(), proc_root: context.proc_root.clone(), ..Source::own(Vec::new()) };
    let shown = match (args.all, args.listening) {
        (true, _) => ShownStates::All,
        (_, true) => ShownStates::Listening,
        _ => ShownStates::Connected,
    };
    let ipv4 = (args.ipv4 || args.ipv6).then_some(args.ipv4);
    let wanted =
        RowsWanted { filter, shown, ipv4, info: args.info || args.options, memory: args.memory, filter_here: false };
    Ok(SocketRows::open(&source, wanted)?)
}

/// What lines show.
pub(super) fn style(args: &SocketsArgs, context: &Context<'_>) -> SocketStyle {
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
    }
}

/// How many at the most.
pub(super) fn limit(args: &SocketsArgs) -> usize {
    args.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Writes sockets as they come.
fn stream(
    args: &SocketsArgs,
    rows: &mut SocketRows,
    holders: &mut Option<Holders>,
    context: &mut Context<'_>,
) -> Result<Vec<Gap>, CliError> {
    let forecaster = Forecaster::wanted(args, context)?;
    let devices = rows.devices().clone();
    let mut writer = SocketWriter::new(context.json, style(args, context), &devices);
    let (mut text, mut left, mut failed) = (Vec::with_capacity(2 * GATHERED), limit(args), Ok(()));
    let walked = rows.walk(|found| {
        let owners = holders.iter_mut().flat_map(|holders| holders.of(found.inode()));
        let forecast = forecaster.as_ref().and_then(|forecaster| forecaster.of(found.live_socket()?));
        writer.push(found, SocketChange::Same, owners, forecast.as_ref(), &mut text);
        if text.len() >= GATHERED {
            failed = context.out.write_all(&text);
            text.clear();
        }
        left -= 1;
        if failed.is_err() || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    failed?;
    writer.finish(&mut text);
    context.out.write_all(&text)?;
    Ok(walked?)
}

/// Keeps sockets, and writes them in order.
fn sorted(
    args: &SocketsArgs,
    sort: SocketSort,
    rows: &mut SocketRows,
    holders: &mut Option<Holders>,
    context: &mut Context<'_>,
) -> Result<Vec<Gap>, CliError> {
    let order = match sort {
        SocketSort::State => SocketOrder::State,
        SocketSort::RecvQ => SocketOrder::ReceiveQueue,
        SocketSort::SendQ => SocketOrder::SendQueue,
        SocketSort::Local => SocketOrder::Local,
        SocketSort::Peer => SocketOrder::Peer,
        SocketSort::Timer => SocketOrder::Timer,
    };
    let whole = args.info
        || args.memory
        || args.extended
        || args.options
        || args.listening
        || context.json
        || args.limit.is_some();
    let forecaster = Forecaster::wanted(args, context)?;
    let mut kept = SortedSockets::new(order, limit(args), whole);
    let gaps = rows.walk(|found| {
        kept.push(found);
        ControlFlow::Continue(())
    })?;
    let devices = rows.devices();
    let (mut lines, json) =
        (SocketLines::new(style(args, context), devices), SocketJson::new(devices, args.processes, false));
    let (mut text, mut failed, mut separator) = (Vec::with_capacity(2 * GATHERED), Ok(()), "\n");
    if context.json {
        text.extend_from_slice(b"{\"schema\":1,\"sockets\":[");
    }
    kept.each(|found| {
        let owners = holders.iter_mut().flat_map(|holders| holders.of(found.inode()));
        let forecast = forecaster.as_ref().and_then(|forecaster| forecaster.of(found.live_socket()?));
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
    if context.json {
        text.extend_from_slice(b"\n],\"gaps\":");
        serde_json::to_writer(&mut text, &gaps).map_err(CliError::failure)?;
        text.extend_from_slice(b"}\n");
    } else {
        lines.finish(&mut text);
    }
    context.out.write_all(&text)?;
    Ok(gaps)
}

/// Counts sockets.
fn group(
    args: &SocketsArgs,
    by: SocketGroup,
    rows: &mut SocketRows,
    holders: &mut Option<Holders>,
    context: &mut Context<'_>,
) -> Result<Vec<Gap>, CliError> {
    let by = match by {
        SocketGroup::Peer => SocketGroupBy::Peer,
        SocketGroup::Process => SocketGroupBy::Process,
        SocketGroup::Listener => SocketGroupBy::Listener,
        SocketGroup::State => SocketGroupBy::State,
    };
    let mut groups = SocketGroups::new(by);
    if by == SocketGroupBy::Listener {
        let every = SocketsArgs { filter: Vec::new(), listening: true, all: false, ..args.clone() };
        open(&every, context)?.walk(|found| {
            groups.push_listener(found);
            ControlFlow::Continue(())
        })?;
    }
    let gaps = rows.walk(|found| {
        groups.push(found, holders.iter_mut().flat_map(|holders| holders.of(found.inode())));
        ControlFlow::Continue(())
    })?;
    let (groups, all) = groups.finish(limit(args));
    if context.json {
        let view = serde_json::json!({
            "schema": 1, "netns": rows.netns_inode(), "groups": groups, "groups_in_all": all, "gaps": gaps,
        });
        context.print_json(&view)?;
    } else {
        write!(context.out, "{}", render_groups(by, &groups, all, !args.no_header))?;
    }
    Ok(gaps)
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
