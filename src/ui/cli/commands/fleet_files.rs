//! The snapshots of a fleet: finding their files, and reading one within bounds.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Error, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::report::UnreadFile;
use crate::snapshot::{StoredSnapshots, decode_readings, parse_readings};
use crate::ui::cli::stored::{GZIP, MOST_BYTES};

/// Directories in directories, of which nobody has more.
const DEEPEST: usize = 16;
/// Unpacked bytes that are held at once; a longer one, which has single sockets, is read bit by bit.
const HELD_BYTES: u64 = 8 << 20;

/// What is to be read.
#[derive(Debug, Default)]
pub(super) struct SnapshotFiles {
    /// The files, those of a directory by name, each once.
    pub(super) files: Vec<PathBuf>,
    /// Directories that could not be listed.
    pub(super) unread: Vec<UnreadFile>,
    /// How many files of the directories are named otherwise.
    pub(super) others: usize,
}

/// The files that are named, and those below the directories that are. Links to directories are not followed.
pub(super) fn find_snapshots(paths: &[PathBuf]) -> SnapshotFiles {
    let mut found = SnapshotFiles::default();
    for path in paths {
        if path.is_dir() {
            found.list(path, 0);
        } else {
            found.files.push(path.clone());
        }
    }
    found.files.sort();
    found.files.dedup();
    found
}

impl SnapshotFiles {
    fn list(&mut self, directory: &Path, depth: usize) {
        let unread = |reason: String| UnreadFile { file: directory.display().to_string(), reason };
        if depth > DEEPEST {
            self.unread.push(unread(format!("it is deeper than {DEEPEST} directories, and was not looked into")));
            return;
        }
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                self.unread.push(unread(format!("cannot list it: {error}")));
                return;
            }
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok((path, kind)) if kind.is_dir() => self.list(&path, depth + 1),
                Ok((path, _)) if is_named_snapshot(&path) => self.files.push(path),
                Ok(_) => self.others += 1,
                Err(error) => self.unread.push(unread(format!("cannot list all of it: {error}"))),
            }
        }
    }
}

fn is_named_snapshot(path: &Path) -> bool {
    let name = path.file_name().map_or(&[][..], OsStr::as_bytes);
    let hidden = name.starts_with(b".");
    !hidden && (name.ends_with(b".json") || name.ends_with(b".json.gz"))
}

/// The readings of a file, without its single sockets. `bytes` is a place that is used again and again.
///
/// # Errors
/// Why there are none, without the name of the file.
pub(super) fn read_readings(path: &Path, bytes: &mut Vec<u8>) -> Result<StoredSnapshots, String> {
    let cannot = |error: Error| format!("cannot read it: {error}");
    // What is no file may never end, or never begin.
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    bytes.clear();
    let read = unpacked(path).and_then(|opened| opened.take(HELD_BYTES + 1).read_to_end(bytes)).map_err(cannot)?;
    if u64::try_from(read).is_ok_and(|read| read <= HELD_BYTES) {
        return parse_readings(bytes).map_err(|error| error.to_string());
    }
    *bytes = Vec::new();
    decode_readings(|| unpacked(path)).map_err(|error| error.to_string())
}

/// A file from its beginning, unpacked where it is packed.
fn unpacked(path: &Path) -> Result<Bounded<Box<dyn Read>>, Error> {
    let mut file = File::open(path)?;
    let mut first = [0; GZIP.len()];
    let packed = file.by_ref().take(2).read(&mut first)? == GZIP.len() && first == GZIP;
    file.rewind()?;
    let inner: Box<dyn Read> =
        if packed { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
    Ok(Bounded { inner, left: MOST_BYTES })
}

/// Fails where more comes than any snapshot has: a small file may unpack to anything.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = u64::try_from(read).ok().and_then(|read| self.left.checked_sub(read));
        self.left = left.ok_or_else(|| Error::other("it is longer than 1 GiB, which no snapshot is"))?;
        Ok(read)
    }
}
