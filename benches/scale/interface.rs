//! The terminal interface in a namespace full of sockets: what it costs while somebody looks, and how long a key takes.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::fill::{Filled, Mix};
use crate::table::{Limit, Table};

/// What it may take: memory, share of one processor in thousandths, and thousandths of a second from key to frame.
const MEMORY_KIB: u64 = 150 << 10;
const SHARE_MILLI: u64 = 250;
const ANSWER_MS: u64 = 50;
/// How long each screen is looked at.
const LOOKED_AT: Duration = Duration::from_secs(20);
/// Keys that change the screen in a moment, on each of them.
const KEYS: &str = "jkjk2jkjk3jkjkjkjk6jk7jkjk9jk1";
/// Longest wait for a frame.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures it with sockets that are established, the dearest to read.
pub(crate) fn measure(sockets: u64, table: &mut Table) -> Result<()> {
    let mix = Mix::established(sockets);
    let filled = Filled::new(mix)?;
    table.heading(&format!("terminal interface, {}", mix.name()), &filled)?;
    let mut session = Session::start(&filled, &[])?;
    session.wait_for("Against limits")?;
    for (screen, key) in [("overview", "1"), ("sockets", "3")] {
        session.press(key)?;
        let share = session.share(LOOKED_AT)?;
        table.row(&format!("{screen}, share of one processor"), share, Limit::AtMost(SHARE_MILLI))?;
    }
    let times: Result<Vec<(u64, char)>> = KEYS.chars().map(|key| Ok((session.answer(key)?, key))).collect();
    let mut times = times?;
    times.sort_unstable();
    let median = times.get(times.len() / 2).map_or(u64::MAX, |(ms, _)| *ms);
    let (longest, key) = times.last().copied().unwrap_or((u64::MAX, ' '));
    table.row("key to frame, seconds, median", median, Limit::AtMost(ANSWER_MS))?;
    table.row(&format!("key to frame, seconds, longest ({key})"), longest, Limit::AtMost(ANSWER_MS))?;
    table.kib("memory, terminal interface", session.peak_kib()?, Limit::AtMost(MEMORY_KIB))?;
    session.quit()
}

/// The program on a pseudo-terminal of 80×24.
pub(crate) struct Session {
    child: Child,
    master: File,
    output: Receiver<Vec<u8>>,
    /// A home without settings.
    _home: tempfile::TempDir,
}

impl Session {
    /// Starts it with these options.
    pub(crate) fn start(filled: &Filled, options: &[&str]) -> Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = ptsname(&master, Vec::new())?;
        let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        tcsetwinsize(&slave, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 })?;
        let home = tempfile::tempdir()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command
            .args(options)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME");
        command.stdin(Stdio::from(slave.try_clone()?)).stdout(Stdio::from(slave.try_clone()?)).stderr(slave);
        let child = filled.spawn(&mut command)?;
        let master = File::from(master);
        let mut reader = master.try_clone()?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes.get(..count).unwrap_or_default().to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, master, output, _home: home })
    }

    pub(crate) fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.master.write_all(keys.as_bytes())?)
    }

    pub(crate) fn wait_for(&self, text: &str) -> Result<()> {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            seen.extend(self.output.recv_timeout(PATIENCE).with_context(|| format!("no `{text}` on the screen"))?);
        }
        Ok(())
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads what it writes for a while, as a terminal would.
    pub(crate) fn drain(&self, time: Duration) {
        let begun = Instant::now();
        while let Some(left) = time.checked_sub(begun.elapsed()) {
            let _ = self.output.recv_timeout(left);
        }
    }

    /// Leaves it by its key.
    pub(crate) fn quit(&mut self) -> Result<()> {
        self.press("q")?;
        anyhow::ensure!(self.child.wait()?.success(), "it did not end in order");
        Ok(())
    }

    /// Milliseconds until something is written after a key, at a moment when nothing else is.
    fn answer(&mut self, key: char) -> Result<u64> {
        while self.output.recv_timeout(Duration::from_millis(150)).is_ok() {}
        let pressed = Instant::now();
        self.press(key.encode_utf8(&mut [0; 4]))?;
        self.output.recv_timeout(PATIENCE).context("a key was not answered")?;
        Ok(u64::try_from(pressed.elapsed().as_millis())?)
    }

    /// The share of one processor that it takes over a while, in thousandths.
    fn share(&self, time: Duration) -> Result<u64> {
        let (begun, before) = (Instant::now(), self.ticks()?);
        self.drain(time);
        let ticks = self.ticks()? - before;
        let ms = ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1);
        Ok(1_000 * ms / u64::try_from(begun.elapsed().as_millis())?.max(1))
    }

    /// Processor time so far, in the kernel's ticks.
    fn ticks(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("the name of the process ends")?;
        // Fields 14 and 15 of proc(5), counted from the third.
        let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(times.sum::<Result<u64, _>>()?)
    }

    fn peak_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the kernel tells the peak")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What failed leaves no program behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
