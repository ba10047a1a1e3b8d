//! A copy of the built program that every user may run: where it was built may be closed to others.
//!
//! The copy is made before any thread exists. While a file is open for writing nobody can run it, and a child
//! that another thread starts meanwhile holds it open a little longer.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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

/// Where it is.
pub(crate) fn path() -> &'static Path {
    PATH.get().expect("main lays it out first")
}
