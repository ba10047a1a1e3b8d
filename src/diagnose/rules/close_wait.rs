//! Connections that the peer has closed and this side's application has not.
//!
//! CLOSE_WAIT has no timer (`tcp_fin` sets none): such a socket stays until its process closes it or ends. One that no
//! process has accepted yet is the fault of who does not accept.

use std::collections::BTreeMap;

use crate::diagnose::case::process_name;
use crate::diagnose::forecast::{ends, holder};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{Process, Sample, SocketRow, Sockets};
use crate::units::{Micros, TcpState};

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

/// Sockets of one process that have waited for [`LONG_MS`]: then their number matters no more.
const LONG_MIN: usize = 10;

/// No application needs a minute to close what it has read to the end.
const LONG_MS: u32 = 60_000;

/// Processes that are told, the one with most first.
const TOLD: usize = 3;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "close-wait",
    looks_for: "connections that the application forgot to close",
    topic: Some("close-wait"),
    reads: &[Input::Sockets("states"), Input::Sockets("single sockets in CLOSE-WAIT, with tcp_info")],
    keys: &[],
    threshold: "100 sockets and 5% of what is open, or a growth of 20% from 50 on: one that closes when it reads the \
                end holds each for less than a millisecond; or 10 of one process for a minute: nobody needs so long",
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
    let waiting = not_closed(sockets);
    let open = sockets.count(TcpState::Estab).saturating_add(waiting);
    let before = case.sockets_before().ok().map(not_closed);
    let sample = sockets.samples.as_ref().map(|samples| &samples.close_wait).filter(|sample| sample.total > 0);
    let a_share = waiting.saturating_mul(100) >= open.saturating_mul(SHARE_PERCENT);
    let growing = before.is_some_and(|before| {
        before >= GROWING_MIN && waiting.saturating_mul(100) >= before.saturating_mul(100 + GROWTH_PERCENT)
    });
    let long = sample.map_or(0, |sample| most_of_one(sample.rows.iter().filter(|row| waited_ms(row) >= LONG_MS)));
    let much = a_share && (waiting >= MANY || growing);
    if !much && long < LONG_MIN {
        return Ok(Verdict::quiet());
    }
    let grown = before.map(|before| waiting.saturating_sub(before)).filter(|&grown| grown > 0);
    let grown = grown.map(|grown| format!(", {grown} more than before")).unwrap_or_default();
    let rows = || sample.into_iter().flat_map(|sample| &sample.rows);
    let who = holder(rows()).map_or_else(|| "the application".to_owned(), process_name);
    let ends = ends(rows());
    let sentence = format!(
        "{waiting} sockets in CLOSE-WAIT{ends}{grown}: {who} does not close what its peers have closed, and nothing else \
         ends them"
    );
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence)
        .seen("CLOSE-WAIT", waiting.to_string(), source::STATES)
        .seen("ESTAB", sockets.count(TcpState::Estab).to_string(), source::STATES);
    if let Some(before) = before {
        finding = finding.seen("CLOSE-WAIT in the reading before", before.to_string(), source::STATES).seen(
            "more than then",
            waiting.saturating_sub(before).to_string(),
            source::STATES,
        );
    }
    if let Some(sample) = sample {
        finding = with_sample(finding, sample);
    }
    Ok(finding
        .because("the peer's FIN was acknowledged; only close() by this side's process, or its end, goes on from here")
        .remedy("find the process with `ss -tnp state close-wait`, restart it, and fix the missing close()")
        .into())
}

/// Those that a process has accepted, where single sockets tell; else all of them.
fn not_closed(sockets: &Sockets) -> u64 {
    let all = sockets.count(TcpState::CloseWait);
    sockets.samples.as_ref().map_or(all, |samples| samples.close_wait.total.min(all))
}

/// How long a socket has been in the state at the least, in milliseconds: the FIN carried an acknowledgement, and
/// others may have come since.
fn waited_ms(row: &SocketRow) -> u32 {
    row.clock.info.map_or(0, |info| info.last_ack_recv_ms)
}

/// Sockets by their first process, which is nobody where processes were not looked for.
pub(super) fn by_process<'a>(rows: impl Iterator<Item = &'a SocketRow>) -> BTreeMap<Option<&'a Process>, usize> {
    rows.fold(BTreeMap::new(), |mut counts, row| {
        *counts.entry(row.processes.first()).or_default() += 1;
        counts
    })
}

fn most_of_one<'a>(rows: impl Iterator<Item = &'a SocketRow>) -> usize {
    by_process(rows).into_values().max().unwrap_or(0)
}

fn with_sample(mut finding: Finding, sample: &Sample) -> Finding {
    let looked_at = sample.rows.len();
    let mut counts: Vec<(&Process, usize)> =
        by_process(sample.rows.iter()).into_iter().filter_map(|(process, count)| Some((process?, count))).collect();
    counts.sort_by_key(|(_, count)| core::cmp::Reverse(*count));
    for (process, count) in counts.into_iter().take(TOLD) {
        finding = finding.seen(
            format!("held by {}, of those looked at", process_name(process)),
            format!("{count} of {looked_at}"),
            source::HOLDERS,
        );
    }
    let longest = sample.rows.iter().map(waited_ms).max().filter(|&ms| ms > 0);
    let Some(longest_ms) = longest else { return finding };
    let long = sample.rows.iter().filter(|row| waited_ms(row) >= LONG_MS).count();
    finding
        .seen(
            "the one that waits longest, at the least (tcpi_last_ack_recv)",
            format!("{:#}", Micros(u64::from(longest_ms) * 1000)),
            source::info("tcpi_last_ack_recv"),
        )
        .seen(
            "for a minute or longer, of those looked at",
            format!("{long} of {looked_at}"),
            source::info("tcpi_last_ack_recv"),
        )
}
