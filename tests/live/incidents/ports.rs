//! Local ports that run out.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};

use super::ends::{listener, pair};
use super::every::Judged;
use super::watch::{SECOND, judged_after, judged_with_processes, reading, says};
use crate::case::{CannotRun, Ran};
use crate::place::{Listening, Place};

/// The program's older reading counts no ports. Where they matter it watches on until it knows their rate.
pub(super) fn ports_over_two_windows(place: &Place) -> Ran {
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

pub(super) fn ports_used_up(place: &Place) -> Judged {
    // The listener's own port is no part of the range.
    let (listener, to) = listener(place, 128);
    place.set("net.ipv4.ip_local_port_range", "20000 20009");
    let before = reading();
    let _pairs: Vec<_> = (0..10).map(|_| pair(&listener, to)).collect();
    let error = TcpStream::connect(to).expect_err("no port is left");
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    let findings = judged_with_processes(&before);
    says(&findings, &format!("({}) (10 of 10)", std::process::id()));
    Ok(findings)
}

/// Connections that are opened and kept: more than a quarter of the ports in a window, and the rest will not last one.
pub(super) fn ports_used_up_soon(place: &Place) -> Judged {
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

pub(super) fn ports_bound(place: &Place) -> Judged {
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

/// Each takes a port of its own, although they lead to nine destinations.
pub(super) fn bound_first(place: &Place) -> Judged {
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
