//! A directory that only its owner and root can have written to.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::proc::describe;

/// More is not read of a file, since nothing that this program writes is so large.
const READ_LIMIT: u64 = 8 << 20;

/// An open directory. Files in it are reached through it, so that nobody can exchange it meanwhile.
#[derive(Debug)]
pub struct PrivateDir {
    directory: OwnedFd,
}

/// A lock that is held until the value is dropped, or the process ends.
#[derive(Debug)]
pub struct DirLock {
    file: OwnedFd,
}

impl Drop for DirLock {
    /// The lock is the open file's and not the descriptor's: a child that is being started has a copy of it until its
    /// `execve`, and closing this one alone would leave it locked for that long.
    fn drop(&mut self) {
        // It ends with the last descriptor at the latest.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

/// Why a directory or a file in it could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateDirError {
    /// There is no such directory or file.
    #[error("it does not exist")]
    Absent,
    /// This process may not.
    #[error("{0}")]
    Denied(String),
    /// Others could have written there; says what is wrong and what would be right.
    #[error("{0}")]
    Untrusted(String),
    /// Another process holds the lock.
    #[error("it is locked")]
    Locked,
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for PrivateDirError {
    fn from(error: io::Error) -> Self {
        let reason = describe(&error);
        match error.raw_os_error() {
            Some(libc::ENOENT) => Self::Absent,
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => Self::Denied(reason),
            // Every file is opened with O_NOFOLLOW.
            Some(libc::ELOOP) => Self::Failed("it is a symbolic link, and those are not followed".to_owned()),
            _ => Self::Failed(reason),
        }
    }
}

impl From<Errno> for PrivateDirError {
    fn from(errno: Errno) -> Self {
        io::Error::from(errno).into()
    }
}

impl PrivateDir {
    /// Opens a directory that belongs to this user or to root and that nobody else may write to.
    ///
    /// # Errors
    /// Absent, denied, untrusted or failed.
    pub fn open(path: &Path) -> Result<Self, PrivateDirError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            // Linux answers ENOTDIR for a link when O_DIRECTORY is set as well.
            Errno::LOOP | Errno::NOTDIR => {
                PrivateDirError::Untrusted("it is not a directory, or a symbolic link".to_owned())
            }
            errno => errno.into(),
        })?;
        let stat = rustix::fs::fstat(&directory)?;
        let me = rustix::process::geteuid().as_raw();
        if stat.st_uid != 0 && stat.st_uid != me {
            let reason = format!("user {} owns it; it must belong to root or to user {me}", stat.st_uid);
            return Err(PrivateDirError::Untrusted(reason));
        }
        if stat.st_mode & 0o022 != 0 {
            let mode = stat.st_mode & 0o7777;
            let reason = format!("its mode is {mode:04o}; group and others must not be able to write there");
            return Err(PrivateDirError::Untrusted(reason));
        }
        Ok(Self { directory })
    }

    /// Makes the directory for this user alone if it is not there, and opens it.
    ///
    /// # Errors
    /// As [`PrivateDir::open`]; absent when the directory above it is missing.
    pub fn create(path: &Path) -> Result<Self, PrivateDirError> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Self::open(path),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The names in it, in no order.
    ///
    /// # Errors
    /// Denied or failed.
    pub fn names(&self) -> Result<Vec<String>, PrivateDirError> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    /// Reads a regular file in it; links are not followed.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn read(&self, name: &str) -> Result<String, PrivateDirError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, name, flags, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(PrivateDirError::Failed("it is not a regular file".to_owned()));
        }
        let mut text = String::new();
        if File::from(file).take(READ_LIMIT).read_to_string(&mut text)? as u64 == READ_LIMIT {
            return Err(PrivateDirError::Failed(format!("it is larger than {READ_LIMIT} bytes")));
        }
        Ok(text)
    }

    /// Replaces a file and waits until that is on the disk: written beside it for this user alone, flushed,
    /// renamed, and the directory flushed. After a crash there is the old file or the new one, whole.
    ///
    /// The caller holds the lock, since what is written beside it has one name.
    ///
    /// # Errors
    /// Denied or failed.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), PrivateDirError> {
        self.replace_as(name, content, Mode::RUSR | Mode::WUSR)
    }

    /// As [`PrivateDir::replace`], with a file that everybody may read.
    ///
    /// # Errors
    /// Denied or failed.
    pub fn replace_public(&self, name: &str, content: &[u8]) -> Result<(), PrivateDirError> {
        self.replace_as(name, content, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH)
    }

    /// Removes a file, and what a crash left of replacing it, and waits until that is on the disk; one that is not there
    /// is no error.
    ///
    /// The caller holds the lock, as for [`PrivateDir::replace`].
    ///
    /// # Errors
    /// Denied or failed.
    pub fn remove(&self, name: &str) -> Result<(), PrivateDirError> {
        self.unlink(&beside(name))?;
        self.unlink(name)?;
        Ok(rustix::fs::fsync(&self.directory)?)
    }

    /// Removes a name if it is there.
    fn unlink(&self, name: &str) -> Result<(), PrivateDirError> {
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn replace_as(&self, name: &str, content: &[u8], mode: Mode) -> Result<(), PrivateDirError> {
        let beside = self.write_beside(name, content, mode)?;
        rustix::fs::renameat(&self.directory, &beside, &self.directory, name).inspect_err(|_| self.forget(&beside))?;
        Ok(rustix::fs::fsync(&self.directory)?)
    }

    /// Writes the file beside the one it is for and flushes it; its name.
    fn write_beside(&self, name: &str, content: &[u8], mode: Mode) -> Result<String, PrivateDirError> {
        let beside = beside(name);
        // Left over from a crash; the lock says that nobody is writing it.
        self.unlink(&beside)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, &beside, flags, mode)?;
        // Whatever the umask takes away.
        rustix::fs::fchmod(&file, mode)?;
        let mut file = File::from(file);
        file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| self.forget(&beside))?;
        Ok(beside)
    }

    /// Removes what could not take its place; should that fail too, the next one to write it does.
    fn forget(&self, beside: &str) {
        let _ = self.unlink(beside);
    }

    /// Makes a file that is not there yet and waits until that is on the disk, as [`PrivateDir::replace`] does. A file
    /// of that name is never replaced: it is linked and not renamed.
    ///
    /// The caller holds the lock.
    ///
    /// # Errors
    /// Failed when there is such a file; denied or failed.
    pub fn create_new(&self, name: &str, content: &[u8]) -> Result<(), PrivateDirError> {
        let beside = self.write_beside(name, content, Mode::RUSR | Mode::WUSR)?;
        rustix::fs::linkat(&self.directory, &beside, &self.directory, name, AtFlags::empty())?;
        rustix::fs::unlinkat(&self.directory, &beside, AtFlags::empty())?;
        Ok(rustix::fs::fsync(&self.directory)?)
    }

    /// Takes the lock with this name, and waits for it if that is wanted.
    ///
    /// # Errors
    /// Locked when another process holds it and waiting is not wanted; denied or failed.
    pub fn lock(&self, name: &str, wait: bool) -> Result<DirLock, PrivateDirError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)?;
        let how = if wait { FlockOperation::LockExclusive } else { FlockOperation::NonBlockingLockExclusive };
        let locked = loop {
            match rustix::fs::flock(&file, how) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        match locked {
            Ok(()) => Ok(DirLock { file }),
            Err(Errno::WOULDBLOCK) => Err(PrivateDirError::Locked),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The name under which a file is written before it takes its place.
fn beside(name: &str) -> String {
    format!("{name}.new")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_leftover_of_a_crash_is_no_obstacle() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("state");
        assert_eq!(PrivateDir::open(&path).unwrap_err(), PrivateDirError::Absent);
        let directory = PrivateDir::create(&path).unwrap();
        std::fs::write(path.join("a.new"), "half").unwrap();
        directory.replace("a", b"one").unwrap();
        directory.replace("a", b"two").unwrap();
        assert_eq!(directory.read("a").as_deref(), Ok("two"));
        assert_eq!(directory.read("b"), Err(PrivateDirError::Absent));
    }

    #[test]
    fn a_new_file_never_takes_the_place_of_another() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("state");
        let directory = PrivateDir::create(&path).unwrap();
        std::fs::write(path.join("a.new"), "half").unwrap();
        directory.create_new("a", b"one").unwrap();
        assert!(matches!(directory.create_new("a", b"two"), Err(PrivateDirError::Failed(_))));
        assert_eq!(directory.read("a").as_deref(), Ok("one"));
        directory.replace("a", b"three").unwrap();
        assert_eq!(directory.read("a").as_deref(), Ok("three"));
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_or_a_pipe_is_not_read() {
        let outer = tempfile::tempdir().unwrap();
        std::fs::write(outer.path().join("secret"), "x").unwrap();
        let directory = PrivateDir::create(&outer.path().join("state")).unwrap();
        std::os::unix::fs::symlink("../secret", outer.path().join("state/link")).unwrap();
        assert!(directory.read("link").is_err());
        std::fs::create_dir(outer.path().join("state/folder")).unwrap();
        assert!(directory.read("folder").is_err());
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let outer = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create(&outer.path().join("state")).unwrap();
        let held = directory.lock("lock", false).unwrap();
        assert_eq!(directory.lock("lock", false).unwrap_err(), PrivateDirError::Locked);
        // As a child has one that is about to run another program.
        let _copy = rustix::io::dup(&held.file).unwrap();
        drop(held);
        assert!(directory.lock("lock", false).is_ok());
    }
}
