//! Packets dropped before TCP saw them.
//!
//! `enqueue_to_backlog` drops when a CPU's input queue is longer than `netdev_max_backlog`, and counts it in the second
//! column of `/proc/net/softnet_stat`. The file is of the whole host in every network namespace.

use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Packets below which it is a hiccup.
const MIN: u64 = 10;

/// Packets processed to one dropped, from which on nobody feels it.
const PACKETS_MAX: u64 = 10_000;

/// The same, up to which it costs connections most of their speed.
const CRITICAL_PACKETS_MAX: u64 = 1000;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "softnet-drops",
    looks_for: "packets dropped by a full input queue of a CPU",
    topic: None,
    reads: &[Input::Softnet("dropped"), Input::Softnet("processed")],
    keys: &["net.core.netdev_max_backlog"],
    threshold: "10 packets and one in 10000, critical from one in 1000: a burst that drops a single packet is repaired by \
                one retransmission",
    confidence: Confidence::Certain,
    next: None,
    proof: Proof::Written("the input queues are those of the CPUs of the whole host, and a test must not fill these"),
    wrong_remedy: "a huge net.core.netdev_max_backlog such as 250000: packets then wait instead, for longer than a \
                   retry",
    disproved_by: "the second column of /proc/net/softnet_stat that stays where it is",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let drops = case.softnet_rise(|row| row.dropped)?;
    let processed = case.softnet_rise(|row| row.processed)?;
    if drops < MIN || drops.saturating_mul(PACKETS_MAX) < processed {
        return Ok(Verdict::quiet());
    }
    let critical = drops.saturating_mul(CRITICAL_PACKETS_MAX) >= processed;
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let sentence = format!("{drops} packets dropped {} by full input queues of this host's CPUs", case.in_window());
    let mut finding =
        Finding::new(&RULE, severity, sentence).seen("dropped", case.over_window(drops), source::softnet("dropped"));
    finding = finding.seen("processed", case.over_window(processed), source::softnet("processed"));
    for (row, rise) in case.softnet_rises(|row| row.dropped)? {
        if let (Some(cpu), true) = (row.cpu, rise > 0) {
            finding =
                finding.seen(format!("of these on CPU {cpu}"), case.over_window(rise), source::softnet("dropped"));
        }
    }
    if let Ok(limit) = case.sysctl_number("net.core.netdev_max_backlog") {
        finding = finding.seen(
            "net.core.netdev_max_backlog",
            limit.to_string(),
            source::setting("net.core.netdev_max_backlog"),
        );
    }
    Ok(finding
        .because("packets arrive in bursts larger than net.core.netdev_max_backlog, or one CPU takes them all")
        .remedy(
            "double net.core.netdev_max_backlog (in the initial namespace) until the drops end, and spread the work: \
             receive queues, their interrupts, RPS",
        )
        .into())
}
