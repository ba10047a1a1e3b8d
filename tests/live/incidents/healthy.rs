//! Use as it should be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::ends::{ask, listener, pair, read_to_end};
use super::every::Judged;
use super::watch::{SECOND, judged_after, reading};
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
