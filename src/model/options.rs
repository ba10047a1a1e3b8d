//! Socket options that change a clock.

/// What an application set on a socket with setsockopt(); nothing set by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// `TCP_SYNCNT`, 1 to 127 retries; replaces `tcp_syn_retries` (or, on a listener, `tcp_synack_retries`).
    pub syncnt: Option<u8>,
    /// `TCP_USER_TIMEOUT` in milliseconds; 0 is off.
    pub user_timeout_ms: u32,
    /// `TCP_LINGER2` in seconds; below 0 skips FIN_WAIT_2, 0 takes `tcp_fin_timeout`.
    pub linger2_s: Option<i32>,
}
