//! Requests for dumps of TCP sockets.

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

use crate::units::TcpState;

/// `TCP_NEW_SYN_RECV` and `TCP_BOUND_INACTIVE` of `include/net/tcp_states.h`. The first are request sockets,
/// the second sockets with a port and no connection (since 6.8, reported as CLOSE).
const NEW_SYN_RECV: u8 = 12;
const BOUND_INACTIVE: u8 = 13;

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

/// Which attributes to ask for; each costs time and bytes for every socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// None: 72 bytes and what the kernel sends unasked.
    None,
    /// `INET_DIAG_SKMEMINFO`, in which the drops of a listener are.
    Memory,
    /// `INET_DIAG_SKMEMINFO` and `INET_DIAG_INFO` (`tcp_info`).
    MemoryAndInfo,
}

/// Builds the bytes of a dump request.
#[must_use]
pub fn build_tcp_dump(family: DumpFamily, states: StateMask, extensions: Extensions, sequence: u32) -> Vec<u8> {
    let (family, socket_id) = match family {
        DumpFamily::Ipv4 => (AF_INET, SocketId::new_v4()),
        DumpFamily::Ipv6 => (AF_INET6, SocketId::new_v6()),
    };
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: match extensions {
            Extensions::None => ExtensionFlags::empty(),
            Extensions::Memory => ExtensionFlags::SKMEMINFO,
            Extensions::MemoryAndInfo => ExtensionFlags::SKMEMINFO | ExtensionFlags::INFO,
        },
        // The crate names the bits up to CLOSING; the two behind it are passed on as they are.
        states: StateFlags::from_bits_retain(states.bits()),
        socket_id,
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(SockDiagMessage::InetRequest(request)));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_kernel_reads_it() {
        let listening = StateMask::of(TcpState::Listen);
        let bytes = build_tcp_dump(DumpFamily::Ipv6, listening, Extensions::Memory, 5);
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
    fn all_states_are_the_kernels_bits_1_to_13() {
        assert_eq!(StateMask::ALL.bits(), 0x3ffe);
        let union = TcpState::ALL.into_iter().map(StateMask::of).fold(StateMask(0), StateMask::and);
        assert_eq!(union, StateMask::ALL);
        assert_eq!(StateMask::of(TcpState::SynRecv).bits(), 1 << 3 | 1 << 12);
        assert_eq!(StateMask::ALL.without(StateMask::of(TcpState::Listen)).bits() & 1 << 10, 0);
    }
}
