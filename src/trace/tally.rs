//! Counts of events.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Told;
use crate::wire::TraceKind;

/// Pairs of addresses that are counted apart; the events of others are counted together.
const MOST_PAIRS: usize = 4096;

/// What is counted of a trace.
#[derive(Clone, Debug, Default)]
pub struct TraceTally {
    kinds: BTreeMap<TraceKind, u64>,
    reasons: BTreeMap<(TraceKind, Arc<str>), u64>,
    pairs: BTreeMap<(IpAddr, IpAddr), Ports>,
    /// Events whose ends are not known.
    pub without_ends: u64,
    /// Events of pairs that came when there was no place for more.
    pub other_pairs: u64,
    /// Events of which the filter could not be decided; they are in no other count.
    pub undecided: u64,
    /// Packets of other protocols than TCP that were dropped; they are in no other count.
    pub other_protocols: u64,
    /// Events that were counted and not shown, since there were too many at once, or enough.
    pub not_shown: u64,
}

/// The events of a pair of addresses.
#[derive(Clone, Copy, Debug)]
struct Ports {
    local: Option<u16>,
    peer: Option<u16>,
    events: u64,
}

/// How many events a pair of addresses has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairCount {
    /// This host's address.
    pub local: IpAddr,
    /// Its port; nothing where there were several.
    pub local_port: Option<u16>,
    /// The other address.
    pub peer: IpAddr,
    /// Its port; nothing where there were several.
    pub peer_port: Option<u16>,
    /// Events.
    pub events: u64,
}

impl TraceTally {
    /// Counts an event.
    pub fn count(&mut self, told: &Told) {
        let event = &told.event;
        *self.kinds.entry(event.kind).or_default() += 1;
        if let Some(reason) = &event.reason {
            *self.reasons.entry((event.kind, Arc::clone(reason))).or_default() += 1;
        }
        let Some(ends) = told.ends else {
            self.without_ends += 1;
            return;
        };
        let key = (ends.local.ip(), ends.peer.ip());
        if !self.pairs.contains_key(&key) && self.pairs.len() >= MOST_PAIRS {
            self.other_pairs += 1;
            return;
        }
        let (local, peer) = (ends.local.port(), ends.peer.port());
        let pair = self.pairs.entry(key).or_insert(Ports { local: Some(local), peer: Some(peer), events: 0 });
        pair.events += 1;
        pair.local = pair.local.filter(|port| *port == local);
        pair.peer = pair.peer.filter(|port| *port == peer);
    }

    /// Events in all.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// Events of a kind.
    #[must_use]
    pub fn of(&self, kind: TraceKind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }

    /// Events by reason, the most first.
    #[must_use]
    pub fn reasons(&self) -> Vec<(TraceKind, &str, u64)> {
        let mut reasons: Vec<_> = self.reasons.iter().map(|((kind, name), count)| (*kind, &**name, *count)).collect();
        reasons.sort_by_key(|(kind, name, count)| (Reverse(*count), *kind, *name));
        reasons
    }

    /// Events by pair of addresses, the most first, so many of them; and how many pairs there are.
    #[must_use]
    pub fn pairs(&self, most: usize) -> (Vec<PairCount>, usize) {
        let mut pairs: Vec<PairCount> = self
            .pairs
            .iter()
            .map(|((local, peer), ports)| PairCount {
                local: *local,
                local_port: ports.local,
                peer: *peer,
                peer_port: ports.peer,
                events: ports.events,
            })
            .collect();
        pairs.sort_by_key(|pair| (Reverse(pair.events), pair.local, pair.peer));
        let all = pairs.len();
        pairs.truncate(most);
        (pairs, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::EndsFrom;
    use crate::wire::{TraceDecoder, TraceEnds, TraceFormat};

    fn told(reason: Option<&str>, ends: Option<(&str, &str)>) -> Told {
        let mut decoder = TraceDecoder::default();
        decoder.add(TraceKind::Drop, &TraceFormat::default());
        let mut event = decoder.decode(1, 0, &[0, 0]).unwrap();
        event.reason = reason.map(Into::into);
        let ends = ends.map(|(local, peer)| TraceEnds { local: local.parse().unwrap(), peer: peer.parse().unwrap() });
        Told::of(event, ends, EndsFrom::Event)
    }

    #[test]
    fn ports_that_differ_are_counted_together() {
        let mut tally = TraceTally::default();
        for port in 1..=3 {
            tally.count(&told(Some("NO_SOCKET"), Some(("10.0.0.1:443", &format!("10.0.0.2:{port}")))));
        }
        tally.count(&told(Some("TCP_CSUM"), None));
        assert_eq!((tally.events(), tally.of(TraceKind::Drop), tally.without_ends), (4, 4, 1));
        let reasons: Vec<_> = tally.reasons().into_iter().map(|(_, name, count)| (name, count)).collect();
        assert_eq!(reasons, [("NO_SOCKET", 3), ("TCP_CSUM", 1)]);
        let (pairs, all) = tally.pairs(10);
        assert_eq!((all, pairs[0].local_port, pairs[0].peer_port, pairs[0].events), (1, Some(443), None, 3));
    }

    #[test]
    fn pairs_are_bounded_and_nothing_is_lost_of_the_sum() {
        let mut tally = TraceTally::default();
        for number in 0..MOST_PAIRS + 50 {
            let peer = format!("10.{}.{}.2:1", number / 256, number % 256);
            tally.count(&told(None, Some(("10.0.0.1:443", &peer))));
        }
        let (pairs, all) = tally.pairs(usize::MAX);
        let counted: u64 = pairs.iter().map(|pair| pair.events).sum();
        assert_eq!((all, counted + tally.other_pairs), (MOST_PAIRS, tally.events()));
        assert_eq!(tally.other_pairs, 50);
    }
}
