//! Peers that do not answer data any more.
//!
//! Only timers send again (`tcp_retransmit_timer`), there is no fast retransmission, since no ACK comes back.

use super::retransmits::{READS, Reason, retransmits, with_evidence};
use super::{closing_unanswered, failover_late, mtu_black_hole};
use crate::diagnose::{Case, Confidence, Finding, Proof, Rule, Severity, Verdict};

const RETRIES2: &str = "net.ipv4.tcp_retries2";
const MTU_PROBING: &str = "net.ipv4.tcp_mtu_probing";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "silent-peers",
    looks_for: "connections whose peers have stopped acknowledging",
    topic: Some("data-lost"),
    reads: &READS,
    keys: &[RETRIES2, MTU_PROBING],
    threshold: "20 segments, 4 a second and 1% of the segments sent, at least half of them by timers, and no recovery \
                by ACKs at all: a path that only loses answers now and then",
    confidence: Confidence::Possible,
    next: Some(
        "ss -tino, for backoff and unacked: a full-size head segment while small ones passed is an MTU black hole",
    ),
    proof: Proof::Live,
    wrong_remedy: "shorter keepalive: it does not run while data is unacknowledged; net.ipv4.tcp_retries2=3 on every \
                   host",
    disproved_by: "TCPFastRetrans or TCPSackRecovery that rises: then ACKs come back, and it is loss",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let seen = retransmits(case)?;
    // Where single connections or their states tell more, theirs is the verdict.
    let claimed = [mtu_black_hole::claims, failover_late::claims, closing_unanswered::claims];
    if seen.reason != Reason::Silence || claimed.iter().any(|claims| claims(case)) {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{} segments were sent again {} by timers alone: peers do not answer", seen.count, case.in_window());
    Ok(with_evidence(Finding::new(&RULE, Severity::Warning, sentence), case, &seen)
        .destinations(case.samples().iter().flat_map(|samples| &samples.resending.rows))
        .settings(case, &[RETRIES2, MTU_PROBING])
        .because(
            "the peers are gone, the path is cut in one direction, or full-size packets are dropped without an \
                  ICMP message",
        )
        .remedy(
            "fail over; TCP_USER_TIMEOUT in the application bounds the wait; for a black hole \
                 net.ipv4.tcp_mtu_probing=1 and ICMP let through",
        )
        .into())
}
