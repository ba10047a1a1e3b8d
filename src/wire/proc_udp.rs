//! Rows of `/proc/net/udp` and `udp6` (`udp4_seq_show`, `udp6_seq_show`), by the `procfs` crate's parser.

use std::net::SocketAddr;

use procfs::net::UdpNetEntries;
use procfs::prelude::FromBufReadSI;

use super::proc_tcp::system;

/// One UDP socket that has a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcUdpRow {
    /// Local address and port.
    pub local: SocketAddr,
    /// Inode.
    pub inode: u64,
}

/// Reads one line. Nothing for the heading and for a line that cannot be understood.
#[must_use]
pub fn parse_proc_udp_line(line: &str) -> Option<ProcUdpRow> {
    // The crate skips the first line of its input as the heading.
    let table = ["heading\n", line].concat();
    let entry = UdpNetEntries::from_buf_read(table.as_bytes(), &system()).ok()?.0.pop()?;
    Some(ProcUdpRow { local: entry.local_address, inode: entry.inode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A socket on 127.0.0.53:53 of Linux 6.18 on a little-endian machine.
    const RESOLVER: &str = "  345: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 \
7245 2 000000002e1a1c5b 0";
    /// A dual-stack one on port 443.
    const QUIC: &str = " 1214: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 07 \
00000000:00000000 00:00000000 00000000    33        0 9911 2 0000000010ad4c1e 12";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_local_end_and_the_inode_are_read() {
        let read = |line| parse_proc_udp_line(line).map(|row| (row.local.to_string(), row.inode));
        assert_eq!(read(RESOLVER), Some(("127.0.0.53:53".to_owned(), 7245)));
        assert_eq!(read(QUIC), Some(("[::]:443".to_owned(), 9911)));
    }

    #[test]
    fn the_heading_and_lines_cut_before_the_inode_are_nothing() {
        assert_eq!(parse_proc_udp_line("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when"), None);
        for length in 0..RESOLVER.find("7245").unwrap() {
            assert_eq!(parse_proc_udp_line(&RESOLVER[..length]), None, "cut at {length}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "[ 0-9A-Fa-f:é]{0,120}") {
            let _ = parse_proc_udp_line(&line);
        }
    }
}
