//! Processes that do not accept what comes, or not fast enough.

use std::thread::sleep;
use std::time::Duration;

use super::ends::{accept_all, begin_connect, listener};
use super::every::Judged;
use super::watch::{SECOND, judged_after, reading, says, wait_for};
use crate::place::{Listening, Place, until};

pub(super) fn nobody_accepts(place: &Place) -> Judged {
    let (_listener, to) = listener(place, 4);
    let _clients: Vec<_> = (0..20).map(|_| begin_connect(to)).collect();
    wait_for("ListenDrops", 15);
    let before = reading();
    Ok(judged_after(&before, Duration::from_millis(1500)))
}

/// A connect every 10 ms, and an accept every 50 ms.
pub(super) fn slow_accept(place: &Place) -> Judged {
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
pub(super) fn bursts(place: &Place, backlog: i32) -> Judged {
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

pub(super) fn stuck_worker(place: &Place) -> Judged {
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

/// None of three workers takes anything, beside another service that accepts at once.
pub(super) fn every_worker_stuck(place: &Place) -> Judged {
    let share = Listening { share: true, ..Listening::with_backlog(4) };
    let first = place.listen("127.0.0.1:0", share);
    let to = first.local_addr().expect("an address");
    let _others: Vec<_> = (0..2).map(|_| place.listen(&to.to_string(), share)).collect();
    let (works, to_works) = listener(place, 64);
    let is_full = || {
        let sockets = reading().sockets.expect("sockets");
        let queues = sockets.listeners.iter().filter(|one| one.port == to.port()).map(|one| one.accept_queue);
        let queues: Vec<_> = queues.collect();
        if queues.iter().all(|queue| *queue == Some(5)) { Ok(()) } else { Err(queues) }
    };
    let mut clients = Vec::new();
    until("three full queues", || {
        clients.extend((0..20).map(|_| begin_connect(to)));
        is_full()
    });
    let before = reading();
    let mut accepted = Vec::new();
    for _ in 0..30 {
        clients.push(begin_connect(to));
        clients.push(begin_connect(to_works));
        accepted.extend(accept_all(&works));
        sleep(Duration::from_millis(10));
    }
    let findings = judged_after(&before, Duration::from_millis(1500));
    says(&findings, "none of 3 listeners on this port accepts: 15 wait");
    Ok(findings)
}

/// The clients of the one come again and again; the other accepts at once.
pub(super) fn stuck_beside_working(place: &Place) -> Judged {
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
