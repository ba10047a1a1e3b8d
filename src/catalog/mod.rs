//! What is known of each sysctl.
//!
//! For: one table of names, units, ranges, defaults by kernel version, scopes and effects.
//! Must not: read values, or decide what they should be.
//! Mirrors: `net/ipv4/sysctl_net_ipv4.c`, `net/core/sysctl_net_core.c`, `net/netfilter/nf_conntrack_standalone.c`.
