//! Listeners with both of their queues, without a walk through every socket where the kernel lets a program look.

use super::sockets::{push_walked, walk_listeners};
use super::states::{read_states, read_sums, read_total};
use super::syn_queues::{SynQueues, SynQueuesError};
use super::tally::Tally;
use super::walk::{Walked, Walker};
use crate::snapshot::{Gap, GapKind, Listener, SocketSource, Sockets};
use crate::sys::{BpfError, ProcRoot, ReadErrorKind};

/// From so many sockets on, walking through them costs more than loading the program.
const WORTH: u64 = 50_000;
/// How often both are read again, when listeners came or went in between.
const ATTEMPTS: usize = 2;

/// Why there are no queues.
enum Unread {
    Program(SynQueuesError),
    /// Listeners come and go faster than they are read, or sock_diag is refused.
    Unstable,
}

/// The listeners alone, with their SYN queues if a program may be loaded.
pub(super) fn read_sums_and_queues(root: &ProcRoot, program: &SynQueues, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    match read(program) {
        Ok((sockets, walked)) => {
            push_walked(gaps, walked);
            return Some(sockets);
        }
        Err(Unread::Program(error)) => {
            gaps.extend(gap(&error, "the SYN queues are unknown; --detail states counts them"))
        }
        Err(Unread::Unstable) => {}
    }
    read_sums(root, gaps)
}

/// The listeners with their SYN queues, by the program where that pays, by counting half-open connections else.
pub(super) fn read_listeners(root: &ProcRoot, program: &SynQueues, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let many = read_total(root).is_some_and(|sockets| sockets > WORTH);
    if !many && !any_share() {
        return read_states(root, gaps);
    }
    let error = match read(program) {
        Ok((sockets, walked)) => {
            push_walked(gaps, walked);
            return Some(sockets);
        }
        Err(error) => error,
    };
    let sockets = read_states(root, gaps)?;
    // What is lost is only whose they are.
    let shared = |one: &Listener| one.shares_port > 1 && one.half_open > 0;
    if let Unread::Program(error) = error
        && sockets.listeners.iter().any(shared)
    {
        gaps.extend(gap(&error, "of listeners that share a port only the sum of their half-open entries is known"));
    }
    Some(sockets)
}

fn any_share() -> bool {
    let walked = Walker::open().and_then(|mut walker| walk_listeners(&mut walker));
    walked.is_ok_and(|(listeners, _)| {
        Tally::new(listeners, None).finish(SocketSource::Listeners).listeners.iter().any(|one| one.shares_port > 1)
    })
}

/// Reads the listeners, and then how long their queues are.
fn read(program: &SynQueues) -> Result<(Sockets, Walked), Unread> {
    for _ in 0..ATTEMPTS {
        let walked = Walker::open().and_then(|mut walker| walk_listeners(&mut walker));
        let (listeners, walked) = walked.map_err(|_| Unread::Unstable)?;
        let queues = program.read().map_err(Unread::Program)?;
        let mut sockets = Tally::new(listeners, None).finish(SocketSource::Queues);
        let mut all = true;
        for listener in &mut sockets.listeners {
            match queues.get(&listener.cookie) {
                Some(length) => listener.half_open = u64::from(*length),
                // It was closed in between, or was passed over when the list moved.
                None => all = false,
            }
        }
        if all {
            sockets.states.retain(|state, _| *state == crate::units::TcpState::Listen);
            return Ok((sockets, walked));
        }
    }
    Err(Unread::Unstable)
}

/// What is said of a program that cannot be used; nothing when nobody wanted it.
fn gap(error: &SynQueuesError, consequence: &str) -> Option<Gap> {
    let kind = match error {
        SynQueuesError::Unwanted => return None,
        SynQueuesError::NoTypes(error) => match error.kind {
            ReadErrorKind::Absent => GapKind::Absent,
            ReadErrorKind::Denied => GapKind::Denied,
            ReadErrorKind::Failed => GapKind::Failed,
        },
        SynQueuesError::OtherTypes(_) => GapKind::Malformed,
        SynQueuesError::Kernel(BpfError::Denied(_)) => GapKind::Denied,
        SynQueuesError::Kernel(BpfError::Absent(_)) => GapKind::Absent,
        SynQueuesError::Kernel(BpfError::Refused(_) | BpfError::Failed(_)) => GapKind::Failed,
    };
    Some(Gap::new("SYN queues by BPF", kind, error.to_string(), consequence))
}
