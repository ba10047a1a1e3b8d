//! Threads, terminal and effects: the only part of the interface that touches the outside.
//!
//! One thread owns the state and draws, at most ten times a second and only when something changed. Others wait:
//! for keys, for signals, for the loss of the terminal, for the next reading, and for what is asked of tuning.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::collector::{self, CollectorRequest};
use super::laboratory::Player;
use super::terminal::Terminal;
use super::{Effect, Event, Now, State, Theme, TuneRequest, draw, tuner, update, watch};

/// What to read, where changes are journalled, and how to draw.
#[derive(Clone, Debug)]
pub struct Options {
    /// Root of the proc file system.
    pub proc_root: PathBuf,
    /// Network namespace asked for by name, process id or path.
    pub netns: Option<String>,
    /// Where the journal of changes is kept.
    pub state_dir: PathBuf,
    /// How to draw.
    pub theme: Theme,
    /// How often to read, in milliseconds; nothing for [`super::DEFAULT_INTERVAL_MS`].
    pub interval_ms: Option<u64>,
}

/// How the user left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By a key.
    Quit,
    /// By a signal with this number, or with the terminal.
    Signal(u8),
}

/// What arrives at the thread that owns the state.
#[derive(Debug)]
pub(super) enum Arrival {
    /// Something for `update`.
    Event(Event),
    /// Stop until continued.
    Stop,
    /// End: signal number.
    End(u8),
    /// The terminal is gone.
    TerminalLost,
    /// A thread ended that must not.
    Died(&'static str),
}

/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// How often the time is told to the state when nothing else happens.
const TICK: Duration = Duration::from_secs(1);
/// Number of SIGHUP, under which a lost terminal ends the program.
const HANGUP: u8 = 1;

/// Runs the terminal interface until the user leaves it.
///
/// # Errors
/// When the terminal cannot be set up or drawn on, or the very first reading fails.
pub fn main(options: Options) -> anyhow::Result<Ending> {
    // The theme alone decides on colour: with NO_COLOR set the terminal library would write an empty colour
    // command after each attribute, which wipes reverse and bold.
    crossterm::style::force_color_output(true);
    let (sender, arrivals) = channel();
    let watched = watch::hold_signals().context("cannot hold back signals")?;
    let terminal = Terminal::enter(true).context("cannot set up the terminal")?;
    let size = terminal.size().context("cannot tell the size of the terminal")?;
    watch::start(watched, &sender);
    let state = State::new(options.theme, size, now());
    let (tune, tuner) = tuner::start(&options, &sender);
    let player = Player::new(sender.clone(), options.proc_root.clone(), options.netns.clone());
    let collect = collector::start(&options, sender);
    let mut session = Session { state, terminal, arrivals, collect, tune, player, next_frame: Instant::now() };
    let ending = session.run();
    session.terminal.leave();
    let kept = session.kept_screen(&ending) + &session.what_goes_on();
    // Whatever is being written is finished, read back and journalled before the process ends.
    finish(session.tune, tuner);
    print(&kept);
    ending.map(|left| left.ending)
}

fn finish(tune: Sender<TuneRequest>, tuner: JoinHandle<()>) {
    drop(tune);
    // A panic of that thread has been reported by the panic hook.
    let _ = tuner.join();
}

fn print(text: &str) {
    use std::io::Write;
    // Nothing can be done when standard output is gone.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn now() -> Now {
    let instant = jiff::Zoned::now();
    Now {
        unix_ms: u64::try_from(instant.timestamp().as_millisecond()).unwrap_or(0),
        utc_offset_s: instant.offset().seconds(),
    }
}

/// How the loop ended.
struct Left {
    ending: Ending,
    keep_screen: bool,
}

/// The thread that owns the state.
struct Session {
    state: State,
    terminal: Terminal,
    arrivals: Receiver<Arrival>,
    collect: Sender<CollectorRequest>,
    tune: Sender<TuneRequest>,
    player: Player,
    next_frame: Instant,
}

impl Session {
    fn run(&mut self) -> anyhow::Result<Left> {
        let mut dirty = true;
        loop {
            update(&mut self.state, Event::Clock(now()));
            dirty |= self.state.take_dirty();
            if dirty && Instant::now() >= self.next_frame {
                if let Err(error) = self.draw() {
                    return self.lost_or(error);
                }
                dirty = false;
                self.next_frame = Instant::now() + FRAME;
            }
            let patience = if dirty { self.next_frame.saturating_duration_since(Instant::now()) } else { TICK };
            let first = match self.arrivals.recv_timeout(patience) {
                Ok(arrival) => arrival,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("every thread of the interface has ended"),
            };
            let mut next = Some(first);
            while let Some(arrival) = next {
                if let Some(left) = self.take(arrival)? {
                    return Ok(left);
                }
                next = self.arrivals.try_recv().ok();
            }
        }
    }

    /// Drawing fails as well when the terminal is gone, and then that is what is to be said.
    fn lost_or(&mut self, error: anyhow::Error) -> anyhow::Result<Left> {
        let until = Instant::now() + 2 * FRAME;
        while let Ok(arrival) = self.arrivals.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if let Arrival::TerminalLost | Arrival::End(_) = arrival
                && let Some(left) = self.take(arrival)?
            {
                return Ok(left);
            }
        }
        Err(error)
    }

    fn take(&mut self, arrival: Arrival) -> anyhow::Result<Option<Left>> {
        let signal = |number| Some(Left { ending: Ending::Signal(number), keep_screen: false });
        match arrival {
            Arrival::Event(Event::ReadFailed(reason)) if self.state.never_read() => anyhow::bail!(reason),
            Arrival::Event(event) => {
                for effect in update(&mut self.state, event) {
                    if let Some(left) = self.perform(effect)? {
                        return Ok(Some(left));
                    }
                }
                Ok(None)
            }
            Arrival::Stop => self.suspend().map(|()| None),
            Arrival::End(number) => Ok(signal(number)),
            Arrival::TerminalLost => {
                self.terminal.abandon();
                Ok(signal(HANGUP))
            }
            Arrival::Died(thread) => anyhow::bail!("the {thread} thread has ended; this is a mistake in tcpctl"),
        }
    }

    /// The one place that performs effects.
    fn perform(&mut self, effect: Effect) -> anyhow::Result<Option<Left>> {
        // A thread that has ended says so by itself, so a refused request needs no answer here.
        match effect {
            Effect::Quit => return Ok(Some(Left { ending: Ending::Quit, keep_screen: false })),
            Effect::QuitKeepingScreen => return Ok(Some(Left { ending: Ending::Quit, keep_screen: true })),
            Effect::Redraw => self.terminal.clear()?,
            Effect::Suspend => self.suspend()?,
            Effect::ReadNow => drop(self.collect.send(CollectorRequest::ReadNow)),
            Effect::SetInterval(ms) => drop(self.collect.send(CollectorRequest::Interval(Duration::from_millis(ms)))),
            Effect::Export { path, text } => {
                let written = write_new(&path, &text).map(|()| path);
                update(&mut self.state, Event::Exported(written));
            }
            Effect::Copy(text) => self.terminal.copy(&text)?,
            Effect::ListenToMouse(listen) => self.terminal.listen_to_mouse(listen)?,
            Effect::Lab(request) => self.player.perform(request),
            Effect::Want(want) => drop(self.collect.send(CollectorRequest::Want(want))),
            Effect::Enter(netns) => {
                self.player.netns.clone_from(&netns);
                drop(self.collect.send(CollectorRequest::Enter(netns.clone())));
                drop(self.tune.send(TuneRequest::Enter(netns)));
            }
            Effect::Tune(request) => drop(self.tune.send(request)),
        }
        Ok(None)
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        self.terminal.leave();
        watch::stop_process_group().context("cannot stop the process")?;
        // From here on the process has been continued.
        self.terminal.enter_again().context("cannot set up the terminal again")?;
        let (columns, rows) = self.terminal.size()?;
        update(&mut self.state, Event::Resize(columns, rows));
        Ok(())
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        let (columns, rows) = self.terminal.size().context("cannot tell the size of the terminal")?;
        if self.state.size() != (columns, rows) {
            update(&mut self.state, Event::Resize(columns, rows));
            self.state.take_dirty();
        }
        let state = &self.state;
        self.terminal.draw(|buffer| draw(state, buffer)).context("cannot draw on the terminal")
    }

    /// What goes on after the end: an apply is undone all the same unless it is kept.
    fn what_goes_on(&self) -> String {
        let Some(countdown) = &self.state.profiles.countdown else { return String::new() };
        let until = super::number::time_of_day(countdown.until_unix_ms, self.state.now.utc_offset_s);
        let (profile, entry) = (&countdown.profile, countdown.entry);
        format!("{profile} is undone at {until} unless it is kept: tcpctl confirm {entry}\n")
    }

    /// The last screen as text, if it was to be kept.
    fn kept_screen(&self, ending: &anyhow::Result<Left>) -> String {
        if !ending.as_ref().is_ok_and(|left| left.keep_screen) {
            return String::new();
        }
        let (columns, rows) = self.state.size();
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        draw(&self.state, &mut buffer);
        lines_of(&buffer)
    }
}

/// A drawn screen as lines of text.
pub(super) fn lines_of(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", text.trim_end())
    };
    buffer.content.chunks(width).map(line).collect()
}

/// Writes a file that is not there yet: nothing is ever overwritten from a screen.
fn write_new(path: &str, text: &str) -> Result<(), String> {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => format!("{path} is there already; e asks for another name"),
        _ => format!("cannot write {path}: {error}"),
    })
}

/// Sends an event to the thread that owns the state; says whether it is still there.
pub(super) fn send(sender: &Sender<Arrival>, event: Event) -> bool {
    sender.send(Arrival::Event(event)).is_ok()
}

/// Starts a thread whose end, other than with the session, is reported.
pub(super) fn spawn(
    name: &'static str,
    sender: Sender<Arrival>,
    work: impl FnOnce(&Sender<Arrival>) + Send + 'static,
) -> JoinHandle<()> {
    struct Report(&'static str, Sender<Arrival>);
    impl Drop for Report {
        fn drop(&mut self) {
            // When the session has ended there is nobody left to tell.
            let _ = self.1.send(Arrival::Died(self.0));
        }
    }
    std::thread::spawn(move || {
        let report = Report(name, sender);
        work(&report.1);
    })
}

/// A snapshot as it arrives.
pub(super) fn read_event(snapshot: crate::snapshot::Snapshot) -> Event {
    Event::Read(Arc::new(snapshot))
}
