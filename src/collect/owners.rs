//! The processes that hold the listeners, and the sockets that are kept one by one.

use std::collections::BTreeSet;
use std::path::Path;

use super::host::gap_of;
use crate::snapshot::{Gap, GapKind, Process, Samples, Snapshot, Sockets};
use crate::sys::{ProcRoot, SocketHolder, SocketHolders, find_socket_holders};

/// Fills in the processes of every listener. Those that could not be found make one gap.
pub(super) fn find_owners(sockets: &mut Sockets, root: &ProcRoot, gaps: &mut Vec<Gap>) {
    let inodes = inodes_of(sockets);
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
    fill_in(sockets, &found, root, gaps);
}

/// Fills in the processes of the listeners and of the single sockets of several readings, by one look at the processes
/// of this proc root. Who reads often, and seldom has to name anybody, does it then alone.
pub fn name_owners<'a>(proc_root: &Path, readings: impl IntoIterator<Item = &'a mut Snapshot>) {
    let root = ProcRoot::new(proc_root);
    let mut readings: Vec<&mut Snapshot> = readings.into_iter().filter(|reading| reading.sockets.is_some()).collect();
    let inodes: BTreeSet<u64> =
        readings.iter().filter_map(|reading| reading.sockets.as_ref()).flat_map(inodes_of).collect();
    if inodes.is_empty() {
        return;
    }
    let found = find_socket_holders(&root, &inodes);
    for reading in &mut readings {
        let (Some(sockets), gaps) = (&mut reading.sockets, &mut reading.gaps) else { continue };
        match &found {
            Ok(found) => fill_in(sockets, found, &root, gaps),
            Err(error) => gaps.push(gap_of(error, "the processes of all listeners are unknown")),
        }
    }
}

/// Inodes of the sockets that processes may hold.
fn inodes_of(sockets: &Sockets) -> BTreeSet<u64> {
    let listeners = sockets.listeners.iter().map(|one| one.inode);
    let single = sockets.samples.iter().flat_map(Samples::rows).map(|row| u64::from(row.clock.inode));
    let on_ports = sockets.ports.iter().flat_map(|row| &row.inodes).map(|inode| u64::from(*inode));
    listeners.chain(single).chain(on_ports).filter(|inode| *inode != 0).collect()
}

fn fill_in(sockets: &mut Sockets, found: &SocketHolders, root: &ProcRoot, gaps: &mut Vec<Gap>) {
    let processes =
        |inode: u64| -> Option<Vec<Process>> { Some(found.by_inode.get(&inode)?.iter().map(process_of).collect()) };
    let mut unknown = 0_usize;
    for listener in &mut sockets.listeners {
        match processes(listener.inode) {
            Some(holders) => listener.processes = holders,
            None => unknown += 1,
        }
    }
    let mut unknown_single = 0_usize;
    for row in sockets.samples.iter_mut().flat_map(Samples::rows_mut) {
        let holders = processes(row.clock.inode.into());
        unknown_single += usize::from(holders.is_none() && row.clock.inode != 0);
        row.processes = holders.unwrap_or_default();
    }
    for row in &mut sockets.ports {
        let holders: BTreeSet<Process> =
            row.inodes.iter().filter_map(|inode| processes(u64::from(*inode))).flatten().collect();
        row.processes = holders.into_iter().collect();
    }
    if unknown > 0 {
        gaps.push(unknown_owners(root, found.denied, unknown, ["listener", "listeners"]));
    } else if unknown_single > 0 && found.denied > 0 {
        gaps.push(unknown_owners(root, found.denied, unknown_single, ["socket", "sockets"]));
    }
}

/// A holder as snapshots have it.
pub(super) fn process_of(holder: &SocketHolder) -> Process {
    Process { pid: holder.pid, name: holder.name.clone() }
}

/// "permission denied for 3 processes".
pub(super) fn denied_for(processes: usize) -> String {
    if processes == 1 {
        "permission denied for 1 process".to_owned()
    } else {
        format!("permission denied for {processes} processes")
    }
}

/// Why so many owners could not be found, of things with this singular and plural.
pub(super) fn unknown_owners(root: &ProcRoot, denied: usize, unknown: usize, [one, many]: [&str; 2]) -> Gap {
    let owners =
        if unknown == 1 { format!("the owner of 1 {one} is") } else { format!("owners of {unknown} {many} are") };
    let source = root.join("<pid>/fd").display().to_string();
    if denied > 0 {
        let reason = denied_for(denied);
        Gap::new(source, GapKind::Denied, reason, format!("{owners} unknown; run as root or with CAP_SYS_PTRACE"))
    } else {
        let reason = "no process that can be seen here holds them";
        let hint = "they may belong to the kernel or to another PID namespace";
        Gap::new(source, GapKind::Absent, reason, format!("{owners} unknown; {hint}"))
    }
}
