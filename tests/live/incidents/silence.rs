//! Peers that say nothing any more.

use std::io::Write;
use std::time::Duration;

use tcpctl::sys::{IntOption, set_int_option};

use super::ends::connections;
use super::every::Judged;
use super::watch::{SECOND, judged_after, judged_knowing, reading, says, timeouts, wait_for, wait_for_long};
use crate::place::Place;
use crate::wire::{Fate, Wire};

pub(super) fn peers_gone() -> Judged {
    let wire = Wire::lay()?;
    let (mut near_ends, _far_ends) = connections(&wire, 20);
    wire.meddle(|_, _| Fate::Lose);
    let before = reading();
    near_ends.iter_mut().for_each(|stream| stream.write_all(b"anybody there?").expect("room"));
    wait_for("TCPTimeouts", 60);
    Ok(judged_after(&before, SECOND))
}

pub(super) fn keepalive(_: &Place) -> Judged {
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

/// Five timeouts in a row take six seconds, or less where the least RTO can be set (6.11).
pub(super) fn one_session(place: &Place) -> Judged {
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

/// The pool waits longer than the kernel does.
pub(super) fn budget(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_retries2", "5");
    let wire = Wire::lay()?;
    let _ends = connections(&wire, 3);
    let before = reading();
    let findings = judged_knowing(&before, &timeouts("app=5s,pool=30s"));
    says(&findings, "pool=30s outlasts the connection: net.ipv4.tcp_retries2 ends it after 1");
    Ok(findings)
}

/// The same session as that of `one_session`, which is said to have an option that it does not have.
pub(super) fn option_not_set(place: &Place) -> Judged {
    if place.snapshot().kernel.version.is_some_and(|version| version.at_least(6, 11)) {
        place.set("net.ipv4.tcp_rto_min_us", "50000");
    }
    let wire = Wire::lay()?;
    let (mut near_ends, _far_ends) = connections(&wire, 1);
    wire.meddle(|_, _| Fate::Lose);
    near_ends.iter_mut().for_each(|stream| stream.write_all(b"select 1").expect("room"));
    wait_for_long("TCPTimeouts", 5, Duration::from_secs(60));
    let before = reading();
    let findings = judged_knowing(&before, &timeouts("app=50ms,user=100ms"));
    says(&findings, "and more, although user=100ms is stated");
    Ok(findings)
}

/// Nothing is sent, no keepalive runs, and a load balancer forgets after two seconds, as it is said.
pub(super) fn forgotten_elsewhere(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let _ends = connections(&wire, 5);
    let before = reading();
    let findings = judged_knowing(&before, &timeouts("idle=2s"));
    says(&findings, "and no keepalive begins before: 5 connections, such as to 192.0.2.1:80");
    Ok(findings)
}
