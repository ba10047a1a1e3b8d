//! Reading below a proc file system that may be mounted (or copied) anywhere.

use std::io::{self, BufRead, BufReader, Read, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Largest file that is read whole, in bytes. The largest text that is read so is a kernel configuration,
/// about 300 KiB; the socket tables are read as streams.
pub(super) const READ_LIMIT: u64 = 16 << 20;
/// What one read asks for: the kernel's small files and all values are shorter.
pub(super) const ONE_READ: usize = 4 << 10;

/// The files of the calling thread's network namespace, since Linux 3.17.
const NET_OF_THREAD: &str = "thread-self/net";

/// Longest line that is read as one, in bytes; rows of the socket tables have about 180.
const LINE_LIMIT: u64 = 64 << 10;

/// A proc file system: `/proc`, another mount of it, or a copy of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcRoot {
    root: PathBuf,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {path}: {reason}")]
pub struct ReadError {
    /// The file.
    pub path: String,
    /// What kind of refusal it was.
    pub kind: ReadErrorKind,
    /// What the kernel answered, in words.
    pub reason: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// There is no such file.
    Absent,
    /// This process may not read it.
    Denied,
    /// Any other failure.
    Failed,
}

impl ReadError {
    pub(super) fn new(path: &Path, error: &io::Error) -> Self {
        Self { path: path.display().to_string(), kind: ReadErrorKind::of(error), reason: describe(error) }
    }
}

impl ReadErrorKind {
    /// Sorts an error: `ENOENT`, `ENOTDIR` and `ESRCH` (a process that ended) mean absent, `EACCES` and `EPERM` denied.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR | libc::ESRCH) => Self::Absent,
            Some(libc::EACCES | libc::EPERM) => Self::Denied,
            _ => Self::Failed,
        }
    }
}

/// The error in words, without the `(os error 13)` that means nothing to most readers.
pub(super) fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text.get(..at).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// An open file of a network namespace, to be read again and again.
#[derive(Debug)]
pub struct NetFile {
    path: PathBuf,
    file: std::fs::File,
}

impl NetFile {
    /// Hands every line from the beginning on to `line`, without keeping them, until there are no more or it breaks off.
    /// One that is cut off has no `\n` at its end.
    ///
    /// # Errors
    /// Denied or failed, with the path and the kernel's answer.
    pub fn for_each_line(&mut self, mut line: impl FnMut(&str) -> ControlFlow<()>) -> Result<(), ReadError> {
        let Self { path, file } = self;
        let each = || -> io::Result<()> {
            file.rewind()?;
            let mut reader = BufReader::with_capacity(64 << 10, file);
            let mut buffer = Vec::new();
            while (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut buffer)? > 0 {
                if line(&String::from_utf8_lossy(&buffer)).is_break() {
                    break;
                }
                buffer.clear();
            }
            Ok(())
        };
        each().map_err(|error| ReadError::new(path, &error))
    }
}

impl ProcRoot {
    /// A proc file system at `root`, normally `/proc`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The path of a file below it.
    #[must_use]
    pub fn join(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The path of a file of the network namespace of the calling thread, such as `netstat`.
    ///
    /// `net` and `self/net` belong to the namespace of the thread group's leader, so a thread that entered
    /// another one must look below `thread-self` (since Linux 3.17). Copies have only `net`.
    #[must_use]
    pub fn net_path(&self, file: &str) -> PathBuf {
        for base in [NET_OF_THREAD, "self/net"] {
            let directory = self.root.join(base);
            if directory.exists() {
                return directory.join(file);
            }
        }
        self.root.join("net").join(file)
    }

    /// Reads a file below the root as text; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// Absent, denied or failed, with the path and the kernel's answer.
    pub fn read(&self, relative: &str) -> Result<String, ReadError> {
        read_text(&self.join(relative))
    }

    /// Reads a file of the calling thread's network namespace, as [`ProcRoot::net_path`] finds it.
    ///
    /// # Errors
    /// Absent, denied or failed, with the path and the kernel's answer.
    pub fn read_net(&self, file: &str) -> Result<String, ReadError> {
        match read_text(&self.first_net_path(file)) {
            Err(ReadError { kind: ReadErrorKind::Absent, .. }) => read_text(&self.net_path(file)),
            read => read,
        }
    }

    /// Where the file is on every live system: one question less than [`ProcRoot::net_path`] asks.
    fn first_net_path(&self, file: &str) -> PathBuf {
        self.root.join(NET_OF_THREAD).join(file)
    }

    /// Hands every line of a file of the calling thread's network namespace to `line`, without keeping them,
    /// until there are no more or it breaks off. One that is cut off has no `\n` at its end.
    ///
    /// # Errors
    /// Absent, denied or failed, with the path and the kernel's answer.
    pub fn for_each_net_line(&self, file: &str, line: impl FnMut(&str) -> ControlFlow<()>) -> Result<(), ReadError> {
        self.open_net(file)?.for_each_line(line)
    }

    /// Opens a file of the calling thread's network namespace, of which it stays whoever reads it.
    ///
    /// # Errors
    /// Absent, denied or failed, with the path and the kernel's answer.
    pub fn open_net(&self, file: &str) -> Result<NetFile, ReadError> {
        let path = self.net_path(file);
        match std::fs::File::open(&path) {
            Ok(file) => Ok(NetFile { path, file }),
            Err(error) => Err(ReadError::new(&path, &error)),
        }
    }

    /// Whether this is the proc file system of the calling thread's own process ids, by its usual place.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.root == Path::new("/proc")
    }

    /// Inode of the calling thread's network namespace as seen through this root.
    ///
    /// # Errors
    /// Absent for a copy of `/proc`, denied, or failed.
    pub fn netns_inode(&self) -> Result<u64, ReadError> {
        if let Ok(inode) = super::netns::inode_of(&self.root.join("thread-self/ns/net")) {
            return Ok(inode);
        }
        let path = self.root.join("self/ns/net");
        super::netns::inode_of(&path).map_err(|error| ReadError::new(&path, &error))
    }
}

/// Reads a text file anywhere, for the kernel configurations outside `/proc`.
///
/// # Errors
/// Absent, denied or failed, with the path and the kernel's answer.
pub fn read_text(path: &Path) -> Result<String, ReadError> {
    let bytes = read_bytes(path)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Reads a file that people write, which must be UTF-8.
///
/// # Errors
/// Absent, denied or failed (also when it is not UTF-8; says where), with the path and the answer.
pub fn read_utf8_text(path: &Path) -> Result<String, ReadError> {
    String::from_utf8(read_bytes(path)?).map_err(|error| {
        let good = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = good.filter(|byte| **byte == b'\n').count() + 1;
        let reason = format!("line {line} is not UTF-8; save the file in that encoding");
        ReadError { path: path.display().to_string(), kind: ReadErrorKind::Failed, reason }
    })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    // What the kernel writes here is a few KiB, and a file's own length says nothing.
    let mut bytes = Vec::with_capacity(ONE_READ);
    std::fs::File::open(path)
        .and_then(|file| file.take(READ_LIMIT).read_to_end(&mut bytes))
        .map_err(|error| ReadError::new(path, &error))?;
    Ok(bytes)
}

/// Unpacks a gzip file such as `/proc/config.gz` line by line until something is found, and no further: unpacking all of
/// a configuration takes longer than everything else that a short reading does.
///
/// # Errors
/// Absent, denied or failed (also when it is not gzip), with the path and the answer.
pub fn find_in_gzip<T>(path: &Path, mut find: impl FnMut(&str) -> Option<T>) -> Result<Option<T>, ReadError> {
    let mut search = || -> io::Result<Option<T>> {
        let decoder = flate2::read::GzDecoder::new(std::fs::File::open(path)?).take(READ_LIMIT);
        let mut reader = BufReader::with_capacity(16 << 10, decoder);
        let mut line = Vec::new();
        while (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut line)? > 0 {
            if let Some(found) = find(&String::from_utf8_lossy(&line)) {
                return Ok(Some(found));
            }
            line.clear();
        }
        Ok(None)
    };
    search().map_err(|error| ReadError::new(path, &error))
}

/// The host's name as the kernel has it (`uname`), which follows the UTS namespace.
#[must_use]
pub fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What the kernel says of its building, as `uname -v` prints it and `sys/kernel/version` has it.
#[must_use]
pub fn kernel_build() -> String {
    rustix::system::uname().version().to_string_lossy().into_owned()
}

/// The kernel release as `uname -r` prints it.
#[must_use]
pub fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_proc_is_read_below_net() {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir(copy.path().join("net")).unwrap();
        std::fs::write(copy.path().join("net/snmp"), "Tcp: A\nTcp: 1\n").unwrap();
        let root = ProcRoot::new(copy.path());
        assert_eq!(root.read_net("snmp").as_deref(), Ok("Tcp: A\nTcp: 1\n"));
        assert_eq!(root.read_net("netstat").unwrap_err().kind, ReadErrorKind::Absent);
        assert_eq!(root.netns_inode().unwrap_err().kind, ReadErrorKind::Absent);
    }

    #[test]
    fn the_live_proc_is_read_as_the_calling_thread_sees_it() {
        let path = ProcRoot::new("/proc").net_path("snmp");
        assert_eq!(path, Path::new("/proc/thread-self/net/snmp"));
    }

    #[test]
    fn errors_say_the_path_and_the_answer_without_numbers() {
        let error = read_text(Path::new("/proc/no-such-file")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /proc/no-such-file: No such file or directory");
    }

    #[test]
    fn a_file_that_is_not_gzip_is_a_failure_and_not_a_panic() {
        let error = find_in_gzip(Path::new("/proc/version"), |_| Some(())).unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Failed);
    }
}
