//! Sysctls that exist and are not this table's: other protocols, devices, other subsystems; and modules that bring keys.

/// Keys that are not about TCP, and what they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// A key, or with `.` or `_` at its end the beginning of keys.
    pub key: &'static str,
    /// What they are about.
    pub about: &'static str,
}

/// A row of the list.
const fn row(key: &'static str, about: &'static str) -> Elsewhere {
    Elsewhere { key, about }
}

/// What there is beside the table below `net.core`, `net.ipv4` and `net.netfilter`: with the table, every key that
/// kernels from 4.14 on have there.
const ROWS: &[Elsewhere] = &[
    row("net.core.bpf_jit_", "the BPF compiler"),
    row("net.core.dev_weight_", "NAPI weights"),
    row("net.core.devconf_inherit_init_net", "settings of new namespaces"),
    row("net.core.fb_tunnels_only_for_init_net", "tunnel devices of new namespaces"),
    row("net.core.netdev_rss_key", "receive hashing"),
    row("net.core.netdev_tstamp_prequeue", "time stamps"),
    row("net.core.netdev_unregister_timeout_secs", "device removal"),
    row("net.core.rps_default_mask", "receive steering"),
    row("net.core.txq_reselection_ms", "transmit queues"),
    row("net.core.qdisc_max_burst", "queueing"),
    row("net.core.bypass_prot_mem", "memory accounting"),
    row("net.core.xfrm_", "IPsec"),
    row("net.ipv4.conf.", "IPv4 settings of interfaces"),
    row("net.ipv4.neigh.", "neighbours (ARP)"),
    row("net.ipv6.neigh.", "neighbours (NDP)"),
    row("net.ipv4.route.", "routing"),
    row("net.ipv4.vs.", "IPVS"),
    row("net.ipv4.cipso_", "labels"),
    row("net.ipv4.fib_", "routing"),
    row("net.ipv4.fwmark_reflect", "marks"),
    row("net.ipv4.icmp_", "ICMP"),
    row("net.ipv4.igmp_", "multicast"),
    row("net.ipv4.inet_peer_", "the cache of peers"),
    row("net.ipv4.ip_default_ttl", "IP"),
    row("net.ipv4.ip_dynaddr", "IP"),
    row("net.ipv4.ip_early_demux", "IP"),
    row("net.ipv4.ip_forward", "forwarding"),
    row("net.ipv4.ip_forward_", "forwarding"),
    row("net.ipv4.ipfrag_", "fragments"),
    row("net.ipv4.nexthop_compat_mode", "routing"),
    row("net.ipv4.ping_group_range", "ping sockets"),
    row("net.ipv4.raw_l3mdev_accept", "raw sockets"),
    row("net.ipv4.xfrm4_gc_thresh", "IPsec"),
    row("net.netfilter.nf_conntrack_acct", "connection tracking"),
    row("net.netfilter.nf_conntrack_checksum", "connection tracking"),
    row("net.netfilter.nf_conntrack_dccp_", "connection tracking"),
    row("net.netfilter.nf_conntrack_events", "connection tracking"),
    row("net.netfilter.nf_conntrack_events_retry_timeout", "connection tracking"),
    row("net.netfilter.nf_conntrack_expect_max", "connection tracking"),
    row("net.netfilter.nf_conntrack_frag6_", "fragments"),
    row("net.netfilter.nf_conntrack_gre_", "connection tracking"),
    row("net.netfilter.nf_conntrack_helper", "connection tracking"),
    row("net.netfilter.nf_conntrack_icmp_", "connection tracking"),
    row("net.netfilter.nf_conntrack_icmpv6_", "connection tracking"),
    row("net.netfilter.nf_conntrack_log_invalid", "connection tracking"),
    row("net.netfilter.nf_conntrack_sctp_", "connection tracking"),
    row("net.netfilter.nf_conntrack_timestamp", "connection tracking"),
    row("net.netfilter.nf_flowtable_", "flow offload"),
    row("net.netfilter.nf_hooks_lwtunnel", "hooks of tunnels"),
    row("net.netfilter.nf_log.", "logging"),
    row("net.netfilter.nf_log_all_netns", "logging"),
];

/// Beginnings of keys with the module that brings them; without it the kernel has none of them.
const MODULES: &[(&str, &str)] = &[
    ("net.netfilter.nf_conntrack_", "nf_conntrack"),
    ("net.nf_conntrack_max", "nf_conntrack"),
    ("net.netfilter.nf_flowtable_", "nf_conntrack"),
    ("net.bridge.bridge-nf-", "br_netfilter"),
    ("net.ipv4.vs.", "ip_vs"),
    ("net.sctp.", "sctp"),
    ("net.rds.", "rds"),
    ("sunrpc.", "sunrpc"),
    ("fs.nfs.", "nfs"),
    ("dev.raid.", "md_mod"),
];

/// Beginnings of keys that were gone before 4.14, the oldest kernel this program speaks of, and what took their place;
/// empty where nothing did.
const OLD_NAMES: &[(&str, &str)] = &[
    ("net.ipv4.netfilter.ip_conntrack_", "net.netfilter.nf_conntrack_*"),
    ("net.ipv4.ip_conntrack_", "net.netfilter.nf_conntrack_*"),
    ("net.ipv4.tcp_frto_response", ""),
    ("net.ipv4.tcp_vegas_", ""),
    ("net.ipv4.tcp_westwood", "net.ipv4.tcp_congestion_control"),
    ("net.ipv4.tcp_bic", "net.ipv4.tcp_congestion_control"),
    ("net.ipv4.tcp_bic_", "net.ipv4.tcp_congestion_control"),
    ("net.ipv4.tcp_abc", ""),
    ("net.ipv4.tcp_cookie_size", "net.ipv4.tcp_fastopen"),
    ("net.ipv4.tcp_dma_copybreak", ""),
    ("net.ipv4.tcp_max_ssthresh", ""),
    ("net.ipv4.inet_peer_gc_", ""),
    ("net.ipv4.rt_cache_rebuild_count", ""),
];

/// For a key that older kernels than 4.14 had and later ones do not: what took its place, or an empty text.
#[must_use]
pub fn old_name(key: &str) -> Option<&'static str> {
    OLD_NAMES.iter().find(|(start, _)| covers(start, key)).map(|(_, instead)| *instead)
}

fn covers(row: &str, key: &str) -> bool {
    if row.ends_with(['.', '_', '-']) { key.starts_with(row) } else { key == row }
}

/// What a key that the table does not have is about, where that is known.
#[must_use]
pub fn elsewhere(key: &str) -> Option<&'static Elsewhere> {
    ROWS.iter().find(|row| covers(row.key, key))
}

/// Whether the table and the list together have every key of that folder, so that one they do not have is none.
#[must_use]
pub fn is_charted(key: &str) -> bool {
    let folder = key.rsplit_once('.').map_or("", |(folder, _)| folder);
    matches!(folder, "net.core" | "net.ipv4" | "net.netfilter")
}

/// The module that brings a key, where the kernel has the key only while that is loaded.
#[must_use]
pub fn module_of(key: &str) -> Option<&'static str> {
    MODULES.iter().find(|(start, _)| covers(start, key)).map(|(_, module)| *module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::parameters;

    #[test]
    fn the_list_and_the_table_do_not_speak_of_the_same_key_unless_of_its_beginning() {
        for row in parameters() {
            let both = elsewhere(row.key).filter(|other| other.key == row.key);
            assert!(both.is_none(), "{} is in both", row.key);
        }
    }

    #[test]
    fn keys_of_modules_are_known_as_such() {
        assert_eq!(module_of("net.netfilter.nf_conntrack_max"), Some("nf_conntrack"));
        assert_eq!(module_of("net.bridge.bridge-nf-call-iptables"), Some("br_netfilter"));
        assert_eq!(module_of("net.ipv4.tcp_rmem"), None);
        assert!(is_charted("net.ipv4.tcp_rmen") && !is_charted("net.ipv4.conf.all.rp_filter"));
    }
}
