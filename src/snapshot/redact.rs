//! Hides who a snapshot is of: the same address gets the same stand-in wherever it stands.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::stored::StoredSnapshots;
use super::{AddressUse, Listener, PortUse, Samples, Snapshot, SocketRow, Sockets};

/// Stand-ins of IPv4: the network for benchmarks (RFC 2544), in which nobody's host is.
const V4: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// Of IPv6: the network for documentation (RFC 3849), and link-local addresses for such.
const V6: u128 = 0x2001_0db8 << 96;
const LINK_LOCAL: u128 = 0xfe80 << 112;
/// What stands for names.
const HOST: &str = "redacted";

/// Stand-ins by what they stand for, in the order in which they were met.
#[derive(Default)]
struct Aliases {
    v4: BTreeMap<Ipv4Addr, Ipv4Addr>,
    v6: BTreeMap<Ipv6Addr, Ipv6Addr>,
}

impl Aliases {
    fn v4(&mut self, address: Ipv4Addr) -> Ipv4Addr {
        if address.is_unspecified() || address.is_loopback() {
            return address;
        }
        let next = V4.wrapping_add(u32::try_from(self.v4.len()).unwrap_or(u32::MAX)).wrapping_add(1);
        *self.v4.entry(address).or_insert(Ipv4Addr::from_bits(next))
    }

    fn v6(&mut self, address: Ipv6Addr) -> Ipv6Addr {
        if address.is_unspecified() || address.is_loopback() {
            return address;
        }
        if let Some(mapped) = address.to_ipv4_mapped() {
            return self.v4(mapped).to_ipv6_mapped();
        }
        let network = if address.is_unicast_link_local() { LINK_LOCAL } else { V6 };
        let number = u128::try_from(self.v6.len()).unwrap_or(u128::from(u64::MAX)) + 1;
        *self.v6.entry(address).or_insert(Ipv6Addr::from_bits(network | number))
    }

    fn hide(&mut self, address: &mut IpAddr) {
        *address = match *address {
            IpAddr::V4(v4) => IpAddr::V4(self.v4(v4)),
            IpAddr::V6(v6) => IpAddr::V6(self.v6(v6)),
        };
    }
}

/// Hides the addresses of all readings, each behind the same stand-in everywhere, and the names of the host and of the
/// network namespace. Loopback and unspecified addresses, ports, processes and figures stay.
pub fn redact(stored: &mut StoredSnapshots) {
    Redaction::default().redact(stored);
}

/// Stand-ins that were given already, so that whatever is hidden later gets the same ones.
#[derive(Default)]
pub struct Redaction {
    aliases: Aliases,
}

impl Redaction {
    /// Hides all of the readings. Single sockets are hidden one by one, as they are written.
    pub fn redact(&mut self, stored: &mut StoredSnapshots) {
        for reading in stored.readings_mut() {
            redact_one(reading, &mut self.aliases);
        }
    }

    /// What stands for an address; it is of the same family.
    #[must_use]
    pub fn stand_in(&mut self, mut address: IpAddr) -> IpAddr {
        self.aliases.hide(&mut address);
        address
    }
}

fn redact_one(snapshot: &mut Snapshot, aliases: &mut Aliases) {
    // Every field is named, so that a new one is thought of here.
    let Snapshot {
        schema: _,
        taken_unix_ms: _,
        monotonic_ms: _,
        hostname,
        kernel: _,
        netns,
        capabilities: _,
        memory_kib: _,
        sysctls: _,
        counters: _,
        sockets,
        gaps,
    } = snapshot;
    if hostname.is_some() {
        *hostname = Some(HOST.to_owned());
    }
    if let Some(name) = netns.name.take().filter(|name| !name.is_empty()) {
        for gap in gaps {
            for text in [&mut gap.source, &mut gap.reason, &mut gap.consequence] {
                *text = text.replace(&name, HOST);
            }
        }
        netns.name = Some(HOST.to_owned());
    }
    if let Some(sockets) = sockets {
        redact_sockets(sockets, aliases);
    }
}

fn redact_sockets(sockets: &mut Sockets, aliases: &mut Aliases) {
    let Sockets { source: _, states: _, listeners, ports, addresses, samples } = sockets;
    for Listener { address, .. } in listeners {
        aliases.hide(address);
    }
    for PortUse { source, destination, .. } in ports {
        aliases.hide(source);
        aliases.hide(destination);
    }
    for AddressUse { source, .. } in addresses.iter_mut().flatten() {
        aliases.hide(source);
    }
    for SocketRow { local, remote, .. } in samples.iter_mut().flat_map(Samples::rows_mut) {
        for end in [local, remote] {
            let mut address = end.ip();
            aliases.hide(&mut address);
            end.set_ip(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Sample, SocketSource};
    use crate::units::{LiveSocket, SocketTimer, TcpState};

    #[test]
    fn the_same_address_has_the_same_stand_in_and_another_one_another() {
        let mut aliases = Aliases::default();
        let mut hidden = |address: &str| {
            let mut address: IpAddr = address.parse().unwrap();
            aliases.hide(&mut address);
            address.to_string()
        };
        assert_eq!(hidden("10.1.2.3"), "198.18.0.1");
        assert_eq!(hidden("203.0.113.9"), "198.18.0.2");
        assert_eq!(hidden("10.1.2.3"), "198.18.0.1");
        // A mapped address is the same peer, and a link-local one stays one.
        assert_eq!(hidden("::ffff:203.0.113.9"), "::ffff:198.18.0.2");
        assert_eq!(hidden("2a00:1450:4001::5"), "2001:db8::1");
        assert_eq!(hidden("fe80::1234:5678"), "fe80::2");
        assert_eq!(hidden("2a00:1450:4001::5"), "2001:db8::1");
        for stays in ["0.0.0.0", "127.0.0.53", "::", "::1"] {
            assert_eq!(hidden(stays), stays);
        }
    }

    #[test]
    fn the_ends_of_single_sockets_are_hidden_as_all_others_are() {
        let row = SocketRow {
            local: "10.1.2.3:4000".parse().unwrap(),
            remote: "203.0.113.9:443".parse().unwrap(),
            cookie: 1,
            receive_queue: 0,
            send_queue: 0,
            clock: LiveSocket {
                state: TcpState::SynSent,
                timer: SocketTimer::Retransmit,
                expires_ms: 1,
                retransmits: 1,
                inode: 1,
                info: None,
            },
            sent: None,
            pace: None,
            congestion: None,
            memory: None,
            processes: Vec::new(),
        };
        let mut sockets = Sockets {
            source: SocketSource::SockDiag,
            states: BTreeMap::new(),
            listeners: Vec::new(),
            ports: Vec::new(),
            addresses: None,
            samples: Some(Samples { connecting: Sample { total: 1, rows: vec![row] }, ..Samples::default() }),
        };
        let mut aliases = Aliases::default();
        redact_sockets(&mut sockets, &mut aliases);
        let row = sockets.samples.iter().flat_map(Samples::rows).next().unwrap();
        assert_eq!(
            (row.local.to_string(), row.remote.to_string()),
            ("198.18.0.1:4000".into(), "198.18.0.2:443".into())
        );
    }
}
