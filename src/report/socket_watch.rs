//! `tcpctl sockets --watch`: what became of each socket, of whatever namespace, and of all of them together.

use std::collections::{BTreeMap, BTreeSet};

use super::socket_changes::SocketChanges;
use super::socket_lines::{RowChange, SocketChange};
use super::socket_sort::{OrderKey, SocketOrder, order_key};
use super::socket_writer::WatchReading;
use crate::snapshot::NamespaceName;
use crate::units::TcpState;
use crate::wire::InetDiag;

/// The number of the one namespace that is read where not every one is.
const ALONE: u32 = 0;

/// Sockets from reading to reading.
#[derive(Debug, Default)]
pub struct SocketWatch {
    changes: SocketChanges,
    /// Numbers of namespaces by their inodes, and what they are called.
    places: BTreeMap<u64, (u32, NamespaceName)>,
    /// The one that is being read.
    here: u32,
    read: BTreeSet<u32>,
    reading: WatchReading,
}

impl SocketWatch {
    /// Begins a reading, so many microseconds after the one before.
    pub fn begin(&mut self, window_us: Option<u64>) {
        self.changes.begin();
        self.read.clear();
        self.reading = WatchReading { window_us, ..WatchReading::default() };
    }

    /// Whether this is the first reading, in which nothing is new.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.changes.is_first()
    }

    /// The sockets that follow are of this namespace, or of the only one.
    pub fn enter(&mut self, name: Option<&NamespaceName>) {
        let next = u32::try_from(self.places.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.here = name.map_or(ALONE, |name| self.places.entry(name.inode).or_insert((next, name.clone())).0);
    }

    /// All sockets of the namespace that was entered have been seen. Not to be said where records were lost: who was not
    /// seen then is not gone.
    pub fn leave(&mut self) {
        self.read.insert(self.here);
    }

    /// Whether of these namespaces all have been read that ever were, or the only one; those that never were make no
    /// difference.
    #[must_use]
    pub fn has_read_all<'a>(&self, mut there: impl Iterator<Item = &'a NamespaceName>) -> bool {
        let is_alone = self.places.is_empty();
        (!is_alone || self.read.contains(&ALONE))
            && there.all(|name| self.places.get(&name.inode).is_none_or(|(number, _)| self.read.contains(number)))
    }

    /// Takes note of a socket.
    pub fn note(&mut self, found: &InetDiag<'_>) -> RowChange {
        let noted = self.changes.note(self.here, found);
        let reading = &mut self.reading;
        reading.sockets += 1;
        reading.new += u64::from(noted.change == SocketChange::New);
        reading.gone += u64::from(noted.replaces);
        reading.changed += u64::from(matches!(noted.change, SocketChange::State(_)));
        if let Some(moves) = noted.moves {
            reading.moved += u64::from(moves.is_some());
            let is_listener = found.state() == Some(TcpState::Listen);
            reading.moves.add(&if is_listener { moves.without_queues() } else { moves });
        }
        RowChange { what: noted.change, moves: noted.moves, window_us: reading.window_us.unwrap_or(0) }
    }

    /// Ends a reading and hands on what is gone since the one before, with the namespace it was in. `there` are the
    /// namespaces that there are: of one that is there and was not read nobody knows what is gone.
    pub fn end<'a>(
        &mut self,
        there: impl Iterator<Item = &'a NamespaceName>,
        mut gone: impl FnMut(Option<&NamespaceName>, &InetDiag<'_>),
    ) {
        let there: BTreeSet<u32> =
            there.filter_map(|name| self.places.get(&name.inode)).map(|(number, _)| *number).collect();
        let Self { changes, places, read, reading, .. } = self;
        let names: BTreeMap<u32, &NamespaceName> = places.values().map(|(number, name)| (*number, name)).collect();
        let is_unread = |place: u32| (place == ALONE || there.contains(&place)) && !read.contains(&place);
        changes.end(is_unread, |place, found| {
            reading.gone += 1;
            gone(names.get(&place).copied(), found);
        });
    }

    /// How the reading went, but for its number and what it cost.
    #[must_use]
    pub const fn reading(&self) -> WatchReading {
        self.reading
    }
}

/// What rows of a reading are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchOrder {
    /// Those that came, went or changed their state first, then those in which something moved, then the others.
    Changes,
    /// As rows that are read once.
    By(SocketOrder),
    /// Bytes sent in the window, the most first.
    Sent,
    /// Bytes received.
    Received,
    /// Segments sent again.
    Retransmits,
    /// Segments dropped.
    Drops,
}

/// The first rows of a reading in an order.
#[derive(Debug)]
pub struct WatchRows {
    order: WatchOrder,
    limit: usize,
    rows: Vec<KeptRow>,
    /// Behind this nothing is kept any more.
    last: Option<OrderKey>,
}

#[derive(Debug)]
struct KeptRow {
    key: OrderKey,
    place: usize,
    change: RowChange,
    record: Vec<u8>,
}

impl WatchRows {
    /// The first `limit` rows in this order; equal ones stay as they came.
    #[must_use]
    pub const fn new(order: WatchOrder, limit: usize) -> Self {
        Self { order, limit, rows: Vec::new(), last: None }
    }

    /// Keeps a row of the namespace that the caller gives this number.
    pub fn push(&mut self, found: &InetDiag<'_>, change: RowChange, place: usize) {
        let key = self.key(found, &change);
        if self.last.is_some_and(|last| key >= last) {
            return;
        }
        let (head, attributes) = found.bytes();
        let record = [head.as_slice(), attributes].concat();
        self.rows.push(KeptRow { key, place, change, record });
        if self.limit < usize::MAX / 4 && self.rows.len() >= 2 * self.limit + 256 {
            self.prune();
        }
    }

    /// Hands on the rows in order.
    pub fn each(mut self, mut visit: impl FnMut(&InetDiag<'_>, RowChange, usize)) {
        self.prune();
        for row in &self.rows {
            InetDiag::decode(&row.record).iter().for_each(|found| visit(found, row.change, row.place));
        }
    }

    /// The sort is stable, so that of equal ones the first to come is the first.
    fn prune(&mut self) {
        self.rows.sort_by_key(|row| row.key);
        if self.rows.len() > self.limit {
            self.rows.truncate(self.limit);
            self.last = self.rows.last().map(|row| row.key);
        }
    }

    fn key(&self, found: &InetDiag<'_>, change: &RowChange) -> OrderKey {
        let moves = change.moves.unwrap_or_default();
        let most_first = |number: Option<u64>| (u64::MAX - number.unwrap_or(0), 0, 0);
        match self.order {
            WatchOrder::Changes => match (change.what, change.moved()) {
                (SocketChange::Same, None) => (2, 0, 0),
                (SocketChange::Same, Some(_)) => (1, 0, 0),
                _ => (0, 0, 0),
            },
            WatchOrder::By(order) => order_key(found, order),
            WatchOrder::Sent => most_first(moves.out_bytes()),
            WatchOrder::Received => most_first(moves.received_bytes),
            WatchOrder::Retransmits => most_first(moves.retransmits),
            WatchOrder::Drops => most_first(moves.drops),
        }
    }
}

/// Lines of rows for a screen, no more than fit, with those that changed in colour and bold; each has its sign as well.
#[must_use]
pub fn highlight_rows(text: &str, lines: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n').take(lines) {
        let colour = match line.split_at_checked(2) {
            Some(("+ ", _)) => Some(anstyle::AnsiColor::Green),
            Some(("- ", _)) => Some(anstyle::AnsiColor::Red),
            Some(("~ ", _)) => Some(anstyle::AnsiColor::Yellow),
            Some(("* ", _)) => Some(anstyle::AnsiColor::Cyan),
            _ => None,
        };
        match colour {
            None => shown.push_str(line),
            Some(colour) => {
                let paint = colour.on_default() | anstyle::Effects::BOLD;
                let (bare, end) = line.strip_suffix('\n').map_or((line, ""), |bare| (bare, "\n"));
                shown.push_str(&format!("{paint}{bare}{paint:#}{end}"));
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::SocketMoves;

    fn record(port: u16, queue: u32) -> [u8; 72] {
        let mut record = [0; 72];
        (record[0], record[1]) = (2, 1);
        record[4..6].copy_from_slice(&port.to_be_bytes());
        record[56..60].copy_from_slice(&queue.to_ne_bytes());
        record
    }

    fn change(what: SocketChange, sent: u64) -> RowChange {
        let moves = SocketMoves { sent_bytes: Some(sent), ..SocketMoves::default() };
        RowChange { what, moves: Some(moves), window_us: 1_000_000 }
    }

    fn ports(order: WatchOrder, limit: usize, rows: &[(u16, u32, RowChange)]) -> Vec<u16> {
        let mut kept = WatchRows::new(order, limit);
        rows.iter().for_each(|(port, queue, change)| {
            kept.push(&InetDiag::decode(&record(*port, *queue)).unwrap(), *change, 0);
        });
        let mut ports = Vec::new();
        kept.each(|found, _, _| ports.push(found.source_port()));
        ports
    }

    #[test]
    fn what_changed_comes_first_and_an_order_that_was_asked_for_is_kept() {
        let rows = [
            (1, 5, change(SocketChange::Same, 0)),
            (2, 0, change(SocketChange::Same, 10)),
            (3, 9, change(SocketChange::New, 0)),
            (4, 7, change(SocketChange::Same, 900)),
            (5, 1, change(SocketChange::Gone, 0)),
        ];
        assert_eq!(ports(WatchOrder::Changes, 4, &rows), [3, 5, 2, 4]);
        assert_eq!(ports(WatchOrder::Sent, 2, &rows), [4, 2]);
        assert_eq!(ports(WatchOrder::By(SocketOrder::ReceiveQueue), usize::MAX, &rows), [3, 4, 1, 5, 2]);
        let many: Vec<_> = (0..5000).map(|n| (n, u32::from(n) * 7919 % 5000, change(SocketChange::Same, 0))).collect();
        let mut expected = many.clone();
        expected.sort_by_key(|(_, queue, _)| core::cmp::Reverse(*queue));
        let expected: Vec<u16> = expected.iter().take(3).map(|(port, ..)| *port).collect();
        assert_eq!(ports(WatchOrder::By(SocketOrder::ReceiveQueue), 3, &many), expected);
    }

    #[test]
    fn sockets_of_a_namespace_that_could_not_be_read_are_not_gone_and_those_of_one_that_is_gone_are() {
        let name = |inode: u64| NamespaceName { inode, name: inode.to_string() };
        let names = [name(7), name(8)];
        let bytes = record(1, 0);
        let found = InetDiag::decode(&bytes).unwrap();
        let mut watch = SocketWatch::default();
        watch.begin(None);
        for name in &names {
            watch.enter(Some(name));
            watch.note(&found);
            watch.leave();
        }
        watch.end(names.iter(), |_, _| unreachable!());
        watch.begin(Some(1));
        let mut gone = Vec::new();
        watch.end(names[..1].iter(), |name, _| gone.extend(name.map(|name| name.inode)));
        assert_eq!((gone, watch.reading().gone), (vec![8], 1));
        assert!(!watch.has_read_all(names[..1].iter()) && watch.has_read_all([name(9)].iter()));
    }

    #[test]
    fn sockets_that_a_walk_lost_are_neither_gone_nor_new() {
        let bytes = record(1, 0);
        let found = InetDiag::decode(&bytes).unwrap();
        let mut watch = SocketWatch::default();
        for (is_seen, is_whole) in [(true, true), (false, false), (true, true)] {
            watch.begin(None);
            watch.enter(None);
            if is_seen {
                assert_eq!(watch.note(&found).what, SocketChange::Same);
            }
            if is_whole {
                watch.leave();
            }
            assert_eq!(watch.has_read_all(core::iter::empty()), is_whole);
            watch.end(core::iter::empty(), |_, _| unreachable!());
            assert_eq!((watch.reading().gone, watch.reading().new), (0, 0));
        }
    }

    #[test]
    fn lines_that_changed_are_painted_and_no_more_are_shown_than_fit() {
        let shown = highlight_rows("State\n+ new\n  same\n- gone\n", 3);
        assert_eq!(shown, "State\n\u{1b}[1m\u{1b}[32m+ new\u{1b}[0m\n  same\n");
    }
}
