//! Runs the program under a filter of system calls that asks this process what becomes of each (`seccomp(2)`,
//! `SECCOMP_RET_USER_NOTIF`): a call can be let through, refused with any error, or answered with other bytes than the
//! kernel's. The program is the one that is built, and knows nothing of it.
#![cfg(target_endian = "little")]

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// Where the child keeps the end of the filter at which calls are decided, until this process has it.
const LISTENER_FD: c_int = 250;
/// `SECCOMP_SET_MODE_FILTER`, `SECCOMP_FILTER_FLAG_NEW_LISTENER`, `SECCOMP_RET_{USER_NOTIF,ALLOW}` and the two requests of
/// include/uapi/linux/seccomp.h, with the sizes of their structures.
const SET_MODE_FILTER: libc::c_ulong = 1;
const NEW_LISTENER: libc::c_ulong = 1 << 3;
const USER_NOTIF: u32 = 0x7fc0_0000;
const ALLOW: u32 = 0x7fff_0000;
const RECEIVE: libc::Ioctl = 0xc050_2100_u32 as libc::Ioctl;
const SEND: libc::Ioctl = 0xc018_2101_u32 as libc::Ioctl;
/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
const CONTINUE: u64 = 1;
/// How long a program may take.
const DEADLINE: Duration = Duration::from_secs(90);

/// The calls that are decided here.
const CALLS: [libc::c_long; 9] = [
    libc::SYS_openat,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_socket,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_bpf,
    libc::SYS_setns,
];

/// A system call that waits for its answer.
pub(crate) struct Call<'a> {
    /// Its number.
    pub(crate) number: libc::c_long,
    /// Its arguments.
    pub(crate) arguments: [u64; 6],
    thread: u32,
    program: &'a OwnedFd,
}

/// What becomes of a call.
pub(crate) enum Answer {
    /// What the kernel says.
    Kernel,
    /// This error.
    Refuse(c_int),
    /// These bytes are what it read or received.
    Bytes(Vec<u8>),
}

impl Call<'_> {
    fn memory(&self) -> Option<File> {
        File::options().read(true).write(true).open(format!("/proc/{}/mem", self.thread)).ok()
    }

    /// The text that an argument points at.
    pub(crate) fn text(&self, argument: usize) -> Option<String> {
        let mut bytes = vec![0; 256];
        let read = self.memory()?.read_at(&mut bytes, *self.arguments.get(argument)?).ok()?;
        bytes.truncate(read);
        let end = bytes.iter().position(|byte| *byte == 0)?;
        String::from_utf8(bytes.get(..end)?.to_vec()).ok()
    }

    /// What the descriptor in the first argument is, by the name that the kernel gives it.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/fd/{}", self.thread, self.arguments[0])).ok()
    }

    /// The descriptor in the first argument, as one of this process.
    fn descriptor(&self) -> Option<OwnedFd> {
        pidfd_getfd(self.program, c_int::try_from(self.arguments[0]).ok()?, PidfdGetfdFlags::empty()).ok()
    }

    /// The protocol of the netlink socket in the first argument.
    pub(crate) fn netlink_protocol(&self) -> Option<c_int> {
        let socket = self.descriptor()?;
        let domain = option(&socket, libc::SO_DOMAIN)?;
        if domain == libc::AF_NETLINK { option(&socket, libc::SO_PROTOCOL) } else { None }
    }

    /// Does what the call asks for and gives what came: a read or a receive.
    pub(crate) fn perform(&self) -> Option<Vec<u8>> {
        let descriptor = self.descriptor()?;
        let mut bytes = vec![0_u8; usize::try_from(self.arguments[2]).ok()?];
        let flags = c_int::try_from(self.arguments[3] & 0xffff).ok()?;
        #[expect(unsafe_code, reason = "the flags of the program go to the kernel as they came")]
        // SAFETY: the buffer is live for the call and its length is given.
        let got = unsafe {
            if self.number == libc::SYS_recvfrom {
                libc::recv(descriptor.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len(), flags)
            } else {
                libc::read(descriptor.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len())
            }
        };
        bytes.truncate(usize::try_from(got).ok()?);
        Some(bytes)
    }
}

#[expect(unsafe_code, reason = "SO_DOMAIN and SO_PROTOCOL as numbers")]
fn option(socket: &OwnedFd, name: c_int) -> Option<c_int> {
    let (mut value, mut length) = (0, libc::socklen_t::try_from(size_of::<c_int>()).ok()?);
    // SAFETY: the value is live for the call and its length is given.
    let done = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut length)
    };
    (done == 0).then_some(value)
}

/// The program of the filter: calls of the table are decided here, all others are let through.
fn filter() -> Vec<libc::sock_filter> {
    let load = u16::try_from(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS).expect("a code");
    let equal = u16::try_from(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K).expect("a code");
    let give = u16::try_from(libc::BPF_RET | libc::BPF_K).expect("a code");
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    let mut program = vec![step(load, 0, 0)];
    for (at, number) in CALLS.iter().enumerate() {
        let over = u8::try_from(CALLS.len() - at).expect("a short program");
        program.push(step(equal, over, u32::try_from(*number).expect("a number")));
    }
    program.push(step(give, 0, ALLOW));
    program.push(step(give, 0, USER_NOTIF));
    program
}

/// Runs it and lets `decide` say what becomes of each call.
pub(crate) fn run_notified(arguments: &[&str], mut decide: impl FnMut(&Call<'_>) -> Answer + Send) -> Output {
    let filter = filter();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[expect(unsafe_code, reason = "a filter is set between fork and exec; the closure makes system calls and no more")]
    // SAFETY: the closure allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || install(&filter));
    }
    let child = command.spawn().expect("the program runs");
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let program = pidfd_open(id, PidfdFlags::empty()).expect("a handle of the program");
    let listener = pidfd_getfd(&program, LISTENER_FD, PidfdGetfdFlags::empty()).expect("the end of its filter");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| child.wait_with_output().expect("its output"));
        let begun = Instant::now();
        while !waiting.is_finished() {
            if begun.elapsed() > DEADLINE {
                rustix::process::kill_process(id, rustix::process::Signal::KILL).ok();
                panic!("{arguments:?} did not end in {DEADLINE:?}");
            }
            let mut polled = [PollFd::new(&listener, PollFlags::IN)];
            let pause = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            poll(&mut polled, Some(&pause)).ok();
            let events = polled[0].revents();
            if events.contains(PollFlags::IN) {
                decide_one(&listener, &program, &mut decide);
            } else if events.contains(PollFlags::HUP) {
                break;
            }
        }
        waiting.join().expect("it is waited for")
    })
}

fn install(filter: &[libc::sock_filter]) -> io::Result<()> {
    let program =
        libc::sock_fprog { len: u16::try_from(filter.len()).unwrap_or(0), filter: filter.as_ptr().cast_mut() };
    #[expect(unsafe_code, reason = "seccomp(2) has no safe wrapper")]
    // SAFETY: the filter is live for the call; the descriptors are the child's own.
    let kept = unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        let listener = libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, NEW_LISTENER, &raw const program);
        let listener = c_int::try_from(listener).unwrap_or(-1);
        if listener < 0 {
            return Err(io::Error::last_os_error());
        }
        // A copy that exec does not close.
        libc::dup2(listener, LISTENER_FD)
    };
    if kept == LISTENER_FD { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn decide_one(listener: &OwnedFd, program: &OwnedFd, decide: &mut impl FnMut(&Call<'_>) -> Answer) {
    let mut told = [0_u64; 10];
    if !request(listener, RECEIVE, told.as_mut_ptr()) {
        return;
    }
    let [id, thread, number, _, arguments @ ..] = told;
    let low = |word: u64| u32::try_from(word & 0xffff_ffff).unwrap_or(0);
    let call = Call { number: libc::c_long::from(low(number)), arguments, thread: low(thread), program };
    let mut answer = match decide(&call) {
        Answer::Kernel => [id, 0, CONTINUE << 32],
        Answer::Refuse(errno) => [id, 0, u64::from((-errno).cast_unsigned())],
        Answer::Bytes(mut bytes) => {
            // There is room for no more than was asked for.
            bytes.truncate(usize::try_from(call.arguments[2]).unwrap_or(0));
            let written = call.memory().map(|memory| memory.write_all_at(&bytes, call.arguments[1]));
            assert!(matches!(written, Some(Ok(()))), "the program's memory cannot be written: {written:?}");
            [id, u64::try_from(bytes.len()).unwrap_or(0), 0]
        }
    };
    // It may have ended meanwhile.
    request(listener, SEND, answer.as_mut_ptr());
}

#[expect(unsafe_code, reason = "the requests of a filter's listener have no safe wrapper")]
fn request(listener: &OwnedFd, number: libc::Ioctl, structure: *mut u64) -> bool {
    // SAFETY: the structure is live for the call and as long as the number says.
    unsafe { libc::ioctl(listener.as_raw_fd(), number, structure) == 0 }
}

/// Whether this kernel and this process can do that.
#[expect(unsafe_code, reason = "seccomp(2) has no safe wrapper")]
pub(crate) fn can_notify() -> bool {
    // `SECCOMP_GET_ACTION_AVAIL`.
    let action = USER_NOTIF;
    // SAFETY: the word is live for the call.
    unsafe { libc::syscall(libc::SYS_seccomp, 2, 0, &raw const action) == 0 }
}
