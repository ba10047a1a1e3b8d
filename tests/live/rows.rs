//! Sockets one by one: filters in the kernel and here, and what lines and objects say of them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use serde_json::Value;
use tcpctl::collect::{RowsWanted, ShownStates, SocketRows, SocketRowsError};
use tcpctl::sys::{RouteSocket, Tun};
use tcpctl::wire::parse_filter;

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Listening, Place, until, until_reachable};
use crate::program;
use crate::sockets::settled;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a filter passes the same sockets in the kernel and here", same_either_way),
        Case::new("the sockets without options are those of ss without options", shown_states),
        Case::new("addresses are written as ss writes them", addresses),
        Case::new("link-local addresses have their device", scoped),
        Case::new("the process of each socket is named", processes),
        Case::new("sorted sockets are the greatest ones in order", sorted),
        Case::new("groups add up to all sockets", groups),
        Case::new("watching tells what is new, gone and in another state", watching),
        Case::for_root("marks are shown to root and refused to others", marks),
    ]
}

/// What a socket is known by in these cases: its state and ends.
type Row = (u8, SocketAddr, SocketAddr, u64);

/// The sockets that pass a filter.
fn rows(place: &Place, filter: &str, shown: ShownStates, filter_here: bool) -> Result<Vec<Row>, SocketRowsError> {
    let filter = parse_filter(filter).unwrap_or_else(|error| panic!("{error}"));
    let wanted = RowsWanted { filter, shown, ipv4: None, info: false, memory: false, filter_here };
    let mut rows = Vec::new();
    SocketRows::open(&place.source(), wanted)?.walk(|found| {
        rows.push((
            found.state().expect("a state").to_kernel(),
            SocketAddr::new(found.source(), found.source_port()),
            SocketAddr::new(found.destination(), found.destination_port()),
            found.cookie(),
        ));
        ControlFlow::Continue(())
    })?;
    rows.sort_unstable();
    Ok(rows)
}

fn all(place: &Place) -> Vec<Row> {
    rows(place, "", ShownStates::All, false).expect("sockets can be read")
}

fn same_either_way(place: &Place) -> Ran {
    let _fill = settled(place);
    // The only one whose port was chosen.
    let _chosen = place.listen("127.0.0.1:7007", Listening::with_backlog(1));
    let bound = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&bound, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let everything = all(place);
    let port = everything.iter().find(|row| row.0 == 10).map(|row| row.1.port()).expect("a listener");
    let filters = [
        "src 127.0.0.0/8".to_owned(),
        "src 127.0.0.1 and not dst 127.0.0.1".to_owned(),
        "dst ::ffff:127.0.0.1".to_owned(),
        "src ::ffff:0:0/96 or dst [::1]".to_owned(),
        "src ::/0".to_owned(),
        "src 0.0.0.0/0".to_owned(),
        format!("sport = :{port}"),
        format!("sport != :{port}"),
        format!("dport = :{port} and state established"),
        format!("( sport = :{port} dst 127.0.0.1 ) and not state time-wait"),
        format!("dport = :{port} or ( sport = :{port} and not state listening )"),
        format!("sport gt :{port}"),
        format!("dst 127.0.0.1:{port}"),
        "sport >= :1 dport <= :65535".to_owned(),
        "dport lt :1".to_owned(),
        "state syn-recv".to_owned(),
        "state bucket".to_owned(),
        "state synchronized exclude established".to_owned(),
        "exclude time-wait sport ge :1024".to_owned(),
        "( state established and src 127.0.0.0/8 ) or ( state time-wait and src ::1 )".to_owned(),
        "not ( state established or state listening )".to_owned(),
        "dev lo".to_owned(),
        "not dev lo".to_owned(),
        "dev != if1 and dst 127.0.0.1".to_owned(),
        "cgroup = /".to_owned(),
        "not not src ::1".to_owned(),
    ];
    let mut sizes = BTreeSet::new();
    for filter in &filters {
        let kernel = rows(place, filter, ShownStates::All, false);
        if filter.starts_with("cgroup") && kernel.is_err() {
            // No hierarchy of version 2 is mounted here.
            continue;
        }
        let kernel = kernel.unwrap_or_else(|error| panic!("{filter}: {error}"));
        let here = rows(place, filter, ShownStates::All, true).expect("sockets can be read");
        assert_eq!(kernel, here, "{filter}");
        assert!(kernel.iter().all(|row| everything.contains(row)), "{filter}");
        sizes.insert(kernel.len());
    }
    // The filters do tell sockets apart.
    assert!(sizes.len() > 10 && sizes.contains(&everything.len()) && sizes.contains(&0), "{sizes:?}");
    let autobound = rows(place, "autobound", ShownStates::All, false).expect("the kernel knows it");
    let not_chosen: Vec<Row> = everything.iter().filter(|row| row.1.port() != 7007).copied().collect();
    assert_eq!(autobound, not_chosen);
    // Of the others the kernel gives out a part from now on, and only those count.
    let mut ports: Vec<u16> = not_chosen.iter().map(|row| row.1.port()).collect();
    ports.sort_unstable();
    let most = ports[ports.len() / 2];
    place.set("net.ipv4.ip_local_port_range", &format!("1024 {most}"));
    let (given_out, chosen): (Vec<Row>, Vec<Row>) =
        everything.iter().partition(|row| row.1.port() != 7007 && row.1.port() <= most);
    assert!(given_out.len() < not_chosen.len());
    assert_eq!(rows(place, "autobound", ShownStates::All, false), Ok(given_out));
    assert_eq!(rows(place, "not autobound", ShownStates::All, false), Ok(chosen));
    let both = rows(place, "( autobound or state listening )", ShownStates::All, false);
    assert_eq!(both, Err(SocketRowsError::Autobound));
    Ok(())
}

fn shown_states(place: &Place) -> Ran {
    let _fill = settled(place);
    let states = |shown| -> BTreeSet<u8> {
        rows(place, "", shown, false).expect("sockets can be read").iter().map(|row| row.0).collect()
    };
    // ESTAB, SYN-SENT, FIN-WAIT-2 and CLOSE-WAIT are there; SYN-RECV (3), TIME-WAIT (6) and LISTEN (10) are not shown.
    assert_eq!(states(ShownStates::Connected), BTreeSet::from([1, 2, 5, 8]));
    assert_eq!(states(ShownStates::Listening), BTreeSet::from([10]));
    assert_eq!(states(ShownStates::All), BTreeSet::from([1, 2, 3, 5, 6, 8, 10]));
    let counted = text(place, &["sockets", "-H", "-tan"]).lines().count();
    assert_eq!(counted, all(place).len());
    assert_eq!(
        text(place, &["sockets", "-H", "-6a"]).lines().count(),
        all(place).iter().filter(|r| r.1.is_ipv6()).count()
    );
    Ok(())
}

/// What the command prints; it must succeed.
fn text(place: &Place, arguments: &[&str]) -> String {
    let output = place.tcpctl(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The objects that the command prints, one a line.
fn objects(place: &Place, arguments: &[&str]) -> Vec<Value> {
    text(place, arguments).lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn addresses(place: &Place) -> Ran {
    let both = place.listen("[::]:7001", Listening { v6_only: false, ..Listening::with_backlog(8) });
    let only = place.listen("[::]:7002", Listening::with_backlog(8));
    let plain = place.listen("0.0.0.0:7003", Listening::with_backlog(8));
    let client = TcpStream::connect("127.0.0.1:7001").unwrap();
    let (server, _) = both.accept().unwrap();
    let rows: BTreeSet<(String, String, String)> = objects(place, &["sockets", "-a", "--json"])
        .iter()
        .map(|row| {
            let [state, local, peer] = ["state", "local", "peer"].map(|key| row[key].as_str().unwrap().to_owned());
            (state, local, peer)
        })
        .collect();
    let port = client.local_addr().unwrap().port();
    let expected = [
        ("LISTEN", "*:7001".to_owned(), "*:*".to_owned()),
        ("LISTEN", "[::]:7002".to_owned(), "[::]:*".to_owned()),
        ("LISTEN", "0.0.0.0:7003".to_owned(), "0.0.0.0:*".to_owned()),
        ("ESTAB", format!("127.0.0.1:{port}"), "127.0.0.1:7001".to_owned()),
        ("ESTAB", "[::ffff:127.0.0.1]:7001".to_owned(), format!("[::ffff:127.0.0.1]:{port}")),
    ];
    assert_eq!(rows, expected.into_iter().map(|(state, local, peer)| (state.to_owned(), local, peer)).collect());
    let mapped = text(place, &["sockets", "-H6", "dport", "=", &format!(":{port}")]);
    let words: Vec<&str> = mapped.split_whitespace().collect();
    assert_eq!(words, ["ESTAB", "0", "0", "[::ffff:127.0.0.1]:7001", &format!("[::ffff:127.0.0.1]:{port}")]);
    drop((only, plain, server));
    Ok(())
}

fn scoped(place: &Place) -> Ran {
    let tun = Tun::create("d0").map_err(|error| CannotRun(format!("no TUN device can be made: {error}")))?;
    let mut route = RouteSocket::open().unwrap();
    route.raise_link(tun.index(), 1500, 100).unwrap();
    route.add_address(tun.index(), "fe80::7".parse().unwrap(), 64).unwrap();
    let local = SocketAddrV6::new("fe80::7".parse().unwrap(), 0, 0, tun.index());
    let listener = until("the address to be usable", || TcpListener::bind(local));
    until_reachable(&listener);
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (_server, _) = listener.accept().unwrap();
    let port = client.local_addr().unwrap().port();
    let rows = objects(place, &["sockets", "--json", "sport", "=", &format!(":{port}")]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["local"], format!("[fe80::7]%d0:{port}"));
    assert_eq!((&rows[0]["interface"], &rows[0]["device"]), (&Value::from(tun.index()), &Value::from("d0")));
    assert_eq!(text(place, &["sockets", "-H", "dev", "d0"]).lines().count(), 2);
    let unknown = place.tcpctl(&["sockets", "dev", "eth9"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no device `eth9` in this network namespace"));
    Ok(())
}

fn processes(place: &Place) -> Ran {
    let _fill = settled(place);
    let own = (u64::from(std::process::id()), std::fs::read_to_string("/proc/self/comm").unwrap().trim().to_owned());
    let (mut held, mut free) = (0, 0);
    for row in objects(place, &["sockets", "-a", "-p", "--json"]) {
        let processes = row["processes"].as_array().expect("processes");
        if row["inode"] == 0 {
            free += 1;
            assert!(processes.is_empty(), "{row}");
        } else {
            held += 1;
            let found =
                processes.iter().map(|one| (one["pid"].as_u64().unwrap(), one["name"].as_str().unwrap().to_owned()));
            assert!(found.eq([own.clone()]), "{row}");
        }
    }
    assert!(held > 0 && free > 0);
    let line = text(place, &["sockets", "-Hlp"]);
    assert!(line.lines().all(|line| line.contains(&format!("{}({})", own.1, own.0))), "{line}");
    Ok(())
}

fn sorted(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(16));
    let to = listener.local_addr().unwrap();
    let mut streams = Vec::new();
    for bytes in [300, 100, 500, 200, 400] {
        let mut client = TcpStream::connect(to).unwrap();
        client.write_all(&vec![7; bytes]).unwrap();
        streams.push((client, listener.accept().unwrap().0));
    }
    let queues = |document: &Value| -> Vec<u64> {
        document["sockets"].as_array().unwrap().iter().map(|row| row["recv_q"].as_u64().unwrap()).collect()
    };
    let asked = ["sockets", "-a", "--json", "--sort", "recv-q", "--limit", "3"];
    let found = until("all bytes to come", || {
        let document = place.json(&asked);
        if queues(&document) == [500, 400, 300] { Ok(document) } else { Err(document) }
    });
    assert_eq!((&found["schema"], &found["gaps"]), (&Value::from(1), &Value::Array(Vec::new())));
    let every = place.json(&["sockets", "-a", "--json", "--sort", "recv-q"]);
    assert_eq!(queues(&every), [500, 400, 300, 200, 100, 0, 0, 0, 0, 0, 0]);
    Ok(())
}

fn groups(place: &Place) -> Ran {
    let _fill = settled(place);
    let everything = all(place);
    for by in ["peer", "process", "state", "listener"] {
        let document = place.json(&["sockets", "-a", "--json", "--group-by", by]);
        let groups = document["groups"].as_array().expect("groups");
        let sum: u64 = groups.iter().map(|group| group["sockets"].as_u64().unwrap()).sum();
        // A listener is a group of its own and in none.
        let listeners = everything.iter().filter(|row| row.0 == 10).count();
        let expected = if by == "listener" { everything.len() - listeners } else { everything.len() };
        assert_eq!(usize::try_from(sum), Ok(expected), "{by}");
        assert_eq!(document["groups_in_all"], groups.len());
        if by == "listener" {
            assert_eq!(groups.len(), listeners + 1, "{document:#}");
        }
    }
    Ok(())
}

fn watching(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(8));
    let to = listener.local_addr().unwrap();
    let mut child = Command::new(program::path())
        .args(["sockets", "-a", "--json", "--watch", "20ms"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = |wanted: &dyn Fn(&Value) -> bool| loop {
        let line = lines.next().expect("it goes on").expect("text");
        let object: Value = serde_json::from_str(&line).expect("a line is JSON");
        if wanted(&object) {
            break object;
        }
    };
    let first = next(&|object| object["reading"] == 1);
    assert_eq!((&first["sockets"], &first["new"]), (&Value::from(1), &Value::from(0)));
    let client = TcpStream::connect(to).unwrap();
    let port = Value::from(client.local_addr().unwrap().port());
    let new = next(&|object| object["change"] == "new" && object["local_port"] == port);
    assert_eq!(new["state"], "ESTAB");
    let (server, _) = listener.accept().unwrap();
    drop(client);
    let waits = next(&|object| object["change"] == "state" && object["local_port"] == port);
    assert_eq!((&waits["state_before"], &waits["state"]), (&Value::from("ESTAB"), &Value::from("FIN-WAIT-2")));
    drop(server);
    let gone = next(&|object| object["change"] == "gone" && object["peer_port"] == port);
    assert_eq!(gone["state"], "CLOSE-WAIT");
    child.kill().expect("the own child");
    child.wait().expect("the own child");
    Ok(())
}

fn marks(place: &Place) -> Ran {
    let _fill = settled(place);
    let marked = text(place, &["sockets", "-Ha", "fwmark", "=", "0"]).lines().count();
    assert_eq!(marked, all(place).len());
    assert_eq!(text(place, &["sockets", "-Ha", "fwmark", "=", "0x1/0x1"]), "");
    use std::os::unix::process::CommandExt;
    let output = Command::new(program::path())
        .args(["sockets", "-a", "fwmark", "=", "1"])
        .uid(65_534)
        .gid(65_534)
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("CAP_NET_ADMIN"));
    Ok(())
}
