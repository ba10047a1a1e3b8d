//! The few sockets that are kept one by one, out of a walk through all.

use std::net::SocketAddr;

use crate::snapshot::{Pace, ReceiveMemory, Sample, Samples, SentData, SocketRow};
use crate::sys::{DumpStep, SockDiag};
use crate::units::{LiveSocket, SocketTimer, TcpState};
use crate::wire::{Extensions, InetDiag, MessageKind, Messages, SocketQuestion, TcpInfo};

/// Timeouts in a row from which a connection is kept: one is everyday.
const TIMEOUTS_MIN: u8 = 2;

/// Bytes that wait to be read from which a connection counts as unread: a reader that keeps up takes them at once.
const UNREAD_MIN: u32 = 16_384;

/// What is asked for of those that are asked once more.
const ASKED_FOR: Extensions = Extensions::INFO.and(Extensions::CONGESTION).and(Extensions::MEMORY);

/// Rows with the question that asks for more of each.
#[derive(Debug, Default)]
struct Kind {
    total: u64,
    rows: Vec<(SocketQuestion, SocketRow)>,
}

/// What was kept so far. Memory does not grow with the number of sockets.
#[derive(Debug, Default)]
pub(super) struct Kept {
    connecting: Kind,
    close_wait: Kind,
    resending: Kind,
    waiting: Kind,
    unread: Kind,
    sending: Kind,
    idle: Kind,
    probing: Kind,
    half_closed: Kind,
    bound: Kind,
}

/// Whether this is a connection with empty queues, and no timer but keepalive's.
fn is_idle(state: TcpState, timer: SocketTimer, receive_queue: u32, send_queue: u32) -> bool {
    let no_timer = matches!(timer, SocketTimer::Off | SocketTimer::Keepalive);
    state == TcpState::Estab && no_timer && receive_queue == 0 && send_queue == 0
}

impl Kept {
    /// Keeps the socket if it is of a kind that is kept.
    pub(super) fn see(&mut self, state: TcpState, found: &InetDiag<'_>) {
        use TcpState::{Close, CloseWait, Closing, Estab, FinWait1, FinWait2, LastAck, SynSent};
        let timeouts = if found.timer() == SocketTimer::Retransmit { found.retransmits() } else { 0 };
        // Of these only what tcp_info says is of use.
        const FEW: usize = Samples::ASKED;
        let (kind, most) = match state {
            SynSent if timeouts > 0 => (&mut self.connecting, Samples::KEPT),
            Estab | CloseWait | FinWait1 | LastAck | Closing if timeouts >= TIMEOUTS_MIN => {
                (&mut self.resending, Samples::KEPT)
            }
            CloseWait if found.inode() != 0 => (&mut self.close_wait, Samples::KEPT),
            Estab | CloseWait if found.inode() == 0 => (&mut self.waiting, FEW),
            Estab if found.receive_queue() >= UNREAD_MIN => (&mut self.unread, FEW),
            Estab | FinWait1 | LastAck | Closing if found.timer() == SocketTimer::Probe => (&mut self.probing, FEW),
            Estab if found.send_queue() > 0 => (&mut self.sending, FEW),
            Estab if is_idle(state, found.timer(), found.receive_queue(), found.send_queue()) => (&mut self.idle, FEW),
            FinWait2 if found.inode() != 0 => (&mut self.half_closed, Samples::KEPT),
            Close if found.source_port() != 0 => (&mut self.bound, Samples::KEPT),
            _ => return,
        };
        kind.total += 1;
        if kind.rows.len() < most {
            kind.rows.extend(found.live_socket().map(|clock| (found.question(), row(found, clock))));
        }
    }

    /// The rows. Of some of those whose `tcp_info` says more, the kernel is asked once more: what changed since the walk
    /// is taken from there, and one that is gone is left out.
    pub(super) fn finish(self) -> Samples {
        let Self { connecting, close_wait, resending, waiting, unread, sending, idle, probing, half_closed, bound } =
            self;
        let mut socket = None;
        Samples {
            connecting: connecting.unasked(),
            close_wait: close_wait.asked(&mut socket, |row| row.clock.state == TcpState::CloseWait),
            resending: resending.asked(&mut socket, |row| timeouts(row) >= TIMEOUTS_MIN),
            waiting: Some(waiting.asked(&mut socket, |row| row.clock.inode == 0)),
            unread: Some(unread.asked(&mut socket, |row| row.receive_queue >= UNREAD_MIN)),
            sending: Some(sending.asked(&mut socket, |row| row.send_queue > 0)),
            idle: Some(idle.asked(&mut socket, |row| {
                is_idle(row.clock.state, row.clock.timer, row.receive_queue, row.send_queue)
            })),
            probing: Some(probing.asked(&mut socket, |row| row.clock.timer == SocketTimer::Probe)),
            half_closed: Some(half_closed.asked(&mut socket, |row| row.clock.state == TcpState::FinWait2)),
            bound: Some(bound.unasked()),
        }
    }
}

/// Timeouts in a row.
fn timeouts(row: &SocketRow) -> u8 {
    if row.clock.timer == SocketTimer::Retransmit { row.clock.retransmits } else { 0 }
}

impl Kind {
    fn unasked(self) -> Sample {
        Sample { total: self.total, rows: self.rows.into_iter().map(|(_, row)| row).collect() }
    }

    /// Asks for `tcp_info`. One that is no more of the kind is left out.
    fn asked(mut self, socket: &mut Option<SockDiag>, is_still: impl Fn(&SocketRow) -> bool) -> Sample {
        let before = self.rows.len();
        let mut asked = 0;
        self.rows.retain_mut(|(question, row)| {
            asked += 1;
            if asked > Samples::ASKED {
                return true;
            }
            match ask(socket, *question) {
                Answer::Row(newer) => {
                    *row = *newer;
                    is_still(row)
                }
                Answer::Gone => false,
                Answer::Refused => true,
            }
        });
        let left = before - self.rows.len();
        self.total = self.total.saturating_sub(u64::try_from(left).unwrap_or(u64::MAX));
        self.unasked()
    }
}

/// What the kernel says of one socket.
enum Answer {
    Row(Box<SocketRow>),
    Gone,
    /// It does not answer such questions: then the walk's word stands.
    Refused,
}

/// `ENOENT`: there is no such socket any more.
const NO_SUCH_SOCKET: i32 = 2;

fn ask(socket: &mut Option<SockDiag>, question: SocketQuestion) -> Answer {
    if socket.is_none() {
        *socket = SockDiag::open().ok();
    }
    let Some(socket) = socket else { return Answer::Refused };
    let mut answer = Answer::Refused;
    // An answer is one message, and whatever it is ends the question.
    let _ = socket.dump(&question.message(ASKED_FOR, 1), |buffer| {
        for message in Messages::new(buffer) {
            answer = match message.kind {
                MessageKind::Data(_, payload) => match InetDiag::decode(payload) {
                    Some(found) => match found.live_socket() {
                        Some(clock) => Answer::Row(Box::new(row(&found, clock))),
                        None => Answer::Refused,
                    },
                    None => Answer::Refused,
                },
                MessageKind::Error(NO_SUCH_SOCKET) => Answer::Gone,
                _ => Answer::Refused,
            };
        }
        DumpStep::Done
    });
    answer
}

fn row(found: &InetDiag<'_>, clock: LiveSocket) -> SocketRow {
    SocketRow {
        local: SocketAddr::new(found.source(), found.source_port()),
        remote: SocketAddr::new(found.destination(), found.destination_port()),
        cookie: found.cookie(),
        receive_queue: found.receive_queue(),
        send_queue: found.send_queue(),
        clock,
        sent: found.facts().info.and_then(|bytes| sent_data(&TcpInfo::of(bytes))),
        pace: found.facts().info.and_then(|bytes| pace(&TcpInfo::of(bytes))),
        congestion: found.facts().congestion.map(str::to_owned),
        memory: found.facts().memory.and_then(|memory| {
            Some(ReceiveMemory { used_bytes: memory.receive_bytes()?, limit_bytes: memory.receive_limit_bytes()? })
        }),
        processes: Vec::new(),
    }
}

fn sent_data(info: &TcpInfo<'_>) -> Option<SentData> {
    Some(SentData {
        mss: info.snd_mss()?,
        path_mtu: info.pmtu()?,
        in_flight_segments: info.unacked()?,
        delivered_segments: info.delivered()?,
        acked_bytes: info.bytes_acked()?,
        sent_bytes: info.bytes_sent()?,
        resent_bytes: info.bytes_retrans()?,
    })
}

fn pace(info: &TcpInfo<'_>) -> Option<Pace> {
    Some(Pace {
        rtt_us: info.rtt_us()?,
        min_rtt_us: info.min_rtt_us()?,
        mss: info.snd_mss()?,
        last_data_sent_ms: info.last_data_sent_ms()?,
        unsent_bytes: info.notsent_bytes()?,
        delivery_rate: info.delivery_rate()?,
        busy_us: info.busy_time_us()?,
        window_limited_us: info.rwnd_limited_us()?,
        buffer_limited_us: info.sndbuf_limited_us()?,
        peer_window: info.snd_wnd(),
        congestion_window: info.snd_cwnd(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of `inet_diag_msg` in IPv4: state, timer, how often it expired, and the inode.
    fn record(state: TcpState, timer: u8, timeouts: u8, inode: u32) -> Vec<u8> {
        let mut bytes = vec![2, state.to_kernel(), timer, timeouts];
        bytes.resize(72, 0);
        bytes[68..72].copy_from_slice(&inode.to_ne_bytes());
        bytes
    }

    fn kept(records: &[Vec<u8>]) -> [u64; 10] {
        let mut kept = Kept::default();
        for bytes in records {
            let found = InetDiag::decode(bytes).unwrap();
            kept.see(found.state().unwrap(), &found);
        }
        let Kept { connecting, close_wait, resending, waiting, unread, sending, idle, probing, half_closed, bound } =
            &kept;
        [connecting, close_wait, resending, waiting, unread, sending, idle, probing, half_closed, bound]
            .map(|kind| kind.total)
    }

    /// One in ESTAB with so many bytes to read and to send.
    fn queued(receive: u32, send: u32) -> Vec<u8> {
        let mut bytes = record(TcpState::Estab, 0, 0, 7);
        bytes[56..60].copy_from_slice(&receive.to_ne_bytes());
        bytes[60..64].copy_from_slice(&send.to_ne_bytes());
        bytes
    }

    #[test]
    fn only_sockets_with_a_fate_to_tell_are_kept() {
        use TcpState::{Close, CloseWait, Estab, FinWait1, FinWait2, LastAck, SynSent, TimeWait};
        let mut bound = record(Close, 0, 0, 7);
        bound[4..6].copy_from_slice(&40_000_u16.to_be_bytes());
        let records = [
            record(SynSent, 1, 0, 7),   // its first SYN may be answered any moment
            record(SynSent, 1, 1, 7),   // connecting
            record(CloseWait, 0, 0, 0), // waits in an accept queue
            record(Estab, 0, 0, 0),     // the same
            queued(20_000, 0),          // unread
            queued(10, 0),              // will be read any moment
            queued(20_000, 7),          // unread, whatever it sends
            queued(0, 7),               // sending
            record(Estab, 2, 0, 7),     // idle
            record(CloseWait, 0, 0, 7), // close_wait
            record(Estab, 1, 1, 7),     // one timeout is everyday
            record(Estab, 1, 2, 7),     // resending
            record(Estab, 2, 5, 7),     // idle, and keepalive asks
            record(CloseWait, 1, 2, 7), // resending
            record(LastAck, 1, 4, 0),   // resending, and nobody's
            record(TimeWait, 3, 0, 0),
            record(Estab, 4, 0, 7),    // probing
            record(FinWait1, 4, 3, 0), // probing, and nobody's
            record(FinWait2, 0, 0, 7), // half_closed
            record(FinWait2, 3, 0, 0), // closed, and kept for a while
            bound,                     // bound
            record(Close, 0, 0, 7),    // not even bound
        ];
        assert_eq!(kept(&records), [1, 1, 3, 2, 2, 1, 2, 2, 1, 1]);
    }

    #[test]
    fn there_is_a_bound_to_what_is_kept_and_none_to_what_is_counted() {
        let mut kept = Kept::default();
        let bytes = record(TcpState::SynSent, 1, 3, 7);
        let found = InetDiag::decode(&bytes).unwrap();
        (0..1000).for_each(|_| kept.see(TcpState::SynSent, &found));
        let sample = kept.finish().connecting;
        assert_eq!((sample.total, sample.rows.len()), (1000, Samples::KEPT));
    }
}
