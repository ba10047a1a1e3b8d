//! A few sockets one by one: those whose own clock says what becomes of them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::sockets::Process;
use crate::units::LiveSocket;

/// Sockets in whose fate there is something to say, a bounded number of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// SYN-SENT of which a SYN was sent again at least once.
    pub connecting: Sample,
    /// CLOSE-WAIT that a process holds. One that waits in an accept queue has no process yet and is not among them.
    pub close_wait: Sample,
    /// Connections that two timeouts in a row and more have sent again for, whether a process holds them or not.
    pub resending: Sample,
    /// Connections that wait in an accept queue: no process holds them yet. Nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Sample>,
    /// Connections with much that has come and that their process has not read. Nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Sample>,
    /// Connections with something to send or to be acknowledged. Nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending: Option<Sample>,
    /// Connections with empty queues, and no timer but keepalive's. Nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Sample>,
    /// Connections whose sending waits for a window to open: the zero-window probe's timer runs. Nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<Sample>,
    /// FIN-WAIT-2 that a process still holds, which no timer ends. Nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_closed: Option<Sample>,
    /// Sockets that are bound to a port and not connected (6.8). Nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Sample>,
}

impl Samples {
    /// How many sockets are kept of each kind.
    pub const KEPT: usize = 256;
    /// Of how many of each kind `tcp_info` is asked for, one request a socket.
    pub const ASKED: usize = 64;

    /// Every row, of whichever kind.
    pub fn rows(&self) -> impl Iterator<Item = &SocketRow> {
        let Self { connecting, close_wait, resending, waiting, unread, sending, idle, probing, half_closed, bound } =
            self;
        let newer = [waiting, unread, sending, idle, probing, half_closed, bound].into_iter().flatten();
        [connecting, close_wait, resending].into_iter().chain(newer).flat_map(|sample| &sample.rows)
    }

    /// The same, to be changed.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut SocketRow> {
        let Self { connecting, close_wait, resending, waiting, unread, sending, idle, probing, half_closed, bound } =
            self;
        let newer = [waiting, unread, sending, idle, probing, half_closed, bound].into_iter().flatten();
        [connecting, close_wait, resending].into_iter().chain(newer).flat_map(|sample| &mut sample.rows)
    }
}

/// Sockets of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How many there are.
    pub total: u64,
    /// At most [`Samples::KEPT`] of them, or [`Samples::ASKED`] of those kinds of which only `tcp_info` is of use, in the order of the kernel's table, which is one of chance.
    pub rows: Vec<SocketRow>,
}

/// One socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketRow {
    /// Its local end.
    pub local: SocketAddr,
    /// Its remote end.
    pub remote: SocketAddr,
    /// The kernel's id for it.
    pub cookie: u64,
    /// Bytes that wait to be read.
    pub receive_queue: u32,
    /// Bytes that are not acknowledged or not sent.
    pub send_queue: u32,
    /// State and timer, counted from the reading.
    pub clock: LiveSocket,
    /// What it sent; nothing where `tcp_info` was not asked for or is too short.
    pub sent: Option<SentData>,
    /// What holds its sending up; nothing where `tcp_info` was not asked for or is too short, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// Its congestion control, `INET_DIAG_CONG`; nothing where it was not asked for, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub congestion: Option<String>,
    /// Its receive memory, `INET_DIAG_SKMEMINFO`; nothing where it was not asked for, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ReceiveMemory>,
    /// Processes that hold it; empty when they were not looked for or not found.
    pub processes: Vec<Process>,
}

/// What a connection's receive buffer holds (`sk_get_meminfo()`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveMemory {
    /// Bytes in use with their overhead, `SK_MEMINFO_RMEM_ALLOC`, ss's `r`.
    pub used_bytes: u32,
    /// Bytes that may be used, `SK_MEMINFO_RCVBUF`, ss's `rb`.
    pub limit_bytes: u32,
}

/// What a connection has sent, and what came through (`tcp_get_info()`, 4.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentData {
    /// Bytes of a full segment, `tcpi_snd_mss`.
    pub mss: u32,
    /// Bytes of the largest packet that the path is taken to carry, `tcpi_pmtu`.
    pub path_mtu: u32,
    /// Segments in flight, `tcpi_unacked`.
    pub in_flight_segments: u32,
    /// Segments that arrived, the handshake's included, `tcpi_delivered`.
    pub delivered_segments: u32,
    /// Bytes that were acknowledged, the SYN counting one, `tcpi_bytes_acked`.
    pub acked_bytes: u64,
    /// Bytes that were sent, those sent again included, `tcpi_bytes_sent`.
    pub sent_bytes: u64,
    /// Bytes that were sent again, `tcpi_bytes_retrans`.
    pub resent_bytes: u64,
}

/// What holds a connection's sending up (`tcp_get_info()`, 4.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Smoothed round-trip time in µs, `tcpi_rtt`.
    pub rtt_us: u32,
    /// The smallest one of some minutes in µs, `tcpi_min_rtt`.
    pub min_rtt_us: u32,
    /// Bytes of a full segment, `tcpi_snd_mss`.
    pub mss: u32,
    /// Milliseconds since data were sent, and until the first since the connection opened, `tcpi_last_data_sent`.
    pub last_data_sent_ms: u32,
    /// Bytes in the send queue that were not sent yet, `tcpi_notsent_bytes`.
    pub unsent_bytes: u32,
    /// Bytes a second that arrive, `tcpi_delivery_rate`.
    pub delivery_rate: u64,
    /// Time with something to send or to be acknowledged in µs, `tcpi_busy_time`.
    pub busy_us: u64,
    /// Of this, time in which the peer's window was used up, `tcpi_rwnd_limited`.
    pub window_limited_us: u64,
    /// Of this, time in which the send buffer was too small, `tcpi_sndbuf_limited`.
    pub buffer_limited_us: u64,
    /// The peer's window in bytes, `tcpi_snd_wnd` (5.4).
    pub peer_window: Option<u32>,
    /// The congestion window in segments, `tcpi_snd_cwnd`; nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub congestion_window: Option<u32>,
}
