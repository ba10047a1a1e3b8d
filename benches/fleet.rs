//! Holds `tcpctl fleet` to what reading costs: thousands of snapshots, against parsing the same bytes alone.
//!
//! Processor time is compared and not the clock, since it is the same on a busy machine.

#[path = "scale/wait.rs"]
mod wait;

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::Value;
use tcpctl::snapshot::parse_readings;
use wait::wait_with_usage;

/// Hosts, of which each has a file.
const HOSTS: usize = 10_000;
/// Times the processor time of reading and parsing the files, with all rules, a profile and the model.
const RATIO_MAX: f64 = 2.5;
/// Peak resident memory in KiB: the answers of ten thousand hosts and two snapshots, and not the 335 MB of the files.
const PEAK_KIB_MAX: u64 = 150_000;
const OF_A_HOST: &str = include_str!("../tests/data/snapshots/version-1.json");

fn main() -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let bytes = write_fleet(folder.path())?;
    let alone_us = parse_alone(folder.path())?;
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
    command.arg("fleet").arg(folder.path()).args(["--profile", "anti-syn-flood"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (status, usage) = wait_with_usage(libc::pid_t::try_from(child.id())?)?;
    let wall = start.elapsed();
    anyhow::ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1, "fleet failed (wait status {status})");
    let cpu_us = microseconds(usage.ru_utime)? + microseconds(usage.ru_stime)?;
    let ratio = f64::from(u32::try_from(cpu_us)?) / f64::from(u32::try_from(alone_us)?);
    let peak_kib = u64::try_from(usage.ru_maxrss)?;
    let within = ratio <= RATIO_MAX && peak_kib <= PEAK_KIB_MAX;
    let mut out = std::io::stdout().lock();
    writeln!(out, "fleet: {HOSTS} snapshots of {} MB in {:.1} s", bytes / 1_000_000, wall.as_secs_f64())?;
    writeln!(
        out,
        "fleet: CPU time {:.1} s, {ratio:.2} times that of reading and parsing alone ({:.1} s), at most {RATIO_MAX}",
        f64::from(u32::try_from(cpu_us)?) / 1e6,
        f64::from(u32::try_from(alone_us)?) / 1e6,
    )?;
    writeln!(out, "fleet: peak memory {peak_kib} KiB, at most {PEAK_KIB_MAX} KiB")?;
    writeln!(out, "fleet: {}", if within { "ok" } else { "OVER BUDGET" })?;
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One file a host, with kernels, settings and drops that differ; how many bytes they have.
fn write_fleet(folder: &Path) -> anyhow::Result<usize> {
    let mut document: Value = serde_json::from_str(OF_A_HOST)?;
    let mut bytes = 0;
    for host in 0..HOSTS {
        let readings = document.get_mut("readings").and_then(Value::as_array_mut);
        for reading in readings.into_iter().flatten() {
            let mut set = |pointer: &str, value: Value| reading.pointer_mut(pointer).map(|place| *place = value);
            set("/hostname", format!("host-{host:05}").into());
            let kernel = ["5.15.0", "6.1.90", "6.12.9", "6.18.3"].get(host % 4).copied().unwrap_or_default();
            set("/kernel/release", format!("{kernel}-{}", host % 50).into());
            set("/kernel/version", kernel.into());
            set("/sysctls/readings/net.ipv4.tcp_syn_retries/detail", (host % 7).to_string().into());
        }
        let text = serde_json::to_string_pretty(&document)?;
        bytes += text.len();
        std::fs::write(folder.join(format!("host-{host:05}.json")), text)?;
    }
    Ok(bytes)
}

/// Processor time of this thread for reading and parsing each file, in microseconds.
fn parse_alone(folder: &Path) -> anyhow::Result<u64> {
    let before = own_cpu_us()?;
    for entry in std::fs::read_dir(folder)? {
        let read = parse_readings(&std::fs::read(entry?.path())?)?;
        std::hint::black_box(read);
    }
    Ok(own_cpu_us()? - before)
}

fn own_cpu_us() -> anyhow::Result<u64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Ok(u64::try_from(time.tv_sec)? * 1_000_000 + u64::try_from(time.tv_nsec)? / 1000)
}

fn microseconds(time: libc::timeval) -> anyhow::Result<u64> {
    Ok(u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec)?)
}
