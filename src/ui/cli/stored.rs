//! Stored snapshots that are named on the command line.

use std::io::Read;
use std::path::Path;

use super::CliError;
use super::named_file::{NamedFile, is_longer};
use crate::snapshot::{StoredSnapshots, parse_stored};

/// More than this, unpacked, is no snapshot that tcpctl wrote.
pub(super) const MOST_BYTES: u64 = 1 << 30;
/// How gzip begins (RFC 1952, 2.3.1).
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads a file, or standard input for `-`; it may be compressed by gzip.
pub(super) fn read_stored(path: &Path) -> Result<StoredSnapshots, CliError> {
    let file = NamedFile::new(path);
    let named = &file.named;
    let mut bytes = file.read(MOST_BYTES, String::new)?;
    if bytes.starts_with(&GZIP) {
        bytes = unpacked(&bytes).map_err(|error| CliError::Usage(format!("cannot unpack {named}: {error}")))?;
    }
    if is_longer(&bytes, MOST_BYTES) {
        return Err(CliError::Usage(format!("{named} is longer than 1 GiB, which no snapshot is")));
    }
    let text = file.text(bytes, ": it is no snapshot of tcpctl")?;
    parse_stored(&text).map_err(|error| CliError::Usage(format!("{named}: {error}")))
}

fn unpacked(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Single sockets are asked of a snapshot that has none.
pub(super) fn without_rows() -> CliError {
    let message = "this snapshot holds no single sockets; `tcpctl snapshot --sockets FILE` takes one that does";
    CliError::Usage(message.to_owned())
}
