//! Newtypes that cross the borders between rooms.
//!
//! For: quantities and names that more than one room speaks of: kernel versions, tick rates,
//! sysctl keys and their values, TCP states, what sock_diag tells of a socket's clocks, places in texts.
//! Must not: use any other room, do I/O, or read a clock or the environment.
//! Mirrors: the kernel's numbers (`include/net/tcp_states.h`) and ss's names for them.

mod duration;
mod kernel;
mod key;
mod live_socket;
mod state;
mod text_error;

pub use duration::{Micros, bandwidth_text, duration_text, parse_bandwidth_bit_s, parse_duration_us};
pub use kernel::{Hz, KernelVersion, ParseKernelVersionError};
pub use key::{ParseSysctlKeyError, SysctlKey, SysctlValues};
pub use live_socket::{LiveInfo, LiveSocket, SocketTimer};
pub use state::TcpState;
pub use text_error::{TextError, TextPlace};
