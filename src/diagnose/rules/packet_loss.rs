//! Segments that are lost on the way.
//!
//! Loss shows as retransmissions without DSACKs and without anything taken back (`tcp_fastretrans_alert`).

use super::retransmits::{READS, Reason, retransmits, with_evidence};
use crate::diagnose::case::share;
use crate::diagnose::{Case, Confidence, Finding, Proof, Rule, Severity, Verdict};

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
    if seen.reason != Reason::Loss {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{} of the segments sent {} were lost and sent again", share(seen.count, seen.sent), case.in_window());
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence);
    if seen.filled_late >= seen.count {
        // Segments that overtake each other do not make these: the peers would tell of each that came twice.
        finding = finding.only(Confidence::Possible);
    }
    Ok(with_evidence(finding, case, &seen)
        .because("segments are dropped on the path, by the receiver's host or by a queue of this host")
        .remedy(
            "look for drops near (`tc -s qdisc`, `ip -s link`) before far; a congestion control that tolerates \
                 loss (bbr) hides it",
        )
        .into())
}
