//! What moved between two readings of sockets: bytes, segments sent again, drops, queues, groups, namespaces.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tcpctl::sys::{Namespace, raise_loopback};

use crate::case::{Case, Ran};
use crate::fill::{begin_connect, read_end};
use crate::namespaces::Inside;
use crate::place::{Listening, Place, until};
use crate::program;
use crate::screen::Screen;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("watching tells bytes and queues of each socket since the reading before", bytes),
        Case::new("watching tells what a listener refused since the reading before", drops),
        Case::new("a watched row that sends most stands first when sorted by that", sorted),
        Case::new("watched groups tell how many sockets came and what went through them", groups),
        Case::new("a screen of watched rows says that more sockets are there than it has room for", screenful),
        Case::for_root("watching every namespace tells where a socket came and went, and that one is gone", namespaces),
    ]
}

/// The program while it watches; it ends with this.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn begin(arguments: &[&str]) -> Self {
        let mut child = Command::new(program::path())
            .arg("sockets")
            .args(arguments)
            .args(["--json", "--watch", "20ms", "--cpu-share", "50"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// The rows of the next reading, and what is said of it.
    fn reading(&mut self) -> (Vec<Value>, Value) {
        let mut rows = Vec::new();
        loop {
            let line = self.lines.next().expect("it goes on").expect("text");
            let object: Value = serde_json::from_str(&line).expect("a line is JSON");
            if object["reading"].is_u64() {
                return (rows, object);
            }
            rows.push(object);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn pair(place: &Place, address: &str) -> (TcpStream, TcpStream) {
    let listener = place.listen(address, Listening::with_backlog(8));
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn bytes(place: &Place) -> Ran {
    const BYTES: usize = 30_000;
    let (mut client, mut server) = pair(place, "127.0.0.1:0");
    let port = Value::from(client.local_addr().unwrap().port());
    let mut watch = Watch::begin(&["-a"]);
    let (_, first) = watch.reading();
    assert_eq!((&first["window_s"], &first["since_last"]), (&Value::Null, &Value::Null));
    client.write_all(&[7; BYTES]).unwrap();
    // In however many readings: what moved adds up to what was written, and the queue to what was not read.
    let (mut sent, mut received, mut waiting, mut whole) = (0, 0, 0, 0);
    let mut follow = |watch: &mut Watch, until: &dyn Fn(u64, u64, i64) -> bool| {
        while !until(sent, received, waiting) {
            let (rows, reading) = watch.reading();
            let window_s = reading["window_s"].as_f64().expect("a window");
            for row in rows.iter().filter(|row| row["change"] == "moved") {
                let since = &row["since_last"];
                assert_eq!(since["window_s"], reading["window_s"]);
                let out = number(&since["sent_bytes"]);
                let rate = since["sent_bytes_per_s"].as_f64().expect("a rate");
                // The window is told to a thousandth of a second, and is one at the least.
                assert!((rate * window_s - out as f64).abs() <= rate * 0.001 + 1.0, "{row}");
                if row["local_port"] == port {
                    sent += out;
                } else {
                    received += number(&since["received_bytes"]);
                    waiting += since["recv_q"].as_i64().expect("a number");
                }
            }
            whole += number(&reading["since_last"]["received_bytes"]);
        }
    };
    let all = BYTES as u64;
    follow(&mut watch, &|sent, received, waiting| (sent, received, waiting) == (all, all, BYTES as i64));
    let mut buffer = vec![0; BYTES];
    server.read_exact(&mut buffer).unwrap();
    follow(&mut watch, &|_, _, waiting| waiting == 0);
    assert_eq!((sent, received, whole), (all, all, all));
    Ok(())
}

fn drops(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(0));
    let to = listener.local_addr().unwrap();
    let _held = TcpStream::connect(to).unwrap();
    let mut watch = Watch::begin(&["-l"]);
    watch.reading();
    let _refused: Vec<TcpStream> = (0..3).map(|_| begin_connect(to)).collect();
    let mut drops = 0;
    // SYNs are sent again, and refused again.
    while drops < 3 {
        let (rows, _) = watch.reading();
        drops += rows.iter().map(|row| number(&row["since_last"]["drops"])).sum::<u64>();
    }
    Ok(())
}

fn sorted(place: &Place) -> Ran {
    let (mut small, _little) = pair(place, "127.0.0.1:0");
    let (mut large, _much) = pair(place, "127.0.0.1:0");
    let ports = [&large, &small].map(|stream| Value::from(stream.local_addr().unwrap().port()));
    let mut watch = Watch::begin(&["-a", "--sort", "sent"]);
    watch.reading();
    let mut seen = false;
    for _ in 0..500 {
        small.write_all(&[1; 10]).unwrap();
        large.write_all(&[1; 300]).unwrap();
        let (rows, _) = watch.reading();
        let sent: Vec<u64> = rows.iter().map(|row| number(&row["since_last"]["sent_bytes"])).collect();
        assert!(sent.is_sorted_by(|one, next| one >= next), "{sent:?}");
        // Both within one reading.
        if sent.iter().filter(|bytes| **bytes > 0).count() == 2 && sent[0] > sent[1] {
            assert_eq!([&rows[0]["local_port"], &rows[1]["local_port"]], [&ports[0], &ports[1]]);
            seen = true;
            break;
        }
    }
    assert!(seen, "both sent in one reading");
    Ok(())
}

fn groups(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:7031", Listening::with_backlog(64));
    let mut watch = Watch::begin(&["-a", "--group-by", "listener"]);
    let (rows, first) = watch.reading();
    assert!(rows.is_empty() && first["groups"][0]["since_last"].is_null(), "{first}");
    let mut held: Vec<(TcpStream, TcpStream)> =
        (0..4).map(|_| (TcpStream::connect("127.0.0.1:7031").unwrap(), listener.accept().unwrap().0)).collect();
    let group = |reading: &Value| -> Value {
        let groups = reading["groups"].as_array().expect("groups");
        groups.iter().find(|group| group["name"] == "127.0.0.1:7031").cloned().expect("the listener is there")
    };
    let mut more = 0;
    while more < 4 {
        more += group(&watch.reading().1)["since_last"]["sockets"].as_i64().expect("a change");
    }
    held.iter_mut().for_each(|(client, _)| client.write_all(&[1; 500]).unwrap());
    let mut received = 0;
    while received < 2000 {
        received += number(&group(&watch.reading().1)["since_last"]["received_bytes"]);
    }
    assert_eq!(received, 2000);
    Ok(())
}

fn screenful(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:7041", Listening::with_backlog(64));
    let held: Vec<(TcpStream, TcpStream)> =
        (0..10).map(|_| (TcpStream::connect("127.0.0.1:7041").unwrap(), listener.accept().unwrap().0)).collect();
    let watch = |filter: &[&str]| {
        let mut command = Command::new(program::path());
        command.args(["sockets", "-a"]).args(filter).args(["--watch", "1s", "--count", "1"]).env("TERM", "xterm");
        Screen::start(command, 100, 12)
    };
    let screen = watch(&[]).wait_for(&["21 sockets (more than fit here)", "every 1s"]);
    assert_eq!(screen.lines().filter(|line| line.contains("127.0.0.1:")).count(), 7, "{screen}");
    let screen = watch(&["state", "listening"]).wait_for(&["1 socket\n", "every 1s"]);
    assert!(screen.contains("127.0.0.1:7041"), "{screen}");
    drop(held);
    Ok(())
}

fn namespaces(place: &Place) -> Ran {
    let own = place.inode();
    let other = Namespace::fresh().unwrap();
    let inode = other.inode().unwrap();
    let (inside, (client, mut server)) = other
        .run(|| {
            raise_loopback().unwrap();
            // What has no process and no name cannot be found.
            (Inside::begin(), pair(place, "127.0.0.1:7032"))
        })
        .unwrap();
    let port = Value::from(client.local_addr().unwrap().port());
    // Of all that goes on on this machine only these.
    let filter = ["-a", "--all-netns", "dport", "=", ":7032", "or", "sport", "=", ":7032"];
    let mut watch = Watch::begin(&filter);
    let (rows, _) = watch.reading();
    let there = |row: &&Value| row["netns"] == inode;
    assert_eq!(rows.iter().filter(there).count(), 2, "{rows:?}");
    let mut wait_for = |what: &str, wanted: &dyn Fn(&Value) -> bool| {
        until(what, || {
            let (rows, _) = watch.reading();
            if rows.iter().any(wanted) { Ok(()) } else { Err(rows) }
        });
    };
    drop(client);
    read_end(&mut server);
    wait_for("the state to change", &|row| {
        row["netns"] == inode && row["change"] == "state" && row["local_port"] == port
    });
    // One that comes here is of this namespace.
    let _listener = place.listen("127.0.0.1:7032", Listening::with_backlog(1));
    wait_for("the listener", &|row| row["netns"] == own && row["change"] == "new" && row["state"] == "LISTEN");
    // The last that keeps the other one alive.
    drop((server, other));
    inside.end();
    wait_for("the namespace to go with its sockets", &|row| row["netns"] == inode && row["change"] == "gone");
    Ok(())
}
