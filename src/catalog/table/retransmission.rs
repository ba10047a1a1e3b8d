//! Retransmission, loss detection and acknowledgements.

use super::{INT_MAX, always, constant, number, since};
use crate::catalog::{Bound, Parameter, Scope, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.ipv4.tcp_retries1", "count")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("3")])
        .affects("when to distrust the route, by a time worked out from the count")
        .note("also starts MTU blackhole probing")
        .misunderstood("it ends nothing; it is when the route is looked up again and MTU probing may start"),
    Parameter::number("net.ipv4.tcp_retries2", "count")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("15")])
        .affects("when an unanswered established connection dies, by a time worked out from the count")
        .note("each one doubles that time until a pause is as long as tcp_rto_max_ms, which each further one adds; also ends zero-window probing")
        .misunderstood("not a count of retransmissions: a time worked out from it, which is 924.6 s for 15 with the longest timeout at 120 s; the timer that finds it spent fires after about 929 s"),
    Parameter::number("net.ipv4.tcp_rto_max_ms", "ms")
        .ranges(&[always(number(1000), number(120_000))])
        .defaults(&[constant("120000")])
        .since(6, 15)
        .takes_effect(TakesEffect::NewSockets)
        .affects("cap of the backed-off RTO; also shrinks the retries2/syn_retries models")
        .note("SYN-ACK timer ignores it up to 6.18, obeys from ~6.19; TCP_RTO_MAX_MS per socket")
        .misunderstood("it shortens the deaths worked out from tcp_retries2 and tcp_syn_retries too, not only the pauses between tries"),
    Parameter::number("net.ipv4.tcp_rto_min_us", "us")
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[constant("200000")])
        .since(6, 11)
        .takes_effect(TakesEffect::NewSockets)
        .affects("floor of rttvar: RTO >= RTT + this")
        .note("does not change SYN RTO (1 s) nor the 200 ms base of the models; locked route rto_min wins")
        .misunderstood("it is added to the smoothed round trip and is not the least timeout by itself; the first SYN still waits 1 s"),
    Parameter::number("net.ipv4.tcp_thin_linear_timeouts", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .since_2_6(34)
        .per_namespace_since(4, 15)
        .affects("no backoff for the first 6 RTOs of streams with <4 packets in flight")
        .note("TCP_THIN_LINEAR_TIMEOUTS per socket"),
    Parameter::number("net.ipv4.tcp_frto", "enum")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("2")])
        .per_namespace_since(4, 15)
        .affects("spurious RTO detection")
        .misunderstood("it does not cause retransmissions: it undoes the slowdown after one that was not needed"),
    Parameter::number("net.ipv4.tcp_recovery", "bitmask")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .since(4, 4)
        .per_namespace_since(4, 15)
        .affects("1 RACK 2 static reorder window 4 no dupthresh")
        .note("in newest kernels RACK is always on (non-RACK code removed 6.16+)")
        .misunderstood("0 does not bring back an older, better recovery: RACK is what finds losses now"),
    Parameter::number("net.ipv4.tcp_early_retrans", "enum")
        .ranges(&[always(number(0), number(4))])
        .defaults(&[constant("3")])
        .since(3, 5)
        .per_namespace_since(4, 15)
        .affects("3/4 enable tail loss probe, after two round trips and, with one packet out, the least timeout")
        .note("0 removes the probe and moves the first RTO earlier")
        .misunderstood("0 does not make TCP quieter: without the tail loss probe a lost last segment waits for the whole timeout"),
    Parameter::number("net.ipv4.tcp_reordering", "packets")
        .ranges(&[since(6, 18, number(1), INT_MAX)])
        .defaults(&[constant("3")])
        .takes_effect(TakesEffect::NewSockets)
        .affects("initial reordering degree")
        .note("never above tcp_max_reordering, which 6.18 refuses; older kernels take any number")
        .misunderstood("only where a socket begins; the kernel learns the real degree and goes up to tcp_max_reordering"),
    Parameter::number("net.ipv4.tcp_max_reordering", "packets")
        .ranges(&[since(6, 18, number(1), INT_MAX)])
        .defaults(&[constant("300")])
        .since(4, 0)
        .per_namespace_since(4, 15)
        .affects("upper bound of reordering"),
    Parameter::number("net.ipv4.tcp_retrans_collapse", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .per_namespace_since(4, 15)
        .affects("merge small segments on retransmission"),
    Parameter::number("net.ipv4.tcp_sack", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .takes_effect(TakesEffect::NewConnections)
        .affects("selective ACK")
        .misunderstood("switching it off saves no CPU worth having, and makes every loss cost more"),
    Parameter::number("net.ipv4.tcp_dsack", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .per_namespace_since(4, 15)
        .affects("duplicate SACK"),
    Parameter::number("net.ipv4.tcp_fack", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .per_namespace_since(4, 15)
        .takes_effect(TakesEffect::Never)
        .idle_since(4, 15)
        .affects("obsolete, no effect since ~4.15")
        .note("file still present on 6.18")
        .misunderstood("it has had no effect since 4.15; RACK took its place"),
    Parameter::number("net.ipv4.tcp_comp_sack_delay_ns", "ns")
        .ranges(&[always(number(0), Bound::UlongMax)])
        .defaults(&[constant("1000000")])
        .since(4, 18)
        .affects("SACK compression delay"),
    Parameter::number("net.ipv4.tcp_comp_sack_slack_ns", "ns")
        .ranges(&[always(number(0), Bound::UlongMax)])
        .defaults(&[constant("100000")])
        .since(5, 8)
        .affects("slack of that timer"),
    Parameter::number("net.ipv4.tcp_comp_sack_nr", "count")
        .ranges(&[always(number(0), number(255))])
        .defaults(&[constant("44")])
        .since(4, 18)
        .affects("SACKs compressed at most"),
    Parameter::number("net.ipv4.tcp_comp_sack_rtt_percent", "percent")
        .ranges(&[always(number(1), number(1000))])
        .defaults(&[constant("33")])
        .since(6, 19)
        .affects("SACK compression relative to RTT"),
    Parameter::number("net.ipv4.tcp_backlog_ack_defer", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("1")])
        .since(6, 7)
        .affects("defer ACK while draining the backlog"),
    Parameter::number("net.ipv4.tcp_pingpong_thresh", "count")
        .ranges(&[always(number(1), number(255))])
        .defaults(&[constant("1")])
        .since(6, 7)
        .affects("request/response exchanges before delayed ACK mode"),
    Parameter::number("net.ipv4.tcp_thin_dupack", "bool")
        .defaults(&[constant("0")])
        .since_2_6(34)
        .removed(4, 11)
        .shared(Scope::Host)
        .takes_effect(TakesEffect::Never)
        .affects("removed")
        .note("sockopt kept as no-op"),
];
