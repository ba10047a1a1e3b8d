//! Buffers, windows, segment sizes and memory.

use super::{INT_MAX, always, constant, described, from, number, since};
use crate::catalog::{Bound, Default, Form, Order, Parameter, Scope, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.ipv4.tcp_timestamps", "enum")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .takes_effect(TakesEffect::NewConnections)
        .affects("1 with random offset, 2 without; 0 disables PAWS, TIME_WAIT reuse and cookie options")
        .misunderstood("off, it saves 12 bytes a segment and costs PAWS, reuse of TIME-WAIT, and the options of connections made by cookie"),
    Parameter::number("net.ipv4.tcp_window_scaling", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .takes_effect(TakesEffect::NewConnections)
        .affects("windows above 64 KB")
        .misunderstood("off, no window is above 64 KB: 5 Mbit/s at 100 ms"),
    Parameter::number("net.ipv4.tcp_mem", "pages")
        .form(Form::Numbers(3))
        .order(Order::RisingBySense)
        .defaults(&[described("3/4, 1 and 3/2 of a sixteenth of the pages free at boot")])
        .shared(Scope::Host)
        .affects("global TCP memory: low, pressure, high")
        .note("above high: orphans and small windows suffer, TCPAbortOnMemory")
        .misunderstood("pages and not bytes: 4096 bytes each on most machines; a value meant as bytes is 4096 times too large"),
    Parameter::number("net.ipv4.tcp_rmem", "bytes")
        .form(Form::Numbers(3))
        .order(Order::RisingBySense)
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[
            from(0, 0, Default::ConstantFrom { text: "4096 87380 6291456", memory_kib: 1_048_576 }),
            from(4, 20, Default::ConstantFrom { text: "4096 131072 6291456", memory_kib: 1_048_576 }),
            from(6, 16, Default::ConstantFrom { text: "4096 131072 33554432", memory_kib: 5_242_880 }),
        ])
        .per_namespace_since(4, 15)
        .takes_effect(TakesEffect::NewSocketsLimitNow)
        .affects("receive buffer min/default/max")
        .note("a new namespace copies that of the initial one; [2] was 6 MB-class before 6.16; [1] 87380 before 4.20; not forced monotonic")
        .misunderstood("the first number is guaranteed to every socket even under memory pressure, and is no starting point; the last is the limit of autotuning"),
    Parameter::number("net.ipv4.tcp_wmem", "bytes")
        .form(Form::Numbers(3))
        .order(Order::RisingBySense)
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[from(0, 0, Default::ConstantFrom { text: "4096 16384 4194304", memory_kib: 1_048_576 })])
        .per_namespace_since(4, 15)
        .takes_effect(TakesEffect::NewSocketsLimitNow)
        .affects("send buffer min/default/max")
        .note("a new namespace copies that of the initial one; [2] capped by memory")
        .misunderstood("the first number is guaranteed to every socket even under memory pressure; net.core.wmem_max does not limit the last"),
    Parameter::number("net.ipv4.tcp_moderate_rcvbuf", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .per_namespace_since(4, 15)
        .affects("receive autotuning")
        .note("off if SO_RCVBUF set")
        .misunderstood("an application that sets SO_RCVBUF switches it off for that socket"),
    Parameter::number("net.ipv4.tcp_adv_win_scale", "shift")
        .ranges(&[always(number(-31), number(31))])
        .defaults(&[constant("1")])
        .per_namespace_since(4, 15)
        .idle_since(6, 6)
        .affects("share of buffer used as window (obsolete since 6.6)")
        .misunderstood("it has had next to no effect since 6.6: the kernel measures the share itself"),
    Parameter::number("net.ipv4.tcp_app_win", "shift")
        .ranges(&[always(number(0), number(31))])
        .defaults(&[constant("31")])
        .per_namespace_since(4, 15)
        .affects("window reserve for the application"),
    Parameter::number("net.ipv4.tcp_notsent_lowat", "bytes")
        .ranges(&[always(number(0), number(4_294_967_295))])
        .defaults(&[constant("4294967295")])
        .since(3, 12)
        .affects("EPOLLOUT threshold of unsent bytes")
        .note("TCP_NOTSENT_LOWAT")
        .misunderstood("it limits what is not sent yet, not the send buffer; a small value costs wake-ups and no throughput"),
    Parameter::number("net.ipv4.tcp_limit_output_bytes", "bytes")
        .defaults(&[
            constant("262144"),
            from(4, 20, Default::Constant("1048576")),
            from(6, 16, Default::Constant("4194304")),
        ])
        .since(3, 6)
        .per_namespace_since(4, 15)
        .affects("TSQ limit per socket")
        .note("1 MB before 6.16, 256 KB before 4.20")
        .misunderstood("it is what waits below TCP in queues of the host, per socket; it is no send buffer"),
    Parameter::number("net.ipv4.tcp_shrink_window", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(6, 5)
        .affects("allow offering a smaller window"),
    Parameter::number("net.ipv4.tcp_workaround_signed_windows", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .per_namespace_since(4, 15)
        .takes_effect(TakesEffect::NewConnections)
        .affects("assume peer treats windows as signed"),
    Parameter::number("net.ipv4.tcp_rcvbuf_low_rtt", "us")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("1000")])
        .since(6, 19)
        .affects("receive autotuning damping at low RTT"),
    Parameter::number("net.ipv4.tcp_mtu_probing", "enum")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .affects("0 off 1 after blackhole 2 always")
        .misunderstood("1 is enough: it probes only after a black hole was noticed"),
    Parameter::number("net.ipv4.tcp_base_mss", "bytes")
        .defaults(&[constant("1024")])
        .affects("MTU probing start")
        .note("accepts negatives"),
    Parameter::number("net.ipv4.tcp_min_snd_mss", "bytes")
        .ranges(&[always(number(48), number(65_535))])
        .defaults(&[constant("48")])
        .since(5, 2)
        .affects("lower bound of MSS (SACK panic fix)")
        .note("backported to 4.14.y stable"),
    Parameter::number("net.ipv4.tcp_mtu_probe_floor", "bytes")
        .ranges(&[always(number(48), number(65_535))])
        .defaults(&[constant("48")])
        .since(5, 4)
        .affects("floor of MTU probing"),
    Parameter::number("net.ipv4.tcp_probe_interval", "s")
        .ranges(&[always(number(0), Bound::UintMaxPerHz)])
        .defaults(&[constant("600")])
        .since(4, 1)
        .affects("MTU probing interval"),
    Parameter::number("net.ipv4.tcp_probe_threshold", "bytes")
        .defaults(&[constant("8")])
        .since(4, 1)
        .affects("MTU probing stop distance"),
    Parameter::number("net.ipv4.tcp_plb_idle_rehash_rounds", "rounds")
        .ranges(&[always(number(0), number(31))])
        .defaults(&[constant("3")])
        .since(6, 2)
        .affects("PLB"),
    Parameter::number("net.ipv4.tcp_plb_rehash_rounds", "rounds")
        .ranges(&[always(number(0), number(31))])
        .defaults(&[constant("12")])
        .since(6, 2)
        .affects("PLB"),
    Parameter::number("net.ipv4.tcp_ehash_entries", "buckets")
        .defaults(&[described("the size of the hash; negative in a namespace that shares the initial one")])
        .since(6, 1)
        .takes_effect(TakesEffect::ReadOnly)
        .affects("established hash size; negative = shared with init")
        .note("boot parameter thash_entries"),
    Parameter::number("net.ipv4.tcp_child_ehash_entries", "buckets")
        .ranges(&[always(number(0), number(16_777_216))])
        .defaults(&[constant("0")])
        .since(6, 1)
        .takes_effect(TakesEffect::NewNamespaces)
        .affects("private ehash of child namespaces"),
    Parameter::number("net.ipv4.tcp_low_latency", "bool")
        .defaults(&[constant("0")])
        .shared(Scope::Host)
        .takes_effect(TakesEffect::Never)
        .idle_since(4, 14)
        .affects("obsolete, no effect since 4.14 (prequeue removed)")
        .note("file still present on 6.18")
        .misunderstood("it has had no effect since 4.14; the prequeue it bypassed is gone"),
    Parameter::number("net.ipv4.tcp_default_init_rwnd", "segments")
        .only_in("Android kernels")
        .takes_effect(TakesEffect::NewConnections)
        .affects("initial receive window of Android kernels")
        .note("never in a released Linux; the initrwnd of a route does it there"),
    Parameter::number("net.ipv4.tcp_rx_skb_cache", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(5, 3)
        .removed(5, 16)
        .shared(Scope::Host)
        .affects("skb caching"),
    Parameter::number("net.ipv4.tcp_tx_skb_cache", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(5, 3)
        .removed(5, 16)
        .shared(Scope::Host)
        .affects("skb caching"),
];
