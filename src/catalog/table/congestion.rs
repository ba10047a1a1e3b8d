//! Congestion control, ECN, pacing, load balancing.

use super::{always, constant, described, number, since};
use crate::catalog::{Form, Parameter, Scope, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.ipv4.tcp_min_rtt_wlen", "s")
        .ranges(&[always(number(0), number(86_400))])
        .defaults(&[constant("300")])
        .since(4, 4)
        .per_namespace_since(4, 15)
        .affects("window of the min RTT filter"),
    Parameter::number("net.ipv4.tcp_no_metrics_save", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .per_namespace_since(4, 15)
        .affects("do not cache per-destination metrics on close")
        .misunderstood("1 forgets what was learnt of a destination; it was advice for benchmarks"),
    Parameter::number("net.ipv4.tcp_no_ssthresh_metrics_save", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("1")])
        .since(5, 6)
        .affects("do not cache ssthresh"),
    Parameter::number("net.ipv4.tcp_congestion_control", "name")
        .form(Form::Name)
        .defaults(&[described("the kernel configuration says; cubic on most")])
        .since_2_6(13)
        .per_namespace_since(4, 15)
        .takes_effect(TakesEffect::NewSockets)
        .affects("default congestion control")
        .note("kernel config may differ (measured host: bbr)")
        .misunderstood("the sender decides: changing it speeds up what this host sends, never what it receives"),
    Parameter::number("net.ipv4.tcp_available_congestion_control", "list")
        .form(Form::Words)
        .since_2_6(20)
        .takes_effect(TakesEffect::ReadOnly)
        .affects("loaded algorithms"),
    Parameter::number("net.ipv4.tcp_allowed_congestion_control", "list")
        .form(Form::Words)
        .since_2_6(20)
        .affects("algorithms unprivileged users may pick")
        .note("list is global")
        .misunderstood("root may choose any loaded algorithm whatever stands here"),
    Parameter::number("net.ipv4.tcp_available_ulp", "list")
        .form(Form::Words)
        .since(4, 13)
        .shared(Scope::Host)
        .takes_effect(TakesEffect::ReadOnly)
        .affects("upper layer protocols"),
    Parameter::number("net.ipv4.tcp_ecn", "enum")
        .ranges(&[since(5, 13, number(0), number(2)), since(6, 19, number(0), number(5))])
        .defaults(&[constant("2")])
        .takes_effect(TakesEffect::NewConnections)
        .affects("0 off 1 request and accept 2 accept only; 3-5 AccECN")
        .note("AccECN values depend on version")
        .misunderstood("2, the default, answers ECN and does not ask for it"),
    Parameter::number("net.ipv4.tcp_ecn_fallback", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("1")])
        .since(4, 2)
        .affects("drop ECN when SYN is lost"),
    Parameter::number("net.ipv4.tcp_ecn_option", "enum")
        .ranges(&[always(number(0), number(2)), since(6, 19, number(0), number(3))])
        .defaults(&[constant("2")])
        .since(6, 18)
        .affects("AccECN option sending"),
    Parameter::number("net.ipv4.tcp_ecn_option_beacon", "per RTT")
        .ranges(&[always(number(0), number(3))])
        .defaults(&[constant("3")])
        .since(6, 18)
        .affects("AccECN option frequency"),
    Parameter::number("net.ipv4.tcp_slow_start_after_idle", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .per_namespace_since(4, 15)
        .affects("reset cwnd after an idle RTO")
        .misunderstood("0 helps connections that pause, and costs bursts into a path that may have changed meanwhile"),
    Parameter::number("net.ipv4.tcp_pacing_ss_ratio", "percent")
        .ranges(&[always(number(0), number(1000))])
        .defaults(&[constant("200")])
        .since(4, 4)
        .per_namespace_since(4, 15)
        .affects("pacing rate in slow start"),
    Parameter::number("net.ipv4.tcp_pacing_ca_ratio", "percent")
        .ranges(&[always(number(0), number(1000))])
        .defaults(&[constant("120")])
        .since(4, 4)
        .per_namespace_since(4, 15)
        .affects("pacing rate in congestion avoidance"),
    Parameter::number("net.ipv4.tcp_min_tso_segs", "segments")
        .ranges(&[always(number(1), number(255))])
        .defaults(&[constant("2")])
        .since(3, 12)
        .per_namespace_since(4, 15)
        .affects("minimum TSO size"),
    Parameter::number("net.ipv4.tcp_tso_win_divisor", "divisor")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("3")])
        .per_namespace_since(4, 15)
        .affects("part of cwnd one TSO may use"),
    Parameter::number("net.ipv4.tcp_tso_rtt_log", "log2 us")
        .ranges(&[always(number(0), number(255))])
        .defaults(&[constant("9")])
        .since(5, 18)
        .affects("bigger TSO for close peers"),
    Parameter::number("net.ipv4.tcp_autocorking", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("1")])
        .since(3, 14)
        .per_namespace_since(4, 15)
        .affects("coalesce small writes")
        .misunderstood("it is not Nagle: TCP_NODELAY does not switch it off"),
    Parameter::number("net.ipv4.tcp_plb_enabled", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(6, 2)
        .affects("protective load balancing"),
    Parameter::number("net.ipv4.tcp_plb_suspend_rto_sec", "s")
        .ranges(&[always(number(0), number(255))])
        .defaults(&[constant("60")])
        .since(6, 2)
        .affects("PLB pause after RTO"),
    Parameter::number("net.ipv4.tcp_plb_cong_thresh", "1/256")
        .ranges(&[always(number(0), number(256))])
        .defaults(&[constant("128")])
        .since(6, 2)
        .affects("PLB"),
];
