//! Sockets one by one that are unlike others: groups on one port, subflows, owners known by cgroup alone.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, bind, connect, getsockname, listen, socket_with};
use serde_json::Value;

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Listening, Place};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("listeners that share a port are rows of their own", reuseport),
        Case::new("subflows of MPTCP are told from plain TCP", mptcp),
        Case::new("a connection that nobody has accepted has a row without inode and process", not_accepted),
        Case::new("sockets name the cgroup that made them, and can be asked for by it", cgroup),
    ]
}

/// `IPPROTO_MPTCP` of `include/uapi/linux/in.h`.
const MPTCP: u32 = 262;

fn rows(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let output = place.tcpctl(&[&["sockets", "--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn reuseport(place: &Place) -> Ran {
    let shared = |backlog| Listening { share: true, ..Listening::with_backlog(backlog) };
    let group: Vec<TcpListener> = [5, 6, 7].map(|backlog| place.listen("127.0.0.1:7021", shared(backlog))).into();
    let rows = rows(place, &["-l"]);
    let backlogs: BTreeSet<u64> = rows.iter().filter_map(|row| row["send_q"].as_u64()).collect();
    assert_eq!((rows.len(), backlogs), (3, BTreeSet::from([5, 6, 7])));
    let cookies: BTreeSet<String> = rows.iter().map(|row| row["cookie"].to_string()).collect();
    assert_eq!(cookies.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["local"] == "127.0.0.1:7021"));
    drop(group);
    Ok(())
}

fn mptcp(place: &Place) -> Ran {
    let protocol = Protocol::from_raw(MPTCP.try_into().expect("not 0"));
    let socket = || socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, Some(protocol));
    let server = socket().map_err(|error| CannotRun(format!("the kernel has no MPTCP: {error}")))?;
    bind(&server, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("bind");
    listen(&server, 16).expect("listen");
    let to = SocketAddr::try_from(getsockname(&server).expect("a name")).expect("an address");
    let client = socket().expect("a socket");
    connect(&client, &to).expect("connect");
    let accepted = rustix::net::accept(&server).expect("accept");
    let plain = place.listen("127.0.0.1:0", Listening::with_backlog(4));
    let other = TcpStream::connect(plain.local_addr().unwrap()).unwrap();
    let port = u64::from(to.port());
    let mut subflows = 0;
    // Asked for with tcp_info, as ss needs it too (`tcp_diag_get_aux` sends it to who may administer the network).
    for row in rows(place, &["-a", "-i"]) {
        let is_subflow = row["local_port"] == port || row["peer_port"] == port;
        assert_eq!(row["upper_layer"] == "mptcp", is_subflow, "{row}");
        subflows += u32::from(is_subflow);
    }
    assert_eq!(subflows, 3, "the listener and both ends");
    drop((client, accepted, other));
    Ok(())
}

fn not_accepted(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:7022", Listening::with_backlog(4));
    let client = TcpStream::connect("127.0.0.1:7022").unwrap();
    let port = client.local_addr().unwrap().port().to_string();
    let both = |sport: &str| rows(place, &["-p", sport, "=", &format!(":{port}")]);
    let (own, waiting) = (both("sport"), both("dport"));
    let [own, waiting] = [&own, &waiting].map(|rows| rows.first().expect("a row").clone());
    assert_eq!((&waiting["inode"], &waiting["processes"]), (&0.into(), &Value::Array(Vec::new())));
    assert_eq!(own["processes"][0]["pid"], std::process::id());
    let (_server, _) = listener.accept().unwrap();
    let accepted = both("dport");
    assert_ne!(accepted.first().expect("a row")["inode"], 0);
    Ok(())
}

fn cgroup(place: &Place) -> Ran {
    let own = std::fs::read_to_string("/proc/self/cgroup").expect("proc");
    let path = own.lines().find_map(|line| line.strip_prefix("0::"));
    let path = path.ok_or_else(|| CannotRun("there are no cgroups of version 2".to_owned()))?;
    let listener = place.listen("127.0.0.1:7023", Listening::with_backlog(4));
    let found = rows(place, &["-l", "-e"]);
    let row = found.first().expect("a row");
    if row["cgroup_id"].is_null() {
        return Err(CannotRun("the kernel does not tell cgroups of sockets".to_owned()));
    }
    if row["cgroup"].is_null() {
        return Err(CannotRun(format!("cgroups are not mounted where this process sees its own, {path}")));
    }
    assert_eq!(row["cgroup"], path);
    let text = String::from_utf8(place.tcpctl(&["sockets", "-lHeO"]).stdout).expect("UTF-8");
    assert!(text.contains(&format!(" cgroup:{path}")), "{text}");
    assert_eq!(rows(place, &["-l", "cgroup", "=", path]).len(), 1);
    // Nobody asked for it.
    assert_eq!(rows(place, &["-l"]).first().expect("a row")["cgroup"], Value::Null);
    drop(listener);
    Ok(())
}
