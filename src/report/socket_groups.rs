//! `tcpctl sockets --group-by`: sockets counted by what they have in common.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::figure::render_count as count;
use super::printable::printable;
use super::socket_cells::{EndTexts, push_ends, push_owners};
use super::socket_moves::{SocketMoves, bytes_per_s, decimal, milli_per_s, per_s};
use super::table::{Align, render_table};
use crate::snapshot::{NamespaceName, SocketOwner};
use crate::units::TcpState;
use crate::wire::InetDiag;

/// What sockets are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketGroupBy {
    /// Remote address.
    Peer,
    /// Process.
    Process,
    /// The listener whose port they have.
    Listener,
    /// State.
    State,
    /// Network namespace.
    Netns,
}

/// What is said of the holder of a socket with a file, where no process could be found that has it.
pub const OWNER_UNSEEN: &str = "? owner not readable";

/// What stands for a group while it is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// With its device and the number of its namespace where the address means something on that link alone.
    Peer(Option<(IpAddr, u32, usize)>),
    Process(Option<u32>),
    /// Held by somebody who cannot be seen.
    Unseen,
    /// With its device; the last is the number of its namespace.
    Listener(Option<Bound>),
    State(Option<TcpState>),
    Netns(usize),
}

/// Where a listener listens: address, port, device and the number of its namespace.
type Bound = (IpAddr, u16, u32, usize);

/// Counts of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SocketGroup {
    /// What they have in common.
    pub name: String,
    /// The namespace that they have in common, if they are counted by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<u64>,
    /// How many there are.
    pub sockets: u64,
    /// Those in ESTAB.
    pub established: u64,
    /// Those in SYN-RECV.
    pub half_open: u64,
    /// Those in CLOSE-WAIT.
    pub close_wait: u64,
    /// Those in TIME-WAIT.
    pub time_wait: u64,
    /// Unread bytes; of listeners, connections that wait for accept(), are not counted.
    pub recv_q: u64,
    /// Unacknowledged bytes; backlogs of listeners are not counted.
    pub send_q: u64,
    /// What moved in them since the reading before, where there was one.
    #[serde(skip)]
    pub moves: Option<SocketMoves>,
    /// How many there were in the reading before, where there was one.
    #[serde(skip)]
    pub before: Option<u64>,
}

/// Counts by group. Memory grows with the number of groups and not of sockets.
#[derive(Debug)]
pub struct SocketGroups {
    by: SocketGroupBy,
    groups: BTreeMap<Key, SocketGroup>,
    /// Addresses and devices by port.
    listeners: BTreeMap<u16, Vec<(IpAddr, u32)>>,
    places: Vec<NamespaceName>,
    /// Names of the namespace's network devices by index.
    devices: BTreeMap<u32, String>,
}

impl SocketGroups {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new(by: SocketGroupBy) -> Self {
        let devices = BTreeMap::new();
        Self { by, groups: BTreeMap::new(), listeners: BTreeMap::new(), places: Vec::new(), devices }
    }

    /// The sockets that follow are of a namespace with these network devices.
    pub fn name_devices(&mut self, devices: &BTreeMap<u32, String>) {
        self.devices.clone_from(devices);
    }

    /// The sockets that follow are of this namespace; its listeners come first where sockets are counted by listener.
    pub fn enter(&mut self, name: &NamespaceName) {
        self.listeners.clear();
        self.places.push(name.clone());
        if self.by == SocketGroupBy::Netns {
            // One without sockets is shown as well.
            let group = SocketGroup { name: name.name.clone(), netns: Some(name.inode), ..SocketGroup::default() };
            self.groups.insert(Key::Netns(self.places.len()), group);
        }
    }

    /// Takes note of a listener; all of them come first where sockets are counted by listener.
    pub fn push_listener(&mut self, found: &InetDiag<'_>) {
        let (address, port, device) = (found.source(), found.source_port(), found.interface());
        let addresses = self.listeners.entry(port).or_default();
        if !addresses.contains(&(address, device)) {
            addresses.push((address, device));
            let mut local = Vec::new();
            let mut end = 0;
            push_ends(&mut local, found, &EndTexts::of(found), &self.devices, |out| end = out.len());
            local.truncate(end);
            let name = String::from_utf8_lossy(&local).into_owned();
            // One without connections is shown as well.
            let key = Key::Listener(Some((address, port, device, self.places.len())));
            self.groups.insert(key, SocketGroup { name, ..SocketGroup::default() });
        }
    }

    /// Counts a socket. One that several processes hold counts for each of them.
    pub fn push<'b>(&mut self, found: &InetDiag<'_>, owners: impl Iterator<Item = &'b SocketOwner>) {
        self.push_moved(found, owners, None);
    }

    /// The same with what moved in it since the reading before.
    pub fn push_moved<'b>(
        &mut self,
        found: &InetDiag<'_>,
        owners: impl Iterator<Item = &'b SocketOwner>,
        moves: Option<SocketMoves>,
    ) {
        match self.by {
            SocketGroupBy::Peer => {
                let peer = peer(found);
                match peer.filter(is_of_link) {
                    None => self.add(Key::Peer(peer.map(|address| (address, 0, 0))), found, moves, String::new),
                    Some(address) => {
                        let device = found.interface();
                        let name = self.devices.get(&device).cloned().unwrap_or_else(|| format!("if{device}"));
                        let key = Key::Peer(Some((address, device, self.places.len())));
                        self.add(key, found, moves, || format!("{address}%{name}"));
                    }
                }
            }
            // It is the group and not in it.
            SocketGroupBy::Listener if found.state() == Some(TcpState::Listen) => {}
            SocketGroupBy::State => self.add(Key::State(found.state()), found, moves, String::new),
            SocketGroupBy::Netns => self.add(Key::Netns(self.places.len()), found, moves, String::new),
            SocketGroupBy::Listener => self.add(Key::Listener(self.listener(found)), found, moves, String::new),
            SocketGroupBy::Process => {
                let mut is_held = false;
                for owner in owners {
                    is_held = true;
                    self.add(Key::Process(Some(owner.pid)), found, moves, || {
                        let mut name = Vec::new();
                        push_owners(&mut name, core::iter::once(owner), b'-');
                        String::from_utf8_lossy(&name).into_owned()
                    });
                }
                if !is_held {
                    // What has a file is held by somebody, who cannot be seen: that is no socket without a process.
                    let key = if found.inode() == 0 { Key::Process(None) } else { Key::Unseen };
                    self.add(key, found, moves, String::new);
                }
            }
        }
    }

    fn add(&mut self, key: Key, found: &InetDiag<'_>, moves: Option<SocketMoves>, name: impl FnOnce() -> String) {
        let group = self.groups.entry(key).or_insert_with(|| SocketGroup { name: name(), ..SocketGroup::default() });
        group.sockets += 1;
        if let Some(moves) = moves {
            group.moves.get_or_insert_default().add(&moves);
        }
        match found.state() {
            Some(TcpState::Estab) => group.established += 1,
            Some(TcpState::SynRecv) => group.half_open += 1,
            Some(TcpState::CloseWait) => group.close_wait += 1,
            Some(TcpState::TimeWait) => group.time_wait += 1,
            // Its queues hold connections and not bytes.
            Some(TcpState::Listen) => return,
            _ => {}
        }
        group.recv_q += u64::from(found.receive_queue());
        group.send_q += u64::from(found.send_queue());
    }

    /// The listener whose address and port the socket has: its own address before a wildcard.
    fn listener(&self, found: &InetDiag<'_>) -> Option<Bound> {
        let (port, device) = (found.source_port(), found.interface());
        let own = found.source().to_canonical();
        let listeners = self.listeners.get(&port)?;
        // One that is bound to a device takes what comes by that alone, and its connections are bound to it as well.
        let by = |wanted: u32| {
            let here = || listeners.iter().filter(move |(_, bound)| *bound == wanted).map(|(address, _)| address);
            let exact = here().find(|address| address.to_canonical() == own);
            let family = |address: &&IpAddr| address.is_unspecified() && address.is_ipv4() == own.is_ipv4();
            let wildcard = || here().find(family).or_else(|| here().find(|any| any.is_unspecified()));
            exact.or_else(wildcard).map(|address| (*address, port, wanted, self.places.len()))
        };
        by(device).or_else(|| by(0))
    }

    /// The groups, the largest first, and how many there are in all.
    #[must_use]
    pub fn finish(self, limit: usize) -> (Vec<SocketGroup>, usize) {
        let Self { groups, places, .. } = self;
        let mut groups: Vec<SocketGroup> = groups.into_iter().map(|(key, group)| key.named(group, &places)).collect();
        let all = groups.len();
        // The sort is stable, so that equal ones stay in the order of what they have in common.
        groups.sort_by_key(|group| core::cmp::Reverse(group.sockets));
        groups.truncate(limit);
        (groups, all)
    }
}

/// Whether an address means something on its link alone, so that two devices may have different peers of it.
const fn is_of_link(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The peer's address; nothing for sockets without one.
fn peer(found: &InetDiag<'_>) -> Option<IpAddr> {
    // An IPv4-mapped peer is the same host as an IPv4 one.
    Some(found.destination().to_canonical()).filter(|address| !address.is_unspecified())
}

impl Key {
    fn named(&self, group: SocketGroup, places: &[NamespaceName]) -> SocketGroup {
        let inside = |place: usize| match place.checked_sub(1).and_then(|place| places.get(place)) {
            Some(place) => format!(" in {}", place.name),
            None => String::new(),
        };
        let name = match self {
            Self::Peer(Some((address, ..))) if group.name.is_empty() => address.to_string(),
            Self::Peer(Some((.., place))) => format!("{}{}", group.name, inside(*place)),
            Self::Peer(None) => "no peer (listeners, unconnected)".to_owned(),
            Self::Process(Some(_)) | Self::Netns(_) => return group,
            Self::Process(None) => "no process (minisocks, requests, orphans)".to_owned(),
            Self::Unseen => OWNER_UNSEEN.to_owned(),
            Self::Listener(Some((.., place))) => format!("{}{}", group.name, inside(*place)),
            Self::Listener(None) => "no listener (opened by this host, or closed since)".to_owned(),
            Self::State(state) => state.map_or("?", TcpState::name).to_owned(),
        };
        SocketGroup { name, ..group }
    }
}

/// How many sockets each group had in the reading before.
#[derive(Debug, Default)]
pub struct GroupChanges {
    before: Option<BTreeMap<(Option<u64>, String), u64>>,
}

impl GroupChanges {
    /// Says of each group how many sockets it had before, adds those that have none any more, and takes note of all. Where
    /// they are not all there, since something could not be read, nothing can be said of what came and went.
    pub fn note(&mut self, groups: &mut Vec<SocketGroup>, are_whole: bool) {
        if !are_whole {
            self.before = None;
            return;
        }
        let counts = groups.iter().map(|group| ((group.netns, group.name.clone()), group.sockets)).collect();
        let Some(mut before) = self.before.replace(counts) else { return };
        for group in groups.iter_mut() {
            group.before = Some(before.remove(&(group.netns, group.name.clone())).unwrap_or(0));
        }
        // One without sockets is told of once, and forgotten.
        let gone = before.into_iter().filter(|(_, sockets)| *sockets > 0);
        groups.extend(gone.map(|((netns, name), sockets)| SocketGroup {
            name,
            netns,
            before: Some(sockets),
            ..SocketGroup::default()
        }));
    }
}

impl SocketGroup {
    /// The group for programs, with what changed in a window of so many microseconds.
    #[must_use]
    pub fn watched(&self, window_us: Option<u64>) -> serde_json::Value {
        let mut view = serde_json::to_value(self).unwrap_or_default();
        if let (Some(window_us), Some(before), Some(view)) = (window_us, self.before, view.as_object_mut()) {
            let mut since = self.moves.unwrap_or_default().json(window_us);
            // Those of sockets that came or went are not in it: the sums say how long they are.
            since.remove("recv_q");
            since.remove("send_q");
            let more = i128::from(self.sockets) - i128::from(before);
            since.insert("sockets".to_owned(), serde_json::json!(i64::try_from(more).unwrap_or(0)));
            let rate = i128::from(milli_per_s(self.sockets.abs_diff(before), window_us)) * more.signum();
            since.insert("sockets_per_s".to_owned(), decimal(rate));
            view.insert("since_last".to_owned(), since.into());
        }
        view
    }

    /// How many more sockets a second, with a sign.
    fn more_per_s(&self, window_us: u64) -> String {
        let Some(before) = self.before else { return String::new() };
        match (self.sockets.abs_diff(before), self.sockets > before) {
            (0, _) => "0/s".to_owned(),
            (more, true) => format!("+{}", per_s(more, window_us)),
            (less, false) => format!("-{}", per_s(less, window_us)),
        }
    }
}

/// The groups of a reading as a table, with what changed by the second.
#[must_use]
pub fn render_group_rates(
    by: SocketGroupBy,
    groups: &[SocketGroup],
    all: usize,
    heading: bool,
    window_us: Option<u64>,
) -> String {
    let head = ["sockets", "change", "estab", "syn-recv", "time-wait", "sent", "received", "resent", heading_of(by)];
    let rows: Vec<[String; 9]> = groups
        .iter()
        .map(|group| {
            let moves = group.moves.unwrap_or_default();
            let moved = |number: Option<u64>, rate: fn(u64, u64) -> String| {
                // What is not known is no zero.
                number.zip(window_us).map_or_else(|| "-".to_owned(), |(number, window_us)| rate(number, window_us))
            };
            [
                count(group.sockets),
                window_us.map_or_else(|| "-".to_owned(), |window_us| group.more_per_s(window_us)),
                count(group.established),
                count(group.half_open),
                count(group.time_wait),
                moved(moves.out_bytes(), bytes_per_s),
                moved(moves.received_bytes, bytes_per_s),
                moved(moves.retransmits, per_s),
                printable(&group.name),
            ]
        })
        .collect();
    let right = Align::Right;
    let align = [right, right, right, right, right, right, right, right, Align::Left];
    end_table(render_table(&head, &align, &rows, usize::MAX), groups.len(), all, heading)
}

/// The groups as a table.
#[must_use]
pub fn render_groups(by: SocketGroupBy, groups: &[SocketGroup], all: usize, heading: bool) -> String {
    let name = heading_of(by);
    let head = ["sockets", "estab", "syn-recv", "close-wait", "time-wait", "recv-q", "send-q", name];
    let right = Align::Right;
    let align = [right, right, right, right, right, right, right, Align::Left];
    let rows: Vec<[String; 8]> = groups
        .iter()
        .map(|group| {
            let numbers = [
                group.sockets,
                group.established,
                group.half_open,
                group.close_wait,
                group.time_wait,
                group.recv_q,
                group.send_q,
            ];
            let [a, b, c, d, e, f, g] = numbers.map(count);
            [a, b, c, d, e, f, g, printable(&group.name)]
        })
        .collect();
    end_table(render_table(&head, &align, &rows, usize::MAX), groups.len(), all, heading)
}

const fn heading_of(by: SocketGroupBy) -> &'static str {
    match by {
        SocketGroupBy::Peer => "peer",
        SocketGroupBy::Process => "process",
        SocketGroupBy::Listener => "listener",
        SocketGroupBy::State => "state",
        SocketGroupBy::Netns => "netns",
    }
}

/// The table without its heading if that is not wanted, and how many groups are not in it.
fn end_table(mut text: String, shown: usize, all: usize, heading: bool) -> String {
    if !heading {
        text = text.split_once('\n').map(|(_, rows)| rows.to_owned()).unwrap_or_default();
    }
    if all > shown {
        text.push_str(&format!("  and {} more\n", all - shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, sockets: u64) -> SocketGroup {
        SocketGroup { name: name.to_owned(), sockets, established: sockets, ..SocketGroup::default() }
    }

    #[test]
    fn a_socket_whose_holder_cannot_be_seen_is_not_counted_as_one_without() {
        let mut groups = SocketGroups::new(SocketGroupBy::Process);
        let mut record = vec![0; 72];
        record[..2].copy_from_slice(&[2, 1]);
        groups.push(&InetDiag::decode(&record).expect("a record"), core::iter::empty());
        record[68..72].copy_from_slice(&4711_u32.to_ne_bytes());
        for _ in 0..2 {
            groups.push(&InetDiag::decode(&record).expect("a record"), core::iter::empty());
        }
        let (groups, all) = groups.finish(10);
        let named: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.sockets)).collect();
        assert_eq!(all, 2);
        assert_eq!(named, [(OWNER_UNSEEN, 2), ("no process (minisocks, requests, orphans)", 1)]);
    }

    #[test]
    fn groups_tell_what_changed_by_the_second_and_one_that_is_gone_is_told_of_once() {
        let mut changes = GroupChanges::default();
        let mut first = vec![group("10.0.0.1", 5), group("10.0.0.2", 9)];
        changes.note(&mut first, true);
        assert!(first.iter().all(|group| group.before.is_none()));
        let moves = SocketMoves { sent_bytes: Some(4096), received_bytes: Some(0), ..SocketMoves::default() };
        let mut second = vec![SocketGroup { moves: Some(moves), ..group("10.0.0.1", 8) }, group("10.0.0.3", 1)];
        changes.note(&mut second, true);
        insta::assert_snapshot!(render_group_rates(SocketGroupBy::Peer, &second, 4, true, Some(2_000_000)), @r"
        sockets  change  estab  syn-recv  time-wait      sent  received  resent  peer
              8  +1.5/s      8         0          0  2.0KiB/s      0B/s       -  10.0.0.1
              1  +0.5/s      1         0          0         -         -       -  10.0.0.3
              0  -4.5/s      0         0          0         -         -       -  10.0.0.2
        and 1 more
        ");
        let since = second.iter().map(|group| group.watched(Some(2_000_000))["since_last"].clone());
        let expected: Vec<_> = since.map(|since| (since["sockets"].clone(), since["sockets_per_s"].clone())).collect();
        assert_eq!(expected, [(3.into(), 1.5.into()), (1.into(), 0.5.into()), ((-9).into(), (-4.5).into())]);
        let mut third = vec![group("10.0.0.1", 8)];
        changes.note(&mut third, true);
        assert_eq!(third.len(), 2, "{third:?}");
        // Where something could not be read, nobody has gone, and afterwards nobody has come.
        let (mut part, mut whole) = (vec![group("10.0.0.1", 2)], vec![group("10.0.0.1", 8)]);
        changes.note(&mut part, false);
        changes.note(&mut whole, true);
        assert!(part.iter().chain(&whole).all(|group| group.before.is_none()), "{part:?} {whole:?}");
    }
}
