//! Socket options that neither the standard library nor `rustix` has.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

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
