//! The kernel's TCP timers, queues and port search as pure functions: settings in, timelines out.
//!
//! For: saying what the kernel will do and when, by its own rules, version by version.
//! Must not: do I/O, read a clock or the environment, use floating point, or fail.
//! Mirrors: `net/ipv4/tcp_timer.c`, `inet_connection_sock.c`, `tcp_minisocks.c`, `inet_hashtables.c` and
//! `kernel/time/timer.c`; each file cites the functions it follows.

mod consequence;
mod host;
mod settings;
mod timeline;

pub use consequence::{Answer, CONSEQUENCES, Consequence, consequences};
pub use host::Host;
pub use settings::{SETTING_KEYS, Settings};
pub use timeline::Window;
