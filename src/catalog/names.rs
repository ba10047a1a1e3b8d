//! Names that some keys take: congestion controls and queueing disciplines.

use crate::units::KernelVersion;

/// A congestion control or a queueing discipline of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name, as the key takes it.
    pub name: &'static str,
    /// First kernel that has it; 0.0 for what is older than 4.14, the oldest that this program speaks of.
    pub since: KernelVersion,
    /// First kernel that no longer has it.
    pub removed: Option<KernelVersion>,
    /// The module that brings it, where it is not always built in.
    pub module: Option<&'static str>,
}

const ALWAYS: KernelVersion = KernelVersion::new(0, 0);

const fn built_in(name: &'static str) -> Named {
    Named { name, since: ALWAYS, removed: None, module: None }
}

const fn module(name: &'static str, module: &'static str) -> Named {
    Named { name, since: ALWAYS, removed: None, module: Some(module) }
}

const fn since(major: u16, minor: u16, named: Named) -> Named {
    Named { since: KernelVersion::new(major, minor), ..named }
}

const fn until(major: u16, minor: u16, named: Named) -> Named {
    Named { removed: Some(KernelVersion::new(major, minor)), ..named }
}

/// Every `tcp_congestion_ops` of Linux (net/ipv4/tcp_*.c).
const CONGESTION_CONTROLS: &[Named] = &[
    built_in("reno"),
    module("bbr", "tcp_bbr"),
    module("bic", "tcp_bic"),
    module("cdg", "tcp_cdg"),
    module("cubic", "tcp_cubic"),
    module("dctcp", "tcp_dctcp"),
    module("highspeed", "tcp_highspeed"),
    module("htcp", "tcp_htcp"),
    module("hybla", "tcp_hybla"),
    module("illinois", "tcp_illinois"),
    module("lp", "tcp_lp"),
    module("nv", "tcp_nv"),
    module("scalable", "tcp_scalable"),
    module("vegas", "tcp_vegas"),
    module("veno", "tcp_veno"),
    module("westwood", "tcp_westwood"),
    module("yeah", "tcp_yeah"),
];

/// Every `Qdisc_ops` of Linux (net/sched/sch_*.c) that may be the root of a device.
const QUEUEING_DISCIPLINES: &[Named] = &[
    built_in("bfifo"),
    built_in("mq"),
    built_in("noqueue"),
    built_in("pfifo"),
    built_in("pfifo_fast"),
    built_in("pfifo_head_drop"),
    since(4, 19, module("cake", "sch_cake")),
    since(4, 15, module("cbs", "sch_cbs")),
    since(4, 19, module("etf", "sch_etf")),
    since(4, 19, module("skbprio", "sch_skbprio")),
    since(4, 20, module("taprio", "sch_taprio")),
    since(5, 6, module("ets", "sch_ets")),
    since(5, 6, module("fq_pie", "sch_fq_pie")),
    since(6, 17, module("dualpi2", "sch_dualpi2")),
    until(6, 3, module("atm", "sch_atm")),
    until(6, 3, module("cbq", "sch_cbq")),
    until(6, 3, module("dsmark", "sch_dsmark")),
    module("choke", "sch_choke"),
    module("codel", "sch_codel"),
    module("drr", "sch_drr"),
    module("fq", "sch_fq"),
    module("fq_codel", "sch_fq_codel"),
    module("gred", "sch_gred"),
    module("hfsc", "sch_hfsc"),
    module("hhf", "sch_hhf"),
    module("htb", "sch_htb"),
    module("mqprio", "sch_mqprio"),
    module("multiq", "sch_multiq"),
    module("netem", "sch_netem"),
    module("pie", "sch_pie"),
    module("plug", "sch_plug"),
    module("prio", "sch_prio"),
    module("qfq", "sch_qfq"),
    module("red", "sch_red"),
    module("sfb", "sch_sfb"),
    module("sfq", "sch_sfq"),
    module("tbf", "sch_tbf"),
    module("teql", "sch_teql"),
];

/// What a key takes that takes names: what they are names of, and those of Linux. Others may come with modules or BPF
/// programs that are no part of it.
#[must_use]
pub fn names_of(key: &str) -> Option<(&'static str, &'static [Named])> {
    match key {
        "net.ipv4.tcp_congestion_control" | "net.ipv4.tcp_allowed_congestion_control" => {
            Some(("congestion control", CONGESTION_CONTROLS))
        }
        "net.core.default_qdisc" => Some(("queueing discipline", QUEUEING_DISCIPLINES)),
        _ => None,
    }
}

/// The name of a key's list that is most like one that is none.
#[must_use]
pub fn nearest_name(key: &str, name: &str) -> Option<&'static str> {
    let (_, names) = names_of(key)?;
    let all: Vec<&'static str> = names.iter().map(|named| named.name).collect();
    similar::get_close_matches(name, &all, 1, 0.6).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once_and_a_typing_mistake_leads_to_it() {
        for key in ["net.ipv4.tcp_congestion_control", "net.core.default_qdisc"] {
            let (_, names) = names_of(key).unwrap();
            for named in names {
                assert_eq!(names.iter().filter(|other| other.name == named.name).count(), 1, "{}", named.name);
                assert!(named.removed.is_none_or(|removed| removed > named.since), "{}", named.name);
            }
        }
        assert_eq!(nearest_name("net.ipv4.tcp_congestion_control", "bbrr"), Some("bbr"));
        assert_eq!(nearest_name("net.core.default_qdisc", "fq-codel"), Some("fq_codel"));
        assert_eq!(nearest_name("net.ipv4.tcp_rmem", "fq"), None);
    }
}
