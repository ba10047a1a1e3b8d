//! Counting sockets one by one, keeping nothing of most of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::snapshot::{AddressUse, Listener, PortUse, SocketSource, Sockets};
use crate::units::TcpState;

/// One number per kernel state, indexed by the kernel's number.
const STATES: usize = 16;
/// Bits to remember which of the 65536 ports have listeners.
const PORT_WORDS: usize = 1024;

/// The ends of a socket that matter for counting, made only when they are needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// Local address.
    pub(super) local: IpAddr,
    /// Remote address.
    pub(super) remote: IpAddr,
    /// Remote port.
    pub(super) remote_port: u16,
    /// Interface that the socket is bound to, 0 for none.
    pub(super) interface: u32,
    /// Whether it is a minisock: TIME_WAIT, or FIN_WAIT_2 that waits in the same table.
    pub(super) minisock: bool,
    /// Its inode, 0 where no process holds it.
    pub(super) inode: u32,
    /// Of a request: how many SYN-ACKs were sent again.
    pub(super) retransmits: u8,
}

/// Listeners on one address, port and interface.
#[derive(Debug)]
struct Group {
    address: IpAddr,
    interface: u32,
    v6_only: Option<bool>,
    half_open: u64,
    members: Vec<usize>,
}

/// The running count. Listeners come first, then everything else.
#[derive(Debug)]
pub(super) struct Tally {
    states: [u64; STATES],
    listeners: Vec<Listener>,
    groups: BTreeMap<u16, Vec<Group>>,
    listening: Box<[u64; PORT_WORDS]>,
    ephemeral: Option<RangeInclusive<u16>>,
    ports: BTreeMap<(IpAddr, IpAddr, u16), Used>,
    /// Ports in use by local address, one bit each.
    taken: BTreeMap<IpAddr, Box<[u64; PORT_WORDS]>>,
    /// Requests by how many SYN-ACKs were sent again.
    resent: [u64; Sockets::HALF_OPEN_KINDS],
    /// Messages or rows that could not be understood.
    pub(super) unknown: u64,
}

/// Ports used towards one destination.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    all: u64,
    time_wait: u64,
    /// Inodes of a few that processes hold; 0 where there is none.
    inodes: [u32; PortUse::EXAMPLES],
}

impl Tally {
    /// Begins with the listeners. Without the range of ephemeral ports their use is not counted.
    pub(super) fn new(mut listeners: Vec<Listener>, ephemeral: Option<RangeInclusive<u16>>) -> Self {
        listeners.sort_by_key(|one| (one.address, one.port, one.interface, one.cookie, one.inode));
        // A dump is not atomic, and a listener can be met twice.
        listeners.dedup_by(|one, other| one.cookie != 0 && one.cookie == other.cookie);
        let mut groups: BTreeMap<u16, Vec<Group>> = BTreeMap::new();
        let mut listening = Box::new([0; PORT_WORDS]);
        for (index, one) in listeners.iter().enumerate() {
            set_bit(&mut listening, one.port);
            let on_port = groups.entry(one.port).or_default();
            let same = |group: &&mut Group| group.address == one.address && group.interface == one.interface;
            match on_port.iter_mut().find(same) {
                Some(group) => group.members.push(index),
                None => on_port.push(Group {
                    address: one.address,
                    interface: one.interface,
                    v6_only: one.v6_only,
                    half_open: 0,
                    members: vec![index],
                }),
            }
        }
        let mut states = [0; STATES];
        if let Some(count) = states.get_mut(usize::from(TcpState::Listen.to_kernel())) {
            *count = u64::try_from(listeners.len()).unwrap_or(u64::MAX);
        }
        Self {
            states,
            listeners,
            groups,
            listening,
            ephemeral,
            ports: BTreeMap::new(),
            taken: BTreeMap::new(),
            resent: [0; Sockets::HALF_OPEN_KINDS],
            unknown: 0,
        }
    }

    /// Counts a socket that is not a listener. Nothing is allocated but a row for a destination, and the bits of a local
    /// address, not yet seen.
    pub(super) fn add(&mut self, state: TcpState, local_port: u16, ends: impl FnOnce() -> Ends) {
        if state == TcpState::Listen {
            return;
        }
        if let Some(count) = self.states.get_mut(usize::from(state.to_kernel())) {
            *count += 1;
        }
        match state {
            TcpState::SynRecv => self.add_half_open(local_port, &ends()),
            TcpState::Close => {}
            _ if self.is_ephemeral(local_port) => self.add_port_use(local_port, &ends()),
            _ => {}
        }
    }

    fn is_ephemeral(&self, port: u16) -> bool {
        self.ephemeral.as_ref().is_some_and(|range| range.contains(&port)) && !has_bit(&self.listening, port)
    }

    fn add_half_open(&mut self, port: u16, ends: &Ends) {
        let kind = usize::from(ends.retransmits).min(Sockets::HALF_OPEN_KINDS - 1);
        if let Some(count) = self.resent.get_mut(kind) {
            *count += 1;
        }
        let groups = self.groups.get_mut(&port).map(Vec::as_mut_slice).unwrap_or_default();
        let fit = |group: &&mut Group| group.fit(ends.local, ends.interface);
        // A request whose listener has been closed meanwhile belongs to none of them.
        if let Some(group) = groups.iter_mut().filter(|group| fit(group).is_some()).max_by_key(fit) {
            group.half_open += 1;
        }
    }

    fn add_port_use(&mut self, local_port: u16, ends: &Ends) {
        if ends.remote_port == 0 {
            return;
        }
        // An IPv4-mapped socket takes its port from the same pool as an IPv4 one.
        let key = (ends.local.to_canonical(), ends.remote.to_canonical(), ends.remote_port);
        let used = self.ports.entry(key).or_default();
        used.all += 1;
        used.time_wait += u64::from(ends.minisock);
        if ends.inode != 0
            && let Some(free) = used.inodes.iter_mut().find(|inode| **inode == 0)
        {
            *free = ends.inode;
        }
        if self.taken.len() < Sockets::ADDRESSES_KEPT || self.taken.contains_key(&key.0) {
            set_bit(self.taken.entry(key.0).or_insert_with(|| Box::new([0; PORT_WORDS])), local_port);
        }
    }

    /// The result.
    pub(super) fn finish(mut self, source: SocketSource) -> Sockets {
        for group in self.groups.values().flatten() {
            for member in &group.members {
                if let Some(listener) = self.listeners.get_mut(*member) {
                    listener.half_open = group.half_open;
                    listener.shares_port = u32::try_from(group.members.len()).unwrap_or(u32::MAX);
                }
            }
        }
        let count = |state: TcpState| self.states.get(usize::from(state.to_kernel())).copied().unwrap_or(0);
        let addresses = addresses(&self.taken, &self.ports);
        let mut ports: Vec<PortUse> = self
            .ports
            .into_iter()
            .map(|((source, destination, destination_port), used)| PortUse {
                source,
                destination,
                destination_port,
                used: used.all,
                time_wait: used.time_wait,
                inodes: used.inodes.into_iter().filter(|inode| *inode != 0).collect(),
                processes: Vec::new(),
            })
            .collect();
        // The sort is stable, so rows with equal use stay in the order of their addresses.
        ports.sort_by_key(|row| core::cmp::Reverse(row.used));
        ports.truncate(Sockets::PORT_USE_KEPT);
        // The tables of /proc leave out what is merely bound, so that nothing is known of CLOSE.
        let is_told = |state: &TcpState| source != SocketSource::ProcNetTcp || *state != TcpState::Close;
        Sockets {
            source,
            states: TcpState::ALL.into_iter().filter(is_told).map(|state| (state, count(state))).collect(),
            listeners: self.listeners,
            ports,
            addresses: self.ephemeral.is_some().then_some(addresses),
            half_open_resent: source.counts_states().then(|| self.resent.to_vec()),
            samples: None,
        }
    }
}

impl Group {
    /// How well a SYN to this address on this interface fits the listener; the greatest wins, as in
    /// `inet_lookup_listener`: an exact address before a wildcard, then a bound interface, then the family of
    /// its own (`compute_score`, net/ipv4/inet_hashtables.c).
    fn fit(&self, local: IpAddr, interface: u32) -> Option<(bool, bool, bool)> {
        if self.interface != 0 && self.interface != interface {
            return None;
        }
        let local = local.to_canonical();
        let exact = self.address.to_canonical() == local && !local.is_unspecified();
        let wildcard = match self.address {
            IpAddr::V4(address) => address.is_unspecified() && local.is_ipv4(),
            IpAddr::V6(address) => address.is_unspecified() && (local.is_ipv6() || self.v6_only != Some(true)),
        };
        (exact || wildcard).then_some((exact, self.interface != 0, self.address.is_ipv4()))
    }
}

/// How full each local address is, the fullest first.
fn addresses(
    taken: &BTreeMap<IpAddr, Box<[u64; PORT_WORDS]>>,
    ports: &BTreeMap<(IpAddr, IpAddr, u16), Used>,
) -> Vec<AddressUse> {
    let distinct = |bits: &[u64; PORT_WORDS]| bits.iter().map(|word| u64::from(word.count_ones())).sum();
    let mut rows: BTreeMap<IpAddr, (u64, u64, u64)> =
        taken.iter().map(|(source, bits)| (*source, (distinct(bits), 0, 0))).collect();
    for ((source, _, _), used) in ports {
        if let Some((_, sockets, destinations)) = rows.get_mut(source) {
            *sockets += used.all;
            *destinations += 1;
        }
    }
    let whole = |(source, (distinct, sockets, destinations))| AddressUse { source, distinct, sockets, destinations };
    let mut rows: Vec<AddressUse> = rows.into_iter().map(whole).collect();
    rows.sort_by_key(|row| core::cmp::Reverse(row.distinct));
    rows
}

fn set_bit(bits: &mut [u64; PORT_WORDS], port: u16) {
    if let Some(word) = bits.get_mut(usize::from(port) / 64) {
        *word |= 1 << (port % 64);
    }
}

fn has_bit(bits: &[u64; PORT_WORDS], port: u16) -> bool {
    bits.get(usize::from(port) / 64).is_some_and(|word| word >> (port % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Drops;

    fn listener(address: &str, port: u16) -> Listener {
        Listener {
            address: address.parse().unwrap(),
            port,
            v6_only: address.contains(':').then_some(false),
            interface: 0,
            device: None,
            half_open_own: false,
            accept_queue: Some(0),
            backlog: Some(128),
            half_open: 0,
            shares_port: 0,
            drops: Drops::Total(0),
            inode: 1,
            uid: 0,
            cookie: 0,
            processes: Vec::new(),
        }
    }

    fn ends(local: &str, remote: &str, remote_port: u16) -> Ends {
        let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
        Ends { local, remote, remote_port, interface: 0, minisock: false, inode: 0, retransmits: 0 }
    }

    fn half_open(listeners: &[Listener], requests: &[&str]) -> Vec<u64> {
        let mut tally = Tally::new(listeners.to_vec(), None);
        for local in requests {
            tally.add(TcpState::SynRecv, 80, || ends(local, "192.0.2.1", 4000));
        }
        tally.finish(SocketSource::SockDiag).listeners.iter().map(|listener| listener.half_open).collect()
    }

    #[test]
    fn requests_are_told_apart_by_how_often_their_syn_ack_was_sent_again() {
        let mut tally = Tally::new(Vec::new(), None);
        for retransmits in [0, 2, 0, 7, 200] {
            tally.add(TcpState::SynRecv, 80, || Ends { retransmits, ..ends("10.0.0.7", "192.0.2.1", 4000) });
        }
        tally.add(TcpState::Estab, 80, || Ends { retransmits: 1, ..ends("10.0.0.7", "192.0.2.1", 4000) });
        assert_eq!(tally.finish(SocketSource::SockDiag).half_open_resent, Some(vec![2, 0, 1, 0, 0, 0, 0, 2]));
        assert_eq!(Tally::new(Vec::new(), None).finish(SocketSource::Listeners).half_open_resent, None);
    }

    #[test]
    fn a_request_belongs_to_the_most_exact_listener() {
        let both = [listener("0.0.0.0", 80), listener("10.0.0.7", 80)];
        assert_eq!(half_open(&both, &["10.0.0.7", "10.0.0.7", "10.0.0.8"]), [1, 2]);
    }

    #[test]
    fn a_dual_stack_listener_takes_ipv4_requests_in_either_spelling() {
        assert_eq!(half_open(&[listener("::", 80)], &["10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1"]), [3]);
    }

    #[test]
    fn an_ipv6_only_listener_leaves_ipv4_requests_to_the_other() {
        let only = Listener { v6_only: Some(true), ..listener("::", 80) };
        assert_eq!(half_open(std::slice::from_ref(&only), &["10.0.0.7"]), [0]);
        assert_eq!(half_open(&[listener("0.0.0.0", 80), only], &["10.0.0.7", "2001:db8::1"]), [1, 1]);
    }

    #[test]
    fn listeners_that_share_a_port_each_show_the_sum() {
        let shared = [listener("0.0.0.0", 80), Listener { inode: 2, ..listener("0.0.0.0", 80) }];
        let mut tally = Tally::new(shared.to_vec(), None);
        tally.add(TcpState::SynRecv, 80, || ends("10.0.0.7", "192.0.2.1", 1));
        let rows = tally.finish(SocketSource::SockDiag).listeners;
        assert!(rows.iter().all(|row| row.half_open == 1 && row.shares_port == 2));
    }

    #[test]
    fn a_listener_bound_to_an_interface_takes_only_requests_of_it() {
        let bound = Listener { interface: 3, ..listener("0.0.0.0", 80) };
        assert_eq!(half_open(&[bound], &["10.0.0.7"]), [0]);
    }

    #[test]
    fn a_listener_met_twice_in_one_dump_is_one() {
        let twice = [Listener { cookie: 9, ..listener("::", 80) }, Listener { cookie: 9, ..listener("::", 80) }];
        let sockets = Tally::new(twice.to_vec(), None).finish(SocketSource::SockDiag);
        assert_eq!((sockets.listeners.len(), sockets.count(TcpState::Listen)), (1, 1));
    }

    #[test]
    fn ports_are_counted_per_destination_and_only_those_this_host_opened() {
        let mut tally = Tally::new(vec![listener("0.0.0.0", 40_000)], Some(32_768..=60_999));
        let minisock = || Ends { minisock: true, ..ends("10.0.0.7", "10.0.3.9", 5432) };
        tally.add(TcpState::Estab, 33_000, || ends("10.0.0.7", "10.0.3.9", 5432));
        tally.add(TcpState::Estab, 33_001, || ends("::ffff:10.0.0.7", "::ffff:10.0.3.9", 5432));
        tally.add(TcpState::TimeWait, 33_002, minisock);
        tally.add(TcpState::FinWait2, 33_003, minisock);
        tally.add(TcpState::Estab, 33_004, || ends("10.0.0.7", "10.0.3.9", 443));
        // Accepted on the listener, below the range, and bound without a connection.
        tally.add(TcpState::Estab, 40_000, || ends("10.0.0.7", "10.0.3.9", 50_000));
        tally.add(TcpState::Estab, 22, || ends("10.0.0.7", "10.0.3.9", 50_001));
        tally.add(TcpState::Close, 33_005, || ends("10.0.0.7", "0.0.0.0", 0));
        let sockets = tally.finish(SocketSource::SockDiag);
        let rows: Vec<_> = sockets.ports.iter().map(|row| (row.destination_port, row.used, row.time_wait)).collect();
        assert_eq!(rows, [(5432, 4, 2), (443, 1, 0)]);
        assert_eq!(sockets.count(TcpState::Estab), 5);
    }

    #[test]
    fn ports_of_an_address_are_counted_once_whatever_they_lead_to() {
        let mut tally = Tally::new(Vec::new(), Some(32768..=60999));
        for (port, remote) in
            [(40000, "203.0.113.1"), (40000, "203.0.113.2"), (40001, "203.0.113.1"), (80, "203.0.113.3")]
        {
            tally.add(TcpState::Estab, port, || ends("10.0.0.1", remote, 443));
        }
        tally.add(TcpState::TimeWait, 40002, || ends("10.0.0.2", "203.0.113.1", 443));
        let addresses = tally.finish(SocketSource::SockDiag).addresses.unwrap();
        let rows: Vec<_> = addresses.iter().map(|row| (row.distinct, row.sockets, row.destinations)).collect();
        assert_eq!(rows, [(2, 3, 2), (1, 1, 1)]);
        assert_eq!(Tally::new(Vec::new(), None).finish(SocketSource::SockDiag).addresses, None);
    }

    #[test]
    fn only_the_fullest_destinations_are_kept() {
        let mut tally = Tally::new(Vec::new(), Some(1..=65_535));
        for remote_port in 1..=150_u16 {
            for _ in 0..remote_port {
                tally.add(TcpState::Estab, 33_000, || ends("10.0.0.7", "10.0.3.9", remote_port));
            }
        }
        let ports = tally.finish(SocketSource::SockDiag).ports;
        assert_eq!((ports.len(), ports[0].used, ports[99].used), (100, 150, 51));
    }

    #[test]
    fn every_state_is_present_even_without_sockets() {
        let states = Tally::new(Vec::new(), None).finish(SocketSource::SockDiag).states;
        assert_eq!(states.len(), TcpState::ALL.len());
        assert!(states.values().all(|count| *count == 0));
        // But what the tables leave out is not none.
        let sockets = Tally::new(Vec::new(), None).finish(SocketSource::ProcNetTcp);
        assert_eq!((sockets.counted(TcpState::Close), sockets.counted(TcpState::TimeWait)), (None, Some(0)));
    }
}
