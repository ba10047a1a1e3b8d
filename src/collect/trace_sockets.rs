//! What the kernel says of the sockets that tracepoints tell of.

use std::net::{IpAddr, SocketAddr};

use super::live::within;
use super::{CollectError, Source};
use crate::sys::{DumpStep, SockDiag};
use crate::units::LiveSocket;
use crate::wire::{Extensions, InetDiag, MessageKind, Messages, SocketQuestion, parse_local_ipv4, parse_local_ipv6};

/// The sockets of one network namespace, to be asked about one by one.
#[derive(Debug)]
pub struct SocketAsker {
    diag: Option<SockDiag>,
    sequence: u32,
    local: Vec<(IpAddr, u8)>,
    inode: Option<u64>,
}

impl SocketAsker {
    /// Enters the namespace for as long as opening takes. Where sock_diag is refused or absent, no socket is known.
    ///
    /// # Errors
    /// When the namespace or the proc root cannot be had.
    pub fn open(source: &Source) -> Result<Self, CollectError> {
        within(source, |root| {
            let ipv4 = root.read_net("fib_trie").map(|text| parse_local_ipv4(&text)).unwrap_or_default();
            let ipv6 = root.read_net("if_inet6").map(|text| parse_local_ipv6(&text)).unwrap_or_default();
            let local = [ipv4, ipv6].concat();
            Self { diag: SockDiag::open().ok(), sequence: 0, local, inode: root.netns_inode().ok() }
        })
    }

    /// Inode of the namespace.
    #[must_use]
    pub const fn netns_inode(&self) -> Option<u64> {
        self.inode
    }

    /// Whether an address was one of the namespace's own when it was opened.
    #[must_use]
    pub fn is_local(&self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        self.local.iter().any(|(network, prefix)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(own)) => {
                let differ = network.to_bits() ^ own.to_bits();
                differ.checked_shr(32_u32.saturating_sub(u32::from(*prefix))).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(own)) => *network == own,
            _ => false,
        })
    }

    /// What the clocks of the socket with these ends say now; nothing where this namespace has none.
    pub fn ask(&mut self, local: SocketAddr, peer: SocketAddr) -> Option<LiveSocket> {
        let diag = self.diag.as_mut()?;
        self.sequence = self.sequence.wrapping_add(1);
        let question = SocketQuestion::of_ends(local, peer).message(Extensions::INFO, self.sequence);
        let mut answer = None;
        // An answer is one message, and whatever it is ends the question.
        let asked = diag.dump(&question, |buffer| {
            for message in Messages::new(buffer) {
                if let MessageKind::Data(_, payload) = message.kind {
                    let found = InetDiag::decode(payload);
                    // A listener is not the connection that was asked for.
                    let found = found
                        .filter(|found| (found.destination_port(), found.destination()) == (peer.port(), peer.ip()));
                    answer = found.and_then(|found| found.live_socket());
                }
            }
            DumpStep::Done
        });
        // Another socket could be opened in the wrong namespace.
        if asked.is_err() {
            self.diag = None;
        }
        answer
    }
}
