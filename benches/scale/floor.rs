//! The least that a dump can cost: two walks, one a family, of which only the state of each socket is looked at.

use std::io::Write;

use anyhow::Result;
use tcpctl::sys::{DumpStep, SockDiag};
use tcpctl::wire::{DumpFamily, DumpRequest, StateMask};

/// Where the length, the type and the state are in a message.
const LENGTH: usize = 0;
const KIND: usize = 4;
const STATE: usize = 16 + 1;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u8 = 2;
const DONE: u8 = 3;

/// Runs the floor when that is what the bench was started for.
pub(crate) fn run_part(words: &[&str]) -> Option<Result<()>> {
    // Without the states that ss does not ask for either: bound sockets would take another walk.
    let close = StateMask::of(tcpctl::units::TcpState::Close);
    let request = DumpRequest::of(StateMask::ALL.without(close));
    match words {
        ["--floor"] => {
            let families = [DumpFamily::Ipv4, DumpFamily::Ipv6];
            Some(dump(&families.map(|family| request.for_family(family, 1))))
        }
        ["--floor-one"] => Some(dump(&[request.for_both(1)])),
        _ => None,
    }
}

fn dump(requests: &[Vec<u8>]) -> Result<()> {
    let mut states = [0_u64; 16];
    let mut socket = SockDiag::open()?;
    for request in requests {
        socket.dump(request, |buffer| look(buffer, &mut states))?;
    }
    Ok(writeln!(std::io::stdout(), "{states:?}")?)
}

fn look(mut buffer: &[u8], states: &mut [u64; 16]) -> DumpStep {
    while let Some(length) = buffer.get(LENGTH..).and_then(|rest| rest.first_chunk::<4>()) {
        match buffer.get(KIND) {
            Some(&DONE) => return DumpStep::Done,
            Some(&ERROR) => return DumpStep::Lost,
            _ => {}
        }
        let state = buffer.get(STATE).map_or(0, |state| usize::from(state & 15));
        if let Some(count) = states.get_mut(state) {
            *count += 1;
        }
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX).max(16);
        buffer = buffer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    DumpStep::More
}
