//! Acknowledgements with a cookie that is none.
//!
//! `cookie_v4_check` counts SyncookiesFailed, and only within about two minutes of cookies being sent.

use crate::diagnose::case::per_second;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "invalid-cookies",
    looks_for: "acknowledgements that claim a SYN cookie and have none",
    topic: Some("syncookies"),
    reads: &[Input::TcpExt("SyncookiesFailed"), Input::TcpExt("SyncookiesSent"), Input::TcpExt("SyncookiesRecv")],
    keys: &[],
    threshold: "10 a second and as many as valid ones: a client that is slower than two minutes is rare",
    confidence: Confidence::Possible,
    next: Some("tcpdump of bare ACKs to the listener, for their sources"),
    proof: Proof::Live,
    wrong_remedy: "turning cookies off: the acknowledgements still come",
    disproved_by: "SyncookiesFailed that stays where it is",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let failed = case.tcp_ext_rise("SyncookiesFailed")?;
    if per_second(failed, case.window_ms()?) < 10 || failed < case.tcp_ext_rise("SyncookiesRecv")? {
        return Ok(Verdict::quiet());
    }
    let sentence =
        format!("{failed} acknowledgements {} claim a SYN cookie that this host never gave", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .tcp_ext(case, &["SyncookiesFailed", "SyncookiesRecv", "SyncookiesSent"])
        .because(
            "a flood of forged ACKs, or cookies that another host gave: a load balancer or failover moved the clients",
        )
        .remedy("let a load balancer keep a client with the host that answered its SYN; filter forged ACKs upstream")
        .into())
}
