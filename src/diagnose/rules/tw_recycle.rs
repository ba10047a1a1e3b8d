//! `tcp_tw_recycle`, which breaks clients behind one address.
//!
//! `tcp_v4_conn_request` before 4.12 remembered one timestamp a host and dropped SYNs whose timestamp was older
//! (PAWSPassive): of several clients behind NAT only one gets in. The key is gone since.

use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

const RECYCLE: &str = "net.ipv4.tcp_tw_recycle";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "tw-recycle",
    looks_for: "clients behind one address that are dropped by tcp_tw_recycle",
    topic: Some("why-time-wait"),
    reads: &[Input::TcpExt("PAWSPassive")],
    keys: &[RECYCLE],
    threshold: "the key is there and 1, critical when PAWSPassive rises: every client behind NAT is at risk",
    confidence: Confidence::Certain,
    next: None,
    proof: Proof::Written("kernels from 4.12 on do not have the key"),
    wrong_remedy: "net.ipv4.tcp_timestamps=0: it costs protection against old segments, and round-trip times",
    disproved_by: "a kernel of 4.12 or newer: it does not have the key",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    if case.sysctl(RECYCLE)?.is_none_or(|value| value == "0") {
        return Ok(Verdict::quiet());
    }
    let dropped = case.tcp_ext_rise("PAWSPassive").unwrap_or(0);
    let (severity, sentence) = if dropped > 0 {
        (
            Severity::Critical,
            format!("tcp_tw_recycle dropped {dropped} SYNs {} of clients behind one address", case.in_window()),
        )
    } else {
        (Severity::Warning, "tcp_tw_recycle is on: of clients behind one address (NAT) only one gets in".to_owned())
    };
    Ok(Finding::new(&RULE, severity, sentence)
        .settings(case, &[RECYCLE])
        .tcp_ext(case, &["PAWSPassive"])
        .because("the kernel takes the timestamps of all clients behind one address for those of one host")
        .remedy("net.ipv4.tcp_tw_recycle=0, and delete the line: newer kernels do not know it")
        .into())
}
