//! `tcpctl trace` against what really happened: the laboratory's own record, connections of the case, packets that the
//! case forged. Tracepoints see the whole host, so every case looks at addresses and ports of its own alone.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tcpctl::lab::{Conditions, Played, play};
use tcpctl::model::{Action, Scenario, Segment, Settings, Side};
use tcpctl::sys::{RouteSocket, TraceFs, TraceFsError, Tun, check_tun};
use tcpctl::wire::{build_syn, decode_segment};

use crate::case::{CannotRun, Case, Ran};
use crate::connect::host;
use crate::place::Place;
use crate::program;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::for_root("every SYN that the laboratory saw sent again was traced, and no other", |place| {
            one_for_one(place, 6, |scenario| scenario.losing(Side::Client, Segment::Syn))
        }),
        Case::for_root("every SYN-ACK that the laboratory saw sent again was traced, and no other", |place| {
            one_for_one(place, 3, |scenario| scenario.losing(Side::Client, Segment::Ack))
        }),
        Case::for_root("every segment of data that the laboratory saw sent again was traced, and no other", lost_data),
        Case::for_root("a refused connection is traced at both ends, with the reason and the drop", refused),
        Case::for_root("the states of a connection are traced in their order at both ends", states),
        Case::for_root("a segment with a wrong checksum is traced with the drop", bad_checksum),
        Case::for_root("a SYN that nobody answers is traced with its attempt and its end", attempts),
        Case::for_root("a trace leaves no instance, however it ends", endings),
        Case::for_root("what a killed trace leaves is removed by the next one", killed),
        Case::for_root("what a small buffer loses is counted", losses),
        Case::for_root("who may not trace is told so, with exit code 4", denied),
    ]
}

/// An account without rights: nobody's.
const NOBODY: u32 = 65_534;
/// How far apart the stamps of a packet and of the event right behind it may be on a busy machine; between two that are
/// sent again pass 200 ms at the least.
const ALLOWANCE_NS: u64 = 25_000_000;

/// A program that traces, of which the first line has been read: the tracepoints fire.
struct Traced {
    child: Child,
    output: BufReader<ChildStdout>,
    begin: Value,
}

impl Traced {
    fn begin(arguments: &[&str]) -> Result<Self, CannotRun> {
        let (child, mut output) = program::start(&[&["trace", "--json"], arguments].concat());
        let mut line = String::new();
        if output.read_line(&mut line).expect("a pipe") == 0 {
            let (told, code) = program::complaint(child);
            assert!(matches!(code, Some(3 | 4)), "{told}");
            return Err(CannotRun(told));
        }
        let begin: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&begin["kind"], &begin["schema"]), (&Value::from("begin"), &Value::from(1)));
        Ok(Self { child, output, begin })
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("the own child");
    }

    fn instance(&self) -> String {
        self.begin["instance"].as_str().expect("a name").to_owned()
    }

    /// Ends it by this signal, and gives its events and its summary.
    fn end(mut self, signal: Signal, code: i32) -> (Vec<Value>, Value) {
        self.signal(signal);
        let (mut text, mut told) = (String::new(), String::new());
        self.output.read_to_string(&mut text).expect("text");
        self.child.stderr.take().expect("it is piped").read_to_string(&mut told).expect("text");
        assert_eq!(self.child.wait().expect("a child").code(), Some(code), "{told}");
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let summary = lines.pop().expect("a summary");
        assert_eq!(summary["kind"], "summary");
        assert!(lines.iter().all(|line| line["kind"] == "event" && line["schema"] == 1));
        assert_eq!(summary["unclear_pages"], 0, "{summary}");
        (lines, summary)
    }

    /// Ends it as Ctrl-C does. Nothing may have been lost.
    fn interrupted(self) -> Vec<Value> {
        let (events, summary) = self.end(Signal::INT, 130);
        assert_eq!((&summary["lost"], &summary["not_shown"]), (&Value::from(0), &Value::from(0)), "{summary}");
        events
    }
}

/// Whether there is an instance of this name.
fn is_there(instance: &str) -> bool {
    let files = TraceFs::open(None).expect("tracefs");
    match files.read(&format!("instances/{instance}/tracing_on")) {
        Ok(_) => true,
        Err(TraceFsError::Absent { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// An address of the loopback network that no other case and no other run uses at the same time.
fn own_address() -> String {
    static CASES: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", CASES.fetch_add(1, Ordering::Relaxed).saturating_add(100))
}

/// Who sent what again: (local, peer), since 1970 in nanoseconds, which time of that kind.
type Resent = (SocketAddr, SocketAddr, u64, u32);

/// What the laboratory saw leave an end more than once.
fn resent_in(played: &Played) -> Vec<Resent> {
    let (mut sent, mut again, mut times) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for frame in played.frames.iter().filter(|frame| frame.outgoing) {
        let Some(header) = decode_segment(&frame.bytes) else { continue };
        // An ACK takes no number, and is never sent again.
        if header.rst || !(header.syn || header.fin || header.payload > 0) {
            continue;
        }
        let key = (header.source, header.destination, header.sequence, header.syn, header.ack);
        if sent.insert(key, ()).is_some() {
            let time = times.entry((header.source, header.destination)).or_insert(0);
            *time += 1;
            again.push((header.source, header.destination, frame.unix_ns, *time));
        }
    }
    again
}

fn end_of(event: &Value, which: &str) -> SocketAddr {
    let port = event[&format!("{which}_port")].as_u64().expect("a port");
    let address = event[which].as_str().expect("an address").parse().expect("an address");
    SocketAddr::new(address, u16::try_from(port).expect("a port"))
}

/// Holds what was traced of the connections of a playing against its own record.
fn judge(played: &Played, events: &[Value], least: usize) {
    let mut expected = resent_in(played);
    expected.sort_by_key(|(_, _, unix_ns, _)| *unix_ns);
    assert!(expected.len() >= least, "the laboratory saw too little: {expected:?}");
    let pairs: Vec<_> = expected.iter().map(|(local, peer, ..)| (*local, *peer)).collect();
    let (begun, ended) = (expected[0].2 - ALLOWANCE_NS, expected[expected.len() - 1].2 + ALLOWANCE_NS);
    let seen: Vec<Resent> = events
        .iter()
        .filter(|event| pairs.contains(&(end_of(event, "local"), end_of(event, "peer"))))
        .map(|event| {
            let number = |key: &str| event[key].as_u64().expect("a number");
            let time = u32::try_from(number("seen")).expect("few");
            (end_of(event, "local"), end_of(event, "peer"), number("unix_ns"), time)
        })
        .filter(|(_, _, unix_ns, _)| (begun..=ended).contains(unix_ns))
        .collect();
    // Each connection by itself: both ends may send at the same moment.
    for pair in &pairs {
        let of_pair = |all: &[Resent]| -> Vec<(u64, u32)> {
            all.iter().filter(|one| (one.0, one.1) == *pair).map(|one| (one.2, one.3)).collect()
        };
        let (expected, seen) = (of_pair(&expected), of_pair(&seen));
        assert_eq!(expected.len(), seen.len(), "{pair:?}\nlaboratory: {expected:?}\ntrace: {seen:?}");
        for ((sent_ns, time), (traced_ns, counted)) in expected.iter().zip(&seen) {
            assert_eq!(time, counted, "{pair:?}");
            assert!(sent_ns.abs_diff(*traced_ns) < ALLOWANCE_NS, "{pair:?}: {sent_ns} and {traced_ns}");
        }
    }
}

fn one_for_one(place: &Place, least: usize, lossy: fn(Scenario) -> Scenario) -> Ran {
    let scenario = lossy(Scenario::connect(host(place)?, &Settings::default()));
    played_and_traced(&scenario, Duration::from_secs(8), least)
}

fn lost_data(place: &Place) -> Ran {
    let scenario = Scenario::established(host(place)?, &Settings::default());
    let scenario = scenario.calling(Side::Client, Action::Send).silencing(Side::Client);
    played_and_traced(&scenario, Duration::from_secs(4), 3)
}

fn played_and_traced(scenario: &Scenario, limit: Duration, least: usize) -> Ran {
    let traced = Traced::begin(&["--event", "retransmit", "synack"])?;
    let conditions = Conditions { capture: true, ..Conditions::limited(limit) };
    let played = play(scenario, &conditions).map_err(|error| CannotRun(error.to_string()));
    let events = traced.interrupted();
    judge(&played?, &events, least);
    Ok(())
}

/// The events as `NAME LOCAL PEER STATE>STATE REASON`, with `a` and `b` for two ends.
fn shown(events: &[Value], a: &str, b: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let one = |event: &Value| {
        let end = |which: &str| {
            let end = format!("{}:{}", text(&event[which]), event[&format!("{which}_port")]);
            if end == a {
                "a".to_owned()
            } else if end == b {
                "b".to_owned()
            } else {
                end
            }
        };
        let [state, new, reason] = ["state", "new_state", "reason"].map(|key| text(&event[key]));
        format!("{} {} {} {state}>{new} {reason}", text(&event["event"]), end("local"), end("peer"))
    };
    events.iter().map(one).collect()
}

fn refused(_place: &Place) -> Ran {
    let address = own_address();
    let filter = format!("src {address} or dst {address}");
    let traced = Traced::begin(&[&filter])?;
    if !traced.begin["gaps"].as_array().expect("gaps").is_empty() {
        let gaps = traced.begin["gaps"].to_string();
        drop(traced.interrupted());
        return Err(CannotRun(gaps));
    }
    let error = TcpStream::connect(format!("{address}:4444")).expect_err("nobody listens");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    let events = traced.interrupted();
    let client = events.iter().find(|event| event["event"] == "reset-received").expect("a RST came in");
    let (a, b) = (end_of(client, "local").to_string(), format!("{address}:4444"));
    let unbound = format!("{}:0", end_of(client, "local").ip());
    let expected = [
        format!("state {unbound} b CLOSE>SYN-SENT -"),
        "reset-sent b a ->- NO_SOCKET".to_owned(),
        "drop b a ->- NO_SOCKET".to_owned(),
        "reset-received a b ->- -".to_owned(),
        "state a b SYN-SENT>CLOSE -".to_owned(),
    ];
    assert_eq!(shown(&events, &a, &b), expected);
    assert_eq!((&events[2]["ends_from"], &events[2]["tcp"]), (&Value::from("packet"), &Value::from(true)));
    assert!(events[2]["function"].as_str().is_none_or(|function| function.starts_with("tcp_v4_rcv")), "{}", events[2]);
    assert_eq!(events[4]["by_reset"], true);
    assert!(events[4]["explanation"].as_str().expect("text").contains("refused: a RST answered the SYN"));
    Ok(())
}

fn states(_place: &Place) -> Ran {
    let address = own_address();
    let listener = TcpListener::bind(format!("{address}:0")).expect("a free port");
    let server = listener.local_addr().expect("an address").to_string();
    let filter = format!("(src {server} or dst {server}) and not state listening");
    let traced = Traced::begin(&["--event", "state", "--", &filter])?;
    let client = TcpStream::connect(&server).expect("a connection");
    let own = client.local_addr().expect("an address").to_string();
    let (accepted, _) = listener.accept().expect("a connection");
    drop(client);
    // The end of what the client sent is the FIN.
    assert_eq!((&accepted).read(&mut [0; 1]).expect("an end"), 0);
    drop(accepted);
    let events = traced.interrupted();
    let changes = |local: &str| -> Vec<String> {
        let of_end =
            shown(&events, &own, &server).into_iter().filter(|line| line.starts_with(&format!("state {local} ")));
        of_end.map(|line| line.split(' ').nth(3).expect("a change").to_owned()).collect()
    };
    assert_eq!(changes("a"), ["SYN-SENT>ESTAB", "ESTAB>FIN-WAIT-1", "FIN-WAIT-1>FIN-WAIT-2", "FIN-WAIT-2>CLOSE"]);
    let expected = ["LISTEN>SYN-RECV", "SYN-RECV>ESTAB", "ESTAB>CLOSE-WAIT", "CLOSE-WAIT>LAST-ACK", "LAST-ACK>CLOSE"];
    assert_eq!(changes("b"), expected);
    let last = events.iter().rfind(|event| event["state"] == "FIN-WAIT-2").expect("the client's end");
    assert_eq!(last["socket"], "found", "{last}");
    assert_eq!(last["forecast"]["activity"], "time-wait", "{last}");
    assert!(events.is_sorted_by_key(|event| event["mono_ns"].as_u64()));
    Ok(())
}

/// A device that leads nowhere, whose network has these addresses.
fn device(address: &str) -> Result<Tun, CannotRun> {
    check_tun().map_err(|error| CannotRun(format!("no TUN device can be made: {error}")))?;
    let mut route = RouteSocket::open().expect("netlink");
    let tun = Tun::create("trace0").expect("a device");
    route.raise_link(tun.index(), 1500, 1000).expect("the device is up");
    route.add_address(tun.index(), address.parse().expect("an address"), 24).expect("an address");
    Ok(tun)
}

fn bad_checksum(_place: &Place) -> Ran {
    let tun = device("198.51.100.1")?;
    let [.., high, low] = std::process::id().to_be_bytes();
    let source = format!("203.0.{high}.{low}:40000");
    let filter = format!("src {source} or dst {source}");
    let traced = Traced::begin(&["--event", "bad-checksum", "drop", "--", &filter])?;
    let mut packet = build_syn(source.parse().expect("an address"), "198.51.100.1:443".parse().expect("an address"), 1)
        .expect("a segment");
    let whole = packet.clone();
    // The checksum of TCP, behind 20 bytes of IP.
    packet[36] ^= 0x55;
    assert!(decode_segment(&packet).is_some() && packet != whole);
    tun.send(&packet).expect("a packet");
    let (events, summary) = traced.end(Signal::INT, 130);
    assert_eq!(shown(&events, "198.51.100.1:443", &source), ["bad-checksum a b ->- -"]);
    // The drop itself names no addresses, so that the filter cannot take it: it is counted.
    assert!(summary["undecided"].as_u64() >= Some(1), "{summary}");
    Ok(())
}

fn attempts(place: &Place) -> Ran {
    place.set("net.ipv4.tcp_syn_retries", "2");
    if host(place)?.version.at_least(6, 5) {
        place.set("net.ipv4.tcp_syn_linear_timeouts", "0");
    }
    // Another run of this case at the same time must not be taken for it.
    let [.., high, low] = std::process::id().to_be_bytes();
    let _tun = device(&format!("10.{high}.{low}.1"))?;
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let netns = format!("/proc/{}/task/{thread}/ns/net", std::process::id());
    let to = format!("10.{high}.{low}.77:443");
    let filter = format!("dst {to}");
    let arguments = ["--netns", &netns, "--event", "retransmit", "--count", "2", "--for", "20s", "--", &filter];
    let mut traced = Traced::begin(&arguments)?;
    let error = TcpStream::connect(&to).expect_err("nobody answers");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    let mut text = String::new();
    traced.output.read_to_string(&mut text).expect("text");
    assert!(traced.child.wait().expect("a child").success());
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.len(), 3, "{text}");
    for (event, done) in events.iter().zip(1..=2) {
        assert_eq!((&event["state"], &event["resend"]), (&Value::from("SYN-SENT"), &Value::from("timeout")), "{event}");
        assert_eq!((&event["seen"], &event["seen_from_begin"]), (&Value::from(done), &Value::from(false)));
        let progress = &event["forecast"]["progress"];
        assert_eq!(progress, &serde_json::json!({ "done": done, "least": 2, "most": 2 }), "{event}");
        assert_eq!(event["forecast"]["end"]["outcome"], "ETIMEDOUT", "{event}");
        let told = event["explanation"].as_str().expect("text");
        assert!(told.contains(&format!("SYN retry {done} of 2")) && told.contains("gives up in"), "{told}");
    }
    Ok(())
}

fn endings(_place: &Place) -> Ran {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let traced = Traced::begin(&["--event", "retransmit"])?;
        let instance = traced.instance();
        assert!(is_there(&instance), "{instance}");
        drop(traced.end(signal, code));
        assert!(!is_there(&instance), "{instance} after {signal:?}");
    }
    let mut timed = Traced::begin(&["--event", "retransmit", "--for", "10ms"])?;
    assert!(timed.child.wait().expect("a child").success());
    assert!(!is_there(&timed.instance()));
    // Nobody reads any more: that is noticed without an event.
    let Traced { mut child, output, begin } = Traced::begin(&["--event", "bad-checksum"])?;
    drop(output);
    assert!(child.wait().expect("a child").success());
    assert!(!is_there(begin["instance"].as_str().expect("a name")));
    Ok(())
}

fn killed(_place: &Place) -> Ran {
    let mut traced = Traced::begin(&["--event", "retransmit"])?;
    let left = traced.instance();
    // One that is at work is none that was left.
    let next = Traced::begin(&["--event", "retransmit"])?;
    assert!(is_there(&left));
    drop(next.end(Signal::TERM, 143));
    traced.child.kill().expect("the own child");
    traced.child.wait().expect("a child");
    // It could not remove it itself. Another run at the same time may, so that nothing is asked in between.
    let next = Traced::begin(&["--event", "retransmit", "--for", "10ms"])?;
    assert!(!is_there(&left));
    drop(next.end(Signal::CONT, 0));
    Ok(())
}

fn losses(_place: &Place) -> Ran {
    const TRIES: u64 = 3000;
    let address = own_address();
    let traced = Traced::begin(&["--event", "state", "--summary", "--buffer", "4"])?;
    // Nothing is read while it stands still.
    traced.signal(Signal::STOP);
    for _ in 0..TRIES {
        TcpStream::connect(format!("{address}:9")).expect_err("nobody listens");
    }
    traced.signal(Signal::CONT);
    let (events, summary) = traced.end(Signal::INT, 130);
    assert!(events.is_empty());
    let number = |key: &str| summary[key].as_u64().expect("a count");
    assert!(number("lost") > 0, "{summary}");
    // To SYN-SENT and back, each of which was read or lost.
    assert!(number("events") + number("lost") >= 2 * TRIES, "{summary}");
    Ok(())
}

fn denied(_place: &Place) -> Ran {
    let output = Command::new(program::path()).args(["trace"]).current_dir("/").uid(NOBODY).gid(NOBODY).output();
    let output = output.expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("cannot trace: tracefs") && told.contains("run as root of the host"), "{told}");
    let output = Command::new(program::path()).args(["trace", "--tracefs", "/proc"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("another file system is there"), "{told}");
    Ok(())
}
