//! The SYN queues that the kernel program reads are those that the dump counts: the offsets come from this kernel's types.

use std::collections::BTreeMap;

use tcpctl::collect::{self, SocketReading, Source, SynQueues};
use tcpctl::snapshot::{SocketSource, Sockets};
use tcpctl::sys::{Namespace, raise_loopback};
use tcpctl::units::TcpState;

use crate::fill::Fill;
use crate::place::{Listening, Place, until};
use crate::verdict::Verdict;

/// What the case is called.
pub(crate) const NAME: &str = "the SYN queues by a kernel program are those of the dump";

/// Half-open connections of each listener.
const HALF_OPEN: [u64; 3] = [11, 0, 4];

/// Reads them in both ways.
pub(crate) fn verdict() -> Verdict {
    let namespace = Namespace::fresh().expect("the first process may make a namespace");
    let compared = namespace.run(|| {
        raise_loopback().expect("it has a loopback device");
        compare(&Place::here(&namespace))
    });
    compared.expect("it can be entered").map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

fn compare(place: &Place) -> Result<(), String> {
    let mut fill = Fill::default();
    for count in HALF_OPEN {
        let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(64));
        if count > 0 {
            fill.half_open(to, count);
        }
    }
    let whole = until("the half-open connections", || {
        let whole = read(place, SocketReading::Best, &SynQueues::default())?;
        let count = whole.count(TcpState::SynRecv);
        if count == HALF_OPEN.iter().sum::<u64>() { Ok(whole) } else { Err(format!("{count} are counted")) }
    });
    let by_program = read(place, SocketReading::SumsAndQueues, &SynQueues::when_needed())?;
    let told = |sockets: &Sockets| -> BTreeMap<u64, u64> {
        sockets.listeners.iter().map(|one| (one.cookie, one.half_open)).collect()
    };
    if by_program.source != SocketSource::Queues {
        return Err(format!("they were read from {:?}", by_program.source));
    }
    if told(&by_program) != told(&whole) {
        return Err(format!("{:?} by the program, {:?} by the dump", told(&by_program), told(&whole)));
    }
    let mut counts: Vec<u64> = told(&whole).into_values().collect();
    counts.sort_unstable();
    if counts == [0, 4, 11] { Ok(()) } else { Err(format!("the queues hold {counts:?}")) }
}

/// Sockets, and what is said of the program where it could not be used.
fn read(place: &Place, sockets: SocketReading, syn_queues: &SynQueues) -> Result<Sockets, String> {
    let source = Source { sockets, syn_queues: syn_queues.clone(), processes: false, ..place.source() };
    let snapshot = collect::live(&source).map_err(|error| error.to_string())?;
    match snapshot.gaps.iter().find(|gap| gap.source == "SYN queues by BPF") {
        Some(gap) => Err(gap.reason.clone()),
        None => snapshot.sockets.ok_or_else(|| "no sockets could be read".to_owned()),
    }
}
