//! Socket options by number, since neither the standard library nor `rustix` has all of them.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::net::{AddressFamily, SocketType, socket};

/// `TCP_RTO_MAX_MS` of `include/uapi/linux/tcp.h` (6.15).
const TCP_RTO_MAX_MS: libc::c_int = 44;
/// `TCP_RTO_MIN_US` of `include/uapi/linux/tcp.h`, since 6.15.
const TCP_RTO_MIN_US: libc::c_int = 45;

/// An option that takes an `int`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntOption {
    /// `TCP_SYNCNT`.
    SynCount,
    /// `TCP_USER_TIMEOUT`, milliseconds.
    UserTimeout,
    /// `TCP_LINGER2`, seconds.
    Linger2,
    /// `TCP_DEFER_ACCEPT`, seconds.
    DeferAccept,
    /// `TCP_RTO_MAX_MS`.
    RtoMaxMs,
    /// `TCP_RTO_MIN_US`.
    RtoMinUs,
    /// `TCP_THIN_LINEAR_TIMEOUTS`.
    ThinLinearTimeouts,
    /// `SO_KEEPALIVE`.
    Keepalive,
    /// `TCP_KEEPIDLE`, seconds.
    KeepIdle,
    /// `TCP_KEEPINTVL`, seconds.
    KeepInterval,
    /// `TCP_KEEPCNT`.
    KeepCount,
    /// `SO_RCVBUF`, bytes.
    ReceiveBuffer,
    /// `TCP_NODELAY`.
    NoDelay,
}

impl IntOption {
    const fn level_and_name(self) -> (libc::c_int, libc::c_int) {
        match self {
            Self::SynCount => (libc::IPPROTO_TCP, libc::TCP_SYNCNT),
            Self::UserTimeout => (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
            Self::Linger2 => (libc::IPPROTO_TCP, libc::TCP_LINGER2),
            Self::DeferAccept => (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT),
            Self::RtoMaxMs => (libc::IPPROTO_TCP, TCP_RTO_MAX_MS),
            Self::RtoMinUs => (libc::IPPROTO_TCP, TCP_RTO_MIN_US),
            Self::ThinLinearTimeouts => (libc::IPPROTO_TCP, libc::TCP_THIN_LINEAR_TIMEOUTS),
            Self::Keepalive => (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
            Self::KeepIdle => (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE),
            Self::KeepInterval => (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL),
            Self::KeepCount => (libc::IPPROTO_TCP, libc::TCP_KEEPCNT),
            Self::ReceiveBuffer => (libc::SOL_SOCKET, libc::SO_RCVBUF),
            Self::NoDelay => (libc::IPPROTO_TCP, libc::TCP_NODELAY),
        }
    }
}

/// Sets an option.
///
/// # Errors
/// The kernel's answer, `EINVAL` outside its range.
#[expect(unsafe_code, reason = "setsockopt is called directly")]
pub fn set_int_option(socket: impl AsFd, option: IntOption, value: i32) -> io::Result<()> {
    let (level, name) = option.level_and_name();
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call, and the pointer and length are those of `value`.
    let result = unsafe { libc::setsockopt(descriptor, level, name, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A number of the calling thread's network namespace that no other namespace gets before the next boot; its inode is
/// given to another one as soon as it is gone.
///
/// `SO_NETNS_COOKIE` (`sk_getsockopt`, net/core/sock.c) of a socket made for this; nothing before Linux 5.14.
#[must_use]
pub fn netns_cookie() -> Option<u64> {
    // Who serves metrics may make no socket but those of netlink.
    let plain = socket(AddressFamily::UNIX, SocketType::DGRAM, None);
    let socket = plain.or_else(|_| socket(AddressFamily::NETLINK, SocketType::RAW, None)).ok()?;
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
