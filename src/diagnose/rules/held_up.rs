//! What holds the sending of single connections up: shared by the rules about speed.

use crate::diagnose::Case;
use crate::diagnose::case::at_least_percent;
use crate::snapshot::{Pace, Sample, SocketRow};

/// Time with something to send, in µs, from which a share of it says anything: slow start is over by then.
const BUSY_MIN_US: u64 = 2_000_000;

/// Share of that time, in percent, from which the own buffer is the limit: 44 was seen where nothing else held a paced
/// sender up, since what waits to be paced is not counted.
const SHARE_PERCENT: u64 = 30;

/// The same for the peer's window, whose use the size of what arrives confirms: a congestion control that paces was seen
/// with 43 %, one that does not with 98 %.
const WINDOW_SHARE_PERCENT: u64 = 30;

/// Smallest round trip, in µs, from which a buffer is a matter of distance: nearer, it is one of the peer's speed.
const FAR_US: u32 = 5_000;

/// Round trips of queueing, and µs of it, from which it is deep. Both, so that links of microseconds are left alone.
const DEEP_FACTOR: u32 = 10;
const DEEP_US: u32 = 20_000;

/// Full segments that a bulk transfer has in flight or waiting, at the least.
const BULK_SEGMENTS: u32 = 10;

/// What limits a connection that has more to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// The peer's receive window, which is as large as it gets: what arrives is one window a round trip.
    PeersWindow,
    /// The own send buffer.
    OwnBuffer,
    /// Nothing but a queue, which it fills.
    Queue,
}

/// Connections with what holds them up, and the sample that they are of.
pub(super) type HeldUp<'a> = (Vec<(&'a SocketRow, Pace)>, &'a Sample);

/// The connections with more to send that are held up by this.
///
/// # Errors
/// The gap, when single sockets were not kept.
pub(super) fn held_up<'a>(case: &Case<'a>, by: Limit) -> Result<HeldUp<'a>, String> {
    let none = || "connections with something to send were not kept one by one".to_owned();
    let sample = case.samples()?.sending.as_ref().ok_or_else(none)?;
    let paced = sample.rows.iter().filter_map(|row| Some((row, row.pace?)));
    Ok((paced.filter(|(row, pace)| limit(pace, row) == Some(by)).collect(), sample))
}

fn limit(pace: &Pace, row: &SocketRow) -> Option<Limit> {
    if pace.busy_us < BUSY_MIN_US || pace.mss == 0 {
        return None;
    }
    // A queue that is filled makes every path long, and then any window is used up.
    let far = pace.min_rtt_us >= FAR_US && pace.rtt_us <= pace.min_rtt_us.saturating_mul(2);
    if far && at_least_percent(pace.buffer_limited_us, pace.busy_us, SHARE_PERCENT) {
        return Some(Limit::OwnBuffer);
    }
    if far && at_least_percent(pace.window_limited_us, pace.busy_us, WINDOW_SHARE_PERCENT) {
        return is_steady_window(pace, row).then_some(Limit::PeersWindow);
    }
    let queueing_us = pace.rtt_us.saturating_sub(pace.min_rtt_us);
    // Less than that may wait for a delayed ACK (Nagle), which makes round trips long as well.
    let is_bulk = row.send_queue / pace.mss >= BULK_SEGMENTS;
    let deep = is_bulk && queueing_us >= DEEP_US && pace.rtt_us / DEEP_FACTOR >= pace.min_rtt_us.max(1);
    deep.then_some(Limit::Queue)
}

/// Whether what has arrived, in all the time with something to send, is one window a round trip. A reader that is slow
/// leaves a window that opens and closes, and less arrives.
fn is_steady_window(pace: &Pace, row: &SocketRow) -> bool {
    let (Some(window), Some(sent)) = (pace.peer_window.map(u64::from), row.sent) else { return false };
    let a_round_trip = u128::from(sent.acked_bytes) * u128::from(pace.rtt_us) / u128::from(pace.busy_us.max(1));
    let window_bytes = u128::from(window);
    window > u64::from(pace.mss) && a_round_trip * 10 >= window_bytes * 6 && a_round_trip * 10 <= window_bytes * 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::SentData;
    use crate::units::{LiveSocket, SocketTimer, TcpState};

    /// 18 KiB of window over 51 ms, as measured: 1.48 MB in 4 s.
    const WINDOW: Pace = Pace {
        rtt_us: 51_000,
        min_rtt_us: 50_000,
        mss: 1448,
        last_data_sent_ms: 10,
        unsent_bytes: 500_000,
        delivery_rate: 370_000,
        busy_us: 4_004_000,
        window_limited_us: 3_948_000,
        buffer_limited_us: 0,
        peer_window: Some(18_824),
        congestion_window: Some(20),
    };

    fn limit_of(pace: Pace, acked_bytes: u64, send_queue: u32) -> Option<Limit> {
        let sent = SentData {
            mss: pace.mss,
            path_mtu: 1500,
            in_flight_segments: 12,
            delivered_segments: 1000,
            acked_bytes,
            sent_bytes: acked_bytes + 18_824,
            resent_bytes: 0,
        };
        let row = SocketRow {
            local: ([192, 0, 2, 7], 40_000).into(),
            remote: ([198, 51, 100, 9], 873).into(),
            cookie: 1,
            receive_queue: 0,
            send_queue,
            clock: LiveSocket {
                state: TcpState::Estab,
                timer: SocketTimer::Retransmit,
                expires_ms: 200,
                retransmits: 0,
                inode: 7,
                info: None,
            },
            sent: Some(sent),
            pace: Some(pace),
            congestion: None,
            memory: None,
            processes: Vec::new(),
        };
        limit(&pace, &row)
    }

    fn limit_bulk(pace: Pace) -> Option<Limit> {
        limit_of(pace, 1_480_000, 500_000)
    }

    #[test]
    fn a_limit_is_named_only_where_nothing_else_looks_like_it() {
        assert_eq!(limit_bulk(WINDOW), Some(Limit::PeersWindow));
        assert_eq!(limit_bulk(Pace { peer_window: Some(0), ..WINDOW }), None, "a reader that stopped");
        assert_eq!(limit_of(WINDOW, 360_000, 500_000), None, "a reader that is slow");
        assert_eq!(limit_bulk(Pace { min_rtt_us: 100, ..WINDOW }), Some(Limit::Queue), "the window fills a queue");
        assert_eq!(limit_bulk(Pace { rtt_us: 300, min_rtt_us: 60, ..WINDOW }), None, "near");
        assert_eq!(limit_bulk(Pace { busy_us: 900_000, ..WINDOW }), None, "young");
        assert_eq!(limit_bulk(Pace { buffer_limited_us: 2_900_000, ..WINDOW }), Some(Limit::OwnBuffer));
        let queue = Pace { rtt_us: 46_000, min_rtt_us: 33, window_limited_us: 0, ..WINDOW };
        assert_eq!(limit_bulk(queue), Some(Limit::Queue));
        assert_eq!(limit_of(queue, 1_480_000, 1000), None, "delayed ACKs");
        assert_eq!(limit_bulk(Pace { rtt_us: 900, ..queue }), None, "microseconds");
        assert_eq!(limit_bulk(Pace { min_rtt_us: 20_000, ..queue }), None, "twice is everyday");
    }
}
