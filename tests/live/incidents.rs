//! Incidents that are recreated, and what `diagnose` makes of each: the right verdict, and no other.
//!
//! All of them run at once, each in namespaces of its own, and take as long as the slowest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};
use serde::Deserialize;
use tcpctl::collect::{self, Source};
use tcpctl::diagnose::{Findings, Proof, RULES, Undecided, diagnose, keys};
use tcpctl::snapshot::{Pace, Snapshot};
use tcpctl::sys::{IntOption, Namespace, ProcRoot, SysctlFiles, raise_loopback, set_int_option};
use tcpctl::units::TcpState;
use tcpctl::wire::{SegmentHeader, build_segment, decode_segment, parse_paired_lines};

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Listening, Place, until};
use crate::wire::{BareWire, FAR, Fate, Wire, has_data, near};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("every incident has its verdict and no other", every_incident),
        Case::new("a second window tells when ports run out", ports_over_two_windows),
    ]
}

/// What is expected of each incident.
#[derive(Deserialize)]
struct Expected {
    undecided: BTreeSet<String>,
    incidents: BTreeMap<String, BTreeSet<String>>,
}

type Judged = Result<Findings, CannotRun>;

/// The name of an incident, and what makes it.
type Incident = (&'static str, fn(&Place) -> Judged);

const INCIDENTS: &[Incident] = &[
    ("healthy and busy", healthy),
    ("TIME-WAIT of a server that closes first", time_wait_of_a_server),
    ("nobody accepts", nobody_accepts),
    ("slow accept", slow_accept),
    ("bursts above a small backlog", |place| bursts(place, 4)),
    ("bursts above somaxconn", |place| {
        place.set("net.core.somaxconn", "4");
        bursts(place, 512)
    }),
    ("one of two workers stuck", stuck_worker),
    ("flood, with cookies", |place| flood(place, 80, 1500)),
    ("flood, without cookies", |place| {
        place.set("net.ipv4.tcp_syncookies", "0");
        flood(place, 80, 1000)
    }),
    ("SYN queue full up to the last quarter, without cookies", last_quarter),
    ("acknowledgements that claim cookies", false_cookies),
    ("third segments that never come", third_segments_lost),
    ("SYNs from hosts that answer with a reset", reset_handshakes),
    ("SYNs to a closed port", |place| flood(place, 81, 200)),
    ("connects to a service that is not there", refused),
    ("connects to a silent host", unanswered),
    ("connects that died of silence", died_of_silence),
    ("ports to one destination used up", ports_used_up),
    ("ports to one destination used up soon", ports_used_up_soon),
    ("ports bound and not connected", ports_bound),
    ("lossy path", |place| transfer(place, true, |count| if count % 25 == 5 { Fate::Lose } else { Fate::Pass })),
    ("path that duplicates", |place| {
        transfer(place, true, |count| if count % 10 == 0 { Fate::Twice } else { Fate::Pass })
    }),
    ("path that damages", damaged),
    ("peers gone with data in flight", |_| peers_gone()),
    ("peers gone, and few retries", |place| {
        place.set("net.ipv4.tcp_retries2", "5");
        peers_gone()
    }),
    ("full segments lost on the way", black_hole),
    ("keepalive without answer", keepalive),
    ("close with unread data", unread_data),
    ("receive buffer below the offered window", shrunk_buffer),
    ("readers that stop", stalled_readers),
    ("CLOSE-WAIT leak", close_wait),
    ("half-closed, and the peer does not close", half_closed),
    ("closed, and nobody acknowledges", closed_unanswered),
    ("TIME-WAIT buckets overflow", buckets),
    ("a stuck listener beside one that works", stuck_beside_working),
    ("bind() before each connect, until no port is left", bound_first),
    ("connects to a full accept queue elsewhere", full_elsewhere),
    ("segments that overtake each other", overtaken),
    ("segments that arrive after their timers", late_segments),
    ("one session that hangs on a silent peer", one_session),
    ("closed, and the peers keep their side open", closed_half),
    ("a far peer with a small receive buffer", small_window),
    ("a deep queue before the bottleneck", deep_queue),
    ("nobody accepts, beside healthy traffic", |place| beside_healthy(place, nobody_accepts)),
    ("flood, with cookies, beside healthy traffic", |place| beside_healthy(place, |place| flood(place, 80, 1500))),
    ("peers gone with data in flight, beside healthy traffic", |place| beside_healthy(place, |_| peers_gone())),
    ("CLOSE-WAIT leak, beside healthy traffic", |place| beside_healthy(place, close_wait)),
    ("connects to a service that is not there, beside healthy traffic", |place| beside_healthy(place, refused)),
];

fn every_incident(_: &Place) -> Ran {
    // A namespace takes the size of its connection table from the one that it is made in, and looking at sockets walks
    // it. Since 6.1; without it looking takes longer, and nothing else changes.
    if let Ok(key) = "net.ipv4.tcp_child_ehash_entries".parse() {
        let _ = SysctlFiles::new("/proc").write(&key, "16384");
    }
    tcpctl::sys::raise_open_files().expect("the limit of open files can be raised");
    let expected: Expected = toml::from_str(include_str!("../data/incidents.toml")).expect("the expectations");
    let names: BTreeSet<&str> = INCIDENTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected.incidents.keys().map(String::as_str).collect(), "what is expected is what is played");
    let outcomes: Vec<Judged> = std::thread::scope(|scope| {
        let runs: Vec<_> = INCIDENTS.iter().map(|(_, body)| scope.spawn(move || in_own_namespace(*body))).collect();
        // One that panicked has said why; what the others found is worth knowing as well.
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| Ok(nothing_judged()))).collect()
    });
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut wrong = Vec::new();
    let mut proved = BTreeSet::new();
    for ((name, _), findings) in INCIDENTS.iter().zip(&outcomes) {
        let said: BTreeSet<String> = findings.findings.iter().map(|finding| finding.rule.to_owned()).collect();
        let undecided: BTreeSet<String> = findings.undecided.iter().map(|gap| gap.rule.to_owned()).collect();
        let expected_rules = &expected.incidents[*name];
        if said != *expected_rules || undecided.iter().any(|rule| !may_be_undecided(&expected, rule)) {
            wrong.push(format!("{name}: expected {expected_rules:?}\n{findings:#?}"));
        }
        proved.extend(said);
    }
    eprintln!("{}", confusion_table(&outcomes));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let live: BTreeSet<String> =
        RULES.iter().filter(|rule| rule.proof == Proof::Live).map(|rule| rule.id.to_owned()).collect();
    assert_eq!(proved, live, "rules that say that they were proved live are those that were");
    Ok(())
}

/// The program's older reading counts no ports. Where they matter it watches on until it knows their rate.
fn ports_over_two_windows(place: &Place) -> Ran {
    let (listener, to) = listener(place, 128);
    place.set("net.ipv4.ip_local_port_range", "20000 20099");
    let mut pairs: Vec<_> = (0..35).map(|_| pair(&listener, to)).collect();
    let mut child = std::process::Command::new(crate::program::path())
        .args(["diagnose", "ports-exhaustion", "--window", "1s", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program runs");
    // Both windows see some of these.
    while child.try_wait().expect("the own child").is_none() {
        if pairs.len() < 95 {
            pairs.push(pair(&listener, to));
        }
        sleep(Duration::from_millis(200));
    }
    let mut text = String::new();
    child.stdout.as_mut().expect("a pipe").read_to_string(&mut text).expect("UTF-8");
    let found: serde_json::Value = serde_json::from_str(&text).expect("the output is JSON");
    let sentence = found["findings"][0]["sentence"].as_str().unwrap_or_default();
    assert!(sentence.contains("of 100), none is left in ") && sentence.ends_with(" at this rate"), "{text}");
    Ok(())
}

/// What stands for an incident that could not be made: every rule is undecided.
fn nothing_judged() -> Findings {
    let gap =
        |rule: &tcpctl::diagnose::Rule| Undecided { rule: rule.id, gap: "the incident could not be made".to_owned() };
    Findings { window_ms: None, rules: Vec::new(), findings: Vec::new(), undecided: RULES.iter().map(gap).collect() }
}

/// Rules whose limits only the initial namespace has.
fn may_be_undecided(expected: &Expected, rule: &str) -> bool {
    expected.undecided.contains(rule)
}

/// Incidents down, rules across by their number.
fn confusion_table(outcomes: &[Findings]) -> String {
    let mut text = String::new();
    for ((name, _), findings) in INCIDENTS.iter().zip(outcomes) {
        let cell = |id: &str| match (
            findings.findings.iter().any(|finding| finding.rule == id),
            findings.undecided.iter().any(|gap| gap.rule == id),
        ) {
            (true, _) => '#',
            (false, true) => '?',
            (false, false) => '.',
        };
        let row: String = RULES.iter().map(|rule| cell(rule.id)).collect();
        text.push_str(&format!("{row} {name}\n"));
    }
    text
}

fn in_own_namespace(body: fn(&Place) -> Judged) -> Judged {
    let cannot = |error: &dyn core::fmt::Display| CannotRun(error.to_string());
    let namespace = Namespace::fresh().map_err(|error| cannot(&error))?;
    namespace
        .run(|| {
            let place = Place::here(&namespace);
            raise_loopback().map_err(|error| cannot(&error))?;
            body(&place)
        })
        .map_err(|error| cannot(&error))?
}

/// Reads what the rules need.
fn reading() -> Snapshot {
    let keys = keys().into_iter().map(|key| key.parse().expect("a key")).collect();
    // Whose sockets they are is known, and looking for it at every process of the host takes long.
    let source = Source { processes: false, ..Source::own(keys) };
    collect::live(&source).expect("the own namespace can be read")
}

/// A second reading, so long after the first at least, and what the rules say.
fn judged_after(before: &Snapshot, window: Duration) -> Findings {
    let due = before.monotonic_ms + u64::try_from(window.as_millis()).expect("a short window");
    sleep(Duration::from_millis(due.saturating_sub(tcpctl::sys::monotonic_ms())));
    diagnose(&reading(), Some(before))
}

const SECOND: Duration = Duration::from_millis(1200);

/// Waits until a counter of the namespace has come so far. The kernel tells nobody when it does, and many wait at once.
fn wait_for(name: &str, least: i64) {
    wait_for_long(name, least, Duration::from_secs(10));
}

/// The same for what takes its time.
fn wait_for_long(name: &str, least: i64, longest: Duration) {
    let began = Instant::now();
    loop {
        let text = ProcRoot::new("/proc").read_net("netstat").expect("counters can be read");
        let counters = parse_paired_lines(&text).value;
        let now = counters.get("TcpExt").and_then(|group| group.get(name)).copied().expect("this kernel counts it");
        if now >= least {
            return;
        }
        assert!(began.elapsed() < longest, "{name} is {now} and does not become {least}");
        sleep(Duration::from_millis(20));
    }
}

/// Demands that a finding says this.
fn says(findings: &Findings, piece: &str) {
    let said: Vec<&str> = findings.findings.iter().map(|finding| finding.sentence.as_str()).collect();
    assert!(said.iter().any(|sentence| sentence.contains(piece)), "nobody says `{piece}`: {said:#?}");
}

/// Nobody answers there.
const SILENT: ([u8; 4], u16) = ([192, 0, 2, 99], 80);

/// Sends a SYN and does not wait for the answer.
fn begin_connect(to: SocketAddr) -> TcpStream {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP)).expect("a socket");
    match connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS | rustix::io::Errno::CONNREFUSED) => {}
        Err(error) => panic!("connect: {error}"),
    }
    TcpStream::from(socket)
}

/// Takes all that waits.
fn accept_all(listener: &TcpListener) -> Vec<TcpStream> {
    listener.set_nonblocking(true).expect("a listener");
    core::iter::from_fn(|| match listener.accept() {
        Ok((stream, _)) => Some(stream),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("accept: {error}"),
    })
    .collect()
}

/// A listener on loopback.
fn listener(place: &Place, backlog: i32) -> (TcpListener, SocketAddr) {
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(backlog));
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Both ends of a connection.
fn pair(listener: &TcpListener, to: SocketAddr) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(to).expect("it listens");
    (client, listener.accept().expect("it connected").0)
}

fn read_to_end(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the peer closes");
}

/// The incident while another service of the namespace is used as it should be, a hundred times a second or so.
fn beside_healthy(place: &Place, incident: impl FnOnce(&Place) -> Judged) -> Judged {
    let (listener, to) = listener(place, 128);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let mut kept = vec![pair(&listener, to)];
            while !ended.load(Ordering::Relaxed) {
                if kept.len() < 20 {
                    kept.push(pair(&listener, to));
                }
                ask(&listener, to);
                sleep(Duration::from_millis(8));
            }
        });
        // The traffic ends whatever becomes of the incident.
        let judged = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| incident(place)));
        ended.store(true, Ordering::Relaxed);
        traffic.join().expect("the traffic is healthy");
        judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// One connection with a request and an answer, closed in order by the client.
fn ask(listener: &TcpListener, to: SocketAddr) {
    let (mut client, mut server) = pair(listener, to);
    client.write_all(b"question").expect("room");
    client.shutdown(Shutdown::Write).expect("open");
    read_to_end(&mut server);
    server.write_all(b"answer").expect("room");
    drop(server);
    read_to_end(&mut client);
}

/// Requests and answers, closed in order by the client.
fn healthy(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    let kept: Vec<_> = (0..50).map(|_| pair(&listener, to)).collect();
    for _ in 0..200 {
        ask(&listener, to);
    }
    let findings = judged_after(&before, SECOND);
    drop(kept);
    Ok(findings)
}

fn time_wait_of_a_server(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    for _ in 0..500 {
        let (mut client, server) = pair(&listener, to);
        drop(server);
        read_to_end(&mut client);
    }
    Ok(judged_after(&before, SECOND))
}

fn nobody_accepts(place: &Place) -> Judged {
    let (_listener, to) = listener(place, 4);
    let _clients: Vec<_> = (0..20).map(|_| begin_connect(to)).collect();
    wait_for("ListenDrops", 15);
    let before = reading();
    Ok(judged_after(&before, Duration::from_millis(1500)))
}

/// A connect every 10 ms, and an accept every 50 ms.
fn slow_accept(place: &Place) -> Judged {
    let (listener, to) = listener(place, 16);
    let before = reading();
    let mut streams = Vec::new();
    for round in 0..200 {
        streams.push(begin_connect(to));
        if round % 5 == 0 {
            streams.push(listener.accept().expect("some wait").0);
        }
        sleep(Duration::from_millis(10));
    }
    Ok(judged_after(&before, SECOND))
}

/// Bursts of 30 that are accepted at once, as far as they fit.
fn bursts(place: &Place, backlog: i32) -> Judged {
    let (listener, to) = listener(place, backlog);
    let before = reading();
    let mut accepted = Vec::new();
    for _ in 0..4 {
        let burst: Vec<_> = (0..30).map(|_| begin_connect(to)).collect();
        accepted.extend(accept_all(&listener));
        // Who was dropped does not try again.
        accepted.extend(burst.into_iter().filter(|client| client.peer_addr().is_ok()));
        sleep(Duration::from_millis(200));
    }
    Ok(judged_after(&before, SECOND))
}

fn stuck_worker(place: &Place) -> Judged {
    let share = Listening { share: true, ..Listening::with_backlog(8) };
    let stuck = place.listen("127.0.0.1:0", share);
    let to = stuck.local_addr().expect("an address");
    let works = place.listen(&to.to_string(), share);
    let before = reading();
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(begin_connect(to));
        streams.extend(accept_all(&works));
    }
    let findings = judged_after(&before, SECOND);
    drop(stuck);
    Ok(findings)
}

/// SYNs of forged sources to a port; on port 80 somebody listens.
fn flood(place: &Place, port: u16, count: u32) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(64));
    let before = reading();
    for number in 0..count {
        wire.forge_syns(port, number..number + 1);
        wire.drain(|_| None);
    }
    Ok(judged_after(&before, SECOND))
}

/// With cookies off the last quarter of the host's own limit is kept for peers that are known.
fn last_quarter(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_syncookies", "0");
    place.set("net.ipv4.tcp_max_syn_backlog", "16");
    flood(place, 80, 40)
}

/// Cookies were sent not long ago, and acknowledgements come that none of them is in.
fn false_cookies(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(4));
    wire.forge_syns(80, 0..20);
    wait_for("SyncookiesSent", 1);
    wire.drain(|_| None);
    let before = reading();
    for port in 3000..3100 {
        let false_ack = build_segment(&SegmentHeader {
            source: SocketAddr::from(([192, 0, 2, 9], port)),
            destination: near(80),
            sequence: 1,
            acknowledgement: 4_000_000_000,
            syn: false,
            ack: true,
            fin: false,
            rst: false,
            window: 1000,
            payload: 0,
        });
        wire.forge(&false_ack.expect("a segment"));
        wire.drain(|_| None);
    }
    Ok(judged_after(&before, SECOND))
}

fn third_segments_lost(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(128));
    wire.forge_syns(80, 0..20);
    until("half-open connections", || {
        let half_open = reading().sockets.expect("sockets").count(TcpState::SynRecv);
        if half_open == 20 { Ok(()) } else { Err(half_open) }
    });
    let before = reading();
    // A whole round of them after the reading, whatever went before it.
    let so_far = before.counters.tcp_ext("TCPSynRetrans").expect("this kernel counts it");
    wait_for("TCPSynRetrans", so_far + 20);
    Ok(judged_after(&before, SECOND))
}

fn reset_handshakes(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(64));
    let reset = |packet: &[u8]| {
        let header = decode_segment(packet).filter(|header| header.syn && header.ack)?;
        build_segment(&SegmentHeader {
            source: header.destination,
            destination: header.source,
            sequence: header.acknowledgement,
            acknowledgement: 0,
            syn: false,
            ack: false,
            fin: false,
            rst: true,
            window: 0,
            payload: 0,
        })
    };
    let before = reading();
    for number in 0..300 {
        wire.forge_syns(80, number..number + 1);
        wire.drain(reset);
    }
    Ok(judged_after(&before, SECOND))
}

fn refused(place: &Place) -> Judged {
    let (listener, to) = listener(place, 1);
    drop(listener);
    let before = reading();
    for _ in 0..50 {
        drop(begin_connect(to));
    }
    Ok(judged_after(&before, SECOND))
}

fn unanswered(_: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let before = reading();
    let _clients: Vec<_> = (0..10).map(|_| begin_connect(SILENT.into())).collect();
    wait_for("TCPSynRetrans", 20);
    wire.drain(|_| None);
    let findings = judged_after(&before, SECOND);
    says(&findings, "10 connects to 192.0.2.99:80 fail from ");
    Ok(findings)
}

fn died_of_silence(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    place.set("net.ipv4.tcp_syn_retries", "1");
    let before = reading();
    let _clients: Vec<_> = (0..10).map(|_| begin_connect(SILENT.into())).collect();
    wait_for("TCPAbortOnTimeout", 10);
    wire.drain(|_| None);
    Ok(judged_after(&before, SECOND))
}

fn ports_used_up(place: &Place) -> Judged {
    // The listener's own port is no part of the range.
    let (listener, to) = listener(place, 128);
    place.set("net.ipv4.ip_local_port_range", "20000 20009");
    let before = reading();
    let _pairs: Vec<_> = (0..10).map(|_| pair(&listener, to)).collect();
    let error = TcpStream::connect(to).expect_err("no port is left");
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    Ok(judged_after(&before, SECOND))
}

/// Connections that are opened and kept: more than a quarter of the ports in a window, and the rest will not last one.
fn ports_used_up_soon(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    place.set("net.ipv4.ip_local_port_range", "20000 20099");
    let _before: Vec<_> = (0..30).map(|_| pair(&listener, to)).collect();
    let before = reading();
    let _pairs: Vec<_> = (0..30).map(|_| pair(&listener, to)).collect();
    let findings = judged_after(&before, SECOND);
    says(&findings, "60% of the local ports to 127.0.0.1:");
    says(&findings, "(60 of 100), none is left in ");
    Ok(findings)
}

fn ports_bound(place: &Place) -> Judged {
    if !reading().kernel.version.is_some_and(|version| version.at_least(6, 8)) {
        return Err(CannotRun("the kernel tells of bound sockets since 6.8 only".to_owned()));
    }
    place.set("net.ipv4.ip_local_port_range", "20000 20009");
    let before = reading();
    let bound = |_| {
        let kind = SocketType::STREAM;
        let socket =
            socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, Some(ipproto::TCP)).expect("a socket");
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is left");
        socket
    };
    let _bound: Vec<_> = (0..9).map(bound).collect();
    Ok(judged_after(&before, SECOND))
}

/// A listener at the far end.
fn far_listener(wire: &Wire) -> (TcpListener, SocketAddr) {
    let to = SocketAddr::from((FAR, 80));
    (wire.at_far_end(|| TcpListener::bind(to).expect("the address is the far end's")), to)
}

/// Leaves it to acknowledgements alone to tell of loss: a wire whose carrier is kept waiting is a delay like any other,
/// and what timers and probes then send again was not lost. The second setting is there since 6.11.
fn without_timers(place: &Place) {
    place.set("net.ipv4.tcp_early_retrans", "0");
    if place.snapshot().kernel.version.is_some_and(|version| version.at_least(6, 11)) {
        place.set("net.ipv4.tcp_rto_min_us", "1000000");
    }
}

/// Moves 3 MB, to the far end or from it, while this becomes of every so-manieth segment of data that is new. Each round
/// of 25 segments is read before the next begins: what is lost is made good before more is.
fn transfer(place: &Place, away: bool, mut fate: impl FnMut(u32) -> Fate + Send + 'static) -> Judged {
    const ROUND: usize = 25 * 1400;
    without_timers(place);
    let wire = Wire::lay()?;
    let (listener, to) = far_listener(&wire);
    let (near_end, far_end) = pair(&listener, to);
    let mut count = 0;
    let mut is_new = new_data();
    wire.meddle(move |packet, to_far| {
        if to_far != away || !is_new(packet) {
            return Fate::Pass;
        }
        count += 1;
        fate(count)
    });
    let (mut from, mut into) = if away { (near_end, far_end) } else { (far_end, near_end) };
    let before = reading();
    for _ in 0..100 {
        from.write_all(&[7; ROUND]).expect("the reader reads");
        into.read_exact(&mut [0; ROUND]).expect("it arrives");
    }
    Ok(judged_after(&before, SECOND))
}

/// Tells data that was not sent before from what is sent again.
fn new_data() -> impl FnMut(&[u8]) -> bool {
    let mut last: Option<u32> = None;
    move |packet: &[u8]| {
        let Some(segment) = decode_segment(packet).filter(|segment| segment.payload > 0) else { return false };
        // As `before()` compares them: sequence numbers go round.
        let is_new = last.is_none_or(|last| segment.sequence.wrapping_sub(last).cast_signed() > 0);
        if is_new {
            last = Some(segment.sequence);
        }
        is_new
    }
}

/// What comes in has a flipped bit in every twentieth segment, which TCP sends again.
fn damaged(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let (listener, to) = far_listener(&wire);
    let (mut near_end, mut far_end) = pair(&listener, to);
    let mut count = 0;
    wire.meddle(move |packet, to_far| {
        if !to_far && has_data(packet) {
            count += 1;
            if let Some(last) = packet.last_mut().filter(|_| count % 20 == 0) {
                *last ^= 1;
            }
        }
        Fate::Pass
    });
    let before = reading();
    std::thread::scope(|scope| {
        scope.spawn(move || far_end.write_all(&[7; 1 << 20]).expect("the reader reads"));
        read_to_end(&mut near_end);
    });
    Ok(judged_after(&before, SECOND))
}

/// Connections to the far end, which then goes silent.
fn connections(wire: &Wire, count: usize) -> (Vec<TcpStream>, Vec<TcpStream>) {
    let (listener, to) = far_listener(wire);
    (0..count).map(|_| pair(&listener, to)).unzip()
}

fn peers_gone() -> Judged {
    let wire = Wire::lay()?;
    let (mut near_ends, _far_ends) = connections(&wire, 20);
    wire.meddle(|_, _| Fate::Lose);
    let before = reading();
    near_ends.iter_mut().for_each(|stream| stream.write_all(b"anybody there?").expect("room"));
    wait_for("TCPTimeouts", 60);
    Ok(judged_after(&before, SECOND))
}

/// The wire carries no packet above 1400 bytes and says so to nobody.
fn black_hole(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_mtu_probing", "0");
    let wire = Wire::lay()?;
    let (mut near_ends, mut far_ends) = connections(&wire, 5);
    wire.meddle(|packet, _| if packet.len() > 1400 { Fate::Lose } else { Fate::Pass });
    for (near_end, far_end) in near_ends.iter_mut().zip(&mut far_ends) {
        near_end.write_all(b"a small request").expect("room");
        far_end.read_exact(&mut [0; 15]).expect("it arrives");
    }
    let before = reading();
    near_ends.iter_mut().for_each(|stream| stream.write_all(&[7; 20_000]).expect("room"));
    wait_for("TCPTimeouts", 20);
    let findings = judged_after(&before, SECOND);
    says(&findings, "5 connections, such as to 192.0.2.1:80 get small segments through and full ones of 14");
    Ok(findings)
}

fn keepalive(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let (near_ends, _far_ends) = connections(&wire, 5);
    wire.meddle(|_, _| Fate::Lose);
    let before = reading();
    for stream in &near_ends {
        for (option, value) in [
            (IntOption::KeepIdle, 1),
            (IntOption::KeepInterval, 1),
            (IntOption::KeepCount, 1),
            (IntOption::Keepalive, 1),
        ] {
            set_int_option(stream, option, value).expect("the option is known");
        }
    }
    wait_for("TCPAbortOnTimeout", 5);
    Ok(judged_after(&before, SECOND))
}

fn unread_data(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    let mut clients = Vec::new();
    for _ in 0..60 {
        let (mut client, server) = pair(&listener, to);
        client.write_all(b"never read").expect("room");
        server.peek(&mut [0]).expect("it arrives");
        drop(server);
        clients.push(client);
    }
    Ok(judged_after(&before, SECOND))
}

/// The window was offered when the buffer was larger, and one sender fills it at once.
fn shrunk_buffer(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    let mut kept = Vec::new();
    for _ in 0..3 {
        let (mut client, server) = pair(&listener, to);
        set_int_option(&server, IntOption::ReceiveBuffer, 2304).expect("the option is known");
        client.set_nonblocking(true).expect("a stream");
        while client.write(&[7; 1000]).is_ok() {}
        kept.push((client, server));
    }
    wait_for("TCPRcvQDrop", 1);
    Ok(judged_after(&before, SECOND))
}

fn stalled_readers(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    let mut kept = Vec::new();
    for _ in 0..5 {
        let (mut client, server) = pair(&listener, to);
        client.set_nonblocking(true).expect("a stream");
        let began = Instant::now();
        // Until nothing goes any more: what is acknowledged meanwhile makes room again.
        while began.elapsed() < Duration::from_millis(300) {
            if client.write(&[7; 65_536]).is_err() {
                sleep(Duration::from_millis(10));
            }
        }
        kept.push((client, server));
    }
    wait_for("TCPToZeroWindowAdv", 5);
    Ok(judged_after(&before, SECOND))
}

fn close_wait(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    let leak = |_| {
        let (client, mut server) = pair(&listener, to);
        drop(client);
        read_to_end(&mut server);
        server
    };
    let _leaked: Vec<_> = (0..120).map(leak).collect();
    sleep(SECOND);
    let mut now = reading();
    tcpctl::collect::name_owners("/proc".as_ref(), [&mut now]);
    let findings = diagnose(&now, Some(&before));
    says(&findings, &format!("({}) does not close what its peers have closed", std::process::id()));
    Ok(findings)
}

fn half_closed(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let (near_ends, _far_ends) = connections(&wire, 120);
    near_ends.iter().for_each(|stream| stream.shutdown(Shutdown::Write).expect("open"));
    until("the FINs to be acknowledged", || {
        let there = reading().sockets.expect("sockets").count(TcpState::FinWait2);
        if there == 120 { Ok(()) } else { Err(there) }
    });
    let before = reading();
    Ok(judged_after(&before, SECOND))
}

fn closed_unanswered(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let (near_ends, _far_ends) = connections(&wire, 120);
    wire.meddle(|_, _| Fate::Lose);
    drop(near_ends);
    let before = reading();
    let so_far = before.counters.tcp_ext("TCPTimeouts").expect("this kernel counts it");
    wait_for("TCPTimeouts", so_far + 60);
    Ok(judged_after(&before, SECOND))
}

fn buckets(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_max_tw_buckets", "20");
    let (listener, to) = listener(place, 128);
    let before = reading();
    for _ in 0..60 {
        let (client, mut server) = pair(&listener, to);
        drop(client);
        read_to_end(&mut server);
    }
    Ok(judged_after(&before, SECOND))
}

/// The clients of the one come again and again; the other accepts at once.
fn stuck_beside_working(place: &Place) -> Judged {
    let (_stuck, to_stuck) = listener(place, 4);
    let (works, to_works) = listener(place, 64);
    let mut clients: Vec<_> = (0..20).map(|_| begin_connect(to_stuck)).collect();
    wait_for("ListenDrops", 15);
    let before = reading();
    let mut accepted = Vec::new();
    for _ in 0..30 {
        clients.push(begin_connect(to_works));
        accepted.extend(accept_all(&works));
        sleep(Duration::from_millis(10));
    }
    let findings = judged_after(&before, Duration::from_millis(1500));
    says(&findings, &format!("{to_stuck} does not accept: 5 wait"));
    Ok(findings)
}

/// Each takes a port of its own, although they lead to nine destinations.
fn bound_first(place: &Place) -> Judged {
    let listener = place.listen("0.0.0.0:8080", Listening::with_backlog(128));
    place.set("net.ipv4.ip_local_port_range", "20000 20099");
    let before = reading();
    let mut pairs = Vec::new();
    let bound = || {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP));
        let socket = socket.expect("a socket");
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).map(|()| socket)
    };
    let mut last = 2;
    let error = loop {
        match bound() {
            Ok(client) => {
                connect(&client, &SocketAddr::from(([127, 0, 0, last], 8080))).expect("it listens");
                last = if last == 10 { 2 } else { last + 1 };
                pairs.push((client, listener.accept().expect("it connected").0));
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error, rustix::io::Errno::ADDRINUSE);
    let findings = judged_after(&before, SECOND);
    says(&findings, "% of the local ports of 127.0.0.1 are taken");
    Ok(findings)
}

/// Some connections are open, and the others get no answer.
fn full_elsewhere(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let to = SocketAddr::from((FAR, 80));
    let _full = wire.at_far_end(|| {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP));
        let socket = socket.expect("a socket");
        rustix::net::bind(&socket, &to).expect("the address is the far end's");
        rustix::net::listen(&socket, 2).expect("listen");
        socket
    });
    let _open: Vec<_> = (0..3).map(|_| TcpStream::connect(to).expect("there is room")).collect();
    let before = reading();
    let _clients: Vec<_> = (0..15).map(|_| begin_connect(to)).collect();
    wait_for("TCPSynRetrans", 30);
    let findings = judged_after(&before, SECOND);
    let finding = findings.findings.first().expect("a finding");
    assert!(finding.cause.starts_with("other connections to there are open"), "{finding:#?}");
    Ok(findings)
}

/// One of every 25 segments is overtaken by all that follow. Each round of them is read before the next begins, so that
/// the peer tells of every one that comes twice: a bunch of them it tells of once.
fn overtaken(place: &Place) -> Judged {
    const ROUND: usize = 25 * 1400;
    without_timers(place);
    let wire = Wire::lay()?;
    let (mut near_ends, mut far_ends) = connections(&wire, 1);
    let (near_end, far_end) = (&mut near_ends[0], &mut far_ends[0]);
    let mut count = 0;
    let mut is_new = new_data();
    wire.meddle(move |packet, to_far| {
        if !to_far || !is_new(packet) {
            return Fate::Pass;
        }
        count += 1;
        if count % 25 == 5 { Fate::After(Duration::from_millis(250)) } else { Fate::Pass }
    });
    let before = reading();
    for _ in 0..100 {
        near_end.write_all(&[7; ROUND]).expect("the reader reads");
        far_end.read_exact(&mut [0; ROUND]).expect("it arrives");
    }
    wait_for("TCPDSACKRecv", 85);
    Ok(judged_after(&before, SECOND))
}

/// Each is on its way for longer than its timer, and arrives.
fn late_segments(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let (mut near_ends, mut far_ends) = connections(&wire, 30);
    wire.meddle(
        |packet, to_far| {
            if to_far && has_data(packet) { Fate::After(Duration::from_millis(450)) } else { Fate::Pass }
        },
    );
    let before = reading();
    near_ends.iter_mut().for_each(|stream| stream.write_all(b"anybody there?").expect("room"));
    far_ends.iter_mut().for_each(|stream| stream.read_exact(&mut [0; 14]).expect("it arrives"));
    wait_for("TCPLossUndo", 20);
    Ok(judged_after(&before, SECOND))
}

/// Five timeouts in a row take six seconds, or less where the least RTO can be set (6.11).
fn one_session(place: &Place) -> Judged {
    if place.snapshot().kernel.version.is_some_and(|version| version.at_least(6, 11)) {
        place.set("net.ipv4.tcp_rto_min_us", "50000");
    }
    let wire = Wire::lay()?;
    let (mut near_ends, _far_ends) = connections(&wire, 1);
    wire.meddle(|_, _| Fate::Lose);
    near_ends.iter_mut().for_each(|stream| stream.write_all(b"select 1").expect("room"));
    // Timers are as long as the handshake was slow.
    wait_for_long("TCPTimeouts", 5, Duration::from_secs(60));
    let before = reading();
    let findings = judged_after(&before, SECOND);
    says(&findings, "a connection to 192.0.2.1:80 hangs on a silent peer and fails from ");
    Ok(findings)
}

/// The peers acknowledge the FIN and keep their side open.
fn closed_half(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_max_tw_buckets", "100");
    let wire = Wire::lay()?;
    let (near_ends, _far_ends) = connections(&wire, 50);
    drop(near_ends);
    until("the FINs to be acknowledged", || {
        let there = reading().counters.sockstat("TCP", "tw");
        if there == Some(50) { Ok(()) } else { Err(there) }
    });
    let before = reading();
    Ok(judged_after(&before, SECOND))
}

/// Sends for seconds, and judges as soon as the connection shows the situation.
fn long_transfer(mut from: TcpStream, mut into: TcpStream, is_made: fn(Pace) -> bool) -> Findings {
    let before = reading();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                from.write_all(&[7; 65_536]).expect("the reader reads");
            }
            drop(from);
        });
        scope.spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while into.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        });
        let judged = std::panic::catch_unwind(|| {
            until("the situation", || {
                let now = reading();
                let samples = now.sockets.as_ref().and_then(|sockets| sockets.samples.as_ref());
                let sending = samples.expect("single sockets").sending.iter().flat_map(|sample| &sample.rows);
                let pace = sending.filter_map(|row| row.pace).max_by_key(|pace| pace.busy_us);
                sleep(Duration::from_millis(50));
                match pace.filter(|pace| pace.busy_us > 2_200_000 && is_made(*pace)) {
                    Some(_) => Ok(diagnose(&now, Some(&before))),
                    None => Err(pace),
                }
            })
        });
        ended.store(true, Ordering::Relaxed);
        judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// 100 ms of path, and a buffer of 16 KiB at its end.
fn small_window(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    wire.meddle(|_, _| Fate::After(Duration::from_millis(50)));
    let (listener, to) = far_listener(&wire);
    set_int_option(&listener, IntOption::ReceiveBuffer, 16_384).expect("the option is known");
    let (near_end, far_end) = pair(&listener, to);
    // A wire that is carried in time.
    Ok(long_transfer(near_end, far_end, |pace| pace.rtt_us < pace.min_rtt_us / 2 * 3))
}

/// The wire carries some thousand segments a second, and all that waits for it waits in its queue.
fn deep_queue(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_congestion_control", "reno");
    let wire = Wire::lay()?;
    let (listener, to) = far_listener(&wire);
    let (mut near_end, mut far_end) = pair(&listener, to);
    // So that the smallest round trip is known, however busy the machine is.
    for _ in 0..50 {
        near_end.write_all(b"ping").expect("room");
        far_end.read_exact(&mut [0; 4]).expect("it arrives");
        far_end.write_all(b"pong").expect("room");
        near_end.read_exact(&mut [0; 4]).expect("it arrives");
    }
    wire.meddle(|packet, to_far| {
        if to_far && has_data(packet) {
            sleep(Duration::from_micros(500));
        }
        Fate::Pass
    });
    Ok(long_transfer(near_end, far_end, |pace| pace.rtt_us > 50_000))
}
