//! Segments that overtake each other.
//!
//! What arrives out of order looks lost until it is there: it is sent again, and the DSACK tells that in vain
//! (`tcp_check_dsack`); RACK widens its patience by that (`tcp_check_sack_reordering`: TCPSACKReorder).

use super::retransmits::{READS, Reason, retransmits, with_evidence};
use crate::diagnose::case::share;
use crate::diagnose::{Case, Confidence, Finding, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "reordering",
    looks_for: "segments that overtake each other on the way",
    topic: Some("data-lost"),
    reads: &READS,
    keys: &[],
    threshold: "20 segments, 4 a second and 1% of the segments sent: at 1% a loss-based congestion control loses most \
                of its speed; half of them needless by the peers' word: one that had not \
                arrived was lost; and a fifth as many signs that segments overtook each other: what a window probe \
                sends is needless too",
    confidence: Confidence::Likely,
    next: Some("ss -tino, for reord_seen and the peers"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_reordering: it is a beginning that the kernel adapts by itself; turning SACK or DSACK \
                   off",
    disproved_by: "TCPDSACKRecv that rests while RetransSegs rises: that is loss, whatever TCPSACKReorder does",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let seen = retransmits(case)?;
    if seen.reason != Reason::Reordering {
        return Ok(Verdict::quiet());
    }
    let sentence = format!(
        "{} of the segments sent {} were sent again, {} of these in vain: reordering",
        share(seen.count, seen.sent),
        case.in_window(),
        share(seen.needless.min(seen.count), seen.count)
    );
    Ok(with_evidence(Finding::new(&RULE, Severity::Warning, sentence), case, &seen)
        .because(
            "paths of different length share one flow: bonding by packet, ECMP, a wireless link, several receive \
                  queues",
        )
        .remedy("let each flow keep one path (hashing by flow); speed is hurt little as long as the receiver keeps up")
        .into())
}
