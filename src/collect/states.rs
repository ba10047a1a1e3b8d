//! Exact counts of states for less than a walk through every socket.
//!
//! Most of a dump's cost is telling of each socket, and on a busy host nearly all are in ESTAB or TIME-WAIT. The kernel
//! counts both kinds itself, so the dump leaves them out: it still passes every socket, for a fifth of the time.

use std::ops::ControlFlow;

use super::counters::read_sockstat6;
use super::host::gap_of;
use super::sockets::{ends_of, push_walked, read_best, walk_listeners};
use super::tables;
use super::tally::Tally;
use super::walk::{Families, Walked, Walker};
use crate::snapshot::{Gap, GapKind, SocketSource, Sockets};
use crate::sys::{DumpError, ProcRoot};
use crate::units::TcpState;
use crate::wire::{DumpRequest, InetDiag, SocketTimer, StateMask, parse_sockstat};

/// `INET_DIAG_SHUTDOWN`, the first attribute of every full socket and of nothing else (`inet_diag_msg_attrs_fill`).
const SHUTDOWN: u16 = 8;
/// How often the states are counted, where so many sockets come or go meanwhile that the totals are of another moment.
const ATTEMPTS: usize = 3;

/// What the kernel counts by itself, in this namespace (`sockstat_seq_show`, net/ipv4/proc.c and net/ipv6/proc.c).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    /// Full sockets that are connected, connecting or listening, in both families. The kernel counts a socket when it
    /// is hashed (`sock_prot_inuse_add`): requests, minisocks and sockets that are merely bound are not among them.
    full: u64,
    /// Minisocks: TIME-WAIT, and FIN-WAIT-2 that nobody owns any more (`tw_refcount`), in both families.
    minisocks: u64,
}

impl Totals {
    fn all(self) -> u64 {
        self.full.saturating_add(self.minisocks)
    }

    /// By how many sockets two readings differ.
    fn drift(self, other: Self) -> u64 {
        self.full.abs_diff(other.full).saturating_add(self.minisocks.abs_diff(other.minisocks))
    }

    /// By how many they may differ without counting anew: on a busy host sockets come and go all the time.
    fn bearable(self) -> u64 {
        self.all() / 256
    }

    /// By how many they may differ without a word: no two counts are of the very same moment.
    fn unsaid(self) -> u64 {
        16_u64.saturating_add(self.all() / 64)
    }
}

/// Reads all sockets, unless there are more than this and it should be asked for.
pub(super) fn read_fitting(root: &ProcRoot, most: u64, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    match read_totals(root) {
        Ok(totals) if totals.all() > most => {
            let sockets = read_states(root, gaps)?;
            if sockets.source == SocketSource::Masked {
                gaps.push(left_out(totals.all(), most));
            }
            Some(sockets)
        }
        // What is wrong with the counters, the reading of counters tells.
        _ => read_best(root, false, gaps),
    }
}

fn left_out(sockets: u64, most: u64) -> Gap {
    let reason = format!("there are {sockets}, and more than {most} are walked through only when asked");
    let consequence =
        "ports in use, sockets in CLOSE and the processes of listeners are unknown; --detail all reads them";
    Gap::new("every socket", GapKind::Substituted, reason, consequence)
}

/// Counts every state but CLOSE, and the half-open entries of each listener.
pub(super) fn read_states(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let mut before = match read_totals(root) {
        Ok(totals) => totals,
        Err(gap) => {
            gaps.push(gap);
            return read_best(root, false, gaps);
        }
    };
    for attempt in 1..=ATTEMPTS {
        let counted = count(before);
        // The totals may be of before the walk or of behind it, and what is taken from them is of the walk.
        let Ok(after) = read_totals(root) else { break };
        match counted {
            Ok(_) if before.drift(after) > before.bearable() && attempt < ATTEMPTS => before = after,
            // A record that is not understood may be one of those that the totals count, so that nothing follows from them.
            Ok((Some(sockets), walked)) if walked.unknown == 0 => {
                push_walked(gaps, walked);
                gaps.extend(moved(before, after));
                return Some(sockets);
            }
            _ => break,
        }
    }
    // It tells why sock_diag cannot be read, if that is so the second time too, and counts where the arithmetic cannot.
    read_best(root, false, gaps)
}

/// What is said of totals that moved while the rest was counted.
fn moved(before: Totals, after: Totals) -> Option<Gap> {
    let sockets = before.drift(after);
    let reason = format!("the number of sockets moved by {sockets} while they were counted");
    let consequence = "the counts of ESTAB and TIME-WAIT may be wrong by as many; --detail all counts every socket";
    (sockets > before.unsaid()).then(|| Gap::new("sock_diag and sockstat", GapKind::Failed, reason, consequence))
}

/// How many sockets there are, requests and those in CLOSE not counted; nothing where the kernel does not tell.
pub(super) fn read_total(root: &ProcRoot) -> Option<u64> {
    read_totals(root).ok().map(Totals::all)
}

/// Reads the listeners alone.
pub(super) fn read_sums(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<Sockets> {
    let listeners = match Walker::open().and_then(|mut walker| walk_listeners(&mut walker)) {
        Ok((listeners, walked)) => {
            push_walked(gaps, walked);
            Some(listeners)
        }
        Err(error) => {
            let listeners = tables::read_listeners(root, gaps)?;
            gaps.push(tables::substituted(error.to_string()));
            Some(listeners)
        }
    }?;
    let mut sockets = Tally::new(listeners, None).finish(SocketSource::Listeners);
    sockets.states.retain(|state, _| *state == TcpState::Listen);
    Some(sockets)
}

/// The masked walk and the arithmetic; nothing where the two do not go together.
fn count(totals: Totals) -> Result<(Option<Sockets>, Walked), DumpError> {
    let mut walker = Walker::open()?;
    let (listeners, first) = walk_listeners(&mut walker)?;
    let mut rare = Rare { tally: Tally::new(listeners, None), full: 0, minisocks: 0 };
    let second = walker.walk(&DumpRequest::of(rare_states()), Families::Both, |found| {
        rare.add(found);
        ControlFlow::Continue(())
    })?;
    let walked = first.and(second).and(Walked { unknown: rare.tally.unknown, ..Walked::default() });
    Ok((rare.finish(totals), walked))
}

/// Every state but LISTEN, which has a table of its own, ESTAB and TIME-WAIT, which the kernel counts, and CLOSE:
/// for that one the kernel would go through all ports as well (`inet_diag_dump_icsk`, since Linux 6.8).
fn rare_states() -> StateMask {
    [TcpState::Listen, TcpState::Estab, TcpState::TimeWait, TcpState::Close]
        .into_iter()
        .fold(StateMask::ALL, |mask, state| mask.without(StateMask::of(state)))
}

/// The sockets in rare states.
struct Rare {
    tally: Tally,
    /// Those among them that [`Totals::full`] counts, and those that [`Totals::minisocks`] does.
    full: u64,
    minisocks: u64,
}

impl Rare {
    fn add(&mut self, found: &InetDiag<'_>) {
        let Some(state) = found.state() else {
            self.tally.unknown += 1;
            return;
        };
        match state {
            // Kernels may send more than was asked for.
            TcpState::Listen | TcpState::Estab | TcpState::TimeWait | TcpState::Close => return,
            TcpState::FinWait2 if found.timer() == SocketTimer::TimeWait => self.minisocks += 1,
            // A request; with Fast Open there is a full socket in this state instead.
            TcpState::SynRecv if !is_full(found) => {}
            _ => self.full += 1,
        }
        self.tally.add(state, found.source_port(), || ends_of(found));
    }

    /// Nothing where more were seen than the totals count: they were read a moment before, and are too old for that.
    fn finish(self, totals: Totals) -> Option<Sockets> {
        let mut sockets = self.tally.finish(SocketSource::Masked);
        let others = self.full.saturating_add(sockets.count(TcpState::Listen));
        sockets.states.insert(TcpState::Estab, totals.full.checked_sub(others)?);
        sockets.states.insert(TcpState::TimeWait, totals.minisocks.checked_sub(self.minisocks)?);
        sockets.states.remove(&TcpState::Close);
        Some(sockets)
    }
}

fn is_full(found: &InetDiag<'_>) -> bool {
    found.attributes().next().is_some_and(|attribute| attribute.number == SHUTDOWN)
}

fn read_totals(root: &ProcRoot) -> Result<Totals, Gap> {
    let consequence = "every socket was walked through instead";
    let text = root.read_net("sockstat").map_err(|error| gap_of(&error, consequence))?;
    let text6 = read_sockstat6(root).map_err(|gap| Gap { consequence: consequence.to_owned(), ..gap })?;
    let malformed = |file: &str, what: &str| {
        let path = root.net_path(file).display().to_string();
        Gap::new(path, GapKind::Malformed, format!("it has no `{what}`"), consequence)
    };
    let figures = parse_sockstat(&text).value;
    let figure = |name: &str| figures.get("TCP").and_then(|group| u64::try_from(*group.get(name)?).ok());
    let in_use = figure("inuse").ok_or_else(|| malformed("sockstat", "TCP: inuse"))?;
    let minisocks = figure("tw").ok_or_else(|| malformed("sockstat", "TCP: tw"))?;
    let in_use6 = match text6 {
        None => 0,
        Some(text) => {
            let figures = parse_sockstat(&text).value;
            let figure = figures.get("TCP6").and_then(|group| u64::try_from(*group.get("inuse")?).ok());
            figure.ok_or_else(|| malformed("sockstat6", "TCP6: inuse"))?
        }
    };
    Ok(Totals { full: in_use.saturating_add(in_use6), minisocks })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of `inet_diag_msg` in IPv4: state, timer, and the first attribute if there is one.
    fn record(state: u8, timer: u8, attribute: Option<u16>) -> Vec<u8> {
        let mut bytes = vec![2, state, timer, 0];
        bytes.resize(72, 0);
        if let Some(number) = attribute {
            bytes.extend(5_u16.to_ne_bytes());
            bytes.extend(number.to_ne_bytes());
            bytes.extend([0; 4]);
        }
        bytes
    }

    fn rare(records: &[Vec<u8>]) -> Rare {
        let mut rare = Rare { tally: Tally::new(Vec::new(), None), full: 0, minisocks: 0 };
        records.iter().for_each(|bytes| rare.add(&InetDiag::decode(bytes).unwrap()));
        rare
    }

    #[test]
    fn what_the_kernel_counts_elsewhere_follows_from_what_was_seen() {
        let mark = Some(15);
        let seen = rare(&[
            record(3, 1, mark),           // a request
            record(3, 1, Some(SHUTDOWN)), // Fast Open: a full socket
            record(5, 3, mark),           // a minisock in FIN-WAIT-2
            record(5, 2, Some(SHUTDOWN)), // an owned one
            record(8, 0, Some(SHUTDOWN)), // CLOSE-WAIT
            record(1, 0, Some(SHUTDOWN)), // not asked for
        ]);
        assert_eq!((seen.full, seen.minisocks), (3, 1));
        let sockets = seen.finish(Totals { full: 10, minisocks: 5 }).unwrap();
        let count = |state| sockets.counted(state);
        assert_eq!((count(TcpState::Estab), count(TcpState::TimeWait)), (Some(7), Some(4)));
        assert_eq!((count(TcpState::SynRecv), count(TcpState::FinWait2)), (Some(2), Some(2)));
        assert_eq!(count(TcpState::Close), None);
    }

    #[test]
    fn of_totals_that_count_less_than_was_seen_nothing_follows() {
        let seen = || rare(&[record(8, 0, Some(SHUTDOWN)), record(5, 3, None)]);
        let counts = |full, minisocks| {
            let sockets = seen().finish(Totals { full, minisocks })?;
            Some((sockets.counted(TcpState::Estab), sockets.counted(TcpState::TimeWait)))
        };
        assert_eq!(counts(1, 1), Some((Some(0), Some(0))));
        assert_eq!((counts(0, 1), counts(1, 0)), (None, None));
    }

    #[test]
    fn the_mask_leaves_out_what_is_counted_elsewhere() {
        // SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING, NEW_SYN_RECV.
        assert_eq!(rare_states().bits(), 0b1_1011_0011_1100);
    }

    fn totals(files: &[(&str, &str)]) -> Result<Totals, GapKind> {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir(copy.path().join("net")).unwrap();
        for (name, content) in files {
            std::fs::write(copy.path().join("net").join(name), content).unwrap();
        }
        read_totals(&ProcRoot::new(copy.path())).map_err(|gap| gap.kind)
    }

    #[test]
    fn totals_are_of_both_families_and_a_kernel_without_ipv6_has_one() {
        let four = ("sockstat", "sockets: used 9\nTCP: inuse 7 orphan 0 tw 3 alloc 8 mem 1\n");
        assert_eq!(totals(&[four]), Ok(Totals { full: 7, minisocks: 3 }));
        assert_eq!(totals(&[four, ("sockstat6", "TCP6: inuse 5\n")]), Ok(Totals { full: 12, minisocks: 3 }));
        assert_eq!(totals(&[four, ("sockstat6", "UDP6: inuse 5\n")]), Err(GapKind::Malformed));
        assert_eq!(totals(&[("sockstat", "TCP: inuse 7\n")]), Err(GapKind::Malformed));
        assert_eq!(totals(&[]), Err(GapKind::Absent));
    }
}
