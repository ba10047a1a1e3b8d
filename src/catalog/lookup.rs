//! Finding rows of the table.

use super::{Parameter, parameters};
use crate::units::KernelVersion;

/// The row of a key, written with dots; nothing when the table does not have it.
#[must_use]
pub fn find(key: &str) -> Option<&'static Parameter> {
    parameters().find(|parameter| parameter.key == key)
}

/// The row for what a person typed: the key with dots or slashes, or its last part alone (`tcp_syn_retries`) where no
/// other key ends alike.
#[must_use]
pub fn find_by_name(name: &str) -> Option<&'static Parameter> {
    let dotted = name.replace('/', ".");
    let mut alike = parameters().filter(|parameter| parameter.leaf() == dotted);
    find(&dotted).or_else(|| alike.next().filter(|_| alike.next().is_none()))
}

/// The keys most like what a person typed, the likest first, at most three.
///
/// A name without a dot is compared with last parts.
#[must_use]
pub fn nearest(name: &str) -> Vec<&'static str> {
    /// Below this share of common letters a suggestion confuses more than it helps.
    const LEAST_LIKENESS: f32 = 0.7;
    let dotted = name.replace('/', ".");
    let whole = dotted.contains('.');
    let names: Vec<&'static str> =
        parameters().map(|parameter| if whole { parameter.key } else { parameter.leaf() }).collect();
    let close = similar::get_close_matches(dotted.as_str(), &names, 3, LEAST_LIKENESS);
    let row = |name: &str| parameters().find(|parameter| parameter.key == name || parameter.leaf() == name);
    close.into_iter().filter_map(row).map(|parameter| parameter.key).collect()
}

/// Whether a kernel has the key; a key that the table does not know counts as not there.
#[must_use]
pub fn exists(key: &str, version: KernelVersion) -> bool {
    find(key).is_some_and(|parameter| parameter.exists(version))
}

impl Parameter {
    /// The last part of its name.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.key.rsplit('.').next().unwrap_or(self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_each_way_of_writing_it() {
        for name in ["net.ipv4.tcp_syn_retries", "net/ipv4/tcp_syn_retries", "tcp_syn_retries"] {
            assert_eq!(find_by_name(name).map(|p| p.key), Some("net.ipv4.tcp_syn_retries"), "{name}");
        }
        assert!(find_by_name("tcp_syn").is_none());
        assert!(find_by_name("gc_thresh3").is_none(), "both IP versions have one");
    }

    #[test]
    fn a_typing_mistake_leads_to_the_name_that_was_meant() {
        assert_eq!(nearest("net.ipv4.tcp_synak_retries").first(), Some(&"net.ipv4.tcp_synack_retries"));
        assert_eq!(nearest("tcp_syncookie").first(), Some(&"net.ipv4.tcp_syncookies"));
        assert_eq!(nearest("net.core.somaxcon").first(), Some(&"net.core.somaxconn"));
        assert!(nearest("vm.swappiness").len() <= 3);
        assert!(nearest("zzzzzz").is_empty());
    }

    #[test]
    fn a_key_exists_from_its_first_kernel_to_the_one_that_dropped_it() {
        let on = |key, major, minor| exists(key, KernelVersion::new(major, minor));
        assert!(!on("net.ipv4.tcp_syn_linear_timeouts", 6, 4));
        assert!(on("net.ipv4.tcp_syn_linear_timeouts", 6, 5));
        assert!(on("net.ipv4.tcp_rx_skb_cache", 5, 15));
        assert!(!on("net.ipv4.tcp_rx_skb_cache", 5, 16));
        assert!(!on("net.ipv4.tcp_tw_recycle", 4, 14));
        assert!(!on("net.ipv4.no_such_key", 6, 18));
    }
}
