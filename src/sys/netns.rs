//! Network namespaces: opening, entering and making them.
//!
//! A namespace belongs to a thread, not to the process, so nothing here ever moves the calling thread: work in
//! another namespace runs on a thread of its own that ends with it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::ProcRoot;
use super::proc::describe;

/// Where `ip netns` keeps its names.
const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];

/// An open network namespace; it lives as long as this value does.
#[derive(Debug)]
pub struct Namespace {
    file: File,
    path: PathBuf,
}

/// Why a network namespace could not be opened or entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// There is no such name, process or path.
    #[error("no network namespace `{asked}`: tried {tried}; `ip netns` lists names, a process id or a path also do")]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The paths that were looked at.
        tried: String,
    },
    /// The path is there and is no network namespace.
    #[error("{path} is not a network namespace")]
    NotANamespace {
        /// The path.
        path: String,
    },
    /// This process may not open or enter it.
    #[error("cannot enter the network namespace {path}: {reason}; run as root or with CAP_SYS_ADMIN")]
    Denied {
        /// The path.
        path: String,
        /// The kernel's answer in words.
        reason: String,
    },
    /// Anything else.
    #[error("cannot enter the network namespace {path}: {reason}")]
    Failed {
        /// The path.
        path: String,
        /// The kernel's answer in words.
        reason: String,
    },
}

impl Namespace {
    /// Opens a namespace by name (as in `ip netns`), process id, or path. A name of digits only wins over a
    /// process with that number, since somebody chose it.
    ///
    /// # Errors
    /// Unknown, denied or failed. Whether a path is a network namespace shows only on entering it.
    pub fn open(asked: &str, proc_root: &ProcRoot) -> Result<Self, NamespaceError> {
        let candidates = candidates(asked, proc_root);
        for path in &candidates {
            // Without blocking, since a path given by mistake may be a pipe that nobody writes to.
            match std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
                Ok(file) => return Ok(Self { file, path: path.clone() }),
                Err(error) if super::ReadErrorKind::of(&error) == super::ReadErrorKind::Absent => {}
                Err(error) => return Err(error_of(path, &error)),
            }
        }
        let tried = candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        Err(NamespaceError::Unknown { asked: asked.to_owned(), tried })
    }

    /// Makes a new, empty namespace: a loopback device that is down, every sysctl at its default.
    ///
    /// Needs `CAP_SYS_ADMIN` in the user namespace of the process.
    ///
    /// # Errors
    /// Denied or failed.
    pub fn fresh() -> Result<Self, NamespaceError> {
        let path = PathBuf::from("/proc/thread-self/ns/net");
        let open = || {
            unshare(UnshareFlags::NEWNET)?;
            File::open(&path)
        };
        let file = on_own_thread(open).map_err(|error| error_of(&path, &error))?;
        Ok(Self { file, path })
    }

    /// Its inode, which names it.
    ///
    /// # Errors
    /// Failed.
    pub fn inode(&self) -> Result<u64, NamespaceError> {
        self.file.metadata().map(|metadata| metadata.ino()).map_err(|error| error_of(&self.path, &error))
    }

    /// Runs something in the namespace, on a thread of its own, and waits for it. Child processes that it
    /// starts and sockets that it makes belong to the namespace. A panic is passed on.
    ///
    /// # Errors
    /// Not a namespace, denied or failed; then nothing was run.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        on_own_thread(|| match move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network)) {
            Ok(()) => Ok(work()),
            Err(error) => Err(error_of(&self.path, &error.into())),
        })
    }
}

/// Puts the process into a user namespace of its own in which it is root, so that it may make network
/// namespaces. Only for a process that has no second thread yet.
///
/// # Errors
/// The kernel's answer: `EINVAL` with more than one thread, `EPERM` or `ENOSPC` where user namespaces are not
/// allowed, `EACCES` where a security module hides their capabilities.
pub fn enter_own_user_namespace() -> io::Result<()> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(UnshareFlags::NEWUSER)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Inode of the calling thread's network namespace by the live `/proc`; nothing when that cannot be read.
#[must_use]
pub fn own_netns_inode() -> Option<u64> {
    ["/proc/thread-self/ns/net", "/proc/self/ns/net"].into_iter().find_map(|path| inode_of(Path::new(path)).ok())
}

/// Inode of a namespace file such as `/proc/self/ns/net`.
pub(super) fn inode_of(path: &Path) -> io::Result<u64> {
    std::fs::metadata(path).map(|metadata| metadata.ino())
}

/// Where a namespace that is asked for may be.
fn candidates(asked: &str, proc_root: &ProcRoot) -> Vec<PathBuf> {
    if asked.contains('/') {
        return vec![PathBuf::from(asked)];
    }
    let mut paths = Vec::new();
    if !asked.is_empty() && asked != "." && asked != ".." {
        paths.extend(NAMED.iter().map(|directory| Path::new(directory).join(asked)));
    }
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        paths.push(proc_root.path().join(asked).join("ns/net"));
    }
    paths
}

fn error_of(path: &Path, error: &io::Error) -> NamespaceError {
    let path = path.display().to_string();
    let reason = describe(error);
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => NamespaceError::Denied { path, reason },
        Some(libc::EINVAL | libc::ENOTTY | libc::EISDIR) => NamespaceError::NotANamespace { path },
        _ => NamespaceError::Failed { path, reason },
    }
}

#[expect(unsafe_code, reason = "rustix marks unshare as unsafe because of its flag FILES")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: the contract concerns only unsharing the table of descriptors, which no caller asks for.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// Runs something on a thread that ends with it, so that no other work inherits what it did to itself.
fn on_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_error(asked: &str) -> NamespaceError {
        Namespace::open(asked, &ProcRoot::new("/proc")).unwrap_err()
    }

    #[test]
    fn an_unknown_name_says_where_it_was_looked_for() {
        let error = open_error("no-such-namespace").to_string();
        assert!(error.contains("`no-such-namespace`") && error.contains("/run/netns/no-such-namespace"), "{error}");
        assert!(matches!(open_error(""), NamespaceError::Unknown { .. }));
        assert!(matches!(open_error(".."), NamespaceError::Unknown { .. }));
    }

    #[test]
    fn digits_are_a_name_first_and_then_a_process() {
        let paths = candidates("4711", &ProcRoot::new("/host/proc"));
        assert_eq!(paths.last().unwrap(), Path::new("/host/proc/4711/ns/net"));
        assert_eq!(paths.len(), 3);
    }

    #[test]
    fn a_process_is_opened_by_its_number_and_names_its_namespace() {
        let own = std::process::id().to_string();
        let namespace = Namespace::open(&own, &ProcRoot::new("/proc")).unwrap();
        assert_eq!(namespace.inode().ok(), own_netns_inode());
    }

    #[test]
    fn a_path_that_is_no_namespace_is_refused_on_entering() {
        let namespace = Namespace::open("/proc/version", &ProcRoot::new("/proc")).unwrap();
        assert!(matches!(namespace.run(|| ()), Err(NamespaceError::NotANamespace { .. })));
    }
}
