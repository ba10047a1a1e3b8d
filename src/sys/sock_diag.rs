//! Dumps over a netlink socket of `NETLINK_SOCK_DIAG`.

use std::io;
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::proc::describe;

/// The kernel never puts more than about 32 KiB into one answer of a dump (`netlink_dump`, max_recvmsg_len).
const BUFFER: usize = 32 << 10;
/// How long one receive may take. The kernel works while it is called, so only a dump of millions of
/// sockets on a busy machine comes near.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a dump may take in all.
const DUMP_TIMEOUT: Duration = Duration::from_secs(60);

/// A socket for dumps. It belongs to the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct SockDiag {
    socket: Socket,
    buffer: Vec<u8>,
    /// Whether a dump was begun and not ended: the kernel refuses another one on this socket (`EBUSY`).
    busy: bool,
}

/// What the reader of a dump wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpStep {
    /// More of the dump is to come.
    More,
    /// The kernel said that the dump is complete.
    Done,
    /// The kernel answered with this error number.
    Error(i32),
    /// The kernel said that it lost a part of the dump.
    Lost,
    /// The reader has seen enough, although more may be to come.
    Enough,
}

/// Why sockets could not be dumped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// The kernel has no sock_diag or no TCP part of it (`ENOENT`, `EPROTONOSUPPORT`): a module that is not
    /// loaded, or a sandbox.
    #[error("the kernel has no sock_diag for TCP here: {0}")]
    Absent(String),
    /// This process may not use it: a security module or a system call filter.
    #[error("sock_diag is refused: {0}")]
    Denied(String),
    /// Anything else; what was read before it is not complete.
    #[error("the dump of sockets failed: {0}")]
    Failed(String),
}

impl SockDiag {
    /// Opens the socket.
    ///
    /// # Errors
    /// Absent, denied or failed.
    pub fn open() -> Result<Self, DumpError> {
        Ok(Self { socket: open_socket()?, buffer: Vec::with_capacity(BUFFER), busy: false })
    }

    /// Sends a request and hands every answer buffer to `step` until that says that the dump is done.
    /// The buffer is reused, so memory does not grow with the number of sockets. After a dump that was not
    /// read to its end the socket is opened anew, in the namespace of the thread that calls this.
    ///
    /// # Errors
    /// Absent, denied or failed, also when the kernel stops answering.
    pub fn dump(&mut self, request: &[u8], step: impl FnMut(&[u8]) -> DumpStep) -> Result<(), DumpError> {
        if self.busy {
            self.socket = open_socket()?;
        }
        self.busy = true;
        self.socket.send(request, 0).map_err(|error| error_of(&error))?;
        self.receive(step)
    }

    fn receive(&mut self, mut step: impl FnMut(&[u8]) -> DumpStep) -> Result<(), DumpError> {
        let started = Instant::now();
        while started.elapsed() < DUMP_TIMEOUT {
            self.buffer.clear();
            let length = match self.socket.recv(&mut self.buffer, libc::MSG_TRUNC) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error_of(&error)),
            };
            if length > self.buffer.len() {
                return Err(DumpError::Failed(format!("an answer of {length} bytes did not fit into {BUFFER}")));
            }
            match step(&self.buffer) {
                DumpStep::More => {}
                DumpStep::Done => {
                    self.busy = false;
                    return Ok(());
                }
                DumpStep::Enough => return Ok(()),
                DumpStep::Lost => return Err(error_of(&io::Error::from_raw_os_error(libc::ENOBUFS))),
                DumpStep::Error(number) => return Err(error_of(&io::Error::from_raw_os_error(number))),
            }
        }
        Err(DumpError::Failed(format!("it took longer than {} s", DUMP_TIMEOUT.as_secs())))
    }
}

fn open_socket() -> Result<Socket, DumpError> {
    let open = || -> io::Result<Socket> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // A receive that nobody answers ends with EAGAIN.
        set_socket_timeout(&socket, Timeout::Recv, Some(RECEIVE_TIMEOUT))?;
        Ok(socket)
    };
    open().map_err(|error| error_of(&error))
}

fn error_of(error: &io::Error) -> DumpError {
    let reason = describe(error);
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP) => DumpError::Absent(reason),
        Some(libc::EACCES | libc::EPERM) => DumpError::Denied(reason),
        Some(libc::EAGAIN) => DumpError::Failed(format!("no answer for {} s", RECEIVE_TIMEOUT.as_secs())),
        Some(libc::ENOBUFS) => DumpError::Failed("the kernel dropped a part of it for want of memory".to_owned()),
        _ => DumpError::Failed(reason),
    }
}
