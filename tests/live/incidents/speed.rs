//! Connections that are slower than they could be.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tcpctl::diagnose::{Findings, diagnose};
use tcpctl::snapshot::{Pace, Samples};
use tcpctl::sys::{IntOption, SysctlFiles, set_int_option};

use super::ends::{connections, far_listener, listener, pair};
use super::every::Judged;
use super::path::without_timers;
use super::watch::{SECOND, judged_after, reading, says, wait_for};
use crate::case::CannotRun;
use crate::place::{Place, until};
use crate::wire::{Fate, Wire, has_data};

/// The window was offered when the buffer was larger, and one sender fills it at once.
pub(super) fn shrunk_buffer(place: &Place) -> Judged {
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

pub(super) fn stalled_readers(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let before = reading();
    let (mut clients, _servers): (Vec<_>, Vec<_>) = (0..5).map(|_| pair(&listener, to)).unzip();
    fill(&mut clients);
    wait_for("TCPToZeroWindowAdv", 3);
    Ok(judged_after(&before, SECOND))
}

/// Writes into these until nothing goes any more: what is acknowledged meanwhile makes room again.
fn fill(streams: &mut [TcpStream]) {
    streams.iter().for_each(|stream| stream.set_nonblocking(true).expect("a stream"));
    let mut began = Instant::now();
    while began.elapsed() < Duration::from_millis(700) {
        let wrote = streams.iter_mut().filter_map(|stream| stream.write(&[7; 65_536]).ok()).count();
        if wrote > 0 {
            began = Instant::now();
        } else {
            sleep(Duration::from_millis(10));
        }
    }
}

/// Judges once such connections have stood still for longer than the rule asks for; the window begins when they have.
fn judged_when_still(what: &str, stands: impl Fn(&Samples) -> usize) -> Findings {
    until(what, || {
        let now = reading();
        let samples = now.sockets.as_ref().and_then(|sockets| sockets.samples.as_ref()).expect("single sockets");
        let there = stands(samples);
        sleep(Duration::from_millis(100));
        if there >= 3 { Ok(()) } else { Err(there) }
    });
    let before = reading();
    judged_after(&before, SECOND)
}

/// Nothing moves any more when the window begins: the buffers alone tell.
pub(super) fn readers_stopped_long_ago(place: &Place) -> Judged {
    let (listener, to) = listener(place, 128);
    let (mut clients, _servers): (Vec<_>, Vec<_>) = (0..5).map(|_| pair(&listener, to)).unzip();
    fill(&mut clients);
    let findings = judged_when_still("full buffers for five seconds", |samples| {
        let unread = samples.unread.iter().flat_map(|sample| &sample.rows);
        unread.filter(|row| row.clock.info.is_some_and(|info| info.last_data_recv_ms >= 5_000)).count()
    });
    says(&findings, "connections with a full receive buffer: nobody reads them, ");
    Ok(findings)
}

/// The far end acknowledges all and offers no room.
pub(super) fn peer_does_not_read(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    let (mut near_ends, _far_ends) = connections(&wire, 4);
    fill(&mut near_ends);
    let findings = judged_when_still("probes of a closed window for five seconds", |samples| {
        let probing = samples.probing.iter().flat_map(|sample| &sample.rows);
        probing.filter(|row| row.pace.is_some_and(|pace| pace.last_data_sent_ms >= 5_000)).count()
    });
    says(&findings, " connections to 192.0.2.1:80 wait for a peer that does not read: the window has been closed for ");
    Ok(findings)
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
pub(super) fn small_window(_: &Place) -> Judged {
    let wire = Wire::lay()?;
    wire.meddle(|_, _| Fate::After(Duration::from_millis(50)));
    let (listener, to) = far_listener(&wire);
    set_int_option(&listener, IntOption::ReceiveBuffer, 16_384).expect("the option is known");
    let (near_end, far_end) = pair(&listener, to);
    // A wire that is carried in time.
    Ok(long_transfer(near_end, far_end, |pace| pace.rtt_us < pace.min_rtt_us / 2 * 3))
}

/// 50 ms of path, which a paced sender could fill further than its buffer holds: the kernel counts the buffer as used up
/// where it has sent all that there is of it, which pacing alone brings about.
pub(super) fn small_send_buffer(place: &Place) -> Judged {
    let key = "net.ipv4.tcp_congestion_control".parse().expect("a key");
    let paced = SysctlFiles::new("/proc").write(&key, "bbr");
    paced.map_err(|error| CannotRun(format!("no congestion control that paces: {error}")))?;
    place.set("net.ipv4.tcp_wmem", "4096 16384 131072");
    let wire = Wire::lay()?;
    wire.meddle(|_, _| Fate::After(Duration::from_millis(25)));
    let (listener, to) = far_listener(&wire);
    let (near_end, far_end) = pair(&listener, to);
    let findings = long_transfer(near_end, far_end, |pace| {
        pace.buffer_limited_us * 100 > pace.busy_us * 32 && pace.rtt_us < pace.min_rtt_us / 2 * 3
    });
    says(&findings, "such as to 192.0.2.1:80: ");
    Ok(findings)
}

/// The wire carries some thousand segments a second, and all that waits for it waits in its queue.
pub(super) fn deep_queue(place: &Place) -> Judged {
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

/// 200 kB, and a pause, again and again over 50 ms.
pub(super) fn pauses(place: &Place) -> Judged {
    const BURST: usize = 200_000;
    without_timers(place);
    place.set("net.ipv4.tcp_congestion_control", "reno");
    let wire = Wire::lay()?;
    wire.meddle(|_, _| Fate::After(Duration::from_millis(25)));
    let (listener, to) = far_listener(&wire);
    let (mut near_end, mut far_end) = pair(&listener, to);
    let mut before = reading();
    let mut burst = || {
        std::thread::scope(|scope| {
            scope.spawn(|| near_end.write_all(&[7; BURST]).expect("the reader reads"));
            far_end.read_exact(&mut vec![0; BURST]).expect("it arrives");
        });
    };
    // The window has grown, and nothing was sent for longer than the RTO: of each reading.
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < Duration::from_secs(30) {
        burst();
        sleep(Duration::from_millis(1300));
        let now = reading();
        let samples = now.sockets.as_ref().and_then(|sockets| sockets.samples.as_ref()).expect("single sockets");
        let idle = samples.idle.iter().flat_map(|sample| &sample.rows).find(|row| row.remote == to);
        let is_paused = idle.is_some_and(|row| {
            let (pace, info) = (row.pace.expect("tcp_info"), row.clock.info.expect("tcp_info"));
            pace.congestion_window >= Some(20) && u64::from(pace.last_data_sent_ms) * 1000 > u64::from(info.rto_us)
        });
        if is_paused && last == Some(true) {
            let findings = diagnose(&now, Some(&before));
            says(&findings, " segments begins at 10 again, about ");
            return Ok(findings);
        }
        last = Some(is_paused);
        before = now;
    }
    panic!("the connection did not pause twice with a window that had grown");
}
