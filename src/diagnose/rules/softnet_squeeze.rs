//! CPUs that cannot keep up with what the network brings.
//!
//! `net_rx_action` stops with work left when `netdev_budget` packets or `netdev_budget_usecs` are used up, and counts
//! time_squeeze; the file is of the whole host.

use crate::diagnose::case::{at_least_percent, share};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

const BUDGET: &str = "net.core.netdev_budget";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "softnet-squeeze",
    looks_for: "CPUs that run out of time for received packets",
    topic: None,
    reads: &[Input::Softnet("time_squeeze"), Input::Softnet("processed")],
    keys: &[BUDGET],
    threshold: "100 in one window and 1% of the packets processed: now and then it is everyday, and nothing is lost \
                by it",
    confidence: Confidence::Possible,
    next: Some("mpstat -P ALL, for softirq time; cat /proc/interrupts, for how the queues are spread"),
    proof: Proof::Written("the time of softirqs is that of the CPUs of the whole host, and a test must not use it up"),
    wrong_remedy: "net.core.netdev_max_backlog: nothing is dropped; a huge net.core.netdev_budget: applications then \
                   wait instead",
    disproved_by: "time_squeeze that stays where it is",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let squeezed = case.softnet_rise(|row| row.time_squeeze)?;
    let processed = case.softnet_rise(|row| row.processed)?;
    if squeezed < 100 || !at_least_percent(squeezed, processed, 1) {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("the host's CPUs ran out of time for received packets {squeezed} times {}", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .seen("time_squeeze", case.over_window(squeezed), source::softnet("time_squeeze"))
        .seen("processed", case.over_window(processed), source::softnet("processed"))
        .seen("squeezes beside packets", share(squeezed, processed), source::softnet("time_squeeze, processed"))
        .settings(case, &[BUDGET])
        .because("receive work comes faster than a CPU's share of time for it, often all on one CPU")
        .remedy(
            "spread interrupts and receive queues over the CPUs (RSS, RPS); then double net.core.netdev_budget once",
        )
        .into())
}
