//! The numbers of `include/net/tcp.h` that no setting changes, unchanged from 4.14 to 6.18.
//!
//! All in microseconds.

/// `TCP_TIMEOUT_INIT`: RTO of a SYN or SYN-ACK before any RTT is known (RFC 6298 2.1). A BPF sock_ops program
/// may replace it; the model takes it that none does.
pub(super) const TIMEOUT_INIT_US: u64 = 1_000_000;

/// `TCP_RTO_MIN`: the base of the time limits of `retransmits_timed_out()`, whatever `tcp_rto_min_us` says.
pub(super) const RTO_MIN_US: u64 = 200_000;

/// `TCP_RTO_MAX` (called `TCP_RTO_MAX_SEC` since 6.15): largest RTO where `tcp_rto_max_ms` does not rule.
pub(super) const RTO_MAX_US: u64 = 120_000_000;

/// `TCP_TIMEWAIT_LEN`: TIME_WAIT lasts 60 s; no setting changes it.
pub(super) const TIMEWAIT_LEN_US: u64 = 60_000_000;

/// `TCP_FIN_TIMEOUT_MAX`: most that `TCP_LINGER2` can ask for.
pub(super) const FIN_TIMEOUT_MAX_US: u64 = 120_000_000;

/// `tcp_invalid_ratelimit`'s default: least time between two answers to repeated SYNs of one request.
pub(super) const INVALID_RATELIMIT_US: u64 = 500_000;

/// `TCP_ATO_MIN`: least time that an ACK is delayed after data has come.
pub(super) const ATO_MIN_US: u64 = 40_000;
