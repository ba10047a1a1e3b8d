//! What sockets an end has, by sock_diag.

use std::collections::BTreeSet;
use std::io;

use super::LabError;
use super::network::Host;
use crate::sys::{DumpStep, SockDiag};
use crate::units::TcpState;
use crate::wire::{DumpFamily, Extensions, InetDiag, MessageKind, Messages, SocketTimer, StateMask, build_tcp_dump};

/// Watches the sockets of one end.
pub(super) struct Watcher {
    diag: SockDiag,
    family: DumpFamily,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Sockets and half-open entries, listeners apart.
    pub(super) sockets: u32,
    /// Those of them whose timer runs.
    pub(super) timed: u32,
}

impl Watcher {
    pub(super) fn new(host: &Host) -> Result<Self, LabError> {
        let diag = host.namespace.run(SockDiag::open)?;
        let diag = diag.map_err(|error| LabError::Setup { doing: "open sock_diag", error: io::Error::other(error) })?;
        let family = if host.address.is_ipv6() { DumpFamily::Ipv6 } else { DumpFamily::Ipv4 };
        Ok(Self { diag, family })
    }

    /// Looks at every socket but those with one of these ports on either end.
    pub(super) fn look(&mut self, but: &BTreeSet<u16>) -> Result<Seen, LabError> {
        self.look_at(StateMask::ALL.without(StateMask::of(TcpState::Listen)), but)
    }

    /// How many half-open entries there are.
    pub(super) fn count_half_open(&mut self) -> Result<u64, LabError> {
        Ok(self.look_at(StateMask::of(TcpState::SynRecv), &BTreeSet::new())?.sockets.into())
    }

    fn look_at(&mut self, states: StateMask, but: &BTreeSet<u16>) -> Result<Seen, LabError> {
        let request = build_tcp_dump(self.family, states, Extensions::None, 1);
        let mut seen = Seen::default();
        let step = |buffer: &[u8]| {
            for message in Messages::new(buffer) {
                match message.kind {
                    MessageKind::Data(_, payload) => {
                        let Some(found) = InetDiag::decode(payload) else { continue };
                        if but.contains(&found.source_port()) || but.contains(&found.destination_port()) {
                            continue;
                        }
                        seen.sockets += 1;
                        seen.timed += u32::from(found.timer() != SocketTimer::Off);
                    }
                    MessageKind::Done(0) => return DumpStep::Done,
                    MessageKind::Done(number) | MessageKind::Error(number) => return DumpStep::Error(number),
                    MessageKind::Overrun => return DumpStep::Lost,
                    MessageKind::Noop => {}
                }
            }
            DumpStep::More
        };
        self.diag.dump(&request, step).map_err(|error| LabError::Wire(io::Error::other(error)))?;
        Ok(seen)
    }
}
