//! How many neighbours there may be: hosts of the same network, by ARP and neighbour discovery.

use super::{INT_MAX, always, constant, number};
use crate::catalog::{DefaultSince, Parameter, RangeSince, Scope};

/// `proc_dointvec_minmax` with these bounds, in every kernel.
const RANGES: &[RangeSince] = &[always(number(0), INT_MAX)];

/// A threshold of one family's table, which all namespaces share (`neigh_table`).
const fn threshold(key: &'static str, default: &'static [DefaultSince]) -> Parameter {
    Parameter::number(key, "neighbours").ranges(RANGES).defaults(default).shared(Scope::Host)
}

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    threshold("net.ipv4.neigh.default.gc_thresh1", &[constant("128")])
        .affects("below so many neighbours nothing is collected")
        .note("one table for all namespaces of the host")
        .misunderstood("it is no limit: it only keeps small tables from being collected at all"),
    threshold("net.ipv4.neigh.default.gc_thresh2", &[constant("512")])
        .affects("above so many neighbours those unused for 5 s are collected at once")
        .note("neigh_alloc() collects on every new neighbour then")
        .misunderstood("the table may be larger for 5 s, up to gc_thresh3"),
    threshold("net.ipv4.neigh.default.gc_thresh3", &[constant("1024")])
        .affects("the most neighbours of all namespaces together; beyond it packets to new ones are lost")
        .note("a connect times out and sendto() fails with ENOBUFS; the kernel logs `neighbor table overflow`")
        .misunderstood("it is for the whole host, all containers together, and not for each interface"),
    threshold("net.ipv6.neigh.default.gc_thresh1", &[constant("128")])
        .affects("below so many neighbours nothing is collected")
        .note("one table for all namespaces of the host; needs CONFIG_IPV6")
        .misunderstood("it is no limit: it only keeps small tables from being collected at all"),
    threshold("net.ipv6.neigh.default.gc_thresh2", &[constant("512")])
        .affects("above so many neighbours those unused for 5 s are collected at once")
        .note("neigh_alloc() collects on every new neighbour then; needs CONFIG_IPV6")
        .misunderstood("the table may be larger for 5 s, up to gc_thresh3"),
    threshold("net.ipv6.neigh.default.gc_thresh3", &[constant("1024")])
        .affects("the most neighbours of all namespaces together; beyond it packets to new ones are lost")
        .note("a connect times out and sendto() fails with ENOBUFS; the kernel logs `neighbor table overflow`; needs CONFIG_IPV6")
        .misunderstood("it is for the whole host, all containers together, and not for each interface"),
];
