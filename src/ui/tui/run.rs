//! Threads, terminal and effects: the only part of the interface that touches the outside.
//!
//! One thread owns the state and draws, at most ten times a second and only when something changed. Others wait:
//! for keys, for signals, for the loss of the terminal, for the next reading, and for what is asked of tuning.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::collector::{self, CollectorRequest};
use super::laboratory::Player;
use super::terminal::Terminal;
use super::{
    Effect, Event, Now, Remembered, Settings, Severity, State, Theme, TuneRequest, draw, settings, tuner, update, watch,
};
use crate::collect::SynQueues;
use crate::ui::export::create_file;

/// What to read, where changes are journalled, and how to draw.
#[derive(Clone, Debug)]
pub struct Options {
    /// Root of the proc file system.
    pub proc_root: PathBuf,
    /// Network namespace asked for by name, process id or path.
    pub netns: Option<String>,
    /// Where the journal of changes is kept.
    pub state_dir: PathBuf,
    /// Whether colours are given up where no setting says otherwise.
    pub mono: bool,
    /// Whether the terminal is taken to know ASCII alone where no setting says otherwise.
    pub ascii: bool,
    /// What may tell the SYN queues of listeners apart that share a port.
    pub syn_queues: SynQueues,
    /// What was chosen on the command line, which wins over what is remembered.
    pub chosen: Settings,
    /// What is remembered, and where.
    pub remembered: Remembered,
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
/// The same where somebody pressed a key and waits for the answer.
const ANSWER: Duration = Duration::from_millis(15);
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
    let mut state = first_state(&options);
    let terminal = Terminal::enter(state.preferences.mouse).context("cannot set up the terminal")?;
    state.size = terminal.size().context("cannot tell the size of the terminal")?;
    watch::start(watched, &sender);
    let (tune, tuner) = tuner::start(&options, &sender);
    let player = Player::new(sender.clone(), options.proc_root.clone(), options.netns.clone());
    let collect = collector::start(&options, sender);
    let (remembered, drawn) = (options.remembered, Instant::now());
    let mut session =
        Session { state, terminal, arrivals, collect, tune, player, remembered, drawn, somebody_waits: false };
    let ending = session.run();
    session.terminal.leave();
    let kept = session.kept_screen(&ending) + &session.what_goes_on() + &session.remember();
    // Whatever is being written is finished, read back and journalled before the process ends.
    finish(session.tune, tuner);
    print(&kept);
    ending.map(|left| left.ending)
}

/// The state at the start: what is remembered, and over it what was chosen.
fn first_state(options: &Options) -> State {
    let theme = Theme { mono: options.mono, ascii: options.ascii };
    let mut state = State::new(theme, (0, 0), now());
    settings::apply(&mut state, &options.remembered.settings);
    settings::apply(&mut state, &options.chosen);
    if let Some(notice) = &options.remembered.notice {
        state.say(Severity::Warning, notice.clone());
    }
    state
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
    remembered: Remembered,
    /// When the last frame was drawn.
    drawn: Instant,
    /// Whether a key was pressed since.
    somebody_waits: bool,
}

impl Session {
    fn run(&mut self) -> anyhow::Result<Left> {
        let mut dirty = true;
        loop {
            update(&mut self.state, Event::Clock(now()));
            dirty |= self.state.take_dirty();
            let next_frame = self.drawn + if self.somebody_waits { ANSWER } else { FRAME };
            if dirty && Instant::now() >= next_frame {
                if let Err(error) = self.draw() {
                    return self.lost_or(error);
                }
                (dirty, self.somebody_waits) = (false, false);
                self.drawn = Instant::now();
            }
            let patience = if dirty { next_frame.saturating_duration_since(Instant::now()) } else { TICK };
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
            Arrival::Event(Event::ReadFailed(reason)) if self.state.cannot_begin() => anyhow::bail!(reason),
            Arrival::Event(event) => {
                self.somebody_waits |= matches!(event, Event::Key(_) | Event::Mouse(_) | Event::Focus(true));
                let first = matches!(event, Event::Read(_)) && self.state.never_read();
                for effect in update(&mut self.state, event) {
                    if let Some(left) = self.perform(effect)? {
                        return Ok(Some(left));
                    }
                }
                if first {
                    self.state.preferences.not_remembered = self.remembered.obstacle(self.euid());
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
            Effect::Redraw => {
                // A mistake on purpose, for the test that even then the terminal is given back.
                debug_assert!(std::env::var_os("TCPCTL_STUMBLE").is_none(), "stumbled, as was asked");
                self.terminal.clear()?;
            }
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
            Effect::Rest(rest) => drop(self.collect.send(CollectorRequest::Rest(rest))),
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

    /// The user that this process acts as, by the latest reading.
    fn euid(&self) -> u32 {
        self.state.latest.as_ref().map_or(u32::MAX, |latest| latest.snapshot.capabilities.euid)
    }

    /// Writes what the user changed for the next time; says what stands against it.
    fn remember(&self) -> String {
        let written = self.remembered.write(&self.state.preferences.changed, self.euid());
        written.err().map_or_else(String::new, |reason| format!("tcpctl: settings are not remembered: {reason}\n"))
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
    create_file(path.as_ref(), text.as_bytes()).map_err(|error| match error.kind() {
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
