//! Everything below the protocols: devices, queues, socket limits.

use super::{INT_MAX, always, constant, described, from, number};
use crate::catalog::{Default, Form, Parameter, Scope, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.core.rmem_max", "bytes")
        .ranges(&[always(number(2304), INT_MAX)])
        .defaults(&[constant("212992"), from(6, 18, Default::Constant("4194304"))])
        .shared(Scope::HostReadOnlyInChild)
        .takes_effect(TakesEffect::NewSockets)
        .affects("ceiling of SO_RCVBUF (not of autotuning)")
        .note("212992 before ~6.18 (raised to 4 MB); value doubled by the kernel")
        .misunderstood("it limits SO_RCVBUF and not autotuning, which goes up to the third number of tcp_rmem"),
    Parameter::number("net.core.wmem_max", "bytes")
        .ranges(&[always(number(4608), INT_MAX)])
        .defaults(&[constant("212992"), from(6, 18, Default::Constant("4194304"))])
        .shared(Scope::HostReadOnlyInChild)
        .takes_effect(TakesEffect::NewSockets)
        .affects("ceiling of SO_SNDBUF")
        .note("value doubled by the kernel")
        .misunderstood("it limits SO_SNDBUF and not autotuning, which goes up to the third number of tcp_wmem"),
    Parameter::number("net.core.rmem_default", "bytes")
        .ranges(&[always(number(2304), INT_MAX)])
        .defaults(&[constant("212992")])
        .shared(Scope::HostReadOnlyInChild)
        .takes_effect(TakesEffect::NewSockets)
        .affects("default receive buffer of non-TCP sockets")
        .note("TCP uses tcp_rmem[1]")
        .misunderstood("TCP does not use it: its receive buffers begin with the second number of tcp_rmem"),
    Parameter::number("net.core.wmem_default", "bytes")
        .ranges(&[always(number(4608), INT_MAX)])
        .defaults(&[constant("212992")])
        .shared(Scope::HostReadOnlyInChild)
        .takes_effect(TakesEffect::NewSockets)
        .affects("default send buffer of non-TCP sockets")
        .misunderstood("TCP does not use it: its send buffers begin with the second number of tcp_wmem"),
    Parameter::number("net.core.optmem_max", "bytes")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("20480"), from(6, 7, Default::Constant("131072"))])
        .per_namespace_since(6, 7)
        .affects("ancillary data and filters per socket")
        .note("20480 before ~6.7"),
    Parameter::number("net.core.netdev_max_backlog", "packets")
        .defaults(&[constant("1000")])
        .shared(Scope::Host)
        .affects("per-CPU input queue (RPS, loopback, veth)")
        .note("drops show in softnet_stat, not in TCP counters")
        .misunderstood("a NIC's own interrupts bypass it: it is for packets handed to another CPU, loopback and veth"),
    Parameter::number("net.core.netdev_budget", "packets")
        .defaults(&[constant("300")])
        .shared(Scope::Host)
        .affects("NAPI packets per softirq round"),
    Parameter::number("net.core.netdev_budget_usecs", "us")
        .defaults(&[described("two ticks in microseconds: 8000 at 250 Hz")])
        .since(4, 12)
        .shared(Scope::Host)
        .affects("NAPI time per round"),
    Parameter::number("net.core.dev_weight", "packets")
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[constant("64")])
        .shared(Scope::Host)
        .affects("NAPI weight of backlog device"),
    Parameter::number("net.core.default_qdisc", "name")
        .form(Form::Name)
        .defaults(&[described("pfifo_fast, or what the distribution chose")])
        .since(3, 12)
        .shared(Scope::Host)
        .takes_effect(TakesEffect::NewDevices)
        .affects("qdisc of new devices")
        .note("distribution dependent")
        .misunderstood("devices that are up keep theirs; pacing for BBR needs no fq since 4.13"),
    Parameter::number("net.core.busy_poll", "us")
        .defaults(&[constant("0")])
        .since(3, 11)
        .shared(Scope::Host)
        .affects("busy polling in poll/select")
        .misunderstood("it burns a CPU while it waits; it is for a few latency-critical processes and not for a host"),
    Parameter::number("net.core.busy_read", "us")
        .defaults(&[constant("0")])
        .since(3, 11)
        .shared(Scope::Host)
        .takes_effect(TakesEffect::NewSockets)
        .affects("busy polling on read"),
    Parameter::number("net.core.rps_sock_flow_entries", "entries")
        .ranges(&[always(number(0), number(536_870_912))])
        .defaults(&[constant("0")])
        .since_2_6(35)
        .shared(Scope::Host)
        .affects("RFS table"),
    Parameter::number("net.core.txrehash", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("1")])
        .since(5, 18)
        .takes_effect(TakesEffect::NewSockets)
        .affects("re-hash flow label/ECMP on timeouts")
        .note("SO_TXREHASH"),
    Parameter::number("net.core.tstamp_allow_data", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("1")])
        .affects("payload in tx timestamps")
        .note("per netns on 6.18"),
    Parameter::number("net.core.gro_normal_batch", "packets")
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[constant("8")])
        .since(5, 4)
        .shared(Scope::Host)
        .affects("GRO batching"),
    Parameter::number("net.core.high_order_alloc_disable", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(5, 14)
        .shared(Scope::Host)
        .affects("page order of socket fragments"),
    Parameter::number("net.core.max_skb_frags", "frags")
        .ranges(&[always(number(1), number(17))])
        .defaults(&[constant("17")])
        .since(4, 5)
        .shared(Scope::Host)
        .affects("fragments per skb"),
    Parameter::number("net.core.mem_pcpu_rsv", "pages")
        .ranges(&[always(number(1), INT_MAX)])
        .defaults(&[constant("256")])
        .since(6, 8)
        .shared(Scope::Host)
        .affects("per-CPU protocol memory reserve"),
    Parameter::number("net.core.skb_defer_max", "skbs")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("64")])
        .since(5, 19)
        .shared(Scope::Host)
        .affects("remote skb free batching")
        .note("64 measured on 6.18; 128 newer"),
    Parameter::number("net.core.flow_limit_table_len", "entries")
        .defaults(&[constant("4096")])
        .since(3, 11)
        .shared(Scope::Host)
        .takes_effect(TakesEffect::NextEnable)
        .affects("flow limit hash"),
    Parameter::number("net.core.flow_limit_cpu_bitmap", "mask")
        .form(Form::Hex)
        .defaults(&[constant("0")])
        .since(3, 11)
        .shared(Scope::Host)
        .affects("CPUs with flow limit")
        .note("CONFIG_NET_FLOW_LIMIT"),
    Parameter::number("net.core.message_cost", "s")
        .defaults(&[constant("5")])
        .shared(Scope::Host)
        .affects("rate limit of network log lines")
        .note("affects the SYN flood log")
        .misunderstood("it is why the kernel's line about a SYN flood is missing from the log"),
    Parameter::number("net.core.message_burst", "count")
        .defaults(&[constant("10")])
        .shared(Scope::Host)
        .affects("rate limit burst"),
    Parameter::number("net.core.warnings", "bool")
        .defaults(&[constant("0")])
        .shared(Scope::Host)
        .takes_effect(TakesEffect::Never)
        .idle_since(0, 0)
        .affects("obsolete"),
];
