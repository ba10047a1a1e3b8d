//! A trace leaves nothing in the kernel, however it ends, and says who may not begin one.

use std::io::{BufRead, Read};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::sync::Mutex;

use rustix::process::Signal;
use tcpctl::collect::{TraceWanted, Tracing};
use tcpctl::trace::TraceKind;

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Place, until};
use crate::program;
use crate::trace_places::mounts;
use crate::traced::{Traced, is_there, own_address};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::for_root("a trace that a signal ends leaves no instance", signals),
        Case::for_root("a trace that ends by itself leaves no instance", endings),
        Case::for_root("a trace that nobody reads any more leaves no instance", unread),
        Case::for_root("a trace that panics leaves no instance", panicking),
        Case::for_root("what a killed trace leaves is removed by the next one", killed),
        Case::for_root("tracefs is used where it is, and mounted nowhere else", |_| mounts()),
        Case::for_root("who may not trace is told so, with exit code 4", denied),
    ]
}

/// Nobody's account.
const NOBODY: u32 = 65_534;
/// Events of both instances.
const BOTH: [&str; 3] = ["--event", "retransmit", "drop"];

/// Whether any of them is there.
fn are_there(instances: &[String]) -> bool {
    instances.iter().any(|instance| is_there(instance))
}

fn signals(_place: &Place) -> Ran {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let traced = Traced::begin(&BOTH)?;
        let instances = traced.instances();
        assert!(instances.len() == 2 && instances.iter().all(|instance| is_there(instance)), "{instances:?}");
        drop(traced.end(signal, code));
        assert!(!are_there(&instances), "{instances:?} after {signal:?}");
    }
    Ok(())
}

fn ended(mut child: Child, instances: &[String]) {
    assert!(child.wait().expect("a child").success());
    assert!(!are_there(instances), "{instances:?}");
}

/// Makes events until that is no longer wanted.
fn refuse(address: &str) {
    TcpStream::connect(format!("{address}:9")).expect_err("nobody listens");
}

fn endings(_place: &Place) -> Ran {
    let timed = Traced::begin(&[BOTH.as_slice(), &["--for", "10ms"]].concat())?;
    let instances = timed.instances();
    ended(timed.child, &instances);
    let address = own_address();
    let filter = format!("dst {address}");
    let mut counted = Traced::begin(&["--event", "state", "drop", "--count", "1", "--", &filter])?;
    let instances = counted.instances();
    refuse(&address);
    let mut text = String::new();
    counted.output.read_to_string(&mut text).expect("text");
    assert_eq!(text.lines().count(), 2, "an event and the summary: {text}");
    ended(counted.child, &instances);
    Ok(())
}

fn unread(_place: &Place) -> Ran {
    // That is noticed without an event.
    let traced = Traced::begin(&["--event", "bad-checksum", "synack"])?;
    let instances = traced.instances();
    drop(traced.output);
    ended(traced.child, &instances);
    // And in the midst of them, as by `head`.
    let address = own_address();
    let mut traced = Traced::begin(&["--event", "state", "drop", "--", &format!("dst {address}")])?;
    let instances = traced.instances();
    refuse(&address);
    traced.output.read_line(&mut String::new()).expect("an event");
    drop(traced.output);
    let mut child = traced.child;
    let ended = until("its end", || {
        refuse(&address);
        child.try_wait().expect("a child").ok_or("it goes on")
    });
    assert!(ended.success(), "{ended}");
    assert!(!are_there(&instances), "{instances:?}");
    Ok(())
}

fn panicking(_place: &Place) -> Ran {
    let names = Mutex::new(Vec::new());
    let kinds = vec![TraceKind::Retransmit, TraceKind::Drop];
    let caught = std::panic::catch_unwind(|| {
        let tracing = Tracing::begin(&TraceWanted { kinds, tracefs: None, buffer_kib: 64 });
        let tracing = match tracing {
            Ok(tracing) => tracing,
            Err(error) => return Err(CannotRun(error.to_string())),
        };
        let made: Vec<String> = tracing.instances().iter().map(ToString::to_string).collect();
        assert!(made.len() == 2 && are_there(&made), "{made:?}");
        *names.lock().expect("nobody else has it") = made;
        // As a panic does, without its message.
        std::panic::resume_unwind(Box::new(()))
    });
    match caught {
        Ok(not_run) => not_run,
        Err(_) => {
            let names = names.into_inner().expect("it is whole");
            assert!(names.len() == 2 && !are_there(&names), "{names:?}");
            Ok(())
        }
    }
}

fn killed(_place: &Place) -> Ran {
    let mut traced = Traced::begin(&BOTH)?;
    let left = traced.instances();
    // One that is at work is none that was left.
    let next = Traced::begin(&["--event", "retransmit"])?;
    assert!(left.iter().all(|instance| is_there(instance)));
    drop(next.end(Signal::TERM, 143));
    traced.child.kill().expect("the own child");
    traced.child.wait().expect("a child");
    // It could not remove them itself. Another run at the same time may, so that nothing is asked in between.
    let next = Traced::begin(&["--event", "retransmit", "--for", "10ms"])?;
    assert!(!are_there(&left));
    drop(next.end(Signal::CONT, 0));
    Ok(())
}

/// Wants exit code and words.
fn refused(output: &Output, code: i32, words: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(words.iter().all(|word| told.contains(word)), "{told}");
}

fn denied(_place: &Place) -> Ran {
    let output = Command::new(program::path()).args(["trace"]).current_dir("/").uid(NOBODY).gid(NOBODY).output();
    refused(&output.expect("the program runs"), 4, &["cannot trace: tracefs", "run as root of the host"]);
    let output = Command::new(program::path()).args(["trace", "--tracefs", "/proc"]).output().expect("it runs");
    refused(&output, 2, &["another file system is there"]);
    if Path::new("/sys/kernel/tracing/instances").exists() {
        return Err(CannotRun("tracefs is mounted here, so that no right is needed to mount it".to_owned()));
    }
    // Root of a container, as they are made: with fewer capabilities.
    let mut command = Command::new("setpriv");
    let output = command.args(["--bounding-set", "-sys_admin", "--"]).arg(program::path()).arg("trace").output();
    let output = output.map_err(|error| CannotRun(format!("setpriv cannot be run: {error}")))?;
    refused(&output, 4, &["cannot trace: tracefs is not mounted", "a container needs CAP_SYS_ADMIN of the host"]);
    Ok(())
}
