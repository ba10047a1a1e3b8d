//! A packet socket that sees what passes an interface, with the kernel's own time stamps.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Receive buffer asked for; a flood passes within one tick.
const RECEIVE_BUFFER: libc::c_int = 32 << 20;
const CONTROL_BYTES: usize = 64;

/// A tap on one interface. Frames come without link header, in the order in which the interface sent and
/// received them.
#[derive(Debug)]
pub struct Tap {
    socket: OwnedFd,
}

/// A packet that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tapped {
    /// When, by the kernel's real-time clock, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// Whether the host sent it (and did not receive it).
    pub outgoing: bool,
    /// How many bytes of the buffer it fills.
    pub length: usize,
}

impl Tap {
    /// Opens a tap on an interface of the calling thread's namespace.
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW` in the namespace.
    #[expect(unsafe_code, reason = "packet sockets, their address and their time stamps are not wrapped by rustix")]
    pub fn open(index: u32) -> io::Result<Self> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // Protocol 0, so that nothing is received before bind(); with a protocol here bind() would first have to
        // unhook the socket and wait for all CPUs, which takes tens of milliseconds.
        // SAFETY: plain system call; the descriptor is owned at once.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_PACKET, kind, 0);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        set_option(&socket, libc::SO_TIMESTAMPNS, 1)?;
        // Beyond rmem_max only for the privileged; the smaller buffer does for everything but floods.
        if set_option(&socket, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER).is_err() {
            set_option(&socket, libc::SO_RCVBUF, RECEIVE_BUFFER)?;
        }
        // SAFETY: sockaddr_ll is made of integers; all zeroes is a value of it.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        address.sll_protocol = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?.to_be();
        address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
        let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
        // SAFETY: the address outlives the call and its length is given.
        let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { socket }) }
    }

    /// Takes the next packet that passed, or nothing when there is none. What does not fit into the buffer is
    /// cut off.
    ///
    /// # Errors
    /// The kernel's answer.
    #[expect(unsafe_code, reason = "recvmsg with a time stamp as control message is not wrapped by rustix")]
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Tapped>> {
        // SAFETY: both structures are made of integers and pointers; all zeroes is a value of them.
        let (mut sender, mut message): (libc::sockaddr_ll, libc::msghdr) = unsafe { std::mem::zeroed() };
        let mut control = [0_u64; CONTROL_BYTES / 8];
        let mut parts = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        message.msg_name = (&raw mut sender).cast();
        message.msg_namelen = libc::socklen_t::try_from(size_of_val(&sender)).map_err(io::Error::other)?;
        message.msg_iov = &raw mut parts;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = CONTROL_BYTES;
        // SAFETY: every pointer in the message leads to a live local of the length that is given with it.
        let length = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut message, 0) };
        if length < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
        }
        let unix_ns = stamp_ns(&message).ok_or_else(|| io::Error::other("a packet came without time stamp"))?;
        let outgoing = sender.sll_pkttype == libc::PACKET_OUTGOING;
        Ok(Some(Tapped { unix_ns, outgoing, length: usize::try_from(length).unwrap_or(0) }))
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The time stamp among the control messages.
#[expect(unsafe_code, reason = "control messages are a list of C structures")]
fn stamp_ns(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: the kernel filled the control buffer that the message points to and set its length; the macros
    // stay within it, and the payload is copied out without regard to its alignment.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_TIMESTAMPNS {
                let stamp: libc::timespec = libc::CMSG_DATA(header).cast::<libc::timespec>().read_unaligned();
                let seconds = u64::try_from(stamp.tv_sec).ok()?;
                return Some(seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(stamp.tv_nsec).ok()?));
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}

#[expect(unsafe_code, reason = "SO_TIMESTAMPNS and SO_RCVBUFFORCE are not wrapped by rustix")]
fn set_option(socket: &OwnedFd, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the value outlives the call and its length is given.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), length) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
