//! What sockets an end has, by sock_diag.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use super::LabError;
use super::network::Host;
use crate::model::Side;
use crate::sys::{DumpStep, SockDiag, unix_ns};
use crate::units::TcpState;
use crate::wire::{DumpFamily, DumpRequest, InetDiag, MessageKind, Messages, SocketTimer, StateMask};

/// How often sockets are looked at while something may become of them; it is known to this much when.
const LOOK: Duration = Duration::from_millis(5);
/// Looks are that often for so long after something happened, and so long before and after a timer expires: sock_diag
/// does not show the timer of a delayed ACK, 40 ms and two ticks.
const STIRRED: Duration = Duration::from_millis(100);
const BEFORE_TIMER: Duration = Duration::from_millis(20);
/// Else they are not farther apart than this.
const REST: Duration = Duration::from_millis(250);
/// So long after something happened nothing more is waited for where no timer runs.
const QUIET: Duration = Duration::from_millis(60);

/// When to look, and what was seen.
#[derive(Debug)]
pub(super) struct Looks {
    seen: BTreeMap<Side, Seen>,
    next: Instant,
    /// When the last one was, in nanoseconds since 1970.
    looked_ns: u64,
    /// When something happened last.
    stirred: Instant,
    /// Since when every look has seen no timer. One alone says nothing: a timer that has just expired does not run while
    /// its handler is about to.
    idle: Option<Instant>,
}

impl Looks {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { seen: BTreeMap::new(), next: now, looked_ns: unix_ns(), stirred: now, idle: None }
    }

    /// When the next one is due.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// Something happened that sockets may have changed by.
    pub(super) fn stir(&mut self) {
        let now = Instant::now();
        (self.stirred, self.idle) = (now, None);
        self.next = self.next.min(now + LOOK);
    }

    /// Whether nothing more happens by itself: it has been quiet, and no timer of any socket runs.
    pub(super) fn is_quiet(&self) -> bool {
        self.stirred.elapsed() >= QUIET && self.idle.is_some_and(|since| since.elapsed() >= QUIET)
    }

    /// A side has an entry, whether or not that is seen.
    pub(super) fn has_entry(&mut self, side: Side) {
        self.seen.entry(side).or_default().sockets = 1;
    }

    /// Begins one; says when the last one was.
    pub(super) fn begin(&mut self) -> u64 {
        core::mem::replace(&mut self.looked_ns, unix_ns())
    }

    /// This was seen of a side; says what was seen before.
    pub(super) fn saw(&mut self, side: Side, now: Seen) -> Seen {
        self.seen.insert(side, now).unwrap_or_default()
    }

    /// Ends one, and says to itself when the next is due.
    pub(super) fn end(&mut self) {
        let since = self.stirred.elapsed();
        let timer = self.seen.values().filter_map(|seen| seen.timer).min();
        let wait = match timer {
            Some(timer) if since >= STIRRED => timer.saturating_sub(BEFORE_TIMER).clamp(LOOK, REST),
            _ => LOOK,
        };
        self.idle = if timer.is_some() { None } else { self.idle.or_else(|| Some(Instant::now())) };
        self.next = Instant::now() + wait;
    }
}

/// Watches the sockets of one end.
pub(super) struct Watcher {
    diag: SockDiag,
    family: DumpFamily,
}

/// What was seen of an end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Sockets and half-open entries, listeners apart.
    pub(super) sockets: u32,
    /// Their states, each with the cookies of who is in it.
    pub(super) states: BTreeMap<TcpState, BTreeSet<u64>>,
    /// How long until the first timer of any of them expires, where one runs.
    pub(super) timer: Option<Duration>,
}

impl Seen {
    /// The states that were entered since: nobody who was seen in one then is in it still. One entry may follow another
    /// between two looks.
    pub(super) fn entered_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = TcpState> + 'a {
        let is_entered = |(state, now): &(&TcpState, &BTreeSet<u64>)| {
            before.states.get(*state).is_none_or(|then| then.is_disjoint(now))
        };
        self.states.iter().filter(is_entered).map(|(state, _)| *state)
    }
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
        // Sockets that are only bound do nothing, and to find them the kernel walks a table of the whole host.
        let idle = StateMask::of(TcpState::Listen).and(StateMask::of(TcpState::Close));
        self.look_at(StateMask::ALL.without(idle), but)
    }

    /// How many half-open entries there are.
    pub(super) fn count_half_open(&mut self) -> Result<u64, LabError> {
        Ok(self.look_at(StateMask::of(TcpState::SynRecv), &BTreeSet::new())?.sockets.into())
    }

    fn look_at(&mut self, states: StateMask, but: &BTreeSet<u16>) -> Result<Seen, LabError> {
        let request = DumpRequest::of(states).for_family(self.family, 1);
        let mut seen = Seen::default();
        let step = |buffer: &[u8]| {
            for message in Messages::new(buffer) {
                match message.kind {
                    MessageKind::Data(_, payload) => {
                        let Some(found) = InetDiag::decode(payload) else { continue };
                        // One that has just come to its end is no connection any more.
                        if found.state() == Some(TcpState::Close) {
                            continue;
                        }
                        if but.contains(&found.source_port()) || but.contains(&found.destination_port()) {
                            continue;
                        }
                        seen.sockets += 1;
                        if let Some(state) = found.state() {
                            seen.states.entry(state).or_default().insert(found.cookie());
                        }
                        if found.timer() != SocketTimer::Off {
                            let timer = Duration::from_millis(found.expires_ms().into());
                            seen.timer = Some(seen.timer.map_or(timer, |first| first.min(timer)));
                        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_took_the_place_of_another_has_entered_its_state() {
        let of = |states: &[(TcpState, &[u64])]| Seen {
            states: states.iter().map(|(state, cookies)| (*state, cookies.iter().copied().collect())).collect(),
            ..Seen::default()
        };
        let entered = |before: &Seen, now: &Seen| now.entered_since(before).collect::<Vec<_>>();
        let before = of(&[(TcpState::SynRecv, &[7]), (TcpState::Estab, &[1, 2])]);
        assert_eq!(entered(&before, &before), []);
        assert_eq!(
            entered(&before, &of(&[(TcpState::SynRecv, &[8]), (TcpState::Estab, &[2, 3])])),
            [TcpState::SynRecv]
        );
        assert_eq!(entered(&before, &of(&[(TcpState::TimeWait, &[2])])), [TcpState::TimeWait]);
        assert_eq!(entered(&Seen::default(), &before), [TcpState::Estab, TcpState::SynRecv]);
    }
}
