//! TCP sockets of the laboratory: made in the calling thread's network namespace, watched from anywhere.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, accept_with, bind, connect, listen, recv,
    send, shutdown, socket_with, sockopt,
};

/// A socket that connects or is connected.
#[derive(Debug)]
pub struct Stream {
    socket: OwnedFd,
}

impl Stream {
    /// Makes a socket that is not connected yet.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn new(v6: bool) -> io::Result<Self> {
        let family = if v6 { AddressFamily::INET6 } else { AddressFamily::INET };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// Takes a connection that waits in a listener's accept queue, or nothing when none does.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn accept(listener: &TcpListener) -> io::Result<Option<Self>> {
        match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(socket) => Ok(Some(Self { socket })),
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of `struct tcp_info` (`TCP_INFO`), as many as this kernel has.
    ///
    /// # Errors
    /// The kernel's answer.
    #[expect(unsafe_code, reason = "TCP_INFO is not wrapped by rustix")]
    pub fn tcp_info(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0_u8; 512];
        let mut length = libc::socklen_t::try_from(bytes.len()).map_err(io::Error::other)?;
        let descriptor = self.socket.as_raw_fd();
        // SAFETY: the buffer is live for the call, and its length is given and updated.
        let result = unsafe {
            libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, bytes.as_mut_ptr().cast(), &raw mut length)
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        bytes.truncate(usize::try_from(length).unwrap_or(0));
        Ok(bytes)
    }

    /// Takes a local address and port, which others may have had before (`SO_REUSEADDR`).
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn bind_to(&self, address: SocketAddr) -> io::Result<()> {
        sockopt::set_socket_reuseaddr(&self.socket, true)?;
        Ok(bind(&self.socket, &address)?)
    }

    /// What is true of it now. Nothing is taken from it: neither a pending error nor a soft one, as `SO_ERROR` would.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn readiness(&self) -> io::Result<Readiness> {
        let mut polled = [PollFd::new(&self.socket, PollFlags::OUT)];
        poll(&mut polled, Some(&Timespec::default()))?;
        let [polled] = polled;
        let has = |flag| polled.revents().contains(flag);
        Ok(Readiness { writable: has(PollFlags::OUT), failed: has(PollFlags::ERR), hung_up: has(PollFlags::HUP) })
    }

    /// Begins a connect() and does not wait for it.
    ///
    /// # Errors
    /// The kernel's answer, when the attempt ended at once.
    pub fn start_connect(&self, target: SocketAddr) -> io::Result<()> {
        match connect(&self.socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends bytes without waiting; says how many the kernel took, 0 when it has no room.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(taken) => Ok(taken),
            Err(Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the peer has closed and everything before that was read; what can be read is read and dropped.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn drain(&self) -> io::Result<bool> {
        let mut buffer = [0_u8; 4096];
        loop {
            match recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty()) {
                Ok((_, 0)) => return Ok(true),
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Closes the sending half; the socket stays.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(shutdown(&self.socket, Shutdown::Write)?)
    }

    /// Closes with a RST instead of a FIN.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn reset(self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))?)
    }

    /// The error that is pending on the socket (`SO_ERROR`), which is thereby taken; nothing for success.
    ///
    /// # Errors
    /// When even that cannot be asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(sockopt::socket_error(&self.socket)?.err().map(io::Error::from))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Listens with this backlog.
///
/// # Errors
/// The kernel's answer.
pub fn listen_on(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // The standard library chooses a backlog of its own; a second listen() replaces it.
    listen(&listener, backlog)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Gives a listener another backlog by a second listen(); what waits in its queue stays there.
///
/// # Errors
/// The kernel's answer.
pub fn set_backlog(listener: &TcpListener, backlog: i32) -> io::Result<()> {
    Ok(listen(listener, backlog)?)
}

/// What is true of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// It takes data, or a connect() has ended.
    pub writable: bool,
    /// An error is pending.
    pub failed: bool,
    /// Both directions are closed.
    pub hung_up: bool,
}

/// What to wait for on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something can be read.
    Readable,
    /// Something can be written, or a connect() has ended.
    Writable,
    /// It has failed or hung up.
    Failure,
}

/// Waits until something of it is true, or the time is over. Says of which, in their order.
///
/// # Errors
/// The kernel's answer.
pub fn wait_ready(watched: &[(BorrowedFd<'_>, Interest)], most: Duration) -> io::Result<Vec<bool>> {
    let flags = |interest| match interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
        Interest::Failure => PollFlags::empty(),
    };
    let mut polled: Vec<PollFd<'_>> =
        watched.iter().map(|(fd, interest)| PollFd::from_borrowed_fd(*fd, flags(*interest))).collect();
    let timeout = Timespec::try_from(most).map_err(io::Error::other)?;
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(error) => Err(error.into()),
    }
}
