//! The process column: units and containers, what an ordinary user is told, and what forecasts take for granted.

use std::net::{SocketAddrV6, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::net::sockopt::set_socket_keepalive;
use serde_json::Value;
use tcpctl::sys::{RouteSocket, Tun};

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Listening, Place, until};
use crate::program;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::for_root("a process is named with the unit or container that its cgroup is", units),
        Case::for_root("an ordinary user is told once why processes are not named, and in JSON of each", unseen),
        Case::new("queues of seven digits and more keep their columns", wide_queues),
        Case::new("a listener that is bound to a device is named with it in both lists", bound),
        Case::new("a row says by letters what its forecast takes for granted, and the legend what they mean", assumed),
    ]
}

/// A cgroup of version 2 that is removed in the end.
struct Group(PathBuf);

impl Group {
    fn make(path: PathBuf) -> Result<Self, CannotRun> {
        match std::fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(CannotRun(format!("{}: {error}", path.display()))),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process has left it a moment ago.
        for _ in 0..1000 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// A process in a cgroup that holds a listener: `cat`, which waits for its input to end.
struct Holder(Child);

impl Holder {
    fn begin(listener: TcpListener, group: &Group) -> Result<Self, CannotRun> {
        // What it reads is never written: the listener itself is its standard output.
        let child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(listener)))
            .spawn()
            .map_err(|error| CannotRun(format!("cat: {error}")))?;
        let holder = Self(child);
        let file = group.0.join("cgroup.procs");
        std::fs::write(&file, holder.0.id().to_string())
            .map_err(|error| CannotRun(format!("{}: {error}", file.display())))?;
        Ok(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cgroups of version 2 are mounted.
fn mounted() -> Result<PathBuf, CannotRun> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("proc");
    let mount = mounts.lines().find_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words.get(2) == Some(&"cgroup2")).then(|| PathBuf::from(words[1]))
    });
    mount.ok_or_else(|| CannotRun("no cgroups of version 2 are mounted".to_owned()))
}

fn objects(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn units(place: &Place) -> Ran {
    let mount = mounted()?;
    let own = std::process::id();
    let unit = format!("tcpctl-case-{own}.service");
    let id = format!("{own:064x}");
    let service = Group::make(mount.join(&unit))?;
    let container = Group::make(mount.join(format!("docker-{id}.scope")))?;
    let ports = [7041, 7042];
    let listen = |port| place.listen(&format!("127.0.0.1:{port}"), Listening::with_backlog(1));
    let _holders = [Holder::begin(listen(ports[0]), &service)?, Holder::begin(listen(ports[1]), &container)?];
    let expected = [("unit", unit.clone()), ("container", format!("docker {}", &id[..12]))];
    for (port, (key, value)) in ports.into_iter().zip(expected) {
        let port = format!(":{port}");
        // The holder was made by a fork of this process and may still be on its way to be another program.
        until("the process in its cgroup", || {
            let rows = objects(&place.tcpctl(&["sockets", "-lp", "--json", "sport", "=", &port]));
            let held = rows[0]["processes"].as_array().expect("processes").clone();
            let is_right = held.len() == 1 && held[0]["name"] == "cat" && held[0][key] == value.as_str();
            if is_right { Ok(()) } else { Err(held) }
        });
        let text = String::from_utf8(place.tcpctl(&["sockets", "-lpH", "sport", "=", &port]).stdout).expect("text");
        assert!(text.trim_end().ends_with(&format!(") {value}")) && text.contains(" cat("), "{text}");
        let groups = place.json(&["sockets", "-lp", "--group-by", "process", "--json", "sport", "=", &port]);
        assert!(groups["groups"][0]["name"].as_str().is_some_and(|name| name.ends_with(&value)), "{groups}");
    }
    Ok(())
}

fn unseen(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:7043", Listening::with_backlog(1));
    let client = TcpStream::connect("127.0.0.1:7043").unwrap();
    let (server, _) = listener.accept().unwrap();
    let nobody = 65_534;
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(program::path());
        command.args(["sockets", "-ap"]).args(arguments).uid(nobody).gid(nobody).current_dir("/");
        command.output().expect("the program runs")
    };
    let output = ask(&["-H"]);
    let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.lines().filter(|line| line.ends_with(" ?")).count(), 3, "{text}");
    assert_eq!(
        said.matches("owners of 3 sockets are unknown; run as root or with CAP_SYS_PTRACE").count(),
        1,
        "{said}"
    );
    let rows = objects(&ask(&["--json"]));
    assert!(rows.len() == 3 && rows.iter().all(|row| row["processes"] == Value::Array(Vec::new())), "{rows:?}");
    for row in &rows {
        assert!(row["processes_unknown"].as_str().is_some_and(|why| why.starts_with("permission denied")), "{row}");
    }
    for arguments in [&["--json", "--sort", "local"] as &[&str], &["--json", "--group-by", "process"]] {
        let document: Value = serde_json::from_slice(&ask(arguments).stdout).expect("JSON");
        let gaps = document["gaps"].to_string();
        assert!(gaps.contains("owners of 3 sockets are unknown"), "{arguments:?}: {gaps}");
    }
    drop((client, server));
    Ok(())
}

fn wide_queues(place: &Place) -> Ran {
    const BYTES: usize = 3_000_000;
    place.set("net.ipv4.tcp_rmem", "4096 8388608 8388608");
    place.set("net.ipv4.tcp_wmem", "4096 8388608 8388608");
    let listener = place.listen("127.0.0.1:7044", Listening::with_backlog(1));
    let mut client = TcpStream::connect("127.0.0.1:7044").unwrap();
    let (_server, _) = listener.accept().unwrap();
    let _small = {
        let other = place.listen("127.0.0.1:7045", Listening::with_backlog(1));
        (TcpStream::connect("127.0.0.1:7045").unwrap(), other)
    };
    client.set_nonblocking(true).unwrap();
    // As much as both buffers take without anybody reading.
    let mut written = 0;
    while let Ok(more) = std::io::Write::write(&mut client, &vec![7; BYTES]) {
        written += more;
    }
    assert!(written >= 2_000_000, "{written}");
    let text = String::from_utf8(place.tcpctl(&["sockets", "-an"]).stdout).expect("text");
    let queues = |line: &str| -> Vec<usize> {
        line.split_whitespace().skip(1).take(2).filter_map(|word| word.parse().ok()).collect()
    };
    assert!(text.lines().any(|line| queues(line).iter().any(|queue| *queue >= 1_000_000)), "{text}");
    // Where the addresses begin is the same in all lines, the heading among them.
    let begins: std::collections::BTreeSet<Option<usize>> =
        text.lines().map(|line| line.find("127.0.0.1:").or_else(|| line.find("Local Address"))).collect();
    assert_eq!(begins.len(), 1, "{text}");
    Ok(())
}

fn bound(place: &Place) -> Ran {
    let tun = Tun::create("d0").map_err(|error| CannotRun(format!("no TUN device can be made: {error}")))?;
    let mut route = RouteSocket::open().unwrap();
    route.raise_link(tun.index(), 1500, 100).unwrap();
    route.add_address(tun.index(), "fe80::7".parse().unwrap(), 64).unwrap();
    let local = SocketAddrV6::new("fe80::7".parse().unwrap(), 7046, 0, tun.index());
    let _listener = until("the address to be usable", || TcpListener::bind(local));
    let listeners = place.json(&["listeners", "--json"]);
    let one = &listeners["listeners"][0];
    assert_eq!((&one["local"], &one["device"]), (&"[fe80::7]%d0:7046".into(), &"d0".into()));
    let rows = objects(&place.tcpctl(&["sockets", "-l", "--json"]));
    assert_eq!(rows[0]["local"], one["local"]);
    Ok(())
}

fn assumed(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:7047", Listening::with_backlog(1));
    let client = TcpStream::connect("127.0.0.1:7047").unwrap();
    set_socket_keepalive(&client, true).unwrap();
    let (_server, _) = listener.accept().unwrap();
    let filter = ["dport", "=", ":7047"];
    let output = place.tcpctl(&[&["sockets", "-HnoO"] as &[&str], &filter].concat());
    let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let signs = text.trim_end().rsplit_once(" [").and_then(|(_, signs)| signs.strip_suffix(']'));
    let signs = signs.unwrap_or_else(|| panic!("{text}"));
    assert!(text.contains("keepalive probe") && !signs.is_empty(), "{text}");
    // Each letter of the row has its line, and JSON has the very sentences.
    let row = objects(&place.tcpctl(&[&["sockets", "-o", "--json"] as &[&str], &filter].concat())).remove(0);
    let mut sentences: Vec<&str> =
        row["forecast"]["assumptions"].as_array().expect("a forecast").iter().filter_map(Value::as_str).collect();
    let mut legend: Vec<&str> = signs
        .chars()
        .map(|sign| {
            let start = format!("  {sign} ");
            said.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{sign}: {said}"))
        })
        .collect();
    sentences.sort_unstable();
    legend.sort_unstable();
    assert_eq!(legend, sentences);
    assert!(said.contains("TCP_KEEPIDLE is not set on it"), "{said}");
    // An idle one without keepalive rests on nothing.
    let plain = place.tcpctl(&["sockets", "-HnoO", "sport", "=", ":7047"]);
    assert!(!String::from_utf8_lossy(&plain.stdout).contains('['));
    Ok(())
}
