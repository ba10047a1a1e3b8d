//! What `tcpctl explain` says of the sockets of a namespace.

use std::io::Read;
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::case::{Case, Ran};
use crate::place::{Listening, Place, until};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a topic that depends on the host tells what its sockets are and who holds them", told),
        Case::new("a topic tells of the namespace that was asked for", from_outside),
    ]
}

/// This process as the outputs name it.
fn own_process() -> Value {
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    json!({"pid": std::process::id(), "name": comm.trim_end()})
}

fn told(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(7));
    let to = listener.local_addr().unwrap();
    let _udp = UdpSocket::bind(("127.0.0.1", to.port())).expect("UDP has its own ports");
    let _elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();

    // One that this process never closes, one closed by both ends, and one that nobody accepts.
    let held = TcpStream::connect(to).unwrap();
    let (mut kept, _) = listener.accept().unwrap();
    held.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(kept.read(&mut [0]).unwrap(), 0);
    let closed = TcpStream::connect(to).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(closed);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    drop(server);
    let unaccepted = TcpStream::connect(to).unwrap();
    unaccepted.shutdown(std::net::Shutdown::Write).unwrap();

    let facts = |topic: &str| place.json(&["--json", "explain", topic])["facts"].clone();
    let waiting = until("two sockets to be in CLOSE-WAIT", || {
        let found = facts("close-wait")["close_wait"].clone();
        if found["sockets"] == 2 { Ok(found) } else { Err(found) }
    });
    let mut holder = own_process();
    holder["sockets"] = 1.into();
    assert_eq!((&waiting["not_accepted"], &waiting["unknown"]), (&json!(1), &json!(0)));
    assert_eq!(waiting["processes"], json!([holder]));

    let listeners = facts("queues")["listeners"].clone();
    assert_eq!(listeners.as_array().map(Vec::len), Some(1));
    let one = &listeners[0];
    assert_eq!((&one["port"], &one["backlog"], &one["accept_queue"]), (&json!(to.port()), &json!(7), &json!(1)));
    assert_eq!((&one["accept_capacity"], &one["accept_limited_by"]), (&json!(8), &json!("listen()")));
    assert_eq!(one["processes"], json!([own_process()]));

    let ports = facts("time-wait-many")["port_use"].clone();
    assert_eq!(ports["time_wait"], 1);
    let towards = &ports["destinations"][0];
    assert_eq!((&towards["port"], &towards["used"], &towards["time_wait"]), (&json!(to.port()), &json!(3), &json!(1)));

    let side = json!({"addresses": ["127.0.0.1"], "processes": [own_process()]});
    let port = json!({"port": to.port(), "tcp": side, "udp": side});
    assert_eq!(facts("same-port")["shared_ports"], json!({"total": 1, "ports": [port]}));
    Ok(())
}

fn from_outside(place: &Place) -> Ran {
    let _listener = place.listen("127.0.0.1:0", Listening::with_backlog(7));
    // A process that does nothing until its input ends.
    let mut inside = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat runs");
    let pid = inside.id().to_string();
    let outside = tcpctl::sys::Namespace::fresh().expect("a second namespace");
    let (inner, own) = outside
        .run(|| {
            let other = Place::here(&outside);
            (other.json(&["explain", "queues", "--json", "-N", &pid]), other.json(&["explain", "queues", "--json"]))
        })
        .expect("the second namespace can be entered");
    drop(inside.stdin.take());
    inside.wait().expect("cat ends");
    assert_eq!(inner["facts"]["listeners"].as_array().map(Vec::len), Some(1));
    assert_eq!(own["facts"]["listeners"], json!([]));
    Ok(())
}
