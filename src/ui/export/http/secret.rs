//! Files with secrets.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail};

/// Bytes that such a file may have.
const MOST_BYTES: u64 = 1024 * 1024;

/// Reads a file that not everybody may read.
///
/// # Errors
/// When it cannot be read, is too long, or others than its owner and group may read or write it.
pub(super) fn read_secret(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unread = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(unread)?;
    // Of the file that was opened: what stands under the name may change.
    let mode = file.metadata().with_context(unread)?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        bail!("{} is open to everybody (mode {mode:04o}): give it to its reader alone, chmod 600", path.display());
    }
    let mut content = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut content).with_context(unread)?;
    if u64::try_from(content.len()).is_ok_and(|bytes| bytes > MOST_BYTES) {
        bail!("{} is longer than {MOST_BYTES} bytes", path.display());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_file_that_everybody_may_read_is_refused_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s").unwrap();
        for (mode, refused) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = read_secret(&path).map_err(|error| error.to_string());
            assert_eq!(read.is_err(), refused, "{mode:o}: {read:?}");
            assert!(read.err().is_none_or(|error| error.contains(&format!("mode {mode:04o}"))));
        }
        assert!(read_secret(&folder.path().join("none")).unwrap_err().to_string().starts_with("cannot read "));
    }
}
