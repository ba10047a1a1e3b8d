//! Programs that a test needs and that are not everywhere; `.ci/run` installs them.

use std::io::Write;
use std::path::PathBuf;

/// Where a program is. Without it the test that needs it says by name that it cannot run.
pub(super) fn find(program: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        say_cannot_run(test, &format!("there is no {program} here"));
    }
    found
}

/// Says it past the harness, which keeps back what a test that passes prints.
pub(super) fn say_cannot_run(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "\ncannot run: {test}: {reason}");
}
