//! What every command is given.

use std::io::Write;
use std::path::PathBuf;

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
}

impl Context<'_> {
    /// Prints a value as indented JSON with a newline at the end.
    pub(super) fn print_json(&mut self, value: &impl serde::Serialize) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        writeln!(self.out)
    }
}
