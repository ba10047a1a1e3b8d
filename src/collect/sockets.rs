//! Sockets by sock_diag, all of them.

use std::net::SocketAddr;
use std::ops::{ControlFlow, RangeInclusive};

use super::host::gap_of;
use super::kept::Kept;
use super::tables;
use super::tally::{Ends, Tally};
use super::walk::{Families, Walked, Walker};
use crate::snapshot::{Drops, Gap, GapKind, Listener, SocketSource, Sockets};
use crate::sys::{DumpError, ProcRoot};
use crate::units::{SocketTimer, TcpState};
use crate::wire::{DumpRequest, Extensions, InetDiag, StateMask};

/// The range from which ports of outgoing connections are taken.
pub(super) const PORT_RANGE: &str = "sys/net/ipv4/ip_local_port_range";

/// Reads sockets by sock_diag, and by the tables of `/proc/net` when that is refused or absent.
pub(super) fn read_best(root: &ProcRoot, one_by_one: bool, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let ephemeral = read_port_range(root, gaps);
    let walker = Walker::open().map(|walker| if one_by_one { walker.one_by_one() } else { walker });
    let error = match walker.and_then(|walker| read_sock_diag(walker, ephemeral.clone())) {
        Ok((tally, kept, walked)) => {
            push_walked(gaps, walked.and(Walked { unknown: tally.unknown, ..Walked::default() }));
            return Some(Sockets { samples: Some(kept.finish()), ..tally.finish(SocketSource::SockDiag) });
        }
        Err(error) => error,
    };
    tables::read_instead(root, ephemeral, error.to_string(), gaps)
}

/// What was wrong with a walk that came to its end.
pub(super) fn push_walked(gaps: &mut Vec<Gap>, walked: Walked) {
    push_unknown(gaps, "sock_diag", walked.unknown);
    if walked.interrupted {
        let reason = "the kernel says that the dump was interrupted by a change";
        gaps.push(Gap::new("sock_diag", GapKind::Failed, reason, "single sockets may be missing or counted twice"));
    }
}

pub(super) fn push_unknown(gaps: &mut Vec<Gap>, source: &str, unknown: u64) {
    if unknown > 0 {
        let reason = format!("{unknown} of its records cannot be understood");
        gaps.push(Gap::new(source, GapKind::Malformed, reason, "the counts of sockets are too low by as many"));
    }
}

pub(super) fn read_port_range(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<RangeInclusive<u16>> {
    let consequence = "the use of ephemeral ports is unknown";
    match root.read(PORT_RANGE) {
        Ok(text) => {
            let mut numbers = text.split_whitespace().map(|word| word.parse::<u16>().ok());
            let range = numbers.next().flatten().zip(numbers.next().flatten()).map(|(first, last)| first..=last);
            if range.is_none() {
                let reason = format!("`{}` is not two ports", text.trim());
                gaps.push(Gap::new(PORT_RANGE, GapKind::Malformed, reason, consequence));
            }
            range
        }
        Err(error) => {
            gaps.push(gap_of(&error, consequence));
            None
        }
    }
}

/// Goes through the sockets in one state, by sock_diag or by the tables of `/proc/net`, and hands each one's local end
/// and inode to `add`. Nothing is kept but what `add` keeps; a second source begins anew.
pub(super) fn gather_state<T: Default>(
    root: &ProcRoot,
    is_live: bool,
    state: TcpState,
    gaps: &mut Vec<Gap>,
    add: impl Fn(&mut T, SocketAddr, u64),
) -> Option<T> {
    if is_live && let Ok((found, walked)) = gather_by_sock_diag(state, &add) {
        push_walked(gaps, walked);
        return Some(found);
    }
    tables::gather_state(root, state, gaps, add)
}

/// The same by sock_diag; also how the walk went.
fn gather_by_sock_diag<T: Default>(
    state: TcpState,
    add: &impl Fn(&mut T, SocketAddr, u64),
) -> Result<(T, Walked), DumpError> {
    let (mut found, mut unknown) = (T::default(), 0);
    let request = DumpRequest::of(StateMask::of(state));
    let walked = Walker::open()?.walk(&request, Families::Both, |one| {
        match one.state() {
            Some(its) if its == state => {
                add(&mut found, SocketAddr::new(one.source(), one.source_port()), u64::from(one.inode()));
            }
            // Kernels may send more than was asked for.
            Some(_) => {}
            None => unknown += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok((found, walked.and(Walked { unknown, ..Walked::default() })))
}

/// Dumps the listeners, with the memory attribute that holds their drops. They are in a table of their own, so this
/// costs nothing for other sockets.
pub(super) fn walk_listeners(walker: &mut Walker) -> Result<(Vec<Listener>, Walked), DumpError> {
    let mut listeners = Vec::new();
    let request = DumpRequest::of(StateMask::of(TcpState::Listen)).with(Extensions::MEMORY);
    let mut unknown = 0;
    let walked = walker.walk(&request, Families::Both, |found| {
        unknown += u64::from(found.state().is_none());
        listeners.extend(listener_of(found));
        ControlFlow::Continue(())
    })?;
    Ok((listeners, walked.and(Walked { unknown, ..Walked::default() })))
}

/// Dumps the listeners and then all the rest without attributes.
fn read_sock_diag(
    mut walker: Walker,
    ephemeral: Option<RangeInclusive<u16>>,
) -> Result<(Tally, Kept, Walked), DumpError> {
    let (listeners, first) = walk_listeners(&mut walker)?;
    let (mut tally, mut kept) = (Tally::new(listeners, ephemeral), Kept::default());
    let request = DumpRequest::of(StateMask::ALL.without(StateMask::of(TcpState::Listen)));
    let second = walker.walk(&request, Families::Both, |found| {
        match found.state() {
            Some(state) => {
                tally.add(state, found.source_port(), || ends_of(found));
                kept.see(state, found);
            }
            None => tally.unknown += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok((tally, kept, first.and(second)))
}

fn listener_of(found: &InetDiag<'_>) -> Option<Listener> {
    if found.state() != Some(TcpState::Listen) {
        return None;
    }
    let facts = found.facts();
    Some(Listener {
        address: found.source(),
        port: found.source_port(),
        v6_only: facts.v6_only,
        interface: found.interface(),
        device: None,
        half_open_own: false,
        accept_queue: Some(found.receive_queue()),
        backlog: Some(found.send_queue()),
        half_open: 0,
        shares_port: 1,
        drops: facts.memory.and_then(|memory| memory.drops()).map_or(Drops::Unknown, Drops::Total),
        inode: u64::from(found.inode()),
        uid: found.uid(),
        cookie: found.cookie(),
        processes: Vec::new(),
    })
}

pub(super) fn ends_of(found: &InetDiag<'_>) -> Ends {
    Ends {
        local: found.source(),
        remote: found.destination(),
        remote_port: found.destination_port(),
        interface: found.interface(),
        minisock: found.timer() == SocketTimer::TimeWait,
        inode: found.inode(),
        retransmits: found.retransmits(),
    }
}
