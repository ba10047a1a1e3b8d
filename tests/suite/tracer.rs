//! A program that is killed right before its n-th system call of those that change something.
//!
//! By ptrace(2) in the test itself, so that no other tool is needed. Only the program's first thread is followed: what
//! is traced here has no other.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// How a traced program ended.
pub(super) enum Ended {
    /// It was killed before this call.
    Killed(String),
    /// It ended by itself with this exit code, before there was such a call.
    Exited(i32),
}

/// Calls that change something, by name. Opening a file for writing and the end of the program count as well.
const CHANGING: &[(&str, libc::c_long)] = &[
    ("write", libc::SYS_write),
    ("pwrite64", libc::SYS_pwrite64),
    ("ftruncate", libc::SYS_ftruncate),
    ("fsync", libc::SYS_fsync),
    ("fdatasync", libc::SYS_fdatasync),
    ("renameat", libc::SYS_renameat),
    ("renameat2", libc::SYS_renameat2),
    ("unlinkat", libc::SYS_unlinkat),
    ("linkat", libc::SYS_linkat),
    ("symlinkat", libc::SYS_symlinkat),
    ("mkdirat", libc::SYS_mkdirat),
    ("fchmod", libc::SYS_fchmod),
    ("fchmodat", libc::SYS_fchmodat),
    ("fchown", libc::SYS_fchown),
    ("flock", libc::SYS_flock),
    ("exit_group", libc::SYS_exit_group),
    #[cfg(target_arch = "x86_64")]
    ("rename", libc::SYS_rename),
    #[cfg(target_arch = "x86_64")]
    ("unlink", libc::SYS_unlink),
    #[cfg(target_arch = "x86_64")]
    ("mkdir", libc::SYS_mkdir),
    #[cfg(target_arch = "x86_64")]
    ("chmod", libc::SYS_chmod),
];

/// Runs the program until its n-th changing call, counted from 1, and kills it there before the kernel has begun with
/// it. What it had printed by then is returned as well.
///
/// # Errors
/// When it cannot be started, which is also when tracing is forbidden (Yama, seccomp).
pub(super) fn kill_before(command: &mut Command, nth: usize) -> std::io::Result<(Ended, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[expect(unsafe_code, reason = "ptrace(2) has no safe wrapper; the closure makes one system call and nothing else")]
    // SAFETY: between fork and exec only ptrace(PTRACE_TRACEME) is called, which is a plain system call.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let mut child = command.spawn()?;
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    assert!(libc::WIFSTOPPED(wait(pid)), "a traced program stops at its first instruction");
    ptrace(libc::PTRACE_SETOPTIONS, pid, 0, (libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL) as usize);
    let (mut seen, mut signal) = (0, 0);
    let ended = loop {
        ptrace(libc::PTRACE_SYSCALL, pid, 0, signal);
        let status = wait(pid);
        if libc::WIFEXITED(status) {
            break Ended::Exited(libc::WEXITSTATUS(status));
        }
        assert!(libc::WIFSTOPPED(status), "it ended otherwise: {status:#x}");
        let stopped = libc::WSTOPSIG(status);
        let at_call = stopped == libc::SIGTRAP | 0x80;
        signal = if at_call { 0 } else { usize::try_from(stopped).unwrap() };
        if at_call && let Some(name) = changing_call(pid) {
            seen += 1;
            if seen == nth {
                child.kill().expect("an own child can be killed");
                let status = wait(pid);
                assert!(libc::WIFSIGNALED(status), "it ended otherwise: {status:#x}");
                break Ended::Killed(format!("{name}, call {nth}"));
            }
        }
    };
    let mut printed = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut printed).expect("text");
    Ok((ended, printed))
}

/// The name of the changing call that is about to begin; nothing for others, and when one has ended.
fn changing_call(pid: libc::pid_t) -> Option<&'static str> {
    /// `PTRACE_GET_SYSCALL_INFO` (Linux 5.3), and its `op` at the beginning of a call.
    const GET_SYSCALL_INFO: libc::c_uint = 0x420e;
    const ENTRY: u64 = 1;
    // struct ptrace_syscall_info: op, arch; two addresses; the number of the call and six arguments.
    let mut info = [0_u64; 11];
    ptrace(GET_SYSCALL_INFO, pid, size_of_val(&info), info.as_mut_ptr() as usize);
    if info[0] & 0xff != ENTRY {
        return None;
    }
    let (number, flags) = (libc::c_long::try_from(info[3]).ok()?, info[6]);
    let writing = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT) as u64;
    if number == libc::SYS_openat && flags & writing != 0 {
        return Some("openat for writing");
    }
    CHANGING.iter().find(|(_, call)| *call == number).map(|(name, _)| *name)
}

#[expect(unsafe_code, reason = "ptrace(2) has no safe wrapper")]
fn ptrace(request: libc::c_uint, pid: libc::pid_t, address: usize, data: usize) {
    // SAFETY: the requests made here write at most `address` bytes to `data`, which is a buffer of that size, or take
    // both as plain numbers.
    let done = unsafe { libc::ptrace(request, pid, address, data) };
    assert!(done != -1, "ptrace request {request}: {}", std::io::Error::last_os_error());
}

#[expect(unsafe_code, reason = "std waits for the end of a child and not for its stops")]
fn wait(pid: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: the kernel writes one integer to `status`.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
    assert_eq!(waited, pid, "{}", std::io::Error::last_os_error());
    status
}
