//! Commands, and what the kernel says that they cost.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::fill::Filled;
use crate::wait::wait_with_usage;

/// What one run cost, by the kernel's own accounting of the finished process.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    wall_us: u64,
    user_us: u64,
    system_us: u64,
    peak_kib: u64,
}

impl Cost {
    pub(crate) fn wall(&self) -> u64 {
        self.wall_us
    }

    pub(crate) fn cpu(&self) -> u64 {
        self.user_us + self.system_us
    }

    pub(crate) fn peak_kib(&self) -> u64 {
        self.peak_kib
    }
}

/// A command that is measured.
pub(crate) struct Subject {
    name: &'static str,
    program: String,
    arguments: Vec<String>,
}

impl Subject {
    /// A program with its arguments, which are split at blanks.
    pub(crate) fn new(name: &'static str, program: &str, arguments: &str) -> Self {
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        Self { name, program: program.to_owned(), arguments }
    }

    /// A line of a shell, with all that it runs.
    pub(crate) fn line(line: &'static str) -> Self {
        Self { name: line, program: "sh".to_owned(), arguments: vec!["-c".to_owned(), line.to_owned()] }
    }

    /// The bench itself in another part.
    pub(crate) fn own(name: &'static str, part: &str) -> Self {
        Self::new(name, &own_path(), part)
    }
}

/// The bench's own program.
pub(crate) fn own_path() -> String {
    std::env::current_exe().map_or_else(|_| "/proc/self/exe".to_owned(), |path| path.display().to_string())
}

/// Every run of every command.
pub(crate) struct Costs(Vec<(&'static str, Vec<Cost>)>);

impl Costs {
    fn of(&self, name: &str) -> Option<&[Cost]> {
        self.0.iter().find(|(subject, _)| *subject == name).map(|(_, costs)| costs.as_slice())
    }

    pub(crate) fn median(&self, name: &str, figure: fn(&Cost) -> u64) -> Option<u64> {
        median(self.of(name)?.iter().map(figure).collect())
    }

    pub(crate) fn least(&self, name: &str, figure: fn(&Cost) -> u64) -> Option<u64> {
        self.of(name)?.iter().map(figure).min()
    }

    /// The median of the rounds' ratios, in thousandths.
    pub(crate) fn ratio_milli(&self, one: &str, other: &str, figure: fn(&Cost) -> u64) -> Option<u64> {
        let pairs = self.of(one)?.iter().zip(self.of(other)?);
        median(pairs.map(|(one, other)| 1_000 * figure(one) / figure(other).max(1)).collect())
    }

    /// The median share of user time, in thousandths.
    pub(crate) fn own_share_milli(&self, name: &str) -> Option<u64> {
        median(self.of(name)?.iter().map(|cost| 1_000 * cost.user_us / cost.cpu().max(1)).collect())
    }
}

fn median(mut figures: Vec<u64>) -> Option<u64> {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied()
}

/// Runs every command once a round, one after the other, so that what disturbs one disturbs its neighbours. The first
/// round is a warm-up and not counted.
pub(crate) fn rounds(filled: &mut Filled, subjects: &[Subject], rounds: usize) -> Result<Costs> {
    let mut costs: Vec<(&'static str, Vec<Cost>)> = subjects.iter().map(|one| (one.name, Vec::new())).collect();
    for round in 0..=rounds {
        filled.refresh()?;
        for (subject, (_, kept)) in subjects.iter().zip(&mut costs) {
            let cost = run(filled, subject).with_context(|| format!("running `{}`", subject.name))?;
            if round > 0 {
                kept.push(cost);
            }
        }
    }
    Ok(Costs(costs))
}

fn run(filled: &Filled, subject: &Subject) -> Result<Cost> {
    let mut command = Command::new(&subject.program);
    command.args(&subject.arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let child = filled.spawn(&mut command)?;
    let (status, usage) = wait_with_usage(libc::pid_t::try_from(child.id())?)?;
    let wall_us = u64::try_from(start.elapsed().as_micros())?;
    anyhow::ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "it failed (wait status {status})");
    let us = |time: libc::timeval| u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec);
    let (user_us, system_us) = (us(usage.ru_utime)?, us(usage.ru_stime)?);
    Ok(Cost { wall_us, user_us, system_us, peak_kib: u64::try_from(usage.ru_maxrss)? })
}
