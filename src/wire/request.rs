//! Requests for dumps of TCP sockets.

use std::net::{IpAddr, SocketAddr};

use netlink_packet_core::{Emitable, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader};
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, INET_DIAG_CONG, INET_DIAG_INFO, INET_DIAG_SKMEMINFO, INET_DIAG_TCLASS, INET_DIAG_TOS,
    IPPROTO_TCP, SOCK_DIAG_BY_FAMILY,
};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

use crate::units::TcpState;

/// `TCP_NEW_SYN_RECV` and `TCP_BOUND_INACTIVE` of `include/net/tcp_states.h`. The first are request sockets,
/// the second sockets with a port and no connection (since 6.8, reported as CLOSE).
const NEW_SYN_RECV: u8 = 12;
const BOUND_INACTIVE: u8 = 13;
/// The older request for a dump (include/uapi/linux/inet_diag.h), which the crate does not know.
const TCPDIAG_GETSOCK: u16 = 18;
/// `INET_DIAG_REQ_BYTECODE`.
const INET_DIAG_REQ_BYTECODE: u16 = 1;
/// Twice `INET_DIAG_NOCOOKIE`: whichever socket it is.
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// Bytes of `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;
/// Where `idiag_states` and `id` begin in `struct inet_diag_req_v2`.
const REQUEST_STATES: usize = 4;
const REQUEST_ID: usize = 8;

/// Which sockets: a dump answers for one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFamily {
    /// `AF_INET`.
    Ipv4,
    /// `AF_INET6`, IPv4-mapped ones included.
    Ipv6,
}

/// Which states to report; the kernel skips the others cheaply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateMask(u32);

impl StateMask {
    /// Every state of every kernel; older kernels ignore bits they do not know.
    pub const ALL: Self = Self((1 << (BOUND_INACTIVE + 1)) - 2);

    /// One state. SYN_RECV includes request sockets, CLOSE includes bound sockets without a connection.
    #[must_use]
    pub const fn of(state: TcpState) -> Self {
        let bit = 1 << state.to_kernel();
        Self(match state {
            TcpState::SynRecv => bit | 1 << NEW_SYN_RECV,
            TcpState::Close => bit | 1 << BOUND_INACTIVE,
            _ => bit,
        })
    }

    /// Everything but these.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits as the kernel takes them (`idiag_states`).
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// Which attributes to ask for; each costs time and bytes for every socket. Some come unasked: `INET_DIAG_SHUTDOWN`,
/// and to who may administer the network the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions(u8);

impl Extensions {
    /// None: 72 bytes and what the kernel sends unasked.
    pub const NONE: Self = Self(0);
    /// `INET_DIAG_INFO` (`tcp_info`).
    pub const INFO: Self = Self::bit(INET_DIAG_INFO);
    /// `INET_DIAG_CONG`, the name of the congestion control.
    pub const CONGESTION: Self = Self::bit(INET_DIAG_CONG);
    /// `INET_DIAG_TOS`, the type of service of IPv4.
    pub const TOS: Self = Self::bit(INET_DIAG_TOS);
    /// `INET_DIAG_TCLASS`, the traffic class of IPv6; brings `INET_DIAG_CLASS_ID` as well.
    pub const TRAFFIC_CLASS: Self = Self::bit(INET_DIAG_TCLASS);
    /// `INET_DIAG_SKMEMINFO`, in which the drops of a listener are.
    pub const MEMORY: Self = Self::bit(INET_DIAG_SKMEMINFO);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bit of an attribute in `idiag_ext`.
    const fn bit(attribute: u16) -> Self {
        Self(1 << (attribute - 1))
    }
}

/// What a dump is asked for. The kernel applies all of it, which costs little more than the walk itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpRequest<'a> {
    /// States to report.
    pub states: StateMask,
    /// Attributes to send.
    pub extensions: Extensions,
    /// Only this local port; 0 for all.
    pub source_port: u16,
    /// Only this remote port, which no listener has; 0 for all.
    pub destination_port: u16,
    /// A filter of `struct inet_diag_bc_op`; empty for none. The kernel checks it before it runs it (`EINVAL`).
    pub bytecode: &'a [u8],
}

impl<'a> DumpRequest<'a> {
    /// Every socket in these states, without attributes.
    #[must_use]
    pub const fn of(states: StateMask) -> Self {
        Self { states, extensions: Extensions::NONE, source_port: 0, destination_port: 0, bytecode: &[] }
    }

    /// The same with these attributes.
    #[must_use]
    pub const fn with(self, extensions: Extensions) -> Self {
        Self { extensions, ..self }
    }

    /// The bytes of a `SOCK_DIAG_BY_FAMILY` request (`struct inet_diag_req_v2`), which answers for one family.
    #[must_use]
    pub fn for_family(&self, family: DumpFamily, sequence: u32) -> Vec<u8> {
        self.message(SOCK_DIAG_BY_FAMILY, &self.body(family), sequence)
    }

    /// The bytes of the older `TCPDIAG_GETSOCK` request (`struct inet_diag_req`), which answers for both families in
    /// one walk: `inet_diag_dump_compat` (net/ipv4/inet_diag.c) takes no family. Its answers carry its number.
    #[must_use]
    pub fn for_both(&self, sequence: u32) -> Vec<u8> {
        let newer = self.body(DumpFamily::Ipv4);
        let states = newer.get(REQUEST_STATES..REQUEST_ID).unwrap_or_default();
        let id = newer.get(REQUEST_ID..).unwrap_or_default();
        // The family and two lengths of prefixes, which nobody reads; at the end the tables, likewise.
        let body = [&[AF_INET, 0, 0, self.extensions.0], id, states, &[0; 4]].concat();
        self.message(TCPDIAG_GETSOCK, &body, sequence)
    }

    /// `struct inet_diag_req_v2`, as the crate writes it.
    fn body(&self, family: DumpFamily) -> Vec<u8> {
        let (family, socket_id) = match family {
            DumpFamily::Ipv4 => (AF_INET, SocketId::new_v4()),
            DumpFamily::Ipv6 => (AF_INET6, SocketId::new_v6()),
        };
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::from_bits_retain(self.extensions.0),
            // The crate names the bits up to CLOSING; the two behind it are passed on as they are.
            states: StateFlags::from_bits_retain(self.states.bits()),
            socket_id: SocketId { source_port: self.source_port, destination_port: self.destination_port, ..socket_id },
        };
        let mut body = vec![0; request.buffer_len()];
        request.emit(&mut body);
        body
    }

    /// The body behind its header, and the filter behind that.
    fn message(&self, kind: u16, body: &[u8], sequence: u32) -> Vec<u8> {
        let mut body = body.to_vec();
        if !self.bytecode.is_empty() {
            let length = ATTRIBUTE_HEADER + self.bytecode.len();
            body.extend(u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes());
            body.extend(INET_DIAG_REQ_BYTECODE.to_ne_bytes());
            body.extend(self.bytecode);
        }
        request_bytes(kind, NLM_F_REQUEST | NLM_F_DUMP, &body, sequence)
    }
}

/// A question about one socket that a dump has shown, which costs no walk (`inet_diag_dump_one_icsk`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketQuestion {
    family: u8,
    /// `struct inet_diag_sockid`, the cookie included: another socket with the same ends is not meant.
    id: [u8; SocketQuestion::ID_LENGTH],
}

impl SocketQuestion {
    /// Bytes of `struct inet_diag_sockid`.
    pub(super) const ID_LENGTH: usize = 48;

    /// About the socket of this family and identity.
    pub(super) const fn new(family: u8, id: [u8; Self::ID_LENGTH]) -> Self {
        Self { family, id }
    }

    /// About whichever socket has these ends, without a cookie. Where there is none but a listener on the local port, the
    /// kernel answers with that.
    #[must_use]
    pub fn of_ends(local: SocketAddr, peer: SocketAddr) -> Self {
        let mut id = [0; Self::ID_LENGTH];
        let bytes = |address: IpAddr| match address {
            IpAddr::V4(address) => [address.octets().as_slice(), &[0; 12]].concat(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let parts = [
            local.port().to_be_bytes().to_vec(),
            peer.port().to_be_bytes().to_vec(),
            bytes(local.ip()),
            bytes(peer.ip()),
            vec![0; 4],
            NO_COOKIE.to_vec(),
        ]
        .concat();
        id.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        Self::new(if local.is_ipv4() { AF_INET } else { AF_INET6 }, id)
    }

    /// The bytes of the request. The answer is one record or an error, and no end of a dump follows it.
    #[must_use]
    pub fn message(&self, extensions: Extensions, sequence: u32) -> Vec<u8> {
        let body = [&[self.family, IPPROTO_TCP, extensions.0, 0], [0; 4].as_slice(), &self.id].concat();
        request_bytes(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, &body, sequence)
    }
}

/// A header of this kind and a body.
fn request_bytes(kind: u16, flags: u16, body: &[u8], sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.length = u32::try_from(header.buffer_len() + body.len()).unwrap_or(u32::MAX);
    header.message_type = kind;
    header.flags = flags;
    header.sequence_number = sequence;
    let mut bytes = vec![0; header.buffer_len()];
    header.emit(&mut bytes);
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_kernel_reads_it() {
        let listening = StateMask::of(TcpState::Listen);
        let bytes = DumpRequest::of(listening).with(Extensions::MEMORY).for_family(DumpFamily::Ipv6, 5);
        let mut expected = 72_u32.to_ne_bytes().to_vec(); // nlmsg_len
        expected.extend(20_u16.to_ne_bytes()); // SOCK_DIAG_BY_FAMILY
        expected.extend(0x301_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_DUMP
        expected.extend(5_u32.to_ne_bytes()); // nlmsg_seq
        expected.extend(0_u32.to_ne_bytes()); // nlmsg_pid
        expected.extend([10, 6, 1 << 6, 0]); // AF_INET6, IPPROTO_TCP, INET_DIAG_SKMEMINFO, padding
        expected.extend((1_u32 << 10).to_ne_bytes()); // TCPF_LISTEN
        expected.extend([0; 48]); // any socket
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_request_for_both_families_is_the_older_one_with_its_filters() {
        let asked = DumpRequest {
            extensions: Extensions::INFO.and(Extensions::CONGESTION),
            source_port: 443,
            destination_port: 0x1234,
            bytecode: &[9; 12],
            ..DumpRequest::of(StateMask::of(TcpState::Estab))
        };
        let mut expected = 92_u32.to_ne_bytes().to_vec(); // nlmsg_len
        expected.extend(18_u16.to_ne_bytes()); // TCPDIAG_GETSOCK
        expected.extend(0x301_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_DUMP
        expected.extend(7_u32.to_ne_bytes()); // nlmsg_seq
        expected.extend(0_u32.to_ne_bytes()); // nlmsg_pid
        expected.extend([2, 0, 0, 1 << 1 | 1 << 3]); // AF_INET, prefixes, INET_DIAG_INFO and CONG
        expected.extend(443_u16.to_be_bytes()); // source port
        expected.extend([0x12, 0x34]); // destination port
        expected.extend([0; 44]); // addresses, interface, cookie
        expected.extend((1_u32 << 1).to_ne_bytes()); // TCPF_ESTABLISHED
        expected.extend([0; 4]); // tables
        expected.extend(16_u16.to_ne_bytes()); // nla_len
        expected.extend(1_u16.to_ne_bytes()); // INET_DIAG_REQ_BYTECODE
        expected.extend([9; 12]);
        assert_eq!(asked.for_both(7), expected);
    }

    #[test]
    fn a_question_about_two_ends_has_them_where_the_kernel_looks_and_no_cookie() {
        let ends = |local: &str, peer: &str| SocketQuestion::of_ends(local.parse().unwrap(), peer.parse().unwrap());
        let four = ends("10.0.0.1:443", "10.0.0.2:50000");
        assert_eq!(four.family, 2);
        let expected = [&[1, 187, 195, 80, 10, 0, 0, 1], [0; 12].as_slice(), &[10, 0, 0, 2], &[0; 16], &[0xff; 8]];
        assert_eq!(four.id.as_slice(), expected.concat());
        let six = ends("[::1]:1", "[2001:db8::2]:2");
        assert_eq!((six.family, six.id[19], six.id[20], six.id[35]), (10, 1, 0x20, 2));
    }

    #[test]
    fn all_states_are_the_kernels_bits_1_to_13() {
        assert_eq!(StateMask::ALL.bits(), 0x3ffe);
        let union = TcpState::ALL.into_iter().map(StateMask::of).fold(StateMask(0), StateMask::and);
        assert_eq!(union, StateMask::ALL);
        assert_eq!(StateMask::of(TcpState::SynRecv).bits(), 1 << 3 | 1 << 12);
        assert_eq!(StateMask::ALL.without(StateMask::of(TcpState::Listen)).bits() & 1 << 10, 0);
    }
}
