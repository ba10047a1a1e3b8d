//! The SYN queues of listeners, read by a program in the kernel, are what the walk through every socket counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rustix::thread::{capabilities, set_capabilities};
use tcpctl::collect::{self, SocketReading, Source, SynQueues, SynQueuesError};
use tcpctl::snapshot::{GapKind, Listener, Snapshot, SocketSource, Sockets};
use tcpctl::sys::{BpfError, IntOption, set_int_option};
use tcpctl::units::TcpState;

use crate::case::{CannotRun, Case, Ran};
use crate::fill::{Fill, fill};
use crate::place::{Listening, Place, until};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("each listener's SYN queue as the kernel tells it is what the dump counts for it", each_listener),
        Case::new("the SYN queues of a SO_REUSEPORT group are told apart, and their sum is the group's", group),
        Case::new("SYN queues are read where there is no socket but listeners, and where there is none", alone),
        Case::new("more listeners than one reading holds are all read", many),
        Case::new("SYN queues are those of the namespace that is asked for, by one program for all", other_namespace),
        Case::new("where no program may be loaded SYN queues are counted or left open, and it is said why", refused),
        Case::new("listeners and status --watch take the program unless they are told not to", commands),
    ]
}

/// What reads SYN queues, if this machine lets it. What the kernel says of the program itself is no excuse.
fn program() -> Result<SynQueues, CannotRun> {
    let program = SynQueues::when_needed();
    match program.read() {
        Ok(_) => Ok(program),
        Err(
            error @ (SynQueuesError::NoTypes(_) | SynQueuesError::Kernel(BpfError::Denied(_) | BpfError::Absent(_))),
        ) => Err(CannotRun(error.to_string())),
        Err(error) => panic!("{error}"),
    }
}

fn read(place: &Place, sockets: SocketReading, syn_queues: &SynQueues) -> Snapshot {
    let source = Source { sockets, syn_queues: syn_queues.clone(), processes: false, ..place.source() };
    collect::live(&source).expect("the own namespace can be read")
}

fn sockets(place: &Place, reading: SocketReading, syn_queues: &SynQueues) -> Sockets {
    read(place, reading, syn_queues).sockets.expect("sockets can be read")
}

/// The walk through every socket once it counts this many half-open connections.
fn counted(place: &Place, half_open: u64) -> Sockets {
    until("the expected half-open connections", || {
        let whole = sockets(place, SocketReading::Best, &SynQueues::default());
        let count = whole.count(TcpState::SynRecv);
        if count == half_open { Ok(whole) } else { Err(count) }
    })
}

/// What is told of each listener, by its socket.
fn half_open(listeners: &[Listener]) -> BTreeMap<(u64, SocketAddr), u64> {
    let one = |one: &Listener| ((one.cookie, SocketAddr::new(one.address, one.port)), one.half_open);
    listeners.iter().map(one).collect()
}

/// Several listeners on one port with this many half-open connections among them.
fn shared_port(place: &Place, fill: &mut Fill, half_open: u64) {
    let shared = Listening { share: true, ..Listening::with_backlog(128) };
    let to = fill.listener(place, "127.0.0.1:0", shared);
    for _ in 0..2 {
        set_int_option(fill.listeners.last().expect("one"), IntOption::DeferAccept, 60).expect("TCP_DEFER_ACCEPT");
        fill.listener(place, &to.to_string(), shared);
    }
    fill.half_open(to, half_open);
}

fn each_listener(place: &Place) -> Ran {
    let program = program()?;
    // Listeners with 11, 12, 6 and no half-open connections, among sockets in every state.
    let fill = fill(place);
    let whole = counted(place, fill.count(TcpState::SynRecv));
    let by_program = sockets(place, SocketReading::SumsAndQueues, &program);
    assert_eq!(by_program.source, SocketSource::Queues);
    assert_eq!(half_open(&by_program.listeners), half_open(&whole.listeners));
    let mut queues: Vec<u64> = by_program.listeners.iter().map(|one| one.half_open).filter(|one| *one > 0).collect();
    queues.sort_unstable();
    assert_eq!(queues, [6, 11, 12]);
    // States that were not counted are not there, and not 0.
    assert_eq!(by_program.states, BTreeMap::from([(TcpState::Listen, fill.count(TcpState::Listen))]));
    // So few sockets are walked through.
    assert_eq!(sockets(place, SocketReading::Listeners, &program).source, SocketSource::Masked);
    Ok(())
}

fn group(place: &Place) -> Ran {
    let program = program()?;
    let mut fill = Fill::default();
    shared_port(place, &mut fill, 40);
    let whole = counted(place, 40);
    assert!(whole.listeners.iter().all(|one| (one.half_open, one.shares_port) == (40, 3)));
    let own = sockets(place, SocketReading::Listeners, &program);
    assert_eq!(own.source, SocketSource::Queues);
    assert_eq!(own.listeners.iter().map(|one| one.half_open).sum::<u64>(), 40);
    assert!(own.listeners.iter().all(|one| one.shares_port == 3));
    let text = place.tcpctl(&["listeners"]).stdout;
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("BPF") && !text.contains('≤'), "{text}");
    // `status` walks, and has them told apart as well.
    for detail in [&["status", "--json"] as &[&str], &["status", "--detail", "states", "--json"]] {
        let status = place.json(detail);
        let queues = |status: &serde_json::Value| -> Vec<(Option<u64>, bool)> {
            let of = |one: &serde_json::Value| (one["syn_queue"]["now"].as_u64(), one["syn_queue_shared"] == true);
            status["listeners"].as_array().expect("listeners").iter().map(of).collect()
        };
        let told = queues(&status);
        assert!(told.iter().all(|(_, shared)| !shared), "{detail:?}: {told:?}");
        assert_eq!(told.iter().filter_map(|(now, _)| *now).sum::<u64>(), 40, "{detail:?}: {told:?}");
        let without = queues(&place.json(&[detail, &["--no-bpf"]].concat()));
        assert_eq!(without, vec![(Some(40), true); 3], "{detail:?}");
    }
    Ok(())
}

fn alone(place: &Place) -> Ran {
    let program = program()?;
    assert_eq!(program.read(), Ok(BTreeMap::new()));
    let _listener = place.listen("127.0.0.1:0", Listening::with_backlog(1));
    // Nobody has asked sock_diag about it, so that it has no cookie yet.
    assert_eq!(program.read(), Ok(BTreeMap::new()));
    let by_program = sockets(place, SocketReading::SumsAndQueues, &program);
    let half_open: Vec<u64> = by_program.listeners.iter().map(|one| one.half_open).collect();
    assert_eq!((by_program.source, half_open), (SocketSource::Queues, vec![0]));
    Ok(())
}

fn many(place: &Place) -> Ran {
    let program = program()?;
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(64));
    fill.half_open(to, 5);
    let _more: Vec<_> = (0..600).map(|_| place.listen("127.0.0.1:0", Listening::with_backlog(1))).collect();
    let whole = counted(place, 5);
    let by_program = sockets(place, SocketReading::SumsAndQueues, &program);
    assert_eq!((by_program.source, by_program.listeners.len()), (SocketSource::Queues, 601));
    assert_eq!(half_open(&by_program.listeners), half_open(&whole.listeners));
    Ok(())
}

fn other_namespace(place: &Place) -> Ran {
    let program = program()?;
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(64));
    fill.half_open(to, 7);
    counted(place, 7);
    let other = tcpctl::sys::Namespace::fresh().expect("a namespace");
    let seen = other.run(|| program.read().map(|queues| queues.len())).expect("it can be entered");
    assert_eq!(seen, Ok(0));
    sockets(place, SocketReading::SumsAndQueues, &program);
    assert_eq!(program.read().map(|queues| queues.into_values().collect()), Ok(vec![7]));
    Ok(())
}

/// Runs this on a thread without any privilege.
fn unprivileged<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    let plain = || {
        let mut sets = capabilities(None).expect("capget");
        sets.effective.remove(sets.effective);
        set_capabilities(None, sets).expect("capset");
        act()
    };
    std::thread::scope(|scope| scope.spawn(plain).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn refused(place: &Place) -> Ran {
    let mut fill = Fill::default();
    shared_port(place, &mut fill, 9);
    counted(place, 9);
    let told = |snapshot: &Snapshot| {
        let gap = snapshot.gaps.iter().find(|gap| gap.source == "SYN queues by BPF").cloned();
        (snapshot.sockets.as_ref().expect("sockets").source, gap)
    };
    let program = SynQueues::when_needed();
    let (sums, listeners) = unprivileged(|| {
        let read = |reading| read(place, reading, &program);
        (read(SocketReading::SumsAndQueues), read(SocketReading::Listeners))
    });
    for (snapshot, source) in [(&sums, SocketSource::Listeners), (&listeners, SocketSource::Masked)] {
        let (instead, gap) = told(snapshot);
        let gap = gap.expect("it is said why");
        // A kernel without BTF says that first.
        assert!(matches!(gap.kind, GapKind::Denied | GapKind::Absent), "{gap:?}");
        assert!(gap.kind == GapKind::Absent || gap.reason.contains("CAP_BPF and CAP_PERFMON"), "{gap:?}");
        assert_eq!(instead, source);
    }
    let rows: Vec<_> = listeners.sockets.expect("sockets").listeners.iter().map(|one| one.half_open).collect();
    assert_eq!(rows, [9; 3]);
    // Nothing is said of what nobody asked for.
    let unwanted = read(place, SocketReading::SumsAndQueues, &SynQueues::default());
    assert_eq!(told(&unwanted), (SocketSource::Listeners, None));
    Ok(())
}

fn commands(place: &Place) -> Ran {
    program()?;
    let mut fill = Fill::default();
    shared_port(place, &mut fill, 8);
    counted(place, 8);
    let sum = |view: &serde_json::Value| {
        let listeners = view["listeners"].as_array().expect("listeners");
        listeners.iter().map(|one| one["syn_queue"]["now"].as_u64()).sum::<Option<u64>>()
    };
    let listeners = place.json(&["listeners", "--json"]);
    assert_eq!((&listeners["source"], sum(&listeners)), (&"sock-diag-listeners-and-bpf".into(), Some(8)));
    assert_eq!(listeners["listeners"][0]["syn_queue_shared"], false);
    let without = place.json(&["listeners", "--json", "--no-bpf"]);
    assert_eq!((&without["source"], sum(&without)), (&"sock-diag-and-sockstat".into(), Some(3 * 8)));
    assert_eq!(without["listeners"][0]["syn_queue_shared"], true);
    let watch = ["status", "--detail", "sums", "--watch", "10ms", "--count", "1", "--json"];
    assert_eq!(sum(&place.json(&watch)), Some(8));
    assert_eq!(sum(&place.json(&[&watch[..], &["--no-bpf"]].concat())), None);
    Ok(())
}
