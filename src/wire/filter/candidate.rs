//! Applying a filter here.

use std::net::IpAddr;

use super::condition::{Condition, End, Host};
use super::expression::{Expression, Filter};
use super::states::has;
use crate::units::{SocketTimer, TcpState};
use crate::wire::InetDiag;

/// A socket as a filter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its state.
    pub state: TcpState,
    /// Its local address. One of IPv6 is an IPv6 socket, IPv4-mapped or not.
    pub local: IpAddr,
    /// Its local port.
    pub local_port: u16,
    /// Its remote address.
    pub remote: IpAddr,
    /// Its remote port.
    pub remote_port: u16,
    /// The device it is bound to, 0 for none; nothing when that is not told.
    pub interface: Option<u32>,
    /// Its mark; nothing when the kernel does not show it.
    pub mark: Option<u32>,
    /// The id of its cgroup; nothing when the kernel does not show it.
    pub cgroup: Option<u64>,
}

/// Whether a socket passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// That hangs on something that is not known of it.
    Unknown,
}

impl Truth {
    const fn of(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }

    const fn opposite(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl Candidate {
    /// A socket of a dump; nothing when its state is not known.
    #[must_use]
    pub fn of(found: &InetDiag<'_>) -> Option<Self> {
        let facts = found.facts();
        let mut cgroup = facts.cgroup_id;
        let state = found.state()?;
        // The kernel takes what is less than a socket to be in no cgroup.
        let is_small = found.timer() == SocketTimer::TimeWait || state == TcpState::SynRecv;
        if is_small && !found.is_of_table() {
            cgroup = cgroup.or(Some(0));
        }
        Some(Self {
            state,
            local: found.source(),
            local_port: found.source_port(),
            remote: found.destination(),
            remote_port: found.destination_port(),
            interface: (!found.is_of_table()).then(|| found.interface()),
            mark: facts.mark,
            cgroup,
        })
    }
}

impl Filter {
    /// Whether a socket passes, the states at the beginning included.
    #[must_use]
    pub fn matches(&self, candidate: &Candidate) -> Truth {
        match self.states {
            Some(states) if !has(states, candidate.state) => Truth::No,
            _ => self.expression.matches(candidate),
        }
    }
}

impl Expression {
    /// The same for an expression; where something is not known, what is known may still decide (Kleene's logic).
    pub(super) fn matches(&self, candidate: &Candidate) -> Truth {
        match self {
            Self::Is(condition) => condition.matches(candidate),
            Self::Not(inner) => inner.matches(candidate).opposite(),
            Self::All(parts) => decide(parts, candidate, Truth::No, Truth::Yes),
            Self::Any(parts) => decide(parts, candidate, Truth::Yes, Truth::No),
        }
    }
}

/// The first `decisive` answer decides; else nothing is known as soon as one part is not.
fn decide(parts: &[Expression], candidate: &Candidate, decisive: Truth, other: Truth) -> Truth {
    let mut result = other;
    for part in parts {
        match part.matches(candidate) {
            truth if truth == decisive => return decisive,
            Truth::Unknown => result = Truth::Unknown,
            _ => {}
        }
    }
    result
}

impl Condition {
    fn matches(&self, candidate: &Candidate) -> Truth {
        match self {
            Self::State(states) => Truth::of(has(*states, candidate.state)),
            Self::Host(end, host) => Truth::of(host.matches(end.of(candidate))),
            Self::PortFrom(end, least) => Truth::of(end.of(candidate).1 >= *least),
            Self::PortTo(end, most) => Truth::of(end.of(candidate).1 <= *most),
            Self::Device(named) => {
                let numbers = named.number.zip(candidate.interface);
                numbers.map_or(Truth::Unknown, |(wanted, own)| Truth::of(wanted == u64::from(own)))
            }
            Self::Mark { mark, mask } => candidate.mark.map_or(Truth::Unknown, |own| Truth::of(own & mask == *mark)),
            Self::Cgroup(named) => {
                named.number.zip(candidate.cgroup).map_or(Truth::Unknown, |(wanted, own)| Truth::of(wanted == own))
            }
            Self::Autobound => Truth::Unknown,
        }
    }
}

impl End {
    const fn of(self, candidate: &Candidate) -> (IpAddr, u16) {
        match self {
            Self::Local => (candidate.local, candidate.local_port),
            Self::Remote => (candidate.remote, candidate.remote_port),
        }
    }
}

impl Host {
    /// As `INET_DIAG_BC_S_COND`: an IPv4 network also holds the IPv6 sockets whose address is mapped into it, an IPv6
    /// network no IPv4 socket, and mapped addresses only by their IPv6 form.
    fn matches(&self, (address, port): (IpAddr, u16)) -> bool {
        if self.port.is_some_and(|wanted| wanted != port) {
            return false;
        }
        match (self.network, address) {
            (None, _) => true,
            (Some((IpAddr::V4(network), prefix)), IpAddr::V4(own)) => {
                same_bits(network.to_bits().into(), own.to_bits().into(), 32, prefix)
            }
            (Some((IpAddr::V4(network), prefix)), IpAddr::V6(own)) => own
                .to_ipv4_mapped()
                .is_some_and(|own| same_bits(network.to_bits().into(), own.to_bits().into(), 32, prefix)),
            (Some((IpAddr::V6(network), prefix)), IpAddr::V6(own)) => {
                same_bits(network.to_bits(), own.to_bits(), 128, prefix)
            }
            (Some((IpAddr::V6(_), _)), IpAddr::V4(_)) => false,
        }
    }
}

/// Whether the first `prefix` of the last `width` bits are the same.
fn same_bits(one: u128, other: u128, width: u32, prefix: u8) -> bool {
    let free = width.saturating_sub(u32::from(prefix));
    (one ^ other).checked_shr(free).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::parse_filter;

    fn candidate(local: &str, remote: &str) -> Candidate {
        let ends = [local, remote].map(|end| end.parse::<std::net::SocketAddr>().unwrap());
        Candidate {
            state: TcpState::Estab,
            local: ends[0].ip(),
            local_port: ends[0].port(),
            remote: ends[1].ip(),
            remote_port: ends[1].port(),
            interface: Some(0),
            mark: None,
            cgroup: None,
        }
    }

    fn asked(filter: &str, candidate: &Candidate) -> Truth {
        parse_filter(filter).unwrap().matches(candidate)
    }

    #[test]
    fn an_ipv4_network_holds_mapped_addresses_and_an_ipv6_one_no_ipv4_sockets() {
        let plain = candidate("10.1.2.3:80", "192.0.2.1:4000");
        let mapped = candidate("[::ffff:10.1.2.3]:80", "[::ffff:192.0.2.1]:4000");
        for one in [&plain, &mapped] {
            assert_eq!(asked("src 10.0.0.0/8 and dst = 192.0.2.1:4000", one), Truth::Yes);
            assert_eq!(asked("src 0.0.0.0/0", one), Truth::Yes);
            assert_eq!(asked("src 11.0.0.0/8", one), Truth::No);
        }
        assert_eq!(asked("src ::/0", &plain), Truth::No);
        assert_eq!(asked("src ::ffff:0:0/96", &mapped), Truth::Yes);
        assert_eq!(asked("src 0.0.0.0/0", &candidate("[2001:db8::1]:80", "[2001:db8::2]:1")), Truth::No);
    }

    #[test]
    fn what_is_not_known_is_neither_yes_nor_no_unless_the_rest_decides() {
        let one = candidate("10.1.2.3:80", "192.0.2.1:4000");
        assert_eq!(asked("fwmark = 1", &one), Truth::Unknown);
        assert_eq!(asked("not autobound", &one), Truth::Unknown);
        assert_eq!(asked("fwmark = 1 and sport = :81", &one), Truth::No);
        assert_eq!(asked("fwmark = 1 or sport = :80", &one), Truth::Yes);
        assert_eq!(asked("fwmark = 1/3", &Candidate { mark: Some(5), ..one }), Truth::Yes);
    }
}
