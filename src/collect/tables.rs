//! Sockets by the tables `/proc/net/tcp{,6}`, where sock_diag cannot be asked.

use std::net::SocketAddr;
use std::ops::{ControlFlow, RangeInclusive};

use super::host::gap_kind;
use super::sockets::{push_unknown, read_port_range};
use super::tally::{Ends, Tally};
use crate::snapshot::{Drops, Gap, GapKind, Listener, SocketSource, Sockets};
use crate::sys::{NetFile, ProcRoot, ReadError, ReadErrorKind};
use crate::units::TcpState;
use crate::wire::{InetDiag, ProcTcpRow, parse_proc_tcp_line};

/// The two tables of `/proc/net`.
const TABLES: [&str; 2] = ["tcp", "tcp6"];

/// Reads sockets by the tables of `/proc/net`, whether or not sock_diag would work.
pub(super) fn read_proc_net_tcp(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let ephemeral = read_port_range(root, gaps);
    read_instead(root, ephemeral, "it was not asked: the proc root was read instead".to_owned(), gaps)
}

pub(super) fn substituted(reason: String) -> Gap {
    let consequence =
        "sockets come from /proc/net/tcp and tcp6: backlog, drops, device and cookie of listeners are unknown";
    Gap::new("sock_diag", GapKind::Substituted, reason, consequence)
}

/// Reads them because sock_diag could not be read, with the reason for that.
pub(super) fn read_instead(
    root: &ProcRoot,
    ephemeral: Option<RangeInclusive<u16>>,
    reason: String,
    gaps: &mut Vec<Gap>,
) -> Option<Sockets> {
    let tally = read_tables(root, ephemeral, gaps)?;
    gaps.push(substituted(reason));
    Some(tally.finish(SocketSource::ProcNetTcp))
}

/// Both tables of a network namespace, to be read row by row.
#[derive(Debug)]
pub(super) struct RowTables {
    tables: Vec<NetFile>,
    /// Why IPv6 sockets are unknown.
    gap: Option<Gap>,
    /// Why they are read.
    reason: String,
}

impl RowTables {
    /// Opens those of the calling thread's namespace, because of this.
    pub(super) fn open(root: &ProcRoot, reason: String) -> Result<Self, ReadError> {
        let mut tables = vec![root.open_net("tcp")?];
        let mut gaps = Vec::new();
        match root.open_net("tcp6") {
            Ok(table) => tables.push(table),
            Err(error) => push_table_gap(root, &mut gaps, "tcp6", &error),
        }
        Ok(Self { tables, gap: gaps.pop(), reason })
    }

    /// Hands on every socket as a record, until there are no more or `each` breaks off.
    pub(super) fn walk(
        &mut self,
        mut each: impl FnMut(&InetDiag<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, ReadError> {
        let mut gaps = vec![self.substituted()];
        gaps.extend(self.gap.clone());
        let mut is_enough = false;
        for (file, name) in self.tables.iter_mut().zip(TABLES) {
            let unknown = for_each_row_of(file, parse_proc_tcp_line, &mut |row: &ProcTcpRow| {
                let flow = InetDiag::decode(&row.to_record()).map_or(ControlFlow::Continue(()), |found| each(&found));
                is_enough = flow.is_break();
                flow
            })?;
            push_unknown(&mut gaps, &format!("/proc/net/{name}"), unknown);
            if is_enough {
                break;
            }
        }
        Ok(gaps)
    }

    /// Why they are read.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    fn substituted(&self) -> Gap {
        let consequence = "sockets come from /proc/net/tcp and tcp6, which have no backlog of listeners, no cookie, \
device, mark, cgroup, memory or tcp_info, do not tell whether an IPv6 listener takes IPv4, and leave out sockets that \
are only bound";
        Gap::new("sock_diag", GapKind::Substituted, &self.reason, consequence)
    }
}

/// Goes through the sockets in one state and hands each one's local end and inode to `add`.
pub(super) fn gather_state<T: Default>(
    root: &ProcRoot,
    state: TcpState,
    gaps: &mut Vec<Gap>,
    add: impl Fn(&mut T, SocketAddr, u64),
) -> Option<T> {
    let mut found = T::default();
    for table in TABLES {
        let read = for_each_row(root, table, parse_proc_tcp_line, |row| {
            match (row.state == state, state) {
                (true, _) => add(&mut found, row.local, row.inode),
                // Listeners come first.
                (false, TcpState::Listen) => return ControlFlow::Break(()),
                (false, _) => {}
            }
            ControlFlow::Continue(())
        });
        match read {
            Ok(unknown) => push_unknown(gaps, &format!("/proc/net/{table}"), unknown),
            Err(error) => {
                push_table_gap(root, gaps, table, &error);
                if table == "tcp" {
                    return None;
                }
            }
        }
    }
    Some(found)
}

/// Reads the listeners, which come first in each table, and nothing else.
pub(super) fn read_listeners(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<Vec<Listener>> {
    let (listeners, unknown) = read_first_rows(root, gaps)?;
    for (table, unknown) in TABLES.into_iter().zip(unknown) {
        push_unknown(gaps, &format!("/proc/net/{table}"), unknown);
    }
    Some(listeners)
}

/// The same, and how many of the rows before the first that is no listener could not be understood, by table.
fn read_first_rows(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<(Vec<Listener>, [u64; 2])> {
    let (mut listeners, mut unknown) = (Vec::new(), [0; 2]);
    for (table, unknown) in TABLES.into_iter().zip(&mut unknown) {
        let read = for_each_row(root, table, parse_proc_tcp_line, |row| match row.state {
            TcpState::Listen => {
                listeners.push(listener_of_row(row));
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        });
        match read {
            Ok(count) => *unknown = count,
            Err(error) => {
                push_table_gap(root, gaps, table, &error);
                if table == "tcp" {
                    return None;
                }
            }
        }
    }
    Some((listeners, unknown))
}

/// Reads both tables, twice: the listeners and then everything else.
fn read_tables(root: &ProcRoot, ephemeral: Option<RangeInclusive<u16>>, gaps: &mut Vec<Gap>) -> Option<Tally> {
    // What was not understood is met again among all rows.
    let (listeners, _) = read_first_rows(root, gaps)?;
    let mut tally = Tally::new(listeners, ephemeral);
    for table in TABLES {
        let counted = for_each_row(root, table, parse_proc_tcp_line, |row| {
            tally.add(row.state, row.local.port(), || ends_of_row(row));
            ControlFlow::Continue(())
        });
        match counted {
            Ok(unknown) => push_unknown(gaps, &format!("/proc/net/{table}"), unknown),
            // The first reading stops at the first row that is no listener, and may have told of nothing.
            Err(error) if table == "tcp6" => {
                if !gaps.iter().any(|gap| gap.source == error.path) {
                    push_table_gap(root, gaps, table, &error);
                }
            }
            Err(error) => {
                push_table_gap(root, gaps, table, &error);
                return None;
            }
        }
    }
    Some(tally)
}

/// Says what a table that cannot be read means. A kernel without IPv6 has no `tcp6`, and no such sockets; where there is
/// IPv6 its table is hidden: the kernel makes both and `if_inet6` at once (`inet6_init`).
fn push_table_gap(root: &ProcRoot, gaps: &mut Vec<Gap>, table: &str, error: &ReadError) {
    if table == "tcp6" && error.kind == ReadErrorKind::Absent && root.read_net("if_inet6").is_ok() {
        let reason = "it is not there, and the kernel has IPv6";
        gaps.push(Gap::new(&error.path, GapKind::Failed, reason, "IPv6 sockets are not counted"));
        return;
    }
    let consequence = match (table, error.kind) {
        ("tcp6", ReadErrorKind::Absent) => "IPv6 sockets are not counted; a kernel without IPv6 has none",
        ("tcp6", _) => "IPv6 sockets are not counted",
        _ => "all sockets are unknown",
    };
    gaps.push(Gap::new(&error.path, gap_kind(error.kind), &error.reason, consequence));
}

/// Hands on every row of a table; returns how many lines could not be understood.
pub(super) fn for_each_row<Row>(
    root: &ProcRoot,
    table: &str,
    parse: impl Fn(&str) -> Option<Row>,
    mut each: impl FnMut(&Row) -> ControlFlow<()>,
) -> Result<u64, ReadError> {
    for_each_row_of(&mut root.open_net(table)?, parse, &mut each)
}

/// The same of a table that is open.
fn for_each_row_of<Row>(
    table: &mut NetFile,
    parse: impl Fn(&str) -> Option<Row>,
    each: &mut impl FnMut(&Row) -> ControlFlow<()>,
) -> Result<u64, ReadError> {
    let mut unknown = 0;
    let mut heading = true;
    table.for_each_line(|line| {
        if core::mem::take(&mut heading) || line.trim().is_empty() {
            return ControlFlow::Continue(());
        }
        // A row that is cut off ends in a part of a number.
        match line.strip_suffix('\n').and_then(&parse) {
            Some(row) => each(&row),
            None => {
                unknown += 1;
                ControlFlow::Continue(())
            }
        }
    })?;
    Ok(unknown)
}

fn listener_of_row(row: &ProcTcpRow) -> Listener {
    Listener {
        address: row.local.ip(),
        port: row.local.port(),
        v6_only: None,
        interface: 0,
        device: None,
        half_open_own: false,
        accept_queue: Some(row.receive_queue),
        backlog: None,
        half_open: 0,
        shares_port: 1,
        drops: Drops::Unknown,
        inode: row.inode,
        uid: row.uid,
        cookie: 0,
        processes: Vec::new(),
    }
}

fn ends_of_row(row: &ProcTcpRow) -> Ends {
    Ends {
        local: row.local.ip(),
        remote: row.remote.ip(),
        remote_port: row.remote.port(),
        interface: 0,
        minisock: row.minisock,
        inode: u32::try_from(row.inode).unwrap_or(0),
        retransmits: row.retransmits,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sockets::PORT_RANGE;
    use super::*;

    const HEADING: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    /// A table with rows as Linux 6.18 prints them: local end, remote end, state, receive queue, inode.
    fn table(rows: &[(&str, &str, u8, u32, u64)]) -> String {
        let mut text = HEADING.to_owned();
        for (at, (local, remote, state, queue, inode)) in rows.iter().enumerate() {
            let timer = if *state == 6 { "03:000003E8" } else { "00:00000000" };
            text += &format!(
                "{at:4}: {local} {remote} {state:02X} 00000000:{queue:08X} {timer} 00000000     0        0 {inode} 1\n"
            );
        }
        text
    }

    fn copy(tcp: Option<&str>, tcp6: Option<&str>) -> (tempfile::TempDir, ProcRoot) {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(PORT_RANGE, "32768\t60999\n");
        tcp.into_iter().for_each(|text| write("net/tcp", text));
        tcp6.into_iter().for_each(|text| write("net/tcp6", text));
        let root = ProcRoot::new(directory.path());
        (directory, root)
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_tables_of_a_copy_are_counted() {
        let tcp = table(&[
            ("00000000:0050", "00000000:0000", 10, 5, 77),
            ("0700000A:0050", "010200C0:1000", 3, 0, 0),
            ("0700000A:8235", "0903000A:1538", 6, 0, 0),
            ("0700000A:8236", "0903000A:1538", 1, 0, 80),
        ]);
        let tcp6 =
            table(&[("00000000000000000000000000000000:01BB", "00000000000000000000000000000000:0000", 10, 0, 78)]);
        let (_copy, root) = copy(Some(&tcp), Some(&tcp6));
        let mut gaps = Vec::new();
        let sockets = read_proc_net_tcp(&root, &mut gaps).unwrap();
        let count = |state| sockets.count(state);
        assert_eq!((count(TcpState::Listen), count(TcpState::SynRecv), count(TcpState::TimeWait)), (2, 1, 1));
        let web = sockets.listeners.iter().find(|listener| listener.port == 80).unwrap();
        assert_eq!((web.half_open, web.accept_queue, web.backlog, web.drops), (1, Some(5), None, Drops::Unknown));
        assert_eq!((sockets.ports[0].used, sockets.ports[0].time_wait), (2, 1));
        assert_eq!(gaps.iter().map(|gap| gap.kind).collect::<Vec<_>>(), [GapKind::Substituted]);
    }

    #[test]
    fn a_bad_row_is_counted_and_the_others_are_kept() {
        let tcp = table(&[("00000000:0050", "00000000:0000", 10, 0, 77)]) + "   1: rubbish\n";
        let (_copy, root) = copy(Some(&tcp), None);
        let mut gaps = Vec::new();
        let sockets = read_proc_net_tcp(&root, &mut gaps).unwrap();
        assert_eq!(sockets.count(TcpState::Listen), 1);
        let kinds: Vec<_> = gaps.iter().map(|gap| gap.kind).collect();
        assert_eq!(kinds, [GapKind::Absent, GapKind::Malformed, GapKind::Substituted]);
    }

    #[test]
    fn a_row_that_is_cut_off_is_counted_and_no_part_of_a_number_is_taken() {
        let whole = table(&[("00000000:0050", "00000000:0000", 10, 0, 45_003_266)]);
        let (_copy, root) = copy(Some(whole.trim_end().strip_suffix("266 1").unwrap()), None);
        let mut gaps = Vec::new();
        assert_eq!(read_proc_net_tcp(&root, &mut gaps).unwrap().listeners, []);
        assert!(gaps.iter().any(|gap| gap.kind == GapKind::Malformed && gap.source == "/proc/net/tcp"), "{gaps:?}");
        // Listeners alone as well.
        let mut gaps = Vec::new();
        assert_eq!(read_listeners(&root, &mut gaps), Some(Vec::new()));
        assert!(gaps.iter().any(|gap| gap.kind == GapKind::Malformed), "{gaps:?}");
    }

    #[test]
    fn a_table_that_is_hidden_is_no_kernel_without_ipv6() {
        let (copy, root) = copy(Some(&table(&[])), None);
        std::fs::write(copy.path().join("net/if_inet6"), "").unwrap();
        let mut gaps = Vec::new();
        read_proc_net_tcp(&root, &mut gaps).unwrap();
        assert_eq!(gaps.iter().map(|gap| gap.kind).collect::<Vec<_>>(), [GapKind::Failed, GapKind::Substituted]);
        assert_eq!(RowTables::open(&root, String::new()).unwrap().gap.unwrap().kind, GapKind::Failed);
    }

    #[test]
    fn without_any_table_sockets_are_unknown_and_not_none() {
        let (_copy, root) = copy(None, None);
        let mut gaps = Vec::new();
        assert_eq!(read_proc_net_tcp(&root, &mut gaps), None);
        assert_eq!(gaps.last().unwrap().consequence, "all sockets are unknown");
    }
}
