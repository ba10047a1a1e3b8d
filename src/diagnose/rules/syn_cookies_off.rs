//! A full SYN queue without cookies.
//!
//! `tcp_syn_flood_action`: when the SYN queue is full and `tcp_syncookies` is 0, the SYN is dropped and counted as
//! TCPReqQFullDrop (and ListenDrops).

use super::pressure::full_syn_queue;
use crate::diagnose::case::listener_name;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::TcpState;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "syn-cookies-off",
    looks_for: "SYNs dropped by a full SYN queue because SYN cookies are off",
    topic: Some("queues"),
    reads: &[
        Input::TcpExt("TCPReqQFullDrop"),
        Input::TcpExt("ListenDrops"),
        Input::Tcp("PassiveOpens"),
        Input::Sockets("SYN-RECV, and half-open connections of each listener"),
    ],
    keys: &["net.ipv4.tcp_syncookies"],
    threshold: "any TCPReqQFullDrop: the kernel counts it only when a SYN queue is full and there are no cookies",
    confidence: Confidence::Certain,
    next: None,
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_syn_retries: that is the client's side; a limit of SYNs per second in the firewall \
                   drops honest clients as well",
    disproved_by: "TCPReqQFullDrop that stays where it is",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let drops = case.tcp_ext_rise("TCPReqQFullDrop")?;
    if drops == 0 {
        return Ok(Verdict::quiet());
    }
    let queue = match full_syn_queue(case) {
        Some(listener) => format!("the SYN queue of {}", listener_name(listener)),
        None => "a SYN queue".to_owned(),
    };
    let sentence = format!("{drops} SYNs dropped {}: {queue} is full and SYN cookies are off", case.in_window());
    let mut finding = Finding::new(&RULE, Severity::Critical, sentence).seen(
        "TCPReqQFullDrop",
        case.over_window(drops),
        source::tcp_ext("TCPReqQFullDrop"),
    );
    if let Ok(rise) = case.tcp_ext_rise("ListenDrops") {
        finding = finding.seen("ListenDrops", case.over_window(rise), source::tcp_ext("ListenDrops"));
    }
    if let Ok(opens) = case.tcp_rise("PassiveOpens") {
        finding = finding.seen("PassiveOpens", case.over_window(opens), source::tcp("PassiveOpens"));
    }
    if let Some(half_open) = case.sockets().ok().and_then(|sockets| sockets.counted(TcpState::SynRecv)) {
        finding = finding.seen("SYN-RECV", half_open.to_string(), source::STATES);
    }
    if let Some(listener) = full_syn_queue(case) {
        let what = format!("half-open connections of {}", listener_name(listener));
        finding = finding.seen(what, listener.half_open.to_string(), source::HALF_OPEN);
    }
    let cause = match case.sysctl("net.ipv4.tcp_syncookies") {
        Ok(Some("0")) => "net.ipv4.tcp_syncookies is 0: without cookies a full SYN queue means that clients are lost",
        _ => "a SYN queue was full while cookies were off (net.ipv4.tcp_syncookies is not 0 any more, or not known)",
    };
    Ok(finding
        .because(cause)
        .remedy("net.ipv4.tcp_syncookies=1, and a larger listen() backlog; the profile anti-syn-flood does the first")
        .into())
}
