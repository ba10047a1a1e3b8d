//! Which process holds which socket, for all sockets at once.
//!
//! One pass over the descriptors of all processes, and 8 bytes kept for each socket; `find_socket_holders` is for a few.

use std::path::Path;

use rustix::fs::{Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::io::Errno;

use super::rights::{Raised, Rights};
use super::{ProcRoot, ReadError};

/// Bytes of directory entries that are read at once.
const ENTRIES: usize = 32 << 10;
/// Sockets between two calls of who paces the reading: less than a millisecond of work.
const BREATH: usize = 512;
/// Longer than any `socket:[…]`.
const LINK: usize = 40;

/// A holding process by number: (inode, pid).
type Holding = (u32, u32);

/// The holders of all sockets, ordered by inode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketTable {
    holdings: Vec<Holding>,
    /// How many processes could not be looked into for want of permission.
    pub denied: usize,
}

impl SocketTable {
    /// Made of what is known otherwise: each socket by its inode with a process id that holds it.
    #[must_use]
    pub fn of(mut holdings: Vec<(u32, u32)>) -> Self {
        holdings.sort_unstable();
        holdings.dedup();
        Self { holdings, denied: 0 }
    }

    /// The process ids that hold a socket, in ascending order; none when nobody is known to.
    pub fn holders(&self, inode: u32) -> impl Iterator<Item = u32> {
        let from = self.holdings.partition_point(|(other, _)| *other < inode);
        let behind = self.holdings.get(from..).unwrap_or_default();
        behind.iter().take_while(move |(other, _)| *other == inode && inode != 0).map(|(_, pid)| *pid)
    }
}

/// Reads the descriptors of every process. A process that ends meanwhile is left out.
///
/// # Errors
/// When the processes themselves cannot be listed.
pub fn read_socket_table(root: &ProcRoot) -> Result<SocketTable, ReadError> {
    read_socket_table_paced(root, &mut || {})
}

/// The same, with a call after every 512 sockets, in which the caller may rest.
///
/// # Errors
/// When the processes themselves cannot be listed.
pub fn read_socket_table_paced(root: &ProcRoot, pace: &mut dyn FnMut()) -> Result<SocketTable, ReadError> {
    let mut table = SocketTable::default();
    table.denied = for_each_descriptor(root, b"socket:[", |Descriptor { pid, inode, .. }| {
        table.holdings.push((inode, pid));
        if table.holdings.len().is_multiple_of(BREATH) {
            pace();
        }
    })?;
    table.holdings.sort_unstable();
    // A process may hold a socket by several descriptors.
    table.holdings.dedup();
    Ok(table)
}

/// A descriptor of a process, of what has an inode and no name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub(super) pid: u32,
    pub(super) number: u32,
    pub(super) inode: u32,
}

/// Hands on every descriptor whose link begins so (`socket:[`, `net:[`), one process after the other; how many processes
/// could not be looked into for want of permission. Two system calls a descriptor would be one too many: the directory
/// is read in pieces, and only the link of each is asked for.
pub(super) fn for_each_descriptor(
    root: &ProcRoot,
    kind: &[u8],
    mut visit: impl FnMut(Descriptor),
) -> Result<usize, ReadError> {
    let fail = |error: Errno| ReadError::new(root.path(), &error.into());
    let directory = open_directory(rustix::fs::CWD, root.path()).map_err(fail)?;
    // Any other folder is somebody's, and who started the program may not have the right to look into it.
    let is_proc = rustix::fs::fstatfs(&directory).is_ok_and(|found| found.f_type == rustix::fs::PROC_SUPER_MAGIC);
    let _raised = is_proc.then(|| Raised::new(Rights::READ_FILES));
    let (mut pids, mut denied) = (Vec::new(), 0);
    each_number(&directory, |pid| pids.push(pid)).map_err(fail)?;
    for pid in pids {
        let held = open_directory(&directory, Path::new(&format!("{pid}/fd"))).and_then(|descriptors| {
            each_number(&descriptors, |number| {
                let name = rustix::path::DecInt::new(number);
                if let Some(inode) = inode_behind(&descriptors, name.as_c_str(), kind) {
                    visit(Descriptor { pid, number, inode });
                }
            })
        });
        denied += usize::from(matches!(held, Err(Errno::ACCESS | Errno::PERM)));
    }
    Ok(denied)
}

/// Hands on every thread of a process but its leader with the inode of its network namespace. Nothing of a process that
/// has ended or may not be looked into, of which the leader tells as much.
pub(super) fn for_each_thread_netns(root: &ProcRoot, pid: i32, mut visit: impl FnMut(u32, u32)) {
    let Ok(tasks) = open_directory(rustix::fs::CWD, &root.join(&format!("{pid}/task"))) else { return };
    let leader = u32::try_from(pid).unwrap_or(0);
    let _ = each_number(&tasks, |tid| {
        let link = std::ffi::CString::new(format!("{tid}/ns/net")).unwrap_or_default();
        if tid != leader
            && let Some(inode) = inode_behind(&tasks, &link, b"net:[")
        {
            visit(tid, inode);
        }
    });
}

fn open_directory(at: impl rustix::fd::AsFd, path: &Path) -> Result<rustix::fd::OwnedFd, Errno> {
    openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Goes through the entries of a directory that are numbers.
fn each_number(directory: &rustix::fd::OwnedFd, mut visit: impl FnMut(u32)) -> Result<(), Errno> {
    let mut buffer = Vec::with_capacity(ENTRIES);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok()) {
            visit(number);
        }
    }
    Ok(())
}

/// The inode of what of this kind is behind a link; nothing when it is something else or gone.
fn inode_behind(directory: &rustix::fd::OwnedFd, name: &std::ffi::CStr, kind: &[u8]) -> Option<u32> {
    let mut link = [std::mem::MaybeUninit::uninit(); LINK];
    let (target, _) = readlinkat_raw(directory, name, &mut link[..]).ok()?;
    let inode = target.strip_prefix(kind)?.strip_suffix(b"]")?;
    str::from_utf8(inode).ok()?.parse().ok()
}

/// What names a process: its `comm` and its cgroups, each empty when it has ended or may not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessName {
    /// `/proc/PID/comm` without the line end.
    pub name: String,
    /// `/proc/PID/cgroup`.
    pub cgroups: String,
}

/// Reads what names a process.
#[must_use]
pub fn read_process_name(root: &ProcRoot, pid: u32) -> ProcessName {
    let cgroups = root.read(&format!("{pid}/cgroup")).unwrap_or_default();
    ProcessName { name: read_comm(root, pid), cgroups }
}

/// `/proc/PID/comm` without the line end that the kernel adds; shorter than `stat`, and readable for everybody. Empty when
/// the process has ended or it may not be read; bytes that are no UTF-8 are marked and not left out.
pub(super) fn read_comm(root: &ProcRoot, pid: impl core::fmt::Display) -> String {
    let comm = root.read(&format!("{pid}/comm")).unwrap_or_default();
    comm.strip_suffix('\n').unwrap_or(&comm).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn the_own_process_holds_its_own_socket_once_however_many_descriptors_it_has() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let second = socket.try_clone().unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", second.as_raw_fd())).unwrap();
        let text = link.to_str().unwrap();
        let inode = text.strip_prefix("socket:[").unwrap().strip_suffix(']').unwrap().parse().unwrap();
        let table = read_socket_table(&ProcRoot::new("/proc")).unwrap();
        assert_eq!(table.holders(inode).collect::<Vec<_>>(), [std::process::id()]);
        assert_eq!(table.holders(0).count(), 0);
        let name = read_process_name(&ProcRoot::new("/proc"), std::process::id());
        assert_eq!(name.name, std::fs::read_to_string("/proc/self/comm").unwrap().trim());
    }

    #[test]
    fn a_name_of_any_bytes_is_kept() {
        let copy = tempfile::tempdir().unwrap();
        let name = |comm: &[u8]| {
            std::fs::create_dir_all(copy.path().join("7")).unwrap();
            std::fs::write(copy.path().join("7/comm"), comm).unwrap();
            read_comm(&ProcRoot::new(copy.path()), 7)
        };
        assert_eq!([name(b"a\xffb\n"), name(b"x\n\n")], ["a\u{fffd}b", "x\n"]);
    }

    #[test]
    fn a_missing_proc_is_an_error_and_not_an_empty_table() {
        assert!(read_socket_table(&ProcRoot::new("/no/such/proc")).is_err());
    }
}
