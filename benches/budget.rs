//! Holds `tcpctl status` to its budget of time and memory.
//!
//! Runs the optimised binary many times and judges by the medians, since one run on a shared machine says little.
//! The kernel's own accounting of the finished process (`wait4`) gives CPU time and peak memory.

#[path = "scale/wait.rs"]
mod wait;

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use wait::wait_with_usage;

/// Runs that are measured; odd, so that the median is one of them.
const RUNS: usize = 21;
/// Runs before, which fill the page cache.
const WARM_UP_RUNS: usize = 3;
/// Wall clock of one run, microseconds.
const WALL_US_MAX: u64 = 30_000;
/// User and system time of one run, microseconds: what is left of the wall clock when nothing else runs.
const CPU_US_MAX: u64 = 30_000;
/// Peak resident memory: 20 MB in KiB, the kernel's unit here.
const PEAK_KIB_MAX: u64 = 19_531;

/// What one run cost.
struct Cost {
    wall_us: u64,
    cpu_us: u64,
    peak_kib: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    for _ in 0..WARM_UP_RUNS {
        run_once()?;
    }
    let costs = (0..RUNS).map(|_| run_once()).collect::<anyhow::Result<Vec<Cost>>>()?;
    let median = |of: fn(&Cost) -> u64| {
        let mut figures: Vec<u64> = costs.iter().map(of).collect();
        figures.sort_unstable();
        figures.get(RUNS / 2).copied().unwrap_or(u64::MAX)
    };
    let lines = [
        ("wall clock, median", median(|cost| cost.wall_us), WALL_US_MAX, "µs"),
        ("CPU time, median", median(|cost| cost.cpu_us), CPU_US_MAX, "µs"),
        ("peak memory, median", median(|cost| cost.peak_kib), PEAK_KIB_MAX, "KiB"),
    ];
    let mut out = std::io::stdout().lock();
    let mut within = true;
    for (what, figure, limit, unit) in lines {
        let verdict = if figure <= limit { "ok" } else { "OVER BUDGET" };
        within &= figure <= limit;
        writeln!(out, "status: {what} of {RUNS} runs: {figure} {unit}, at most {limit} {unit}: {verdict}")?;
    }
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_once() -> anyhow::Result<Cost> {
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
    let child = command.args(["status", "--color", "never"]).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (status, usage) = wait_with_usage(libc::pid_t::try_from(child.id())?)?;
    let wall_us = u64::try_from(start.elapsed().as_micros())?;
    anyhow::ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "status failed (wait status {status})");
    let us =
        |time: libc::timeval| -> anyhow::Result<u64> { Ok(u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec)?) };
    let cpu_us = us(usage.ru_utime)? + us(usage.ru_stime)?;
    Ok(Cost { wall_us, cpu_us, peak_kib: u64::try_from(usage.ru_maxrss)? })
}
