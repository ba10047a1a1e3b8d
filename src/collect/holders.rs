//! The processes that hold sockets, for rows.

use std::collections::BTreeMap;

use super::host::gap_of;
use super::owners::unknown_owners;
use crate::snapshot::{Gap, SocketOwner};
use crate::sys::{ProcRoot, SocketTable, read_process_name, read_socket_table};
use crate::wire::parse_cgroup_place;

/// The processes that hold sockets. 8 bytes are kept for each socket of the host, and a name for each process that
/// was asked about.
#[derive(Debug)]
pub struct Holders {
    root: ProcRoot,
    table: SocketTable,
    unread: Option<Gap>,
    names: BTreeMap<u32, SocketOwner>,
    unknown: usize,
}

impl Holders {
    /// Looks through the descriptors of all processes, once.
    #[must_use]
    pub fn read(proc_root: &std::path::Path) -> Self {
        let root = ProcRoot::new(proc_root);
        let (table, unread) = match read_socket_table(&root) {
            Ok(table) => (table, None),
            Err(error) => (SocketTable::default(), Some(gap_of(&error, "the processes of all sockets are unknown"))),
        };
        Self { root, table, unread, names: BTreeMap::new(), unknown: 0 }
    }

    /// The processes that hold the socket with this inode; none for inode 0, which sockets without a file have.
    pub fn of(&mut self, inode: u32) -> impl Iterator<Item = &SocketOwner> {
        let mut known = false;
        for pid in self.table.holders(inode) {
            known = true;
            self.names.entry(pid).or_insert_with(|| owner(&self.root, pid));
        }
        self.unknown += usize::from(inode != 0 && !known);
        self.table.holders(inode).filter_map(|pid| self.names.get(&pid))
    }

    /// Why owners of sockets that were asked about are unknown.
    #[must_use]
    pub fn gap(&self) -> Option<Gap> {
        if self.unread.is_some() {
            return self.unread.clone();
        }
        (self.unknown > 0).then(|| unknown_owners(&self.root, self.table.denied, self.unknown, ["socket", "sockets"]))
    }
}

fn owner(root: &ProcRoot, pid: u32) -> SocketOwner {
    let read = read_process_name(root, pid);
    let place = parse_cgroup_place(&read.cgroups);
    SocketOwner { pid, name: read.name, unit: place.unit, container: place.container }
}
