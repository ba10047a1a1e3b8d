//! UDP and ICMP beside TCP.

use super::{INT_MAX, always, constant, described, number, since};
use crate::catalog::{Form, Order, Parameter, Scope, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.ipv4.udp_mem", "pages")
        .form(Form::Numbers(3))
        .order(Order::RisingBySense)
        .defaults(&[described("3/4, 1 and 3/2 of an eighth of the pages free at boot")])
        .shared(Scope::Host)
        .affects("global UDP memory"),
    Parameter::number("net.ipv4.udp_rmem_min", "bytes")
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[constant("4096")])
        .per_namespace_since(4, 17)
        .affects("guaranteed UDP receive buffer"),
    Parameter::number("net.ipv4.udp_wmem_min", "bytes")
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[constant("4096")])
        .per_namespace_since(4, 17)
        .affects("guaranteed UDP send buffer")
        .note("no effect in practice"),
    Parameter::number("net.ipv4.udp_early_demux", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .since(4, 12)
        .affects("early lookup"),
    Parameter::number("net.ipv4.udp_l3mdev_accept", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .takes_effect(TakesEffect::NewSockets)
        .affects("UDP socket in default VRF receives from all VRFs")
        .note("CONFIG_NET_L3_MASTER_DEV"),
    Parameter::number("net.ipv4.udp_hash_entries", "buckets")
        .defaults(&[described("by memory; negative in a namespace that shares the initial one")])
        .since(6, 2)
        .takes_effect(TakesEffect::ReadOnly)
        .affects("UDP hash size")
        .note("negative = shared"),
    Parameter::number("net.ipv4.udp_child_hash_entries", "buckets")
        .ranges(&[always(number(0), number(65_536))])
        .defaults(&[constant("0")])
        .since(6, 2)
        .takes_effect(TakesEffect::NewNamespaces)
        .affects("private UDP hash"),
    Parameter::number("net.ipv4.icmp_ratelimit", "ms")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("1000")])
        .affects("ICMP error rate per destination")
        .note("kept in ticks, so 1000 is about 1000 ms; numbers of 2^32 and more wrap around instead of being refused")
        .misunderstood("it slows the port-unreachable and fragmentation-needed messages that other hosts wait for"),
    Parameter::number("net.ipv4.icmp_msgs_per_sec", "per second")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("1000")])
        .since(3, 18)
        .per_namespace_since(6, 12)
        .affects("global ICMP limit")
        .note("default raised to 10000 in newer kernels"),
    Parameter::number("net.ipv4.icmp_msgs_burst", "count")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("50")])
        .since(3, 18)
        .per_namespace_since(6, 12)
        .affects("ICMP burst"),
];
