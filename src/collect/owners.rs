//! The processes that hold the listeners.

use std::collections::BTreeSet;

use super::host::gap_of;
use crate::snapshot::{Gap, GapKind, Process, Sockets};
use crate::sys::{ProcRoot, SocketHolder, find_socket_holders};

/// Fills in the processes of every listener. Those that could not be found make one gap.
pub(super) fn find_owners(sockets: &mut Sockets, root: &ProcRoot, gaps: &mut Vec<Gap>) {
    let inodes: BTreeSet<u64> = sockets.listeners.iter().map(|one| one.inode).filter(|inode| *inode != 0).collect();
    if inodes.is_empty() {
        return;
    }
    let found = match find_socket_holders(root, &inodes) {
        Ok(found) => found,
        Err(error) => {
            gaps.push(gap_of(&error, "the processes of all listeners are unknown"));
            return;
        }
    };
    let mut unknown = 0_usize;
    for listener in &mut sockets.listeners {
        match found.by_inode.get(&listener.inode) {
            Some(holders) => {
                listener.processes = holders.iter().map(process_of).collect();
            }
            None => unknown += 1,
        }
    }
    if unknown == 0 {
        return;
    }
    gaps.push(unknown_owners(root, found.denied, unknown, ["listener", "listeners"]));
}

/// A holder as snapshots have it.
pub(super) fn process_of(holder: &SocketHolder) -> Process {
    Process { pid: holder.pid, name: holder.name.clone() }
}

/// Why so many owners could not be found, of things with this singular and plural.
pub(super) fn unknown_owners(root: &ProcRoot, denied: usize, unknown: usize, [one, many]: [&str; 2]) -> Gap {
    let owners =
        if unknown == 1 { format!("the owner of 1 {one} is") } else { format!("owners of {unknown} {many} are") };
    let source = root.join("<pid>/fd").display().to_string();
    if denied > 0 {
        let reason = format!("permission denied for {denied} processes");
        Gap::new(source, GapKind::Denied, reason, format!("{owners} unknown; run as root or with CAP_SYS_PTRACE"))
    } else {
        let reason = "no process that can be seen here holds them";
        let hint = "they may belong to the kernel or to another PID namespace";
        Gap::new(source, GapKind::Absent, reason, format!("{owners} unknown; {hint}"))
    }
}
