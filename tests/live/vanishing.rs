//! What is gone while it is read: namespaces and sockets that end between two system calls of the program.
//!
//! The program is held in one of its calls (`notified`) until what it is about to look at is gone.
#![cfg(target_endian = "little")]

use std::cmp::Ordering;
use std::fs::File;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use serde_json::Value;
use tcpctl::sys::{Namespace, raise_loopback};

use crate::case::{CannotRun, Case, Ran};
use crate::fill::Fill;
use crate::namespaces::Inside;
use crate::notified::{Answer, Call, can_notify, run_notified};
use crate::place::{Listening, Place};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a namespace that goes between listing and entering is named with the reason", before_entering),
        Case::new("a namespace that goes while a thread is in it is read as it is then", while_inside),
        Case::new(
            "a namespace that goes before the second reading of a watch takes its sockets with it",
            while_watched,
        ),
        Case::new(
            "another namespace with the inode of one that is gone is not compared with it",
            another_with_its_inode,
        ),
        Case::new("sockets that vanish while states are counted take no other state's place", while_counted),
        Case::new("a listener that is closed before its owner is looked for has none, and that is said", before_owner),
        Case::new("a listener that is closed before its SYN queue is looked at is not listed", before_queue),
    ]
}

/// `NETLINK_SOCK_DIAG`.
const DIAG: i32 = 4;

/// Runs the program and does this once, while it is held in the first call that is meant.
fn held(arguments: &[&str], mut is_meant: impl FnMut(&Call<'_>) -> bool + Send, act: impl FnOnce() + Send) -> Output {
    let mut act = Some(act);
    let output = run_notified(arguments, |call| {
        if act.is_some() && is_meant(call) {
            act.take().expect("it was not done before")();
        }
        Answer::Kernel
    });
    assert!(act.is_none(), "{arguments:?}: the call never came: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn json(output: &Output) -> Value {
    let parsed = serde_json::from_slice(&output.stdout);
    parsed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn obstacle() -> Ran {
    let cannot = || CannotRun("the kernel lets nobody decide what becomes of a system call".to_owned());
    if can_notify() { Ok(()) } else { Err(cannot()) }
}

/// A namespace with three connections, and a process in it.
struct Other {
    namespace: Namespace,
    inside: Inside,
    fill: Fill,
    inode: u64,
}

impl Other {
    fn begin() -> Self {
        let namespace = Namespace::fresh().expect("a second namespace");
        let inode = namespace.inode().expect("an inode");
        let (inside, fill) = namespace
            .run(|| {
                raise_loopback().expect("loopback");
                let mut fill = Fill::default();
                let to = fill.listener(&Place::here(&namespace), "127.0.0.1:7021", Listening::with_backlog(8));
                fill.established(to, 3);
                (Inside::begin(), fill)
            })
            .expect("it can be entered");
        Self { namespace, inside, fill, inode }
    }

    /// The file by which the program enters it.
    fn file(&self) -> String {
        format!("/proc/{}/ns/net", self.inside.id())
    }

    /// Its sockets, its process, and then it itself.
    fn end(self) {
        let Self { namespace, inside, fill, .. } = self;
        drop(fill);
        inside.end();
        drop(namespace);
    }
}

fn opens(call: &Call<'_>, path: &str) -> bool {
    call.number == libc::SYS_openat && call.text(1).is_some_and(|opened| opened == path)
}

fn row(listed: &Value, inode: u64) -> &Value {
    let rows = listed["namespaces"].as_array().expect("namespaces");
    rows.iter().find(|row| row["inode"] == inode).unwrap_or_else(|| panic!("{inode} is not listed: {listed:#}"))
}

/// Two connections of the own namespace, whose numbers must be right whatever becomes of another one.
fn own(place: &Place) -> Fill {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:7022", Listening::with_backlog(8));
    fill.established(to, 2);
    fill
}

fn before_entering(place: &Place) -> Ran {
    obstacle()?;
    let _fill = own(place);
    // Status.
    let (other, inside) = (Other::begin(), Inside::begin());
    let (file, inode) = (other.file(), other.inode);
    let output = held(&["status", "--all-netns", "--json"], |call| opens(call, &file), || other.end());
    assert_eq!(output.status.code(), Some(0));
    let listed = json(&output);
    let (here, there) = (row(&listed, place.inode()), row(&listed, inode));
    assert_eq!((&here["states"]["ESTAB"], &here["states"]["LISTEN"]), (&4.into(), &1.into()), "{here:#}");
    assert_eq!((&there["states"], &there["gaps"][0]["kind"]), (&Value::Null, &"absent".into()), "{there:#}");
    assert!(there["gaps"][0]["reason"].as_str().is_some_and(|why| why.contains(&file)), "{there:#}");
    // Sockets.
    let other = Other::begin();
    let file = other.file();
    let filter = ["sport", ">=", ":7021", "and", "sport", "<=", ":7022", "and", "state", "listening"];
    let output = held(
        &[&["sockets", "--all-netns", "-a", "--json"], &filter[..]].concat(),
        |call| opens(call, &file),
        || other.end(),
    );
    assert_eq!(output.status.code(), Some(0));
    let rows: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|row: &Value| row["state"] == "LISTEN")
        .collect();
    assert_eq!(rows.iter().map(|row| &row["netns"]).collect::<Vec<_>>(), [&Value::from(place.inode())]);
    let told = [&output.stdout[..], &output.stderr[..]].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains(&file) && told.contains("are missing"), "{told}");
    // The second of the readings that are judged.
    let other = Other::begin();
    let (file, inode, mut opened) = (other.file(), other.inode, 0);
    let second = |call: &Call<'_>| {
        opened += usize::from(opens(call, &file));
        opened == 2
    };
    let output = held(&["diagnose", "close-wait", "--all-netns", "--window", "10ms", "--json"], second, || other.end());
    assert_eq!(output.status.code(), Some(0));
    let judged = json(&output);
    let (here, there) = (row(&judged, place.inode()), row(&judged, inode));
    assert_eq!((&here["gap"], &here["judged"]["findings"]), (&Value::Null, &Value::Array(Vec::new())), "{here:#}");
    assert_eq!((&there["judged"], &there["gap"]["kind"]), (&Value::Null, &"absent".into()), "{there:#}");
    inside.end();
    Ok(())
}

/// The thread that is inside keeps it, so that what is read is what is left of it: nothing but what waits to end.
fn while_inside(place: &Place) -> Ran {
    obstacle()?;
    let _fill = own(place);
    let (other, inside) = (Other::begin(), Inside::begin());
    let inode = other.inode;
    let link = format!("net:[{inode}]");
    let mut entered = false;
    let behind_entering = |call: &Call<'_>| {
        let before = entered;
        let is_entering = call.number == libc::SYS_setns;
        entered |= is_entering && call.path().is_some_and(|path| path.to_string_lossy() == link.as_str());
        before
    };
    let output = held(&["status", "--all-netns", "--json"], behind_entering, || other.end());
    assert_eq!(output.status.code(), Some(0));
    let listed = json(&output);
    let (here, there) = (row(&listed, place.inode()), row(&listed, inode));
    assert_eq!((&here["states"]["ESTAB"], &here["states"]["LISTEN"]), (&4.into(), &1.into()), "{here:#}");
    assert_eq!((&there["states"]["ESTAB"], &there["states"]["LISTEN"]), (&0.into(), &0.into()), "{there:#}");
    assert_eq!(there["gaps"], Value::Array(Vec::new()), "{there:#}");
    inside.end();
    Ok(())
}

fn while_watched(place: &Place) -> Ran {
    obstacle()?;
    let _fill = own(place);
    let (other, inside) = (Other::begin(), Inside::begin());
    let (file, inode, mut opened) = (other.file(), other.inode, 0);
    let second = |call: &Call<'_>| {
        opened += usize::from(opens(call, &file));
        opened == 2
    };
    let arguments = ["sockets", "-a", "--all-netns", "--watch", "10ms", "--count", "3", "--json", "--cpu-share", "50"];
    let output = held(&arguments, second, || other.end());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let gone = |reading: &[Value]| {
        let of_it = |row: &&Value| row["netns"] == inode;
        reading.iter().filter(of_it).filter(|row| row["change"] == "gone").count()
    };
    let readings: Vec<&[Value]> = lines.split(|line| line["reading"].is_u64()).collect();
    assert_eq!(readings.len(), 4, "three readings and what is behind the last: {text}");
    // In the second it was listed and could not be read, so that nobody knows; in the third it is not there any more.
    assert_eq!([gone(readings[1]), gone(readings[2])], [0, 7], "{text}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(&file), "{told}");
    inside.end();
    Ok(())
}

/// Takes every inode of a namespace below this one that is free, and waits until this one is: the lowest is given out next
/// (`proc_alloc_inum`). What the namespace of a host's name takes is one and no more.
fn take_all_below(inode: u64) -> Vec<File> {
    let take = move || {
        let open = || File::open("/proc/thread-self/ns/uts").expect("the name's namespace");
        let (own, mut kept) = (open(), Vec::new());
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            #[expect(unsafe_code, reason = "this thread alone gets a namespace for its name")]
            // SAFETY: no descriptors or memory are unshared.
            unsafe { unshare_unsafe(UnshareFlags::NEWUTS) }.expect("a namespace for a name");
            let one = open();
            match one.metadata().expect("an inode").ino().cmp(&inode) {
                Ordering::Less => kept.push(one),
                Ordering::Equal => break,
                // The namespace that has it is still being taken apart.
                Ordering::Greater => sleep(Duration::from_millis(1)),
            }
        }
        move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::HostNameAndNISDomainName)).expect("the own one");
        kept
    };
    std::thread::spawn(take).join().expect("it ends")
}

/// The kernel gives the inode of a namespace to the next one as soon as it is gone.
fn another_with_its_inode(_place: &Place) -> Ran {
    obstacle()?;
    let inside = Inside::begin();
    let other = Other::begin();
    let (file, inode, mut opened) = (other.file(), other.inode, 0);
    let mut next = None;
    // Held where the list of processes is made for the second time: by then the next one has taken its place.
    let second = |call: &Call<'_>| {
        opened += usize::from(opened == 0 && opens(call, &file));
        opened == 1 && call.number == libc::SYS_openat && call.text(1).is_some_and(|path| path == "/proc")
    };
    let output = held(&["diagnose", "--all-netns", "--window", "10ms", "--json"], second, || {
        other.end();
        next = (0..5).find_map(|_| {
            let kept = take_all_below(inode);
            let next = Other::begin();
            drop(kept);
            if next.inode == inode {
                return Some(next);
            }
            next.end();
            None
        });
    });
    let Some(next) = next else { return Err(CannotRun("no namespace got the inode of the one before".to_owned())) };
    let judged = json(&output);
    let there = row(&judged, inode);
    assert_eq!(there["process"]["pid"], next.inside.id(), "{there:#}");
    assert_eq!(there["judged"]["window_ms"], Value::Null, "{there:#}");
    let gone = judged["gone"].as_array().expect("a list");
    assert!(gone.iter().any(|one| one["inode"] == inode), "{judged:#}");
    next.end();
    inside.end();
    Ok(())
}

/// Whether this is the request for sockets with this number, counted from 0.
fn nth_request(nth: usize) -> impl FnMut(&Call<'_>) -> bool + Send {
    let mut met = 0;
    move |call| {
        let is_request = call.number == libc::SYS_sendto && call.netlink_protocol() == Some(DIAG);
        met += usize::from(is_request);
        is_request && met == nth + 1
    }
}

/// Both ends are gone at once, without a state to wait in.
fn reset(streams: Vec<TcpStream>) {
    for stream in streams {
        set_socket_linger(&stream, Some(Duration::ZERO)).expect("SO_LINGER");
    }
}

/// ESTAB is what is left of a total when the other states are taken away, so that all must be of one moment.
fn while_counted(place: &Place) -> Ran {
    obstacle()?;
    let (mut staying, mut going) = (Fill::default(), Fill::default());
    let to = staying.listener(place, "127.0.0.1:7023", Listening::with_backlog(8));
    staying.established(to, 5);
    let to = going.listener(place, "127.0.0.1:7024", Listening::with_backlog(32));
    going.half_closed(to, 20);
    // The first asks for listeners, the second for the rare states.
    let streams = std::mem::take(&mut going.streams);
    let output = held(&["status", "--json", "--detail", "states"], nth_request(1), || reset(streams));
    let status = json(&output);
    let states = &status["states"];
    assert_eq!((&states["ESTAB"], &states["CLOSE-WAIT"], &states["FIN-WAIT-2"]), (&10.into(), &0.into(), &0.into()));
    Ok(())
}

fn before_owner(place: &Place) -> Ran {
    obstacle()?;
    let stays = place.listen("127.0.0.1:7025", Listening::with_backlog(8));
    let goes = place.listen("127.0.0.1:7026", Listening::with_backlog(8));
    let output = held(
        &["listeners", "--json"],
        |call| {
            call.number == libc::SYS_getdents64 && call.path().is_some_and(|path| path == std::path::Path::new("/proc"))
        },
        || drop(goes),
    );
    assert_eq!(output.status.code(), Some(0));
    let view = json(&output);
    let listeners = view["listeners"].as_array().expect("listeners");
    let of = |port: u16| listeners.iter().find(|one| one["port"] == port).unwrap_or_else(|| panic!("{view:#}"));
    let holders = |port| of(port)["processes"].as_array().map_or(0, Vec::len);
    assert_eq!((holders(7025), holders(7026)), (1, 0), "{view:#}");
    let gaps = view["gaps"].to_string();
    assert!(gaps.contains("the owner of 1 listener is unknown"), "{gaps}");
    drop(stays);
    Ok(())
}

fn before_queue(place: &Place) -> Ran {
    obstacle()?;
    let share = Listening { share: true, ..Listening::with_backlog(8) };
    let mut sharing: Vec<_> = (0..3).map(|_| place.listen("127.0.0.1:7027", share)).collect();
    let goes = sharing.pop();
    let is_program = |call: &Call<'_>| call.number == libc::SYS_bpf;
    let output = held(&["listeners", "--json"], is_program, || drop(goes));
    assert_eq!(output.status.code(), Some(0));
    let view = json(&output);
    let listeners = view["listeners"].as_array().expect("listeners");
    assert_eq!(listeners.iter().filter(|one| one["port"] == 7027).count(), 2, "{view:#}");
    drop(sharing);
    Ok(())
}
