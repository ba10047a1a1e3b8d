//! Segments that the network delivers twice.
//!
//! Each copy is answered with a DSACK (`tcp_dsack_set`), far more than were sent again.

use super::retransmits::{READS, Reason, retransmits, with_evidence};
use crate::diagnose::{Case, Confidence, Finding, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "duplicated-packets",
    looks_for: "segments that the network delivers twice",
    topic: Some("why-time-wait"),
    reads: &READS,
    keys: &[],
    threshold: "20 DSACKs, 4 a second and 1% of the segments sent, and twice as many as segments sent again: a host's \
                own needless retransmissions cause at most one each",
    confidence: Confidence::Likely,
    next: Some("tcpdump on both ends, for the same IP identification twice"),
    proof: Proof::Live,
    wrong_remedy: "turning SACK or DSACK off: the copies stay",
    disproved_by: "RetransSegs that rises as fast as TCPDSACKRecv",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let seen = retransmits(case)?;
    if seen.reason != Reason::Duplicates {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{} segments {} arrived twice, and {} were sent again", seen.needless, case.in_window(), seen.count);
    Ok(with_evidence(Finding::new(&RULE, Severity::Warning, sentence), case, &seen)
        .because("something on the path copies packets: a mirror port that leads back, a bond or bridge with a loop")
        .remedy("find the copying device by capturing at both ends and in between")
        .into())
}
