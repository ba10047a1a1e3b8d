//! Segments that this host's own queue drops.
//!
//! `qdisc_drop` counts what a queueing discipline does not take (`tcp_transmit_skb` then hears of it, and sends again):
//! on the wire nothing was lost, and no path is to blame.

use super::retransmits::{READS, Reason, Retransmits, retransmits, with_evidence};
use crate::diagnose::case::at_least_percent;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "own-queue-drops",
    looks_for: "segments that a queue of this host drops before they are sent",
    topic: Some("data-lost"),
    reads: &INPUTS,
    keys: &["net.core.default_qdisc"],
    threshold: "segments sent again as for packet-loss, and at least four fifths as many packets dropped by queues of this \
                host's devices: 123 of 123 were measured, and a path that loses moves none of these",
    confidence: Confidence::Likely,
    next: Some("tc -s qdisc, for limits and drops; tc -s class, where there are classes"),
    proof: Proof::Live,
    wrong_remedy: "mtr, or a call to the provider: the packets never left; txqueuelen, which this queue does not use",
    disproved_by: "drops of other traffic, such as UDP, in that queue beside segments that were lost on the way",
    check: |case| judge(case).into(),
};

/// Those of every rule about segments that are sent again, behind its own.
const INPUTS: [Input; 21] = {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = READS;
    [Input::DeviceQueues, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t]
};

/// Packets dropped below which it is chance, and their share of the segments sent again, in percent.
const MIN: u64 = 10;
const SHARE_PERCENT: u64 = 80;

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let Some((seen, queues)) = dropped(case)? else { return Ok(Verdict::quiet()) };
    let Some((queue, most)) = queues.iter().max_by_key(|(_, dropped)| *dropped) else { return Ok(Verdict::quiet()) };
    let all: u64 = queues.iter().map(|(_, dropped)| dropped).sum();
    let elsewhere = if queues.len() > 1 { format!(", and {} by others", all - most) } else { String::new() };
    let sentence = format!(
        "{most} packets were dropped {} by the queue of {}{elsewhere}: they never left this host, and {} segments were sent \
         again",
        case.in_window(),
        queue.device,
        seen.count
    );
    let source = "rtnetlink RTM_GETQDISC TCA_STATS_QUEUE";
    let finding = queues.iter().fold(Finding::new(&RULE, Severity::Warning, sentence), |finding, (queue, dropped)| {
        finding.seen(format!("dropped by {} of {}", queue.kind, queue.device), case.over_window(*dropped), source)
    });
    let finding =
        if queues.len() > 1 { finding.seen("of them by others", (all - most).to_string(), source) } else { finding };
    Ok(with_evidence(finding, case, &seen)
        .settings(case, RULE.keys)
        .because("what is sent comes faster than that queue lets it go, and it holds less than a window of data")
        .remedy(
            "a larger limit of that queue, or fq_codel or fq in its place; a rate below it by the application or \
             SO_MAX_PACING_RATE, where the rate is meant",
        )
        .into())
}

/// Whether this rule speaks.
pub(super) fn claims(case: &Case<'_>) -> bool {
    dropped(case).is_ok_and(|found| found.is_some())
}

type Dropped<'a> = (Retransmits, Vec<(&'a crate::snapshot::DeviceQueue, u64)>);

/// The queues that dropped what was sent again.
fn dropped<'a>(case: &Case<'a>) -> Result<Option<Dropped<'a>>, String> {
    let seen = retransmits(case)?;
    if seen.reason != Reason::Loss {
        return Ok(None);
    }
    let mut queues = case.queue_drops_rise()?;
    queues.retain(|(_, dropped)| *dropped > 0);
    let all: u64 = queues.iter().map(|(_, dropped)| dropped).sum();
    Ok((all >= MIN && at_least_percent(all, seen.count, SHARE_PERCENT)).then_some((seen, queues)))
}
