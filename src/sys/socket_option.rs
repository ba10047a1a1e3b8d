//! Socket options that neither the standard library nor `rustix` has.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::net::{AddressFamily, SocketType, socket};

/// Sets `TCP_DEFER_ACCEPT` of a listener: a connection is handed over only when data came, and stays a
/// half-open request until then, for `seconds` at least (the kernel rounds up to whole SYN-ACK timeouts).
///
/// # Errors
/// The kernel's answer.
#[expect(unsafe_code, reason = "setsockopt is called directly")]
pub fn set_tcp_defer_accept(socket: impl AsFd, seconds: u16) -> io::Result<()> {
    let value = libc::c_int::from(seconds);
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call, and the pointer and length are those of `value`.
    let result = unsafe {
        libc::setsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, (&raw const value).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A number of the calling thread's network namespace that no other namespace gets before the next boot; its inode is
/// given to another one as soon as it is gone.
///
/// `SO_NETNS_COOKIE` (`sk_getsockopt`, net/core/sock.c) of a socket made for this; nothing before Linux 5.14.
#[must_use]
pub fn netns_cookie() -> Option<u64> {
    let socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None).ok()?;
    read_netns_cookie(socket.as_raw_fd())
}

#[expect(unsafe_code, reason = "getsockopt is called directly")]
fn read_netns_cookie(descriptor: i32) -> Option<u64> {
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).ok()?;
    // SAFETY: the pointers are those of `cookie` and `length`, which outlive the call, and the kernel writes at most
    // `length` bytes.
    let result = unsafe {
        libc::getsockopt(descriptor, libc::SOL_SOCKET, libc::SO_NETNS_COOKIE, (&raw mut cookie).cast(), &raw mut length)
    };
    (result == 0 && usize::try_from(length).ok()? == size_of_val(&cookie)).then_some(cookie)
}
