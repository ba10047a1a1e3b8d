//! Sockets one by one where sock_diag is not to be had: by the tables of `/proc/net`, filtered here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;

use serde_json::Value;
use tcpctl::collect::{RowsWanted, ShownStates, SocketReading, SocketRows};
use tcpctl::snapshot::{Gap, GapKind};
use tcpctl::units::TcpState;
use tcpctl::wire::{SocketTimer, parse_filter};

use crate::case::{Case, Ran};
use crate::place::{Listening, Place};
use crate::sockets::settled;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("the tables of proc have the sockets of sock_diag, whatever the filter", same_sockets),
        Case::new("the command lists the sockets of a copy of proc and says what that does not tell", copied),
    ]
}

/// What both sources tell of a socket.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    state: TcpState,
    queues: [Option<u32>; 2],
    inode: u32,
    timer: Option<SocketTimer>,
}

/// Sockets by their ends, which are all different here.
type Sockets = BTreeMap<(SocketAddr, SocketAddr), Told>;

fn read(place: &Place, sockets: SocketReading, filter: &str, ipv4: Option<bool>) -> (Sockets, Vec<Gap>) {
    let filter = parse_filter(filter).unwrap_or_else(|error| panic!("{error}"));
    let wanted = RowsWanted { filter, shown: ShownStates::All, ipv4, info: false, memory: false, filter_here: false };
    let source = tcpctl::collect::Source { sockets, ..place.source() };
    let mut rows = Sockets::new();
    let mut opened = SocketRows::open(&source, wanted).expect("they can be opened");
    let gaps = opened.walk(|found| {
        let state = found.state().expect("a state");
        // The table has no backlog, and a timer of ESTAB may run at one moment and not at the other.
        let send_queue = (state != TcpState::Listen).then(|| found.send_queue());
        let told = Told {
            state,
            queues: [Some(found.receive_queue()), send_queue],
            inode: found.inode(),
            timer: (state != TcpState::Estab).then(|| found.timer()),
        };
        let ends = [(found.source(), found.source_port()), (found.destination(), found.destination_port())];
        let [local, remote] = ends.map(|(address, port)| SocketAddr::new(address, port));
        assert_eq!(rows.insert((local, remote), told), None, "{local} {remote}");
        ControlFlow::Continue(())
    });
    (rows, gaps.expect("they can be read"))
}

fn same_sockets(place: &Place) -> Ran {
    let fill = settled(place);
    let port = fill.listeners[0].local_addr().unwrap().port();
    let filters = [
        String::new(),
        "src 127.0.0.0/8".to_owned(),
        format!("sport = :{port} or dport = :{port}"),
        "state time-wait".to_owned(),
        "exclude established dst ::1".to_owned(),
        "not ( state established or state listening ) and sport gt :1".to_owned(),
    ];
    for filter in &filters {
        for ipv4 in [None, Some(true), Some(false)] {
            let (kernel, none) = read(place, SocketReading::Best, filter, ipv4);
            let (tables, gaps) = read(place, SocketReading::ProcNetTcp, filter, ipv4);
            assert_eq!(tables, kernel, "{filter} {ipv4:?}");
            assert_eq!(none, []);
            assert_eq!(gaps.iter().map(|gap| gap.kind).collect::<Vec<_>>(), [GapKind::Substituted]);
        }
    }
    // What the table does not tell passes no filter, and that is said.
    let (rows, gaps) = read(place, SocketReading::ProcNetTcp, "state time-wait dev lo", None);
    let expected = fill.count(TcpState::TimeWait);
    assert!(rows.is_empty());
    assert!(gaps.iter().any(|gap| gap.reason.contains(&format!("of {expected} sockets"))), "{gaps:?}");
    Ok(())
}

/// The tables of the calling thread's namespace in a folder of their own.
fn copied(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:7005", Listening::with_backlog(5));
    let client = std::net::TcpStream::connect("127.0.0.1:7005").unwrap();
    let (_server, _) = listener.accept().unwrap();
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(copy.path().join("net")).expect("a folder");
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read(format!("/proc/thread-self/net/{table}")).expect("the table");
        std::fs::write(copy.path().join("net").join(table), text).expect("a copy");
    }
    let proc = copy.path().to_str().expect("UTF-8");
    let listed = |arguments: &[&str]| {
        let output = place.tcpctl(&[&["--proc", proc, "sockets"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
    };
    let [rows, told] = listed(&["-a", "--json"]);
    assert_eq!(told.matches("/proc/net/tcp").count(), 1, "{told}");
    assert!(told.contains("no backlog of listeners"), "{told}");
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(rows.len(), 3);
    let listening = rows.iter().find(|row| row["state"] == "LISTEN").expect("the listener");
    assert_eq!(
        (&listening["recv_q"], &listening["send_q"], &listening["cookie"]),
        (&0.into(), &Value::Null, &Value::Null)
    );
    let local = client.local_addr().unwrap().to_string();
    let own = rows.iter().find(|row| row["local"] == *local).expect("the client");
    assert_eq!((&own["state"], &own["peer"], &own["send_q"]), (&"ESTAB".into(), &"127.0.0.1:7005".into(), &0.into()));
    for arguments in [&["-lH"][..], &["-lH", "--sort", "local"]] {
        let [line, _] = listed(arguments);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["LISTEN", "0", "-", "127.0.0.1:7005", "0.0.0.0:*"], "{arguments:?}");
    }
    let [grouped, _] = listed(&["-aH", "--group-by", "state"]);
    assert!(grouped.starts_with("      2") || grouped.trim_start().starts_with('2'), "{grouped}");
    Ok(())
}
