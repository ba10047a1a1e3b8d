//! The processes that hold sockets, for rows.

use std::collections::BTreeMap;

use super::host::gap_of;
use super::owners::{denied_for, unknown_owners};
use crate::snapshot::{Gap, SocketOwner, StoredRows};
use crate::sys::{ProcRoot, SocketTable, read_process_name, read_socket_table_paced};
use crate::wire::{InetDiag, parse_cgroup_place};

/// The processes that hold sockets. 8 bytes are kept for each socket of the host, and a name for each process that
/// was asked about.
#[derive(Debug)]
pub struct Holders {
    /// Nothing where all is known already.
    root: Option<ProcRoot>,
    table: SocketTable,
    unread: Option<Gap>,
    names: BTreeMap<u32, SocketOwner>,
    unknown: usize,
}

impl Holders {
    /// Looks through the descriptors of all processes, once.
    #[must_use]
    pub fn read(proc_root: &std::path::Path) -> Self {
        Self::read_paced(proc_root, &mut || {})
    }

    /// The same, with a call every few hundred sockets, in which the caller may rest.
    #[must_use]
    pub fn read_paced(proc_root: &std::path::Path, pace: &mut dyn FnMut()) -> Self {
        let root = ProcRoot::new(proc_root);
        let (table, unread) = match read_socket_table_paced(&root, pace) {
            Ok(table) => (table, None),
            Err(error) => (SocketTable::default(), Some(gap_of(&error, "the processes of all sockets are unknown"))),
        };
        Self { root: Some(root), table, unread, names: BTreeMap::new(), unknown: 0 }
    }

    /// Those that are stored with the sockets.
    #[must_use]
    pub fn stored(rows: &StoredRows) -> Self {
        let mut holdings = Vec::new();
        rows.each(|record, pids| {
            if let Some(found) = InetDiag::decode(record) {
                holdings.extend(pids.map(|pid| (found.inode(), pid)));
            }
            true
        });
        let names = rows.processes.iter().map(|owner| (owner.pid, owner.clone())).collect();
        Self { root: None, table: SocketTable::of(holdings), unread: None, names, unknown: 0 }
    }

    /// All processes that were met so far.
    pub fn met(&self) -> impl Iterator<Item = &SocketOwner> {
        self.names.values()
    }

    /// The processes that hold the socket with this inode; none for inode 0, which sockets without a file have.
    pub fn of(&mut self, inode: u32) -> impl Iterator<Item = &SocketOwner> {
        let mut known = false;
        for pid in self.table.holders(inode) {
            known = true;
            if let Some(root) = &self.root {
                self.names.entry(pid).or_insert_with(|| owner(root, pid));
            }
        }
        self.unknown += usize::from(inode != 0 && !known);
        self.table.holders(inode).filter_map(|pid| self.names.get(&pid))
    }

    /// Whether a process is known that holds the socket with this inode.
    #[must_use]
    pub fn knows(&self, inode: u32) -> bool {
        self.table.holders(inode).next().is_some()
    }

    /// Forgets which owners were asked about in vain, for a new reading of sockets.
    pub const fn count_anew(&mut self) {
        self.unknown = 0;
    }

    /// Why some processes could not be looked into, if that is so, for each socket whose holder is not known.
    #[must_use]
    pub fn unseen(&self) -> Option<String> {
        let unread = self.unread.as_ref().map(|gap| format!("{}: {}", gap.source, gap.reason));
        let denied = self.table.denied;
        unread.or_else(|| (denied > 0).then(|| denied_for(denied)))
    }

    /// Why owners of sockets that were asked about are unknown.
    #[must_use]
    pub fn gap(&self) -> Option<Gap> {
        if self.unread.is_some() {
            return self.unread.clone();
        }
        let root = self.root.as_ref().filter(|_| self.unknown > 0)?;
        Some(unknown_owners(root, self.table.denied, self.unknown, ["socket", "sockets"]))
    }
}

fn owner(root: &ProcRoot, pid: u32) -> SocketOwner {
    let read = read_process_name(root, pid);
    let place = parse_cgroup_place(&read.cgroups);
    SocketOwner { pid, name: read.name, unit: place.unit, container: place.container }
}
