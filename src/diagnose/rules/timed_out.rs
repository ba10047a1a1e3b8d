//! Connections that this host gave up.
//!
//! `tcp_write_err` counts TCPAbortOnTimeout when retransmissions or the probes of a zero window are used up or
//! TCP_USER_TIMEOUT is over, `tcp_keepalive_timer` when keepalive probes are. The latter send TCPKeepAlive and no
//! TCPTimeouts.

use super::connects_unanswered;
use crate::diagnose::case::at_least_percent;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Deaths in one window below which it is everyday.
const MIN: u64 = 3;

const RETRIES2: &str = "net.ipv4.tcp_retries2";
const KEEPALIVE_TIME: &str = "net.ipv4.tcp_keepalive_time";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "timed-out",
    looks_for: "connections that died because the peer did not answer",
    topic: Some("data-lost"),
    reads: &[
        Input::TcpExt("TCPAbortOnTimeout"),
        Input::TcpExt("TCPTimeouts"),
        Input::TcpExt("TCPKeepAlive"),
        Input::TcpExt("TCPSynRetrans"),
        Input::TcpExt("EmbryonicRsts"),
        Input::Tcp("AttemptFails"),
        Input::Tcp("ActiveOpens"),
        Input::Sockets("states"),
        Input::Tcp("CurrEstab"),
    ],
    keys: &[RETRIES2, KEEPALIVE_TIME],
    threshold: "3 in one window and 1% of the connections that are open: a peer that vanishes now and then is everyday",
    confidence: Confidence::Likely,
    next: Some("ss -tino, for others with backoff towards the same peers"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_retries2 below 8 on every host: a short cut of the path then ends connections",
    disproved_by: "TCPAbortOnTimeout that stays where it is",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    // Connects that died have their own verdict.
    let connects = connects_unanswered::died(case)?;
    let died = case.tcp_ext_rise("TCPAbortOnTimeout")?.saturating_sub(connects);
    let open = case.tcp_now("CurrEstab")?;
    let timeouts = case.tcp_ext_rise("TCPTimeouts")?;
    let probes = case.tcp_ext_rise("TCPKeepAlive")?;
    if died < MIN || !at_least_percent(died, open, 1) {
        return Ok(Verdict::quiet());
    }
    let by_keepalive = timeouts < died && probes >= died;
    let (sentence, cause, remedy) = if by_keepalive {
        (
            format!("{died} idle connections died {}: their keepalive probes had no answer", case.in_window()),
            "the peers are gone, or something on the way forgot the connections: a middlebox's idle limit is often \
             shorter \
             than the time to the first probe",
            "if the peers live: SO_KEEPALIVE with a TCP_KEEPIDLE below the idle limit of the load balancer or firewall",
        )
    } else {
        (
            format!("{died} connections given up {}: the peer acknowledged nothing any more", case.in_window()),
            "retransmissions were used up or TCP_USER_TIMEOUT was over; connections closed by their application count \
             too",
            "find the peers and their path; the application's own timeout should be shorter than this host's patience",
        )
    };
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .seen(
            "TCPAbortOnTimeout, less connects that died of silence",
            case.over_window(died),
            source::tcp_ext("TCPAbortOnTimeout, TCPTimeouts"),
        )
        .tcp_ext(case, &["TCPTimeouts", "TCPKeepAlive"])
        .settings(case, if by_keepalive { &[KEEPALIVE_TIME] } else { &[RETRIES2] })
        .because(cause)
        .remedy(remedy)
        .into())
}
