//! Connection tracking.

use super::{INT_MAX, always, constant, described, from, number};
use crate::catalog::{Bound, Default, Parameter, Scope, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("120")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: SYN seen")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_syn_recv", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("60")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: SYN-ACK seen")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_established", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("432000")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: idle established")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1")
        .misunderstood("a connection idle for longer is forgotten by the tracker while both ends still hold it"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_fin_wait", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("120")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: FIN seen")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_close_wait", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("60")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: peer FIN acked")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1")
        .misunderstood(
            "a half-closed connection that rests for longer is forgotten by the tracker while both ends still hold it",
        ),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_last_ack", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("30")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: second FIN seen")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("120")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: both FINs acked")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1")
        .misunderstood("this is the tracker's memory of a connection and not the socket's TIME-WAIT"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_close", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("10")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: RST seen")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_max_retrans", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("300")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: after tcp_max_retrans unacknowledged retransmissions")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_timeout_unacknowledged", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("300")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("conntrack entry life: established but last data unacknowledged")
        .note("only if nf_conntrack is active; lazy garbage collection; accepts -1"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_max_retrans", "count")
        .ranges(&[always(number(0), number(255))])
        .defaults(&[constant("3")])
        .affects("retransmissions before max_retrans timeout applies"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_loose", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("1")])
        .affects("pick up mid-stream connections"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_be_liberal", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .affects("only out-of-window RSTs are INVALID"),
    Parameter::number("net.netfilter.nf_conntrack_tcp_ignore_invalid_rst", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(5, 15)
        .affects("do not mark invalid RST"),
    Parameter::number("net.netfilter.nf_conntrack_max", "entries")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[described("by memory: 262144 from about 4 GB on")])
        .shared(Scope::HostReadOnlyInChild)
        .affects("table full: new flows dropped (\"table full, dropping packet\")")
        .note("counter of entries is per netns")
        .misunderstood("raising it alone makes the chains of the hash table longer: nf_conntrack_buckets goes with it"),
    Parameter::number("net.netfilter.nf_conntrack_count", "entries")
        .takes_effect(TakesEffect::ReadOnly)
        .affects("current entries"),
    Parameter::number("net.netfilter.nf_conntrack_buckets", "buckets")
        .defaults(&[described("by memory")])
        .shared(Scope::HostReadOnlyInChild)
        .affects("hash size"),
    Parameter::number("net.netfilter.nf_conntrack_udp_timeout", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("30")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("UDP entry life"),
    Parameter::number("net.netfilter.nf_conntrack_udp_timeout_stream", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("180"), from(5, 0, Default::Constant("120"))])
        .takes_effect(TakesEffect::NextPacket)
        .affects("UDP stream entry life")
        .note("180 before 5.0"),
    Parameter::number("net.netfilter.nf_conntrack_generic_timeout", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("600")])
        .takes_effect(TakesEffect::NextPacket)
        .affects("other protocols"),
];
