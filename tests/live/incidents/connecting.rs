//! Connects of the own host that come to nothing.

use std::net::{Ipv6Addr, SocketAddr, TcpStream};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use tcpctl::diagnose::Severity;

use super::ends::{SILENT, ask, begin_connect, listener};
use super::every::Judged;
use super::watch::{SECOND, judged_after, reading, says, wait_for};
use crate::place::Place;
use crate::wire::{BareWire, FAR, Wire, lonely_ethernet};

pub(super) fn refused(place: &Place) -> Judged {
    let (listener, to) = listener(place, 1);
    drop(listener);
    let before = reading();
    for _ in 0..50 {
        drop(begin_connect(to));
    }
    Ok(judged_after(&before, SECOND))
}

/// Clients of localhost that try IPv6 first, where the service has IPv4 alone: odd, and nothing is missing.
pub(super) fn second_address(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let first = SocketAddr::from((Ipv6Addr::LOCALHOST, to.port()));
    let before = reading();
    for _ in 0..50 {
        TcpStream::connect(first).expect_err("nobody listens there");
        ask(&listener, to);
    }
    let findings = judged_after(&before, SECOND);
    says(&findings, "50 of 100 connects failed at once");
    assert!(findings.findings.iter().all(|finding| finding.severity == Severity::Notice), "{findings:#?}");
    Ok(findings)
}

pub(super) fn unanswered(_: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let before = reading();
    let _clients: Vec<_> = (0..10).map(|_| begin_connect(SILENT.into())).collect();
    wait_for("TCPSynRetrans", 20);
    wire.drain(|_| None);
    let findings = judged_after(&before, SECOND);
    says(&findings, "10 connects to 192.0.2.99:80 fail from ");
    Ok(findings)
}

pub(super) fn died_of_silence(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    place.set("net.ipv4.tcp_syn_retries", "1");
    let before = reading();
    let _clients: Vec<_> = (0..10).map(|_| begin_connect(SILENT.into())).collect();
    wait_for("TCPAbortOnTimeout", 10);
    wire.drain(|_| None);
    Ok(judged_after(&before, SECOND))
}

/// Some connections are open, and the others get no answer.
pub(super) fn full_elsewhere(_: &Place) -> Judged {
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

/// Nobody answers ARP; so that this is not known after three seconds, the kernel asks for longer.
pub(super) fn no_neighbour(place: &Place) -> Judged {
    let _ether = lonely_ethernet()?;
    place.set("net.ipv4.neigh.ether0.mcast_solicit", "60");
    let before = reading();
    let _clients: Vec<_> = (0..10).map(|_| begin_connect(SILENT.into())).collect();
    wait_for("TCPSpuriousRtxHostQueues", 10);
    Ok(judged_after(&before, SECOND))
}
