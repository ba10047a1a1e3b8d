//! One end of a connection while a scenario is played.
//!
//! For: what an end does when its application calls, a timer fires, a segment or an ICMP error arrives.
//! Must not: know of the other end, the wire or the wheel; all it does it asks for in a step.
//! Mirrors: `net/ipv4/tcp.c`, `tcp_input.c`, `tcp_minisocks.c`, `tcp_timer.c` and `tcp_ipv4.c`; each file cites the
//! functions it follows.

mod calls;
mod icmp;
mod minisock;
mod opening;
mod recovery;
mod state;
mod synchronised;
mod timers;

#[cfg(test)]
pub(super) use state::Standing;
pub(super) use state::{Clock, Endpoint};
