//! Sockets in an order, which means to keep them: as little of each as can be.

use crate::units::TcpState;
use crate::wire::InetDiag;

/// Bytes of a record, and of its parts: what comes before the addresses, one address, device and cookie, the rest.
const RECORD: usize = 72;
const ADDRESSES: usize = 8;
const BEHIND: usize = 40;
/// Device, and queues and so on; between them is the cookie.
const DEVICE: core::ops::Range<usize> = 40..44;
const COOKIE: core::ops::Range<usize> = 44..52;
const UID: core::ops::Range<usize> = 64..68;

/// What sockets are ordered by; equal ones stay as the kernel gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketOrder {
    /// State, in the kernel's order.
    State,
    /// Receive queue, the longest first. Listeners come last: what they have is connections.
    ReceiveQueue,
    /// Send queue, the longest first, and listeners last.
    SendQueue,
    /// Local address and port.
    Local,
    /// Peer address and port.
    Peer,
    /// Time until the timer fires, the longest first.
    Timer,
}

/// Sockets that are kept to be ordered: an IPv4 socket takes 40 bytes, one of IPv6 64, index included; whole, with
/// cookie, user and attributes, what the kernel sent.
#[derive(Debug)]
pub struct SortedSockets {
    order: SocketOrder,
    limit: usize,
    whole: bool,
    arena: Vec<u8>,
    index: Vec<u32>,
    refused: u64,
    /// Where in the arena the sockets of each place begin, but for the first.
    places: Vec<u32>,
}

impl SortedSockets {
    /// Keeps sockets in this order, and of those only the first `limit`. Attributes, cookies and users are kept only
    /// with `whole`.
    #[must_use]
    pub const fn new(order: SocketOrder, limit: usize, whole: bool) -> Self {
        Self { order, limit, whole, arena: Vec::new(), index: Vec::new(), refused: 0, places: Vec::new() }
    }

    /// The sockets that follow are of the next place.
    pub fn next_place(&mut self) {
        self.places.push(u32::try_from(self.arena.len()).unwrap_or(u32::MAX));
    }

    /// Keeps a socket.
    pub fn push(&mut self, found: &InetDiag<'_>) {
        let Ok(start) = u32::try_from(self.arena.len()) else {
            self.refused += 1;
            return;
        };
        self.index.push(start);
        // That it is of a table stands where cookies do.
        pack(found, self.whole || found.is_of_table(), &mut self.arena);
        if self.limit < usize::MAX / 4 && self.index.len() >= 2 * self.limit + 1024 {
            self.prune();
        }
    }

    /// How many there was no room for: more than 4 GiB are not kept.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Hands on the sockets in order, each with the number of its place.
    pub fn each(mut self, mut visit: impl FnMut(&InetDiag<'_>, usize)) {
        self.sort();
        let mut record = Vec::new();
        for start in self.index.iter().take(self.limit) {
            if unpack(&self.arena, *start, &mut record) {
                let place = self.places.partition_point(|first| first <= start);
                InetDiag::decode(&record).iter().for_each(|found| visit(found, place));
            }
        }
    }

    fn sort(&mut self) {
        let (order, arena) = (self.order, &self.arena);
        // Where it stands tells which of two equal ones came first.
        self.index.sort_unstable_by_key(|start| (key(arena, *start, order), *start));
    }

    /// Forgets all but the first ones.
    fn prune(&mut self) {
        self.sort();
        self.index.truncate(self.limit);
        // Into the order in which they came, so that equal ones stay so.
        self.index.sort_unstable();
        let mut arena = Vec::with_capacity(self.arena.len());
        let mut places = self.places.iter_mut().peekable();
        for start in &mut self.index {
            while let Some(first) = places.next_if(|first| **first <= *start) {
                *first = u32::try_from(arena.len()).unwrap_or(u32::MAX);
            }
            let from = usize::try_from(*start).unwrap_or(usize::MAX);
            let kept = self.arena.get(from..).unwrap_or_default();
            let length = packed_length(kept);
            *start = u32::try_from(arena.len()).unwrap_or(u32::MAX);
            arena.extend_from_slice(kept.get(..length).unwrap_or_default());
        }
        let end = u32::try_from(arena.len()).unwrap_or(u32::MAX);
        places.for_each(|first| *first = end);
        self.arena = arena;
    }
}

/// A kept socket begins with its length in units of 4 bytes and whether it is whole.
fn pack(found: &InetDiag<'_>, whole: bool, arena: &mut Vec<u8>) {
    let (head, attributes) = found.bytes();
    let start = arena.len();
    arena.extend_from_slice(&[0, 0]);
    if whole {
        arena.extend_from_slice(head);
        arena.extend_from_slice(attributes);
    } else {
        let address = if found.is_ipv4() == Some(true) { 4 } else { 16 };
        let parts = [
            0..ADDRESSES,
            ADDRESSES..ADDRESSES + address,
            ADDRESSES + 16..ADDRESSES + 16 + address,
            // Few sockets are bound to a device.
            if found.interface() == 0 { 0..0 } else { DEVICE },
            COOKIE.end..UID.start,
            UID.end..RECORD,
        ];
        for part in parts {
            arena.extend_from_slice(head.get(part).unwrap_or_default());
        }
    }
    let length = u16::try_from(arena.len() - start).unwrap_or(u16::MAX);
    let tag = if whole { length | 0x8000 } else { length };
    arena.iter_mut().skip(start).zip(tag.to_ne_bytes()).for_each(|(place, byte)| *place = byte);
}

/// The length of a kept socket, its tag included.
fn packed_length(kept: &[u8]) -> usize {
    usize::from(tag(kept) & 0x7fff)
}

fn tag(kept: &[u8]) -> u16 {
    kept.first_chunk::<2>().map_or(0, |bytes| u16::from_ne_bytes(*bytes))
}

fn kept(arena: &[u8], start: u32) -> (&[u8], bool) {
    let rest = usize::try_from(start).ok().and_then(|start| arena.get(start..)).unwrap_or_default();
    (rest.get(2..packed_length(rest)).unwrap_or_default(), tag(rest) & 0x8000 != 0)
}

/// Makes a record of what was kept.
fn unpack(arena: &[u8], start: u32, record: &mut Vec<u8>) -> bool {
    let (kept, whole) = kept(arena, start);
    record.clear();
    if whole {
        record.extend_from_slice(kept);
        return true;
    }
    let address = if kept.first() == Some(&2) { 4 } else { 16 };
    let mut rest = kept;
    let has_device = kept.len() > ADDRESSES + 2 * address + 16;
    let device = if has_device { DEVICE.len() } else { 0 };
    let places = [(ADDRESSES, 0), (address, ADDRESSES), (address, ADDRESSES + 16), (device, BEHIND), (12, 52), (4, 68)];
    record.resize(RECORD, 0);
    for (length, place) in places {
        let Some((part, behind)) = rest.split_at_checked(length) else { return false };
        rest = behind;
        record.iter_mut().skip(place).zip(part).for_each(|(place, byte)| *place = *byte);
    }
    true
}

/// What sockets are ordered by, the smaller first.
pub(super) type OrderKey = (u64, u128, u16);

/// The same for a socket that is not kept.
pub(super) fn order_key(found: &InetDiag<'_>, order: SocketOrder) -> OrderKey {
    let mut arena = Vec::with_capacity(RECORD + 2);
    let (head, _) = found.bytes();
    arena.extend_from_slice(&(0x8000 | 74_u16).to_ne_bytes());
    arena.extend_from_slice(head);
    key(&arena, 0, order)
}

/// What a kept socket is ordered by; numbers of which the greatest comes first are turned round.
fn key(arena: &[u8], start: u32, order: SocketOrder) -> OrderKey {
    let (kept, whole) = kept(arena, start);
    let is_ipv4 = kept.first() == Some(&2);
    let stride = if is_ipv4 && !whole { 4 } else { 16 };
    // Expiry, receive queue and send queue follow each other, and with the inode they are the end of what is kept.
    let numbers = if whole { COOKIE.end } else { kept.len().saturating_sub(16) };
    let greatest_first = |at: usize| {
        let number =
            kept.get(at..).and_then(|rest| rest.first_chunk::<4>()).map_or(0, |word| u32::from_ne_bytes(*word));
        (u64::from(u32::MAX - number), 0, 0)
    };
    let is_listener = kept.get(1) == Some(&TcpState::Listen.to_kernel());
    let listeners_last = |(number, _, _): (u64, u128, u16)| (number + (u64::from(is_listener) << 32), 0, 0);
    let end = |port: usize, at: usize| {
        let address = kept.iter().skip(at).take(if is_ipv4 { 4 } else { 16 });
        let bits = address.fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        let port =
            kept.get(port..).and_then(|rest| rest.first_chunk::<2>()).map_or(0, |port| u16::from_be_bytes(*port));
        (u64::from(!is_ipv4), bits, port)
    };
    match order {
        SocketOrder::State => (kept.get(1).copied().map_or(0, u64::from), 0, 0),
        SocketOrder::Timer => greatest_first(numbers),
        SocketOrder::ReceiveQueue => listeners_last(greatest_first(numbers + 4)),
        SocketOrder::SendQueue => listeners_last(greatest_first(numbers + 8)),
        SocketOrder::Local => end(4, ADDRESSES),
        SocketOrder::Peer => end(6, ADDRESSES + stride),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn records()(mut bytes in prop::collection::vec(any::<u8>(), RECORD), ipv4: bool, bound: bool) -> Vec<u8> {
            bytes[0] = if ipv4 { 2 } else { 10 };
            bytes[1] = bytes[1] % 11 + 1;
            bytes[2] %= 5;
            if ipv4 {
                bytes[12..24].fill(0);
                bytes[28..40].fill(0);
            }
            if !bound {
                bytes[DEVICE].fill(0);
            }
            bytes
        }
    }

    fn sorted(records: &[Vec<u8>], order: SocketOrder, limit: usize, whole: bool) -> Vec<Vec<u8>> {
        let mut sockets = SortedSockets::new(order, limit, whole);
        records.iter().for_each(|record| sockets.push(&InetDiag::decode(record).unwrap()));
        let mut seen = Vec::new();
        sockets.each(|found, _| seen.push([found.bytes().0.as_slice(), found.bytes().1].concat()));
        seen
    }

    fn by(order: SocketOrder) -> impl Fn(&Vec<u8>) -> (u64, std::net::IpAddr, u64) {
        move |record| {
            let found = InetDiag::decode(record).unwrap();
            let any = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
            let down = |number: u32| (u64::from(u32::MAX - number), any, 0);
            let last = |record: &[u8]| u64::from(record[1] == 10);
            match order {
                SocketOrder::State => (u64::from(record[1]), any, 0),
                SocketOrder::Timer => down(found.expires_ms()),
                SocketOrder::ReceiveQueue => (last(record), any, u64::from(u32::MAX - found.receive_queue())),
                SocketOrder::SendQueue => (last(record), any, u64::from(u32::MAX - found.send_queue())),
                SocketOrder::Local => (0, found.source(), u64::from(found.source_port())),
                SocketOrder::Peer => (0, found.destination(), u64::from(found.destination_port())),
            }
        }
    }

    const ORDERS: [SocketOrder; 6] = [
        SocketOrder::State,
        SocketOrder::Timer,
        SocketOrder::ReceiveQueue,
        SocketOrder::SendQueue,
        SocketOrder::Local,
        SocketOrder::Peer,
    ];

    proptest! {
        #[test]
        fn sockets_come_back_in_order_and_as_they_were(
            mut records in prop::collection::vec(records(), 0..40),
            order in prop::sample::select(ORDERS.to_vec()),
        ) {
            let whole = sorted(&records, order, usize::MAX, true);
            let packed = sorted(&records, order, usize::MAX, false);
            records.sort_by_key(by(order));
            prop_assert_eq!(&whole, &records);
            for record in &mut records {
                record[COOKIE].fill(0);
                record[UID].fill(0);
            }
            prop_assert_eq!(packed, records);
        }
    }

    #[test]
    fn a_limit_keeps_the_first_ones_and_forgets_the_others_on_the_way() {
        let record = |n: u32| {
            let mut record = vec![0; RECORD];
            record[0] = 2;
            record[1] = 1;
            record[56..60].copy_from_slice(&n.to_ne_bytes());
            record
        };
        let records: Vec<_> = (0..10_000_u32).map(|n| record(n.wrapping_mul(7919) % 10_000)).collect();
        let mut sockets = SortedSockets::new(SocketOrder::ReceiveQueue, 3, false);
        for one in &records {
            sockets.push(&InetDiag::decode(one).unwrap());
            assert!(sockets.index.len() < 1031 && sockets.arena.len() < 40_000);
        }
        let mut seen = Vec::new();
        sockets.each(|found, _| seen.push(found.receive_queue()));
        assert_eq!(seen, [9999, 9998, 9997]);
    }

    #[test]
    fn a_socket_keeps_its_place_however_many_are_forgotten() {
        let record = |n: u32| {
            let mut record = vec![0; RECORD];
            (record[0], record[1]) = (2, 1);
            record[56..60].copy_from_slice(&n.to_ne_bytes());
            record
        };
        for limit in [5, usize::MAX] {
            let mut sockets = SortedSockets::new(SocketOrder::ReceiveQueue, limit, false);
            for place in 0..7_u32 {
                if place > 0 {
                    sockets.next_place();
                }
                // The second has none, and the sixth only small ones.
                let factor = [3, 0, 2, 1, 2, 0, 1][place as usize];
                let count = if place == 1 { 0 } else { 900 };
                (0..count).for_each(|n| sockets.push(&InetDiag::decode(&record(n * factor * 7 + place)).unwrap()));
            }
            sockets.next_place();
            let mut seen = 0;
            sockets.each(|found, place| {
                seen += 1;
                assert_eq!(found.receive_queue() as usize % 7, place);
            });
            assert_eq!(seen, limit.min(5400));
        }
    }

    #[test]
    fn a_socket_takes_no_more_than_64_bytes() {
        for (family, most) in [(2, 40), (10, 64)] {
            let mut record = vec![0; RECORD];
            record[0] = family;
            let mut sockets = SortedSockets::new(SocketOrder::Local, usize::MAX, false);
            sockets.push(&InetDiag::decode(&record).unwrap());
            assert!(sockets.arena.len() + size_of::<u32>() <= most);
        }
    }
}
