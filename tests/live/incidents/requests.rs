//! Requests for connections that come to nothing.

use std::net::SocketAddr;

use tcpctl::units::TcpState;
use tcpctl::wire::{SegmentHeader, build_segment, decode_segment};

use super::every::Judged;
use super::watch::{SECOND, judged_after, reading, wait_for};
use crate::place::{Listening, Place, until};
use crate::wire::{BareWire, near};

/// SYNs of forged sources to a port; on port 80 somebody listens.
pub(super) fn flood(place: &Place, port: u16, count: u32) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(64));
    let before = reading();
    for number in 0..count {
        wire.forge_syns(port, number..number + 1);
        wire.drain(|_| None);
    }
    Ok(judged_after(&before, SECOND))
}

/// With cookies off the last quarter of the host's own limit is kept for peers that are known.
pub(super) fn last_quarter(place: &Place) -> Judged {
    place.set("net.ipv4.tcp_syncookies", "0");
    place.set("net.ipv4.tcp_max_syn_backlog", "16");
    flood(place, 80, 40)
}

/// Cookies were sent not long ago, and acknowledgements come that none of them is in.
pub(super) fn false_cookies(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(4));
    wire.forge_syns(80, 0..20);
    wait_for("SyncookiesSent", 1);
    wire.drain(|_| None);
    let before = reading();
    for port in 3000..3100 {
        let false_ack = build_segment(&SegmentHeader {
            source: SocketAddr::from(([192, 0, 2, 9], port)),
            destination: near(80),
            sequence: 1,
            acknowledgement: 4_000_000_000,
            syn: false,
            ack: true,
            fin: false,
            rst: false,
            window: 1000,
            payload: 0,
        });
        wire.forge(&false_ack.expect("a segment"));
        wire.drain(|_| None);
    }
    Ok(judged_after(&before, SECOND))
}

pub(super) fn third_segments_lost(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(128));
    wire.forge_syns(80, 0..20);
    until("half-open connections", || {
        let half_open = reading().sockets.expect("sockets").count(TcpState::SynRecv);
        if half_open == 20 { Ok(()) } else { Err(half_open) }
    });
    let before = reading();
    // A whole round of them after the reading, whatever went before it.
    let so_far = before.counters.tcp_ext("TCPSynRetrans").expect("this kernel counts it");
    wait_for("TCPSynRetrans", so_far + 20);
    let resent = reading().sockets.and_then(|sockets| sockets.half_open_resent).expect("they were walked through");
    let older: u64 = resent.iter().skip(1).sum();
    assert_eq!((resent.first(), older), (Some(&0), 20), "each SYN-ACK was sent again: {resent:?}");
    Ok(judged_after(&before, SECOND))
}

pub(super) fn reset_handshakes(place: &Place) -> Judged {
    let wire = BareWire::lay()?;
    let _listener = place.listen(&near(80).to_string(), Listening::with_backlog(64));
    let reset = |packet: &[u8]| {
        let header = decode_segment(packet).filter(|header| header.syn && header.ack)?;
        build_segment(&SegmentHeader {
            source: header.destination,
            destination: header.source,
            sequence: header.acknowledgement,
            acknowledgement: 0,
            syn: false,
            ack: false,
            fin: false,
            rst: true,
            window: 0,
            payload: 0,
        })
    };
    let before = reading();
    for number in 0..300 {
        wire.forge_syns(80, number..number + 1);
        wire.drain(reset);
    }
    Ok(judged_after(&before, SECOND))
}
