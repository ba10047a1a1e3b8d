//! Connects that fail at once.
//!
//! `tcp_done` counts AttemptFails when a socket leaves SYN_SENT for CLOSE: on a reset, on an ICMP error, and when the
//! application closes it before there was an answer. Connects that ran out of retries are TCPAbortOnTimeout too.

use super::connects_unanswered;
use crate::diagnose::case::{at_least_percent, per_second, share};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Failures in one window below which it is chance.
const FAILED_MIN: u64 = 5;

/// Share of the connects that began, in percent.
const SHARE_PERCENT: u64 = 5;

/// Share of the connects that began, in percent, from which and up to the half each failure has its success: clients that
/// go on to the second address of a name.
const EACH_PERCENT: u64 = 45;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "connects-refused",
    looks_for: "connects of this host that are refused",
    topic: Some("handshake"),
    reads: &[
        Input::Tcp("AttemptFails"),
        Input::Tcp("ActiveOpens"),
        Input::Tcp("OutRsts"),
        Input::TcpExt("EmbryonicRsts"),
        Input::TcpExt("TCPAbortOnTimeout"),
        Input::TcpExt("TCPSynRetrans"),
        Input::TcpExt("TCPTimeouts"),
        Input::Sockets("states"),
        Input::TcpExt("ListenDrops"),
    ],
    keys: &[],
    threshold: "5 failures, one a second and 5% of the connects that began: a service with several addresses may well \
                try a dead one first, so where this host refuses half of them it is a notice",
    confidence: Confidence::Likely,
    next: Some("strace -fe trace=connect of the client, or tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0'"),
    proof: Proof::Live,
    wrong_remedy: "a larger local port range or net.ipv4.tcp_tw_reuse: running out of ports moves no counter at all",
    disproved_by: "TCPSynRetrans that rises as fast: then there is no answer, or the application gives up early",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    // Without handshakes of the server's side, and without connects that died of silence.
    let not_refused = case.tcp_ext_rise("EmbryonicRsts")?.saturating_add(connects_unanswered::died(case)?);
    let failed = case.tcp_rise("AttemptFails")?.saturating_sub(not_refused);
    let began = case.tcp_rise("ActiveOpens")?;
    // A SYN that was sent again, or that a listener of this namespace dropped, had no answer.
    let unanswered = case.tcp_ext_rise("TCPSynRetrans")?.max(case.tcp_ext_rise("ListenDrops")?);
    if failed < FAILED_MIN
        || per_second(failed, case.window_ms()?) == 0
        || !at_least_percent(failed, began, SHARE_PERCENT)
        || at_least_percent(unanswered, failed, 50)
    {
        return Ok(Verdict::quiet());
    }
    let sentence = format!("{failed} of {began} connects failed at once {}: refused", case.in_window());
    let here = at_least_percent(case.tcp_rise("OutRsts")?, failed, 90);
    // Each failure has its success: then nothing that a client wants need be missing.
    let has_another = here && failed.saturating_mul(2) <= began && at_least_percent(failed, began, EACH_PERCENT);
    let (severity, confidence) =
        if has_another { (Severity::Notice, Confidence::Possible) } else { (Severity::Warning, RULE.confidence) };
    let cause = if has_another {
        "this host sent as many resets, and each failure has a success beside it: clients of localhost that try ::1 first \
         where the service has 127.0.0.1 alone, or a service of this network namespace that is not running"
    } else if here {
        "this host sent as many resets: the service that is not listening is one of this network namespace"
    } else {
        "the target's host answers with a reset or an ICMP error: nobody listens there, or a firewall rejects"
    };
    let remedy = if has_another {
        "nothing where clients get through at their second address; let the service listen on [::1] too, or start the one \
         that is not running"
    } else {
        "start or fix the service that is connected to; take its address out of the clients' configuration"
    };
    Ok(Finding::new(&RULE, severity, sentence)
        .only(confidence)
        .tcp(case, &["AttemptFails", "ActiveOpens", "OutRsts"])
        .tcp_ext(case, &["TCPSynRetrans", "EmbryonicRsts", "TCPAbortOnTimeout"])
        .seen("failed of those that began", share(failed, began), source::tcp("AttemptFails, ActiveOpens"))
        .because(cause)
        .remedy(remedy)
        .into())
}
