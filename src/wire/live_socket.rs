//! What a record of sock_diag tells of a socket's clocks.

use super::{InetDiag, TcpInfo};
use crate::units::{LiveInfo, LiveSocket};

/// `INET_DIAG_INFO`: `struct tcp_info`.
const INFO: u16 = 2;
/// `TCPI_OPT_SACK`.
const OPTION_SACK: u8 = 2;

impl InetDiag<'_> {
    /// What says when the kernel will do what; nothing for a state that is not known. `tcp_info` is in it if it was asked
    /// for ([`Extensions::INFO`](super::Extensions)) and the socket has one.
    #[must_use]
    pub fn live_socket(&self) -> Option<LiveSocket> {
        let info = self.attributes().find(|attribute| attribute.number == INFO);
        Some(LiveSocket {
            state: self.state()?,
            timer: self.timer(),
            expires_ms: self.expires_ms(),
            retransmits: self.retransmits(),
            inode: self.inode(),
            info: info.and_then(|attribute| TcpInfo::of(attribute.value).live_info()),
        })
    }
}

impl TcpInfo<'_> {
    /// What it tells of the socket's clocks; nothing when it is too short for what every kernel sends.
    #[must_use]
    pub fn live_info(&self) -> Option<LiveInfo> {
        Some(LiveInfo {
            ca_state: self.ca_state()?,
            retransmits: self.retransmits()?,
            probes: self.probes()?,
            backoff: self.backoff()?,
            sack: self.options()? & OPTION_SACK != 0,
            rto_us: self.rto_us()?,
            rtt_us: self.rtt_us()?,
            unacked: self.unacked()?,
            last_data_recv_ms: self.last_data_recv_ms()?,
            last_ack_recv_ms: self.last_ack_recv_ms()?,
            snd_wnd: self.snd_wnd(),
            total_rto_recoveries: self.total_rto_recoveries(),
            total_rto_time_ms: self.total_rto_time_ms(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{SocketTimer, TcpState};

    /// A socket in SYN_SENT after three timeouts, with a `tcp_info` of so many bytes, all 0 but for these.
    fn record(info_length: usize) -> Vec<u8> {
        let mut bytes = vec![0; 72];
        bytes[..4].copy_from_slice(&[2, 2, 1, 3]); // AF_INET, SYN_SENT, retransmission timer, 3 timeouts
        bytes[52..56].copy_from_slice(&1900_u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&77_u32.to_ne_bytes());
        let mut info = vec![0; 248];
        (info[2], info[4], info[5]) = (3, 1, 2);
        info[8..12].copy_from_slice(&2_000_000_u32.to_ne_bytes());
        info[244..248].copy_from_slice(&2100_u32.to_ne_bytes());
        info.truncate(info_length);
        bytes.extend(u16::try_from(4 + info.len()).unwrap().to_ne_bytes());
        bytes.extend(INFO.to_ne_bytes());
        bytes.extend(info);
        bytes
    }

    #[test]
    fn a_record_with_tcp_info_tells_all_that_the_clocks_need() {
        let bytes = record(248);
        let socket = InetDiag::decode(&bytes).unwrap().live_socket().unwrap();
        assert_eq!((socket.state, socket.timer), (TcpState::SynSent, SocketTimer::Retransmit));
        assert_eq!((socket.expires_ms, socket.retransmits, socket.inode), (1900, 3, 77));
        let info = socket.info.unwrap();
        assert_eq!((info.retransmits, info.backoff, info.sack, info.rto_us), (3, 1, true, 2_000_000));
        assert_eq!((info.snd_wnd, info.total_rto_time_ms), (Some(0), Some(2100)));
    }

    #[test]
    fn what_an_older_kernel_does_not_send_is_absent() {
        let live = |length| InetDiag::decode(&record(length)).and_then(|record| record.live_socket()).unwrap();
        assert_eq!(
            live(192).info.map(|info| (info.rto_us, info.snd_wnd, info.total_rto_time_ms)),
            Some((2_000_000, None, None))
        );
        // No tcp_info of any kernel is that short.
        assert_eq!(live(40).info, None);
    }
}
