//! Sockets of every kind in known numbers, and what is read of them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use serde_json::Value;
use tcpctl::collect::{self, SocketReading};
use tcpctl::snapshot::{Drops, GapKind, Listener, Snapshot, SocketSource, Sockets};
use tcpctl::sys::{IntOption, set_int_option};
use tcpctl::units::TcpState;

use crate::case::{Case, Ran};
use crate::fill::{Fill, begin_connect, fill};
use crate::place::{Listening, Place, until};
use crate::program;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("every state is counted exactly, by the library and by the command", every_state),
        Case::new("the tables of proc give the same counts as sock_diag", fallback),
        Case::new("an empty namespace has a zero in every state", empty),
        Case::new("a snapshot is the same after being written and read", stored),
        Case::new("a port that is bound without a connection is CLOSE and nothing else", bound),
        Case::new("a full accept queue holds one more than its backlog", accept_queue),
        Case::new("connections refused by a listener are its own drops", drops),
        Case::new("half-open requests are counted at the listener that took them", half_open),
        Case::new("a SYN queue holds what the listeners screen says it does", syn_queue),
        Case::new("ports in use are counted per destination, minisocks apart", port_use),
        Case::new("the process of a listener is named", process),
        Case::new("a namespace is read from outside by the number of a process in it", from_outside),
        Case::new("a copy of proc and a namespace do not go together", copy_and_namespace),
        Case::new("watching gives rates over the window", watching),
        Case::for_root("an ordinary user reads the same counts and is told what is missing", unprivileged),
    ]
}

/// One of everything, as the kernel shows it when all segments have come.
pub(crate) fn settled(place: &Place) -> Fill {
    let fill = fill(place);
    read_until_right(place, &fill.all());
    fill
}

/// Reads until the counts are right; the last segments may still be on their way.
fn read_until_right(place: &Place, expected: &BTreeMap<TcpState, u64>) -> Sockets {
    until("the expected counts", || {
        let sockets = place.snapshot().sockets.expect("sockets can be read");
        if sockets.states == *expected { Ok(sockets) } else { Err(sockets.states) }
    })
}

fn every_state(place: &Place) -> Ran {
    let fill = fill(place);
    let sockets = read_until_right(place, &fill.all());
    assert_eq!(sockets.source, SocketSource::SockDiag);
    assert_eq!(sockets.listeners.len(), 7);

    let status = place.json(&["status", "--json"]);
    let states = status["states"].as_object().expect("states");
    let named: BTreeMap<TcpState, u64> =
        states.iter().map(|(name, count)| (name.parse().unwrap(), count.as_u64().unwrap())).collect();
    assert_eq!(named, fill.all());
    assert_eq!(status["schema"], 1);
    assert_eq!(status["netns"]["inode"], place.inode());
    assert_eq!(status["listeners"].as_array().map(Vec::len), Some(7));
    assert_eq!(status["gaps"], Value::Array(Vec::new()));
    Ok(())
}

/// Without what moves from one reading to the next: a SYN that a full queue refuses is sent again, and clocks go on.
fn unmoved(sockets: &Sockets) -> Sockets {
    let listeners = sockets.listeners.iter().map(|one| Listener { drops: Drops::Unknown, ..one.clone() }).collect();
    Sockets { listeners, samples: None, ..sockets.clone() }
}

/// Which of the sockets in CLOSE-WAIT were kept by themselves.
fn samples(sockets: &Sockets) -> Vec<(SocketAddr, SocketAddr)> {
    let rows = &sockets.samples.as_ref().expect("a whole walk keeps some").close_wait.rows;
    let mut ends: Vec<_> = rows.iter().map(|row| (row.local, row.remote)).collect();
    ends.sort();
    ends
}

fn fallback(place: &Place) -> Ran {
    let fill = fill(place);
    let by_sock_diag = read_until_right(place, &fill.all());
    let source = collect::Source { sockets: SocketReading::ProcNetTcp, ..place.source() };
    let snapshot = collect::live(&source).expect("the own namespace can be read");
    let by_proc = snapshot.sockets.expect("the tables can be read");
    assert_eq!(by_proc.source, SocketSource::ProcNetTcp);
    // What is merely bound is not in them, so that nothing is known of CLOSE.
    let mut told = by_sock_diag.states.clone();
    assert_eq!(told.remove(&TcpState::Close), Some(0));
    assert_eq!(by_proc.states, told);
    // A kernel that refuses one walk for both families answers for each.
    let source = collect::Source { sockets: SocketReading::OneByOne, ..place.source() };
    let one_by_one = collect::live(&source).expect("the own namespace can be read").sockets;
    assert_eq!(one_by_one.as_ref().map(unmoved), Some(unmoved(&by_sock_diag)));
    assert_eq!(one_by_one.as_ref().map(samples), Some(samples(&by_sock_diag)));
    assert_eq!(
        samples(&by_sock_diag).len(),
        by_sock_diag.states.get(&TcpState::CloseWait).map_or(0, |count| *count as usize)
    );
    let ends = |sockets: &Sockets| -> Vec<_> {
        let mut ends: Vec<_> = sockets
            .listeners
            .iter()
            .map(|one| (one.address, one.port, one.accept_queue, one.half_open, one.inode, one.processes.clone()))
            .collect();
        ends.sort();
        ends
    };
    assert_eq!(ends(&by_proc), ends(&by_sock_diag));
    assert!(by_proc.listeners.iter().all(|one| one.backlog.is_none() && one.drops == Drops::Unknown));
    let substituted: Vec<_> = snapshot.gaps.iter().filter(|gap| gap.kind == GapKind::Substituted).collect();
    assert_eq!(substituted.len(), 1, "{:?}", snapshot.gaps);
    Ok(())
}

fn empty(place: &Place) -> Ran {
    let snapshot = place.snapshot();
    let sockets = snapshot.sockets.expect("sockets can be read");
    assert_eq!(sockets.states, Fill::default().all());
    assert_eq!((sockets.listeners.len(), sockets.ports.len()), (0, 0));
    assert_eq!(snapshot.counters.tcp("CurrEstab"), Some(0));
    assert_eq!(snapshot.netns.initial, Some(false));
    Ok(())
}

fn stored(place: &Place) -> Ran {
    let fill = fill(place);
    read_until_right(place, &fill.all());
    let snapshot = place.snapshot();
    let text = serde_json::to_string(&snapshot).expect("a snapshot can be written");
    let read: Snapshot = serde_json::from_str(&text).expect("a snapshot can be read");
    assert_eq!(read, snapshot);
    Ok(())
}

fn bound(place: &Place) -> Ran {
    let socket =
        socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP)).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let snapshot = place.snapshot();
    let sockets = snapshot.sockets.expect("sockets can be read");
    let others =
        sockets.states.iter().filter(|(state, _)| **state != TcpState::Close).map(|(_, count)| count).sum::<u64>();
    // Reported since Linux 6.8.
    let reported = snapshot.kernel.version.is_some_and(|version| version.at_least(6, 8));
    assert_eq!((sockets.count(TcpState::Close), others), (u64::from(reported), 0));
    assert_eq!(sockets.ports, []);
    Ok(())
}

fn accept_queue(place: &Place) -> Ran {
    place.set("net.core.somaxconn", "7");
    let mut fill = Fill::default();
    let asked = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(4));
    let cut = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(1000));
    fill.streams.extend((0..5).map(|_| TcpStream::connect(asked).unwrap()));
    let listeners = until("five connections in the queue", || {
        let listeners = place.snapshot().sockets.expect("sockets can be read").listeners;
        let queued = listeners.iter().find(|one| one.port == asked.port()).and_then(|one| one.accept_queue);
        if queued == Some(5) { Ok(listeners) } else { Err(queued) }
    });
    let backlog = |port| listeners.iter().find(|one| one.port == port).and_then(|one| one.backlog);
    assert_eq!((backlog(asked.port()), backlog(cut.port())), (Some(4), Some(7)));

    let rows = place.json(&["listeners", "--json"]);
    let row = |port: u16| {
        let rows = rows["listeners"].as_array().expect("listeners");
        rows.iter().find(|row| row["port"] == port).expect("the listener").clone()
    };
    assert_eq!(
        row(asked.port())["accept_queue"],
        serde_json::json!({"now": 5, "capacity": 5, "bound_by": "application"})
    );
    assert_eq!(row(cut.port())["accept_queue"], serde_json::json!({"now": 0, "capacity": 8, "bound_by": "somaxconn"}));
    Ok(())
}

fn drops(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(2));
    let quiet = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(2));
    fill.streams.extend((0..3).map(|_| TcpStream::connect(to).unwrap()));
    // Each SYN meets a full accept queue; closing at once keeps it from being sent again.
    for _ in 0..6 {
        drop(begin_connect(to));
    }
    let snapshot = until("all six SYNs to be looked at", || {
        let snapshot = place.snapshot();
        let drops = snapshot.counters.tcp_ext("ListenDrops");
        if drops == Some(6) { Ok(snapshot) } else { Err(drops) }
    });
    let listeners = snapshot.sockets.expect("sockets can be read").listeners;
    let drops = |port| listeners.iter().find(|one| one.port == port).map(|one| one.drops);
    assert_eq!(drops(to.port()), Some(Drops::Total(6)));
    assert_eq!(drops(quiet.port()), Some(Drops::Total(0)));
    Ok(())
}

fn half_open(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let mut expected = Vec::new();
    // A wildcard and an exact address on one port, a dual-stack one, and two that share a port.
    let shared = Listening { share: true, ..Listening::with_backlog(128) };
    let any = fill.listener(place, "0.0.0.0:0", shared);
    fill.half_open(SocketAddr::from(([127, 0, 0, 5], any.port())), 2);
    let exact = fill.listener(place, &format!("127.0.0.9:{}", any.port()), shared);
    fill.half_open(exact, 3);
    expected.extend([(any, 2, 1), (exact, 3, 1)]);

    let both = fill.listener(place, "[::]:0", Listening { v6_only: false, ..Listening::with_backlog(128) });
    fill.half_open(SocketAddr::from(([127, 0, 0, 1], both.port())), 4);
    fill.half_open(format!("[::1]:{}", both.port()).parse().unwrap(), 1);
    expected.push((both, 5, 1));

    let first = fill.listener(place, "127.0.0.1:0", shared);
    set_int_option(fill.listeners.last().unwrap(), IntOption::DeferAccept, 60).unwrap();
    fill.listener(place, &first.to_string(), shared);
    fill.half_open(first, 7);
    expected.extend([(first, 7, 2), (first, 7, 2)]);

    let sockets = read_until_right(place, &fill.all());
    let mut seen: Vec<_> = sockets
        .listeners
        .iter()
        .map(|one| (SocketAddr::new(one.address, one.port), one.half_open, one.shares_port))
        .collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    Ok(())
}

fn syn_queue(place: &Place) -> Ran {
    // Without cookies, a SYN that finds the queue full is dropped.
    place.set("net.ipv4.tcp_syncookies", "0");
    let mut fill = Fill::default();
    for backlog in [3, 8, 40] {
        let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(backlog));
        set_int_option(fill.listeners.last().unwrap(), IntOption::DeferAccept, 60).unwrap();
        fill.streams.extend((0..60).map(|_| begin_connect(to)));
    }
    until("every SYN to be kept or dropped", || {
        let snapshot = place.snapshot();
        let kept = snapshot.sockets.as_ref().map(|sockets| sockets.count(TcpState::SynRecv));
        let dropped = snapshot.counters.tcp_ext("TCPReqQFullDrop");
        // More than 180 when one is sent again meanwhile.
        if kept.zip(dropped).is_some_and(|(kept, dropped)| i64::try_from(kept).unwrap() + dropped >= 180) {
            Ok(())
        } else {
            Err((kept, dropped))
        }
    });
    let rows = place.json(&["listeners", "--json"]);
    for row in rows["listeners"].as_array().expect("listeners") {
        let queue = &row["syn_queue"];
        assert_eq!(queue["now"], queue["capacity"], "{row}");
        assert_eq!(queue["bound_by"], "application");
    }
    let text = String::from_utf8(place.tcpctl(&["status"]).stdout).unwrap();
    assert_eq!(text.matches(" full\n").count(), 3, "{text}");
    Ok(())
}

fn port_use(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(128));
    fill.established(to, 4);
    fill.time_wait(to, 5);
    fill.orphaned(to, 3);
    let other = fill.listener(place, "[::1]:0", Listening::with_backlog(128));
    fill.established(other, 2);
    let ports = read_until_right(place, &fill.all()).ports;
    let rows: Vec<_> =
        ports.iter().map(|row| (row.destination, row.destination_port, row.used, row.time_wait)).collect();
    assert_eq!(rows, [(to.ip(), to.port(), 12, 8), (other.ip(), other.port(), 2, 0)]);
    Ok(())
}

fn process(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let bound = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(1));
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    let expected = serde_json::json!([{"pid": std::process::id(), "name": comm.trim_end()}]);
    let rows = place.json(&["listeners", "--json", "--port", &bound.port().to_string()]);
    assert_eq!(rows["listeners"][0]["processes"], expected);
    let text = String::from_utf8(place.tcpctl(&["listeners"]).stdout).unwrap();
    assert!(text.contains(&format!("{}({})", comm.trim_end(), std::process::id())), "{text}");
    Ok(())
}

fn from_outside(place: &Place) -> Ran {
    let mut fill = Fill::default();
    fill.listener(place, "127.0.0.1:0", Listening::with_backlog(1));
    // A process that does nothing until its input ends.
    let mut inside = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat runs");
    let pid = inside.id().to_string();
    let outside = tcpctl::sys::Namespace::fresh().expect("a second namespace");
    let (status, own) = outside
        .run(|| {
            let other = Place::here(&outside);
            (other.json(&["status", "--json", "--netns", &pid]), other.json(&["status", "--json"]))
        })
        .expect("the second namespace can be entered");
    drop(inside.stdin.take());
    inside.wait().expect("cat ends");
    assert_eq!(status["netns"]["inode"], place.inode());
    assert_eq!((&status["states"]["LISTEN"], &own["states"]["LISTEN"]), (&Value::from(1), &Value::from(0)));
    Ok(())
}

fn copy_and_namespace(place: &Place) -> Ran {
    let copy = tempfile::tempdir().unwrap();
    let output = place.tcpctl(&["status", "--proc", copy.path().to_str().unwrap(), "--netns", "/proc/self/ns/net"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("does not show the network namespace `/proc/self/ns/net`"), "{message}");
    Ok(())
}

fn watching(place: &Place) -> Ran {
    let output = place.tcpctl(&["status", "--json", "--watch", "50ms", "--count", "3"]);
    assert!(output.status.success());
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["window_ms"], Value::Null);
    for line in &lines[1..] {
        assert!(line["window_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", line["window_ms"]);
        let counter = line["counters"].as_array().unwrap().iter().find(|one| one["name"] == "ListenDrops").unwrap();
        assert_eq!((&counter["rise"], &counter["milli_per_s"]), (&Value::from(0), &Value::from(0)));
    }
    Ok(())
}

fn unprivileged(place: &Place) -> Ran {
    let fill = fill(place);
    read_until_right(place, &fill.all());
    let nobody = 65_534;
    let output =
        Command::new(program::path()).args(["status", "--json"]).uid(nobody).gid(nobody).current_dir("/").output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (state, count) in fill.all() {
        assert_eq!(status["states"][state.name()], count, "{state}");
    }
    assert_eq!((&status["capabilities"]["euid"], &status["capabilities"]["effective"]), (&nobody.into(), &0.into()));
    let gaps = status["gaps"].as_array().unwrap();
    let denied: Vec<_> = gaps.iter().filter(|gap| gap["kind"] == "denied").collect();
    assert!(
        denied
            .iter()
            .any(|gap| gap["consequence"].as_str().is_some_and(|text| text.starts_with("owners of 7 listeners"))),
        "{gaps:?}"
    );
    Ok(())
}
