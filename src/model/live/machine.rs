//! The clocks behind one face: what each does when its timer fires.

use super::NextStep;
use crate::model::Segment;
use crate::model::clock::{
    KeepaliveClock, KeepaliveExpiry, ProbeClock, ProbeExpiry, QueueFill, RetransmitClock, RetransmitExpiry,
    SynAckClock, SynAckExpiry, SynClock, SynExpiry,
};

/// A clock that runs on, with what it asks at each timer.
#[derive(Clone, Debug)]
pub(super) enum Machine {
    /// `opened` says that the peer's SYN has come (SYN_RECV of a simultaneous open).
    Syn {
        clock: SynClock,
        opened: bool,
    },
    SynAck {
        clock: SynAckClock,
        fill: QueueFill,
    },
    /// `resends` says what it sends.
    Retransmit {
        clock: RetransmitClock,
        orphan: bool,
        resends: NextStep,
    },
    Probe {
        clock: ProbeClock,
        orphan: bool,
    },
    Keepalive(KeepaliveClock),
    /// FIN_WAIT_2 of an orphan in a full socket; the minisock's wait follows, or a RST where there is none.
    FinWait2Socket(Option<u64>),
    /// Whatever is forgotten when its timer fires.
    Minisock,
}

/// What happened when the timer fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fired {
    pub(super) step: NextStep,
    /// How long it waits next; nothing at the end.
    pub(super) wait_us: Option<u64>,
}

impl Fired {
    const END: Self = Self { step: NextStep::End, wait_us: None };

    const fn going_on(step: NextStep, wait_us: u64) -> Self {
        Self { step, wait_us: Some(wait_us) }
    }

    /// Whether something was done that counts.
    pub(super) const fn counts(self) -> bool {
        matches!(self.step, NextStep::Send(_) | NextStep::Resend)
    }
}

impl Machine {
    /// Whether what comes depends on when this timer fires: limits are counted from then on.
    pub(super) const fn begins_to_count(&self) -> bool {
        match self {
            Self::Retransmit { clock, .. } => !clock.awaits_probe() && !clock.has_retransmitted(),
            Self::Probe { clock, .. } => !clock.has_begun(),
            _ => false,
        }
    }

    /// The timer fires at `now_us`; `tick_us` is the shortest wait there is.
    pub(super) fn fire(&mut self, now_us: u64, tick_us: u64) -> Fired {
        match self {
            Self::Syn { clock, opened } => match clock.expire(now_us, tick_us, *opened) {
                SynExpiry::Resend { wait_us } => {
                    let segment = if *opened { Segment::SynAck } else { Segment::Syn };
                    Fired::going_on(NextStep::Send(segment), wait_us)
                }
                SynExpiry::GiveUp => Fired::END,
            },
            Self::SynAck { clock, fill } => match clock.expire(*fill) {
                SynAckExpiry::Resend { wait_us } => Fired::going_on(NextStep::Send(Segment::SynAck), wait_us),
                SynAckExpiry::Wait { wait_us } => Fired::going_on(NextStep::Look, wait_us),
                SynAckExpiry::Drop => Fired::END,
            },
            Self::Retransmit { clock, orphan, resends } => match clock.expire(now_us, tick_us, *orphan) {
                RetransmitExpiry::Probe { wait_us } => Fired::going_on(NextStep::LossProbe, wait_us),
                RetransmitExpiry::Resend { wait_us } => Fired::going_on(*resends, wait_us),
                RetransmitExpiry::GiveUp => Fired::END,
            },
            Self::Probe { clock, orphan } => match clock.expire(now_us, tick_us, *orphan) {
                ProbeExpiry::Probe { wait_us } => Fired::going_on(NextStep::Send(Segment::Probe), wait_us),
                ProbeExpiry::GiveUp => Fired::END,
            },
            Self::Keepalive(clock) => match clock.expire(now_us) {
                KeepaliveExpiry::Probe { wait_us } => Fired::going_on(NextStep::Send(Segment::Keepalive), wait_us),
                KeepaliveExpiry::Wait { wait_us } => Fired::going_on(NextStep::Look, wait_us),
                KeepaliveExpiry::GiveUp => Fired::END,
            },
            Self::FinWait2Socket(minisock_us) => match *minisock_us {
                Some(wait_us) => {
                    *self = Self::Minisock;
                    Fired::going_on(NextStep::Shrink, wait_us)
                }
                None => Fired::END,
            },
            Self::Minisock => Fired::END,
        }
    }

    /// The same clock after its timer fired at `now_us`, and what happened.
    pub(super) fn fired(&self, now_us: u64, tick_us: u64) -> (Fired, Self) {
        let mut machine = self.clone();
        (machine.fire(now_us, tick_us), machine)
    }
}
