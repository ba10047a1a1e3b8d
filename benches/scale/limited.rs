//! A control group of the bench's own that lets a command have only so much memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fill::Filled;

/// A group that goes with the value; it must be empty by then.
pub(crate) struct MemoryGroup {
    path: PathBuf,
    peak: &'static str,
}

impl MemoryGroup {
    /// Makes one, in whichever version of control groups has the memory controller here.
    pub(crate) fn new(bytes: u64) -> Result<Self> {
        let (parent, files) = find_controller().context("no memory controller of control groups is mounted")?;
        let path = parent.join(format!("tcpctl-bench-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        let group = Self { path, peak: files.peak };
        fs::write(group.path.join(files.limit), bytes.to_string()).context("limiting the memory")?;
        // Without swap where the kernel can account it, so that the limit is one.
        let _ = fs::write(group.path.join(files.swap_limit), files.no_swap(bytes));
        Ok(group)
    }

    /// Runs a command in it to its end: whether that was in order, and the most memory in KiB that the group ever had:
    /// the program's own, and what the kernel and its page cache hold for it.
    pub(crate) fn run(&self, filled: &Filled, program: &str, arguments: &[&str]) -> Result<(bool, u64)> {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$1\" && shift && exec \"$@\" > /dev/null", "sh"]);
        command.arg(self.path.join("cgroup.procs")).arg(program).args(arguments);
        let done = filled.spawn(&mut command)?.wait()?;
        let peak: u64 = fs::read_to_string(self.path.join(self.peak))?.trim().parse()?;
        Ok((done.success(), peak / 1_024))
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// The names of a version's files.
struct Files {
    limit: &'static str,
    swap_limit: &'static str,
    peak: &'static str,
    /// The first version limits memory and swap together.
    together: bool,
}

impl Files {
    fn no_swap(&self, bytes: u64) -> String {
        if self.together { bytes.to_string() } else { "0".to_owned() }
    }
}

fn find_controller() -> Option<(PathBuf, Files)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let path = Path::new(before.split(' ').nth(4)?).to_path_buf();
        let mut after = after.split(' ');
        match (after.next()?, after.nth(1)?) {
            ("cgroup", options) if options.split(',').any(|option| option == "memory") => Some((
                path,
                Files {
                    limit: "memory.limit_in_bytes",
                    swap_limit: "memory.memsw.limit_in_bytes",
                    peak: "memory.max_usage_in_bytes",
                    together: true,
                },
            )),
            ("cgroup2", _) if fs::read_to_string(path.join("cgroup.subtree_control")).ok()?.contains("memory") => {
                let files =
                    Files { limit: "memory.max", swap_limit: "memory.swap.max", peak: "memory.peak", together: false };
                Some((path, files))
            }
            _ => None,
        }
    })
}
