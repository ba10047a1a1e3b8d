//! What reading a million sockets costs, as multiples of the least that a dump can cost.
//!
//! `cargo bench --bench scale -- [SOCKETS] [--rounds N] [--quick | --interface | --load | --soak MINUTES]`. Sockets are made
//! in network namespaces of the bench's own and go with it; it needs root. Absolute times depend on the machine and on its neighbours, so every
//! figure is a ratio between two commands of the same round, and the median of all rounds is judged.

mod churn;
mod cost;
mod fill;
mod flooded;
mod floor;
mod interface;
mod limited;
mod load;
mod soak;
mod table;
mod wait;

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};

use cost::{Cost, Subject};
use fill::{Filled, Mix};
use table::{Limit, Table};

/// Sockets when nothing else is asked.
const SOCKETS: u64 = 1_000_000;
/// Sockets and rounds of the quick version, which the gate runs.
const QUICK_SOCKETS: u64 = 60_000;
const QUICK_ROUNDS: usize = 7;
/// How long the quick version lets programs run on.
const QUICK_SOAK: Duration = Duration::from_secs(30);
/// Rounds that are measured.
const ROUNDS: usize = 5;
/// TIME-WAIT ends after 60 s, so a filled namespace is not used for longer than this.
const FRESH_FOR: Duration = Duration::from_secs(36);
/// Sockets for the process column; ss needs the square of their number, five seconds for this many.
const HELD: u64 = 100_000;

/// What rows may take above the start when they are written as they come, and for each socket when they are kept.
const STREAMING_KIB: u64 = 8 << 10;
const KEPT_BYTES: u64 = 64;
/// How sockets are counted by ss; without a reader it would be spared the writing.
const COUNTED: &str = "ss -tan | wc -l";
/// Sockets for a diagnosis.
const JUDGED: u64 = 100_000;

/// What was asked for.
#[derive(Clone, Copy)]
struct Asked {
    sockets: u64,
    rounds: usize,
    part: Part,
}

/// Which part of it.
#[derive(Clone, Copy)]
enum Part {
    /// All that is promised of a host that stands still.
    Whole,
    /// What the gate runs.
    Quick,
    /// Only the terminal interface.
    Interface,
    /// Only a host under load.
    Load,
    /// Programs that run on and on, for so long.
    Soak(Duration),
}

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // What the bench starts itself with: a filler or the floor, inside a namespace.
    let parts = [fill::run_part, floor::run_part, churn::run_part, flooded::run_part, soak::run_part];
    if let Some(done) = parts.iter().find_map(|run_part| run_part(&words)) {
        return done.map(|()| ExitCode::SUCCESS);
    }
    let asked = read_arguments(&words)?;
    let mut table = Table::default();
    if let Some(obstacle) = fill::obstacle() {
        table.note(&format!("cannot run: {obstacle}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    install()?;
    let tools = Tools::find();
    tools.tell(&mut table)?;
    match asked.part {
        Part::Whole => whole(&asked, &tools, &mut table)?,
        Part::Quick => quick(&asked, &mut table)?,
        Part::Interface => interface::measure(asked.sockets, &mut table)?,
        Part::Load => load::measure(&asked, &mut table)?,
        Part::Soak(time) => soak::measure(time, &mut table)?,
    }
    Ok(if table.within() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_arguments(words: &[&str]) -> Result<Asked> {
    let mut asked = Asked { sockets: SOCKETS, rounds: ROUNDS, part: Part::Whole };
    let mut words = words.iter();
    let mut sockets = None;
    while let Some(word) = words.next() {
        match *word {
            "--quick" => asked = Asked { sockets: QUICK_SOCKETS, rounds: QUICK_ROUNDS, part: Part::Quick },
            "--interface" => asked.part = Part::Interface,
            "--load" => asked.part = Part::Load,
            "--soak" => {
                let minutes: u64 = words.next().context("--soak needs minutes")?.parse()?;
                anyhow::ensure!(minutes > 0, "--soak needs a minute at least");
                asked.part = Part::Soak(Duration::from_secs(60 * minutes));
            }
            "--rounds" => asked.rounds = words.next().context("--rounds needs a number")?.parse()?,
            number => {
                let number = number.replace('_', "");
                sockets = Some(number.parse().with_context(|| format!("`{number}` is not a number of sockets"))?);
            }
        }
    }
    asked.sockets = sockets.unwrap_or(asked.sockets);
    anyhow::ensure!(asked.rounds >= ROUNDS, "a median takes {ROUNDS} rounds at least");
    Ok(asked)
}

/// What is there to compare with.
struct Tools {
    ss: bool,
    /// `tcpctl sockets`.
    rows: bool,
}

impl Tools {
    fn find() -> Self {
        let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        Self {
            ss: works(Command::new("ss").arg("-V")),
            rows: works(Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(["sockets", "--help"])),
        }
    }

    fn tell(&self, table: &mut Table) -> Result<()> {
        if !self.ss {
            table.note("ss is not installed: what is compared with it is left out")?;
        }
        if !self.rows {
            table.note("this tcpctl has no `sockets`: rows of sockets are left out")?;
        }
        Ok(())
    }
}

/// The program with these arguments, split at blanks; none of them has one.
fn tcpctl(name: &'static str, arguments: &str) -> Subject {
    Subject::new(name, installed(), arguments)
}

/// Where [`install`] puts the program.
const fn installed() -> &'static str {
    concat!(env!("CARGO_TARGET_TMPDIR"), "/installed-tcpctl")
}

/// Copies the program, as installing it does. A linker writes its output by a mapping and leaves it in the page cache as
/// single pages; what was copied or read from a disk is there in large folios, which takes a third off the time of a
/// short run. What it is compared with was installed as well.
fn install() -> Result<()> {
    // A file that is being run by another bench cannot be written to, only replaced.
    let _ = std::fs::remove_file(installed());
    std::fs::copy(env!("CARGO_BIN_EXE_tcpctl"), installed()).context("copying the program that is measured")?;
    Ok(())
}

fn floor() -> Subject {
    Subject::own("floor", "--floor")
}

fn states() -> Subject {
    tcpctl("states", "status --detail states --json")
}

/// Two readings and all rules, beside the window that is waited. A host that is quiet is judged, since that is what is
/// run every minute: with findings the processes that hold sockets are looked for besides.
fn diagnosis(rounds: usize, table: &mut Table) -> Result<()> {
    for mix in [Mix::established(JUDGED), Mix::time_wait(JUDGED)] {
        let mut filled = Filled::new(mix)?;
        table.heading(&format!("diagnosis, {}", mix.name()), &filled)?;
        let diagnose = tcpctl("diagnose", "diagnose --window 100ms --fail-on never --json");
        let costs = cost::rounds(&mut filled, &[floor(), diagnose], rounds)?;
        table.ratio("diagnose / floor", &costs, ["diagnose", "floor"], Cost::cpu, Limit::AtMost(2_000))?;
    }
    Ok(())
}

/// Only what must not get worse, with limits that hold on a small and busy machine as well: starting a process costs
/// as much as some thousand sockets.
fn quick(asked: &Asked, table: &mut Table) -> Result<()> {
    for (mix, limit) in [(Mix::established(asked.sockets), 600), (Mix::time_wait(asked.sockets), 900)] {
        let mut filled = Filled::new(mix)?;
        table.heading(&mix.name(), &filled)?;
        let costs = cost::rounds(
            &mut filled,
            &[floor(), states(), Subject::own("floor, one walk", "--floor-one")],
            asked.rounds,
        )?;
        check_states(&mut filled, table)?;
        table.ratio("states / floor", &costs, ["states", "floor"], Cost::cpu, Limit::AtMost(limit))?;
        table.ratio("one walk / floor", &costs, ["floor, one walk", "floor"], Cost::cpu, Limit::AtMost(1_000))?;
    }
    diagnosis(asked.rounds, table)?;
    load::measure(asked, table)?;
    soak::measure(QUICK_SOAK, table)
}

/// Every figure that is promised at a million sockets, a line each.
fn whole(asked: &Asked, tools: &Tools, table: &mut Table) -> Result<()> {
    summary_flat(asked, tools, table)?;
    let mixes = [
        (Mix::established(asked.sockets), 250, Some(15_000)),
        (Mix::time_wait(asked.sockets), 500, Some(15_000)),
        (Mix::mixed(asked.sockets), 450, Some(15_000)),
    ];
    for (mix, states_limit, ss_limit) in mixes {
        let mut filled = Filled::new(mix)?;
        table.heading(&mix.name(), &filled)?;
        let mut subjects = vec![floor(), Subject::own("floor, one walk", "--floor-one"), states()];
        subjects.push(tcpctl("all", "status --detail all --json"));
        subjects.extend([tcpctl("start", "--version"), Subject::own("all fields", "--fields")]);
        if tools.ss {
            subjects.push(Subject::new("ss -tan", "ss", "-tan"));
            subjects.push(Subject::line(COUNTED));
        }
        if tools.rows {
            subjects.extend(row_subjects(&mix, tools));
        }
        let costs = cost::rounds(&mut filled, &subjects, asked.rounds)?;
        check_states(&mut filled, table)?;
        table.ratio("states / floor", &costs, ["states", "floor"], Cost::cpu, Limit::AtMost(states_limit))?;
        table.ratio("one walk / floor", &costs, ["floor, one walk", "floor"], Cost::cpu, Limit::None)?;
        table.ratio("all but rows / floor", &costs, ["all", "floor"], Cost::cpu, Limit::None)?;
        if let Some(limit) = ss_limit {
            table.ratio("ss -tan / floor", &costs, ["ss -tan", "floor"], Cost::cpu, Limit::None)?;
            table.ratio("ss -tan / states", &costs, ["ss -tan", "states"], Cost::cpu, Limit::None)?;
            table.ratio("ss -tan | wc -l / states", &costs, [COUNTED, "states"], Cost::cpu, Limit::AtLeast(limit))?;
        }
        table.share("own share of CPU, states", &costs, "states", Limit::AtMost(50))?;
        table.share("own share of CPU, all but rows", &costs, "all", Limit::AtMost(100))?;
        table.share("own share of CPU, all fields", &costs, "all fields", Limit::AtMost(100))?;
        table.ratio("all fields / floor", &costs, ["all fields", "floor"], Cost::cpu, Limit::None)?;
        let start_kib = costs.median("start", Cost::peak_kib).context("the start was measured")?;
        table.memory("memory, states", &costs, "states", Limit::AtMost(start_kib + STREAMING_KIB))?;
        if tools.rows {
            rows(&mix, &costs, table)?;
        }
    }
    if tools.rows {
        processes(asked, tools, table)?;
    }
    diagnosis(asked.rounds, table)?;
    interface::measure(asked.sockets, table)
}

/// The sums cost the same with ten thousand sockets as with all, in whatever state.
fn summary_flat(asked: &Asked, tools: &Tools, table: &mut Table) -> Result<()> {
    let mut least = Vec::new();
    let all = asked.sockets;
    let mixed = Mix::mixed(all);
    let mixes = [
        (Mix::established(10_000.min(all)), Limit::AtMost(1_500)),
        (Mix::established(all), Limit::AtMost(1_500)),
        (Mix::time_wait(all), Limit::AtMost(1_500)),
        (mixed.with_one_listener(), Limit::AtMost(1_500)),
        // Sums name the fullest of accept queues, so that listeners have a price; ss -s does not look at them.
        (mixed, Limit::None),
    ];
    for (mix, limit) in mixes {
        let mut filled = Filled::new(mix)?;
        table.heading(&format!("sums, {}", mix.name()), &filled)?;
        let mut subjects = vec![tcpctl("sums", "status --detail sums --json")];
        if tools.ss {
            subjects.push(Subject::new("ss -s", "ss", "-s"));
        }
        let costs = cost::rounds(&mut filled, &subjects, 4 * asked.rounds + 1)?;
        table.ratio("sums, wall / ss -s", &costs, ["sums", "ss -s"], Cost::wall, limit)?;
        // The least of many is what the machine's neighbours disturbed least.
        least.push(costs.least("sums", Cost::cpu).context("the sums were measured")?);
    }
    if let [few, many @ ..] = least.as_slice() {
        for (name, many) in ["ESTABLISHED", "TIME-WAIT", "mixed"].into_iter().zip(many) {
            let name = format!("sums, CPU at all {name} / at 10000");
            table.row(&name, 1_000 * many / (*few).max(1), Limit::AtMost(1_200))?;
        }
    }
    Ok(())
}

/// Rows of sockets in every form that has a limit.
fn row_subjects(mix: &Mix, tools: &Tools) -> Vec<Subject> {
    let mut subjects = vec![
        tcpctl("rows", "sockets -a -n"),
        tcpctl("rows, NDJSON", "sockets -a -n --json"),
        tcpctl("port without sockets", "sockets -n sport = :7"),
        tcpctl("port without sockets, bound ones too", "sockets -a -n sport = :7"),
        tcpctl("listeners", "sockets -l -n"),
        tcpctl("grouped", "sockets -a -n --group-by peer"),
        tcpctl("sorted", "sockets -a -n --sort local"),
    ];
    if mix.has_info() {
        subjects.push(tcpctl("rows with tcp_info", "sockets -a -n -i"));
        if tools.ss {
            subjects.push(Subject::new("ss -tin", "ss", "-tin"));
        }
    }
    subjects
}

fn rows(mix: &Mix, costs: &cost::Costs, table: &mut Table) -> Result<()> {
    if let Some(least) = mix.rows_less_than_ss() {
        table.ratio("ss -tan / rows", costs, ["ss -tan", "rows"], Cost::cpu, Limit::AtLeast(least))?;
        table.ratio("ss -tan / NDJSON", costs, ["ss -tan", "rows, NDJSON"], Cost::cpu, Limit::AtLeast(least))?;
    }
    if mix.has_info() {
        let pair = ["ss -tin", "rows with tcp_info"];
        table.ratio("ss -tin / rows with tcp_info", costs, pair, Cost::cpu, Limit::AtLeast(3_000))?;
    }
    let port = ["port without sockets", "floor"];
    // A walk that reports nothing is all that this costs; of TIME-WAIT, whose messages are cheap, it is a greater part.
    let walk = if mix.is_time_wait() { 420 } else { 350 };
    table.ratio("port without sockets / floor", costs, port, Cost::cpu, Limit::AtMost(walk))?;
    // Sockets that are only bound are in a table of their own, and so are all that have a port (since Linux 6.8).
    let port = ["port without sockets, bound ones too", "floor"];
    table.ratio("the same with bound sockets / floor", costs, port, Cost::cpu, Limit::None)?;
    table.ratio("LISTEN only / floor", costs, ["listeners", "floor"], Cost::cpu, Limit::AtMost(10))?;
    let start_kib = costs.median("start", Cost::peak_kib).context("the start was measured")?;
    let streaming = Limit::AtMost(start_kib + STREAMING_KIB);
    table.memory("memory, rows", costs, "rows", streaming)?;
    table.memory("memory, NDJSON", costs, "rows, NDJSON", streaming)?;
    let kept = Limit::AtMost(start_kib + STREAMING_KIB + mix.sockets() * KEPT_BYTES / 1024);
    table.memory("memory, sorted", costs, "sorted", kept)?;
    table.memory("memory, grouped by peer", costs, "grouped", kept)
}

/// The process column, which is linear in sockets and descriptors.
fn processes(asked: &Asked, tools: &Tools, table: &mut Table) -> Result<()> {
    let mut medians = Vec::new();
    for sockets in [HELD.min(asked.sockets), (2 * HELD).min(2 * asked.sockets)] {
        let mut filled = Filled::new(Mix::established(sockets))?;
        table.heading(&format!("process column, {sockets} ESTABLISHED"), &filled)?;
        let mut subjects = vec![tcpctl("rows with processes", "sockets -a -n -p")];
        let with_ss = tools.ss && medians.is_empty();
        if with_ss {
            subjects.push(Subject::new("ss -tanp", "ss", "-tanp"));
        }
        let costs = cost::rounds(&mut filled, &subjects, asked.rounds)?;
        if with_ss {
            let pair = ["ss -tanp", "rows with processes"];
            table.ratio("ss -tanp / rows with processes", &costs, pair, Cost::cpu, Limit::AtLeast(10_000))?;
        }
        medians.push(costs.median("rows with processes", Cost::cpu).context("it was measured")?);
    }
    if let [once, twice] = medians.as_slice() {
        table.row("twice the sockets / once", 1_000 * twice / (*once).max(1), Limit::AtMost(2_300))?;
    }
    Ok(())
}

/// The counts of the cheapest exact way are those of the sockets that were made.
fn check_states(filled: &mut Filled, table: &mut Table) -> Result<()> {
    filled.refresh()?;
    let output = filled.output(env!("CARGO_BIN_EXE_tcpctl"), &["status", "--detail", "states", "--json"])?;
    let status: serde_json::Value = serde_json::from_slice(&output)?;
    for (state, made) in filled.expected() {
        let counted = status.get("states").and_then(|states| states.get(state)?.as_u64());
        table.exact(state, made, counted)?;
    }
    Ok(())
}
