//! Sockets, by sock_diag or by `/proc/net/tcp{,6}`.

use std::net::SocketAddr;
use std::ops::{ControlFlow, RangeInclusive};

use super::host::{gap_kind, gap_of};
use super::tally::{Ends, Tally};
use super::walk::{Families, Walked, Walker};
use crate::snapshot::{Drops, Gap, GapKind, Listener, SocketSource, Sockets};
use crate::sys::{DumpError, ProcRoot, ReadError, ReadErrorKind};
use crate::units::{SocketTimer, TcpState};
use crate::wire::{DumpRequest, Extensions, InetDiag, ProcTcpRow, StateMask, parse_proc_tcp_line};

/// The range from which ports of outgoing connections are taken.
const PORT_RANGE: &str = "sys/net/ipv4/ip_local_port_range";
/// The two tables of `/proc/net`.
const TABLES: [&str; 2] = ["tcp", "tcp6"];

/// Reads sockets by sock_diag, and by the tables of `/proc/net` when that is refused or absent.
pub(super) fn read_best(root: &ProcRoot, one_by_one: bool, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let ephemeral = read_port_range(root, gaps);
    let walker = Walker::open().map(|walker| if one_by_one { walker.one_by_one() } else { walker });
    let error = match walker.and_then(|walker| read_sock_diag(walker, ephemeral.clone())) {
        Ok((tally, walked)) => {
            push_walked(gaps, walked.and(Walked { unknown: tally.unknown, ..Walked::default() }));
            return Some(tally.finish(SocketSource::SockDiag));
        }
        Err(error) => error,
    };
    let tally = read_tables(root, ephemeral, gaps)?;
    gaps.push(substituted(error.to_string()));
    Some(tally.finish(SocketSource::ProcNetTcp))
}

/// Reads sockets by the tables of `/proc/net`, whether or not sock_diag would work.
pub(super) fn read_proc_net_tcp(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let ephemeral = read_port_range(root, gaps);
    let tally = read_tables(root, ephemeral, gaps)?;
    gaps.push(substituted("it was not asked: the proc root was read instead".to_owned()));
    Some(tally.finish(SocketSource::ProcNetTcp))
}

fn substituted(reason: String) -> Gap {
    let consequence = "sockets come from /proc/net/tcp and tcp6: backlog and drops of listeners are unknown";
    Gap::new("sock_diag", GapKind::Substituted, reason, consequence)
}

/// What was wrong with a walk that came to its end.
pub(super) fn push_walked(gaps: &mut Vec<Gap>, walked: Walked) {
    push_unknown(gaps, "sock_diag", walked.unknown);
    if walked.interrupted {
        let reason = "the kernel says that the dump was interrupted by a change";
        gaps.push(Gap::new("sock_diag", GapKind::Failed, reason, "single sockets may be missing or counted twice"));
    }
}

pub(super) fn push_unknown(gaps: &mut Vec<Gap>, source: &str, unknown: u64) {
    if unknown > 0 {
        let reason = format!("{unknown} of its records cannot be understood");
        gaps.push(Gap::new(source, GapKind::Malformed, reason, "the counts of sockets are too low by as many"));
    }
}

fn read_port_range(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<RangeInclusive<u16>> {
    let consequence = "the use of ephemeral ports is unknown";
    match root.read(PORT_RANGE) {
        Ok(text) => {
            let mut numbers = text.split_whitespace().map(|word| word.parse::<u16>().ok());
            let range = numbers.next().flatten().zip(numbers.next().flatten()).map(|(first, last)| first..=last);
            if range.is_none() {
                let reason = format!("`{}` is not two ports", text.trim());
                gaps.push(Gap::new(PORT_RANGE, GapKind::Malformed, reason, consequence));
            }
            range
        }
        Err(error) => {
            gaps.push(gap_of(&error, consequence));
            None
        }
    }
}

/// Goes through the sockets in one state, by sock_diag or by the tables of `/proc/net`, and hands each one's local end
/// and inode to `add`. Nothing is kept but what `add` keeps; a second source begins anew.
pub(super) fn gather_state<T: Default>(
    root: &ProcRoot,
    is_live: bool,
    state: TcpState,
    gaps: &mut Vec<Gap>,
    add: impl Fn(&mut T, SocketAddr, u64),
) -> Option<T> {
    if is_live && let Ok((found, walked)) = gather_by_sock_diag(state, &add) {
        push_walked(gaps, walked);
        return Some(found);
    }
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
                push_table_gap(gaps, table, &error);
                if table == "tcp" {
                    return None;
                }
            }
        }
    }
    Some(found)
}

/// The same by sock_diag; also how the walk went.
fn gather_by_sock_diag<T: Default>(
    state: TcpState,
    add: &impl Fn(&mut T, SocketAddr, u64),
) -> Result<(T, Walked), DumpError> {
    let mut found = T::default();
    let request = DumpRequest::of(StateMask::of(state));
    let walked = Walker::open()?.walk(&request, Families::Both, |one| {
        // Kernels may send more than was asked for.
        if one.state() == Some(state) {
            add(&mut found, SocketAddr::new(one.source(), one.source_port()), u64::from(one.inode()));
        }
        ControlFlow::Continue(())
    })?;
    Ok((found, walked))
}

/// Dumps listeners with their memory attributes, which hold the drops, and then all the rest without any.
fn read_sock_diag(mut walker: Walker, ephemeral: Option<RangeInclusive<u16>>) -> Result<(Tally, Walked), DumpError> {
    let listening = StateMask::of(TcpState::Listen);
    let mut listeners = Vec::new();
    let request = DumpRequest::of(listening).with(Extensions::MEMORY);
    let first = walker.walk(&request, Families::Both, |found| {
        listeners.extend(listener_of(found));
        ControlFlow::Continue(())
    })?;
    let mut tally = Tally::new(listeners, ephemeral);
    let request = DumpRequest::of(StateMask::ALL.without(listening));
    let second = walker.walk(&request, Families::Both, |found| {
        match found.state() {
            Some(state) => tally.add(state, found.source_port(), || ends_of(found)),
            None => tally.unknown += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok((tally, first.and(second)))
}

fn listener_of(found: &InetDiag<'_>) -> Option<Listener> {
    if found.state() != Some(TcpState::Listen) {
        return None;
    }
    let facts = found.facts();
    Some(Listener {
        address: found.source(),
        port: found.source_port(),
        v6_only: facts.v6_only,
        interface: found.interface(),
        accept_queue: Some(found.receive_queue()),
        backlog: Some(found.send_queue()),
        half_open: 0,
        shares_port: 1,
        drops: facts.memory.and_then(|memory| memory.drops()).map_or(Drops::Unknown, Drops::Total),
        inode: u64::from(found.inode()),
        uid: found.uid(),
        cookie: found.cookie(),
        processes: Vec::new(),
    })
}

fn ends_of(found: &InetDiag<'_>) -> Ends {
    Ends {
        local: found.source(),
        remote: found.destination(),
        remote_port: found.destination_port(),
        interface: found.interface(),
        minisock: found.timer() == SocketTimer::TimeWait,
    }
}

/// Reads both tables, twice: the listeners, which come first in each, and then everything else.
fn read_tables(root: &ProcRoot, ephemeral: Option<RangeInclusive<u16>>, gaps: &mut Vec<Gap>) -> Option<Tally> {
    let mut listeners = Vec::new();
    for table in TABLES {
        let read = for_each_row(root, table, parse_proc_tcp_line, |row| match row.state {
            TcpState::Listen => {
                listeners.push(listener_of_row(row));
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        });
        if let Err(error) = read {
            push_table_gap(gaps, table, &error);
            if table == "tcp" {
                return None;
            }
        }
    }
    let mut tally = Tally::new(listeners, ephemeral);
    for table in TABLES {
        let counted = for_each_row(root, table, parse_proc_tcp_line, |row| {
            tally.add(row.state, row.local.port(), || ends_of_row(row));
            ControlFlow::Continue(())
        });
        match counted {
            Ok(unknown) => push_unknown(gaps, &format!("/proc/net/{table}"), unknown),
            // The first reading has told of it, unless the table vanished in between.
            Err(_) if table == "tcp6" => {}
            Err(error) => {
                push_table_gap(gaps, table, &error);
                return None;
            }
        }
    }
    Some(tally)
}

fn push_table_gap(gaps: &mut Vec<Gap>, table: &str, error: &ReadError) {
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
    let mut unknown = 0;
    let mut heading = true;
    root.for_each_net_line(table, |line| {
        if core::mem::take(&mut heading) || line.trim().is_empty() {
            return ControlFlow::Continue(());
        }
        match parse(line) {
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

/// The table has the timer, but the `procfs` crate leaves it out, so FIN_WAIT_2 minisocks count as sockets.
fn ends_of_row(row: &ProcTcpRow) -> Ends {
    Ends {
        local: row.local.ip(),
        remote: row.remote.ip(),
        remote_port: row.remote.port(),
        interface: 0,
        minisock: row.state == TcpState::TimeWait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    /// A table with rows as Linux 6.18 prints them: local end, remote end, state, receive queue, inode.
    fn table(rows: &[(&str, &str, u8, u32, u64)]) -> String {
        let mut text = HEADING.to_owned();
        for (at, (local, remote, state, queue, inode)) in rows.iter().enumerate() {
            text += &format!(
                "{at:4}: {local} {remote} {state:02X} 00000000:{queue:08X} 00:00000000 00000000     0        0 {inode} 1\n"
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
    fn without_any_table_sockets_are_unknown_and_not_none() {
        let (_copy, root) = copy(None, None);
        let mut gaps = Vec::new();
        assert_eq!(read_proc_net_tcp(&root, &mut gaps), None);
        assert_eq!(gaps.last().unwrap().consequence, "all sockets are unknown");
    }
}
