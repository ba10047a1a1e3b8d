//! What the kernel tells of one socket that is there.

use serde::{Deserialize, Serialize};

use super::TcpState;

/// Which timer of a socket is running (`idiag_timer`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SocketTimer {
    /// None.
    Off,
    /// Retransmission, tail loss probe or reordering.
    Retransmit,
    /// Keepalive, or the wait of an orphan in FIN_WAIT_2.
    Keepalive,
    /// TIME_WAIT, or FIN_WAIT_2 kept as a minisock.
    TimeWait,
    /// Zero-window probe.
    Probe,
    /// A number that kernels up to 6.18 do not use (newer ones have 5 for a delayed ACK).
    Other(u8),
}

/// What sock_diag tells of one socket, as far as it says when the kernel will do what: `inet_sk_diag_fill()`,
/// `inet_twsk_diag_fill()`, `inet_req_diag_fill()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSocket {
    /// Its state. A request socket is in SYN_RECV, and an orphan's FIN_WAIT_2 may be kept as a minisock.
    pub state: TcpState,
    /// The timer that is running. Retransmission hides keepalive.
    pub timer: SocketTimer,
    /// Until when the timer was asked to wait, in milliseconds from the reading; 0 when it is due. The timer wheel's
    /// lateness is not in it.
    pub expires_ms: u32,
    /// What the timer counts: timeouts in a row, SYN-ACKs sent again, or probes without an answer.
    pub retransmits: u8,
    /// Inode of the socket; 0 for one that no application holds: orphans, minisocks, request sockets, and connections
    /// that wait for accept().
    pub inode: u32,
    /// What `tcp_info` tells; nothing where it was not asked for, and for minisocks and request sockets, which have none.
    pub info: Option<LiveInfo>,
}

/// What `struct tcp_info` tells of the clocks of a socket: `tcp_get_info()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveInfo {
    /// Congestion avoidance state: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    pub ca_state: u8,
    /// Retransmission timeouts in a row (`icsk_retransmits`).
    pub retransmits: u8,
    /// Keepalive or window probes without an answer (`icsk_probes_out`).
    pub probes: u8,
    /// Doublings of the RTO, or of the interval of window probes (`icsk_backoff`).
    pub backoff: u8,
    /// Whether both ends take SACK.
    pub sack: bool,
    /// The RTO in microseconds, backed off.
    pub rto_us: u32,
    /// The smoothed round-trip time in microseconds.
    pub rtt_us: u32,
    /// Segments in flight.
    pub unacked: u32,
    /// Milliseconds since data came.
    pub last_data_recv_ms: u32,
    /// Milliseconds since an ACK came.
    pub last_ack_recv_ms: u32,
    /// The peer's window in bytes (5.4).
    pub snd_wnd: Option<u32>,
    /// How often a row of timeouts began (6.7).
    pub total_rto_recoveries: Option<u16>,
    /// How long the rows of timeouts lasted, the present one included, in milliseconds (6.7).
    pub total_rto_time_ms: Option<u32>,
}
