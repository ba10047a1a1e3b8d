//! How many half-open requests a namespace has.

use crate::sys::{DumpError, DumpStep, SockDiag};
use crate::units::TcpState;
use crate::wire::{DumpFamily, Extensions, MessageKind, Messages, StateMask, build_tcp_dump};

/// Counts the IPv4 requests in the namespace of the socket.
pub(super) fn count_half_open(diag: &mut SockDiag) -> Result<u64, DumpError> {
    let request = build_tcp_dump(DumpFamily::Ipv4, StateMask::of(TcpState::SynRecv), Extensions::None, 1);
    let mut found = 0;
    diag.dump(&request, |buffer| {
        for message in Messages::new(buffer) {
            match message.kind {
                MessageKind::Data(..) => found += 1,
                MessageKind::Done(0) => return DumpStep::Done,
                MessageKind::Done(number) | MessageKind::Error(number) => return DumpStep::Error(number),
                MessageKind::Overrun => return DumpStep::Lost,
                MessageKind::Noop => {}
            }
        }
        DumpStep::More
    })?;
    Ok(found)
}
