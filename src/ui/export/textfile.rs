//! The file that node_exporter's textfile collector reads.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

/// Readable by the collector, which runs as a user of its own.
const MODE: u32 = 0o644;

/// Replaces the file in one step, so that a reader sees the old text or the new one, never a part.
///
/// # Errors
/// When the directory of the file is not there or may not be written to; the file is then as it was.
pub fn write_textfile(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let unwritten = || format!("cannot write {}; it was left as it was", path.display());
    let mut file = tempfile::Builder::new()
        .prefix(".tcpctl-")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder)
        .with_context(unwritten)?;
    file.write_all(text.as_bytes()).with_context(unwritten)?;
    // The mode given at creation is cut by the umask.
    file.as_file().set_permissions(Permissions::from_mode(MODE)).with_context(unwritten)?;
    file.as_file().sync_all().with_context(unwritten)?;
    file.persist(path).with_context(unwritten)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_readable_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tcpctl.prom");
        std::fs::write(&path, "old and longer than the new").unwrap();
        write_textfile(&path, "new\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_textfile(&folder.path().join("none/tcpctl.prom"), "x").unwrap_err();
        assert!(error.to_string().contains("none/tcpctl.prom; it was left as it was"), "{error}");
    }
}
