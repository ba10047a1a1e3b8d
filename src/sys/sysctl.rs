//! Sysctl files below `/proc/sys`.
//!
//! Files below `sys/net` belong to the network namespace of the thread that *opens* them
//! (`proc_sys_lookup`, `net_ctl_set_ownership`), so the caller must be in the right one.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::proc::{ONE_READ, READ_LIMIT, describe};
use crate::units::SysctlKey;

/// Sysctl files below one proc file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysctlFiles {
    root: PathBuf,
}

/// Why a sysctl could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SysctlError {
    /// There is no such file: the kernel has no such key, or not in this network namespace.
    #[error("{path}: the kernel has no such key in this network namespace")]
    Absent {
        /// The file.
        path: String,
    },
    /// This process may not do it: `EACCES`, `EPERM`, or `EROFS` (containers mount `/proc/sys` read-only).
    #[error("{path}: {reason}")]
    Denied {
        /// The file.
        path: String,
        /// The kernel's answer in words.
        reason: String,
    },
    /// The kernel judged the value and refused it, mostly `EINVAL` or `ERANGE`.
    #[error("{path}: the kernel refused the value `{value}`: {reason}")]
    Refused {
        /// The file.
        path: String,
        /// What was to be written.
        value: String,
        /// The error number.
        errno: i32,
        /// The error number in words.
        reason: String,
    },
    /// Anything else.
    #[error("{path}: {reason}")]
    Failed {
        /// The file.
        path: String,
        /// What happened, in words.
        reason: String,
    },
}

impl SysctlFiles {
    /// The sysctl files of the proc file system at `root`, normally `/proc`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The file of a key.
    #[must_use]
    pub fn path(&self, key: &SysctlKey) -> PathBuf {
        self.root.join("sys").join(key.relative_path())
    }

    /// Reads a value as the kernel writes it, without the final line feed.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn read(&self, key: &SysctlKey) -> Result<String, SysctlError> {
        self.reader().read(key)
    }

    /// Reads many values, of which most are in one directory.
    #[must_use]
    pub const fn reader(&self) -> SysctlReader<'_> {
        SysctlReader { files: self, opened: None }
    }

    /// Whether this process may write the key; opens its file for writing and writes nothing.
    ///
    /// `sysctl_perm` (fs/proc/proc_sysctl.c) decides on opening as it does on writing.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn check_writable(&self, key: &SysctlKey) -> Result<(), SysctlError> {
        let path = self.path(key);
        let opened = std::fs::OpenOptions::new().write(true).open(&path);
        opened.map(drop).map_err(|error| error_of(&path, &error))
    }

    /// Writes a value in one `write(2)`.
    ///
    /// A line feed is added, since an empty value (which clears `ip_local_reserved_ports`) would otherwise be
    /// a write of nothing, which the kernel ignores. A write that the kernel takes only a part of is a failure:
    /// integer handlers stop at what they cannot read, having stored what came before it.
    ///
    /// # Errors
    /// Absent, denied, refused with the error number, or failed.
    pub fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        let path = self.path(key);
        let line = format!("{value}\n");
        // Truncating means nothing to the kernel's files; it keeps plain files (a copy of /proc) whole.
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&path)
            .map_err(|error| error_of(&path, &error))?;
        let written = loop {
            match file.write(line.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| refusal(&path, &error, value))?,
            }
        };
        if written == line.len() {
            Ok(())
        } else {
            let reason = format!("the kernel took only the first {written} bytes of `{value}`");
            Err(SysctlError::Failed { path: path.display().to_string(), reason })
        }
    }
}

/// Reads one value after the other, walking the path to their directory once: looking up each part of it takes the kernel
/// longer than the value. It stays in the network namespace of its first reading.
#[derive(Debug)]
pub struct SysctlReader<'a> {
    files: &'a SysctlFiles,
    opened: Option<(PathBuf, OwnedFd)>,
}

impl SysctlReader<'_> {
    /// Reads a value as the kernel writes it, without the final line feed.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn read(&mut self, key: &SysctlKey) -> Result<String, SysctlError> {
        let path = self.files.path(key);
        let bytes = self.read_bytes(&path).map_err(|error| error_of(&path, &error))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    fn read_bytes(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        };
        let opened = match self.opened.take() {
            Some(opened) if opened.0 == directory => opened,
            _ => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                (directory.to_owned(), rustix::fs::open(directory, flags, Mode::empty())?)
            }
        };
        let (_, directory) = self.opened.insert(opened);
        let file = rustix::fs::openat(&*directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        read_value(file.into())
    }
}

/// Sorts an error of opening or reading.
fn error_of(path: &Path, error: &io::Error) -> SysctlError {
    let (path, reason) = (path.display().to_string(), describe(error));
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => SysctlError::Absent { path },
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => SysctlError::Denied { path, reason },
        _ => SysctlError::Failed { path, reason },
    }
}

/// Sorts what write(2) answered for a file that could be opened. ENOENT is about the value then: the kernel has no
/// congestion control, queueing discipline or the like of that name (`tcp_set_default_congestion_control`).
fn refusal(path: &Path, error: &io::Error, value: &str) -> SysctlError {
    let (file, value) = (path.display().to_string(), value.to_owned());
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => error_of(path, error),
        Some(errno @ libc::ENOENT) => {
            let reason = "it has nothing of that name, and no module that brings it".to_owned();
            SysctlError::Refused { path: file, value, errno, reason }
        }
        Some(errno) => SysctlError::Refused { path: file, value, errno, reason: describe(error) },
        None => SysctlError::Failed { path: file, reason: describe(error) },
    }
}

/// The bytes of a value. The kernel fills what it is given as far as the value goes (`proc_dointvec`,
/// `proc_do_large_bitmap`), so that what leaves room needs no second read.
fn read_value(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; ONE_READ];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut *bytes))?;
    bytes.truncate(length);
    if length == ONE_READ {
        file.take(READ_LIMIT).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SysctlKey {
        text.parse().unwrap()
    }

    fn copy_with(relative: &str, content: &str) -> (tempfile::TempDir, SysctlFiles) {
        let copy = tempfile::tempdir().unwrap();
        let file = copy.path().join("sys").join(relative);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
        let files = SysctlFiles::new(copy.path());
        (copy, files)
    }

    #[test]
    fn a_shorter_value_replaces_a_longer_one() {
        let (_copy, files) = copy_with("net/core/somaxconn", "4096\n");
        files.write(&key("net.core.somaxconn"), "128").unwrap();
        assert_eq!(files.read(&key("net.core.somaxconn")).as_deref(), Ok("128"));
    }

    #[test]
    fn a_missing_key_is_absent_and_is_not_created() {
        let (copy, files) = copy_with("net/core/somaxconn", "4096\n");
        let absent = |result| matches!(result, Err(SysctlError::Absent { .. }));
        assert!(absent(files.read(&key("net.core.no_such_key")).map(drop)));
        assert!(absent(files.write(&key("net.core.no_such_key"), "1")));
        assert!(!copy.path().join("sys/net/core/no_such_key").exists());
    }

    #[test]
    fn the_running_kernel_is_read() {
        let value = SysctlFiles::new("/proc").read(&key("kernel.osrelease")).unwrap();
        assert_eq!(value, super::super::proc::kernel_release());
    }

    #[test]
    fn a_name_that_the_kernel_does_not_have_is_no_missing_key() {
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        let path = Path::new("/proc/sys/net/ipv4/tcp_congestion_control");
        let refused = refusal(path, &error, "nosuch").to_string();
        assert_eq!(
            refused,
            "/proc/sys/net/ipv4/tcp_congestion_control: the kernel refused the value `nosuch`: it has nothing of that \
             name, and no module that brings it"
        );
        assert!(matches!(error_of(path, &error), SysctlError::Absent { .. }));
    }

    #[test]
    fn a_key_that_nobody_may_write_is_denied() {
        let result = SysctlFiles::new("/proc").write(&key("kernel.osrelease"), "0");
        assert!(matches!(result, Err(SysctlError::Denied { .. })), "{result:?}");
    }
}
