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

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    static HANDLED: AtomicU32 = AtomicU32::new(0);

    extern "C" fn handle(_: libc::c_int) {
        HANDLED.fetch_add(1, Ordering::SeqCst);
    }

    /// Handles the signal so that it interrupts what waits (no `SA_RESTART`).
    #[expect(unsafe_code, reason = "sigaction is of libc alone, and the handler does nothing but count")]
    fn interrupt_on(signal: libc::c_int) {
        // SAFETY: all zeros is a valid sigaction, and the handler is safe in a signal.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = handle as *const () as libc::sighandler_t;
            assert_eq!(libc::sigaction(signal, &raw const action, core::ptr::null_mut()), 0);
        }
    }

    #[expect(unsafe_code, reason = "a signal to one thread")]
    fn signal_thread(thread: libc::pid_t, signal: libc::c_int) {
        // SAFETY: it is a thread of this process.
        assert_eq!(unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, signal) }, 0);
    }

    #[expect(unsafe_code, reason = "the reader waits on the same descriptor, and has the only handle to it")]
    fn send_on(descriptor: i32, bytes: &[u8]) {
        // SAFETY: the reader keeps the descriptor open until it has the answer.
        let sent = unsafe { libc::send(descriptor, bytes.as_ptr().cast(), bytes.len(), 0) };
        assert_eq!(usize::try_from(sent), Ok(bytes.len()));
    }

    /// Whether a thread of this process waits, by its line in proc: state `S` behind the name in brackets.
    fn waits(thread: libc::pid_t) -> bool {
        let line = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
        line.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    }

    /// `SOCK_DIAG_BY_FAMILY` for listeners of IPv4.
    fn request() -> Vec<u8> {
        let mut bytes = vec![0; 72];
        bytes[..4].copy_from_slice(&72_u32.to_ne_bytes());
        bytes[4..6].copy_from_slice(&20_u16.to_ne_bytes());
        bytes[6..8].copy_from_slice(&0x301_u16.to_ne_bytes());
        (bytes[16], bytes[17]) = (2, 6);
        bytes[20..24].copy_from_slice(&0x400_u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_signal_while_an_answer_is_waited_for_takes_nothing_from_the_dump() {
        interrupt_on(libc::SIGUSR2);
        let mut diag = SockDiag::open().unwrap();
        let descriptor = diag.socket.as_raw_fd();
        let (told, thread) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            told.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            diag.receive(|buffer| {
                // NLMSG_DONE ends it, in a message of its own where there are no listeners.
                let mut rest = buffer;
                while let Some(length) = rest.first_chunk::<4>() {
                    let length = u32::from_ne_bytes(*length) as usize;
                    if rest[4] == 3 {
                        return DumpStep::Done;
                    }
                    rest = rest.get(length.next_multiple_of(4).max(16)..).unwrap_or_default();
                }
                DumpStep::More
            })
        });
        let thread = thread.recv().unwrap();
        for interrupted in 1..=3 {
            while !waits(thread) {
                assert!(!reader.is_finished());
                std::thread::yield_now();
            }
            signal_thread(thread, libc::SIGUSR2);
            while HANDLED.load(Ordering::SeqCst) < interrupted {
                std::thread::yield_now();
            }
        }
        send_on(descriptor, &request());
        assert_eq!(reader.join().unwrap(), Ok(()));
    }
}
