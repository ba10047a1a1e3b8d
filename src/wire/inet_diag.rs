//! `struct inet_diag_msg` and its attributes, read in place.
//!
//! The fields are those of `include/uapi/linux/inet_diag.h`, filled by `inet_sk_diag_fill`,
//! `inet_twsk_diag_fill` and `inet_req_diag_fill` (net/ipv4/inet_diag.c).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::request::SocketQuestion;
pub use crate::units::SocketTimer;
use crate::units::TcpState;

/// Where `id` begins in `struct inet_diag_msg`.
const IDENTITY: usize = 4;
/// Bytes of `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;
/// Upper bits of an attribute's type are flags (`NLA_TYPE_MASK`).
const ATTRIBUTE_TYPE_MASK: u16 = 0x3fff;

const LENGTH: usize = InetDiag::LENGTH;
const AF_INET: u8 = InetDiag::AF_INET;
const AF_INET6: u8 = InetDiag::AF_INET6;

/// One socket of a dump, in the receive buffer.
#[derive(Clone, Copy, Debug)]
pub struct InetDiag<'a> {
    head: &'a [u8; LENGTH],
    attributes: &'a [u8],
}

impl InetDiag<'_> {
    /// Bytes of `struct inet_diag_msg`.
    pub(super) const LENGTH: usize = 72;
    /// `AF_INET` and `AF_INET6` of Linux.
    pub(super) const AF_INET: u8 = 2;
    pub(super) const AF_INET6: u8 = 10;
    /// `INET_DIAG_NOCOOKIE`, which no socket has: the kernel counts its cookies from 1.
    pub(super) const NO_COOKIE: u64 = u64::MAX;

    /// Whether it was made of a row of `/proc/net/tcp`, which tells neither cookie nor device nor a listener's backlog.
    #[must_use]
    pub fn is_of_table(&self) -> bool {
        self.cookie() == Self::NO_COOKIE
    }
}

impl<'a> InetDiag<'a> {
    /// Takes the payload of a message; nothing when it is shorter than the record.
    #[must_use]
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let (head, attributes) = payload.split_first_chunk::<LENGTH>()?;
        Some(Self { head, attributes })
    }

    /// The record itself and the bytes of the attributes behind it, for who wants to keep them.
    #[must_use]
    pub const fn bytes(&self) -> (&'a [u8; LENGTH], &'a [u8]) {
        (self.head, self.attributes)
    }

    /// Whether the socket is an IPv4 one; nothing for a family that is neither IPv4 nor IPv6.
    #[must_use]
    pub const fn is_ipv4(&self) -> Option<bool> {
        match self.head[0] {
            AF_INET => Some(true),
            AF_INET6 => Some(false),
            _ => None,
        }
    }

    /// A question about this very socket.
    #[must_use]
    pub fn question(&self) -> SocketQuestion {
        let mut id = [0; SocketQuestion::ID_LENGTH];
        let source = self.head.iter().skip(IDENTITY);
        id.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
        SocketQuestion::new(self.head[0], id)
    }

    /// The state; nothing for a number that is not known.
    #[must_use]
    pub const fn state(&self) -> Option<TcpState> {
        TcpState::from_kernel(self.head[1])
    }

    /// The timer that is running.
    #[must_use]
    pub const fn timer(&self) -> SocketTimer {
        match self.head[2] {
            0 => SocketTimer::Off,
            1 => SocketTimer::Retransmit,
            2 => SocketTimer::Keepalive,
            3 => SocketTimer::TimeWait,
            4 => SocketTimer::Probe,
            other => SocketTimer::Other(other),
        }
    }

    /// Retransmissions or probes so far, whichever the timer counts.
    #[must_use]
    pub const fn retransmits(&self) -> u8 {
        self.head[3]
    }

    /// Local port.
    #[must_use]
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.head[4], self.head[5]])
    }

    /// Remote port, 0 for a listener.
    #[must_use]
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.head[6], self.head[7]])
    }

    /// Local address; IPv4-mapped IPv6 addresses stay as they are. Unspecified for an unknown family.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        self.address(8)
    }

    /// Remote address, likewise.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        self.address(24)
    }

    /// Index of the interface it is bound to, 0 for none.
    #[must_use]
    pub const fn interface(&self) -> u32 {
        self.word(40)
    }

    /// The kernel's id for this socket, stable for its life.
    #[must_use]
    pub fn cookie(&self) -> u64 {
        u64::from(self.word(44)) | u64::from(self.word(48)) << 32
    }

    /// Milliseconds until the timer nominally expires.
    #[must_use]
    pub const fn expires_ms(&self) -> u32 {
        self.word(52)
    }

    /// Unread bytes; for a listener the connections that wait for accept().
    #[must_use]
    pub const fn receive_queue(&self) -> u32 {
        self.word(56)
    }

    /// Unsent and unacknowledged bytes; for a listener its backlog after `min` with somaxconn.
    #[must_use]
    pub const fn send_queue(&self) -> u32 {
        self.word(60)
    }

    /// User id of the owner; 0 for TIME_WAIT and SYN_RECV.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.word(64)
    }

    /// Inode; 0 for TIME_WAIT, SYN_RECV and orphans.
    #[must_use]
    pub const fn inode(&self) -> u32 {
        self.word(68)
    }

    /// The attributes behind the record.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.attributes)
    }

    const fn word(&self, at: usize) -> u32 {
        let Some((_, tail)) = self.head.split_at_checked(at) else { return 0 };
        match tail.first_chunk::<4>() {
            Some(bytes) => u32::from_ne_bytes(*bytes),
            None => 0,
        }
    }

    fn address(&self, at: usize) -> IpAddr {
        let tail = self.head.get(at..).unwrap_or_default();
        match (self.head[0], tail.first_chunk::<16>()) {
            (AF_INET6, Some(bytes)) => IpAddr::V6(Ipv6Addr::from(*bytes)),
            (_, Some([a, b, c, d, ..])) => IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d)),
            (_, None) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// One netlink attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number, without flag bits.
    pub number: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// Walks attributes; ends at the end or at a length that cannot be right.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// The attributes in these bytes, which may be the value of another one.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let buffer = core::mem::take(&mut self.rest);
        let (header, _) = buffer.split_first_chunk::<ATTRIBUTE_HEADER>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let value = buffer.get(ATTRIBUTE_HEADER..length)?;
        self.rest = buffer.get(length.next_multiple_of(4)..).unwrap_or_default();
        let number = u16::from_ne_bytes([header[2], header[3]]) & ATTRIBUTE_TYPE_MASK;
        Some(Attribute { number, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A listener on [::]:443 with backlog 511 and 3 drops, as Linux 6.18 sends it (little-endian words are
    /// written in native order so that the test holds on every machine).
    fn listener() -> Vec<u8> {
        let mut bytes = vec![AF_INET6, 10, 0, 0]; // family, LISTEN, no timer, no retransmissions
        bytes.extend(443_u16.to_be_bytes()); // source port
        bytes.extend(0_u16.to_be_bytes()); // destination port
        bytes.extend([0; 32]); // both addresses
        bytes.extend(4_u32.to_ne_bytes()); // interface
        bytes.extend(0x1002_u32.to_ne_bytes()); // cookie, low word
        bytes.extend(1_u32.to_ne_bytes()); // cookie, high word
        bytes.extend(0_u32.to_ne_bytes()); // expires
        bytes.extend(12_u32.to_ne_bytes()); // accept queue
        bytes.extend(511_u32.to_ne_bytes()); // backlog
        bytes.extend(33_u32.to_ne_bytes()); // uid
        bytes.extend(987_654_u32.to_ne_bytes()); // inode
        bytes.extend(attribute(8, &[0])); // INET_DIAG_SHUTDOWN
        bytes.extend(attribute(11, &[1])); // INET_DIAG_SKV6ONLY
        bytes.extend(attribute(999, &[5; 7])); // one that nobody knows
        let meminfo: Vec<u8> = (0..9_u32).flat_map(|at| if at == 8 { 3 } else { at + 100 }.to_ne_bytes()).collect();
        bytes.extend(attribute(7, &meminfo)); // INET_DIAG_SKMEMINFO
        bytes
    }

    fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_listener_is_read_field_by_field() {
        let bytes = listener();
        let socket = InetDiag::decode(&bytes).unwrap();
        assert_eq!(socket.is_ipv4(), Some(false));
        assert_eq!(socket.state(), Some(TcpState::Listen));
        assert_eq!(socket.timer(), SocketTimer::Off);
        assert_eq!((socket.source_port(), socket.destination_port()), (443, 0));
        assert_eq!(socket.source(), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        assert_eq!(socket.interface(), 4);
        assert_eq!(socket.cookie(), 0x1_0000_1002);
        assert_eq!((socket.receive_queue(), socket.send_queue()), (12, 511));
        assert_eq!((socket.uid(), socket.inode(), socket.expires_ms()), (33, 987_654, 0));
        let facts = socket.facts();
        assert_eq!((facts.shutdown, facts.v6_only), (Some(0), Some(true)));
        assert_eq!(facts.memory.and_then(|memory| memory.drops()), Some(3));
    }

    #[test]
    fn a_time_wait_minisock_keeps_its_remaining_time_and_its_ipv4_addresses() {
        let mut bytes = vec![AF_INET, 6, 3, 0];
        bytes.extend(40_000_u16.to_be_bytes());
        bytes.extend(5432_u16.to_be_bytes());
        bytes.extend([10, 0, 0, 7]);
        bytes.extend([0; 12]);
        bytes.extend([10, 0, 3, 9]);
        bytes.extend([0; 12]);
        bytes.extend([0; 12]);
        bytes.extend(59_000_u32.to_ne_bytes());
        bytes.extend([0; 16]);
        let socket = InetDiag::decode(&bytes).unwrap();
        assert_eq!(socket.source().to_string(), "10.0.0.7");
        assert_eq!(socket.destination().to_string(), "10.0.3.9");
        assert_eq!((socket.timer(), socket.expires_ms()), (SocketTimer::TimeWait, 59_000));
        assert_eq!(socket.facts(), crate::wire::SocketFacts::default());
    }

    #[test]
    fn a_record_cut_anywhere_loses_only_what_was_cut() {
        let bytes = listener();
        for length in 0..bytes.len() {
            let decoded = InetDiag::decode(&bytes[..length]);
            assert_eq!(decoded.is_some(), length >= LENGTH, "cut at {length}");
            if let Some(socket) = decoded {
                assert_eq!(socket.inode(), 987_654);
                assert_eq!(socket.facts().memory, None, "cut at {length}");
            }
        }
    }

    #[test]
    fn an_unknown_state_or_family_is_nothing_and_not_a_guess() {
        let mut bytes = listener();
        bytes[0] = 1;
        bytes[1] = 77;
        let socket = InetDiag::decode(&bytes).unwrap();
        assert_eq!((socket.is_ipv4(), socket.state()), (None, None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic_or_run_for_ever(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(socket) = InetDiag::decode(&bytes) {
                let _ = (socket.source(), socket.destination(), socket.cookie(), socket.facts());
                prop_assert!(socket.attributes().count() <= bytes.len() / ATTRIBUTE_HEADER);
            }
        }
    }
}
