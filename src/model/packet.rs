//! A segment on its way from one end to the other, by the numbers that an end judges it by.
//!
//! Mirrors: what `tcp_v4_rcv` fills into `TCP_SKB_CB` and what `tcp_in_window` (net/ipv4/tcp_minisocks.c) asks.

use super::timeline::Segment;

/// A segment on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) segment: Segment,
    /// Its sequence number, above the first one that its sender's clock gave.
    pub(super) seq: i64,
    /// The next number that the sender expects; nothing without the ACK flag.
    pub(super) ack: Option<i64>,
    /// How often it was sent before; nothing until it is sent, and for one that comes from outside.
    pub(super) copy: Option<u32>,
    /// How many numbers of other data go in it before its own.
    pub(super) merged: i64,
    /// What its sender has got out of order: bit n for the number n above `ack`.
    pub(super) sacked: u64,
}

impl Packet {
    /// One with nothing but these numbers.
    pub(super) const fn bare(segment: Segment, seq: i64, ack: Option<i64>) -> Self {
        Self { segment, seq, ack, copy: None, merged: 0, sacked: 0 }
    }

    /// The number after its last one: SYN, FIN and a byte of data take one each.
    pub(super) const fn end(&self) -> i64 {
        match self.segment {
            Segment::Syn | Segment::SynAck | Segment::Data | Segment::Fin => self.seq + self.merged + 1,
            Segment::Ack | Segment::Rst | Segment::Probe | Segment::Keepalive => self.seq,
        }
    }

    /// `tcp_in_window()`.
    pub(super) const fn fits(&self, first: i64, after: i64) -> bool {
        let (seq, end) = (self.seq, self.end());
        seq == first || (end > first && seq < after) || (seq == after && seq == end)
    }
}
