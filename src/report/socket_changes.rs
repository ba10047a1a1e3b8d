//! What became of sockets from one reading to the next.

use std::collections::BTreeMap;

use super::socket_lines::SocketChange;
use crate::units::TcpState;
use crate::wire::InetDiag;

/// Bytes of a record.
const RECORD: usize = 72;
/// Where ports, addresses and device of a record are.
const ID: core::ops::Range<usize> = 4..44;

/// What a socket is known by: its family, its ends and device; and its cookie where several may share these.
/// A connection keeps its ends when it becomes a minisock, and not its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    id: [u8; 40],
    family: u8,
    cookie: u64,
}

/// What was seen of a socket, and in which reading.
#[derive(Clone, Copy, Debug)]
struct Seen {
    state: u8,
    reading: u8,
}

/// The sockets of the last reading, about 64 bytes for each.
#[derive(Debug, Default)]
pub struct SocketChanges {
    seen: BTreeMap<Known, Seen>,
    reading: u8,
    first: bool,
    begun: bool,
}

impl SocketChanges {
    /// Begins a reading.
    pub const fn begin(&mut self) {
        self.first = !self.begun;
        self.begun = true;
        self.reading = self.reading.wrapping_add(1);
    }

    /// Whether this is the first reading, in which nothing is new.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// Takes note of a socket and says what became of it.
    pub fn note(&mut self, found: &InetDiag<'_>) -> SocketChange {
        let (head, _) = found.bytes();
        let now = Seen { state: head[1], reading: self.reading };
        match self.seen.insert(known(found), now) {
            None if self.first => SocketChange::Same,
            None => SocketChange::New,
            Some(before) if before.state == now.state => SocketChange::Same,
            Some(before) => TcpState::from_kernel(before.state).map_or(SocketChange::Same, SocketChange::State),
        }
    }

    /// Ends a reading: hands on the record of each socket that was not met in it, without queues and timers, and
    /// forgets it.
    pub fn end(&mut self, mut gone: impl FnMut(&InetDiag<'_>)) {
        let reading = self.reading;
        self.seen.retain(|known, seen| {
            if seen.reading == reading {
                return true;
            }
            let mut record = [0; RECORD];
            record[0] = known.family;
            record[1] = seen.state;
            record.iter_mut().skip(ID.start).zip(known.id).for_each(|(place, byte)| *place = byte);
            InetDiag::decode(&record).iter().for_each(&mut gone);
            false
        });
    }
}

fn known(found: &InetDiag<'_>) -> Known {
    let (head, _) = found.bytes();
    let id = head.get(ID).and_then(|id| id.first_chunk::<40>()).copied().unwrap_or([0; 40]);
    // The tables of proc have no cookies.
    let own = if found.is_of_table() { u64::from(found.inode()) } else { found.cookie() };
    let shares = matches!(found.state(), Some(TcpState::Listen | TcpState::Close));
    Known { id, family: head[0], cookie: if shares { own } else { 0 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: TcpState, port: u16, cookie: u8) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record[0] = 2;
        record[1] = state.to_kernel();
        record[4..6].copy_from_slice(&port.to_be_bytes());
        record[44] = cookie;
        record
    }

    fn read(changes: &mut SocketChanges, records: &[[u8; RECORD]]) -> (Vec<SocketChange>, Vec<u16>) {
        changes.begin();
        let noted = records.iter().map(|record| changes.note(&InetDiag::decode(record).unwrap())).collect();
        let mut gone = Vec::new();
        changes.end(|found| gone.push(found.source_port()));
        (noted, gone)
    }

    #[test]
    fn what_is_new_gone_and_in_another_state_is_told_once() {
        use SocketChange::{New, Same, State};
        let mut changes = SocketChanges::default();
        let [old, becomes] = [record(TcpState::Estab, 1, 1), record(TcpState::Estab, 2, 2)];
        assert_eq!(read(&mut changes, &[old, becomes]), (vec![Same, Same], vec![]));
        // A minisock has another cookie.
        let minisock = record(TcpState::TimeWait, 2, 9);
        assert_eq!(
            read(&mut changes, &[minisock, record(TcpState::Estab, 3, 3)]),
            (vec![State(TcpState::Estab), New], vec![1])
        );
        assert_eq!(read(&mut changes, &[minisock, record(TcpState::Estab, 3, 3)]), (vec![Same, Same], vec![]));
        assert_eq!(read(&mut changes, &[]), (vec![], vec![2, 3]));
    }

    #[test]
    fn listeners_that_share_a_port_are_told_apart_by_their_cookies() {
        let mut changes = SocketChanges::default();
        let [one, other] = [record(TcpState::Listen, 80, 1), record(TcpState::Listen, 80, 2)];
        read(&mut changes, &[one, other]);
        assert_eq!(read(&mut changes, &[one]), (vec![SocketChange::Same], vec![80]));
    }
}
