//! Raising the loopback device of a fresh namespace.

use std::io;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

/// `RTM_NEWLINK` of `include/uapi/linux/rtnetlink.h`.
const RTM_NEWLINK: u16 = 16;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST_WITH_ACK: u16 = 1 | 4;
/// `NLMSG_ERROR`, which also carries acknowledgements.
const NLMSG_ERROR: u16 = 2;
/// `IFF_UP`.
const UP: u32 = 1;
/// The loopback device is made first in every namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK_INDEX: i32 = 1;

/// Sets the loopback device of the calling thread's namespace up, which gives it 127.0.0.1 and ::1.
///
/// # Errors
/// The kernel's answer, `EPERM` without `CAP_NET_ADMIN` in the namespace.
pub fn raise_loopback() -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(5)))?;
    socket.send_to(&request(), &SocketAddr::new(0, 0), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let kind = answer.get(4..).and_then(|rest| rest.first_chunk::<2>()).map(|kind| u16::from_ne_bytes(*kind));
    let code = answer.get(16..).and_then(|rest| rest.first_chunk::<4>()).map(|code| i32::from_ne_bytes(*code));
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        _ => Err(io::Error::other("the kernel's answer to RTM_NEWLINK cannot be understood")),
    }
}

/// `struct nlmsghdr` and `struct ifinfomsg`.
fn request() -> Vec<u8> {
    let mut bytes = 32_u32.to_ne_bytes().to_vec(); // nlmsg_len
    bytes.extend(RTM_NEWLINK.to_ne_bytes());
    bytes.extend(REQUEST_WITH_ACK.to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes()); // nlmsg_seq
    bytes.extend(0_u32.to_ne_bytes()); // nlmsg_pid
    bytes.extend([0, 0, 0, 0]); // family, padding, type
    bytes.extend(LOOPBACK_INDEX.to_ne_bytes());
    bytes.extend(UP.to_ne_bytes()); // ifi_flags
    bytes.extend(UP.to_ne_bytes()); // ifi_change
    bytes
}
