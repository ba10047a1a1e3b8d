//! The least that a dump can cost: two walks, one a family, of which only the state of each socket is looked at.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::Result;
use tcpctl::collect::{RowsWanted, ShownStates, SocketRows, Source};
use tcpctl::sys::{DumpStep, SockDiag};
use tcpctl::wire::{DumpFamily, DumpRequest, StateMask, TcpInfo};

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
        ["--fields"] => Some(fields()),
        _ => None,
    }
}

/// Every field of every socket, `tcp_info` and memory among them, read as rows read it and added up instead of written:
/// what reading costs without what writing does.
fn fields() -> Result<()> {
    let wanted = RowsWanted {
        filter: Default::default(),
        shown: ShownStates::All,
        ipv4: None,
        info: true,
        memory: true,
        filter_here: false,
    };
    let mut sum = 0_u64;
    let gaps = SocketRows::open(&Source::own(Vec::new()), wanted)?.walk(|found| {
        let facts = found.facts();
        let ends = u64::from(found.source_port()) + u64::from(found.destination_port());
        let queues = u64::from(found.receive_queue()) + u64::from(found.send_queue());
        sum = sum.wrapping_add(ends + queues + u64::from(found.inode()) + found.cookie());
        let drops = facts.memory.and_then(|memory| memory.drops());
        sum = sum.wrapping_add(u64::from(drops.unwrap_or(0)) + facts.cgroup_id.unwrap_or(0));
        if let Some(info) = facts.info {
            TcpInfo::of(info).each(|_, value| sum = sum.wrapping_add(value.unwrap_or(0)));
        }
        ControlFlow::Continue(())
    })?;
    anyhow::ensure!(gaps.is_empty(), "not all was read: {gaps:?}");
    Ok(writeln!(std::io::stdout(), "{sum}")?)
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
