//! `tcpctl trace` against what really happened: the laboratory's own record, connections of the case, packets that the
//! case forged. Tracepoints see the whole host, so every case looks at addresses and ports of its own alone.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tcpctl::model::{Action, Scenario, Segment, Settings, Side};
use tcpctl::sys::Namespace;
use tcpctl::wire::{build_syn, decode_segment};

use crate::case::{CannotRun, Case, Ran};
use crate::connect::host;
use crate::place::Place;
use crate::trace_load::{count, flooded};
use crate::traced::{Traced, device, end_of, own_address, played_and_traced, shown};

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
        Case::for_root("an event of another namespace is told with its name and what its socket does", everywhere),
        Case::for_root("what a small buffer loses is counted", losses),
        Case::for_root("a flood of drops is counted or counted as lost, and costs no other event", |place| {
            flooded(place, false)
        }),
    ]
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
    if are_addresses_told() {
        assert_eq!(events[2]["function"], "tcp_v4_rcv", "{}", events[2]);
    }
    assert_eq!(events[4]["by_reset"], true);
    assert!(events[4]["explanation"].as_str().expect("text").contains("refused: a RST answered the SYN"));
    Ok(())
}

/// Whether the kernel tells this process, which is root's, where its functions are.
fn are_addresses_told() -> bool {
    let symbols = std::fs::File::open("/proc/kallsyms").map(BufReader::new);
    let lines = symbols.into_iter().flat_map(BufRead::lines).map_while(Result::ok);
    lines.take(1000).any(|line| !line.starts_with("0000000000000000"))
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

fn bad_checksum(_place: &Place) -> Ran {
    let tun = device("trace0", "198.51.100.1")?;
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
    let _tun = device("trace0", &format!("10.{high}.{low}.1"))?;
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

fn everywhere(place: &Place) -> Ran {
    place.set("net.ipv4.tcp_syn_retries", "1");
    if host(place)?.version.at_least(6, 5) {
        place.set("net.ipv4.tcp_syn_linear_timeouts", "0");
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let _tun = device("trace0", &format!("10.{high}.{low}.1"))?;
    let to = format!("10.{high}.{low}.77:443");
    let filter = format!("dst {to}");
    let begin = |all: &'static [&str]| {
        // This thread stays where it is, which is how the namespace is found.
        let other = Namespace::fresh().expect("root may make one");
        let arguments = [all, &["--event", "retransmit", "--count", "1", "--for", "20s", "--", &filter]].concat();
        other.run(|| Traced::begin(&arguments)).expect("it can be entered")
    };
    let traced = [begin(&["--all-netns"])?, begin(&[])?];
    TcpStream::connect(&to).expect_err("nobody answers");
    let [all, one] = traced.map(|mut traced| {
        let mut text = String::new();
        traced.output.read_to_string(&mut text).expect("text");
        assert!(traced.child.wait().expect("a child").success());
        serde_json::from_str::<Value>(text.lines().next().expect("an event")).expect("JSON")
    });
    assert_eq!((&all["netns"], &all["netns_from"]), (&Value::from(place.inode()), &Value::from("socket")), "{all}");
    assert_eq!((&all["socket"], &all["resend"]), (&Value::from("found"), &Value::from("timeout")), "{all}");
    assert_eq!(all["forecast"]["progress"], serde_json::json!({ "done": 1, "least": 1, "most": 1 }), "{all}");
    let name = all["netns_name"].as_str().expect("a name");
    assert!(all["explanation"].as_str().expect("text").ends_with(&format!("; netns {name}")), "{all}");
    // Who asks the own namespace alone is not told what the socket of another does.
    assert_eq!((&one["socket"], &one["netns"], &one["forecast"]), (&Value::from("none"), &Value::Null, &Value::Null));
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
    assert!(count(&summary["lost"]) > 0, "{summary}");
    // To SYN-SENT and back, each of which was read or lost.
    assert!(count(&summary["events"]) + count(&summary["lost"]) >= 2 * TRIES, "{summary}");
    Ok(())
}
