//! A copy of the built program that every user may run: where it was built may be closed to others.
//!
//! The copy is made before any thread exists. While a file is open for writing nobody can run it, and a child
//! that another thread starts meanwhile holds it open a little longer.

use std::fs::Permissions;
use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

static PATH: OnceLock<PathBuf> = OnceLock::new();

/// Makes the copy; it lasts as long as the directory that is handed back.
pub(crate) fn lay_out() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let open = Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open.clone()).expect("the own directory");
    let path = directory.path().join("tcpctl");
    std::fs::copy(env!("CARGO_BIN_EXE_tcpctl"), &path).expect("the program was built");
    std::fs::set_permissions(&path, open).expect("the own file");
    PATH.set(path).expect("it is laid out once");
    directory
}

/// Starts it with pipes for what it says.
pub(crate) fn start(arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut command = Command::new(path());
    let mut child =
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    (child, output)
}

/// What it says on standard error until it ends, and its exit code.
pub(crate) fn complaint(mut child: Child) -> (String, Option<i32>) {
    let mut told = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut told).expect("text");
    (told, child.wait().expect("a child").code())
}

/// Where it is.
pub(crate) fn path() -> &'static Path {
    PATH.get().expect("main lays it out first")
}
