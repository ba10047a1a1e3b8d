//! Socket options that change a clock.

/// What an application set on a socket with setsockopt(); nothing set by default.
///
/// Mirrors: `do_tcp_setsockopt()` and `sk_setsockopt()`; the ranges are theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketOptions {
    /// `TCP_SYNCNT`, 1 to 127 retries; replaces `tcp_syn_retries` (or, on a listener, `tcp_synack_retries`).
    pub syncnt: Option<u8>,
    /// `TCP_USER_TIMEOUT` in milliseconds; 0 is off.
    pub user_timeout_ms: u32,
    /// `TCP_LINGER2` in seconds; below 0 skips FIN_WAIT_2, 0 takes `tcp_fin_timeout`.
    pub linger2_s: Option<i32>,
    /// `SO_KEEPALIVE` is not 0.
    pub keepalive: bool,
    /// `TCP_KEEPIDLE` in seconds, 1 to 32767; replaces `tcp_keepalive_time`.
    pub keepidle_s: Option<u32>,
    /// `TCP_KEEPINTVL` in seconds, 1 to 32767; replaces `tcp_keepalive_intvl`.
    pub keepintvl_s: Option<u32>,
    /// `TCP_KEEPCNT`, 1 to 127 probes; replaces `tcp_keepalive_probes`.
    pub keepcnt: Option<u8>,
    /// `TCP_DEFER_ACCEPT` of a listener in seconds; 0 is off. The kernel keeps it as a number of SYN-ACKs.
    pub defer_accept_s: Option<u32>,
    /// `TCP_RTO_MAX_MS` in milliseconds, 1000 to 120000 (6.15); replaces `tcp_rto_max_ms`.
    pub rto_max_ms: Option<u32>,
    /// `TCP_RTO_MIN_US` in microseconds, more than a tick and up to 200000 (6.15); replaces `tcp_rto_min_us`.
    pub rto_min_us: Option<u32>,
    /// `TCP_THIN_LINEAR_TIMEOUTS` is 1; `tcp_thin_linear_timeouts` does the same for every socket.
    pub thin_linear_timeouts: bool,
}
