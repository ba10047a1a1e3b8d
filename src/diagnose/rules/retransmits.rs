//! Why segments are sent again: shared by the rules about retransmissions, so that one cause is one finding.
//!
//! The receiver tells of needless ones: a DSACK (`TCPDSACKRecv`) for each segment that came twice, and with those the
//! sender takes back what it did to its window (`tcp_try_undo_loss`: TCPLossUndo). TCPSpuriousRTOs stayed 0 through
//! genuine spurious timeouts, so it is not used.

use super::connects_unanswered;
use crate::diagnose::case::{at_least_percent, per_second, share};
use crate::diagnose::source;
use crate::diagnose::{Case, Finding, Input};

/// Segments sent again in one window, and a second, below which it is chance.
const MIN: u64 = 20;
const PER_S_MIN: u64 = 4;

/// Share of the segments sent, in percent, from which a loss-based congestion control loses most of its speed.
const SHARE_PERCENT: u64 = 1;

/// Losses taken back below which it is chance.
const UNDONE_MIN: u64 = 3;

/// Signs of reordering below which it is chance, and their share of what was sent again, in percent: where segments
/// overtake each other each brings about one.
const REORDERED_MIN: u64 = 3;
const REORDERED_PERCENT: u64 = 20;

/// Recoveries by ACKs beside segments sent again, in percent, below which those are of a few other connections.
const ANSWERED_PERCENT_MAX: u64 = 5;

/// Timeouts in a row from which a peer counts as silent: a second and a half at the least RTO, beyond ordinary loss.
pub(super) const SILENT_TIMEOUTS_MIN: u8 = 3;

/// What all of these rules read.
pub(super) const READS: [Input; 20] = [
    Input::Tcp("RetransSegs"),
    Input::Tcp("OutSegs"),
    Input::Tcp("AttemptFails"),
    Input::TcpExt("TCPSynRetrans"),
    Input::TcpExt("TCPTimeouts"),
    Input::TcpExt("TCPFastRetrans"),
    Input::TcpExt("TCPSackRecovery"),
    Input::TcpExt("TCPDSACKRecv"),
    Input::TcpExt("TCPSACKReorder"),
    Input::TcpExt("TCPTSReorder"),
    Input::TcpExt("TCPRenoReorder"),
    Input::TcpExt("TCPPartialUndo"),
    Input::TcpExt("TCPDSACKUndo"),
    Input::TcpExt("TCPLossUndo"),
    Input::TcpExt("TCPLossProbeRecovery"),
    Input::TcpExt("TCPLossProbes"),
    Input::TcpExt("TCPAbortOnTimeout"),
    Input::TcpExt("EmbryonicRsts"),
    Input::Tcp("ActiveOpens"),
    Input::Sockets("states, and single connections that timeouts send again for"),
];

/// The reason why segments are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// There are too few to speak of.
    Few,
    /// The network duplicates segments.
    Duplicates,
    /// Timers expired although nothing was lost.
    SpuriousTimeouts,
    /// Segments overtake each other.
    Reordering,
    /// Peers do not answer at all: timers alone send again.
    Silence,
    /// Segments are lost.
    Loss,
}

/// How much data was sent again, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retransmits {
    /// Why.
    pub(super) reason: Reason,
    /// Segments sent again, SYNs and SYN-ACKs apart.
    pub(super) count: u64,
    /// Segments sent, those that were sent again among them.
    pub(super) sent: u64,
    /// Of the segments sent again, how many had arrived already.
    pub(super) needless: u64,
    /// Holes that filled late by themselves.
    pub(super) filled_late: u64,
}

/// Tells why segments were sent again, the first that fits.
///
/// # Errors
/// The gap, when a counter is missing.
pub(super) fn retransmits(case: &Case<'_>) -> Result<Retransmits, String> {
    let syns = case.tcp_ext_rise("TCPSynRetrans")?;
    let count = case.tcp_rise("RetransSegs")?.saturating_sub(syns);
    // The kernel counts what it sends again on its own alone (`__tcp_transmit_skb`).
    let sent = case.tcp_rise("OutSegs")?.saturating_add(count);
    let needless = case.tcp_ext_rise("TCPDSACKRecv")?;
    let window_ms = case.window_ms()?;
    let much = |count| {
        count >= MIN && per_second(count, window_ms) >= PER_S_MIN && at_least_percent(count, sent, SHARE_PERCENT)
    };
    let reason = if much(needless) && needless >= count.saturating_mul(2) {
        Reason::Duplicates
    } else if much(count) {
        // What was sent again and had not arrived was lost: a receiver tells of what comes twice.
        let was_lost = much(count.saturating_sub(needless));
        match reason(case, count, needless, syns, was_lost)? {
            // What goes to peers that are silent altogether tells nothing of the path of the others.
            Reason::Loss if !much(count.saturating_sub(to_silent_peers(case))) => Reason::Few,
            reason => reason,
        }
    } else {
        Reason::Few
    };
    Ok(Retransmits { reason, count, sent, needless, filled_late: case.tcp_ext_rise("TCPSACKReorder")? })
}

fn reason(case: &Case<'_>, count: u64, needless: u64, syns: u64, was_lost: bool) -> Result<Reason, String> {
    let timeouts = case.tcp_ext_rise("TCPTimeouts")?.saturating_sub(syns);
    let undone = case.tcp_ext_rise("TCPLossUndo")?;
    let mostly_needless = at_least_percent(needless, count, 50) && !was_lost;
    // Timers explain what was sent again when all that they sent was needless, or when they sent most of it, the probes
    // before each timeout included (`tcp_send_loss_probe`).
    let by_timers = timeouts.saturating_add(case.tcp_ext_rise("TCPLossProbes")?);
    let by_timeouts = mostly_needless || at_least_percent(by_timers, count, 50);
    if undone >= UNDONE_MIN && at_least_percent(undone, timeouts, 30) && by_timeouts {
        return Ok(Reason::SpuriousTimeouts);
    }
    if mostly_needless {
        // What a probe sends into a closed window, or again since an ACK was lost, is needless as well.
        return Ok(if is_reordered(case, count)? { Reason::Reordering } else { Reason::Few });
    }
    let mut answered = 0_u64;
    for name in ["TCPFastRetrans", "TCPSackRecovery", "TCPLossProbeRecovery"] {
        answered = answered.saturating_add(case.tcp_ext_rise(name)?);
    }
    if answered * 100 < count * ANSWERED_PERCENT_MAX && at_least_percent(timeouts, count, 50) {
        // Connections that died of it have their own verdict.
        let died = case.tcp_ext_rise("TCPAbortOnTimeout")?.saturating_sub(connects_unanswered::died(case)?);
        return Ok(if died > 0 { Reason::Few } else { Reason::Silence });
    }
    Ok(Reason::Loss)
}

/// Whether the kernel noticed that segments had overtaken each other (`tcp_check_sack_reordering`), took recoveries back
/// (`tcp_try_undo_partial`, `tcp_try_undo_dsack`), or sent again what holes in the peers' SACKs asked for, in a share of
/// what was sent again: of what is sent into a closed window, or again since an ACK was lost, no peer tells of holes.
fn is_reordered(case: &Case<'_>, count: u64) -> Result<bool, String> {
    let mut signs = 0_u64;
    for name in ["TCPSACKReorder", "TCPTSReorder", "TCPRenoReorder", "TCPPartialUndo", "TCPDSACKUndo", "TCPFastRetrans"]
    {
        signs = signs.saturating_add(case.tcp_ext_rise(name)?);
    }
    Ok(signs >= REORDERED_MIN && at_least_percent(signs, count, REORDERED_PERCENT))
}

/// How many segments were sent again to peers that acknowledge nothing, at the most: each timeout in a row sent one.
fn to_silent_peers(case: &Case<'_>) -> u64 {
    let Ok(samples) = case.samples() else { return 0 };
    let sample = &samples.resending;
    let silent = sample.rows.iter().filter(|row| row.clock.retransmits >= SILENT_TIMEOUTS_MIN);
    let sent: u64 = silent.map(|row| u64::from(row.clock.retransmits)).sum();
    let kept = u64::try_from(sample.rows.len()).unwrap_or(u64::MAX);
    // What was not kept is taken to be like what was.
    sent.saturating_mul(sample.total.max(kept)).checked_div(kept).unwrap_or(0)
}

/// Adds what led to the reason.
pub(super) fn with_evidence(finding: Finding, case: &Case<'_>, seen: &Retransmits) -> Finding {
    finding
        .seen(
            "data segments sent again: RetransSegs less TCPSynRetrans",
            case.over_window(seen.count),
            "/proc/net/snmp Tcp RetransSegs and /proc/net/netstat TcpExt TCPSynRetrans",
        )
        .seen(
            "of the segments sent (OutSegs, and these)",
            share(seen.count, seen.sent),
            source::tcp("OutSegs, RetransSegs"),
        )
        .seen(
            "of them needless, by the peers' DSACKs",
            share(seen.needless, seen.count),
            source::tcp_ext("TCPDSACKRecv"),
        )
        .tcp(case, &["OutSegs"])
        .tcp_ext(
            case,
            &["TCPDSACKRecv", "TCPTimeouts", "TCPLossUndo", "TCPFastRetrans", "TCPSackRecovery", "TCPSACKReorder"],
        )
}
