//! Settings as the model takes them.
//!
//! Mirrors: the fields of `struct netns_ipv4` that the clocks read.

use crate::units::SysctlValues;

/// The sysctls that decide what the model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `tcp_syn_retries`.
    pub syn_retries: u32,
    /// `tcp_syn_linear_timeouts`; only looked at since 6.5.
    pub syn_linear_timeouts: u32,
    /// `tcp_synack_retries`.
    pub synack_retries: u32,
    /// `tcp_syncookies`: 0 off, 2 always, anything else when the SYN queue is full.
    pub syncookies: i64,
    /// `tcp_max_syn_backlog`; can be negative.
    pub max_syn_backlog: i64,
    /// `net.core.somaxconn`.
    pub somaxconn: u32,
    /// `tcp_abort_on_overflow`.
    pub abort_on_overflow: bool,
    /// `tcp_rto_max_ms` in milliseconds; only looked at since 6.15.
    pub rto_max_ms: u32,
    /// `tcp_fin_timeout` in seconds; 0 and negative values are accepted by the kernel.
    pub fin_timeout_s: i64,
    /// `tcp_max_tw_buckets`; 0 or negative makes no TIME_WAIT.
    pub max_tw_buckets: i64,
    /// `tcp_tw_reuse`: 0 never, 1 everywhere, 2 on loopback.
    pub tw_reuse: u32,
    /// `tcp_tw_reuse_delay` in milliseconds (6.14; 1000 before).
    pub tw_reuse_delay_ms: u32,
    /// `tcp_timestamps` is not 0.
    pub timestamps: bool,
    /// `ip_local_port_range`, lowest and highest port.
    pub local_ports: (u16, u16),
    /// `ip_local_reserved_ports` as ranges, ordered, both ends included.
    pub reserved_ports: Vec<(u16, u16)>,
}

impl Default for Settings {
    /// What a kernel does that has none of these keys changed: the initial values of `tcp_sk_init()` and
    /// `inet_init_net()` in 6.18, with the largest memory-derived limits.
    fn default() -> Self {
        Self {
            syn_retries: 6,
            syn_linear_timeouts: 4,
            synack_retries: 5,
            syncookies: 1,
            max_syn_backlog: 4096,
            somaxconn: 4096,
            abort_on_overflow: false,
            rto_max_ms: 120_000,
            fin_timeout_s: 60,
            max_tw_buckets: 262_144,
            tw_reuse: 2,
            tw_reuse_delay_ms: 1000,
            timestamps: true,
            local_ports: (32_768, 60_999),
            reserved_ports: Vec::new(),
        }
    }
}

/// One sysctl that the model reads, and where its value goes.
struct Field {
    key: &'static str,
    /// Stores the value; a text that the kernel would never show is left alone.
    store: fn(&mut Settings, &str),
}

/// The table of them.
const FIELDS: &[Field] = &[
    Field { key: "net.ipv4.tcp_syn_retries", store: |s, text| number(text, &mut s.syn_retries) },
    Field { key: "net.ipv4.tcp_syn_linear_timeouts", store: |s, text| number(text, &mut s.syn_linear_timeouts) },
    Field { key: "net.ipv4.tcp_synack_retries", store: |s, text| number(text, &mut s.synack_retries) },
    Field { key: "net.ipv4.tcp_syncookies", store: |s, text| number(text, &mut s.syncookies) },
    Field { key: "net.ipv4.tcp_max_syn_backlog", store: |s, text| number(text, &mut s.max_syn_backlog) },
    Field { key: "net.core.somaxconn", store: |s, text| number(text, &mut s.somaxconn) },
    Field { key: "net.ipv4.tcp_abort_on_overflow", store: |s, text| flag(text, &mut s.abort_on_overflow) },
    Field { key: "net.ipv4.tcp_rto_max_ms", store: |s, text| number(text, &mut s.rto_max_ms) },
    Field { key: "net.ipv4.tcp_fin_timeout", store: |s, text| number(text, &mut s.fin_timeout_s) },
    Field { key: "net.ipv4.tcp_max_tw_buckets", store: |s, text| number(text, &mut s.max_tw_buckets) },
    Field { key: "net.ipv4.tcp_tw_reuse", store: |s, text| number(text, &mut s.tw_reuse) },
    Field { key: "net.ipv4.tcp_tw_reuse_delay", store: |s, text| number(text, &mut s.tw_reuse_delay_ms) },
    Field { key: "net.ipv4.tcp_timestamps", store: |s, text| flag(text, &mut s.timestamps) },
    Field { key: "net.ipv4.ip_local_port_range", store: |s, text| port_pair(text, &mut s.local_ports) },
    Field { key: "net.ipv4.ip_local_reserved_ports", store: |s, text| s.reserved_ports = parse_port_list(text) },
];

impl Settings {
    /// Takes the values that the model needs; a key that is missing keeps the kernel's initial value. Keys that
    /// the kernel version does not have are passed over by the clocks, so they need not be taken out.
    #[must_use]
    pub fn from_values(values: &SysctlValues) -> Self {
        let mut settings = Self::default();
        for field in FIELDS {
            if let Some(text) = values.get(field.key) {
                (field.store)(&mut settings, text);
            }
        }
        settings
    }

    /// The keys that the model reads.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|field| field.key)
    }

    /// `tcp_rto_max_ms` in microseconds.
    pub(super) fn rto_max_us(&self) -> u64 {
        u64::from(self.rto_max_ms) * 1000
    }
}

fn number<T: core::str::FromStr>(text: &str, target: &mut T) {
    if let Ok(value) = text.trim().parse() {
        *target = value;
    }
}

fn flag(text: &str, target: &mut bool) {
    if let Ok(value) = text.trim().parse::<i64>() {
        *target = value != 0;
    }
}

fn port_pair(text: &str, target: &mut (u16, u16)) {
    let mut parts = text.split_whitespace().map(str::parse);
    if let (Some(Ok(low)), Some(Ok(high))) = (parts.next(), parts.next()) {
        *target = (low, high);
    }
}

/// Reads a list such as `8080,9000-9010`; parts that are no ports are passed over.
fn parse_port_list(text: &str) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = text
        .trim()
        .split(',')
        .filter_map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
        })
        .collect();
    ranges.sort_unstable();
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_by_key_and_the_rest_keeps_the_initial_value() {
        let values: SysctlValues = [
            ("net.ipv4.tcp_syn_retries", "3"),
            ("net.ipv4.ip_local_port_range", "1024\t65535"),
            ("net.ipv4.ip_local_reserved_ports", "9000-9010,8080"),
            ("net.ipv4.tcp_fin_timeout", "-1"),
        ]
        .into_iter()
        .map(|(key, value)| (key.parse().expect("a key"), value.to_owned()))
        .collect();
        let settings = Settings::from_values(&values);
        assert_eq!(settings.syn_retries, 3);
        assert_eq!(settings.synack_retries, 5);
        assert_eq!(settings.local_ports, (1024, 65_535));
        assert_eq!(settings.reserved_ports, [(8080, 8080), (9000, 9010)]);
        assert_eq!(settings.fin_timeout_s, -1);
    }
}
