//! Connections that this side half-closed and the peer does not close.
//!
//! A socket whose application still holds it waits in FIN_WAIT_2 without a timer; `tcp_fin_timeout` bounds orphans
//! only, which are kept as minisocks and count in sockstat's `tw` (`tcp_time_wait`).

use super::close_wait::by_process;
use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::{leads_here, whose};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{SocketRow, Sockets};
use crate::units::{Micros, TcpState};

/// Owned sockets in FIN-WAIT-2 below which it is everyday.
const MANY: u64 = 100;

/// Sockets of one process that have heard nothing for [`LONG_MS`]: then their number matters no more.
const LONG_MIN: usize = 10;

/// A half-close is for an answer that is on its way, and none is silent for ten minutes.
const LONG_MS: u32 = 600_000;

const FIN_TIMEOUT: &str = "net.ipv4.tcp_fin_timeout";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "fin-wait-2",
    looks_for: "half-closed connections that their peers do not close",
    topic: Some("fin-wait-2"),
    reads: &[
        Input::Sockets("states"),
        Input::Sockets("single sockets in FIN-WAIT-2 that a process holds, with tcp_info"),
        Input::Sockstat("tw"),
    ],
    keys: &[FIN_TIMEOUT],
    threshold: "100 owned sockets at both readings that do not get fewer, 5% of what is open: a half-close is \
                legitimate, and short; or 10 of one process that have heard nothing for 10 minutes: no answer takes so \
                long without a word",
    confidence: Confidence::Possible,
    next: Some("ss -tnpo state fin-wait-2, for those without a timer, their process and peers"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_fin_timeout: it does not apply while the application holds the socket",
    disproved_by: "a number that falls by itself, or peers that are still sending",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let (old, sockets) = (case.sockets_before()?, case.sockets()?);
    let minisocks = case.sockstat_tcp("tw")?.saturating_sub(sockets.count(TcpState::TimeWait));
    let all = |sockets: &Sockets| sockets.count(TcpState::FinWait2);
    let owned = all(sockets).saturating_sub(minisocks);
    let open = sockets.count(TcpState::Estab).saturating_add(owned);
    // Where the other ends are here and wait to be closed, they are what is wrong.
    let other_ends = sockets.count(TcpState::CloseWait);
    let sample = case.samples().ok().and_then(|samples| samples.half_closed.as_ref());
    let rows: Vec<&SocketRow> = sample.into_iter().flat_map(|sample| &sample.rows).collect();
    let long: Vec<&SocketRow> = rows.iter().copied().filter(|row| heard_ms(row) >= Some(LONG_MS)).collect();
    let many = owned >= MANY
        && all(old) >= MANY
        && all(sockets) >= all(old)
        && at_least_percent(owned, open, 5)
        && other_ends < owned;
    // One that leads to this very host is forgotten at its other end.
    let far = long.iter().copied().filter(|row| !leads_here(row));
    if !many && by_process(far).into_values().max().unwrap_or(0) < LONG_MIN {
        return Ok(Verdict::quiet());
    }
    let sentence = format!(
        "{owned} half-closed connections{} wait for their peers to close: FIN-WAIT-2 without a timer",
        whose(rows.iter().copied())
    );
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence);
    if let Some(longest) = long.iter().filter_map(|row| heard_ms(row)).max() {
        let longest = format!("{:#}", Micros(u64::from(longest).saturating_mul(1000)));
        let told =
            [("of those looked at, silent for 10 minutes and more", long.len().to_string()), ("the longest", longest)];
        finding = told.into_iter().fold(finding, |finding, (what, seen)| {
            finding.seen(what, seen, source::info("tcpi_last_data_recv, tcpi_last_ack_recv"))
        });
    }
    Ok(finding
        .states(case, &[TcpState::FinWait2])
        .seen("FIN-WAIT-2 in the reading before", all(old).to_string(), source::STATES)
        .sockstat(case, "tw")
        .seen("of these orphans, which have a timer: tw less TIME-WAIT", minisocks.to_string(), source::ORPHANS_WAITING)
        .seen("the others, which have none", owned.to_string(), source::ORPHANS_WAITING)
        .states(case, &[TcpState::TimeWait, TcpState::Estab])
        .destinations(rows)
        .settings(case, &[FIN_TIMEOUT])
        .because("the application called shutdown() and waits; the peer's application does not close its side")
        .remedy("fix the peer; or close() after shutdown() with a limit of the application's own")
        .into())
}

/// For how long nothing has been heard of the peer, in milliseconds; nothing where that was not asked for.
fn heard_ms(row: &SocketRow) -> Option<u32> {
    row.clock.info.map(|info| info.last_data_recv_ms.min(info.last_ack_recv_ms))
}
