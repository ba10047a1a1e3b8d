//! Small texts: the host's memory, how the kernel was built, which port is which service's.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

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

/// The ports of TCP services in `/etc/services` by their names and aliases (services(5)); the first line that has a name
/// counts, as in getservbyname(3).
#[must_use]
pub fn parse_tcp_services(text: &str) -> BTreeMap<String, u16> {
    let mut services = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
        let Some(port) = port.strip_suffix("/tcp").and_then(|port| port.parse().ok()) else { continue };
        for name in core::iter::once(name).chain(words) {
            services.entry(name.to_owned()).or_insert(port);
        }
    }
    services
}

/// The least and the greatest port that is given out, of `net.ipv4.ip_local_port_range`.
#[must_use]
pub fn parse_port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_whitespace().map(str::parse);
    match (words.next(), words.next(), words.next()) {
        (Some(Ok(least)), Some(Ok(most)), None) => Some(least..=most),
        _ => None,
    }
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
    fn services_have_names_and_aliases() {
        let text = "# Network services\nhttp\t\t80/tcp\t\twww   # WorldWideWeb HTTP\nhttp 80/udp\nhttps 443/tcp\n\
                    domain 53/udp\nwww 8080/tcp\nbad x/tcp\nalone\n";
        let services = parse_tcp_services(text);
        let shown: Vec<_> = services.iter().map(|(name, port)| format!("{name} {port}")).collect();
        assert_eq!(shown, ["http 80", "https 443", "www 80"]);
    }

    #[test]
    fn the_range_of_ports_is_two_numbers() {
        assert_eq!(parse_port_range("32768\t60999\n"), Some(32_768..=60_999));
        assert_eq!(["1024", "1 2 3", "a b", ""].map(parse_port_range), [const { None }; 4]);
    }

    #[test]
    fn memory_is_in_kib() {
        assert_eq!(parse_mem_total_kib("MemTotal:       24579328 kB\nMemFree: 1 kB\n"), Some(24_579_328));
        assert_eq!(parse_mem_total_kib("MemTotal:  lots\n"), None);
    }
}
