//! Connections that send one window a round trip, since the peer's receive buffer holds no more.
//!
//! `tcp_chrono_start` counts the time in which there was something to send and the peer's window was used up
//! (`TCP_CHRONO_RWND_LIMITED`).

use super::held_up::{Limit, held_up};
use crate::diagnose::forecast::{by_destination, connections, is_opened_here};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::Micros;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "window-small",
    looks_for: "connections over a distance that the peer's window holds up",
    topic: Some("segment"),
    reads: &[Input::Sockets("single connections with something to send, with tcp_info")],
    keys: &["net.ipv4.tcp_window_scaling"],
    threshold: "2 s of sending and more, 30% of them with the peer's window used up, 5 ms of path and no queue, and one window arriving a \
                round trip all the time (0.6 to 1.6 of one): a reader that is slow leaves a window that opens and closes; of those that \
                clients opened from half of what sends: some clients always have small buffers",
    confidence: Confidence::Likely,
    next: Some("ss -tmi at the peer: Recv-Q near 0 is a small buffer, Recv-Q near rb a slow reader"),
    proof: Proof::Live,
    wrong_remedy: "net.core.rmem_max alone: it limits SO_RCVBUF only; net.ipv4.tcp_wmem here: the peer's buffer is the limit",
    disproved_by: "a peer whose Recv-Q is full: then its application reads too slowly",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let (mut found, sample) = held_up(case, Limit::PeersWindow)?;
    // Some clients of a public service always have a small buffer; it is worth a word where half of all are held up.
    let looked_at = sample.rows.iter().filter(|row| row.pace.is_some()).count();
    if found.len() * 2 < looked_at {
        let listeners = &case.sockets()?.listeners;
        found.retain(|(row, _)| is_opened_here(row, listeners));
    }
    let groups = by_destination(found.iter().map(|(row, _)| *row));
    let Some((group, (row, pace))) = groups.first().zip(found.first()) else { return Ok(Verdict::quiet()) };
    let window = pace.peer_window.unwrap_or(0);
    let acked = row.sent.map_or(0, |sent| sent.acked_bytes);
    // Bytes in µs, told in kB a second.
    let rate_kb = acked.saturating_mul(1000) / pace.busy_us.max(1);
    let sentence = format!(
        "{}{}, such as to {}: {rate_kb} kB a second, held to the peer's window of {window} bytes a round trip",
        connections(u64::try_from(found.len()).unwrap_or(u64::MAX), sample),
        group.of_process(),
        group.remote
    );
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .seen("such connections", found.len().to_string(), source::info("tcpi_rwnd_limited, tcpi_busy_time"))
        .seen(
            "kB a second that arrived (tcpi_bytes_acked of tcpi_busy_time)",
            rate_kb.to_string(),
            source::info("tcpi_bytes_acked, tcpi_busy_time"),
        )
        .seen("the peer's window in bytes (tcpi_snd_wnd)", window.to_string(), source::info("tcpi_snd_wnd"))
        .seen("round trip (tcpi_rtt)", format!("{:#}", Micros(pace.rtt_us.into())), source::info("tcpi_rtt"))
        .seen(
            "time with something to send (tcpi_busy_time)",
            format!("{:#}", Micros(pace.busy_us)),
            source::info("tcpi_busy_time"),
        )
        .seen(
            "of it with the window used up (tcpi_rwnd_limited)",
            format!("{:#}", Micros(pace.window_limited_us)),
            source::info("tcpi_rwnd_limited"),
        )
        .settings(case, RULE.keys)
        .because("the peer's receive buffer is smaller than what the path holds: the rate times the round trip")
        .remedy(
            "at the peer: no SO_RCVBUF in the application, and the third figure of net.ipv4.tcp_rmem at about twice \
             the path's rate times its round trip; keep the first two",
        )
        .into())
}
