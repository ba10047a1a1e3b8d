//! Programs that run on and on while connections come and go: readings of a day in an hour. What they hold of memory and
//! of descriptors must not grow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::churn::Background;
use crate::fill::{Filled, Mix};
use crate::installed;
use crate::interface::Session;
use crate::table::{Limit, Table};

/// Between two readings: those of a day, one a second, take less than an hour.
const INTERVAL_MS: u64 = 41;
/// The shortest that the terminal interface knows.
const INTERFACE_INTERVAL: &str = "250ms";
/// Sockets that stay, and connections per second that come and go.
const STAYING: u64 = 500;
const COMING_PER_S: &str = "50";
/// A time from which on TIME-WAIT has reached its level when the first look is compared.
const LONG: Duration = Duration::from_secs(600);
/// What the terminal interface shows of the past; until it has so much, its memory grows by design.
const HISTORY: Duration = Duration::from_secs(600);
/// What an allocator may keep more at the end than at the beginning, in KiB.
const SPARE_KIB: u64 = 512;
/// Where metrics are served in the bench's namespace.
const SERVED: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 19_293);

/// Runs all of them for so long.
pub(crate) fn measure(time: Duration, table: &mut Table) -> Result<()> {
    let filled = Filled::new(Mix::established(STAYING))?;
    let readings = u64::try_from(time.as_millis())? / INTERVAL_MS;
    let ends = if time < LONG { "reset" } else { "time-wait" };
    table
        .heading(&format!("{readings} readings, {COMING_PER_S} connections a second come and go ({ends})"), &filled)?;
    let churn = Background::start(&filled, &["--churn", COMING_PER_S, ends])?;
    let paced = format!("--watch {INTERVAL_MS}ms --cpu-share 100 --count {readings} --json");
    let judged = format!("--watch --window {INTERVAL_MS}ms --fail-on never --count {readings} --json");
    let mut programs = vec![
        Program::start(&filled, "status", &format!("status {paced} --detail all"))?,
        Program::start(&filled, "sockets", &format!("sockets {paced} -a -n"))?,
        Program::start(&filled, "diagnose", &format!("diagnose {judged}"))?,
        Program::start(&filled, "trace", "trace --json")?,
        Program::start(&filled, "serve", &format!("serve --max-age 10ms --window 50ms --listen {SERVED}"))?,
    ];
    let scraper = Background::start(&filled, &["--scrape", &readings.to_string()])?;
    let mut session = Session::start(&filled, &["--interval", INTERFACE_INTERVAL])?;
    session.wait_for("Against limits")?;
    let mut screen = Held::of(session.id());
    let (begun, mut keys) = (Instant::now(), "1234567890".chars().cycle());
    while begun.elapsed() < time {
        // One screen after the other, as somebody who looks around.
        session.press(keys.next().map_or("1".to_owned(), String::from).as_str())?;
        session.drain(Duration::from_secs(1));
        screen.look()?;
        for program in &mut programs {
            program.held.look()?;
        }
    }
    scraper.end()?;
    for program in programs {
        let (name, held, lines) = program.end()?;
        table.note(&format!("  {name} wrote {lines} lines"))?;
        held.tell(name, Some(SPARE_KIB), table)?;
    }
    let has_history = time / 5 >= HISTORY;
    screen.tell("terminal interface", has_history.then_some(SPARE_KIB), table)?;
    session.quit()?;
    churn.end()
}

/// One of them, and what it writes.
struct Program {
    name: &'static str,
    child: Child,
    lines: Option<JoinHandle<u64>>,
    held: Held,
}

impl Program {
    fn start(filled: &Filled, name: &'static str, arguments: &str) -> Result<Self> {
        let mut command = Command::new(installed());
        command.args(arguments.split(' ')).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = filled.spawn(&mut command)?;
        let output = child.stdout.take().context("it has an output")?;
        let lines = std::thread::spawn(move || {
            let (mut output, mut line, mut lines) = (BufReader::new(output), Vec::new(), 0);
            while let Ok(1..) = output.read_until(b'\n', &mut line) {
                line.clear();
                lines += 1;
            }
            lines
        });
        let held = Held::of(child.id());
        Ok(Self { name, child, lines: Some(lines), held })
    }

    /// Waits for one that counts its readings and tells one that does not to stop: what it held, and lines it wrote.
    fn end(mut self) -> Result<(&'static str, Held, u64)> {
        if matches!(self.name, "trace" | "serve") {
            let pid = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        let status = self.child.wait()?;
        // What is told to stop before its end says so, as a shell would; serving ends in order.
        let in_order = status.success() || self.name == "trace" && status.code() == Some(128 + 15);
        anyhow::ensure!(in_order, "{} did not end in order: {status}", self.name);
        let lines = self.lines.take().and_then(|lines| lines.join().ok()).context("its output was read")?;
        Ok((self.name, std::mem::replace(&mut self.held, Held::of(0)), lines))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // What failed leaves no program behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process held at each look: its own memory in KiB, and descriptors.
struct Held {
    pid: u32,
    looks: Vec<(u64, u64)>,
}

impl Held {
    fn of(pid: u32) -> Self {
        Self { pid, looks: Vec::new() }
    }

    /// Looks once more. One that has ended after its last reading is looked at no longer.
    fn look(&mut self) -> Result<()> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let Some(line) = status.lines().find_map(|line| line.strip_prefix("RssAnon:")) else { return Ok(()) };
        let kib = line.trim().trim_end_matches(" kB").parse()?;
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.pid))?.count();
        self.looks.push((kib, u64::try_from(descriptors)?));
        Ok(())
    }

    /// Compares the third tenth of the time with the last, where so many KiB may be between them.
    fn tell(&self, name: &str, spare_kib: Option<u64>, table: &mut Table) -> Result<()> {
        let tenth = self.looks.len() / 10;
        anyhow::ensure!(tenth > 0, "{name} was looked at only {} times", self.looks.len());
        let early = self.looks.get(2 * tenth..3 * tenth).unwrap_or_default();
        let late = self.looks.get(self.looks.len() - tenth..).unwrap_or_default();
        let (early, late) = (Level::of(early), Level::of(late));
        table.kib(&format!("{name}, memory at the beginning"), early.kib, Limit::None)?;
        let limit = spare_kib.map_or(Limit::None, |spare| Limit::AtMost(early.kib + spare));
        table.kib(&format!("{name}, memory at the end"), late.kib, limit)?;
        table.exact(&format!("{name}, descriptors at the end"), early.descriptors, Some(late.descriptors))
    }
}

/// The median of memory, and the fewest descriptors: one may be on its way at any time, and a leak raises both.
struct Level {
    kib: u64,
    descriptors: u64,
}

impl Level {
    fn of(looks: &[(u64, u64)]) -> Self {
        let mut memory: Vec<u64> = looks.iter().map(|(kib, _)| *kib).collect();
        memory.sort_unstable();
        let descriptors = looks.iter().map(|(_, descriptors)| *descriptors).min().unwrap_or(0);
        Self { kib: memory.get(memory.len() / 2).copied().unwrap_or(0), descriptors }
    }
}

/// Scrapes metrics when that is what the bench was started for.
pub(crate) fn run_part(words: &[&str]) -> Option<Result<()>> {
    let ["--scrape", readings] = words else { return None };
    Some(readings.parse().map_err(Into::into).and_then(scrape))
}

fn scrape(readings: u64) -> Result<()> {
    let begun = Instant::now();
    for number in 0..readings {
        if let Some(left) = Duration::from_millis(number * INTERVAL_MS).checked_sub(begun.elapsed()) {
            std::thread::sleep(left);
        }
        let mut stream = connect_soon(begun)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let whole = answer.starts_with("HTTP/1.1 200") && answer.contains("\ntcpctl_build_info{");
        anyhow::ensure!(whole, "scrape {number} was answered with {:.200}", answer);
    }
    Ok(())
}

/// Connects; the server may not listen yet.
fn connect_soon(begun: Instant) -> Result<TcpStream> {
    loop {
        match TcpStream::connect(SERVED) {
            Err(_) if begun.elapsed() < Duration::from_secs(10) => std::thread::yield_now(),
            answer => return answer.context("connecting to the metrics"),
        }
    }
}
