//! Every network namespace that can be reached, in one reading.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tcpctl::collect::{SocketReading, Source, live_namespaces, survey_namespaces};
use tcpctl::diagnose::{Stated, asked_rules, diagnose_namespaces};
use tcpctl::report::{FindingsStyle, render_namespace_findings};
use tcpctl::sys::{Namespace, raise_loopback};

use crate::case::{CannotRun, Case, Ran};
use crate::fill::Fill;
use crate::place::{Listening, Place, until};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("namespaces are found by their processes, with counts, owners and settings", by_processes),
        Case::new(
            "a namespace that only a thread is in, or that only a descriptor holds, is found",
            by_thread_or_descriptor,
        ),
        Case::new("findings of all namespaces are named by theirs, over one window", judged),
        Case::for_root("who has no right to enter any namespace reads the own one among all", without_rights),
        Case::new("a namespace that ends between two readings is told as gone", gone_meanwhile),
        Case::new("a namespace is listed as long as something is in it", gone),
        Case::new("sockets of every namespace are listed, sorted and grouped with its name", sockets_of_all),
        Case::new("a namespace without a process is found by the file that it is bound to", bound),
    ]
}

/// A value that nobody sets.
const RETRIES: &str = "113";

/// A process that does nothing until its input ends, in the namespace of the calling thread.
pub(crate) struct Inside(Child);

impl Inside {
    pub(crate) fn begin() -> Self {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cat runs");
        // What it answers shows that it runs and is no copy of this process any more.
        child.stdin.as_mut().expect("a pipe").write_all(b"x").expect("cat reads");
        let mut answer = [0];
        std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut answer).expect("cat answers");
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("cat ends");
    }
}

/// The row of a namespace, if it is listed.
fn row(listed: &Value, inode: u64) -> Option<&Value> {
    listed["namespaces"].as_array().expect("namespaces").iter().find(|row| row["inode"] == inode)
}

fn by_processes(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(8));
    fill.established(to, 3);
    let other = Namespace::fresh().expect("a second namespace");
    let inode = other.inode().expect("an inode");
    let (in_other, filled) = other
        .run(|| {
            raise_loopback().expect("loopback");
            let there = Place::here(&other);
            there.set("net.ipv4.tcp_syn_retries", RETRIES);
            let mut fill = Fill::default();
            let to = fill.listener(&there, "[::1]:0", Listening::with_backlog(8));
            fill.established(to, 5);
            fill.time_wait(to, 2);
            (Inside::begin(), fill)
        })
        .expect("it can be entered");
    let in_own = Inside::begin();
    let listed = place.json(&["status", "--all-netns", "--json"]);
    let text = String::from_utf8(place.tcpctl(&["status", "--all-netns"]).stdout).expect("UTF-8");
    let (here, there) = (row(&listed, place.inode()).expect("listed"), row(&listed, inode).expect("listed"));
    assert_eq!((&here["own"], &there["own"]), (&true.into(), &false.into()));
    assert_eq!((&here["states"]["ESTAB"], &here["states"]["LISTEN"]), (&6.into(), &1.into()));
    assert_eq!((&there["states"]["ESTAB"], &there["states"]["TIME-WAIT"]), (&10.into(), &2.into()));
    assert_eq!(there["process"], serde_json::json!({"pid": in_other.0.id(), "name": "cat"}));
    assert_eq!((&there["processes"], &there["gaps"]), (&1.into(), &Value::Array(Vec::new())));
    let settings = there["settings"].as_array().expect("settings");
    let retries = settings.iter().find(|setting| setting["key"] == "net.ipv4.tcp_syn_retries").expect("it differs");
    assert_eq!(retries["here"], RETRIES);
    assert_ne!(retries["there"], RETRIES);
    // Negative sizes say that the host's tables are used, which is no other setting.
    let tables = ["net.ipv4.tcp_ehash_entries", "net.ipv4.udp_hash_entries"];
    assert!(settings.iter().all(|setting| !tables.iter().any(|key| setting["key"] == *key)), "{settings:?}");
    let title = format!("netns {inode} · cat({})\n  ESTAB 10 · TIME-WAIT 2 · LISTEN 1\n", in_other.0.id());
    assert!(text.contains(&title) && text.contains("net.ipv4.tcp_syn_retries=113"), "{text}");
    drop((filled, fill));
    in_other.end();
    in_own.end();
    Ok(())
}

fn by_thread_or_descriptor(place: &Place) -> Ran {
    let other = Namespace::fresh().expect("a second namespace");
    let inode = other.inode().expect("an inode");
    let listener = other.run(|| {
        raise_loopback().expect("loopback");
        Place::here(&other).listen("127.0.0.1:0", Listening::with_backlog(8))
    });
    let listener = listener.expect("it can be entered");
    // A thread that has ended is still there for a moment.
    let held = until("no thread in it", || {
        let listed = place.json(&["status", "--all-netns", "--json"]);
        let held = row(&listed, inode).expect("a descriptor of this process holds it").clone();
        if held["processes"] == 0 { Ok(held) } else { Err(held) }
    });
    assert_eq!(held["process"]["pid"], std::process::id(), "{held:#}");
    assert_eq!((&held["states"]["LISTEN"], &held["gaps"]), (&1.into(), &Value::Array(Vec::new())));
    let text = String::from_utf8(place.tcpctl(&["status", "--all-netns"]).stdout).expect("UTF-8");
    assert!(text.contains(&format!("netns {inode} · no process; held open by ")), "{text}");
    let rows = String::from_utf8(place.tcpctl(&["sockets", "--all-netns", "-l"]).stdout).expect("UTF-8");
    let to = listener.local_addr().expect("an address").to_string();
    assert!(rows.contains(&to), "{to}: {rows}");
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let (enter, entered) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            other.run(move || {
                enter.send(()).expect("it is waited for");
                // Ends when the other end is dropped.
                left.recv().unwrap_or_default();
            })
        });
        entered.recv().expect("a thread is inside");
        let listed = place.json(&["status", "--all-netns", "--json"]);
        drop(leave);
        let found = row(&listed, inode).expect("a thread is in it");
        assert_eq!(
            (&found["processes"], &found["process"]["pid"]),
            (&1.into(), &std::process::id().into()),
            "{found:#}"
        );
    });
    Ok(())
}

/// The user that nobody is.
const NOBODY: u32 = 65534;

fn without_rights(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(8));
    fill.established(to, 3);
    let asked = |arguments: &[&str]| -> Value {
        let mut command = Command::new(crate::program::path());
        let output = command.args(arguments).current_dir("/").uid(NOBODY).gid(NOBODY).output().expect("it runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let listed = asked(&["status", "--all-netns", "--json"]);
    let own = row(&listed, place.inode()).expect("the own one is listed");
    assert_eq!((&own["states"]["ESTAB"], &own["gaps"]), (&6.into(), &Value::Array(Vec::new())), "{own:#}");
    let judged = asked(&["diagnose", "close-wait", "--all-netns", "--window", "100ms", "--json"]);
    let own = row(&judged, place.inode()).expect("the own one is judged");
    assert_eq!((&own["gap"], &own["judged"]["findings"]), (&Value::Null, &Value::Array(Vec::new())), "{own:#}");
    // Whose sockets they are is not told, and why.
    let leaked = leaked();
    let judged = asked(&["diagnose", "close-wait", "--window", "100ms", "--json"]);
    let sentence = judged["findings"][0]["sentence"].as_str().expect("a finding");
    assert!(sentence.contains("the application does not close"), "{judged:#}");
    let why = &judged["unnamed"][0];
    assert_eq!(why["kind"], "denied", "{judged:#}");
    assert!(why["consequence"].as_str().is_some_and(|text| text.contains("run as root")), "{judged:#}");
    drop(leaked);
    Ok(())
}

/// Connections on loopback of the calling thread's namespace that their server does not close.
fn leaked() -> Vec<std::net::TcpStream> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let to = listener.local_addr().expect("an address");
    let leak = |_| {
        let client = std::net::TcpStream::connect(to).expect("it listens");
        let (mut server, _) = listener.accept().expect("it connected");
        drop(client);
        crate::fill::read_end(&mut server);
        server
    };
    (0..120).map(leak).collect()
}

/// A leak in another namespace is told of that one alone, and all are watched at the same time.
fn judged(place: &Place) -> Ran {
    let other = Namespace::fresh().expect("a second namespace");
    let inode = other.inode().expect("an inode");
    let (inside, leaked) = other
        .run(|| {
            raise_loopback().expect("loopback");
            (Inside::begin(), leaked())
        })
        .expect("it can be entered");
    let in_own = Inside::begin();
    let began = std::time::Instant::now();
    let output = place.tcpctl(&["diagnose", "close-wait", "softnet-drops", "--all-netns", "--window", "3s", "--json"]);
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).expect("a short time");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let judged: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let (here, there) = (row(&judged, place.inode()).expect("listed"), row(&judged, inode).expect("listed"));
    assert_eq!((&here["own"], &there["own"], &there["gap"]), (&true.into(), &false.into(), &Value::Null));
    assert_eq!(here["judged"]["findings"], serde_json::json!([]));
    let finding = &there["judged"]["findings"][0];
    let sentence = finding["sentence"].as_str().expect("a sentence");
    let owner = format!("({}) does not close", std::process::id());
    assert!(finding["rule"] == "close-wait" && sentence.contains(&owner), "{sentence}");
    // What the host has once is judged once.
    assert_eq!(there["judged"]["rules"], serde_json::json!(["close-wait"]));
    assert_eq!(judged["host"]["rules"], serde_json::json!(["softnet-drops"]));
    let windows = judged["namespaces"].as_array().expect("namespaces").iter();
    let windows: Vec<u64> = windows.filter_map(|one| one["judged"]["window_ms"].as_u64()).collect();
    assert!(windows.iter().all(|ms| *ms >= 3000), "{windows:?}");
    assert!(windows.iter().sum::<u64>() > elapsed_ms, "one after the other: {windows:?} in {elapsed_ms} ms");
    let text = place.tcpctl(&["diagnose", "close-wait", "--all-netns", "--window", "100ms"]).stdout;
    let text = String::from_utf8(text).expect("UTF-8");
    let title = format!("netns {inode} · cat({})\n! close-wait ", inside.0.id());
    assert!(text.contains(&title) && text.contains(", all at once"), "{text}");
    // Every rule is judged of the host or of each, or is said not to be.
    let all: Value =
        serde_json::from_slice(&place.tcpctl(&["diagnose", "--all-netns", "--window", "100ms", "--json"]).stdout)
            .expect("the output is JSON");
    let own = row(&all, place.inode()).expect("listed");
    let names = |list: &Value| -> Vec<String> {
        let of_one = |one: &Value| one.as_str().or(one["rule"].as_str()).expect("a rule").to_owned();
        list.as_array().expect("a list").iter().map(of_one).collect()
    };
    let mut said = [names(&all["host"]["rules"]), names(&own["judged"]["rules"]), names(&all["unasked"])].concat();
    said.sort();
    let mut rules: Vec<String> = tcpctl::diagnose::RULES.iter().map(|rule| rule.id.to_owned()).collect();
    rules.sort();
    assert_eq!(said, rules);
    drop(leaked);
    inside.end();
    in_own.end();
    Ok(())
}

fn gone_meanwhile(place: &Place) -> Ran {
    let read = || live_namespaces(&place.source()).expect("processes can be listed");
    let other = Namespace::fresh().expect("a second namespace");
    let inode = other.inode().expect("an inode");
    let inside = other.run(Inside::begin).expect("it can be entered");
    let name = format!("cat({})", inside.0.id());
    let before = read();
    let snapshot = &before.namespaces.iter().find(|one| one.inode == inode).expect("listed").snapshot;
    assert_eq!(snapshot.as_ref().map(|snapshot| snapshot.netns.inode), Ok(Some(inode)), "it was read from inside");
    inside.end();
    let found = diagnose_namespaces(&asked_rules(&Stated::default()), &read(), &before, &Stated::default());
    assert!(found.gone.iter().any(|name| name.inode == inode), "{:?}", found.gone);
    let style = FindingsStyle { width: 200, ascii: false, verbose: false };
    let text = render_namespace_findings(&found, style);
    assert!(text.contains(&format!("? netns {inode} · {name}: it is gone since the reading before")), "{text}");
    Ok(())
}

fn gone(place: &Place) -> Ran {
    let list = || {
        let source = Source { sockets: SocketReading::States, ..place.source() };
        survey_namespaces(&source).expect("processes can be listed").namespaces
    };
    let other = Namespace::fresh().expect("a second namespace");
    let inode = other.inode().expect("an inode");
    let listed = |inode: u64| list().into_iter().find(|one| one.inode == inode);
    assert_eq!(listed(inode), None, "nothing but a descriptor of this process keeps it");
    let inside = other.run(Inside::begin).expect("it can be entered");
    let found = listed(inode).expect("a process is in it");
    assert_eq!((found.processes, found.initial, found.gaps), (1, Some(false), Vec::new()));
    inside.end();
    assert_eq!(listed(inode), None);
    Ok(())
}

/// Two namespaces with listeners on the same port, which nothing else in this test is on.
fn sockets_of_all(place: &Place) -> Ran {
    const FILTER: [&str; 3] = ["sport", "=", ":7011"];
    let inside_own = Inside::begin();
    let _here = place.listen("127.0.0.1:7011", Listening::with_backlog(8));
    let other = Namespace::fresh().expect("a second namespace");
    let inode = other.inode().expect("an inode");
    let (inside, mut fill) = other
        .run(|| {
            raise_loopback().expect("loopback");
            let mut fill = Fill::default();
            let to = fill.listener(&Place::here(&other), "127.0.0.1:7011", Listening::with_backlog(8));
            fill.established(to, 3);
            (Inside::begin(), fill)
        })
        .expect("it can be entered");
    let name = format!("cat({})", inside.0.id());
    let run = |more: &[&str]| {
        let output = place.tcpctl(&[&["sockets", "-a", "--all-netns"], more, &FILTER].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let ours = |netns: &Value| *netns == place.inode() || *netns == inode;
    let mut seen: Vec<(String, String)> = run(&["--json", "-p"])
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|row| ours(&row["netns"]))
        .map(|row| {
            assert_eq!(row["netns_name"] == "own", row["netns"] == place.inode(), "{row}");
            assert_eq!(row["processes"][0]["pid"], std::process::id(), "{row}");
            (row["netns_name"].as_str().expect("a name").to_owned(), row["state"].as_str().expect("a state").to_owned())
        })
        .collect();
    seen.sort();
    let row = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    let estab = row(&name, "ESTAB");
    let expected = [estab.clone(), estab.clone(), estab, row(&name, "LISTEN"), row("own", "LISTEN")];
    assert_eq!(seen, expected);
    // One of the others has the most to read.
    use std::io::Write as _;
    fill.streams[2].write_all(&[7; 4321]).expect("it is connected");
    crate::place::until("the bytes to come", || {
        let document: Value = serde_json::from_str(&run(&["--json", "--sort", "recv-q"])).expect("JSON");
        let rows = document["sockets"].as_array().expect("sockets").clone();
        match rows.iter().find(|row| ours(&row["netns"])) {
            Some(first) if first["recv_q"] == 4321 && first["netns"] == inode => Ok(()),
            other => Err(other.cloned()),
        }
    });
    for more in [&["--limit", "100000"][..], &["--sort", "state"]] {
        let text = run(more);
        assert!(text.starts_with("Netns"), "{text}");
        let of = |name: &str| text.lines().filter(|line| line.starts_with(&format!("{name} "))).count();
        assert_eq!((of("own"), of(&name)), (1, 4), "{text}");
    }
    let groups: Value = serde_json::from_str(&run(&["--json", "--group-by", "netns"])).expect("JSON");
    let group =
        |inode: u64| groups["groups"].as_array().expect("groups").iter().find(|one| one["netns"] == inode).cloned();
    let there = group(inode).expect("its group");
    assert_eq!(
        (&there["name"], &there["sockets"], &there["established"]),
        (&name.clone().into(), &4.into(), &3.into())
    );
    assert_eq!(group(place.inode()).expect("its group")["sockets"], 1);
    let listeners = run(&["--group-by", "listener", "-H"]);
    assert!(
        listeners.contains(&format!("127.0.0.1:7011 in {name}\n")) && listeners.contains("127.0.0.1:7011 in own\n")
    );
    // A device that is in none of them is a mistake, and one that is in some is none.
    assert_eq!(place.tcpctl(&["sockets", "--all-netns", "dev", "eth987"]).status.code(), Some(2));
    assert_eq!(place.tcpctl(&["sockets", "--all-netns", "-N", "1"]).status.code(), Some(2));
    drop(fill);
    inside.end();
    inside_own.end();
    assert!(!run(&["--json"]).contains(&name), "it is gone, and with it what it had");
    Ok(())
}

/// In a private mount namespace, as `ip netns add` does it in that of the host.
fn bound(_place: &Place) -> Ran {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a name");
    std::fs::write(&file, "").expect("the own file");
    let script = r#"unshare --net mount --bind /proc/self/ns/net "$1" || exit 77
exec "$2" status --all-netns --json"#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([file.as_os_str(), crate::program::path().as_os_str()])
        .output()
        .map_err(|error| CannotRun(format!("unshare(1) cannot be run: {error}")))?;
    if output.status.code() != Some(0) {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        return if output.status.code() == Some(77) { Err(CannotRun(error)) } else { panic!("{error}") };
    }
    let listed: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let rows = listed["namespaces"].as_array().expect("namespaces");
    let path = file.to_str().expect("UTF-8");
    let row = rows.iter().find(|row| row["bound"] == serde_json::json!([path])).expect("listed");
    assert_eq!((&row["process"], &row["processes"]), (&Value::Null, &0.into()));
    assert_eq!((&row["states"]["ESTAB"], &row["gaps"]), (&0.into(), &Value::Array(Vec::new())));
    Ok(())
}
