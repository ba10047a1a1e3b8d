//! `tcpctl trace`.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write as _};
use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::lab_interrupt::Interrupt;
use super::sockets::tell;
use super::trace_places::TracePlaces;
use crate::collect::{
    KernelFunctions, Missing, TraceClocks, TraceLosses, TraceWanted, Traced, Tracing, Whose, read_filter,
    read_trace_clocks,
};
use crate::report::{
    TraceAnswer, TraceBeginView, TraceEnding, TraceFilterView, TraceNetns, TraceRow, TraceStyle, TraceSummaryView,
    render_trace_heading, render_trace_notes, render_trace_summary,
};
use crate::trace::{TRACED_EVENTS, Told, TraceDesk, TraceEnds, TraceKind, WallClock};
use crate::ui::cli::args_trace::TraceArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::pace::Spent;
use crate::ui::cli::{CliError, Exit, rights};

/// How long an event waits at the most before it is shown, in milliseconds, where the host is not busy.
const TURN_MS: u64 = 50;
/// Sockets that are asked about in one turn: the kernel answers in some microseconds.
const ASKED_A_TURN: usize = 256;
/// How long a rest goes on until it is seen whether Ctrl-C came.
const NAP: Duration = Duration::from_millis(50);

/// Shows events until it is time to end.
pub(in crate::ui::cli) fn run(args: &TraceArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let filter = read_filter(&args.filter.join(" ")).map_err(|error| CliError::Usage(error.to_string()))?;
    if filter.asks_beyond_ends() {
        let message = "events tell state, addresses and ports alone: leave dev, fwmark, cgroup and autobound out";
        return Err(CliError::Usage(message.to_owned()));
    }
    let mut wanted = args.event.clone();
    if wanted.is_empty() {
        wanted.extend(TRACED_EVENTS.iter().map(|row| row.kind));
    }
    // Before any other thread starts.
    let interrupt = Interrupt::heed()?;
    let places = TracePlaces::open(args.all_netns, context)?;
    let desk = TraceDesk::new(wanted.clone(), filter);
    let kinds = desk.needed();
    let tracing = Tracing::begin(&TraceWanted { kinds, tracefs: args.tracefs.clone(), buffer_kib: args.buffer });
    let tracing = tracing.map_err(|error| match error.whose() {
        Whose::Permission => CliError::NotPermitted(error.to_string()),
        Whose::Request => CliError::Usage(error.to_string()),
        Whose::Kernel => CliError::failure(error),
    })?;
    rights::keep_while_tracing(args.all_netns || context.netns.is_some())?;
    let begun = Instant::now();
    let is_mine = context.netns.is_some();
    let board = Board { args, wanted, desk, places, functions: KernelFunctions::default(), is_mine };
    let (mono_ns, unix_ns) = tracing.begun_ns();
    let (clock, spent) = (WallClock::new(mono_ns, unix_ns), Spent::new());
    let mut watch = Watch { board, clock, shown: 0, second: Instant::now(), left: 0, spent };
    watch.begin(&tracing, context)?;
    let signal = watch.follow(tracing, begun, &interrupt, context)?;
    Ok(signal.map_or(Exit::Ok, Exit::Signal))
}

/// What events are held against and explained by.
struct Board<'a> {
    args: &'a TraceArgs,
    wanted: Vec<TraceKind>,
    desk: TraceDesk,
    places: TracePlaces,
    functions: KernelFunctions,
    /// Whether only the events of one network namespace are wanted.
    is_mine: bool,
}

/// A trace that is being shown.
struct Watch<'a> {
    board: Board<'a>,
    /// What the calendar says of the clock that stamps the events.
    clock: WallClock,
    shown: u64,
    /// Since when rows are counted against the rate, and how many may still come.
    second: Instant,
    left: u64,
    /// The processor time that it has to rest for.
    spent: Spent,
}

impl Watch<'_> {
    fn begin(&self, tracing: &Tracing, context: &mut Context<'_>) -> Result<(), CliError> {
        let names = self.board.wanted.iter().map(|kind| kind.row().name);
        let gaps = [tracing.gaps(), &self.board.places.gaps()].concat();
        if context.json {
            let filters = tracing.filters().iter().filter(|filter| self.board.wanted.contains(&filter.kind));
            let view = TraceBeginView {
                schema: 1,
                kind: "begin",
                unix_ns: self.clock.unix_ns(self.clock.mono_ns()),
                mono_ns: self.clock.mono_ns(),
                instance: tracing.instances().first().copied().unwrap_or_default(),
                instances: tracing.instances(),
                tracefs: tracing.place(),
                leftovers_removed: tracing.leftovers(),
                events: names.collect(),
                filters: filters
                    .map(|filter| TraceFilterView {
                        event: filter.kind.row().name,
                        filter: &filter.text,
                        in_kernel: filter.in_kernel,
                    })
                    .collect(),
                gaps: &gaps,
            };
            print_line(&view, context)?;
            return Ok(context.out.flush()?);
        }
        if !self.board.args.no_header && !self.board.args.summary {
            write!(context.out, "{}", render_trace_heading())?;
        }
        tell(&gaps, context)?;
        if self.board.args.duration.is_none() && std::io::stderr().is_terminal() {
            // Nothing can be done when standard error is gone as well.
            let _ = writeln!(anstream::stderr(), "tcpctl: tracing; Ctrl-C ends it");
        }
        Ok(())
    }

    /// Shows events until the time is up, enough were shown, a signal came (which is handed back), or nobody reads them.
    fn follow(
        &mut self,
        mut tracing: Tracing,
        begun: Instant,
        interrupt: &Interrupt,
        context: &mut Context<'_>,
    ) -> Result<Option<u8>, CliError> {
        let limit = self.board.args.duration.map(Duration::from_millis);
        let mut batch = Vec::new();
        loop {
            let more = tracing.read(|traced| batch.push(traced)).map_err(CliError::failure)?;
            self.show(&mut batch, context)?;
            let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            if interrupt.is_set() || self.lacking() == 0 || left == Some(Duration::ZERO) {
                break;
            }
            self.rest(left, interrupt);
            let most_ms = left.map_or(TURN_MS, |left| TURN_MS.min(u64::try_from(left.as_millis()).unwrap_or(0).max(1)));
            let is_lost = !more && tracing.wait(most_ms, &std::io::stdout()).map_err(CliError::failure)?;
            if is_lost {
                return Ok(None);
            }
        }
        tracing.stop().map_err(CliError::failure)?;
        // What is read from here on has happened before.
        let (took, ended_ns) = (begun.elapsed(), self.set_clock());
        while tracing.read(|traced| batch.push(traced)).map_err(CliError::failure)? {
            self.show(&mut batch, context)?;
        }
        let losses = tracing.end(|traced| batch.push(traced));
        self.show(&mut batch, context)?;
        self.end(losses, took, ended_ns, context)?;
        Ok(interrupt.signal())
    }

    /// Rests so long that reading takes no more of a processor than it may.
    fn rest(&mut self, left: Option<Duration>, interrupt: &Interrupt) {
        let cost_us = self.spent.more_us();
        let share = self.board.args.cpu_share.clamp(1, 100);
        let rest_us = cost_us.saturating_mul(100 - share) / share;
        let mut rest = Duration::from_micros(rest_us).min(left.unwrap_or(Duration::MAX));
        while !rest.is_zero() && !interrupt.is_set() {
            let nap = rest.min(NAP);
            sleep(nap);
            rest -= nap;
        }
    }

    /// How many may still be shown by `--count`.
    fn lacking(&self) -> u64 {
        self.board.args.count.map_or(u64::MAX, |count| count.saturating_sub(self.shown))
    }

    /// Counts the events of a turn and shows those that are to be shown.
    fn show(&mut self, batch: &mut Vec<Traced>, context: &mut Context<'_>) -> Result<(), CliError> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.second.elapsed() >= Duration::from_secs(1) || self.shown == 0 {
            (self.second, self.left) = (Instant::now(), self.board.args.max_rate);
        }
        let most = if self.board.args.summary { 0 } else { self.left.min(self.lacking()) };
        let mut told = self.board.take(batch, most);
        self.left = self.left.saturating_sub(told.len() as u64);
        let answers = self.board.ask(&mut told, context)?;
        self.set_clock();
        let width = if std::io::stdout().is_terminal() { context.width } else { 0 };
        let style = TraceStyle { one_line: self.board.args.oneline, ascii: context.ascii, width };
        for (told, (asked, netns)) in told.iter().zip(&answers) {
            let unix_ns = self.clock.unix_ns(told.event.at_ns);
            let row = TraceRow { told, unix_ns, asked, netns: netns.as_ref() };
            if context.json {
                print_line(&row.view(), context)?;
            } else {
                write!(context.out, "{}", row.render(style))?;
            }
            self.shown += 1;
        }
        Ok(context.out.flush()?)
    }

    /// Hears what the clocks say now, and hands on the one that stamps events.
    fn set_clock(&mut self) -> u64 {
        let TraceClocks { before_ns, unix_ns, after_ns } = read_trace_clocks();
        self.clock.set(before_ns, unix_ns, after_ns);
        after_ns
    }

    /// Tells what it came to: it went on for so long, and ended at this time of the clock that stamps events.
    fn end(
        &mut self,
        losses: TraceLosses,
        took: Duration,
        ended_ns: u64,
        context: &mut Context<'_>,
    ) -> Result<(), CliError> {
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let ending = TraceEnding {
            unix_ns: self.clock.unix_ns(ended_ns),
            took_ms: took_ns / 1_000_000,
            lost: &losses.events,
            unclear_pages: losses.unclear_pages,
        };
        let view = TraceSummaryView::new(self.board.desk.tally(), &self.board.wanted, ending, self.board.args.top);
        if context.json {
            print_line(&view, context)?;
        } else if self.board.args.summary {
            write!(context.out, "{}", render_trace_summary(&view))?;
        }
        context.out.flush()?;
        if !(context.json || self.board.args.summary) {
            // Nothing can be done when standard error is gone as well.
            let _ = write!(anstream::stderr(), "{}", render_trace_notes(&view));
        }
        Ok(())
    }
}

impl Board<'_> {
    /// Counts all and keeps as many as are to be shown, the first ones.
    fn take(&mut self, batch: &mut Vec<Traced>, most: u64) -> Vec<Told> {
        self.functions.look_up(batch.iter().filter_map(|traced| match traced {
            Traced::Event(event) => event.location,
            Traced::Missing(_) => None,
        }));
        if self.is_mine {
            self.places.look_for(batch.iter().filter_map(|traced| match traced {
                Traced::Event(event) => event.ends.map(|ends| ends.local.ip()),
                Traced::Missing(_) => None,
            }));
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let is_own = |address: IpAddr| self.places.is_own(address);
        let is_own: Option<&dyn Fn(_) -> _> = if self.is_mine { Some(&is_own) } else { None };
        let mut kept = Vec::new();
        for traced in batch.drain(..) {
            let event = match traced {
                Traced::Event(event) => event,
                Traced::Missing(Missing::OfSockets) => {
                    self.desk.forget();
                    continue;
                }
                Traced::Missing(Missing::OfFloods) => {
                    self.desk.forget_packets();
                    continue;
                }
            };
            let function = event.location.and_then(|location| self.functions.name(location));
            let Some(told) = self.desk.take(event, function, is_own) else { continue };
            if kept.len() < most {
                kept.push(told);
            } else if !self.args.summary {
                self.desk.pass_over();
            }
        }
        kept
    }

    /// Asks the kernel about the sockets of the last events of each connection: of earlier ones it would tell what came
    /// later.
    fn ask(
        &mut self,
        told: &mut [Told],
        context: &mut Context<'_>,
    ) -> Result<Vec<(TraceAnswer, Option<TraceNetns>)>, CliError> {
        self.places.look_again(told, context)?;
        let mut last = BTreeMap::<TraceEnds, usize>::new();
        for (at, one) in told.iter().enumerate() {
            last.extend(one.ends.map(|ends| (ends, at)));
        }
        let mut asked = 0;
        let answer = |(at, one): (usize, &mut Told)| {
            let Some(ends) = one.ends else { return Ok((TraceAnswer::NotAsked, None)) };
            if !one.is_worth_asking() || last.get(&ends) != Some(&at) || asked >= ASKED_A_TURN {
                return Ok((TraceAnswer::NotAsked, self.places.by_address(ends)));
            }
            asked += self.places.questions(ends);
            let (answer, netns) = self.places.ask(one, ends, context)?;
            let elapsed_ns = read_trace_clocks().before_ns.saturating_sub(one.event.at_ns);
            match &answer {
                // It tells of a later resend, of which nothing was read yet.
                TraceAnswer::Socket(socket, _) if !one.is_of_this_resend(socket, elapsed_ns) => {
                    return Ok((TraceAnswer::NotAsked, netns));
                }
                TraceAnswer::Socket(socket, _) => self.desk.hear(one, socket),
                _ => {}
            }
            Ok((answer, netns))
        };
        told.iter_mut().enumerate().map(answer).collect()
    }
}

/// Prints a line of JSON.
fn print_line(view: &impl serde::Serialize, context: &mut Context<'_>) -> Result<(), CliError> {
    serde_json::to_writer(&mut *context.out, view).map_err(CliError::failure)?;
    Ok(writeln!(context.out)?)
}
