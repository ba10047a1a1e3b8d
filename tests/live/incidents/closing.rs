//! Ends of connections that nobody completes.

use std::io::Write;
use std::net::Shutdown;

use tcpctl::units::TcpState;

use super::ends::{connections, listener, pair, read_to_end};
use super::every::Judged;
use super::watch::{SECOND, judged_after, judged_with_processes, reading, says, wait_for};
use crate::place::{Place, until};
use crate::wire::{Fate, Wire};

pub(super) fn unread_data(place: &Place) -> Judged {
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

pub(super) fn close_wait(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    let leak = |_| {
        let (client, mut server) = pair(&listener, to);
        drop(client);
        read_to_end(&mut server);
        server
    };
    let _leaked: Vec<_> = (0..120).map(leak).collect();
    let findings = judged_with_processes(&before);
    says(&findings, &format!("({}) does not close what its peers have closed", std::process::id()));
    Ok(findings)
}

pub(super) fn half_closed(_: &Place) -> Judged {
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

pub(super) fn closed_unanswered(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let (near_ends, _far_ends) = connections(&wire, 120);
    wire.meddle(|_, _| Fate::Lose);
    drop(near_ends);
    let before = reading();
    let so_far = before.counters.tcp_ext("TCPTimeouts").expect("this kernel counts it");
    wait_for("TCPTimeouts", so_far + 60);
    Ok(judged_after(&before, SECOND))
}

/// The peers acknowledge the FIN and keep their side open.
pub(super) fn closed_half(place: &Place) -> Judged {
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

pub(super) fn buckets(place: &Place) -> Judged {
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
