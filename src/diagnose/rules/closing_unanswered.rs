//! Connections that are closing, and whose FIN nobody acknowledges.
//!
//! FIN_WAIT_1, CLOSING and LAST_ACK send the FIN again until `tcp_orphan_retries` are used up (`tcp_out_of_resources`,
//! `tcp_orphan_retries`: 0 stands for 8).

use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::whose;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{SocketRow, Sockets};
use crate::units::TcpState;

/// Closing sockets below which it is everyday.
const MANY: u64 = 100;

/// The states in which a FIN waits for its acknowledgement.
const CLOSING: [TcpState; 3] = [TcpState::FinWait1, TcpState::Closing, TcpState::LastAck];

const ORPHAN_RETRIES: &str = "net.ipv4.tcp_orphan_retries";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "closing-unanswered",
    looks_for: "closing connections whose FIN nobody acknowledges",
    topic: Some("fin-lost"),
    reads: &[Input::Sockets("states"), Input::TcpExt("TCPTimeouts"), Input::Sockstat("orphan")],
    keys: &[ORPHAN_RETRIES],
    threshold: "100 at both readings, 5% of what is open, and a timeout for at least every tenth in the window: an \
                acknowledged FIN passes these states within a round trip",
    confidence: Confidence::Likely,
    next: Some("ss -tno state fin-wait-1 and state last-ack, for the peers"),
    proof: Proof::Live,
    wrong_remedy: "lowering net.ipv4.tcp_max_orphans: it resets connections of others",
    disproved_by: "a number that goes back to nearly zero within seconds",
    check: |case| judge(case).into(),
};

/// Whether this rule speaks: then what is sent again is FINs.
pub(super) fn claims(case: &Case<'_>) -> bool {
    judge(case).is_ok_and(|verdict| !verdict.findings.is_empty())
}

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let count = |sockets: &Sockets| CLOSING.iter().map(|state| sockets.count(*state)).sum::<u64>();
    let (old, sockets) = (case.sockets_before()?, case.sockets()?);
    let (before, now) = (count(old), count(sockets));
    let timeouts = case.tcp_ext_rise("TCPTimeouts")?;
    let open = sockets.count(TcpState::Estab).saturating_add(now);
    if now.min(before) < MANY || !at_least_percent(now, open, 5) || !at_least_percent(timeouts, now, 10) {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{now} connections{} are closing and their FIN is not acknowledged", whose(closing_rows(case)));
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .states(case, &CLOSING)
        .seen("in these states in the reading before", before.to_string(), source::STATES)
        .tcp_ext(case, &["TCPTimeouts"])
        .sockstat(case, "orphan")
        .destinations(closing_rows(case))
        .settings(case, &[ORPHAN_RETRIES])
        .because("the peers are gone, or the path to them is cut, since before the connections were closed")
        .remedy("find out where the peers went; a lower net.ipv4.tcp_orphan_retries ends the rest sooner, with care")
        .into())
}

/// Single sockets whose FIN was sent again.
pub(super) fn closing_rows<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a SocketRow> {
    let rows = case.samples().ok().into_iter().flat_map(|samples| &samples.resending.rows);
    rows.filter(|row| CLOSING.contains(&row.clock.state))
}
