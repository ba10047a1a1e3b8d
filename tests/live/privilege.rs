//! What the program keeps of the rights that it was started with.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustix::fs::{XattrFlags, fsetxattr};
use rustix::process::Signal;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Listening, Place, until};
use crate::program;
use crate::scraping::Served;
use crate::traced::{Traced, is_there};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("the exporter keeps the rights that reading needs, and the system calls of answering", exporter),
        Case::new("an exporter that cannot be confined says so", unconfined),
        Case::for_root("a trace that is under way has given up what opening it took", trace),
        Case::for_root(
            "a program with rights in its file names processes, and opens no file for who started it",
            file_rights,
        ),
    ]
}

/// Numbers of `include/uapi/linux/capability.h`.
const DAC_READ_SEARCH: u64 = 1 << 2;
const NET_ADMIN: u64 = 1 << 12;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const SYSLOG: u64 = 1 << 34;
const PERFMON_AND_BPF: u64 = 1 << 38 | 1 << 39;

/// A line of the status of a process.
fn status(pid: u32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {text}"));
    line.trim().to_owned()
}

fn exporter(place: &Place) -> Ran {
    let _listener = place.listen("127.0.0.1:7001", Listening::with_backlog(3));
    let own = u64::from_str_radix(&status(std::process::id(), "CapPrm:"), 16).expect("a set");
    let reads = DAC_READ_SEARCH | NET_ADMIN | SYS_PTRACE;
    for (options, rights) in [(&["--no-bpf"][..], reads), (&[], reads | PERFMON_AND_BPF)] {
        let served = Served::start(options);
        // A scrape is answered by then, so that nothing more will be given up.
        let body = served.get("/metrics", &[]).body;
        assert!(body.contains("tcpctl_listener_sockets{address=\"127.0.0.1\",port=\"7001\""), "{body}");
        let kept = u64::from_str_radix(&status(served.pid(), "CapPrm:"), 16).expect("a set");
        assert_eq!(kept, rights & own, "{options:?}: {kept:x}");
        assert_eq!(status(served.pid(), "NoNewPrivs:"), "1");
        // Every thread of it, those that read and answer included.
        let threads = std::fs::read_dir(format!("/proc/{}/task", served.pid())).expect("it runs");
        for thread in threads {
            let text = std::fs::read_to_string(thread.expect("a thread").path().join("status")).expect("it runs");
            assert!(text.contains("Seccomp:\t2\n") && text.contains(&format!("CapEff:\t{kept:016x}\n")), "{text}");
        }
        served.signal(Signal::TERM);
        assert!(served.ended().success());
    }
    Ok(())
}

/// What each thread of a process may use, by its name.
fn rights_of_threads(pid: u32) -> BTreeMap<String, u64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let of = |path: PathBuf| {
        let text = std::fs::read_to_string(path.join("status")).expect("it runs");
        let value =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).expect("a line").trim().to_owned();
        (value("Name:"), u64::from_str_radix(&value("CapPrm:"), 16).expect("a set"))
    };
    threads.map(|thread| of(thread.expect("a thread").path())).collect()
}

fn trace(_place: &Place) -> Ran {
    let own = u64::from_str_radix(&status(std::process::id(), "CapPrm:"), 16).expect("a set");
    let reads = DAC_READ_SEARCH | NET_ADMIN | SYS_PTRACE | SYSLOG;
    let netns = format!("/proc/{}/task/{}/ns/net", std::process::id(), rustix::thread::gettid().as_raw_nonzero());
    for (options, signal, rights) in [
        (&[][..], Signal::INT, reads),
        (&[], Signal::TERM, reads),
        (&["--all-netns"], Signal::INT, reads | SYS_ADMIN),
        (&["--netns", &netns], Signal::INT, reads | SYS_ADMIN),
    ] {
        let traced = Traced::begin(options)?;
        let expected = [("signal", 0), ("tcpctl", rights & own)].map(|(name, rights)| (name.to_owned(), rights));
        // The other thread gives up when it begins.
        until("its rights", || match rights_of_threads(traced.child.id()) {
            found if found == BTreeMap::from(expected.clone()) => Ok(()),
            found => Err(format!("{options:?}: {found:x?}")),
        });
        let instances = traced.instances();
        assert!(instances.iter().all(|instance| is_there(instance)));
        traced.end(signal, if signal == Signal::INT { 130 } else { 143 });
        // It takes away what it made without them.
        assert!(!instances.iter().any(|instance| is_there(instance)), "{instances:?}");
    }
    Ok(())
}

/// A kernel without seccomp, as the program sees it.
fn unconfined(place: &Place) -> Ran {
    let _listener = place.listen("127.0.0.1:7001", Listening::with_backlog(3));
    let start = || {
        let mut command = Command::new(program::path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program runs")
    };
    let without_seccomp = || {
        let none = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        let architecture = std::env::consts::ARCH.try_into().expect("a processor with a list");
        let rules = BTreeMap::from([(libc::SYS_seccomp, Vec::new())]);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, none, architecture).expect("a filter");
        // Of this thread alone, and of what it starts.
        seccompiler::apply_filter(&BpfProgram::try_from(filter).expect("a filter")).expect("the filter is set");
        start()
    };
    let child = std::thread::scope(|scope| scope.spawn(without_seccomp).join()).expect("it starts");
    for (child, is_said) in [(child, true), (start(), false)] {
        let served = Served::wait_for(child);
        assert_eq!(served.get("/metrics", &[]).status, 200);
        let told = served.complaint();
        assert_eq!(told.contains("tcpctl: caution: cannot confine this process by seccomp"), is_said, "{told}");
        assert_eq!(told.lines().count(), usize::from(is_said), "{told}");
    }
    Ok(())
}

/// `struct vfs_cap_data` of revision 2 (include/uapi/linux/capability.h): permitted, and not in effect.
fn in_a_file(rights: u64) -> Vec<u8> {
    const REVISION_2: u32 = 0x0200_0000;
    let [low, high] = [rights & 0xffff_ffff, rights >> 32].map(|half| u32::try_from(half).expect("a half"));
    [REVISION_2, low, 0, high, 0].iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Runs a program as a user without rights.
fn as_nobody(program: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).uid(65_534).gid(65_534).current_dir("/").env_clear();
    command.output().expect("everybody may run it")
}

fn file_rights(place: &Place) -> Ran {
    let listener: TcpListener = place.listen("127.0.0.1:7001", Listening::with_backlog(3));
    let own = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a folder");
    let able = own.path().join("tcpctl");
    std::fs::copy(program::path(), &able).expect("it is laid out");
    std::fs::set_permissions(&able, Permissions::from_mode(0o755)).expect("the own file");
    let file = File::open(&able).expect("the own file");
    fsetxattr(file.as_fd(), "security.capability", &in_a_file(DAC_READ_SEARCH | SYS_PTRACE), XattrFlags::empty())
        .map_err(|error| CannotRun(format!("this file system keeps no capabilities: {error}")))?;
    drop(file);
    let secret = own.path().join("secret.json");
    std::fs::write(&secret, "{\"schema\": 1}").expect("the own folder");
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("the own file");
    let secret = secret.to_str().expect("a name");

    let named = as_nobody(&able, &["listeners", "--json"]);
    let text = String::from_utf8(named.stdout).expect("JSON");
    assert!(text.contains(&format!("\"pid\": {}", std::process::id())), "{text}");
    let unnamed = as_nobody(program::path(), &["listeners", "--json"]);
    assert!(!String::from_utf8(unnamed.stdout).expect("JSON").contains("\"pid\":"), "without rights nobody is named");
    for arguments in [["status", "--from", secret], ["fleet", "--", secret], ["simulate", "--", secret]] {
        let refused = as_nobody(&able, &arguments);
        let said = [refused.stdout, refused.stderr].map(|text| String::from_utf8(text).expect("text")).concat();
        assert!(said.contains("ermission denied") && !refused.status.success(), "{arguments:?}: {said}");
    }
    drop(listener);
    Ok(())
}
