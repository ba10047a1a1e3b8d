//! What a program on a terminal must hear of: signals and the loss of the terminal.

use std::io;
use std::mem::MaybeUninit;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpgrp, kill_process_group};

/// The signals that are waited for instead of taking effect: end, interrupt, quit, hang-up, stop.
const SIGNALS: [libc::c_int; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGTSTP];

/// A signal that asks a program on a terminal for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalSignal {
    /// Restore the terminal and end; the exit code is 128 and this number.
    End(u8),
    /// Restore the terminal and stop until continued.
    Stop,
}

/// Signals held back from the calling thread and every thread it starts from then on.
#[derive(Debug)]
pub struct HeldSignals(libc::sigset_t);

impl HeldSignals {
    /// Holds back TERM, INT, QUIT, HUP and TSTP. To be called before any other thread starts.
    ///
    /// # Errors
    /// The kernel's answer.
    #[expect(unsafe_code, reason = "signal sets have no safe interface")]
    pub fn hold() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset initialises the set that it is given; the other calls take an initialised set and
        // numbers of signals that exist, and pthread_sigmask may be given no place for the old mask.
        let (set, result) = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in SIGNALS {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            let set = set.assume_init();
            (set, libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()))
        };
        if result == 0 { Ok(Self(set)) } else { Err(io::Error::from_raw_os_error(result)) }
    }

    /// Lets them take effect again, as long as the calling thread lives.
    ///
    /// # Errors
    /// The kernel's answer.
    #[expect(unsafe_code, reason = "signal masks have no safe interface")]
    pub fn release(&self) -> io::Result<()> {
        // SAFETY: the set was initialised by `hold`, and the old mask is not asked for.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const self.0, std::ptr::null_mut()) };
        if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
    }

    /// Waits for one of them.
    ///
    /// # Errors
    /// The kernel's answer.
    #[expect(unsafe_code, reason = "sigwait has no safe interface")]
    pub fn wait(&self) -> io::Result<TerminalSignal> {
        let mut number: libc::c_int = 0;
        // SAFETY: the set was initialised by `hold`, and `number` lives for the whole call.
        let result = unsafe { libc::sigwait(&raw const self.0, &raw mut number) };
        match (result, number) {
            (0, libc::SIGTSTP) => Ok(TerminalSignal::Stop),
            (0, number) => Ok(TerminalSignal::End(u8::try_from(number).unwrap_or(0))),
            (error, _) => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Stops the process group, as Ctrl-Z would if the terminal were not raw; returns when it is continued.
///
/// # Errors
/// The kernel's answer.
pub fn stop_process_group() -> io::Result<()> {
    Ok(kill_process_group(getpgrp(), Signal::STOP)?)
}

/// Waits until the terminal on standard output hangs up. Needs a thread of its own, since a reader of a terminal
/// that is gone may never come back.
///
/// # Errors
/// The kernel's answer.
pub fn wait_for_hangup() -> io::Result<()> {
    let stdout = io::stdout();
    let lost = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    loop {
        let mut descriptors = [PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut descriptors, None) {
            Ok(_) if descriptors.iter().any(|descriptor| descriptor.revents().intersects(lost)) => return Ok(()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
