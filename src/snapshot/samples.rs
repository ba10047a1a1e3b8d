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
}

impl Samples {
    /// How many sockets are kept of each kind.
    pub const KEPT: usize = 256;
    /// Of how many of each kind `tcp_info` is asked for, one request a socket.
    pub const ASKED: usize = 64;

    /// Every row, of whichever kind.
    pub fn rows(&self) -> impl Iterator<Item = &SocketRow> {
        [&self.connecting, &self.close_wait, &self.resending].into_iter().flat_map(|sample| &sample.rows)
    }

    /// The same, to be changed.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut SocketRow> {
        [&mut self.connecting, &mut self.close_wait, &mut self.resending]
            .into_iter()
            .flat_map(|sample| &mut sample.rows)
    }
}

/// Sockets of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How many there are.
    pub total: u64,
    /// At most [`Samples::KEPT`] of them, in the order of the kernel's table, which is one of chance.
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
    /// Processes that hold it; empty when they were not looked for or not found.
    pub processes: Vec<Process>,
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
