//! Leaving the kernel only those system calls that a part of the program needs (`seccomp(2)`).
//!
//! What is left out answers ENOSYS, as a kernel does that has no such call: libraries have other ways then, and a mistake in
//! these lists costs a reading and not the process.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// What a process has yet to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// It reads files, thinks, and writes to what is open: no file is opened to be written, nothing is started, and there is
    /// no network at all.
    Reading,
    /// The same, and it asks the kernel over netlink and answers on the sockets that listen already.
    Serving {
        /// It enters network namespaces.
        namespaces: bool,
        /// It loads programs that look at the kernel's own lists.
        programs: bool,
    },
    /// It does everything that the terminal interface does, its laboratory included, but nothing that no part of this
    /// program ever does: no other process is traced, no module or kernel loaded, no key or clock changed.
    Interface,
}

/// Why a process could not be confined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot confine this process by seccomp: {0}")]
pub struct ConfineError(String);

/// Confines this process, all of its threads included, for ever.
///
/// # Errors
/// That the kernel has no seccomp, or that this is a processor without a list.
pub fn confine(to: Confinement) -> Result<(), ConfineError> {
    let fail = |error: &dyn core::fmt::Display| ConfineError(error.to_string());
    let program = program(to).map_err(|error| fail(&error))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| fail(&error))
}

fn program(to: Confinement) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let nothing = SeccompAction::Errno(u32::try_from(libc::ENOSYS).unwrap_or(0));
    let (listed, others) = match to {
        Confinement::Interface => (nothing, SeccompAction::Allow),
        Confinement::Reading | Confinement::Serving { .. } => (SeccompAction::Allow, nothing),
    };
    let filter = SeccompFilter::new(rules(to)?, others, listed, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(if cfg!(target_arch = "x86_64") { [&without_x32()[..], &program].concat() } else { program })
}

/// What stands before a filter so that no call passes it under another number: those of x32 are the same with this bit, or
/// others altogether from 512 to 547, which old kernels took without it too (`do_syscall_64`, arch/x86/entry/common.c).
fn without_x32() -> [sock_filter; 5] {
    const LOAD_NUMBER: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS, at 0 of struct seccomp_data
    const AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
    const GIVE: u16 = 0x06; // BPF_RET | BPF_K
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let nothing = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::ENOSYS).unwrap_or(0);
    [
        step(LOAD_NUMBER, 0, 0, 0),
        step(AT_LEAST, 2, 0, 0x4000_0000),
        step(AT_LEAST, 2, 0, 548),
        step(AT_LEAST, 0, 1, 512),
        step(GIVE, 0, 0, nothing),
    ]
}

/// System calls with the conditions under which they are meant; none means any.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules(to: Confinement) -> Result<Rules, seccompiler::BackendError> {
    let plain = |calls: &[i64]| calls.iter().map(|call| (*call, Vec::new())).collect::<Rules>();
    match to {
        Confinement::Interface => Ok(plain(&NEVER)),
        Confinement::Reading => {
            let mut rules = plain(&READING);
            rules.extend(reading_conditions()?);
            Ok(rules)
        }
        Confinement::Serving { namespaces, programs } => {
            let mut rules = plain(&READING);
            rules.extend(plain(&SERVING));
            rules.extend(reading_conditions()?);
            rules.extend(serving_conditions()?);
            if namespaces {
                rules.insert(libc::SYS_setns, vec![one(1, SeccompCmpOp::Eq, number(libc::CLONE_NEWNET))?]);
            }
            if programs {
                let commands = [5, 28, 33]; // BPF_PROG_LOAD, BPF_LINK_CREATE, BPF_ITER_CREATE
                let each = commands.into_iter().map(|command| one(0, SeccompCmpOp::Eq, command));
                rules.insert(libc::SYS_bpf, each.collect::<Result<_, _>>()?);
            }
            Ok(rules)
        }
    }
}

/// Files that are open or opened to be read, memory, threads, time.
const READING: [i64; 56] = [
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_faccessat,
    libc::SYS_ppoll,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_capget,
    // It can give up and never gain: `no_new_privs` is set.
    libc::SYS_capset,
    libc::SYS_set_tid_address,
    libc::SYS_getcpu,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Sockets that are there, and what waits for them.
const SERVING: [i64; 13] = [
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_eventfd2,
];

/// What no part of this program ever does.
const NEVER: [i64; 32] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_mknodat,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// The longest that an address of netlink is, and shorter than one of IPv4 (`struct sockaddr_nl`).
const NETLINK_ADDRESS: u64 = 12;

fn reading_conditions() -> Result<Rules, seccompiler::BackendError> {
    let written = number(libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC);
    let executable = number(libc::PROT_EXEC);
    let own = u64::from(std::process::id());
    let mut rules = Rules::from([
        (libc::SYS_openat, vec![one(2, SeccompCmpOp::MaskedEq(written), 0)?]),
        (libc::SYS_mmap, vec![one(2, SeccompCmpOp::MaskedEq(executable), 0)?]),
        (libc::SYS_mprotect, vec![one(2, SeccompCmpOp::MaskedEq(executable), 0)?]),
        (libc::SYS_clone, vec![thread()?]),
        // Limits are read and not set.
        (libc::SYS_prlimit64, vec![whole(2, 0)?]),
        (libc::SYS_tgkill, vec![one(0, SeccompCmpOp::Eq, own)?]),
        (libc::SYS_prctl, any(0, &[number(libc::PR_SET_NAME), PR_GET_AUXV])?),
        // What is asked of a terminal; nothing is ever typed into one (TIOCSTI).
        (
            libc::SYS_ioctl,
            any(1, &[libc::TCGETS, libc::TIOCGWINSZ, libc::SIOCGIFINDEX, libc::SIOCGIFNAME, libc::FIONBIO])?,
        ),
    ]);
    #[cfg(target_arch = "x86_64")]
    {
        rules.insert(libc::SYS_open, vec![one(1, SeccompCmpOp::MaskedEq(written), 0)?]);
        rules.extend([libc::SYS_poll, libc::SYS_access, libc::SYS_readlink].map(|call| (call, Vec::new())));
    }
    Ok(rules)
}

fn serving_conditions() -> Result<Rules, seccompiler::BackendError> {
    let is =
        |argument, compared, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, number(value));
    let socket = |protocol| {
        let netlink = is(0, SeccompCmpOp::Eq, libc::AF_NETLINK)?;
        SeccompRule::new(vec![netlink, is(2, SeccompCmpOp::Eq, protocol)?])
    };
    // A pair of streams, by which signals are told: datagrams could be sent to whoever listens on a path.
    let stream = is(1, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_STREAM)?;
    let pair = SeccompRule::new(vec![is(0, SeccompCmpOp::Eq, libc::AF_UNIX)?, stream])?;
    let mut rules = Rules::from([
        (libc::SYS_socket, vec![socket(libc::NETLINK_ROUTE)?, socket(libc::NETLINK_SOCK_DIAG)?]),
        (libc::SYS_socketpair, vec![pair]),
        (libc::SYS_bind, vec![one(2, SeccompCmpOp::Eq, NETLINK_ADDRESS)?]),
        (libc::SYS_connect, vec![one(2, SeccompCmpOp::Eq, NETLINK_ADDRESS)?]),
    ]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_epoll_wait, Vec::new());
    rules.insert(libc::SYS_epoll_pwait, Vec::new());
    Ok(rules)
}

/// `PR_GET_AUXV` (6.4, include/uapi/linux/prctl.h), which the standard library's way to the page size tries.
const PR_GET_AUXV: u64 = 0x4155_5856;

/// A thread of this process, and no process.
fn thread() -> Result<SeccompRule, seccompiler::BackendError> {
    let thread = number(libc::CLONE_THREAD);
    one(0, SeccompCmpOp::MaskedEq(thread), thread)
}

/// A condition on the lower half of an argument.
fn one(argument: u8, compared: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, value)?])
}

/// A condition on the whole of an argument.
fn whole(argument: u8, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)?])
}

/// An argument that is one of these.
fn any(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    values.iter().map(|value| one(argument, SeccompCmpOp::Eq, *value)).collect()
}

/// A constant of the kernel, none of which is negative.
fn number(constant: i32) -> u64 {
    u64::try_from(constant).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::process::Command;

    use super::*;
    use crate::sys::{Rights, SockDiag, effective_capabilities, keep_rights};

    /// Says in which of these tests a process is that one of them started.
    const INSIDE: &str = "TCPCTL_TEST_CONFINED";

    /// Runs this test once more in a process of its own, where it is confined: that cannot be taken back.
    fn in_a_process_of_its_own(test: &str, inside: impl FnOnce()) {
        if std::env::var_os(INSIDE).is_some_and(|asked| asked == test) {
            return inside();
        }
        let name = format!("sys::confine::tests::{test}");
        // What it makes it cannot take away any more.
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([&name, "--exact", "--nocapture"]).env(INSIDE, test).env("TMPDIR", folder.path());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn refused<T>(result: std::io::Result<T>) -> bool {
        result.is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS) || error.kind() == ErrorKind::Unsupported)
    }

    #[test]
    fn who_reads_writes_no_file_starts_nothing_and_has_no_network() {
        in_a_process_of_its_own("who_reads_writes_no_file_starts_nothing_and_has_no_network", || {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("there");
            std::fs::write(&path, "x").unwrap();
            confine(Confinement::Reading).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7, "threads are not processes");
            assert!(refused(File::create(folder.path().join("new"))));
            assert!(refused(File::options().append(true).open(&path)));
            assert!(refused(std::fs::remove_file(&path)));
            assert!(refused(std::fs::rename(&path, folder.path().join("other"))));
            assert!(refused(Command::new("/bin/true").status()));
            assert!(refused(TcpStream::connect("127.0.0.1:1")));
            assert!(refused(UnixStream::connect("/nowhere")));
            assert!(SockDiag::open().is_err());
            assert!(!executable_memory(), "no memory can be made executable");
            assert!(!signals_another(), "no other process gets a signal");
        });
    }

    #[test]
    fn who_serves_answers_on_what_listens_and_asks_over_netlink() {
        in_a_process_of_its_own("who_serves_answers_on_what_listens_and_asks_over_netlink", || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let cookie = crate::sys::netns_cookie();
            confine(Confinement::Serving { namespaces: false, programs: false }).unwrap();
            let (server, from) = listener.accept().unwrap();
            assert_eq!(from, client.local_addr().unwrap());
            assert!(server.set_nodelay(true).is_ok() && SockDiag::open().is_ok());
            // What readings tell namespaces and devices by.
            assert_eq!(crate::sys::netns_cookie(), cookie);
            let names = crate::sys::device_names(&crate::sys::ProcRoot::new("/proc"));
            assert_eq!(names.get(&1).map(String::as_str), Some("lo"));
            assert!(refused(TcpStream::connect(listener.local_addr().unwrap())));
            assert!(refused(TcpListener::bind("127.0.0.1:0")));
            // What waits for signals makes a pair of streams; one of datagrams could send to any path.
            assert!(UnixStream::pair().is_ok() && refused(UnixDatagram::pair()));
            let [route, events] = [libc::NETLINK_ROUTE, libc::NETLINK_KOBJECT_UEVENT].map(netlink_sys_socket);
            assert!(route.is_ok() && refused(events));
            assert!(refused(File::create("/nowhere/new")));
            assert!(refused(Command::new("/bin/true").status()));
            let own = File::open("/proc/self/ns/net").unwrap();
            let enter = rustix::thread::move_into_link_name_space(own.as_fd(), None);
            assert_eq!(enter, Err(rustix::io::Errno::NOSYS), "no namespace was to be entered");
            assert!(server.as_raw_fd() > 2 && !executable_memory());
        });
    }

    #[test]
    fn the_interface_starts_its_laboratory_and_traces_nobody() {
        in_a_process_of_its_own("the_interface_starts_its_laboratory_and_traces_nobody", || {
            confine(Confinement::Interface).unwrap();
            assert!(Command::new("/bin/true").status().unwrap().success());
            assert!(TcpListener::bind("127.0.0.1:0").is_ok());
            assert!(!traces(), "no process is traced");
            assert!(refused(rustix::system::sethostname(b"other").map_err(std::io::Error::from)));
        });
    }

    #[test]
    fn rights_that_are_given_up_do_not_come_back_with_another_program() {
        in_a_process_of_its_own("rights_that_are_given_up_do_not_come_back_with_another_program", || {
            let before = effective_capabilities().unwrap();
            keep_rights(Rights::SEE_PROCESSES).unwrap();
            let kept = before & Rights::SEE_PROCESSES.bits();
            assert_eq!(effective_capabilities(), Some(kept));
            // Root has every capability of its bounding set after execve(2), were it not for `no_new_privs`.
            let status = Command::new("/bin/cat").arg("/proc/self/status").output().unwrap();
            let status = String::from_utf8(status.stdout).unwrap();
            let set = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                u64::from_str_radix(line.trim(), 16).unwrap()
            };
            assert_eq!(set("CapPrm:") & !kept, 0, "{status}");
            assert_eq!((set("CapInh:"), set("CapAmb:")), (0, 0));
            assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
        });
    }

    #[cfg(target_arch = "x86_64")]
    /// What a filter says of a system call of this processor (struct seccomp_data), as the kernel would read it.
    fn verdict(program: &[sock_filter], call: i64, arguments: [u64; 6]) -> u32 {
        const ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
        let call = u32::try_from(call).unwrap();
        let halves = arguments.iter().flat_map(|argument| [*argument & 0xffff_ffff, *argument >> 32]);
        let halves = halves.map(|half| u32::try_from(half).unwrap());
        let data: Vec<u32> = [call, ARCHITECTURE, 0, 0].into_iter().chain(halves).collect();
        let (mut value, mut at) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            let jump = |is_so: bool| usize::from(if is_so { jt } else { jf });
            at += 1 + match code {
                0x20 => {
                    value = data[usize::try_from(k / 4).unwrap()];
                    0
                }
                0x54 => {
                    value &= k;
                    0
                }
                0x05 => usize::try_from(k).unwrap(),
                0x15 => jump(value == k),
                0x25 => jump(value > k),
                0x35 => jump(value >= k),
                0x06 => return k,
                other => panic!("an unknown step {other:#x}"),
            };
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn no_call_passes_under_another_number() {
        let [allowed, refused] = [libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | 38];
        let serving = Confinement::Serving { namespaces: true, programs: true };
        for to in [Confinement::Reading, serving, Confinement::Interface] {
            let program = program(to).unwrap();
            let of = |call: i64| verdict(&program, call, [0; 6]);
            assert_eq!([of(libc::SYS_read), of(libc::SYS_ptrace)], [allowed, refused], "{to:?}");
            // Those of x32: ptrace(2) is 521 there, and most others have their own number with that bit.
            for other in [512, 521, 547, 0x4000_0000 | 521, 0x4000_0000 | libc::SYS_pidfd_getfd, 0x4000_0000] {
                assert_eq!(of(other), refused, "{to:?} {other:#x}");
            }
        }
        let interface = program(Confinement::Interface).unwrap();
        let of = |call: i64| verdict(&interface, call, [0; 6]);
        for call in [libc::SYS_kexec_load, libc::SYS_kexec_file_load, libc::SYS_pidfd_getfd] {
            assert_eq!(of(call), refused, "{call}");
        }
        assert_eq!([of(libc::SYS_execve), of(511), of(548)], [allowed; 3]);
    }

    fn netlink_sys_socket(protocol: i32) -> std::io::Result<netlink_sys::Socket> {
        netlink_sys::Socket::new(isize::try_from(protocol).unwrap())
    }

    #[expect(unsafe_code, reason = "a mapping that nothing uses")]
    fn executable_memory() -> bool {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at a place that the kernel chooses overlaps nothing.
        let mapped = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        mapped != libc::MAP_FAILED
    }

    #[expect(unsafe_code, reason = "signal 0 to the parent, which only asks")]
    fn signals_another() -> bool {
        // SAFETY: signal 0 is none.
        unsafe { libc::kill(libc::getppid(), 0) == 0 }
    }

    #[expect(unsafe_code, reason = "asks to be traced, which must be refused")]
    fn traces() -> bool {
        // SAFETY: PTRACE_TRACEME takes no pointer that is used.
        unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) == 0 }
    }
}
