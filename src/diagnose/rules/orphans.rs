//! Connections without an application, near their limit.
//!
//! `tcp_too_many_orphans` compares the orphans of the whole host with `tcp_max_orphans`, counting each up to four times
//! for one that is stuck (`tcp_out_of_resources`), and resets what is too much (TCPAbortOnMemory).

use super::closing_unanswered::closing_rows;
use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::ends;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Share of the limit, in percent, from which it is said.
const WARN_PERCENT: u64 = 25;

const MAX_ORPHANS: &str = "net.ipv4.tcp_max_orphans";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "orphans",
    looks_for: "connections without an application that near their limit",
    topic: Some("fin-lost"),
    reads: &[
        Input::Sockstat("orphan"),
        Input::TcpExt("TCPAbortOnMemory"),
        Input::Sockets("single connections that timeouts send again for, with tcp_info"),
    ],
    keys: &[MAX_ORPHANS],
    threshold: "25% of net.ipv4.tcp_max_orphans, critical above it: stuck orphans count up to four times",
    confidence: Confidence::Certain,
    next: Some("ss -tno state fin-wait-1 and state last-ack, in every network namespace"),
    proof: Proof::Written(
        "net.ipv4.tcp_max_orphans is of the initial network namespace alone, and counts orphans of the whole host",
    ),
    wrong_remedy: "lowering net.ipv4.tcp_max_orphans; taking them for TIME-WAIT, which is counted apart",
    disproved_by: "orphans that fall by themselves: those of namespaces that ended stay up to about 107 s",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let orphans = case.sockstat_tcp("orphan")?;
    // Where the limit cannot be seen, the figure beside it is of the host all the same.
    let Some(limit) = case.sysctl_number_if_there(MAX_ORPHANS)? else {
        return Err(format!("{MAX_ORPHANS} is not in this network namespace: ask in the initial one"));
    };
    if orphans == 0 || !at_least_percent(orphans, limit, WARN_PERCENT) {
        return Ok(Verdict::quiet());
    }
    let severity = if orphans > limit { Severity::Critical } else { Severity::Warning };
    // Of other namespaces none can be named from here.
    let ends = ends(closing_rows(case));
    let here = if ends.is_empty() { String::new() } else { format!("; most of those seen here{ends}") };
    let sentence = format!("{orphans} orphaned connections on the whole host, of at most {limit}{here}");
    Ok(Finding::new(&RULE, severity, sentence)
        .sockstat(case, "orphan")
        .settings(case, &[MAX_ORPHANS])
        .tcp_ext(case, &["TCPAbortOnMemory"])
        .shared(&ends)
        .destinations(closing_rows(case))
        .because(
            "applications closed connections whose data or FIN the peers do not acknowledge; the figure is of \
                  all namespaces",
        )
        .remedy("find who leaves them; raise net.ipv4.tcp_max_orphans if there is memory (each holds up to 64 KiB)")
        .into())
}
