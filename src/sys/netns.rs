//! Network namespaces.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Inode of a namespace file such as `/proc/self/ns/net`.
pub(super) fn inode_of(path: &Path) -> io::Result<u64> {
    std::fs::metadata(path).map(|metadata| metadata.ino())
}
