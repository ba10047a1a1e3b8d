//! What every command is given.

use std::io::Write;
use std::path::PathBuf;

use super::CliError;
use super::reading::{Depth, read_snapshot};
use crate::collect::SynQueues;
use crate::explain::{Ask, HostPremises, Overrides};
use crate::snapshot::StoredSnapshots;
use crate::units::SysctlValues;

/// Where to read from, and how and where to print.
pub(super) struct Context<'a> {
    /// Standard output; colour codes are stripped on the way when it is not a terminal.
    pub(super) out: &'a mut dyn Write,
    /// Whether to print JSON.
    pub(super) json: bool,
    /// Columns that text may use.
    pub(super) width: usize,
    /// Whether only ASCII may be printed.
    pub(super) ascii: bool,
    /// Root of the proc file system to read.
    pub(super) proc_root: PathBuf,
    /// Network namespace asked for by name, pid or path.
    pub(super) netns: Option<String>,
    /// Where the journal of changes is kept.
    pub(super) state_dir: PathBuf,
    /// The stored snapshot that stands for this host, if one was named.
    pub(super) stored: Option<StoredSnapshots>,
    /// What may read SYN queues in the kernel.
    pub(super) syn_queues: SynQueues,
}

impl Context<'_> {
    /// Prints a value as indented JSON with a newline at the end.
    pub(super) fn print_json(&mut self, value: &impl serde::Serialize) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        writeln!(self.out)
    }

    /// The premises of a question: this host's settings (or the kernel's defaults) with the what-ifs over them.
    pub(super) fn ask(&self, overrides: &Overrides, defaults: bool) -> Result<Ask, CliError> {
        ask_of(&self.premises(defaults)?, overrides)
    }

    /// What this host is, with its settings or none for the kernel's defaults.
    pub(super) fn premises(&self, defaults: bool) -> Result<HostPremises, CliError> {
        let host = read_snapshot(self, Depth::Settings, [])?;
        let values = if defaults { SysctlValues::new() } else { host.sysctls.values() };
        let hz = host.kernel.hz.map(|reading| reading.hz);
        Ok(HostPremises { version: host.kernel.version, hz, memory_kib: host.memory_kib, values })
    }
}

/// A question to this host.
pub(super) fn ask_of(host: &HostPremises, overrides: &Overrides) -> Result<Ask, CliError> {
    Ask::new(host.version, host.hz, host.memory_kib, &host.values, overrides)
        .map_err(|error| CliError::Usage(error.to_string()))
}
