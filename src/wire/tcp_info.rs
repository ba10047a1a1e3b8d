//! `struct tcp_info`, read by its length.
//!
//! The structure only ever grew at its end (include/uapi/linux/tcp.h), so a field that lies behind the end of
//! what an older kernel sent is absent, and bytes behind the last field known here are left alone.

/// Makes the view from one table of fields: documentation, name, type, offset.
macro_rules! tcp_info {
    ($($(#[$doc:meta])+ $name:ident: $kind:ty = $at:literal;)+) => {
        impl TcpInfo<'_> {
            $(
                $(#[$doc])+
                #[must_use]
                pub fn $name(&self) -> Option<$kind> {
                    self.0
                        .get($at..)
                        .and_then(|rest| rest.first_chunk::<{ size_of::<$kind>() }>())
                        .map(|field| <$kind>::from_ne_bytes(*field))
                }
            )+

            /// Goes through all fields by name, nothing for those that the kernel did not send.
            pub fn each(&self, mut visit: impl FnMut(&'static str, Option<u64>)) {
                $(visit(stringify!($name), self.$name().map(u64::from));)+
            }
        }

        /// Offset behind each field, for the tests.
        #[cfg(test)]
        const ENDS: &[usize] = &[$($at + size_of::<$kind>(),)+];
    };
}

/// What the kernel tells of a connection, in the buffer that it came in; a field is nothing when the kernel did not
/// send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo<'a>(&'a [u8]);

impl<'a> TcpInfo<'a> {
    /// The fields for which there are bytes. Nothing is read yet.
    #[must_use]
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

tcp_info! {
    /// State, the kernel's number.
    state: u8 = 0;
    /// Congestion avoidance state: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    ca_state: u8 = 1;
    /// Consecutive retransmission timeouts without progress.
    retransmits: u8 = 2;
    /// Unanswered keepalive or window probes.
    probes: u8 = 3;
    /// How often the timeout was doubled.
    backoff: u8 = 4;
    /// Options agreed on: 1 time stamps, 2 SACK, 4 window scale, 8 ECN, 16 ECN seen, 32 data in SYN.
    options: u8 = 5;
    /// Window scales: sent in the low four bits, received in the high four.
    window_scales: u8 = 6;
    /// Bit 0: the delivery rate was limited by the application. Bits 1 and 2: Fast Open failure of the client.
    flags: u8 = 7;
    /// Retransmission timeout in µs, backed off.
    rto_us: u32 = 8;
    /// Delayed-ACK timeout in µs.
    ato_us: u32 = 12;
    /// Largest segment sent, bytes.
    snd_mss: u32 = 16;
    /// Largest segment received, bytes.
    rcv_mss: u32 = 20;
    /// Segments sent and not acknowledged; for a listener the accept queue's length.
    unacked: u32 = 24;
    /// Segments acknowledged selectively; for a listener its backlog.
    sacked: u32 = 28;
    /// Segments taken for lost.
    lost: u32 = 32;
    /// Segments retransmitted and still out.
    retrans: u32 = 36;
    /// Forward acknowledged segments (0 since Linux 4.15).
    fackets: u32 = 40;
    /// Milliseconds since data were sent.
    last_data_sent_ms: u32 = 44;
    /// Never filled in by the kernel.
    last_ack_sent_ms: u32 = 48;
    /// Milliseconds since data came.
    last_data_recv_ms: u32 = 52;
    /// Milliseconds since an ACK came.
    last_ack_recv_ms: u32 = 56;
    /// Path MTU, bytes.
    pmtu: u32 = 60;
    /// Receive window clamp, bytes.
    rcv_ssthresh: u32 = 64;
    /// Smoothed round-trip time, µs.
    rtt_us: u32 = 68;
    /// Its mean deviation, µs.
    rttvar_us: u32 = 72;
    /// Slow start threshold, segments.
    snd_ssthresh: u32 = 76;
    /// Congestion window, segments.
    snd_cwnd: u32 = 80;
    /// Segment size announced, bytes.
    advmss: u32 = 84;
    /// Reordering seen, segments.
    reordering: u32 = 88;
    /// Round-trip time seen by the receiver, µs.
    rcv_rtt_us: u32 = 92;
    /// Receive buffer auto-tuning target, bytes.
    rcv_space: u32 = 96;
    /// Segments retransmitted in the life of the connection.
    total_retrans: u32 = 100;
    /// Pacing rate, bytes a second (3.15).
    pacing_rate: u64 = 104;
    /// Its limit (3.15).
    max_pacing_rate: u64 = 112;
    /// Bytes acknowledged (4.1).
    bytes_acked: u64 = 120;
    /// Bytes received (4.1).
    bytes_received: u64 = 128;
    /// Segments sent (4.2).
    segs_out: u32 = 136;
    /// Segments received (4.2).
    segs_in: u32 = 140;
    /// Bytes in the send queue not yet sent (4.6).
    notsent_bytes: u32 = 144;
    /// Smallest round-trip time, µs (4.6).
    min_rtt_us: u32 = 148;
    /// Data segments received (4.6).
    data_segs_in: u32 = 152;
    /// Data segments sent (4.6).
    data_segs_out: u32 = 156;
    /// Delivery rate, bytes a second (4.9).
    delivery_rate: u64 = 160;
    /// Time busy sending, µs (4.10).
    busy_time_us: u64 = 168;
    /// Time limited by the peer's window, µs (4.10).
    rwnd_limited_us: u64 = 176;
    /// Time limited by the send buffer, µs (4.10).
    sndbuf_limited_us: u64 = 184;
    /// Segments delivered (4.18).
    delivered: u32 = 192;
    /// Segments delivered with a congestion mark (4.18).
    delivered_ce: u32 = 196;
    /// Bytes sent, retransmissions included (4.19).
    bytes_sent: u64 = 200;
    /// Bytes retransmitted (4.19).
    bytes_retrans: u64 = 208;
    /// Duplicates reported by the peer (4.19).
    dsack_dups: u32 = 216;
    /// Reordering events (4.19).
    reord_seen: u32 = 220;
    /// Segments received out of order (5.4).
    rcv_ooopack: u32 = 224;
    /// The peer's window, bytes (5.4).
    snd_wnd: u32 = 228;
    /// This side's window, bytes (6.2).
    rcv_wnd: u32 = 232;
    /// Times the path hash was changed (6.2).
    rehash: u32 = 236;
    /// Retransmission timeouts in all (6.7).
    total_rto: u16 = 240;
    /// Recoveries from them (6.7).
    total_rto_recoveries: u16 = 242;
    /// Time spent in them, ms (6.7).
    total_rto_time_ms: u32 = 244;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_field_is_there_exactly_when_all_its_bytes_are() {
        let bytes = [1; 300];
        for length in 0..bytes.len() {
            let expected: Vec<bool> = ENDS.iter().map(|end| *end <= length).collect();
            let mut present = Vec::new();
            TcpInfo::of(&bytes[..length]).each(|_, value| present.push(value.is_some()));
            assert_eq!(present, expected, "cut at {length}");
        }
    }

    #[test]
    fn lengths_of_released_kernels_end_where_their_last_field_does() {
        // 4.14 sends 192 bytes, 4.19 sends 224, 5.4 sends 232, 6.2 sends 240 and 6.7 sends 248.
        for length in [104, 120, 136, 144, 160, 168, 192, 200, 224, 232, 240, 248] {
            assert!(ENDS.contains(&length), "no field ends at {length}");
        }
        let info = TcpInfo::of(&[0; 192]);
        assert_eq!((info.sndbuf_limited_us(), info.delivered()), (Some(0), None));
    }

    #[test]
    fn fields_are_read_from_their_own_bytes() {
        let mut bytes = [0; 280];
        bytes[8..12].copy_from_slice(&204_000_u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&28_u32.to_ne_bytes());
        bytes[100..104].copy_from_slice(&7_u32.to_ne_bytes());
        bytes[240..242].copy_from_slice(&3_u16.to_ne_bytes());
        let info = TcpInfo::of(&bytes);
        assert_eq!((info.rto_us(), info.rtt_us(), info.total_retrans()), (Some(204_000), Some(28), Some(7)));
        assert_eq!((info.total_rto(), info.total_rto_recoveries()), (Some(3), Some(0)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let info = TcpInfo::of(&bytes);
            prop_assert_eq!(info.state(), bytes.first().copied());
        }
    }
}
