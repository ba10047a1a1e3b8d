//! Packets dropped before TCP saw them.
//!
//! `enqueue_to_backlog` drops when a CPU's input queue is longer than `netdev_max_backlog`, and counts it in the second
//! column of `/proc/net/softnet_stat`. The file is of the whole host in every network namespace.

use crate::diagnose::case::SOFTNET;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "softnet-drops",
    looks_for: "packets dropped by a full input queue of a CPU",
    topic: None,
    reads: &[Input::Softnet("dropped")],
    keys: &["net.core.netdev_max_backlog"],
    threshold: "any packet: the kernel counts it only when the queue is full",
    confidence: Confidence::Certain,
    next: None,
    proof: Proof::Written,
    wrong_remedy: "a huge net.core.netdev_max_backlog such as 250000: packets then wait instead, for longer than a \
                   retry",
    disproved_by: "the second column of /proc/net/softnet_stat that stays where it is",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let drops = case.softnet_rise()?;
    if drops == 0 {
        return Ok(Verdict::quiet());
    }
    let sentence = format!("{drops} packets dropped {} by full input queues of this host's CPUs", case.in_window());
    let mut finding =
        Finding::new(&RULE, Severity::Critical, sentence).seen("dropped", case.over_window(drops), SOFTNET);
    let rows = |snapshot: &crate::snapshot::Snapshot| snapshot.counters.softnet.clone().unwrap_or_default();
    let before = rows(case.before()?);
    for now in rows(case.now()) {
        let old = before.iter().find(|old| old.cpu == now.cpu && now.cpu.is_some());
        let rise = now.dropped.saturating_sub(old.map_or(now.dropped, |old| old.dropped));
        if let (Some(cpu), true) = (now.cpu, rise > 0) {
            finding = finding.seen(format!("of these on CPU {cpu}"), case.over_window(rise), SOFTNET);
        }
    }
    if let Ok(limit) = case.sysctl_number("net.core.netdev_max_backlog") {
        finding = finding.seen("net.core.netdev_max_backlog", limit.to_string(), "/proc/sys");
    }
    Ok(finding
        .because("packets arrive in bursts larger than net.core.netdev_max_backlog, or one CPU takes them all")
        .remedy(
            "double net.core.netdev_max_backlog (in the initial namespace) until the drops end, and spread the work: \
             receive queues, their interrupts, RPS",
        )
        .into())
}
