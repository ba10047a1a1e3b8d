//! The timers of both ends, and what each is armed with.

use super::endpoint::Clock;
use super::timeline::Side;

/// The timers of an end: each is armed with one clock at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// `icsk_retransmit_timer`, and the timer of a request socket.
    Write,
    /// `sk_timer` (keepalive, FIN_WAIT_2), and the timer of a minisock.
    Life,
    /// `icsk_delack_timer`.
    Ack,
}

/// How often a timer was armed or stopped, and the clock that it is armed with.
type Armed = (u64, Option<Clock>);

/// Those of both ends.
#[derive(Debug, Default)]
pub(super) struct Timers([[Armed; 3]; 2]);

impl Timers {
    /// One of them.
    pub(super) const fn of(&self, side: Side, timer: Timer) -> &Armed {
        let Self([client, server]) = self;
        let [write, life, ack] = if matches!(side, Side::Client) { client } else { server };
        match timer {
            Timer::Write => write,
            Timer::Life => life,
            Timer::Ack => ack,
        }
    }

    /// One of them, to be changed.
    pub(super) const fn of_mut(&mut self, side: Side, timer: Timer) -> &mut Armed {
        let Self([client, server]) = self;
        let [write, life, ack] = if matches!(side, Side::Client) { client } else { server };
        match timer {
            Timer::Write => write,
            Timer::Life => life,
            Timer::Ack => ack,
        }
    }
}
