//! Timers that expire although nothing was lost.
//!
//! A delay longer than the retransmission timeout: what was sent is acknowledged after all, and `tcp_try_undo_loss`
//! takes the loss back (TCPLossUndo).

use super::retransmits::{READS, Reason, retransmits, with_evidence};
use crate::diagnose::case::share;
use crate::diagnose::{Case, Confidence, Finding, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "spurious-timeouts",
    looks_for: "retransmission timers that expire although nothing was lost",
    topic: Some("data-lost"),
    reads: &READS,
    keys: &[],
    threshold: "20 segments, 4 a second and 1% of the segments sent: at 1% a loss-based congestion control loses most \
                of its speed; at least 3 losses taken back, 30% of the timeouts, and half of the \
                segments needless or sent by timeouts",
    confidence: Confidence::Likely,
    next: Some("ping the peers for spikes; steal time in /proc/stat, for a virtual machine that stands still"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_frto=0: it is what notices; a shorter RTO",
    disproved_by: "TCPLossUndo that rests",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let seen = retransmits(case)?;
    if seen.reason != Reason::SpuriousTimeouts {
        return Ok(Verdict::quiet());
    }
    let sentence = format!(
        "{} of the segments sent {} were sent again for delays, not for loss",
        share(seen.count, seen.sent),
        case.in_window()
    );
    Ok(with_evidence(Finding::new(&RULE, Severity::Warning, sentence), case, &seen)
        .because(
            "delays spike above the retransmission timeout: deep queues on the path, a radio link, a host or VM \
                  that pauses",
        )
        .remedy(
            "shorten the queues (fq_codel at the bottleneck), find what pauses; `ip route change … rto_min` only \
                 as a last resort",
        )
        .into())
}
