//! Readings of sockets that only some questions need: who holds those in CLOSE_WAIT, and which ports TCP and UDP share.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::ControlFlow;

use super::host::{gap_kind, gap_of};
use super::live::{read_sockets, shows_own_netns, within};
use super::owners::{process_of, unknown_owners};
use super::sockets::{gather_state, push_unknown};
use super::tables::for_each_row;
use super::{CollectError, Source};
use crate::snapshot::{CloseWait, Gap, Holder, PortSide, Process, SharedPort, SharedPorts, SocketSurvey};
use crate::sys::{ProcRoot, ReadErrorKind, SocketHolders, find_socket_holders};
use crate::units::TcpState;
use crate::wire::parse_proc_udp_line;

/// Sockets whose owner may be unknown, one and several.
const WAITING: [&str; 2] = ["socket in CLOSE-WAIT", "sockets in CLOSE-WAIT"];
const SHARING: [&str; 2] = ["socket on a shared port", "sockets on shared ports"];

/// What to read besides what a [`Source`] says of sockets and processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Sockets in CLOSE_WAIT and their holders.
    pub close_wait: bool,
    /// Ports that TCP and UDP share, and their holders.
    pub shared_ports: bool,
}

/// Reads sockets alone, without settings and counters. Whatever cannot be read is a gap.
///
/// # Errors
/// Only when the proc root or the namespace that was asked for cannot be had.
pub fn survey(source: &Source, wanted: Wanted) -> Result<SocketSurvey, CollectError> {
    within(source, |root| {
        let is_live = root.netns_inode().is_ok_and(shows_own_netns);
        let mut gaps = Vec::new();
        let sockets = read_sockets(source, root, is_live, &mut gaps);
        let close_wait = wanted.close_wait.then(|| read_close_wait(root, is_live, &mut gaps)).flatten();
        let shared_ports = wanted.shared_ports.then(|| read_shared_ports(root, is_live, &mut gaps)).flatten();
        SocketSurvey { sockets, close_wait, shared_ports, gaps }
    })
}

/// Counts per inode, nothing of the rest.
#[derive(Default)]
struct Waiting {
    sockets: u64,
    not_accepted: u64,
    inodes: BTreeSet<u64>,
}

fn read_close_wait(root: &ProcRoot, is_live: bool, gaps: &mut Vec<Gap>) -> Option<CloseWait> {
    let found: Waiting = gather_state(root, is_live, TcpState::CloseWait, gaps, |found: &mut Waiting, _, inode| {
        found.sockets += 1;
        // One that nobody has accepted has no file yet.
        found.not_accepted += u64::from(inode == 0);
        if inode != 0 && found.inodes.len() < CloseWait::TRACED {
            found.inodes.insert(inode);
        }
    })?;
    let holders = holders(root, &found.inodes, gaps, "the processes that hold sockets in CLOSE-WAIT are unknown");
    let mut counts: BTreeMap<Process, u64> = BTreeMap::new();
    for holder in holders.by_inode.values().flatten() {
        *counts.entry(process_of(holder)).or_default() += 1;
    }
    let traced = found.inodes.len();
    let unknown = traced.saturating_sub(holders.by_inode.len());
    if unknown > 0 && !holders.unread {
        gaps.push(unknown_owners(root, holders.denied, unknown, WAITING));
    }
    let mut holders: Vec<Holder> = counts.into_iter().map(|(process, sockets)| Holder { process, sockets }).collect();
    // The sort is stable: processes with as many stay in the order of their numbers.
    holders.sort_by_key(|holder| core::cmp::Reverse(holder.sockets));
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Some(CloseWait {
        sockets: found.sockets,
        not_accepted: found.not_accepted,
        traced: number(traced),
        unknown: number(unknown),
        holders,
    })
}

/// Holders, or that nobody could be asked.
#[derive(Default)]
struct Found {
    by_inode: BTreeMap<u64, Vec<crate::sys::SocketHolder>>,
    denied: usize,
    unread: bool,
}

/// Who holds these; a gap with this consequence when the processes cannot be listed.
fn holders(root: &ProcRoot, inodes: &BTreeSet<u64>, gaps: &mut Vec<Gap>, consequence: &str) -> Found {
    if inodes.is_empty() {
        return Found::default();
    }
    match find_socket_holders(root, inodes) {
        Ok(SocketHolders { by_inode, denied }) => Found { by_inode, denied, unread: false },
        Err(error) => {
            gaps.push(gap_of(&error, consequence));
            Found { unread: true, ..Found::default() }
        }
    }
}

/// One protocol's sockets on a port, with their inodes.
#[derive(Default)]
struct OnPort {
    addresses: BTreeSet<IpAddr>,
    inodes: BTreeSet<u64>,
}

impl OnPort {
    fn add(&mut self, address: IpAddr, inode: u64) {
        if self.addresses.len() < SharedPorts::KEPT_PER_PORT {
            self.addresses.insert(address);
        }
        if inode != 0 && self.inodes.len() < SharedPorts::KEPT_PER_PORT {
            self.inodes.insert(inode);
        }
    }

    fn side(&self, found: &Found) -> PortSide {
        let holders = self.inodes.iter().filter_map(|inode| found.by_inode.get(inode)).flatten();
        let processes: BTreeSet<Process> = holders.map(process_of).collect();
        PortSide { addresses: self.addresses.iter().copied().collect(), processes: processes.into_iter().collect() }
    }
}

type Ports = BTreeMap<u16, OnPort>;

fn read_shared_ports(root: &ProcRoot, is_live: bool, gaps: &mut Vec<Gap>) -> Option<SharedPorts> {
    let mut tcp: Ports = gather_state(root, is_live, TcpState::Listen, gaps, |ports: &mut Ports, local, inode| {
        ports.entry(local.port()).or_default().add(local.ip(), inode);
    })?;
    let udp = read_udp(root, |port| tcp.contains_key(&port), gaps)?;
    tcp.retain(|port, _| udp.contains_key(port));
    let total = u64::try_from(udp.len()).unwrap_or(u64::MAX);
    let kept: Vec<(&u16, &OnPort, &OnPort)> =
        tcp.iter().zip(udp.values()).map(|((port, tcp), udp)| (port, tcp, udp)).take(SharedPorts::KEPT).collect();
    let inodes: BTreeSet<u64> =
        kept.iter().flat_map(|(_, tcp, udp)| tcp.inodes.iter().chain(&udp.inodes)).copied().collect();
    let found = holders(root, &inodes, gaps, "the processes on ports that TCP and UDP share are unknown");
    let unknown = inodes.len().saturating_sub(found.by_inode.len());
    if unknown > 0 && !found.unread {
        gaps.push(unknown_owners(root, found.denied, unknown, SHARING));
    }
    let ports = kept
        .into_iter()
        .map(|(port, tcp, udp)| SharedPort { port: *port, tcp: tcp.side(&found), udp: udp.side(&found) })
        .collect();
    Some(SharedPorts { total, ports })
}

/// UDP sockets on these ports, by the tables of `/proc/net`.
fn read_udp(root: &ProcRoot, is_wanted: impl Fn(u16) -> bool, gaps: &mut Vec<Gap>) -> Option<Ports> {
    let mut ports = Ports::new();
    for table in ["udp", "udp6"] {
        let read = for_each_row(root, table, parse_proc_udp_line, |row| {
            if is_wanted(row.local.port()) {
                ports.entry(row.local.port()).or_default().add(row.local.ip(), row.inode);
            }
            ControlFlow::Continue(())
        });
        match read {
            Ok(unknown) => push_unknown(gaps, &format!("/proc/net/{table}"), unknown),
            Err(error) if table == "udp6" => {
                let consequence = match error.kind {
                    ReadErrorKind::Absent => "IPv6 sockets of UDP are not known; a kernel without IPv6 has none",
                    ReadErrorKind::Denied | ReadErrorKind::Failed => "IPv6 sockets of UDP are not known",
                };
                gaps.push(Gap::new(&error.path, gap_kind(error.kind), &error.reason, consequence));
            }
            Err(error) => {
                gaps.push(gap_of(&error, "sockets of UDP are not known"));
                return None;
            }
        }
    }
    Some(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::GapKind;

    const HEADING: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";

    fn row(local: &str, state: u8, inode: u64) -> String {
        format!(
            "   0: {local} 00000000:0000 {state:02X} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"
        )
    }

    fn copy(files: &[(&str, &[String])]) -> (tempfile::TempDir, ProcRoot) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("net")).unwrap();
        for (name, rows) in files {
            let text = HEADING.to_owned() + &rows.concat();
            std::fs::write(directory.path().join("net").join(name), text).unwrap();
        }
        let root = ProcRoot::new(directory.path());
        (directory, root)
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn only_ports_with_both_a_listener_and_a_udp_socket_are_shared() {
        let (_copy, root) = copy(&[
            ("tcp", &[row("00000000:0035", 10, 7), row("00000000:0050", 10, 8), row("0700000A:01BB", 1, 9)]),
            ("tcp6", &[]),
            ("udp", &[row("3500007F:0035", 7, 11), row("00000000:01BB", 7, 12), "rubbish\n".to_owned()]),
        ]);
        let mut gaps = Vec::new();
        let shared = read_shared_ports(&root, false, &mut gaps).unwrap();
        let ports: Vec<_> = shared.ports.iter().map(|one| (one.port, &one.udp.addresses)).collect();
        assert_eq!((shared.total, ports), (1, vec![(53, &vec!["127.0.0.53".parse().unwrap()])]));
        let kinds: Vec<_> = gaps.iter().map(|gap| (gap.kind, gap.consequence.as_str())).collect();
        assert!(
            kinds.contains(&(GapKind::Absent, "IPv6 sockets of UDP are not known; a kernel without IPv6 has none"))
        );
        assert!(kinds.iter().any(|(kind, _)| *kind == GapKind::Malformed), "{gaps:?}");
    }

    #[test]
    fn without_the_table_of_udp_shared_ports_are_unknown_and_not_none() {
        let (_copy, root) = copy(&[("tcp", &[]), ("tcp6", &[])]);
        let mut gaps = Vec::new();
        assert_eq!(read_shared_ports(&root, false, &mut gaps), None);
        assert_eq!(gaps.last().unwrap().consequence, "sockets of UDP are not known");
    }

    #[test]
    fn close_wait_without_a_file_waits_to_be_accepted() {
        let (_copy, root) = copy(&[
            ("tcp", &[row("0700000A:0050", 8, 0), row("0700000A:0050", 8, 21), row("0700000A:0050", 1, 22)]),
            ("tcp6", &[]),
        ]);
        let mut gaps = Vec::new();
        let found = read_close_wait(&root, false, &mut gaps).unwrap();
        assert_eq!((found.sockets, found.not_accepted, found.traced, found.unknown), (2, 1, 1, 1));
        assert!(
            gaps.iter().any(|gap| gap.consequence.starts_with("the owner of 1 socket in CLOSE-WAIT is")),
            "{gaps:?}"
        );
    }
}
