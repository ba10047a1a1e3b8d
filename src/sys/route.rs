//! Links and addresses of the calling thread's network namespace, by rtnetlink.
//!
//! Only what the laboratory needs, for devices that it made itself: two message types with an acknowledgement
//! each.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::DumpStep;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

/// Message types and flags of `include/uapi/linux/{netlink,rtnetlink}.h`.
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTNLGRP_IPV6_ROUTE: u32 = 11;
const RTA_DST: u16 = 1;
const RTN_LOCAL: u8 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const IFF_UP: u32 = 1;
const IFLA_MTU: u16 = 4;
const IFLA_TXQLEN: u16 = 13;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
/// Addresses can be used at once, without looking for duplicates.
const IFA_F_NODAD: u32 = 0x02;
const RT_SCOPE_UNIVERSE: u8 = 0;
/// The loopback device is made first in every namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK_INDEX: u32 = 1;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The kernel never puts more than about 32 KiB into one answer of a dump (`netlink_dump`, max_recvmsg_len).
const BUFFER: usize = 32 << 10;
/// How long a dump may take in all.
const DUMP_TIMEOUT: Duration = Duration::from_secs(60);
/// Answers to earlier requests that are passed over before one that was asked for comes.
const STALE_MOST: usize = 64;

/// Sets the loopback device of the calling thread's namespace up.
///
/// # Errors
/// The kernel's answer, `EPERM` without `CAP_NET_ADMIN` in the namespace.
pub fn raise_loopback() -> io::Result<()> {
    RouteSocket::open()?.raise_loopback()
}

/// A socket for requests to the namespace of the thread that opened it.
pub struct RouteSocket {
    socket: Socket,
    sequence: u32,
}

impl RouteSocket {
    /// Opens it.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sets the loopback device up, which gives it 127.0.0.1 and ::1.
    ///
    /// # Errors
    /// The kernel's answer, `EPERM` without `CAP_NET_ADMIN` in the namespace.
    pub fn raise_loopback(&mut self) -> io::Result<()> {
        self.request(RTM_NEWLINK, 0, &link_header(LOOPBACK_INDEX, IFF_UP))
    }

    /// Lets a device that is still down have no link-local address of its own, so that it asks for no router and joins
    /// no group. The kernel takes the device up before it looks at this, so the two are requests of their own.
    ///
    /// # Errors
    /// The kernel's answer, `EAFNOSUPPORT` without IPv6.
    pub fn withhold_link_local(&mut self, index: u32) -> io::Result<()> {
        let (mut mode, mut family, mut body) = (Vec::new(), Vec::new(), link_header(index, 0));
        push_attribute(&mut mode, IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]);
        push_attribute(&mut family, u16::try_from(libc::AF_INET6).map_err(io::Error::other)?, &mode);
        push_attribute(&mut body, IFLA_AF_SPEC, &family);
        self.request(RTM_NEWLINK, 0, &body)
    }

    /// Sets a device up with this MTU and transmit queue length.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn raise_link(&mut self, index: u32, mtu: u32, queue_length: u32) -> io::Result<()> {
        let mut body = link_header(index, IFF_UP);
        push_attribute(&mut body, IFLA_MTU, &mtu.to_ne_bytes());
        push_attribute(&mut body, IFLA_TXQLEN, &queue_length.to_ne_bytes());
        self.request(RTM_NEWLINK, 0, &body)
    }

    /// Gives a device an address, and waits until packets for it are taken.
    ///
    /// # Errors
    /// The kernel's answer; of IPv6 also `EAGAIN` when it is not ready after some seconds.
    pub fn add_address(&mut self, index: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
        let (family, octets) = family_and_octets(address);
        let mut body = vec![family, prefix, 0, RT_SCOPE_UNIVERSE];
        body.extend(index.to_ne_bytes());
        push_attribute(&mut body, IFA_LOCAL, &octets);
        push_attribute(&mut body, IFA_ADDRESS, &octets);
        push_attribute(&mut body, IFA_FLAGS, &IFA_F_NODAD.to_ne_bytes());
        let routes = if address.is_ipv6() { Some(Ipv6Routes::open()?) } else { None };
        self.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body)?;
        routes.map_or(Ok(()), |routes| routes.wait_for_local(&octets))
    }

    /// Sends the request for a dump and hands every answer buffer to `step` until that says that it is done.
    ///
    /// # Errors
    /// The kernel's answer, `EAGAIN` when it is silent for some seconds.
    pub fn dump(&mut self, request: &[u8], step: impl FnMut(&[u8]) -> DumpStep) -> io::Result<()> {
        self.socket.send_to(request, &SocketAddr::new(0, 0), 0)?;
        let mut buffer = Vec::with_capacity(BUFFER);
        follow(Instant::now() + DUMP_TIMEOUT, &mut buffer, |buffer| receive(&self.socket, buffer).map(|_| ()), step)
    }

    /// Sends one request and waits for its acknowledgement.
    fn request(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let length = u32::try_from(16 + body.len()).map_err(io::Error::other)?;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        bytes.extend(self.sequence.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes()); // nlmsg_pid
        bytes.extend(body);
        self.socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
        let mut buffer = Vec::with_capacity(BUFFER);
        for _ in 0..STALE_MOST {
            if let Some(result) = acknowledged(receive(&self.socket, &mut buffer)?, self.sequence) {
                return result;
            }
        }
        Err(io::Error::other("the kernel answers requests that were not made"))
    }
}

/// Hands on answers, of which `next` waits for each, until there are no more or the time is up.
fn follow(
    until: Instant,
    buffer: &mut Vec<u8>,
    mut next: impl FnMut(&mut Vec<u8>) -> io::Result<()>,
    mut step: impl FnMut(&[u8]) -> DumpStep,
) -> io::Result<()> {
    while Instant::now() < until {
        next(buffer)?;
        match step(buffer) {
            DumpStep::More => {}
            DumpStep::Done | DumpStep::Enough => return Ok(()),
            DumpStep::Lost => return Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
            DumpStep::Error(number) => return Err(io::Error::from_raw_os_error(number)),
        }
    }
    Err(io::Error::other(format!("it took longer than {} s", DUMP_TIMEOUT.as_secs())))
}

/// What the kernel says of the request with this number; nothing in an answer to another one, which was given up.
fn acknowledged(answer: &[u8], sequence: u32) -> Option<io::Result<()>> {
    let word = |at: usize| answer.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied();
    let kind = answer.get(4..).and_then(|rest| rest.first_chunk::<2>()).map(|kind| u16::from_ne_bytes(*kind));
    if word(8).is_some_and(|answered| u32::from_ne_bytes(answered) != sequence) {
        return None;
    }
    Some(match (kind, word(16).map(i32::from_ne_bytes)) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        _ => Err(io::Error::other("the kernel's answer to an rtnetlink request cannot be understood")),
    })
}

/// Waits for the next answer. A signal does not end that.
fn receive<'a>(socket: &Socket, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
    loop {
        buffer.clear();
        match socket.recv(buffer, libc::MSG_TRUNC) {
            Ok(length) if length > buffer.len() => {
                return Err(io::Error::other(format!("an answer of {length} bytes did not fit into {BUFFER}")));
            }
            Ok(_) => return Ok(buffer),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Tells of new IPv6 routes.
///
/// The kernel takes packets for an IPv6 address from the moment on at which its local route is there, and leaves making
/// that to a worker (`addrconf_dad_work`), even where duplicates are not looked for: on a busy host, many milliseconds.
struct Ipv6Routes(Socket);

impl Ipv6Routes {
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.add_membership(RTNLGRP_IPV6_ROUTE)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        Ok(Self(socket))
    }

    /// Waits for the route by which packets for this address are taken.
    fn wait_for_local(self, address: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let mut buffer = Vec::with_capacity(BUFFER);
        while Instant::now() < deadline {
            if is_local_route(receive(&self.0, &mut buffer)?, address) {
                return Ok(());
            }
        }
        Err(io::Error::from_raw_os_error(libc::EAGAIN))
    }
}

/// Whether a message says that there is a local route to this IPv6 address: `struct nlmsghdr`, `struct rtmsg`, and
/// attributes.
fn is_local_route(message: &[u8], address: &[u8]) -> bool {
    const ATTRIBUTES: usize = 28;
    let half = |at: usize| {
        let bytes = message.get(at..).and_then(|rest| rest.first_chunk::<2>());
        bytes.map(|bytes| u16::from_ne_bytes(*bytes))
    };
    let is_one = half(4) == Some(RTM_NEWROUTE) && message.get(17) == Some(&128) && message.get(23) == Some(&RTN_LOCAL);
    let mut at = ATTRIBUTES;
    while let (true, Some(length), Some(kind)) = (is_one, half(at), half(at + 2)) {
        let length = usize::from(length);
        if kind == RTA_DST {
            return message.get(at + 4..at + length) == Some(address);
        }
        at += length.max(4).next_multiple_of(4);
    }
    false
}

/// `struct ifinfomsg` that sets a device up (`IFF_UP`), or leaves it as it is (0).
fn link_header(index: u32, up: u32) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0]; // family, padding, type
    body.extend(index.to_ne_bytes());
    body.extend(up.to_ne_bytes()); // ifi_flags
    body.extend(up.to_ne_bytes()); // ifi_change
    body
}

fn family_and_octets(address: IpAddr) -> (u8, Vec<u8>) {
    let (family, octets) = match address {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
    };
    (u8::try_from(family).unwrap_or(0), octets)
}

/// `struct rtattr` with its payload, padded to four bytes.
fn push_attribute(body: &mut Vec<u8>, kind: u16, payload: &[u8]) {
    let length = u16::try_from(4 + payload.len()).unwrap_or(u16::MAX);
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(payload);
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel writes it: `RTM_NEWROUTE` of table `local`, with the table and the destination as attributes.
    fn route(kind: u8, prefix: u8, address: &[u8]) -> Vec<u8> {
        let mut attributes = Vec::new();
        push_attribute(&mut attributes, 15, &255_u32.to_ne_bytes());
        push_attribute(&mut attributes, RTA_DST, address);
        let mut message = Vec::new();
        message.extend((28 + u32::try_from(attributes.len()).unwrap()).to_ne_bytes());
        message.extend(RTM_NEWROUTE.to_ne_bytes());
        message.extend([0; 10]);
        message.extend([10, prefix, 0, 0, 255, 2, 0, kind, 0, 0, 0, 0]);
        message.extend(attributes);
        message
    }

    fn answer(kind: u16, sequence: u32, code: i32) -> Vec<u8> {
        let mut bytes = 36_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 2]);
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(code.to_ne_bytes());
        bytes.resize(36, 0);
        bytes
    }

    /// The end of an answer decides, and so does its number: what an earlier request was answered is not taken for this
    /// one's, what is cut off is no success, and what is of another kind neither.
    #[test]
    fn an_answer_counts_for_the_request_that_it_names_and_as_a_whole() {
        let says = |bytes: &[u8]| {
            acknowledged(bytes, 7).map(|result| result.map_err(|error| error.raw_os_error().unwrap_or(0)))
        };
        assert_eq!(says(&answer(NLMSG_ERROR, 7, 0)), Some(Ok(())));
        assert_eq!(says(&answer(NLMSG_ERROR, 7, -libc::EPERM)), Some(Err(libc::EPERM)));
        assert_eq!(says(&answer(NLMSG_ERROR, 7, i32::MIN)), Some(Err(i32::MAX)));
        assert_eq!((says(&answer(NLMSG_ERROR, 6, 0)), says(&answer(NLMSG_ERROR, 8, -1))), (None, None));
        assert_eq!(says(&answer(RTM_NEWROUTE, 7, 0)), Some(Err(0)));
        for length in 0..20 {
            let cut = says(&answer(NLMSG_ERROR, 7, 0)[..length]);
            assert_eq!(cut, Some(Err(0)), "cut after {length} bytes");
        }
    }

    #[test]
    fn answers_without_an_end_are_given_up_at_their_deadline_and_a_loss_is_no_end() {
        let (mut given, mut buffer) = (0_u64, Vec::new());
        let endless = |buffer: &mut Vec<u8>| {
            *buffer = answer(36, 1, 0);
            Ok(())
        };
        let until = Instant::now() + Duration::from_millis(20);
        let dumped = follow(until, &mut buffer, endless, |bytes| {
            assert_eq!(bytes.len(), 36);
            given += 1;
            DumpStep::More
        });
        assert!(dumped.is_err_and(|error| error.to_string().contains("longer")) && given > 1, "{given}");
        let mut ends = |step: DumpStep| {
            let until = Instant::now() + DUMP_TIMEOUT;
            follow(until, &mut buffer, endless, |_| step).map_err(|error| error.raw_os_error())
        };
        assert_eq!((ends(DumpStep::Done), ends(DumpStep::Lost)), (Ok(()), Err(Some(libc::ENOBUFS))));
        assert_eq!(ends(DumpStep::Error(libc::EOPNOTSUPP)), Err(Some(libc::EOPNOTSUPP)));
        // The kernel falls silent.
        let silent = |_: &mut Vec<u8>| Err(io::Error::from_raw_os_error(libc::EAGAIN));
        let dumped = follow(Instant::now() + DUMP_TIMEOUT, &mut Vec::new(), silent, |_| DumpStep::More);
        assert_eq!(dumped.map_err(|error| error.raw_os_error()), Err(Some(libc::EAGAIN)));
    }

    #[test]
    fn a_local_route_to_an_address_is_told_from_others() {
        let [own, other] = [[1_u8; 16], [2; 16]];
        assert!(is_local_route(&route(RTN_LOCAL, 128, &own), &own));
        for message in [route(RTN_LOCAL, 128, &other), route(1, 128, &own), route(RTN_LOCAL, 64, &own)] {
            assert!(!is_local_route(&message, &own));
        }
        let whole = route(RTN_LOCAL, 128, &own);
        for length in 0..whole.len() {
            assert!(!is_local_route(&whole[..length], &own), "cut after {length} bytes");
        }
    }
}
