//! Use as it should be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use tcpctl::units::TcpState;

use super::ends::{ask, listener, pair, read_to_end};
use super::every::Judged;
use super::watch::{SECOND, judged_after, reading, tcp_ext};
use crate::place::Place;

/// The incident while another service of the namespace is used as it should be, a hundred times a second or so.
pub(super) fn beside_healthy(place: &Place, incident: impl FnOnce(&Place) -> Judged) -> Judged {
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

/// Requests and answers, closed in order by the client.
pub(super) fn healthy(place: &Place) -> Judged {
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

/// A client that closes first, with as many TIME-WAIT as it has ports: it may take each again after a second, and does.
pub(super) fn reused_ports(place: &Place) -> Judged {
    const PORTS: usize = 100;
    let (listener, to) = listener(place, 128);
    place.set("net.ipv4.ip_local_port_range", "20000 20099");
    // Until they are there none is taken again, however long that takes.
    place.set("net.ipv4.tcp_tw_reuse", "0");
    (0..PORTS - 5).for_each(|_| ask(&listener, to));
    place.set("net.ipv4.tcp_tw_reuse", "1");
    // `tcp_tw_reuse_delay` of each, and before 6.14 the next whole second.
    sleep(Duration::from_millis(2100));
    let before = reading();
    let waiting = before.sockets.as_ref().map(|sockets| sockets.count(TcpState::TimeWait));
    assert!(waiting >= Some(90), "{waiting:?} wait");
    // More than are left beside them, so some are taken again; slowly, since these wait in turn.
    (0..15).for_each(|_| ask(&listener, to));
    let findings = judged_after(&before, 2 * SECOND);
    let taken = tcp_ext("TWRecycled");
    assert!(taken > 0, "no TIME-WAIT was taken again");
    Ok(findings)
}

pub(super) fn time_wait_of_a_server(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    for _ in 0..500 {
        let (mut client, server) = pair(&listener, to);
        drop(server);
        read_to_end(&mut client);
    }
    Ok(judged_after(&before, SECOND))
}
