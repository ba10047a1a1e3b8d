//! Connections on a silent peer that outlast every failover.
//!
//! `tcp_write_timeout` gives up after what `tcp_retries2` comes to, a quarter of an hour as it is, unless
//! `TCP_USER_TIMEOUT` is set; each connection of a pool waits for itself. What wants to fail over must have given up
//! before: the application's own timeout, then its pool's, then TCP_USER_TIMEOUT, then this one. Of these the host
//! shows only the last; the others are the application's secrets.

use super::mtu_black_hole;
use crate::diagnose::case::SOCK_DIAG;
use crate::diagnose::forecast::{Fate, Forecaster, Group, by_destination};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SocketRow;

/// Connections of one process to one destination below which it is chance.
const MIN: usize = 3;

/// Timeouts in a row, on the one with most: from a second and a half on at the least RTO, beyond ordinary loss.
const TIMEOUTS_MIN: u8 = 3;

/// Time to the end that is longer than a failover takes: leases, health checks and pools count in tens of seconds.
const LATE_US: u64 = 30_000_000;

/// Destinations that are told, the largest first.
const TOLD: usize = 5;

const RETRIES2: &str = "net.ipv4.tcp_retries2";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "failover-late",
    looks_for: "connections on a silent peer that outlast every failover",
    topic: Some("data-lost"),
    reads: &[Input::Sockets("single connections that timeouts send again for, with tcp_info")],
    keys: &[RETRIES2, "net.ipv4.tcp_rto_max_ms"],
    threshold: "3 connections of one process to one destination, three timeouts in a row on one of them, and more than \
                30 s to the end of the last: health checks and pools count in tens of seconds",
    confidence: Confidence::Likely,
    next: Some("tcpctl sockets dst PEER, for each one's clock; the application's own timeouts, for what comes before"),
    proof: Proof::Live,
    wrong_remedy: "shorter keepalive: it does not run while data is unacknowledged; net.ipv4.tcp_retries2=3 on every \
                   host",
    disproved_by: "connections that end before that time: then the application gave up, or TCP_USER_TIMEOUT is set",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let late = late(case)?;
    let Some((forecaster, late)) = late else { return Ok(Verdict::quiet()) };
    let findings = late.iter().take(TOLD).map(|(group, fate)| finding(case, &forecaster, group, fate)).collect();
    Ok(Verdict { findings, gaps: Vec::new() })
}

/// Whether this rule speaks of such connections.
pub(super) fn claims(case: &Case<'_>) -> bool {
    late(case).is_ok_and(|late| late.is_some_and(|(_, late)| !late.is_empty()))
}

type Late<'a> = (Forecaster, Vec<(Group<'a>, Fate)>);

fn late<'a>(case: &Case<'a>) -> Result<Option<Late<'a>>, String> {
    let is_hole = mtu_black_hole::claims(case);
    let held = |row: &&SocketRow| row.clock.inode != 0 && !(is_hole && mtu_black_hole::is_hole(row));
    let mut groups = by_destination(case.samples()?.resending.rows.iter().filter(held));
    groups
        .retain(|group| group.rows.len() >= MIN && group.rows.iter().any(|row| row.clock.retransmits >= TIMEOUTS_MIN));
    if groups.is_empty() {
        return Ok(None);
    }
    let forecaster = Forecaster::new(case)?;
    let with_fate = |group: Group<'a>| {
        let fate = forecaster.common_fate(group.rows.iter().copied())?;
        (fate.window.latest_us >= LATE_US).then_some((group, fate))
    };
    let late = groups.into_iter().filter_map(with_fate).collect();
    Ok(Some((forecaster, late)))
}

fn finding(case: &Case<'_>, forecaster: &Forecaster, group: &Group<'_>, fate: &Fate) -> Finding {
    let most = group.rows.iter().map(|row| row.clock.retransmits).max().unwrap_or(0);
    let waiting: u64 = group.rows.iter().map(|row| u64::from(row.send_queue)).sum();
    let sentence = format!(
        "{} connections{} to {} hang on a silent peer and fail {} with {}",
        group.count(),
        group.of_process(),
        group.remote,
        forecaster.when(fate.window),
        fate.outcome.name()
    );
    let finding = Finding::new(&RULE, Severity::Warning, sentence)
        .seen("connections to there that timeouts send again for", group.count().to_string(), SOCK_DIAG)
        .seen("timeouts in a row, of the one with most (idiag_retrans)", most.to_string(), SOCK_DIAG)
        .seen("bytes that they have not got through (idiag_wqueue)", waiting.to_string(), SOCK_DIAG);
    fate.assumed(finding)
        .settings(case, RULE.keys)
        .because(
            "the peer acknowledges nothing any more, and the kernel goes on for as long as tcp_retries2 comes to: who \
             has no shorter timeout of its own waits for all of that",
        )
        .remedy(
            "TCP_USER_TIMEOUT on the application's sockets, and in this order, each shorter than the next: the \
             request's timeout, the pool's, TCP_USER_TIMEOUT, net.ipv4.tcp_retries2; the first three are the \
             application's to check",
        )
}
