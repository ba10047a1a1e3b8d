//! The values of a freshly booted kernel.

use super::{Default, find, parameters};
use crate::units::{KernelVersion, SysctlValues};

/// Most buckets the established hash gets without a boot parameter (`tcp_init`, net/ipv4/tcp.c).
const EHASH_BUCKETS_MAX: u64 = 512 * 1024;

/// Buckets of the established hash: one for 128 KiB of memory, rounded up to a power of two.
///
/// `alloc_large_system_hash` with scale 17; the boot parameter `thash_entries` overrides it.
#[must_use]
pub fn ehash_buckets(memory_kib: u64) -> u64 {
    let buckets = memory_kib / 128;
    if buckets >= EHASH_BUCKETS_MAX { EHASH_BUCKETS_MAX } else { buckets.max(1).next_power_of_two() }
}

/// The default of one key, or nothing when the kernel does not have the key or its default cannot be told.
///
/// `memory_kib` is the host's `MemTotal`; without it, defaults that follow from the memory are not known.
#[must_use]
pub fn default_value(key: &str, version: KernelVersion, memory_kib: Option<u64>) -> Option<String> {
    let parameter = find(key)?;
    if !parameter.exists(version) {
        return None;
    }
    match parameter.default(version)? {
        Default::Constant(text) => Some(text.to_owned()),
        Default::EhashShare { divisor, floor } => {
            let share = ehash_buckets(memory_kib?).checked_div(divisor)?;
            Some(share.max(floor).to_string())
        }
        Default::ConstantFrom { text, memory_kib: needed } => (memory_kib? >= needed).then(|| text.to_owned()),
        Default::Described(_) => None,
    }
}

/// The defaults of a kernel, by key. Keys that it does not have, and defaults that cannot be told, are left out.
#[must_use]
pub fn defaults(version: KernelVersion, memory_kib: Option<u64>) -> SysctlValues {
    parameters()
        .filter_map(|parameter| {
            let value = default_value(parameter.key, version, memory_kib)?;
            Some((parameter.key.parse().ok()?, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(key: &str, major: u16, minor: u16) -> Option<String> {
        default_value(key, KernelVersion::new(major, minor), None)
    }

    #[test]
    fn defaults_that_changed_are_told_by_version() {
        assert_eq!(on("net.core.somaxconn", 5, 3).as_deref(), Some("128"));
        assert_eq!(on("net.core.somaxconn", 5, 4).as_deref(), Some("4096"));
        assert_eq!(on("net.ipv4.tcp_tw_reuse", 4, 18).as_deref(), Some("0"));
        assert_eq!(on("net.ipv4.tcp_tw_reuse", 4, 19).as_deref(), Some("2"));
        assert_eq!(on("net.ipv4.tcp_syn_linear_timeouts", 6, 4), None);
        assert_eq!(on("net.ipv4.tcp_syn_linear_timeouts", 6, 5).as_deref(), Some("4"));
        assert_eq!(on("net.ipv4.tcp_challenge_ack_limit", 6, 0).as_deref(), Some("1000"));
        assert_eq!(on("net.ipv4.tcp_challenge_ack_limit", 6, 1).as_deref(), Some("2147483647"));
    }

    #[test]
    fn what_follows_from_memory_agrees_with_a_measured_host_of_24_gigabytes() {
        let version = KernelVersion::new(6, 18);
        let memory_kib = Some(24_700_000_000 / 1024);
        let value = |key| default_value(key, version, memory_kib);
        assert_eq!(ehash_buckets(24_700_000_000 / 1024), 262_144);
        assert_eq!(value("net.ipv4.tcp_max_tw_buckets").as_deref(), Some("131072"));
        assert_eq!(value("net.ipv4.tcp_max_orphans").as_deref(), Some("131072"));
        assert_eq!(value("net.ipv4.tcp_max_syn_backlog").as_deref(), Some("2048"));
        assert_eq!(default_value("net.ipv4.tcp_max_tw_buckets", version, None), None);
    }

    #[test]
    fn the_smallest_and_the_largest_hosts_stay_within_the_kernels_limits() {
        let version = KernelVersion::new(6, 18);
        assert_eq!(default_value("net.ipv4.tcp_max_syn_backlog", version, Some(1024)).as_deref(), Some("128"));
        assert_eq!(ehash_buckets(u64::MAX), 524_288);
        assert_eq!(ehash_buckets(0), 1);
    }
}
