//! A socket as texts that are kept, for screens and whatever else shows it later than it was read.

use std::collections::BTreeMap;

use super::socket_cells::{
    Cgroups, EndTexts, push_ends, push_extended, push_info, push_memory, push_owners, push_timer,
};
use crate::model::LiveForecast;
use crate::snapshot::SocketOwner;
use crate::units::TcpState;
use crate::wire::InetDiag;

/// A socket as texts. What the kernel did not tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketRow {
    /// Its state; nothing for one that is not known here.
    pub state: Option<TcpState>,
    /// Bytes that wait to be read; of a listener, connections that wait for accept().
    pub receive_queue: u32,
    /// Bytes that are not acknowledged; of a listener, its backlog.
    pub send_queue: u32,
    /// Local address and port.
    pub local: String,
    /// Remote address and port.
    pub peer: String,
    /// The running timer: `retransmit 1.9s x3`.
    pub timer: String,
    /// The process that holds it, and how many others; `-` where none does, `?` where none could be found.
    pub owner: String,
    /// User, inode, cookie, mark.
    pub identity: String,
    /// Memory, in the letters of ss.
    pub memory: String,
    /// `tcp_info`, in the names of ss.
    pub info: String,
    /// The kernel's cookie, which stays with it as long as it lives.
    pub cookie: u64,
    /// The inode of its file; 0 for one without.
    pub inode: u32,
    /// What the model says of it; times count from the reading.
    pub forecast: Option<LiveForecast>,
}

impl SocketRow {
    /// The texts of a socket, with the names of the network devices.
    #[must_use]
    pub fn new<'a>(
        found: &InetDiag<'_>,
        owners: impl Iterator<Item = &'a SocketOwner>,
        devices: &BTreeMap<u32, String>,
        forecast: Option<LiveForecast>,
    ) -> Self {
        let facts = found.facts();
        let text = |write: &mut dyn FnMut(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            write(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut ends = Vec::new();
        let mut local = 0;
        let peer = push_ends(&mut ends, found, &EndTexts::of(found), devices, |out| local = out.len());
        let end = |range: core::ops::Range<usize>| {
            String::from_utf8_lossy(ends.get(range).unwrap_or_default()).trim().to_owned()
        };
        Self {
            state: found.state(),
            receive_queue: found.receive_queue(),
            send_queue: found.send_queue(),
            local: end(0..local),
            peer: end(peer..ends.len()),
            timer: text(&mut |out| push_timer(out, found)),
            owner: owner_text(found.inode(), owners),
            identity: text(&mut |out| push_extended(out, found, &facts, &Cgroups::new())),
            memory: text(&mut |out| push_memory(out, &facts)),
            info: text(&mut |out| push_info(out, found, &facts)),
            cookie: found.cookie(),
            inode: found.inode(),
            forecast,
        }
    }

    /// The same, with the processes that hold it.
    #[must_use]
    pub fn held_by<'a>(self, owners: impl Iterator<Item = &'a SocketOwner>) -> Self {
        Self { owner: owner_text(self.inode, owners), ..self }
    }
}

/// Who holds the socket with this inode: a file that nobody is known to have open is a gap, and no file at all is none.
fn owner_text<'a>(inode: u32, owners: impl Iterator<Item = &'a SocketOwner>) -> String {
    let mut owner = Vec::new();
    push_owners(&mut owner, owners, if inode == 0 { b'-' } else { b'?' });
    String::from_utf8_lossy(&owner).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_kept_as_texts() {
        let mut record = vec![0; 72];
        record[..4].copy_from_slice(&[2, 1, 1, 3]);
        record[4..8].copy_from_slice(&[0x9c, 0x40, 0x15, 0x38]);
        record[8..12].copy_from_slice(&[10, 0, 0, 7]);
        record[24..28].copy_from_slice(&[10, 0, 3, 9]);
        record[52..56].copy_from_slice(&1900_u32.to_ne_bytes());
        record[60..64].copy_from_slice(&8192_u32.to_ne_bytes());
        let found = InetDiag::decode(&record).expect("a record");
        let owner = SocketOwner { pid: 4711, name: "java".into(), unit: None, container: None };
        let row = SocketRow::new(&found, [&owner].into_iter(), &BTreeMap::new(), None);
        assert_eq!((row.local.as_str(), row.peer.as_str()), ("10.0.0.7:40000", "10.0.3.9:5432"));
        assert_eq!((row.send_queue, row.timer.as_str()), (8192, "retransmit 1.9s x3"));
        assert_eq!((row.owner.as_str(), row.state), ("java(4711)", Some(TcpState::Estab)));
    }

    #[test]
    fn a_socket_without_a_file_has_no_owner_and_one_whose_owner_is_not_found_has_an_unknown_one() {
        let mut record = vec![0; 72];
        record[..4].copy_from_slice(&[2, 1, 0, 0]);
        let of = |record: &[u8]| {
            let found = InetDiag::decode(record).expect("a record");
            SocketRow::new(&found, core::iter::empty(), &BTreeMap::new(), None)
        };
        assert_eq!(of(&record).owner, "-");
        record[68..72].copy_from_slice(&4711_u32.to_ne_bytes());
        let row = of(&record);
        assert_eq!((row.inode, row.owner.as_str()), (4711, "?"));
        assert_eq!(row.held_by(core::iter::empty()).owner, "?");
    }
}
