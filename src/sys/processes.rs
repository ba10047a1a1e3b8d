//! Which processes hold the sockets that are asked about.

use std::collections::{BTreeMap, BTreeSet};

use procfs::ProcError;

use super::descriptors::{for_each_descriptor, read_comm};
use super::{ProcRoot, ReadError, ReadErrorKind};

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketHolder {
    /// Process id.
    pub pid: i32,
    /// Its `comm`; empty when the process ended while it was read.
    pub name: String,
}

/// Who holds the sockets that were asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketHolders {
    /// Holders by socket inode, ordered by process id.
    pub by_inode: BTreeMap<u64, Vec<SocketHolder>>,
    /// How many processes could not be looked into for want of permission.
    pub denied: usize,
}

/// Looks through the descriptors of all processes once for the sockets with these inodes.
///
/// # Errors
/// When the list of processes itself cannot be read. A process that ends meanwhile is left out.
pub fn find_socket_holders(root: &ProcRoot, inodes: &BTreeSet<u64>) -> Result<SocketHolders, ReadError> {
    let mut held = BTreeSet::new();
    let denied = for_each_descriptor(root, b"socket:[", |one| {
        if inodes.contains(&u64::from(one.inode)) {
            held.insert((one.pid, u64::from(one.inode)));
        }
    })?;
    let mut holders = SocketHolders { by_inode: BTreeMap::new(), denied };
    let mut names = BTreeMap::new();
    for (pid, inode) in held {
        let name = names.entry(pid).or_insert_with(|| read_comm(root, pid)).clone();
        let pid = i32::try_from(pid).unwrap_or(i32::MAX);
        holders.by_inode.entry(inode).or_default().push(SocketHolder { pid, name });
    }
    Ok(holders)
}

pub(super) fn read_error(root: &ProcRoot, error: &ProcError) -> ReadError {
    let kind = match error {
        ProcError::PermissionDenied(_) => ReadErrorKind::Denied,
        ProcError::NotFound(_) => ReadErrorKind::Absent,
        _ => ReadErrorKind::Failed,
    };
    ReadError { path: root.path().display().to_string(), kind, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn this_process_is_found_by_a_socket_it_holds() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode = link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap();
        let found = find_socket_holders(&ProcRoot::new("/proc"), &BTreeSet::from([inode])).unwrap();
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        let expected = SocketHolder { pid: i32::try_from(std::process::id()).unwrap(), name: own.trim().to_owned() };
        assert_eq!(found.by_inode.get(&inode), Some(&vec![expected]));
    }

    #[test]
    fn a_missing_proc_is_an_error_and_not_an_empty_list() {
        assert!(find_socket_holders(&ProcRoot::new("/no/such/proc"), &BTreeSet::new()).is_err());
    }
}
