//! The rules, one a file.
//!
//! For: one judgement a file, with the kernel functions it rests on and the reason of each threshold.
//! Must not: read anything but the case it is given, or claim what an earlier rule of the table claims.
//! Mirrors: `tcp_conn_request` and its order of tests. Dropped connections are told apart in this order, first match
//! wins: `TCPReqQFullDrop` rose: cookies are off; a listener dropped and its accept queue was nearly full: the
//! process does not accept fast enough; it dropped and its accept queue was low: its backlog is smaller than a
//! burst; it dropped otherwise: unclear; nobody dropped and cookies were sent: completed handshakes tell honest
//! clients from a flood.

pub(super) mod accept_queue_full;
pub(super) mod close_wait;
pub(super) mod listener_drops;
pub(super) mod ports_exhaustion;
mod pressure;
pub(super) mod small_backlog;
pub(super) mod softnet_drops;
pub(super) mod syn_cookies_off;
pub(super) mod syn_flood;
pub(super) mod time_wait_buckets;
