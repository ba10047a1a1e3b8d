//! The connections that take the places in the accept queue which the scenario's own would need.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Side;
use crate::wire::SegmentHeader;

/// Other connections of the client's host, known by their ports there. They are open before the scenario begins, and
/// no part of it.
#[derive(Debug, Default)]
pub(super) struct Fillers {
    /// By port: whether the handshake is complete for the client, so that the third segment has left.
    answered: BTreeMap<u16, bool>,
}

impl Fillers {
    /// What passes before the scenario begins is theirs: the scenario has no socket yet.
    pub(super) fn learn(&mut self, sender: Side, header: &SegmentHeader) {
        let answered = self.answered.entry(port_of(sender, header)).or_insert(false);
        *answered |= sender == Side::Client && !header.syn;
    }

    /// How many have completed their handshakes.
    pub(super) fn open(&self) -> usize {
        self.answered.values().filter(|answered| **answered).count()
    }

    /// Whether a segment is one of theirs.
    pub(super) fn own(&self, sender: Side, header: &SegmentHeader) -> bool {
        self.answered.contains_key(&port_of(sender, header))
    }

    /// Their ports on the client's host.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.answered.keys().copied().collect()
    }
}

/// The port on the client's host.
const fn port_of(sender: Side, header: &SegmentHeader) -> u16 {
    match sender {
        Side::Client => header.source.port(),
        Side::Server => header.destination.port(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{build_syn, decode_segment};

    fn syn(from: &str, to: &str) -> SegmentHeader {
        let packet = build_syn(from.parse().unwrap(), to.parse().unwrap(), 7).unwrap();
        decode_segment(&packet).unwrap()
    }

    #[test]
    fn both_directions_of_their_connections_are_their_own_and_no_other() {
        let mut fillers = Fillers::default();
        let (own, other) = (syn("192.0.2.1:1000", "192.0.2.2:80"), syn("192.0.2.1:1001", "192.0.2.2:80"));
        assert!(!fillers.own(Side::Client, &own));
        fillers.learn(Side::Client, &own);
        assert!(fillers.own(Side::Client, &own) && !fillers.own(Side::Client, &other));
        assert!(fillers.own(Side::Server, &syn("192.0.2.2:80", "192.0.2.1:1000")));
        assert!(!fillers.own(Side::Server, &syn("192.0.2.2:80", "192.0.2.1:1001")));
        assert_eq!(fillers.open(), 0);
    }
}
