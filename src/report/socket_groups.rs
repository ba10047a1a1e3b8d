//! `tcpctl sockets --group-by`: sockets counted by what they have in common.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::figure::count;
use super::printable::printable;
use super::socket_cells::push_owners;
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

/// What stands for a group while it is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Peer(Option<IpAddr>),
    Process(Option<u32>),
    /// The last is the number of its namespace.
    Listener(Option<(IpAddr, u16, usize)>),
    State(Option<TcpState>),
    Netns(usize),
}

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
}

/// Counts by group. Memory grows with the number of groups and not of sockets.
#[derive(Debug)]
pub struct SocketGroups {
    by: SocketGroupBy,
    groups: BTreeMap<Key, SocketGroup>,
    listeners: BTreeMap<u16, Vec<IpAddr>>,
    places: Vec<NamespaceName>,
}

impl SocketGroups {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new(by: SocketGroupBy) -> Self {
        Self { by, groups: BTreeMap::new(), listeners: BTreeMap::new(), places: Vec::new() }
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
        let (address, port) = (found.source(), found.source_port());
        let addresses = self.listeners.entry(port).or_default();
        if !addresses.contains(&address) {
            addresses.push(address);
            // One without connections is shown as well.
            self.groups.insert(Key::Listener(Some((address, port, self.places.len()))), SocketGroup::default());
        }
    }

    /// Counts a socket. One that several processes hold counts for each of them.
    pub fn push<'b>(&mut self, found: &InetDiag<'_>, owners: impl Iterator<Item = &'b SocketOwner>) {
        match self.by {
            SocketGroupBy::Peer => self.add(Key::Peer(peer(found)), found, String::new),
            // It is the group and not in it.
            SocketGroupBy::Listener if found.state() == Some(TcpState::Listen) => {}
            SocketGroupBy::State => self.add(Key::State(found.state()), found, String::new),
            SocketGroupBy::Netns => self.add(Key::Netns(self.places.len()), found, String::new),
            SocketGroupBy::Listener => self.add(Key::Listener(self.listener(found)), found, String::new),
            SocketGroupBy::Process => {
                let mut is_held = false;
                for owner in owners {
                    is_held = true;
                    self.add(Key::Process(Some(owner.pid)), found, || {
                        let mut name = Vec::new();
                        push_owners(&mut name, core::iter::once(owner));
                        String::from_utf8_lossy(&name).into_owned()
                    });
                }
                if !is_held {
                    self.add(Key::Process(None), found, String::new);
                }
            }
        }
    }

    fn add(&mut self, key: Key, found: &InetDiag<'_>, name: impl FnOnce() -> String) {
        let group = self.groups.entry(key).or_insert_with(|| SocketGroup { name: name(), ..SocketGroup::default() });
        group.sockets += 1;
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
    fn listener(&self, found: &InetDiag<'_>) -> Option<(IpAddr, u16, usize)> {
        let port = found.source_port();
        let own = found.source().to_canonical();
        let addresses = self.listeners.get(&port)?;
        let exact = addresses.iter().find(|address| address.to_canonical() == own);
        let family = |address: &&IpAddr| address.is_unspecified() && address.is_ipv4() == own.is_ipv4();
        let wildcard = || addresses.iter().find(family).or_else(|| addresses.iter().find(|any| any.is_unspecified()));
        exact.or_else(wildcard).map(|address| (*address, port, self.places.len()))
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
            Self::Peer(Some(address)) => address.to_string(),
            Self::Peer(None) => "no peer (listeners, unconnected)".to_owned(),
            Self::Process(Some(_)) | Self::Netns(_) => return group,
            Self::Process(None) => "no process (minisocks, requests, orphans, unseen)".to_owned(),
            Self::Listener(Some((address, port, place))) => {
                format!("{}{}", SocketAddr::new(*address, *port), inside(*place))
            }
            Self::Listener(None) => "no listener (opened by this host, or closed since)".to_owned(),
            Self::State(state) => state.map_or("?", TcpState::name).to_owned(),
        };
        SocketGroup { name, ..group }
    }
}

/// The groups as a table.
#[must_use]
pub fn render_groups(by: SocketGroupBy, groups: &[SocketGroup], all: usize, heading: bool) -> String {
    let name = match by {
        SocketGroupBy::Peer => "peer",
        SocketGroupBy::Process => "process",
        SocketGroupBy::Listener => "listener",
        SocketGroupBy::State => "state",
        SocketGroupBy::Netns => "netns",
    };
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
    let mut text = render_table(&head, &align, &rows, usize::MAX);
    if !heading {
        text = text.split_once('\n').map(|(_, rows)| rows.to_owned()).unwrap_or_default();
    }
    if all > groups.len() {
        text.push_str(&format!("  and {} more\n", all - groups.len()));
    }
    text
}
