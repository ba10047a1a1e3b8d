//! The program while it traces, and what really happened meanwhile: the laboratory's own record.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tcpctl::lab::{Conditions, Played, play};
use tcpctl::model::Scenario;
use tcpctl::sys::{RouteSocket, TraceFs, TraceFsError, Tun, check_tun};
use tcpctl::wire::decode_segment;

use crate::case::{CannotRun, Ran};
use crate::program;

/// How far apart the stamps of a packet and of the event right behind it may be on a busy machine; between two that are
/// sent again pass 200 ms at the least.
const ALLOWANCE_NS: u64 = 25_000_000;

/// A program that traces, of which the first line has been read: the tracepoints fire.
pub(crate) struct Traced {
    pub(crate) child: Child,
    pub(crate) output: BufReader<ChildStdout>,
    pub(crate) begin: Value,
}

impl Traced {
    pub(crate) fn begin(arguments: &[&str]) -> Result<Self, CannotRun> {
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

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("the own child");
    }

    /// The instances that it traces into, and that they are there.
    pub(crate) fn instances(&self) -> Vec<String> {
        let names = self.begin["instances"].as_array().expect("names").iter();
        let names: Vec<String> = names.map(|name| name.as_str().expect("a name").to_owned()).collect();
        assert_eq!(self.begin["instance"].as_str(), names.first().map(String::as_str));
        names
    }

    /// Ends it by this signal, and gives its events and its summary.
    pub(crate) fn end(mut self, signal: Signal, code: i32) -> (Vec<Value>, Value) {
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
    pub(crate) fn interrupted(self) -> Vec<Value> {
        let (events, summary) = self.end(Signal::INT, 130);
        assert_eq!((&summary["lost"], &summary["not_shown"]), (&Value::from(0), &Value::from(0)), "{summary}");
        events
    }
}

/// Whether there is an instance of this name.
pub(crate) fn is_there(instance: &str) -> bool {
    let files = TraceFs::open(None).expect("tracefs");
    match files.read(&format!("instances/{instance}/tracing_on")) {
        Ok(_) => true,
        Err(TraceFsError::Absent { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// An address of the loopback network that no other case and no other run uses at the same time.
pub(crate) fn own_address() -> String {
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

pub(crate) fn end_of(event: &Value, which: &str) -> SocketAddr {
    let port = event[&format!("{which}_port")].as_u64().expect("a port");
    let address = event[which].as_str().expect("an address").parse().expect("an address");
    SocketAddr::new(address, u16::try_from(port).expect("a port"))
}

/// Holds what was traced of the connections of a playing against its own record.
pub(crate) fn judge(played: &Played, events: &[Value], least: usize) {
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

pub(crate) fn played_and_traced(scenario: &Scenario, limit: Duration, least: usize) -> Ran {
    let traced = Traced::begin(&["--event", "retransmit", "synack"])?;
    let conditions = Conditions { capture: true, ..Conditions::limited(limit) };
    let played = play(scenario, &conditions).map_err(|error| CannotRun(error.to_string()));
    let events = traced.interrupted();
    judge(&played?, &events, least);
    Ok(())
}

/// The events as `NAME LOCAL PEER STATE>STATE REASON`, with `a` and `b` for two ends.
pub(crate) fn shown(events: &[Value], a: &str, b: &str) -> Vec<String> {
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
/// A device that leads nowhere, whose network has these addresses.
pub(crate) fn device(name: &str, address: &str) -> Result<Tun, CannotRun> {
    check_tun().map_err(|error| CannotRun(format!("no TUN device can be made: {error}")))?;
    let mut route = RouteSocket::open().expect("netlink");
    let tun = Tun::create(name).expect("a device");
    route.raise_link(tun.index(), 1500, 1000).expect("the device is up");
    route.add_address(tun.index(), address.parse().expect("an address"), 24).expect("an address");
    Ok(tun)
}
