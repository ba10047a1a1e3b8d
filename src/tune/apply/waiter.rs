//! Starting the process that undoes an apply unless it is confirmed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::WAITING;

/// What is to be started before the first write, if a confirmation is asked for.
#[derive(Clone, Debug)]
pub struct Waiter {
    program: PathBuf,
    proc_root: PathBuf,
    state_dir: PathBuf,
}

impl Waiter {
    /// What starts this program as the one that waits.
    ///
    /// # Errors
    /// When the present directory cannot be told, from which relative paths begin.
    pub fn new(program: PathBuf, proc_root: &Path, state_dir: &Path) -> std::io::Result<Self> {
        // It waits in another directory than this one.
        Ok(Self { program, proc_root: std::path::absolute(proc_root)?, state_dir: std::path::absolute(state_dir)? })
    }

    /// Starts it for an entry and returns when it waits: it has left the terminal by then. It inherits the network
    /// namespace of the calling thread.
    ///
    /// # Errors
    /// When it cannot be started, or ends at once.
    pub fn start(&self, entry: u64, within_ms: u64) -> Result<(), String> {
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
