//! Instances of the kernel's tracing: a ring buffer of one's own, with events of one's own.
//!
//! An instance is a directory that stays when its maker is killed. So its name says whose it is, and what has no maker any
//! more is removed by [`TraceFs::remove_leftovers`]. The kernel itself refuses to remove one that is in use.
//!
//! Nothing of the host's mounts is changed: where tracefs is mounted nowhere it becomes a mount without a place, and a place
//! at which the kernel would mount it for whoever looks there is not looked into.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, StatVfsMountFlags, StatxFlags, mkdirat, openat, statx, unlinkat};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::proc::describe;

/// Where it is mounted, if it is.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// `TRACEFS_MAGIC` of include/uapi/linux/magic.h.
const TRACEFS: u64 = 0x7472_6163;
/// What the names of our instances begin with.
const PREFIX: &str = "tcpctl-";
/// Which parts of the kernel the lockdown keeps shut: its file in securityfs, and where that is mounted if it is.
const LOCKDOWN: &str = "lockdown";
const SECURITY: &str = "/sys/kernel/security";
/// Bytes of that file.
const LOCKDOWN_LENGTH: usize = 256;
/// More than any file of tracefs that is read whole.
const TEXT_LIMIT: usize = 1 << 20;
/// Bytes of one read of such a file.
const TEXT_PIECE: usize = 16 << 10;

/// The kernel's tracing.
#[derive(Debug)]
pub struct TraceFs {
    root: OwnedFd,
    place: String,
}

/// An instance of our own; it is removed when this value is dropped.
#[derive(Debug)]
pub struct TraceInstance {
    root: OwnedFd,
    directory: Option<OwnedFd>,
    name: String,
    pipes: Vec<(u32, File)>,
}

/// Why there is no tracing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceFsError {
    /// The kernel has no tracefs, or not this part of it.
    #[error("cannot trace: {what}: {reason}")]
    Absent {
        /// What was tried, on what.
        what: String,
        /// The kernel's answer in words.
        reason: String,
    },
    /// This process may not.
    #[error("cannot trace: {what}: {reason}")]
    Denied {
        /// What was tried, on what.
        what: String,
        /// The kernel's answer in words, and what helps.
        reason: String,
    },
    /// Anything else.
    #[error("cannot trace: {what}: {reason}")]
    Failed {
        /// What was tried, on what.
        what: String,
        /// The kernel's answer in words.
        reason: String,
    },
}

impl TraceFs {
    /// Opens tracefs where it is said to be, where it is mounted, or as a mount that has no place: only this process sees
    /// it, no mount of the host changes, and it is gone with the last descriptor.
    ///
    /// # Errors
    /// Absent where the kernel has none, denied where this process may not open or mount it.
    pub fn open(asked: Option<&Path>) -> Result<Self, TraceFsError> {
        if let Some(path) = asked {
            let what = format!("tracefs at {}", path.display());
            let root = open_directory(path).map_err(|error| error_of(what.clone(), &error.into()))?;
            if !is_tracefs(&root) {
                return Err(TraceFsError::Failed { what, reason: "another file system is there".to_owned() });
            }
            return Ok(Self { root, place: path.display().to_string() });
        }
        let mut closed = None;
        for place in PLACES.into_iter().filter(|place| is_mount(Path::new(place))) {
            let root = open_directory(Path::new(place));
            let refused = match root {
                Ok(root) if is_tracefs(&root) && !is_read_only(&root) => {
                    return Ok(Self { root, place: place.to_owned() });
                }
                Ok(root) if is_tracefs(&root) => Errno::ROFS,
                Err(error @ (Errno::ACCESS | Errno::PERM)) => error,
                Ok(_) | Err(_) => continue,
            };
            closed = closed.or_else(|| Some(error_of(format!("tracefs at {place}"), &refused.into())));
        }
        let what = "tracefs is not mounted, and cannot be mounted for this process alone";
        match mounted_nowhere("tracefs") {
            Ok(root) => Ok(Self { root, place: "a mount of its own".to_owned() }),
            Err(error) => Err(closed.unwrap_or_else(|| error_of(what.to_owned(), &error.into()))),
        }
    }

    /// Where it was found.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Reads a file below it, such as `events/header_page`.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn read(&self, path: &str) -> Result<String, TraceFsError> {
        read_at(&self.root, path).map_err(|error| error_of(format!("{path} of tracefs"), &error))
    }

    /// Removes the instances of processes of ours that are there no more, and says how many. One that is not to be removed
    /// stays: somebody else of the same name may be at work in another namespace of processes, and the kernel knows.
    pub fn remove_leftovers(&self, proc_root: &Path) -> usize {
        let listed =
            openat(&self.root, "instances", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let Ok(instances) = listed else { return 0 };
        let Ok(entries) = Dir::read_from(&instances) else { return 0 };
        let names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned)).collect();
        let is_left = |name: &&String| {
            owner_of(name).is_some_and(|(process, started)| start_of(proc_root, process) != Some(started))
        };
        names
            .iter()
            .filter(is_left)
            .filter(|name| unlinkat(&instances, name.as_str(), AtFlags::REMOVEDIR).is_ok())
            .count()
    }

    /// Makes an instance for this process, which may have others of other names. Nothing is traced in it yet.
    ///
    /// # Errors
    /// Denied or failed.
    pub fn instance(&self, part: &str) -> Result<TraceInstance, TraceFsError> {
        let process = std::process::id();
        let started = start_of(Path::new("/proc"), process).unwrap_or(0);
        let name = format!("instances/{PREFIX}{process}-{started}-{part}");
        let what = format!("a tracing instance at {}/{name}", self.place);
        let failed = |error: Errno| error_of(what.clone(), &error.into());
        let root = self.root.try_clone().map_err(|error| error_of("tracefs".to_owned(), &error))?;
        mkdirat(&root, &name, Mode::RWXU).map_err(failed)?;
        let mut made = TraceInstance { root, directory: None, name, pipes: Vec::new() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        made.directory = Some(openat(&made.root, &made.name, flags, Mode::empty()).map_err(failed)?);
        Ok(made)
    }
}

impl TraceInstance {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Writes a setting, such as `trace_clock`.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn write(&self, path: &str, value: &str) -> Result<(), TraceFsError> {
        let write = || -> io::Result<()> {
            let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC;
            File::from(openat(self.directory()?, path, flags, Mode::empty())?).write_all(value.as_bytes())
        };
        write().map_err(|error| error_of(format!("writing `{value}` to {path} of a tracing instance"), &error))
    }

    /// Reads a file of it, such as `per_cpu/cpu0/stats`.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn read(&self, path: &str) -> Result<String, TraceFsError> {
        let read = || read_at(self.directory()?, path);
        read().map_err(|error| error_of(format!("{path} of a tracing instance"), &error))
    }

    /// Opens the buffer of every processor that there is, and says how many.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn open_buffers(&mut self) -> Result<usize, TraceFsError> {
        let open = || -> io::Result<Vec<(u32, File)>> {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let directory = openat(self.directory()?, "per_cpu", flags | OFlags::DIRECTORY, Mode::empty())?;
            let mut found = Vec::new();
            for entry in Dir::read_from(&directory)?.flatten() {
                let name = entry.file_name().to_string_lossy();
                let Some(number) = name.strip_prefix("cpu").and_then(|number| number.parse().ok()) else { continue };
                let path = format!("{name}/trace_pipe_raw");
                found.push((number, File::from(openat(&directory, path, flags | OFlags::NONBLOCK, Mode::empty())?)));
            }
            found.sort_unstable_by_key(|(number, _)| *number);
            Ok(found)
        };
        self.pipes = open().map_err(|error| error_of("the buffers of a tracing instance".to_owned(), &error))?;
        Ok(self.pipes.len())
    }

    /// The numbers of the processors whose buffers are open, in their order.
    pub fn processors(&self) -> impl Iterator<Item = u32> + '_ {
        self.pipes.iter().map(|(number, _)| *number)
    }

    /// Reads a page of the n-th buffer; nothing when there is none at the moment. `page` is to be as long as a page is.
    ///
    /// # Errors
    /// Failed.
    pub fn read_page(&self, buffer: usize, page: &mut [u8]) -> Result<Option<usize>, TraceFsError> {
        let Some((number, file)) = self.pipes.get(buffer) else { return Ok(None) };
        let mut file = file;
        loop {
            return match file.read(page) {
                Ok(0) => Ok(None),
                Ok(length) => Ok(Some(length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error_of(format!("the trace buffer of processor {number}"), &error)),
            };
        }
    }

    /// Waits until a buffer of any of them is as full as `buffer_percent` says, the time is up, or nobody reads the output
    /// any more, which is said (`true`).
    ///
    /// # Errors
    /// Failed.
    pub fn wait<'a>(
        instances: impl Iterator<Item = &'a Self>,
        most_ms: u64,
        output: &impl AsFd,
    ) -> Result<bool, TraceFsError> {
        let mut watched = vec![PollFd::new(output, PollFlags::empty())];
        let pipes = instances.flat_map(|instance| &instance.pipes);
        watched.extend(pipes.map(|(_, file)| PollFd::new(file, PollFlags::IN)));
        let most = Timespec {
            tv_sec: (most_ms / 1000).try_into().unwrap_or(1),
            tv_nsec: (most_ms % 1000 * 1_000_000).try_into().unwrap_or(0),
        };
        match poll(&mut watched, Some(&most)) {
            Ok(_) | Err(Errno::INTR) => {
                let lost = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
                Ok(watched.first().is_some_and(|output| output.revents().intersects(lost)))
            }
            Err(error) => Err(error_of("waiting for the trace buffers".to_owned(), &error.into())),
        }
    }

    fn directory(&self) -> io::Result<&OwnedFd> {
        self.directory.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for TraceInstance {
    fn drop(&mut self) {
        // The kernel refuses to remove an instance of which a file is open. What cannot be removed now is a leftover, which
        // the next run removes.
        self.pipes.clear();
        self.directory = None;
        let _ = unlinkat(&self.root, self.name.as_str(), AtFlags::REMOVEDIR);
    }
}

/// The process that an instance of ours belongs to, and when that began.
fn owner_of(name: &str) -> Option<(u32, u64)> {
    let (process, rest) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let started = rest.split_once('-').map_or(rest, |(started, _)| started);
    Some((process.parse().ok()?, started.parse().ok()?))
}

/// When a process began, in ticks since boot: the 22nd word of `stat`, counted behind the name in brackets.
fn start_of(proc_root: &Path, process: u32) -> Option<u64> {
    let line = std::fs::read_to_string(proc_root.join(process.to_string()).join("stat")).ok()?;
    line.rsplit_once(") ")?.1.split_whitespace().nth(19)?.parse().ok()
}

fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn is_tracefs(directory: &OwnedFd) -> bool {
    rustix::fs::fstatfs(directory).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TRACEFS))
}

fn is_read_only(directory: &OwnedFd) -> bool {
    rustix::fs::fstatvfs(directory).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Whether something is mounted there already. To look into the folder of debugfs would have tracefs mounted there
/// (`trace_automount`), for the whole host.
fn is_mount(place: &Path) -> bool {
    let device = |path: &Path| {
        let found = statx(CWD, path, AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS).ok()?;
        Some((found.stx_dev_major, found.stx_dev_minor))
    };
    match (device(place), place.parent().and_then(device)) {
        (Some(own), Some(above)) => own != above,
        // What may not be seen is told by opening it.
        _ => true,
    }
}

/// A mount that is attached to no place (`fsmount`, Linux 5.2).
fn mounted_nowhere(kind: &str) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    // What fsmount gives is a bare place, which cannot be read.
    openat(&mount, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn read_at(directory: &OwnedFd, path: &str) -> io::Result<String> {
    let mut file = File::from(openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; TEXT_PIECE]);
    // `header_page` gives what fits into the first read and nothing more (`show_header_page_file`), so that a small one
    // would cut it off.
    while bytes.len() < TEXT_LIMIT {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => bytes.extend(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Whether the kernel is locked down so far that nothing is traced. That is asked of securityfs, which need not be mounted
/// either.
fn is_locked_down() -> bool {
    let mounted = || open_directory(Path::new(SECURITY)).ok().and_then(|root| first_bytes_at(&root, LOCKDOWN));
    let own = || mounted_nowhere("securityfs").ok().and_then(|root| first_bytes_at(&root, LOCKDOWN));
    mounted().or_else(own).is_some_and(|told| told.contains("[confidentiality]"))
}

fn first_bytes_at(directory: &OwnedFd, path: &str) -> Option<String> {
    let mut bytes = vec![0; LOCKDOWN_LENGTH];
    let file = openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let length = File::from(file).read(&mut bytes).ok()?;
    bytes.truncate(length);
    String::from_utf8(bytes).ok()
}

fn error_of(what: String, error: &io::Error) -> TraceFsError {
    const LOCKED: &str = "the kernel is locked down for confidentiality, which forbids tracing; boot with \
         lockdown=integrity or none";
    const RIGHTS: &str =
        "run as root of the host; a container needs CAP_SYS_ADMIN of the host, or its /sys/kernel/tracing";
    const NO_FSOPEN: &str = "no fsopen (Linux 5.2), or a container's filter of system calls hides it; mount tracefs at \
         /sys/kernel/tracing, or name another place by --tracefs DIR";
    const READ_ONLY: &str = "it is mounted read-only there, and another mount takes CAP_SYS_ADMIN of the host";
    let reason = describe(error);
    match error.raw_os_error() {
        // Where it was locked down at boot, tracefs has no files.
        Some(libc::EACCES | libc::EPERM | libc::ENOENT) if is_locked_down() => {
            TraceFsError::Denied { what, reason: format!("{reason}; {LOCKED}") }
        }
        Some(libc::EACCES | libc::EPERM) => TraceFsError::Denied { what, reason: format!("{reason}; {RIGHTS}") },
        Some(libc::EROFS) => TraceFsError::Denied { what, reason: format!("{reason}; {READ_ONLY}") },
        Some(libc::ENODEV) => {
            TraceFsError::Absent { what, reason: format!("{reason}; the kernel was built without CONFIG_TRACING") }
        }
        Some(libc::ENOSYS) => TraceFsError::Absent { what, reason: format!("{reason}; {NO_FSOPEN}") },
        Some(libc::ENOENT) => TraceFsError::Absent { what, reason },
        _ => TraceFsError::Failed { what, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_names_the_process_that_made_it_and_when_that_began() {
        assert_eq!(owner_of("tcpctl-123-456"), Some((123, 456)));
        assert_eq!(owner_of("tcpctl-123-456-floods"), Some((123, 456)));
        for other in ["tcpctl-", "tcpctl-1", "tcpctl--5", "tcpctl-x-5", "other-1-5", "tcpctl-1-x-9"] {
            assert_eq!(owner_of(other), None, "{other}");
        }
    }

    #[test]
    fn this_process_began_once_and_no_other_has_its_number() {
        let own = start_of(Path::new("/proc"), std::process::id());
        assert!(own.is_some_and(|started| started > 0));
        assert_eq!(start_of(Path::new("/proc"), std::process::id()), own);
        assert_eq!(start_of(Path::new("/proc"), u32::MAX), None);
    }

    #[test]
    fn a_kernel_without_tracing_is_told_from_one_without_the_call_that_mounts_it() {
        let told = |number| error_of("tracefs".to_owned(), &io::Error::from_raw_os_error(number));
        let (without, hidden) = (told(libc::ENODEV), told(libc::ENOSYS));
        assert!(without.to_string().contains("built without CONFIG_TRACING"), "{without}");
        assert!(matches!(hidden, TraceFsError::Absent { .. }), "{hidden}");
        let hidden = hidden.to_string();
        assert!(!hidden.contains("CONFIG_TRACING") && hidden.contains("fsopen (Linux 5.2)"), "{hidden}");
        assert!(hidden.contains("mount tracefs at /sys/kernel/tracing"), "{hidden}");
    }

    #[test]
    fn a_directory_that_is_no_tracefs_is_refused_and_one_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let refused = TraceFs::open(Some(folder.path())).unwrap_err();
        assert!(refused.to_string().ends_with("another file system is there"), "{refused}");
        let absent = TraceFs::open(Some(&folder.path().join("none"))).unwrap_err();
        assert!(matches!(absent, TraceFsError::Absent { .. }), "{absent}");
    }
}
