//! Listeners with both of their queues, without a walk through every socket where the kernel lets a program look.

use super::host::gap_kind;
use super::sockets::{push_walked, walk_listeners};
use super::states::{read_states, read_sums, read_total};
use super::syn_queues::{SynQueues, SynQueuesError};
use super::tally::Tally;
use super::walk::{Walked, Walker};
use crate::snapshot::{Gap, GapKind, Listener, SocketSource, Sockets};
use crate::sys::{BpfError, ProcRoot};
use crate::units::TcpState;

/// From so many sockets on, walking through them costs more than loading the program.
const WORTH: u64 = 50_000;
/// How often both are read, when listeners came or went in between.
const ATTEMPTS: usize = 2;

/// Why there are no queues.
enum Unread {
    /// The program cannot be loaded or read.
    Program(SynQueuesError),
    /// It does not pay, listeners come and go faster than they are read, or sock_diag is refused.
    Otherwise,
}

/// The listeners alone, with their SYN queues if a program may be loaded.
pub(super) fn read_sums_and_queues(root: &ProcRoot, program: &SynQueues, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    match read(program, |_| true) {
        Ok((sockets, walked)) => {
            push_walked(gaps, walked);
            return Some(sockets);
        }
        Err(Unread::Program(error)) => {
            gaps.extend(gap(&error, "the SYN queues are unknown; --detail states counts them"));
        }
        Err(Unread::Otherwise) => {}
    }
    read_sums(root, gaps)
}

/// The listeners with their SYN queues, by the program where that pays, by counting half-open connections else.
pub(super) fn read_listeners(root: &ProcRoot, program: &SynQueues, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let many = read_total(root).is_some_and(|sockets| sockets > WORTH);
    // The walk cannot tell whose the half-open connections of a shared port are.
    let unread = match read(program, |listeners| many || listeners.iter().any(|one| one.shares_port > 1)) {
        Ok((sockets, walked)) => {
            push_walked(gaps, walked);
            return Some(sockets);
        }
        Err(unread) => unread,
    };
    let sockets = read_states(root, gaps)?;
    // Nothing else is lost by walking.
    let lost = |one: &Listener| one.shares_port > 1 && one.half_open > 0;
    if let Unread::Program(error) = unread
        && sockets.listeners.iter().any(lost)
    {
        gaps.extend(gap(&error, "of listeners that share a port only the sum of their half-open entries is known"));
    }
    Some(sockets)
}

/// Tells the half-open connections of listeners that share a port apart, where a program may look: a walk knows their sum
/// alone. Where it may not, or not all of them are met, the sum stays, and is called one.
pub(super) fn tell_apart(program: &SynQueues, sockets: &mut Sockets) {
    let is_sum = |one: &Listener| one.shares_port > 1 && one.half_open > 0 && one.cookie != 0;
    if sockets.source.tells_half_open_apart() || !sockets.listeners.iter().any(is_sum) {
        return;
    }
    let Ok(queues) = program.read() else { return };
    let shared = || sockets.listeners.iter().filter(|one| one.shares_port > 1);
    if shared().all(|one| queues.contains_key(&one.cookie)) {
        for listener in sockets.listeners.iter_mut().filter(|one| one.shares_port > 1) {
            listener.half_open = queues.get(&listener.cookie).copied().map_or(0, u64::from);
            listener.half_open_own = true;
        }
    }
}

/// Reads the listeners, and if that pays with these how long their queues are.
fn read(program: &SynQueues, pays: impl Fn(&[Listener]) -> bool) -> Result<(Sockets, Walked), Unread> {
    for _ in 0..ATTEMPTS {
        let walked = Walker::open().and_then(|mut walker| walk_listeners(&mut walker));
        let (listeners, walked) = walked.map_err(|_| Unread::Otherwise)?;
        let mut sockets = Tally::new(listeners, None).finish(SocketSource::Queues);
        if !pays(&sockets.listeners) {
            return Err(Unread::Otherwise);
        }
        let queues = program.read().map_err(Unread::Program)?;
        let mut all = true;
        for listener in &mut sockets.listeners {
            match queues.get(&listener.cookie) {
                Some(length) => listener.half_open = u64::from(*length),
                // It was closed in between, or passed over while the list moved.
                None => all = false,
            }
        }
        if all {
            sockets.states.retain(|state, _| *state == TcpState::Listen);
            return Ok((sockets, walked));
        }
    }
    Err(Unread::Otherwise)
}

/// What is said of a program that cannot be used; nothing when nobody wanted it.
fn gap(error: &SynQueuesError, consequence: &str) -> Option<Gap> {
    let kind = match error {
        SynQueuesError::Unwanted => return None,
        SynQueuesError::NoTypes(error) => gap_kind(error.kind),
        SynQueuesError::OtherTypes(_) => GapKind::Malformed,
        SynQueuesError::Kernel(BpfError::Denied(_)) => GapKind::Denied,
        SynQueuesError::Kernel(BpfError::Absent(_)) => GapKind::Absent,
        SynQueuesError::Kernel(BpfError::Refused(_) | BpfError::Failed(_)) => GapKind::Failed,
    };
    Some(Gap::new("SYN queues by BPF", kind, error.to_string(), consequence))
}
