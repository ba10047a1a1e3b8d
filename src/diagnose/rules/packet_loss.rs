//! Segments that are lost on the way.
//!
//! Loss shows as retransmissions without DSACKs and without anything taken back (`tcp_fastretrans_alert`).

use super::own_queue_drops;
use super::retransmits::{READS, Reason, retransmits, with_evidence};
use crate::diagnose::case::{at_least_percent, share};
use crate::diagnose::{Case, Confidence, Finding, Proof, Rule, Severity, Verdict};

/// Share of needless ones, in percent, from which reordering may be part of it: plain loss was seen with next to none.
const NEEDLESS_PERCENT: u64 = 20;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "packet-loss",
    looks_for: "segments that are lost on the way",
    topic: Some("data-lost"),
    reads: &READS,
    keys: &[],
    threshold: "20 segments, 4 a second and 1% of the segments sent: at 1% a loss-based congestion control loses most \
                of its speed; less than half of them needless, and peers that acknowledge nothing at all left out",
    confidence: Confidence::Likely,
    next: Some("tc -s qdisc, for drops of this host's own queue; ss -tino, for the peers; mtr for the path"),
    proof: Proof::Live,
    wrong_remedy: "turning SACK off; larger buffers: they do not bring lost segments back",
    disproved_by: "TCPDSACKRecv that rises as fast as RetransSegs: then the segments had arrived",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let seen = retransmits(case)?;
    if seen.reason != Reason::Loss || own_queue_drops::claims(case) {
        return Ok(Verdict::quiet());
    }
    let needless = at_least_percent(seen.needless, seen.count, NEEDLESS_PERCENT);
    let sentence = format!(
        "{} of the segments sent {} were lost{} and sent again",
        share(seen.count, seen.sent),
        case.in_window(),
        if needless { " or overtaken" } else { "" }
    );
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence);
    // A peer tells once of a bunch that came twice, so more may have been needless than it says.
    if seen.filled_late >= seen.count || needless {
        finding = finding.only(Confidence::Possible);
    }
    // Who suffers most of it, where several timeouts in a row show.
    let suffering = case.samples().into_iter().flat_map(|samples| &samples.resending.rows);
    Ok(with_evidence(finding, case, &seen)
        .destinations(suffering)
        .because("segments are dropped on the path, by the receiver's host or by a queue of this host")
        .remedy(
            "look for drops near (`tc -s qdisc`, `ip -s link`) before far; a congestion control that tolerates \
                 loss (bbr) hides it",
        )
        .into())
}
