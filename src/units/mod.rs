//! Newtypes that cross the borders between rooms.
//!
//! For: quantities and names that more than one room speaks of: kernel versions, tick rates,
//! sysctl keys and their values, TCP states.
//! Must not: use any other room, do I/O, or read a clock or the environment.
//! Mirrors: the kernel's numbers (`include/net/tcp_states.h`) and ss's names for them.

mod duration;
mod kernel;
mod key;
mod state;

pub use duration::Micros;
pub use kernel::{Hz, KernelVersion, ParseKernelVersionError};
pub use key::{ParseSysctlKeyError, SysctlKey, SysctlValues};
pub use state::TcpState;
