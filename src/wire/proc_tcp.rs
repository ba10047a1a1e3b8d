//! Rows of `/proc/net/tcp` and `tcp6` (`tcp4_seq_show`, `tcp6_seq_show`), by the `procfs` crate's parser.

use std::net::{IpAddr, SocketAddr};

use procfs::net::TcpNetEntries;
use procfs::prelude::FromBufReadSI;

use super::InetDiag;
use crate::units::TcpState;

/// Where the kind of timer and the time left are, as `03:000017A8`, behind it the retransmissions so far, and further on
/// the probes.
const TIMER_COLUMN: usize = 5;
const RETRANSMITS_COLUMN: usize = 6;
const PROBES_COLUMN: usize = 8;
/// The table counts time in hundredths of a second (`USER_HZ`, `jiffies_delta_to_clock_t`).
const TICK_MS: u32 = 10;
/// Kinds of timers, the same as those of sock_diag.
const KEEPALIVE: u8 = 2;
const MINISOCK: u8 = 3;
const PROBE: u8 = 4;

/// One socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcTcpRow {
    /// Local address and port.
    pub local: SocketAddr,
    /// Remote address and port.
    pub remote: SocketAddr,
    /// State. Request sockets come as SYN_RECV, minisocks under their substate.
    pub state: TcpState,
    /// Whether it is a minisock: TIME_WAIT, or FIN_WAIT_2 that nobody owns. Their timer is the third kind
    /// (`get_timewait4_sock`, net/ipv4/tcp_ipv4.c).
    pub minisock: bool,
    /// Unread bytes; for a listener the connections that wait for accept().
    pub receive_queue: u32,
    /// Unacknowledged bytes; 0 for a listener, whose backlog the table does not tell.
    pub send_queue: u32,
    /// The timer that is running, numbered as sock_diag does.
    timer: u8,
    /// Milliseconds until it nominally expires, in steps of 10.
    pub expires_ms: u32,
    /// Retransmissions or probes so far, whichever the timer counts.
    pub retransmits: u8,
    /// Owner's user id.
    pub uid: u32,
    /// Inode, 0 for TIME_WAIT, SYN_RECV and orphans.
    pub inode: u64,
}

/// Reads one line. Nothing for the heading and for a line that cannot be understood.
///
/// The crate reads whole tables and drops all of one for a single bad line; given a line at a time it loses
/// only that line, and memory does not grow with the table.
#[must_use]
pub fn parse_proc_tcp_line(line: &str) -> Option<ProcTcpRow> {
    // The crate skips the first line of its input as the heading.
    let table = ["heading\n", line].concat();
    let entry = TcpNetEntries::from_buf_read(table.as_bytes(), &system()).ok()?.0.pop()?;
    let state = TcpState::from_kernel(entry.state.to_u8())?;
    // The crate leaves these columns out.
    let column = |number| line.split_ascii_whitespace().nth(number);
    let (timer, left) = column(TIMER_COLUMN)?.split_once(':')?;
    let timer = u8::from_str_radix(timer, 16).ok()?;
    let ticks = u64::from_str_radix(left, 16).ok()?;
    let count = match timer {
        KEEPALIVE | PROBE => column(PROBES_COLUMN)?.parse().ok()?,
        _ => u32::from_str_radix(column(RETRANSMITS_COLUMN)?, 16).ok()?,
    };
    Some(ProcTcpRow {
        local: entry.local_address,
        remote: entry.remote_address,
        state,
        minisock: timer == MINISOCK || state == TcpState::TimeWait,
        receive_queue: entry.rx_queue,
        send_queue: entry.tx_queue,
        timer,
        expires_ms: u32::try_from(ticks).unwrap_or(u32::MAX).saturating_mul(TICK_MS),
        retransmits: u8::try_from(count).unwrap_or(u8::MAX),
        uid: entry.uid,
        inode: entry.inode,
    })
}

impl ProcTcpRow {
    /// The same socket as sock_diag would tell of it, but without cookie, device and attributes, so that
    /// [`InetDiag::is_of_table`] holds.
    #[must_use]
    pub fn to_record(&self) -> [u8; InetDiag::LENGTH] {
        let family = if self.local.is_ipv4() { InetDiag::AF_INET } else { InetDiag::AF_INET6 };
        let timer = if self.minisock { MINISOCK } else { self.timer };
        let address = |address: IpAddr| match address {
            // The four bytes come first, and nothing behind them.
            IpAddr::V4(address) => u128::from(address.to_bits()).wrapping_shl(96).to_be_bytes(),
            IpAddr::V6(address) => address.octets(),
        };
        let parts: [&[u8]; 11] = [
            &[family, self.state.to_kernel(), timer, self.retransmits],
            &self.local.port().to_be_bytes(),
            &self.remote.port().to_be_bytes(),
            &address(self.local.ip()),
            &address(self.remote.ip()),
            &[0; 4],
            &InetDiag::NO_COOKIE.to_ne_bytes(),
            &self.expires_ms.to_ne_bytes(),
            &self.receive_queue.to_ne_bytes(),
            &self.send_queue.to_ne_bytes(),
            &self.uid.to_ne_bytes(),
        ];
        // The kernel too gives 32 bits of it.
        let inode = u32::try_from(self.inode & u64::from(u32::MAX)).unwrap_or(0).to_ne_bytes();
        let mut record = [0; InetDiag::LENGTH];
        let bytes = parts.into_iter().flatten().chain(&inode);
        record.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        record
    }
}

/// What the parsers of socket tables want to know: the byte order and nothing else. The other figures would cost
/// reading /proc/stat.
pub(super) const fn system() -> procfs::ExplicitSystemInfo {
    procfs::ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: 100,
        page_size: 4096,
        is_little_endian: cfg!(target_endian = "little"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SocketTimer;
    use proptest::prelude::*;

    /// A listener on port 2024 of Linux 6.18 on a little-endian machine.
    const LISTENER: &str = "   0: 00000000:07E8 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 \
1061 1 00000000359990df 100 0 0 10 0                      ";
    /// A half-open request of an IPv4 client at a dual-stack listener.
    const REQUEST: &str = "   2: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:9C40 03 \
00000000:00000000 01:00000064 00000000  0 0 0 1 0000000000000000";

    #[test]
    fn a_fin_wait_2_that_nobody_owns_is_a_minisock_and_an_owned_one_is_not() {
        let row = |timer: &str| {
            let rest = "00000000     0        0 0 3 0000000000000000";
            let line = format!("   1: 0100007F:A001 0100007F:1F90 05 00000000:00000000 {timer} {rest}");
            parse_proc_tcp_line(&line).map(|row| (row.state, row.minisock))
        };
        assert_eq!(row("03:000017A8"), Some((TcpState::FinWait2, true)));
        assert_eq!(row("02:000005DC"), Some((TcpState::FinWait2, false)));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_listener_and_a_request_are_read() {
        let row = parse_proc_tcp_line(LISTENER).unwrap();
        assert_eq!((row.local.to_string().as_str(), row.state), ("0.0.0.0:2024", TcpState::Listen));
        assert_eq!((row.receive_queue, row.inode), (3, 1061));
        let row = parse_proc_tcp_line(REQUEST).unwrap();
        assert_eq!(row.local.to_string(), "[::ffff:127.0.0.1]:8080");
        assert_eq!((row.state, row.inode), (TcpState::SynRecv, 0));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_row_is_a_record_without_what_the_table_does_not_tell() {
        let record = parse_proc_tcp_line(LISTENER).unwrap().to_record();
        let found = InetDiag::decode(&record).unwrap();
        assert!(found.is_of_table());
        assert_eq!((found.state(), found.timer()), (Some(TcpState::Listen), SocketTimer::Off));
        assert_eq!((found.source().to_string().as_str(), found.source_port()), ("0.0.0.0", 2024));
        assert_eq!((found.receive_queue(), found.inode(), found.interface()), (3, 1061, 0));
        let record = parse_proc_tcp_line(REQUEST).unwrap().to_record();
        let found = InetDiag::decode(&record).unwrap();
        let ends = (found.source().to_string(), found.destination().to_string(), found.destination_port());
        assert_eq!(ends, ("::ffff:127.0.0.1".to_owned(), "::ffff:127.0.0.2".to_owned(), 40_000));
        assert_eq!((found.timer(), found.expires_ms(), found.retransmits()), (SocketTimer::Retransmit, 1000, 0));
        // Three retransmissions, 41 bytes to be acknowledged; then two probes of keepalive.
        let row = |timers: &str| {
            let line =
                format!("   1: 0100007F:A001 0200007F:1F90 01 00000029:00000007 {timers} 55 2 0 0000000000000000");
            parse_proc_tcp_line(&line).unwrap().to_record()
        };
        let sending = row("01:00000096 00000003  1000        0");
        let found = InetDiag::decode(&sending).unwrap();
        assert_eq!(
            (found.source().to_string(), found.destination().to_string()),
            ("127.0.0.1".into(), "127.0.0.2".into())
        );
        assert_eq!((found.receive_queue(), found.send_queue(), found.uid(), found.inode()), (7, 41, 1000, 55));
        assert_eq!((found.timer(), found.expires_ms(), found.retransmits()), (SocketTimer::Retransmit, 1500, 3));
        let kept = row("02:00000096 00000000  1000        2");
        let found = InetDiag::decode(&kept).unwrap();
        assert_eq!((found.timer(), found.retransmits()), (SocketTimer::Keepalive, 2));
        assert!(!InetDiag::decode(&[0; 72]).unwrap().is_of_table());
    }

    #[test]
    fn the_heading_and_lines_cut_before_the_inode_are_nothing() {
        assert_eq!(parse_proc_tcp_line("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when"), None);
        let inode = LISTENER.find("1061").unwrap();
        for length in 0..inode {
            assert_eq!(parse_proc_tcp_line(&LISTENER[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_row_whose_timer_cannot_be_read_is_none() {
        for (good, bad) in
            [("00:00000000", "00-00000000"), ("00:00000000", "0x:00000000"), (" 00000000     0", " 0000000g     0")]
        {
            assert!(LISTENER.contains(good));
            assert_eq!(parse_proc_tcp_line(&LISTENER.replace(good, bad)), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "[ 0-9A-Fa-f:é]{0,120}") {
            let _ = parse_proc_tcp_line(&line);
        }
    }
}
