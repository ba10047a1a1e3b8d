//! What the kernel says of the sockets that tracepoints tell of.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::live::within;
use super::{CollectError, Source};
use crate::snapshot::{Gap, GapKind};
use crate::sys::{DumpError, DumpStep, ProcRoot, SockDiag};
use crate::units::LiveSocket;
use crate::wire::{Extensions, InetDiag, MessageKind, Messages, SocketQuestion, parse_local_ipv4, parse_local_ipv6};

/// How long a refusal holds until it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// `ENOENT`: the answer to a question about a socket that is not there.
const NO_SUCH: i32 = 2;

/// The sockets of one network namespace, to be asked about one by one.
#[derive(Debug)]
pub struct SocketAsker {
    source: Source,
    /// Where it was refused, why and when.
    diag: Result<SockDiag, (SocketUntold, Instant)>,
    sequence: u32,
    local: Vec<(IpAddr, u8)>,
    inode: Option<u64>,
}

/// Why the kernel does not say what a socket does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SocketUntold(String);

impl From<DumpError> for SocketUntold {
    fn from(error: DumpError) -> Self {
        Self(error.to_string())
    }
}

impl SocketAsker {
    /// Enters the namespace for as long as opening takes. Where sock_diag is refused or absent, every question says so.
    ///
    /// # Errors
    /// When the namespace or the proc root cannot be had.
    pub fn open(source: &Source) -> Result<Self, CollectError> {
        within(source, |root| Self {
            source: source.clone(),
            diag: SockDiag::open().map_err(|error| (error.into(), Instant::now())),
            sequence: 0,
            local: local_of(root),
            inode: root.netns_inode().ok(),
        })
    }

    /// Inode of the namespace.
    #[must_use]
    pub const fn netns_inode(&self) -> Option<u64> {
        self.inode
    }

    /// What is missing while it cannot be asked.
    #[must_use]
    pub fn gap(&self) -> Option<Gap> {
        let (untold, _) = self.diag.as_ref().err()?;
        let without = "what a socket does next is not told";
        Some(Gap::new("sock_diag", GapKind::Failed, untold.to_string(), without))
    }

    /// Reads the namespace's addresses once more. Where that cannot be done, those that were read stay.
    pub fn read_addresses(&mut self) {
        let read = within(&self.source, |root| (local_of(root), root.netns_inode().ok()));
        if let Ok((local, inode)) = read
            && inode == self.inode
        {
            self.local = local;
        }
    }

    /// Whether an address was one of the namespace's own when they were read.
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
    ///
    /// # Errors
    /// When the kernel refuses to say, or its answer is none. A second later it is asked again.
    pub fn ask(&mut self, local: SocketAddr, peer: SocketAddr) -> Result<Option<LiveSocket>, SocketUntold> {
        self.open_again();
        let diag = self.diag.as_mut().map_err(|(untold, _)| untold.clone())?;
        self.sequence = self.sequence.wrapping_add(1);
        let question = SocketQuestion::of_ends(local, peer).message(Extensions::INFO, self.sequence);
        let mut answer = Answer::Unclear;
        // An answer is one message, and whatever it is ends the question.
        let asked = diag.dump(&question, |buffer| {
            answer = read_answer(buffer, peer);
            if let Answer::Refused(number) = answer { DumpStep::Error(number) } else { DumpStep::Done }
        });
        match (asked, answer) {
            (Ok(()), Answer::Told(socket)) => Ok(socket),
            (Ok(()), _) => Err(SocketUntold("its answer is not understood".to_owned())),
            (Err(error), _) => {
                let untold = SocketUntold::from(error);
                // After a question without an answer another socket has to be opened, and that where the namespace is.
                self.diag = Err((untold.clone(), Instant::now()));
                Err(untold)
            }
        }
    }

    /// Opens what was refused a while ago, in the namespace.
    fn open_again(&mut self) {
        let is_due = self.diag.as_ref().is_err_and(|(_, refused)| refused.elapsed() >= TRY_AGAIN);
        if !is_due {
            return;
        }
        let untold = |untold| Err((untold, Instant::now()));
        let opened = within(&self.source, |root| (SockDiag::open(), root.netns_inode().ok()));
        self.diag = match opened {
            Ok((opened, inode)) if inode == self.inode => opened.or_else(|error| untold(error.into())),
            Ok(_) => untold(SocketUntold("its network namespace is gone".to_owned())),
            Err(error) => untold(SocketUntold(error.to_string())),
        };
    }
}

/// What came for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The socket; nothing where there is none.
    Told(Option<LiveSocket>),
    /// This error number.
    Refused(i32),
    /// Nothing that can be understood.
    Unclear,
}

fn read_answer(buffer: &[u8], peer: SocketAddr) -> Answer {
    for message in Messages::new(buffer) {
        return match message.kind {
            MessageKind::Data(_, payload) => match InetDiag::decode(payload) {
                // A listener is not the connection that was asked for.
                Some(found) if (found.destination_port(), found.destination()) != (peer.port(), peer.ip()) => {
                    Answer::Told(None)
                }
                Some(found) => found.live_socket().map_or(Answer::Unclear, |socket| Answer::Told(Some(socket))),
                None => Answer::Unclear,
            },
            MessageKind::Error(NO_SUCH) => Answer::Told(None),
            MessageKind::Error(number) => Answer::Refused(number),
            MessageKind::Noop | MessageKind::Done(_) | MessageKind::Overrun => continue,
        };
    }
    Answer::Unclear
}

/// The addresses of a namespace; of IPv4 networks that are whole its own, such as 127.0.0.0/8, the network.
fn local_of(root: &ProcRoot) -> Vec<(IpAddr, u8)> {
    let ipv4 = root.read_net("fib_trie").map(|text| parse_local_ipv4(&text)).unwrap_or_default();
    let ipv6 = root.read_net("if_inet6").map(|text| parse_local_ipv6(&text)).unwrap_or_default();
    [ipv4, ipv6].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "192.0.2.7:50000";

    /// A message of netlink.
    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes();
        [&length[..], &kind.to_ne_bytes(), &[0; 10], payload].concat()
    }

    fn asked(buffer: &[u8]) -> Answer {
        read_answer(buffer, PEER.parse().unwrap())
    }

    #[test]
    fn no_such_socket_is_told_from_an_error_and_from_what_is_no_answer() {
        let refused = |number: i32| asked(&message(2, &(-number).to_ne_bytes()));
        assert_eq!(refused(NO_SUCH), Answer::Told(None));
        for number in [1, 12, 22, 95] {
            assert_eq!(refused(number), Answer::Refused(number));
        }
        for nothing in [vec![], message(1, &[]), message(20, &[1; 20]), vec![9; 40]] {
            assert_eq!(asked(&nothing), Answer::Unclear, "{nothing:?}");
        }
        // A listener: AF_INET in LISTEN, without a peer.
        let mut listener = vec![2, 10];
        listener.resize(72, 0);
        assert_eq!(asked(&message(20, &listener)), Answer::Told(None));
    }

    #[test]
    fn a_refusal_is_told_and_tried_again() {
        let source = Source::own(Vec::new());
        let mut asker = SocketAsker::open(&source).unwrap();
        // An address of the documentation, which no host has.
        let ends = || ("198.51.100.1:1".parse().unwrap(), PEER.parse().unwrap());
        let ask = |asker: &mut SocketAsker| asker.ask(ends().0, ends().1);
        assert_eq!((ask(&mut asker), asker.gap()), (Ok(None), None));
        let refused = SocketUntold::from(DumpError::Denied("Operation not permitted".to_owned()));
        asker.diag = Err((refused.clone(), Instant::now()));
        assert_eq!(ask(&mut asker), Err(refused.clone()));
        assert!(asker.gap().is_some_and(|gap| gap.reason.contains("sock_diag is refused")), "{:?}", asker.gap());
        asker.diag = Err((refused, Instant::now().checked_sub(TRY_AGAIN).unwrap()));
        assert_eq!(ask(&mut asker), Ok(None));
    }
}
