//! Connections on a silent peer that outlast every failover.
//!
//! `tcp_write_timeout` gives up after what `tcp_retries2` comes to, a quarter of an hour as it is, unless
//! `TCP_USER_TIMEOUT` is set; each connection of a pool waits for itself. What wants to fail over must have given up
//! before: the application's own timeout, then its pool's, then TCP_USER_TIMEOUT, then this one. Of these the host
//! shows only the last; the others are the application's secrets.

use super::failover_budget::{kernels_end, silent_us};
use super::mtu_black_hole;
use super::retransmits::SILENT_TIMEOUTS_MIN;
use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::{
    Fate, Forecaster, Group, by_destination, counted, is_opened_here, leads_to_full_listener,
};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SocketRow;
use crate::units::{Micros, TcpState};

/// Connections of one process to one destination below which it is chance.
const MIN: usize = 3;

/// Timeouts in a row, on the one with most, of a single connection: six seconds at the least RTO.
const TIMEOUTS_OF_ONE_MIN: u8 = 5;

/// Share of all open connections, in percent, from which it matters that clients have vanished: a public service always
/// has a few of them.
const CLIENTS_PERCENT: u64 = 1;

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
    reads: &[
        Input::Sockets("single connections that timeouts send again for, with tcp_info"),
        Input::Sockets("states"),
    ],
    keys: &[RETRIES2, "net.ipv4.tcp_rto_max_ms"],
    threshold: "3 connections of one process to one destination, three timeouts in a row on one of them, or a single one \
                with five (6 s and more), and more than 30 s to the end of the last: health checks and pools count in \
                tens of seconds; a TCP_USER_TIMEOUT ends them where it is stated (--timeouts user=) and not outlived, \
                or cuts the wait; clients that vanish from a listener here only from 1% of what is open",
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
    let sockets = case.sockets()?;
    let is_hole = mtu_black_hole::claims(case);
    let held = |row: &&SocketRow| {
        let is_others = (is_hole && mtu_black_hole::is_hole(row)) || leads_to_full_listener(row, &sockets.listeners);
        row.clock.inode != 0 && !is_others && !ends_with_this_wait(row)
    };
    let sample = &case.samples()?.resending;
    let mut groups = by_destination(sample.rows.iter().filter(held));
    // Of those that clients of this host opened each is one that somebody waits for.
    let many = at_least_percent(sample.total, sockets.count(TcpState::Estab), CLIENTS_PERCENT);
    groups.retain(|group| {
        let least = if group.rows.len() >= MIN { SILENT_TIMEOUTS_MIN } else { TIMEOUTS_OF_ONE_MIN };
        group.rows.iter().any(|row| row.clock.retransmits >= least && (many || is_opened_here(row, &sockets.listeners)))
    });
    if groups.is_empty() {
        return Ok(None);
    }
    let forecaster = Forecaster::new(case)?;
    let rows = groups.iter().flat_map(|group| group.rows.iter().copied());
    let forecaster = match user_timeout_us(case, rows) {
        Some(user_us) => forecaster.with_user_timeout(user_us),
        None => forecaster,
    };
    let with_fate = |group: Group<'a>| {
        let fate = forecaster.common_fate(group.rows.iter().copied())?;
        (fate.window.latest_us >= LATE_US).then_some((group, fate))
    };
    let late = groups.into_iter().filter_map(with_fate).collect();
    Ok(Some((forecaster, late)))
}

/// The TCP_USER_TIMEOUT that is stated, unless one of these connections has outlived it: then it is not set.
fn user_timeout_us<'a>(case: &Case<'_>, mut rows: impl Iterator<Item = &'a SocketRow>) -> Option<u64> {
    let user_us = case.stated().timeouts?.user_us?;
    let end = kernels_end(case, Some(user_us)).ok()?;
    (!rows.any(|row| silent_us(row).is_some_and(|us| us > end.latest_us))).then_some(user_us)
}

/// Whether its timer waits for less than its RTO: the last wait is cut to what is left of a TCP_USER_TIMEOUT
/// (`tcp_clamp_rto_to_user_timeout`), so it ends with that. What is sent again counts as sent (`tcp_event_data_sent`).
fn ends_with_this_wait(row: &SocketRow) -> bool {
    let (Some(info), Some(pace)) = (row.clock.info, row.pace) else { return false };
    let waits_ms = u64::from(row.clock.expires_ms) + u64::from(pace.last_data_sent_ms);
    // A wait is never shorter than it was asked for, and the reading is not of one moment.
    waits_ms * 1000 < u64::from(info.rto_us) / 10 * 8
}

fn finding(case: &Case<'_>, forecaster: &Forecaster, group: &Group<'_>, fate: &Fate) -> Finding {
    let most = group.rows.iter().map(|row| row.clock.retransmits).max().unwrap_or(0);
    let waiting: u64 = group.rows.iter().map(|row| u64::from(row.send_queue)).sum();
    let (count, whose, remote) = (group.count(), group.of_process(), group.remote);
    let hang = match (count, case.samples()) {
        (1, _) => format!("a connection{whose} to {remote} hangs on a silent peer and fails"),
        (_, Ok(samples)) => {
            let count = counted(count, &samples.resending);
            format!("{count} connections{whose} to {remote} hang on a silent peer and fail")
        }
        (_, Err(_)) => format!("{count} connections{whose} to {remote} hang on a silent peer and fail"),
    };
    let sentence = format!("{hang} {} with {}", forecaster.when(fate.window), fate.outcome());
    let finding = Finding::new(&RULE, Severity::Warning, sentence)
        .seen("connections to there that timeouts send again for", count.to_string(), source::TIMEOUTS)
        .seen("timeouts in a row, of the one with most (idiag_retrans)", most.to_string(), "sock_diag idiag_retrans")
        .seen("bytes that they have not got through (idiag_wqueue)", waiting.to_string(), "sock_diag idiag_wqueue");
    let heard_ms = group.rows.iter().filter_map(|row| Some(row.clock.info?.last_ack_recv_ms)).max();
    let finding = match heard_ms {
        Some(ms) => {
            let ago = format!("{:#}", Micros(u64::from(ms).saturating_mul(1000)));
            finding.seen("since the peer was last heard (tcpi_last_ack_recv)", ago, source::info("tcpi_last_ack_recv"))
        }
        None => finding,
    };
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
