//! One clock per kernel timer: at expiry it says what the kernel does and for how long it waits next.
//!
//! For: the rules of each timer, by kernel version, in one place each.
//! Must not: know about other timers, the wheel, or what the wire does.
//! Mirrors: `tcp_write_timer_handler`, `reqsk_timer_handler`, `tcp_keepalive_timer`, `tw_timer_handler`.

mod fin_wait2;
mod keepalive;
mod probe;
mod retransmit;
mod syn;
mod synack;
mod time_wait;

pub use fin_wait2::{FinWait2Life, fin_wait2_life};
pub use keepalive::{KeepaliveClock, KeepaliveExpiry};
pub use probe::{ProbeClock, ProbeExpiry};
pub use retransmit::{RetransmitClock, RetransmitExpiry, SocketHold};
pub use syn::{SynClock, SynExpiry};
pub use synack::{QueueFill, SynAckClock, SynAckExpiry};
pub use time_wait::TIME_WAIT_US;
