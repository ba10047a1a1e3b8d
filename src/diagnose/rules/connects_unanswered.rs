//! Connects that get no answer.
//!
//! `tcp_retransmit_timer` sends the SYN again and counts TCPSynRetrans (a server's SYN-ACKs count there too, in
//! `tcp_rtx_synack`); when `tcp_syn_retries` are used up the connect fails (TCPAbortOnTimeout and AttemptFails).

use super::connects_time_out::{self, SYN_RETRIES};
use crate::diagnose::case::at_least_percent;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Sockets;
use crate::units::TcpState;

/// Connects and retries below which it is chance.
const MIN: u64 = 5;

/// Share of the connects that began, in percent.
const SHARE_PERCENT: u64 = 5;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "connects-unanswered",
    looks_for: "connects of this host that get no answer",
    topic: Some("syn-lost"),
    reads: &[
        Input::Sockets("states"),
        Input::TcpExt("TCPSynRetrans"),
        Input::TcpExt("ListenDrops"),
        Input::TcpExt("TCPAbortOnTimeout"),
        Input::TcpExt("TCPTimeouts"),
        Input::TcpExt("EmbryonicRsts"),
        Input::Tcp("ActiveOpens"),
        Input::Tcp("AttemptFails"),
    ],
    keys: &[SYN_RETRIES],
    threshold: "5 sockets in SYN-SENT and 5 SYNs sent again that no listener of this namespace dropped, or 5 connects \
                that died of silence, and 5% of the connects that began: single lost SYNs are everyday",
    confidence: Confidence::Likely,
    next: Some(
        "ss -tno state syn-sent, for the destinations; one that also has ESTAB has a full accept queue, no dead path",
    ),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_syn_retries=1 on every host: a lost packet then fails a connect; \
                   net.ipv4.tcp_synack_retries: that is the server's side",
    disproved_by: "SYN-SENT that empties within a second",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let sockets = case.sockets()?;
    let explained = towards_full_listeners(sockets).saturating_add(connects_time_out::claimed(case));
    let waiting = sockets.count(TcpState::SynSent).saturating_sub(explained);
    // What listeners of this namespace dropped explains the retries of clients that are in it too.
    let retried = case.tcp_ext_rise("TCPSynRetrans")?.saturating_sub(case.tcp_ext_rise("ListenDrops")?);
    let began = case.tcp_rise("ActiveOpens")?;
    let died = died(case)?;
    let pending = if retried >= MIN { waiting } else { 0 };
    if pending.max(died) < MIN || !at_least_percent(pending.max(died), began, SHARE_PERCENT) {
        return Ok(Verdict::quiet());
    }
    let sentence = match died {
        0 => format!("{waiting} connects have no answer yet; {retried} SYNs were sent again {}", case.in_window()),
        died => format!("{died} connects died of silence {}, {waiting} more have no answer yet", case.in_window()),
    };
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .states(case, &[TcpState::SynSent])
        .tcp_ext(case, &["TCPSynRetrans"])
        .seen("of these not explained by listeners here", case.over_window(retried), source::tcp_ext("TCPSynRetrans"))
        .tcp_ext(case, &["TCPTimeouts", "TCPAbortOnTimeout"])
        .tcp(case, &["ActiveOpens", "AttemptFails"])
        .seen(
            "connects that died, at the most: those of both that could have been one",
            died.to_string(),
            "/proc/net/netstat TcpExt TCPAbortOnTimeout and /proc/net/snmp Tcp AttemptFails",
        )
        .settings(case, &[SYN_RETRIES])
        .because(
            "SYNs or their answers are lost or filtered, the target is down, or its accept queue is full and drops \
             SYNs",
        )
        .remedy("fix the path, the filter or the target; let the application have a connect timeout of its own")
        .into())
}

/// How many connects died of silence, at the most: AttemptFails also counts refusals and the resets of a server's
/// handshakes, TCPAbortOnTimeout also open connections and orphans. A connect that dies was in SYN-SENT at the older
/// reading, or began since and was sent again since, and its last timer counts as a timeout.
///
/// # Errors
/// The gap, when a counter is missing.
pub(super) fn died(case: &Case<'_>) -> Result<u64, String> {
    let failed = case.tcp_rise("AttemptFails")?.saturating_sub(case.tcp_ext_rise("EmbryonicRsts")?);
    let before = case.sockets_before()?.count(TcpState::SynSent);
    let since = case.tcp_rise("ActiveOpens")?.min(case.tcp_ext_rise("TCPSynRetrans")?);
    let silent = case.tcp_ext_rise("TCPAbortOnTimeout")?.min(case.tcp_ext_rise("TCPTimeouts")?);
    Ok(silent.min(failed).min(before.saturating_add(since)))
}

/// Sockets of this namespace towards listeners of this namespace whose accept queue is full: theirs is the verdict.
fn towards_full_listeners(sockets: &Sockets) -> u64 {
    let is_full = |port| sockets.listeners.iter().any(|one| one.port == port && one.accept_queue > one.backlog);
    let here = sockets.ports.iter().filter(|row| row.destination.is_loopback() || row.destination == row.source);
    here.filter(|row| is_full(row.destination_port)).map(|row| row.used).sum()
}
