//! Hides who a snapshot is of: the same address gets the same stand-in wherever it stands.

use core::fmt;
use core::hash::Hasher;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::stored::StoredSnapshots;
use super::{AddressUse, Listener, PortUse, Samples, Snapshot, SocketRow, Sockets};

/// Stand-ins of IPv4: the network for benchmarks (RFC 2544), in which nobody's host is.
const V4: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// Of IPv6: the network for documentation (RFC 3849), and link-local addresses for such.
const V6: u128 = 0x2001_0db8 << 96;
const LINK_LOCAL: u128 = 0xfe80 << 112;
/// What stands for names.
pub(super) const HOST: &str = "redacted";
/// Stand-ins of IPv4 that a key makes: what was reserved for ever (RFC 1112), in which nobody's host is either.
const V4_KEYED: u32 = u32::from_be_bytes([240, 0, 0, 0]);

impl Snapshot {
    /// Whether names and addresses in it are stand-ins. Older files say so by the name of the host alone.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.redacted.is_some() || self.hostname.as_deref() == Some(HOST)
    }
}

/// How addresses are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redacted {
    /// What tells one key from another and nothing of either; nothing where stand-ins are numbered, and alike in one file
    /// alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A secret that makes stand-ins: with the same one the same address gets the same stand-in in every file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RedactionKey(u64, u64);

/// A secret that is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has {LEAST_KEY} bytes and more, and this one {0}: `head -c 32 /dev/urandom > FILE` makes one")]
pub struct WeakKey(usize);

/// As long as what is made of it.
const LEAST_KEY: usize = 16;

impl fmt::Debug for RedactionKey {
    /// A secret is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactionKey")
    }
}

impl RedactionKey {
    /// The key that these bytes make.
    ///
    /// # Errors
    /// When there are fewer than 16.
    pub fn new(bytes: &[u8]) -> Result<Self, WeakKey> {
        if bytes.len() < LEAST_KEY {
            return Err(WeakKey(bytes.len()));
        }
        let half = |number| Self(number, 0).hash(0, bytes);
        Ok(Self(half(1), half(2)))
    }

    /// SipHash-2-4, which tells nothing of what went in to who lacks the key.
    #[expect(deprecated, reason = "it is what it says, and a newer one would be another dependency for two calls")]
    fn hash(self, purpose: u8, bytes: &[u8]) -> u64 {
        let mut hasher = core::hash::SipHasher::new_with_keys(self.0, self.1);
        hasher.write(bytes);
        hasher.write(&[purpose]);
        hasher.finish()
    }

    /// Tells this key from another.
    fn name(self) -> String {
        format!("{:016x}", self.hash(1, b"tcpctl"))
    }

    fn v4(self, address: Ipv4Addr) -> Ipv4Addr {
        let hash = u32::try_from(self.hash(4, &address.octets()) >> 36).unwrap_or(0);
        Ipv4Addr::from_bits(V4_KEYED | hash)
    }

    fn v6(self, address: Ipv6Addr) -> Ipv6Addr {
        let (high, low) = (self.hash(6, &address.octets()), self.hash(7, &address.octets()));
        if address.is_unicast_link_local() {
            return Ipv6Addr::from_bits(LINK_LOCAL | u128::from(low));
        }
        Ipv6Addr::from_bits(V6 | u128::from(high >> 32) << 64 | u128::from(low))
    }
}

/// Stand-ins by what they stand for, in the order in which they were met, or made by a key.
#[derive(Default)]
struct Aliases {
    key: Option<RedactionKey>,
    v4: BTreeMap<Ipv4Addr, Ipv4Addr>,
    v6: BTreeMap<Ipv6Addr, Ipv6Addr>,
}

impl Aliases {
    fn v4(&mut self, address: Ipv4Addr) -> Ipv4Addr {
        if address.is_unspecified() || address.is_loopback() {
            return address;
        }
        if let Some(key) = self.key {
            return key.v4(address);
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
        if let Some(key) = self.key {
            return key.v6(address);
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
    /// Stand-ins that this key makes: alike in every file that is taken with it. Of two addresses of IPv4 one pair in 268
    /// million shares one.
    #[must_use]
    pub fn keyed(key: RedactionKey) -> Self {
        Self { aliases: Aliases { key: Some(key), ..Aliases::default() } }
    }

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
        boot_id,
        redacted,
    } = snapshot;
    *redacted = Some(Redacted { key: aliases.key.map(RedactionKey::name) });
    // Whether two files are of one boot is worth knowing, and which one is not.
    let hide = |id: String| aliases.key.map(|key| format!("{:016x}", key.hash(2, id.as_bytes())));
    *boot_id = boot_id.take().and_then(hide);
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
    let Sockets { source: _, states: _, listeners, ports, addresses, half_open_resent: _, samples } = sockets;
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
    fn a_key_gives_the_same_stand_in_in_every_file_and_another_key_another_one() {
        let hidden = |key: &[u8], address: &str| {
            let mut redaction = Redaction::keyed(RedactionKey::new(key).unwrap());
            // Whatever was met before.
            let _ = redaction.stand_in("192.0.2.200".parse().unwrap());
            redaction.stand_in(address.parse().unwrap())
        };
        let (one, other) = (b"a secret of 16 b".as_slice(), b"another secret of more".as_slice());
        for address in ["10.1.2.3", "2a00:1450:4001::5", "fe80::1234:5678"] {
            let stand_in = hidden(one, address);
            assert_eq!(hidden(one, address), stand_in);
            assert_ne!(hidden(other, address), stand_in);
            assert_ne!(stand_in, address.parse::<IpAddr>().unwrap());
        }
        assert!(matches!(hidden(one, "10.1.2.3"), IpAddr::V4(v4) if v4.octets()[0] >= 240));
        assert_eq!(hidden(one, "127.0.0.1").to_string(), "127.0.0.1");
        assert!(hidden(one, "::ffff:10.1.2.3").to_canonical() == hidden(one, "10.1.2.3"));
        assert!(hidden(one, "fe80::7").to_string().starts_with("fe80:"));
        assert!(hidden(one, "2a00::7").to_string().starts_with("2001:db8:"));
        assert_eq!(RedactionKey::new(b"short"), Err(WeakKey(5)));
    }

    /// The vectors of the paper on SipHash (Aumasson, Bernstein), with the last byte as the purpose.
    #[test]
    fn the_hash_is_siphash_2_4() {
        let key = RedactionKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(key.hash(0, &[]), 0x74f8_39c5_93dc_67fd);
        assert_eq!(key.hash(14, &(0..14).collect::<Vec<u8>>()), 0xa129_ca61_49be_45e5);
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
            half_open_resent: None,
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
