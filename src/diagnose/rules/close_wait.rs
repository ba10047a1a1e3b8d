//! Connections that the peer has closed and this side's application has not.
//!
//! CLOSE_WAIT has no timer (`tcp_fin` sets none): such a socket stays until its process closes it or ends.

use crate::diagnose::case::SOCK_DIAG;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::TcpState;

/// So many at once are not on their way through: an application that closes when it reads the end holds each for
/// less than a millisecond, so even at thousands of closes a second only a handful is seen.
const MANY: u64 = 100;

/// Share of all open connections, in percent, below which it is not said: a proxy with 100000 connections may well
/// have 100 in passing.
const SHARE_PERCENT: u64 = 5;

/// From here on growth within one window is worth a word.
const GROWING_MIN: u64 = 50;

/// Growth within one window, in percent, that is no fluctuation.
const GROWTH_PERCENT: u64 = 20;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "close-wait",
    looks_for: "connections that the application forgot to close",
    topic: None,
    reads: &[Input::Sockets("states")],
    keys: &[],
    threshold: "100 sockets and 5% of what is open, or a growth of 20% from 50 on: one that closes when it reads the \
                end holds each for less than a millisecond",
    confidence: Confidence::Likely,
    next: Some("ss -tnp state close-wait"),
    proof: Proof::Live,
    wrong_remedy: "any sysctl: there is no timer for CLOSE-WAIT, and net.ipv4.tcp_fin_timeout and keepalive do not \
                   end it",
    disproved_by: "a number that goes back to nearly zero by itself within seconds",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let sockets = case.sockets()?;
    if !sockets.source.counts_states() {
        return Err("the states of sockets were not counted".to_owned());
    }
    let waiting = sockets.count(TcpState::CloseWait);
    let open = sockets.count(TcpState::Estab).saturating_add(waiting);
    let before = case.sockets_before().ok().map(|sockets| sockets.count(TcpState::CloseWait));
    let a_share = waiting.saturating_mul(100) >= open.saturating_mul(SHARE_PERCENT);
    let growing = before.is_some_and(|before| {
        before >= GROWING_MIN && waiting.saturating_mul(100) >= before.saturating_mul(100 + GROWTH_PERCENT)
    });
    if !a_share || (waiting < MANY && !growing) {
        return Ok(Verdict::quiet());
    }
    let grown = before.map(|before| waiting.saturating_sub(before)).filter(|&grown| grown > 0);
    let sentence = match grown {
        Some(grown) => {
            format!("{waiting} sockets in CLOSE-WAIT, {grown} more than before: the application does not close")
        }
        None => format!("{waiting} sockets in CLOSE-WAIT: the application does not close what its peers have closed"),
    };
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence)
        .seen("CLOSE-WAIT", waiting.to_string(), SOCK_DIAG)
        .seen("ESTAB", sockets.count(TcpState::Estab).to_string(), SOCK_DIAG);
    if let Some(before) = before {
        finding = finding.seen("CLOSE-WAIT in the reading before", before.to_string(), SOCK_DIAG);
    }
    Ok(finding
        .because("the peer's FIN was acknowledged; only close() by this side's process, or its end, goes on from here")
        .remedy("find the process with `ss -tnp state close-wait`, restart it, and fix the missing close()")
        .into())
}
