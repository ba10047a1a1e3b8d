//! Small texts: the host's memory, how the kernel was built.

use crate::units::KernelVersion;

/// The version that Debian names in `/proc/sys/kernel/version` (`… Debian 6.1.192-2 (2026-07-01)`), whose releases
/// (`6.1.0-56-cloud-amd64`) leave out the stable sub-level; nothing for other distributions.
#[must_use]
pub fn parse_debian_version(text: &str) -> Option<KernelVersion> {
    let (_, after) = text.split_once(" Debian ")?;
    after.split_whitespace().next()?.parse().ok()
}

/// `MemTotal` of `/proc/meminfo` in KiB.
#[must_use]
pub fn parse_mem_total_kib(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_names_the_stable_release_that_it_built() {
        let version = |text| parse_debian_version(text).map(|version| version.to_string());
        let seen = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-07-01)\n";
        assert_eq!(version(seen).as_deref(), Some("6.1.192"));
        assert_eq!(version("#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1~deb12u1 (2026)").as_deref(), Some("6.12.117"));
        assert_eq!(version("#1 SMP PREEMPT_DYNAMIC @0\n"), None);
        assert_eq!(version("#1 SMP Debian"), None);
    }

    #[test]
    fn memory_is_in_kib() {
        assert_eq!(parse_mem_total_kib("MemTotal:       24579328 kB\nMemFree: 1 kB\n"), Some(24_579_328));
        assert_eq!(parse_mem_total_kib("MemTotal:  lots\n"), None);
    }
}
