//! What the tracepoints of the kernel tell, put together: whose it is, which attempt of how many, what it means.
//!
//! For: holding events against a filter, following sockets from event to event, counting, and the words for reasons and
//! changes of state.
//! Must not: read the kernel, know the time, or claim more than the events and the answers about their sockets say.
//! Mirrors: include/net/dropreason-core.h, include/net/rstreason.h, net/ipv4/tcp_input.c, net/ipv4/tcp_timer.c.

mod change;
mod desk;
mod follow;
mod reason;
mod resend;
mod sift;
mod tally;
mod wall_clock;

pub use change::change_of_state;
pub use desk::TraceDesk;
pub use follow::{EndsFrom, Follower, Told};
pub use reason::{Reason, drop_reason, reset_reason};
pub use resend::{Resend, resend_of};
pub use sift::passes;
pub use tally::{PairCount, TraceTally};
pub use wall_clock::WallClock;

pub use crate::wire::{TRACED_EVENTS, TraceEnds, TraceEvent, TraceKind, TracedEvent};
