//! Waiting until something in a directory changes, and leaving the terminal for that.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

/// A watch on the files of a directory (inotify(7)).
#[derive(Debug)]
pub struct DirWatch {
    queue: OwnedFd,
}

impl DirWatch {
    /// Watches for files that are made, replaced or removed in a directory.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn on(path: &Path) -> io::Result<Self> {
        let queue = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let changes = inotify::WatchFlags::CREATE
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::DELETE
            | inotify::WatchFlags::DELETE_SELF;
        inotify::add_watch(&queue, path, changes)?;
        Ok(Self { queue })
    }

    /// Waits for a change since the last call, at most so many milliseconds; whether there was one.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn wait(&self, timeout_ms: u64) -> io::Result<bool> {
        let seconds = i64::try_from(timeout_ms / 1000).unwrap_or(i64::MAX);
        let rest_ns = i64::try_from(timeout_ms % 1000 * 1_000_000).unwrap_or(0);
        let timeout = Timespec { tv_sec: seconds, tv_nsec: rest_ns };
        let mut watched = [PollFd::new(&self.queue, PollFlags::IN)];
        match poll(&mut watched, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            other => other?,
        };
        let mut events = [0_u8; 4096];
        loop {
            match rustix::io::read(&self.queue, &mut events) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(true),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Begins a session without a terminal, so that a hang-up of the old one is not heard (setsid(2)).
///
/// # Errors
/// The kernel's answer; refused for the leader of a process group.
pub fn leave_terminal() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_ends_the_waiting_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let watch = DirWatch::on(directory.path()).unwrap();
        assert!(!watch.wait(1).unwrap());
        std::fs::write(directory.path().join("a.new"), "x").unwrap();
        std::fs::rename(directory.path().join("a.new"), directory.path().join("a")).unwrap();
        assert!(watch.wait(60_000).unwrap());
        assert!(!watch.wait(1).unwrap(), "what was told is not told again");
    }
}
