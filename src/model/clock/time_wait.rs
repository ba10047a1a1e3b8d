//! The clock of TIME_WAIT.
//!
//! Mirrors: `tcp_time_wait()` in `net/ipv4/tcp_minisocks.c`.
//!
//! Differs from the kernel: when the namespace holds `tcp_max_tw_buckets` entries the kernel makes none at all
//! (`inet_twsk_alloc()`), which is for the caller to look at.

use crate::model::constants::TIMEWAIT_LEN_US;

/// How long TIME_WAIT lasts from its start, or from the last segment that restarts it, in microseconds.
/// Twice a maximum segment lifetime of 30 s; no setting changes it.
pub const TIME_WAIT_US: u64 = TIMEWAIT_LEN_US;
