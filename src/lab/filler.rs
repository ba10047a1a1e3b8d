//! The connection that takes the place in the accept queue which the scenario's own would need.

use crate::model::Side;
use crate::wire::SegmentHeader;

/// Another connection of the client's host, known by its port there. It is open before the scenario begins, it is
/// never accepted, and no part of the scenario.
#[derive(Debug, Default)]
pub(super) struct Filler {
    port: Option<u16>,
    /// Whether its handshake is complete for the client: the third segment has left.
    pub(super) answered: bool,
}

impl Filler {
    /// What passes before the scenario begins is the filler's: the scenario has no socket yet.
    pub(super) fn learn(&mut self, sender: Side, header: &SegmentHeader) {
        self.port = Some(port_of(sender, header));
        self.answered |= sender == Side::Client && !header.syn;
    }

    /// Whether a segment is one of the filler's.
    pub(super) fn owns(&self, sender: Side, header: &SegmentHeader) -> bool {
        self.port == Some(port_of(sender, header))
    }

    /// Its port on the client's host, once it has sent something.
    pub(super) const fn port(&self) -> Option<u16> {
        self.port
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
    fn both_directions_of_its_connection_are_its_own_and_no_other() {
        let mut filler = Filler::default();
        let (own, other) = (syn("192.0.2.1:1000", "192.0.2.2:80"), syn("192.0.2.1:1001", "192.0.2.2:80"));
        assert!(!filler.owns(Side::Client, &own));
        filler.learn(Side::Client, &own);
        assert!(filler.owns(Side::Client, &own) && !filler.owns(Side::Client, &other));
        assert!(filler.owns(Side::Server, &syn("192.0.2.2:80", "192.0.2.1:1000")));
        assert!(!filler.owns(Side::Server, &syn("192.0.2.2:80", "192.0.2.1:1001")));
        assert!(!filler.answered);
    }
}
