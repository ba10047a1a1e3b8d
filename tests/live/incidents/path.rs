//! What a path does to segments.

use std::io::{Read, Write};
use std::time::Duration;

use tcpctl::wire::decode_segment;

use super::ends::{connections, far_listener, pair, read_to_end};
use super::every::Judged;
use super::watch::{SECOND, judged_after, reading, says, wait_for};
use crate::place::Place;
use crate::wire::{Fate, Wire, has_data};

/// Leaves it to acknowledgements alone to tell of loss: a wire whose carrier is kept waiting is a delay like any other,
/// and what timers and probes then send again was not lost. The second setting is there since 6.11.
pub(super) fn without_timers(place: &Place) {
    place.set("net.ipv4.tcp_early_retrans", "0");
    if place.snapshot().kernel.version.is_some_and(|version| version.at_least(6, 11)) {
        place.set("net.ipv4.tcp_rto_min_us", "1000000");
    }
}

/// Moves 3 MB, to the far end or from it, while this becomes of every so-manieth segment of data that is new. Each round
/// of 25 segments is read before the next begins: what is lost is made good before more is.
pub(super) fn transfer(place: &Place, away: bool, mut fate: impl FnMut(u32) -> Fate + Send + 'static) -> Judged {
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
pub(super) fn damaged(_: &Place) -> Judged {
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

/// The wire carries no packet above 1400 bytes and says so to nobody.
pub(super) fn black_hole(place: &Place) -> Judged {
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

/// One of every 25 segments is overtaken by all that follow. Each round of them is read before the next begins, so that
/// the peer tells of every one that comes twice: a bunch of them it tells of once.
pub(super) fn overtaken(place: &Place) -> Judged {
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
pub(super) fn late_segments(_: &Place) -> Judged {
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

/// Before each segment comes one with an old timestamp, as from a middlebox that rewrites them.
pub(super) fn old_timestamps(place: &Place) -> Judged {
    without_timers(place);
    let wire = Wire::lay()?;
    let (mut near_ends, mut far_ends) = connections(&wire, 1);
    let (near_end, far_end) = (&mut near_ends[0], &mut far_ends[0]);
    wire.meddle(|packet, to_far| if !to_far && has_data(packet) { Fate::BehindStale } else { Fate::Pass });
    let before = reading();
    for _ in 0..60 {
        far_end.write_all(b"ping").expect("room");
        near_end.read_exact(&mut [0; 4]).expect("it arrives");
        near_end.write_all(b"pong").expect("room");
        far_end.read_exact(&mut [0; 4]).expect("it arrives");
    }
    wait_for("PAWSEstab", 60);
    Ok(judged_after(&before, SECOND))
}

/// The queue of the own device takes 15 kB at two megabytes a second, and drops the rest.
pub(super) fn own_queue(place: &Place) -> Judged {
    without_timers(place);
    place.set("net.ipv4.tcp_congestion_control", "reno");
    let wire = Wire::lay()?;
    let (mut near_ends, mut far_ends) = connections(&wire, 1);
    let (near_end, far_end) = (&mut near_ends[0], &mut far_ends[0]);
    crate::wire::limit_wire(2_000_000, 15_000)?;
    let before = reading();
    std::thread::scope(|scope| {
        scope.spawn(|| near_end.write_all(&[7; 3 << 20]).expect("the reader reads"));
        far_end.read_exact(&mut vec![0; 3 << 20]).expect("it arrives");
    });
    let findings = judged_after(&before, SECOND);
    says(&findings, " by the queue of wire0: they never left this host");
    Ok(findings)
}
