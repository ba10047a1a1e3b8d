//! Socket options of a live socket, of which little is known.

use super::Assumption;
use crate::model::SocketOptions;

/// What is known of a socket's options: what getsockopt() says. The kernel tells nobody but the application.
/// Nothing where an option is not known; then it is taken to be unset, and the forecast says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownOptions {
    /// `TCP_SYNCNT`.
    pub syncnt: Option<u8>,
    /// `TCP_USER_TIMEOUT` in milliseconds, 0 for none.
    pub user_timeout_ms: Option<u32>,
    /// `TCP_LINGER2` in seconds.
    pub linger2_s: Option<i32>,
    /// `TCP_KEEPIDLE` in seconds.
    pub keepidle_s: Option<u32>,
    /// `TCP_KEEPINTVL` in seconds.
    pub keepintvl_s: Option<u32>,
    /// `TCP_KEEPCNT`.
    pub keepcnt: Option<u8>,
    /// `TCP_DEFER_ACCEPT` of the listener in seconds, 0 for none.
    pub defer_accept_s: Option<u32>,
    /// `TCP_RTO_MAX_MS`.
    pub rto_max_ms: Option<u32>,
    /// `TCP_THIN_LINEAR_TIMEOUTS`.
    pub thin_linear_timeouts: Option<bool>,
}

impl From<SocketOptions> for KnownOptions {
    /// Where all that was set is known.
    fn from(options: SocketOptions) -> Self {
        Self {
            syncnt: options.syncnt,
            user_timeout_ms: Some(options.user_timeout_ms),
            linger2_s: options.linger2_s,
            keepidle_s: options.keepidle_s,
            keepintvl_s: options.keepintvl_s,
            keepcnt: options.keepcnt,
            defer_accept_s: options.defer_accept_s,
            rto_max_ms: options.rto_max_ms,
            thin_linear_timeouts: Some(options.thin_linear_timeouts),
        }
    }
}

impl KnownOptions {
    /// The options with those unset that are not known.
    pub(super) fn taken(&self) -> SocketOptions {
        SocketOptions {
            syncnt: self.syncnt,
            user_timeout_ms: self.user_timeout_ms.unwrap_or(0),
            linger2_s: self.linger2_s,
            keepalive: true,
            keepidle_s: self.keepidle_s,
            keepintvl_s: self.keepintvl_s,
            keepcnt: self.keepcnt,
            defer_accept_s: self.defer_accept_s,
            rto_max_ms: self.rto_max_ms,
            rto_min_us: None,
            thin_linear_timeouts: self.thin_linear_timeouts.unwrap_or(false),
        }
    }

    /// Those of these options that are not known, as assumptions.
    pub(super) fn assume(&self, names: &[&'static str]) -> Vec<Assumption> {
        let unset = |name: &&'static str| !self.knows(name);
        names.iter().copied().filter(unset).map(Assumption::Unset).collect()
    }

    /// Whether this option is known.
    pub(super) fn knows(&self, name: &str) -> bool {
        match name {
            "TCP_SYNCNT" => self.syncnt.is_some(),
            "TCP_USER_TIMEOUT" => self.user_timeout_ms.is_some(),
            "TCP_LINGER2" => self.linger2_s.is_some(),
            "TCP_KEEPIDLE" => self.keepidle_s.is_some(),
            "TCP_KEEPINTVL" => self.keepintvl_s.is_some(),
            "TCP_KEEPCNT" => self.keepcnt.is_some(),
            "TCP_DEFER_ACCEPT" => self.defer_accept_s.is_some(),
            "TCP_RTO_MAX_MS" => self.rto_max_ms.is_some(),
            "TCP_THIN_LINEAR_TIMEOUTS" => self.thin_linear_timeouts.is_some(),
            _ => false,
        }
    }
}
