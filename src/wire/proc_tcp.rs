//! Rows of `/proc/net/tcp` and `tcp6` (`tcp4_seq_show`, `tcp6_seq_show`), by the `procfs` crate's parser.

use std::net::SocketAddr;

use procfs::net::TcpNetEntries;
use procfs::prelude::FromBufReadSI;

use crate::units::TcpState;

/// Where the kind of timer and the time left are, as `03:000017A8`.
const TIMER_COLUMN: usize = 5;

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
    // The crate leaves this column out.
    let waits = line.split_ascii_whitespace().nth(TIMER_COLUMN).is_some_and(|timer| timer.starts_with("03:"));
    Some(ProcTcpRow {
        local: entry.local_address,
        remote: entry.remote_address,
        state,
        minisock: waits || state == TcpState::TimeWait,
        receive_queue: entry.rx_queue,
        uid: entry.uid,
        inode: entry.inode,
    })
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
    fn the_heading_and_lines_cut_before_the_inode_are_nothing() {
        assert_eq!(parse_proc_tcp_line("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when"), None);
        let inode = LISTENER.find("1061").unwrap();
        for length in 0..inode {
            assert_eq!(parse_proc_tcp_line(&LISTENER[..length]), None, "cut at {length}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "[ 0-9A-Fa-f:é]{0,120}") {
            let _ = parse_proc_tcp_line(&line);
        }
    }
}
