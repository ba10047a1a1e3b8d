//! What became of sockets from one reading to the next.

use std::collections::BTreeMap;

use super::socket_lines::SocketChange;
use super::socket_moves::SocketMoves;
use crate::units::TcpState;
use crate::wire::{InetDiag, TcpInfo};

/// Bytes of a record.
const RECORD: usize = 72;
/// Where ports, addresses and device of a record are.
const ID: core::ops::Range<usize> = 4..44;

/// What a socket is known by: its namespace, its family, its ends and device; and its cookie where several may share
/// these. A connection keeps its ends when it becomes a minisock, and in old kernels not its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    id: [u8; 40],
    cookie: u64,
    place: u32,
    family: u8,
}

/// What was seen of a socket, and in which reading.
#[derive(Clone, Copy, Debug)]
struct Seen {
    figures: Figures,
    cookie: u64,
    state: u8,
    reading: u8,
}

/// What moves in a socket's life. A counter that the kernel did not tell is [`Figures::UNTOLD`], which none reaches.
#[derive(Clone, Copy, Debug)]
struct Figures {
    sent: u64,
    acked: u64,
    received: u64,
    /// Both are counted in 32 bits and start again at 0.
    retransmits: u32,
    drops: u32,
    receive_queue: u32,
    send_queue: u32,
    tells: u8,
}

/// Which of the figures were told.
const TELLS_QUEUES: u8 = 1;
const TELLS_RETRANSMITS: u8 = 2;
const TELLS_DROPS: u8 = 4;
/// By more than this a counter of 32 bits does not rise between two readings: it fell.
const HALF: u32 = 1 << 31;

/// What is said of one socket of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// What became of it.
    pub(super) change: SocketChange,
    /// What moved; nothing for one that is new.
    pub(super) moves: Option<SocketMoves>,
    /// Whether it took the place of another one with the same ends, which is gone.
    pub(super) replaces: bool,
}

/// The sockets of the last reading, about 150 bytes for each.
#[derive(Debug, Default)]
pub(super) struct SocketChanges {
    seen: BTreeMap<Known, Seen>,
    reading: u8,
    first: bool,
    begun: bool,
}

impl SocketChanges {
    /// Begins a reading.
    pub(super) const fn begin(&mut self) {
        self.first = !self.begun;
        self.begun = true;
        self.reading = self.reading.wrapping_add(1);
    }

    /// Whether this is the first reading, in which nothing is new.
    pub(super) const fn is_first(&self) -> bool {
        self.first
    }

    /// Takes note of a socket of the namespace with this number and says what became of it.
    pub(super) fn note(&mut self, place: u32, found: &InetDiag<'_>) -> Noted {
        let (head, _) = found.bytes();
        let cookie = if found.is_of_table() { 0 } else { found.cookie() };
        let now = Seen { figures: Figures::of(found), cookie, state: head[1], reading: self.reading };
        let none = |change| Noted { change, moves: None, replaces: false };
        let Some(before) = self.seen.insert(known(place, found), now) else {
            return none(if self.first { SocketChange::Same } else { SocketChange::New });
        };
        // It was met before in the same walk, which goes on while sockets move.
        if before.reading == self.reading {
            return none(SocketChange::Same);
        }
        if before.is_another(&now) {
            return Noted { change: SocketChange::New, moves: None, replaces: true };
        }
        let change = if before.state == now.state {
            SocketChange::Same
        } else {
            TcpState::from_kernel(before.state).map_or(SocketChange::Same, SocketChange::State)
        };
        Noted { change, moves: Some(now.figures.since(&before.figures)), replaces: false }
    }

    /// Ends a reading: hands on the record of each socket that was not met in it, without queues and timers and with the
    /// number of its namespace, and forgets it. In a namespace that was not read nobody is known to be gone.
    pub(super) fn end(&mut self, is_unread: impl Fn(u32) -> bool, mut gone: impl FnMut(u32, &InetDiag<'_>)) {
        let reading = self.reading;
        self.seen.retain(|known, seen| {
            if seen.reading == reading {
                return true;
            }
            if is_unread(known.place) {
                // What moved until the next reading moved in more than one window.
                *seen = Seen { reading, figures: Figures::NONE, ..*seen };
                return true;
            }
            let mut record = [0; RECORD];
            record[0] = known.family;
            record[1] = seen.state;
            record.iter_mut().skip(ID.start).zip(known.id).for_each(|(place, byte)| *place = byte);
            InetDiag::decode(&record).iter().for_each(|found| gone(known.place, found));
            false
        });
    }
}

impl Seen {
    /// Whether these are two connections, one after the other between the same ends: a full socket keeps its cookie, and
    /// none goes back in its life.
    fn is_another(&self, now: &Self) -> bool {
        let ages = age(self.state).zip(age(now.state));
        ages.is_some_and(|(before, now)| now < before) || self.has_other_cookie(now)
    }

    fn has_other_cookie(&self, now: &Self) -> bool {
        let is_full = |one: &Self| {
            !matches!(
                TcpState::from_kernel(one.state),
                Some(TcpState::SynRecv | TcpState::TimeWait | TcpState::FinWait2)
            )
        };
        is_full(self) && is_full(now) && self.cookie != now.cookie && self.cookie != 0 && now.cookie != 0
    }
}

/// How far a connection is in its life; nothing for what is none.
fn age(state: u8) -> Option<u8> {
    match TcpState::from_kernel(state)? {
        TcpState::SynSent | TcpState::SynRecv => Some(0),
        TcpState::Estab => Some(1),
        TcpState::FinWait1 | TcpState::CloseWait => Some(2),
        TcpState::FinWait2 | TcpState::Closing | TcpState::LastAck => Some(3),
        TcpState::TimeWait => Some(4),
        TcpState::Listen | TcpState::Close => None,
    }
}

impl Figures {
    const UNTOLD: u64 = u64::MAX;
    const NONE: Self = Self {
        sent: Self::UNTOLD,
        acked: Self::UNTOLD,
        received: Self::UNTOLD,
        retransmits: 0,
        drops: 0,
        receive_queue: 0,
        send_queue: 0,
        tells: 0,
    };

    fn of(found: &InetDiag<'_>) -> Self {
        let facts = found.facts();
        // Of a listener most of it is not set, and what is there means other things.
        let is_listener = found.state() == Some(TcpState::Listen);
        let info = facts.info.filter(|_| !is_listener).map_or_else(TcpInfo::default, TcpInfo::of);
        let (retransmits, drops) = (info.total_retrans(), facts.memory.and_then(|memory| memory.drops()));
        let tells = |told: bool, bit: u8| if told { bit } else { 0 };
        Self {
            sent: info.bytes_sent().unwrap_or(Self::UNTOLD),
            acked: info.bytes_acked().unwrap_or(Self::UNTOLD),
            received: info.bytes_received().unwrap_or(Self::UNTOLD),
            retransmits: retransmits.unwrap_or(0),
            drops: drops.unwrap_or(0),
            receive_queue: found.receive_queue(),
            send_queue: found.send_queue(),
            tells: TELLS_QUEUES | tells(retransmits.is_some(), TELLS_RETRANSMITS) | tells(drops.is_some(), TELLS_DROPS),
        }
    }

    /// Whether a counter fell that never does: the program broke the connection and made another one with this socket
    /// (`tcp_disconnect`), which keeps its cookie and begins to count anew.
    fn is_anew(&self, before: &Self) -> bool {
        let told = |one: u64| one != Self::UNTOLD;
        let fell = |now: u64, before: u64| told(now) && told(before) && now < before;
        let both = self.tells & before.tells & TELLS_RETRANSMITS != 0;
        fell(self.sent, before.sent)
            || fell(self.acked, before.acked)
            || fell(self.received, before.received)
            || both && self.retransmits.wrapping_sub(before.retransmits) > HALF
    }

    fn since(&self, before: &Self) -> SocketMoves {
        // Of what was counted before that nothing is known but how long the queues were.
        let Self { receive_queue, send_queue, tells, .. } = *before;
        let queues = Self { receive_queue, send_queue, tells: tells & TELLS_QUEUES, ..Self::NONE };
        let before = if self.is_anew(before) { &queues } else { before };
        let both = self.tells & before.tells;
        let bytes = |now: u64, before: u64| {
            (now != Self::UNTOLD && before != Self::UNTOLD).then(|| now.checked_sub(before)).flatten()
        };
        let counted = |bit: u8, now: u32, before: u32| {
            let rise = (both & bit != 0).then(|| now.wrapping_sub(before));
            rise.filter(|rise| *rise <= HALF).map(u64::from)
        };
        let queue = |now: u32, before: u32| {
            if both & TELLS_QUEUES == 0 { 0 } else { i64::from(now) - i64::from(before) }
        };
        SocketMoves {
            receive_queue: queue(self.receive_queue, before.receive_queue),
            send_queue: queue(self.send_queue, before.send_queue),
            sent_bytes: bytes(self.sent, before.sent),
            acked_bytes: bytes(self.acked, before.acked),
            received_bytes: bytes(self.received, before.received),
            retransmits: counted(TELLS_RETRANSMITS, self.retransmits, before.retransmits),
            drops: counted(TELLS_DROPS, self.drops, before.drops),
        }
    }
}

fn known(place: u32, found: &InetDiag<'_>) -> Known {
    let (head, _) = found.bytes();
    let id = head.get(ID).and_then(|id| id.first_chunk::<40>()).copied().unwrap_or([0; 40]);
    // The tables of proc have no cookies.
    let own = if found.is_of_table() { u64::from(found.inode()) } else { found.cookie() };
    let shares = matches!(found.state(), Some(TcpState::Listen | TcpState::Close));
    Known { id, cookie: if shares { own } else { 0 }, place, family: head[0] }
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
        let noted = records.iter().map(|record| changes.note(0, &InetDiag::decode(record).unwrap()).change).collect();
        let mut gone = Vec::new();
        changes.end(|_| false, |_, found| gone.push(found.source_port()));
        (noted, gone)
    }

    #[test]
    fn what_is_new_gone_and_in_another_state_is_told_once() {
        use SocketChange::{New, Same, State};
        let mut changes = SocketChanges::default();
        let [old, becomes] = [record(TcpState::Estab, 1, 1), record(TcpState::Estab, 2, 2)];
        assert_eq!(read(&mut changes, &[old, becomes]), (vec![Same, Same], vec![]));
        // A minisock may have another cookie.
        let minisock = record(TcpState::TimeWait, 2, 9);
        assert_eq!(
            read(&mut changes, &[minisock, record(TcpState::Estab, 3, 3)]),
            (vec![State(TcpState::Estab), New], vec![1])
        );
        assert_eq!(read(&mut changes, &[minisock, record(TcpState::Estab, 3, 3)]), (vec![Same, Same], vec![]));
        assert_eq!(read(&mut changes, &[]), (vec![], vec![2, 3]));
    }

    #[test]
    fn a_connection_that_goes_back_in_its_life_is_another_one() {
        use TcpState::{CloseWait, Estab, FinWait2, SynRecv, SynSent, TimeWait};
        for (before, now) in
            [(TimeWait, SynSent), (TimeWait, Estab), (Estab, SynRecv), (FinWait2, Estab), (CloseWait, SynSent)]
        {
            let mut changes = SocketChanges::default();
            note(&mut changes, &record(before, 1, 0));
            let expected = Noted { change: SocketChange::New, moves: None, replaces: true };
            assert_eq!(note(&mut changes, &record(now, 1, 0)), expected, "{before:?} {now:?}");
        }
        for (before, now) in
            [(SynSent, SynRecv), (SynSent, Estab), (Estab, TimeWait), (Estab, CloseWait), (Estab, Estab)]
        {
            let mut changes = SocketChanges::default();
            note(&mut changes, &record(before, 1, 0));
            assert!(!note(&mut changes, &record(now, 1, 0)).replaces, "{before:?} {now:?}");
        }
    }

    #[test]
    fn listeners_that_share_a_port_are_told_apart_by_their_cookies() {
        let mut changes = SocketChanges::default();
        let [one, other] = [record(TcpState::Listen, 80, 1), record(TcpState::Listen, 80, 2)];
        read(&mut changes, &[one, other]);
        assert_eq!(read(&mut changes, &[one]), (vec![SocketChange::Same], vec![80]));
    }

    /// With `tcp_info` up to the bytes sent, and memory.
    fn busy(cookie: u8, queue: u32, acked: u64, retransmits: u32, drops: u32) -> Vec<u8> {
        let mut bytes = record(TcpState::Estab, 1, cookie).to_vec();
        bytes[56..60].copy_from_slice(&queue.to_ne_bytes());
        let mut info = [0; 136];
        info[100..104].copy_from_slice(&retransmits.to_ne_bytes());
        info[120..128].copy_from_slice(&acked.to_ne_bytes());
        let mut memory = [0; 36];
        memory[32..].copy_from_slice(&drops.to_ne_bytes());
        for (number, value) in [(2_u16, info.as_slice()), (7, memory.as_slice())] {
            bytes.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            bytes.extend(number.to_ne_bytes());
            bytes.extend(value);
        }
        bytes
    }

    fn note(changes: &mut SocketChanges, bytes: &[u8]) -> Noted {
        changes.begin();
        let noted = changes.note(0, &InetDiag::decode(bytes).unwrap());
        changes.end(|_| false, |_, _| ());
        noted
    }

    #[test]
    fn what_moved_is_the_difference_and_what_was_not_told_is_not_zero() {
        let mut changes = SocketChanges::default();
        assert_eq!(note(&mut changes, &busy(1, 500, 1000, u32::MAX, 7)).moves, None);
        let moves = note(&mut changes, &busy(1, 200, 5000, 2, 9)).moves.unwrap();
        assert_eq!((moves.receive_queue, moves.send_queue), (-300, 0));
        assert_eq!((moves.acked_bytes, moves.retransmits, moves.drops), (Some(4000), Some(3), Some(2)));
        assert_eq!((moves.sent_bytes, moves.received_bytes), (None, Some(0)), "tcp_info was not as long");
        // Without attributes nothing but the queues is known, and behind that nothing since.
        let bare = note(&mut changes, &record(TcpState::Estab, 1, 1)).moves.unwrap();
        assert_eq!(bare, SocketMoves { receive_queue: -200, ..SocketMoves::default() });
        assert_eq!(note(&mut changes, &busy(1, 0, 9000, 2, 9)).moves.unwrap().acked_bytes, None);
    }

    #[test]
    fn a_socket_that_was_connected_anew_has_no_rate_of_both_its_connections() {
        let mut changes = SocketChanges::default();
        note(&mut changes, &busy(1, 500, 9000, 40, 7));
        let moves = note(&mut changes, &busy(1, 200, 50, 1, 9)).moves.unwrap();
        assert_eq!(moves, SocketMoves { receive_queue: -300, ..SocketMoves::default() });
        assert_eq!(note(&mut changes, &busy(1, 200, 60, 3, 9)).moves.unwrap().retransmits, Some(2));
    }

    proptest::proptest! {
        #[test]
        fn what_moves_is_told_across_the_end_of_counters_and_never_by_more_than_it_can(
            acked in 0..u64::MAX / 2, more in 0..1_u64 << 40, retransmits: u32, resent in 0..1_u32 << 30, drops: u32,
            other: (u64, u32, u32),
        ) {
            let mut changes = SocketChanges::default();
            note(&mut changes, &busy(1, 0, acked, retransmits, drops));
            let later = busy(1, 0, acked + more, retransmits.wrapping_add(resent), drops.wrapping_add(resent));
            let moves = note(&mut changes, &later).moves.unwrap();
            let resent = Some(u64::from(resent));
            proptest::prop_assert_eq!((moves.acked_bytes, moves.retransmits, moves.drops), (Some(more), resent, resent));
            // Whatever comes then: no rise is a fall.
            let moves = note(&mut changes, &busy(1, 0, other.0, other.1, other.2)).moves.unwrap();
            proptest::prop_assert!(moves.retransmits.is_none_or(|rise| rise <= 1 << 31));
            proptest::prop_assert!(moves.drops.is_none_or(|rise| rise <= 1 << 31));
            if other.0 < acked + more {
                proptest::prop_assert_eq!((moves.acked_bytes, moves.retransmits), (None, None));
            }
        }
    }

    #[test]
    fn a_connection_between_the_same_ends_is_another_one_and_nothing_of_it_has_moved() {
        let mut changes = SocketChanges::default();
        note(&mut changes, &busy(1, 0, 1000, 0, 0));
        let noted = note(&mut changes, &busy(2, 0, 50, 0, 0));
        assert_eq!(noted, Noted { change: SocketChange::New, moves: None, replaces: true });
    }

    #[test]
    fn in_a_namespace_that_was_not_read_nobody_is_gone_and_what_moved_is_unknown_for_a_while() {
        let mut changes = SocketChanges::default();
        let bytes = busy(1, 5, 1000, 0, 0);
        let socket = InetDiag::decode(&bytes).unwrap();
        changes.begin();
        changes.note(0, &socket);
        changes.note(7, &socket);
        changes.end(|_| false, |_, _| unreachable!());
        changes.begin();
        let mut gone = Vec::new();
        changes.end(|place| place == 7, |place, _| gone.push(place));
        assert_eq!(gone, [0]);
        changes.begin();
        let noted = changes.note(7, &socket);
        assert_eq!((noted.change, noted.moves), (SocketChange::Same, Some(SocketMoves::default())));
    }
}
