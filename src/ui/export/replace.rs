//! Files that other programs read: node_exporter's textfile collector, Wireshark.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, anyhow};
use tempfile::NamedTempFile;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Everybody, such as a collector that runs as a user of its own.
    All,
    /// Only the owner, for what names hosts and processes.
    Owner,
}

impl Readers {
    const fn mode(self) -> u32 {
        match self {
            Self::All => 0o644,
            Self::Owner => 0o600,
        }
    }
}

/// Replaces the file in one step, so that a reader sees the old text or the new one, never a part.
///
/// # Errors
/// When the directory of the file is not there or may not be written to, or there is something else than a file, such
/// as a device; it is then as it was.
pub fn replace_file(path: &Path, content: &[u8], readers: Readers) -> anyhow::Result<()> {
    replace_file_with(path, readers, |file| Ok(file.write_all(content)?))
}

/// The same for what is written piece by piece.
///
/// # Errors
/// As of [`replace_file`], and those of `write`.
pub fn replace_file_with(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let unwritten = || format!("cannot write {}; it was left as it was", path.display());
    let mut file = file_beside(path, readers)?;
    write(&mut file).with_context(unwritten)?;
    // The mode given at creation is cut by the umask.
    file.as_file().set_permissions(Permissions::from_mode(readers.mode())).with_context(unwritten)?;
    file.as_file().sync_all().with_context(unwritten)?;
    file.persist(path).with_context(unwritten)?;
    Ok(())
}

/// Writes a file that is not there yet, in one step: whole or not at all. Who may read it, the umask says.
///
/// # Errors
/// [`std::io::ErrorKind::AlreadyExists`] when there is anything by that name, and those of creating and writing a file.
pub fn create_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    let mut file = new_beside(path, Readers::All)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// Says in advance whether [`replace_file`] would fail, as far as that can be known.
///
/// # Errors
/// As of [`replace_file`].
pub fn check_replaceable(path: &Path) -> anyhow::Result<()> {
    file_beside(path, Readers::Owner).map(drop)
}

fn file_beside(path: &Path, readers: Readers) -> anyhow::Result<NamedTempFile> {
    let unwritten = || format!("cannot write {}; it was left as it was", path.display());
    // A device, a pipe or a terminal would be gone and a file in its place.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(anyhow!("it is no file")).with_context(unwritten);
    }
    new_beside(path, readers).with_context(unwritten)
}

/// A new file in the same directory, which vanishes unless it is persisted.
fn new_beside(path: &Path, readers: Readers) -> std::io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    tempfile::Builder::new().prefix(".tcpctl-").permissions(Permissions::from_mode(readers.mode())).tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_readable_by_those_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tcpctl.prom");
        std::fs::write(&path, "old and longer than the new").unwrap();
        for (readers, mode) in [(Readers::Owner, 0o600), (Readers::All, 0o644)] {
            replace_file(&path, b"new\n", readers).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = replace_file(&folder.path().join("none/tcpctl.prom"), b"x", Readers::All).unwrap_err();
        assert!(error.to_string().contains("none/tcpctl.prom; it was left as it was"), "{error}");
    }

    #[test]
    fn what_is_no_file_is_not_replaced_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let listener = folder.path().join("socket");
        let _held = std::os::unix::net::UnixListener::bind(&listener).unwrap();
        for path in [listener.as_path(), folder.path()] {
            for error in [check_replaceable(path).unwrap_err(), replace_file(path, b"x", Readers::All).unwrap_err()] {
                assert!(format!("{error:#}").ends_with("it is no file"), "{error:#}");
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
