//! What a trace says where the kernel does not answer, and whose an event is that names no namespace.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tcpctl::sys::{RouteSocket, Tun};

use crate::case::{CannotRun, Case, Ran};
use crate::fill::begin_connect;
use crate::notified::{Answer, Call, can_notify, run_notified};
use crate::place::{Place, until};
use crate::trace_load::{MORE_KIB, count, flood, memory_of};
use crate::traced::{Traced, device, own_address};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::for_root("a trace without sock_diag says so and takes no socket for gone", never_answered),
        Case::for_root("one question that fails costs a trace one answer", refused_once),
        Case::for_root("an address that a namespace is given while it is traced is its own", given),
        Case::for_root("in a trace a listener of all addresses is no other namespace's", all_addresses),
        Case::for_root("what a trace does not show for --count is counted and said", counted),
        Case::for_root("what is left in the buffers when a trace ends costs neither time nor memory", drained),
    ]
}

/// `NETLINK_SOCK_DIAG`.
const DIAG: libc::c_int = 4;

/// A network that no other run of the cases uses: its device, and an address that nobody has.
fn network(place: &Place) -> Result<(Tun, [Ipv4Addr; 2]), CannotRun> {
    place.set("net.ipv4.tcp_syn_retries", "3");
    if Path::new("/proc/sys/net/ipv4/tcp_syn_linear_timeouts").exists() {
        place.set("net.ipv4.tcp_syn_linear_timeouts", "0");
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let [own, peer] = [1, 77].map(|last| Ipv4Addr::new(10, high, low, last));
    Ok((device("trace0", &own.to_string())?, [own, peer]))
}

/// The namespace of this thread, by a path.
fn own_netns() -> String {
    let thread = rustix::thread::gettid().as_raw_nonzero();
    format!("/proc/{}/task/{thread}/ns/net", std::process::id())
}

/// Traces SYNs that nobody answers, so many of them, while calls are decided so. Gives the lines.
fn traced_under(
    place: &Place,
    events: &str,
    decide: impl FnMut(&Call<'_>) -> Answer + Send,
) -> Result<Vec<Value>, CannotRun> {
    if !can_notify() {
        return Err(CannotRun("this kernel cannot hand calls to another process".to_owned()));
    }
    let (_tun, [_, peer]) = network(place)?;
    let filter = format!("dst {peer}");
    let arguments = ["trace", "--json", "--event", "retransmit", "--count", events, "--for", "20s", "--", &filter];
    // It is sent again after 1, 3 and 7 seconds.
    let _connecting = begin_connect(SocketAddr::from((peer, 443)));
    let output = run_notified(&arguments, decide);
    let (told, text) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{told}");
    Ok(text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

fn never_answered(place: &Place) -> Ran {
    let lines = traced_under(place, "1", |call| {
        let is_diag = call.number == libc::SYS_socket
            && call.arguments[0] == libc::AF_NETLINK as u64
            && call.arguments[2] == DIAG as u64;
        if is_diag { Answer::Refuse(libc::EPERM) } else { Answer::Kernel }
    })?;
    let gaps = lines[0]["gaps"].as_array().expect("gaps");
    assert!(gaps.iter().any(|gap| gap["source"] == "sock_diag"), "{gaps:?}");
    let event = &lines[1];
    assert_eq!((&event["event"], &event["socket"]), (&"retransmit".into(), &"refused".into()), "{event}");
    let told = event["explanation"].as_str().expect("text");
    assert!(told.contains("the kernel did not say what its socket does: sock_diag is refused"), "{told}");
    Ok(())
}

fn refused_once(place: &Place) -> Ran {
    let mut is_first = true;
    let lines = traced_under(place, "2", |call| {
        let is_question = call.number == libc::SYS_sendto && call.netlink_protocol() == Some(DIAG);
        if is_question && std::mem::take(&mut is_first) { Answer::Refuse(libc::ENOBUFS) } else { Answer::Kernel }
    })?;
    let sockets: Vec<&Value> = lines[1..3].iter().map(|event| &event["socket"]).collect();
    assert_eq!(sockets, ["refused", "found"], "{lines:?}");
    assert_eq!(lines[2]["resend"], "timeout", "{}", lines[2]);
    Ok(())
}

fn given(place: &Place) -> Ran {
    let (tun, [own, _]) = network(place)?;
    let [one, two, three, _] = own.octets();
    let more = Ipv4Addr::new(one, two, three, 2);
    let (netns, filter) = (own_netns(), format!("src {more}"));
    let traced = Traced::begin(&["--netns", &netns, "--event", "state", "--count", "1", "--", &filter])?;
    let mut route = RouteSocket::open().expect("netlink");
    route.add_address(tun.index(), more.into(), 24).expect("an address");
    let mut child = traced.child;
    let ended = until("an event of the new address", || {
        drop(TcpListener::bind((more, 0)).expect("the own address"));
        child.try_wait().expect("a child").ok_or("none")
    });
    assert!(ended.success(), "{ended}");
    Ok(())
}

fn all_addresses(_place: &Place) -> Ran {
    let netns = own_netns();
    let bound = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let filter = format!("sport = :{}", bound.port());
    let traced = Traced::begin(&["--netns", &netns, "--event", "state", "--", &filter])?;
    drop(TcpListener::bind(("0.0.0.0", bound.port())).expect("the port is free"));
    drop(TcpListener::bind(("127.0.0.1", bound.port())).expect("the port is free"));
    let (events, summary) = traced.end(Signal::INT, 130);
    // Another run may use the port at the same time.
    assert!(events.len() == 2 && count(&summary["undecided"]) >= 2, "{events:?} {summary}");
    Ok(())
}

fn counted(_place: &Place) -> Ran {
    let address = own_address();
    let filter = format!("src {address} or dst {address}");
    let traced = Traced::begin(&["--event", "state", "--count", "2", "--", &filter])?;
    // All of them come in one turn.
    traced.signal(Signal::STOP);
    for _ in 0..6 {
        TcpStream::connect(format!("{address}:9")).expect_err("nobody listens");
    }
    traced.signal(Signal::CONT);
    let (events, summary) = traced.end(Signal::CONT, 0);
    assert_eq!(events.len(), 2);
    assert_eq!(count(&summary["events"]), 2 + count(&summary["not_shown"]), "{summary}");
    assert!(count(&summary["not_shown"]) > 0, "{summary}");
    Ok(())
}

/// Drops that are left in large buffers when the time is up: what is read then happened before, takes no part of the time
/// that the trace went on for, and is no more in memory than what is read while it goes on.
fn drained(place: &Place) -> Ran {
    const TOLD_MS: u64 = 4000;
    const FULL: &str = "full0";
    place.set("net.ipv6.conf.default.disable_ipv6", "1");
    let _full = device(FULL, "198.18.0.1")?;
    let wanted = ["--event", "drop", "--summary", "--buffer", "8192", "--cpu-share", "1", "--for", "2s"];
    let traced = Traced::begin(&wanted)?;
    let process = traced.child.id();
    let first_kib = memory_of(process, "VmHWM").expect("it is there");
    let stop = AtomicBool::new(false);
    let most_kib = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..2).map(|_| scope.spawn(|| flood(&stop))).collect();
        sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
        floods.into_iter().for_each(|flood| flood.join().expect("it only sends"));
        // One that has ended, and is not waited for yet, has no memory.
        let mut most_kib = first_kib;
        while let Some(kib) = memory_of(process, "VmHWM") {
            most_kib = most_kib.max(kib);
        }
        most_kib
    });
    let begun = traced.begin["unix_ns"].as_u64().expect("a time");
    let (_, summary) = traced.end(Signal::CONT, 0);
    let took_ms = count(&summary["took_ms"]);
    let until_ms = (count(&summary["unix_ns"]) - begun) / 1_000_000;
    eprintln!("{} drops told; {took_ms} and {until_ms} ms; {first_kib} and {most_kib} KiB", summary["events"]);
    assert!((2000..TOLD_MS).contains(&took_ms) && (2000..TOLD_MS).contains(&until_ms), "{until_ms} ms: {summary}");
    assert!(count(&summary["events"]) > 100_000, "{summary}");
    assert!(most_kib <= first_kib + MORE_KIB, "{first_kib} and {most_kib} KiB");
    Ok(())
}
