//! TCP sockets of the laboratory: made in the calling thread's network namespace, watched from anywhere.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, listen, socket_with, sockopt};

/// A socket that connects or is connected.
#[derive(Debug)]
pub struct Stream {
    socket: OwnedFd,
}

impl Stream {
    /// Begins a connect() and does not wait for it.
    ///
    /// # Errors
    /// The kernel's answer, when the attempt ended at once.
    pub fn start_connect(target: SocketAddr) -> io::Result<Self> {
        let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
        match connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Self { socket }),
            Err(error) => Err(error.into()),
        }
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
    Ok(listener)
}

/// Waits until one of the descriptors can be read, `writable` can be written or has failed, or the time is over.
/// Says whether `writable` is ready.
///
/// # Errors
/// The kernel's answer.
pub fn wait_ready(readable: &[BorrowedFd<'_>], writable: Option<BorrowedFd<'_>>, most: Duration) -> io::Result<bool> {
    let first = writable.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::OUT));
    let others = readable.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN));
    let mut watched: Vec<PollFd<'_>> = first.chain(others).collect();
    let timeout = Timespec::try_from(most).map_err(io::Error::other)?;
    match poll(&mut watched, Some(&timeout)) {
        Ok(_) => Ok(writable.is_some() && watched.first().is_some_and(|first| !first.revents().is_empty())),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
