//! Closed connections whose peers do not close, and that fill the table of TIME-WAIT.
//!
//! A socket that no application holds waits in FIN_WAIT_2 as a minisock, for `tcp_fin_timeout` at the most
//! (`tcp_time_wait`). It counts in sockstat's `tw` and against `tcp_max_tw_buckets`, and sock_diag alone tells which is
//! which. Data that still comes for one is answered with a reset.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SocketSource;
use crate::units::TcpState;

/// Share of the limit, in percent, from which it is said: peers that close leave next to none.
const WARN_PERCENT: u64 = 20;

const LIMIT: &str = "net.ipv4.tcp_max_tw_buckets";
const FIN_TIMEOUT: &str = "net.ipv4.tcp_fin_timeout";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "fin-wait-2-orphans",
    looks_for: "closed connections whose peers do not close, where they fill the table of TIME-WAIT",
    topic: Some("fin-wait-2"),
    reads: &[Input::Sockets("states"), Input::Sockstat("tw")],
    keys: &[LIMIT, FIN_TIMEOUT],
    threshold: "20% of net.ipv4.tcp_max_tw_buckets in FIN-WAIT-2, and at least as many as in TIME-WAIT: peers that close \
                leave next to none",
    confidence: Confidence::Certain,
    next: Some("ss -tno state fin-wait-2, for the peers and the time that is left"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_tw_reuse: none of them is in TIME-WAIT; lowering net.ipv4.tcp_max_tw_buckets: what \
                   has no place is closed at once, and the peer's data is then reset",
    disproved_by: "FIN-WAIT-2 that goes back to nearly none by itself",
    check: |case| judge(case).into(),
};

/// How many closed connections wait in FIN-WAIT-2.
///
/// # Errors
/// The gap, when the source does not tell TIME-WAIT from them.
pub(super) fn minisocks(case: &Case<'_>) -> Result<u64, String> {
    let sockets = case.sockets()?;
    if sockets.source != SocketSource::SockDiag {
        return Err("TIME-WAIT and closed FIN-WAIT-2 are told apart by sock_diag only".to_owned());
    }
    let minisocks = case.sockstat_tcp("tw")?.saturating_sub(sockets.count(TcpState::TimeWait));
    Ok(minisocks.min(sockets.count(TcpState::FinWait2)))
}

/// Whether they are most of what fills that table.
pub(super) fn are_most(case: &Case<'_>) -> bool {
    case.sockets().is_ok_and(|sockets| minisocks(case).is_ok_and(|all| all > sockets.count(TcpState::TimeWait)))
}

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let all = minisocks(case)?;
    let Some(limit) = case.sysctl_number_if_there(LIMIT)? else { return Ok(Verdict::quiet()) };
    if limit == 0 || !at_least_percent(all, limit, WARN_PERCENT) || !are_most(case) {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{all} closed connections wait for their peers to close: FIN-WAIT-2, in a table of at most {limit}");
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .sockstat(case, "tw")
        .states(case, &[TcpState::TimeWait, TcpState::FinWait2])
        .seen("closed and in FIN-WAIT-2: tw less TIME-WAIT", all.to_string(), source::ORPHANS_WAITING)
        .settings(case, RULE.keys)
        .because("applications of this host closed, the peers acknowledged that and keep their side open")
        .remedy(
            "fix the peers; a shorter net.ipv4.tcp_fin_timeout ends these sooner, and those that an application still \
             holds not at all",
        )
        .into())
}
