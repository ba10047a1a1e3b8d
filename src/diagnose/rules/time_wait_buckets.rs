//! The limit of TIME_WAIT sockets.
//!
//! `inet_twsk_alloc` makes none when `tcp_max_tw_buckets` are there already; the socket is closed at once, counted as
//! TCPTimeWaitOverflow. FIN_WAIT_2 minisocks share the budget, and sockstat's `tw` counts both.

use super::fin_wait_2_orphans;
use crate::diagnose::case::at_least_percent;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Share of the limit, in percent, from which it is said.
const WARN_PERCENT: u64 = 80;

const LIMIT: &str = "net.ipv4.tcp_max_tw_buckets";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "time-wait-buckets",
    looks_for: "TIME-WAIT sockets that reach their limit",
    topic: Some("time-wait-many"),
    reads: &[Input::TcpExt("TCPTimeWaitOverflow"), Input::Sockstat("tw"), Input::Sockets("states")],
    keys: &[LIMIT],
    threshold: "any TCPTimeWaitOverflow, or 80% of the limit: above it TIME-WAIT is skipped; any other number of TIME-WAIT is normal for the side \
                that closes first",
    confidence: Confidence::Certain,
    next: None,
    proof: Proof::Live,
    wrong_remedy: "lowering net.ipv4.tcp_max_tw_buckets: it ends TIME-WAIT early, which is what it protects from; \
                   net.ipv4.tcp_fin_timeout does not touch TIME-WAIT",
    disproved_by: "TCPTimeWaitOverflow that stays where it is while the number of TIME-WAIT falls",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    let overflow = case.tcp_ext_rise("TCPTimeWaitOverflow");
    let level = case.sockstat_tcp("tw").and_then(|used| Ok((used, case.sysctl_number(LIMIT)?)));
    let mut verdict = Verdict::quiet();
    verdict.gaps.extend(overflow.as_ref().err().cloned());
    verdict.gaps.extend(level.as_ref().err().cloned());
    let lost = overflow.unwrap_or(0);
    let (used, limit) = level.map_or((None, None), |(used, limit)| (Some(used), u64::try_from(limit).ok()));
    // A limit of 0 means that none is wanted; then only what overflows is worth a word.
    let near = used.zip(limit.filter(|&limit| limit > 0));
    // Where most of them wait in FIN-WAIT-2, the rule about those has the verdict.
    let near = near
        .filter(|(used, limit)| at_least_percent(*used, *limit, WARN_PERCENT) && !fin_wait_2_orphans::are_most(case));
    let sentence = match (lost, near) {
        (0, None) => return verdict,
        (0, Some((used, limit))) => format!("{used} of at most {limit} sockets in TIME-WAIT and what shares its limit"),
        (lost, _) => format!("{lost} sockets skipped TIME-WAIT {}: the limit is reached", case.in_window()),
    };
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence);
    if let Some(used) = used {
        finding = finding.seen("tw", used.to_string(), source::sockstat("tw"));
    }
    if let Ok(minisocks) = fin_wait_2_orphans::minisocks(case) {
        finding = finding.seen(
            "of these closed and in FIN-WAIT-2: tw less TIME-WAIT",
            minisocks.to_string(),
            source::ORPHANS_WAITING,
        );
    }
    if let Ok(limit) = case.sysctl_number(LIMIT) {
        finding = finding.seen(LIMIT, limit.to_string(), source::setting(LIMIT));
    }
    if case.window_ms().is_ok() {
        finding = finding.seen("TCPTimeWaitOverflow", case.over_window(lost), source::tcp_ext("TCPTimeWaitOverflow"));
    }
    let because = "connections that this host closes first come faster than limit / 60s";
    let remedy = "raise net.ipv4.tcp_max_tw_buckets (each costs a fraction of a KiB), or let the peer close first, or keep \
                  connections open";
    verdict.findings.push(finding.because(because).remedy(remedy));
    verdict
}
