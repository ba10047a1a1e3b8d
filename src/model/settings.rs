//! Settings as the model takes them.
//!
//! Mirrors: the fields of `struct netns_ipv4` that the clocks read.

use std::collections::BTreeSet;

use super::{QueueLimits, port_budget, queue_limits};
use crate::units::{KernelVersion, SysctlValues};

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
    /// `tcp_rto_min_us` in microseconds; only looked at since 6.11.
    pub rto_min_us: u32,
    /// `tcp_retries2`.
    pub retries2: u32,
    /// `tcp_orphan_retries`; 0 acts as 8.
    pub orphan_retries: u32,
    /// `tcp_thin_linear_timeouts` is not 0.
    pub thin_linear_timeouts: bool,
    /// `tcp_early_retrans`: 3 and 4 send a tail loss probe.
    pub early_retrans: u32,
    /// `tcp_sack` is not 0.
    pub sack: bool,
    /// `tcp_keepalive_time` in seconds; 0 and negative values are accepted by the kernel.
    pub keepalive_time_s: i64,
    /// `tcp_keepalive_intvl` in seconds.
    pub keepalive_intvl_s: i64,
    /// `tcp_keepalive_probes`.
    pub keepalive_probes: u32,
    /// `tcp_fin_timeout` in seconds; 0 and negative values are accepted by the kernel.
    pub fin_timeout_s: i64,
    /// `tcp_max_tw_buckets`; 0 makes no TIME_WAIT, and a negative number is no limit, since the kernel compares
    /// without a sign.
    pub max_tw_buckets: i64,
    /// `tcp_tw_reuse`: 0 never, 1 everywhere, 2 on loopback.
    pub tw_reuse: u32,
    /// `tcp_tw_reuse_delay` in milliseconds (6.14; 1000 before).
    pub tw_reuse_delay_ms: u32,
    /// `tcp_rfc1337` is not 0: a RST does not end TIME_WAIT.
    pub rfc1337: bool,
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
            rto_min_us: 200_000,
            retries2: 15,
            orphan_retries: 0,
            thin_linear_timeouts: false,
            early_retrans: 3,
            sack: true,
            keepalive_time_s: 7200,
            keepalive_intvl_s: 75,
            keepalive_probes: 9,
            fin_timeout_s: 60,
            max_tw_buckets: 262_144,
            tw_reuse: 2,
            tw_reuse_delay_ms: 1000,
            rfc1337: false,
            timestamps: true,
            local_ports: (32_768, 60_999),
            reserved_ports: Vec::new(),
        }
    }
}

/// One sysctl that the model reads, where its value goes, and how it is written.
struct Field {
    key: &'static str,
    /// Stores the value and says whether it did; a text that the kernel would never show is left alone.
    store: fn(&mut Settings, &str) -> bool,
    /// The value as the kernel takes it.
    show: fn(&Settings) -> String,
}

/// A field that is one number.
macro_rules! number {
    ($key:literal, $field:ident) => {
        Field {
            key: $key,
            store: |settings, text| store_number(text, &mut settings.$field),
            show: |settings| settings.$field.to_string(),
        }
    };
}

/// A field that is on or off.
macro_rules! flag {
    ($key:literal, $field:ident) => {
        Field {
            key: $key,
            store: |settings, text| {
                let value = text.trim().parse::<i64>();
                settings.$field = value.as_ref().map_or(settings.$field, |value| *value != 0);
                value.is_ok()
            },
            show: |settings| u8::from(settings.$field).to_string(),
        }
    };
}

/// The table of them.
const FIELDS: &[Field] = &[
    number!("net.ipv4.tcp_syn_retries", syn_retries),
    number!("net.ipv4.tcp_syn_linear_timeouts", syn_linear_timeouts),
    number!("net.ipv4.tcp_synack_retries", synack_retries),
    number!("net.ipv4.tcp_syncookies", syncookies),
    number!("net.ipv4.tcp_max_syn_backlog", max_syn_backlog),
    number!("net.core.somaxconn", somaxconn),
    flag!("net.ipv4.tcp_abort_on_overflow", abort_on_overflow),
    number!("net.ipv4.tcp_rto_max_ms", rto_max_ms),
    number!("net.ipv4.tcp_rto_min_us", rto_min_us),
    number!("net.ipv4.tcp_retries2", retries2),
    number!("net.ipv4.tcp_orphan_retries", orphan_retries),
    flag!("net.ipv4.tcp_thin_linear_timeouts", thin_linear_timeouts),
    number!("net.ipv4.tcp_early_retrans", early_retrans),
    flag!("net.ipv4.tcp_sack", sack),
    number!("net.ipv4.tcp_keepalive_time", keepalive_time_s),
    number!("net.ipv4.tcp_keepalive_intvl", keepalive_intvl_s),
    number!("net.ipv4.tcp_keepalive_probes", keepalive_probes),
    number!("net.ipv4.tcp_fin_timeout", fin_timeout_s),
    number!("net.ipv4.tcp_max_tw_buckets", max_tw_buckets),
    number!("net.ipv4.tcp_tw_reuse", tw_reuse),
    number!("net.ipv4.tcp_tw_reuse_delay", tw_reuse_delay_ms),
    flag!("net.ipv4.tcp_rfc1337", rfc1337),
    flag!("net.ipv4.tcp_timestamps", timestamps),
    Field {
        key: "net.ipv4.ip_local_port_range",
        store: |settings, text| store_port_pair(text, &mut settings.local_ports),
        show: |settings| format!("{} {}", settings.local_ports.0, settings.local_ports.1),
    },
    Field {
        key: "net.ipv4.ip_local_reserved_ports",
        store: |settings, text| {
            let ports = parse_port_list(text);
            let understood = ports.is_some();
            settings.reserved_ports = ports.unwrap_or_default();
            understood
        },
        show: |settings| {
            let ranges = settings.reserved_ports.iter().map(|(low, high)| format!("{low}-{high}"));
            ranges.collect::<Vec<_>>().join(",")
        },
    },
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

    /// The values as the kernel takes them, by key, in an order in which they can be written.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, String)> {
        FIELDS.iter().map(|field| (field.key, (field.show)(self))).collect()
    }

    /// Whether any minisock is kept (TIME_WAIT, and FIN_WAIT_2 of an orphan). `inet_twsk_alloc()` compares without a
    /// sign, so that a negative `tcp_max_tw_buckets` is no limit (measured on 6.18).
    #[must_use]
    pub const fn keeps_time_wait(&self) -> bool {
        self.max_tw_buckets != 0
    }

    /// `tcp_rto_max_ms` in microseconds.
    pub(super) fn rto_max_us(&self) -> u64 {
        u64::from(self.rto_max_ms) * 1000
    }
}

/// Settings as they were read from a host, with the keys that could not be. An answer that follows from one of those
/// is not known, however likely the kernel's initial value is: only here is that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSettings {
    settings: Settings,
    missing: BTreeSet<&'static str>,
}

impl KnownSettings {
    /// Takes the values that the model needs. A key without a value, or with one that the kernel would never show,
    /// is missing, unless `exists` says that this kernel does not have it.
    pub fn new(values: &SysctlValues, exists: impl Fn(&str) -> bool) -> Self {
        let mut settings = Settings::default();
        let mut missing = BTreeSet::new();
        for field in FIELDS {
            let stored = values.get(field.key).is_some_and(|text| (field.store)(&mut settings, text));
            if !stored && exists(field.key) {
                missing.insert(field.key);
            }
        }
        Self { settings, missing }
    }

    /// The settings; those that are missing have the kernel's initial value.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Which of these keys are missing, in their order.
    #[must_use]
    pub fn missing(&self, keys: &[&'static str]) -> Vec<&'static str> {
        keys.iter().copied().filter(|key| self.missing.contains(key)).collect()
    }

    /// The limits of a listener that is open with this backlog (ss's Send-Q), which a later change of somaxconn does
    /// not reach. Nothing when `tcp_syncookies` is missing, or with cookies off `tcp_max_syn_backlog`.
    #[must_use]
    pub fn open_queue_limits(&self, backlog: u32, version: KernelVersion) -> Option<QueueLimits> {
        let needed: &[&str] = match self.settings.syncookies {
            0 => &["net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog"],
            _ => &["net.ipv4.tcp_syncookies"],
        };
        let settings = Settings { somaxconn: u32::MAX, ..self.settings.clone() };
        self.missing(needed).is_empty().then(|| queue_limits(backlog, &settings, version))
    }

    /// How many local ports connect() may choose from, which is the same on every kernel version. Nothing when the
    /// range or the list of reserved ports is missing.
    #[must_use]
    pub fn ports_available(&self) -> Option<u64> {
        let known = self.missing(&["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"]).is_empty();
        known.then(|| port_budget(&self.settings, KernelVersion::new(6, 18), false).available)
    }

    /// The settings that say how long TIME-WAIT keeps a port from connect().
    pub const PORT_HELD: [&'static str; 4] = [
        "net.ipv4.tcp_tw_reuse",
        "net.ipv4.tcp_tw_reuse_delay",
        "net.ipv4.tcp_timestamps",
        "net.ipv4.tcp_max_tw_buckets",
    ];

    /// How long TIME-WAIT keeps a port from connect() towards the loopback or anything else, in milliseconds, with
    /// timestamps on at the peer too. Nothing when one of [`Self::PORT_HELD`] is missing.
    #[must_use]
    pub fn port_held_ms(&self, version: KernelVersion, loopback: bool) -> Option<u64> {
        let known = self.missing(&Self::PORT_HELD).is_empty();
        known.then(|| port_budget(&self.settings, version, loopback).held_ms)
    }
}

fn store_number<T: core::str::FromStr>(text: &str, target: &mut T) -> bool {
    let value = text.trim().parse();
    let understood = value.is_ok();
    if let Ok(value) = value {
        *target = value;
    }
    understood
}

fn store_port_pair(text: &str, target: &mut (u16, u16)) -> bool {
    let mut parts = text.split_whitespace().map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(low)), Some(Ok(high))) => {
            *target = (low, high);
            true
        }
        _ => false,
    }
}

/// Reads a list such as `8080,9000-9010`, which may be empty; nothing when a part is no port and no range.
fn parse_port_list(text: &str) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
    };
    let mut ranges: Vec<(u16, u16)> = match text.trim() {
        "" => Vec::new(),
        list => list.split(',').map(range).collect::<Option<_>>()?,
    };
    ranges.sort_unstable();
    Some(ranges)
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
    #[test]
    fn what_is_written_is_read_back_as_the_same_settings() {
        let settings = Settings {
            syn_retries: 2,
            abort_on_overflow: true,
            timestamps: false,
            local_ports: (2000, 3000),
            reserved_ports: vec![(2100, 2100), (2200, 2210)],
            fin_timeout_s: -5,
            ..Settings::default()
        };
        let values = settings.values().into_iter().map(|(key, value)| (key.parse().expect("a key"), value)).collect();
        assert_eq!(Settings::from_values(&values), settings);
    }

    fn values(pairs: &[(&str, &str)]) -> SysctlValues {
        pairs.iter().map(|(key, value)| (key.parse().expect("a key"), (*value).to_owned())).collect()
    }

    #[test]
    fn a_key_is_missing_when_the_kernel_has_it_and_no_value_was_understood() {
        let read = values(&[("net.ipv4.tcp_syn_retries", "many"), ("net.ipv4.tcp_synack_retries", "5")]);
        let known = KnownSettings::new(&read, |key| key != "net.ipv4.tcp_rto_max_ms");
        let asked = ["net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syn_retries", "net.ipv4.tcp_rto_max_ms"];
        assert_eq!(known.missing(&asked), ["net.ipv4.tcp_syn_retries"]);
    }

    #[test]
    fn queues_need_syncookies_and_the_syn_backlog_only_without_them() {
        let version = KernelVersion::new(6, 18);
        let capacity = |pairs: &[(&str, &str)]| {
            let known = KnownSettings::new(&values(pairs), |_| true);
            known.open_queue_limits(128, version).map(|limits| limits.half_open_capacity)
        };
        let (cookies, backlog) = ("net.ipv4.tcp_syncookies", ("net.ipv4.tcp_max_syn_backlog", "64"));
        assert_eq!(capacity(&[]), None);
        assert_eq!(capacity(&[backlog]), None);
        assert_eq!(capacity(&[(cookies, "0")]), None);
        assert_eq!(capacity(&[(cookies, "0"), backlog]), Some(49));
        assert_eq!(capacity(&[(cookies, "1")]), Some(129));
    }

    #[test]
    fn ports_need_the_range_and_the_list_of_reserved_ones() {
        let available = |pairs: &[(&str, &str)]| KnownSettings::new(&values(pairs), |_| true).ports_available();
        let (range, reserved) = (("net.ipv4.ip_local_port_range", "1000 1009"), "net.ipv4.ip_local_reserved_ports");
        assert_eq!(available(&[range]), None);
        assert_eq!(available(&[(reserved, "")]), None);
        assert_eq!(available(&[range, (reserved, "1000,x")]), None);
        assert_eq!(available(&[range, (reserved, "1000,1002-1003")]), Some(7));
    }
}
