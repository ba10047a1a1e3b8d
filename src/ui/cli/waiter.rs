//! The process that undoes an apply unless it is confirmed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::CliError;
use super::context::Context;
use crate::tune::WAITING;

/// What is to be started before the first write, if a confirmation is asked for.
pub(super) struct Waiter {
    within_ms: Option<u64>,
    program: PathBuf,
    proc_root: PathBuf,
    state_dir: PathBuf,
}

impl Waiter {
    pub(super) fn new(within_ms: Option<u64>, context: &Context<'_>) -> Result<Self, CliError> {
        // It waits in another directory than this one.
        let absolute = |path: &Path| std::path::absolute(path).map_err(CliError::failure);
        Ok(Self {
            within_ms,
            program: std::env::current_exe().map_err(CliError::failure)?,
            proc_root: absolute(&context.proc_root)?,
            state_dir: absolute(&context.state_dir)?,
        })
    }

    /// Starts it for an entry and returns when it waits: it has left the terminal by then. It inherits the network
    /// namespace of the calling thread.
    pub(super) fn start(&mut self, entry: u64) -> Result<(), String> {
        let Some(within_ms) = self.within_ms else { return Ok(()) };
        let mut command = Command::new(&self.program);
        command.arg("--proc").arg(&self.proc_root).arg("--state-dir").arg(&self.state_dir);
        command.args(["await-confirmation", &entry.to_string(), &within_ms.to_string()]);
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start it: {error}"))?;
        let mut said = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut said).map_err(|error| error.to_string())?;
        }
        if said == WAITING {
            return Ok(());
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        Err(format!("it ended at once: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}
