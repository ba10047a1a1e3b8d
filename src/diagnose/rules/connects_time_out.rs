//! Connects that go on without an answer, and when they fail.
//!
//! `tcp_retransmit_timer` sends a SYN `tcp_syn_retries` times more (TCP_SYNCNT overrides it per socket), the first
//! `tcp_syn_linear_timeouts` of them a second apart; then connect() fails. A socket in SYN-SENT tells how often its SYN
//! was sent again and when the next timer is due, and the model's own clock goes on from there.

use super::no_neighbour::never_sent;
use crate::diagnose::forecast::{Forecaster, Group, by_destination, counted, leads_to_full_listener};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{Sample, SocketRow};
use crate::units::TcpState;

/// Connects of one process to one destination below which it is chance.
const MIN: usize = 3;

/// Times that a SYN of theirs was sent again: twice means at least two seconds, and a path that lost three of three.
const RETRIES_MIN: u8 = 2;

/// Destinations that are told, the largest first.
const TOLD: usize = 5;

pub(super) const SYN_RETRIES: &str = "net.ipv4.tcp_syn_retries";
const LINEAR: &str = "net.ipv4.tcp_syn_linear_timeouts";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "connects-time-out",
    looks_for: "connects that go on without an answer, and when they fail",
    topic: Some("syn-lost"),
    reads: &[
        Input::Sockets("single sockets in SYN-SENT"),
        Input::Sockets("local ports by destination"),
        Input::TcpExt("TCPSpuriousRtxHostQueues"),
        Input::TcpExt("TCPTimeouts"),
        Input::TcpExt("TCPSynRetrans"),
    ],
    keys: &[SYN_RETRIES, LINEAR, "net.ipv4.tcp_rto_max_ms"],
    threshold: "3 connects of one process to one destination whose SYNs were sent again, one of them twice: three SYNs \
                lost in a row are no accident",
    confidence: Confidence::Likely,
    next: Some("tcpctl sockets state syn-sent, for each one's clock"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_syn_retries for all of the host because of one destination; it does not shorten the \
                   wait of connects that have begun with TCP_SYNCNT set",
    disproved_by: "an answer before that time, or an ICMP error, which ends them with another errno",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let groups = groups(case)?;
    if groups.is_empty() {
        return Ok(Verdict::quiet());
    }
    let sample = &case.samples()?.connecting;
    let forecaster = Forecaster::new(case);
    let findings = groups.iter().take(TOLD).map(|group| finding(case, group, sample, forecaster.as_ref())).collect();
    Ok(Verdict { findings, gaps: Vec::new() })
}

/// How many sockets in SYN-SENT this rule has spoken of.
pub(super) fn claimed(case: &Case<'_>) -> u64 {
    let (Ok(groups), Ok(samples)) = (groups(case), case.samples()) else { return 0 };
    let sample = &samples.connecting;
    // What was not kept is taken to be like what was.
    let all_kept = sample.total == rows(sample);
    if groups.is_empty() || all_kept { groups.iter().map(Group::count).sum() } else { sample.total }
}

/// The destinations that are spoken of. A SYN that never left the host is another rule's, and so is one to a listener of
/// this host that has no room.
fn groups<'a>(case: &Case<'a>) -> Result<Vec<Group<'a>>, String> {
    let sockets = case.sockets()?;
    if sockets.count(TcpState::SynSent) == 0 || never_sent(case) == Ok(true) {
        return Ok(Vec::new());
    }
    let is_theirs = |row: &&SocketRow| !leads_to_full_listener(row, &sockets.listeners);
    let mut groups = by_destination(case.samples()?.connecting.rows.iter().filter(is_theirs));
    groups.retain(|group| group.rows.len() >= MIN && group.rows.iter().any(|row| row.clock.retransmits >= RETRIES_MIN));
    Ok(groups)
}

fn finding(case: &Case<'_>, group: &Group<'_>, sample: &Sample, forecaster: Result<&Forecaster, &String>) -> Finding {
    let fate = forecaster.ok().and_then(|one| Some((one, one.common_fate(group.rows.iter().copied())?)));
    let most = group.rows.iter().map(|row| row.clock.retransmits).max().unwrap_or(0);
    let (count, remote) = (group.count(), group.remote);
    let connects = format!("{} connects{} to {remote}", counted(count, sample), group.of_process());
    let sentence = match &fate {
        Some((forecaster, fate)) => {
            format!("{connects} fail {} with {} unless answered", forecaster.when(fate.window), fate.outcome())
        }
        None => format!("{connects} have no answer after {most} more SYNs; when they fail is not known"),
    };
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence)
        .seen(
            "in SYN-SENT to there, their SYN sent again",
            count.to_string(),
            "sock_diag idiag_state, idiag_dst, idiag_dport, idiag_retrans",
        )
        .seen("SYNs sent again, of the one with most (idiag_retrans)", most.to_string(), "sock_diag idiag_retrans");
    if sample.total > rows(sample) {
        let seen = format!("{} of {}", rows(sample), sample.total);
        finding = finding.seen("connects that were looked at one by one", seen, "sock_diag idiag_state");
    }
    if let Some((_, fate)) = &fate {
        finding = fate.assumed(finding);
    }
    let others = open_to_there(case, group, sample);
    let cause = match others {
        Some(1..) => {
            "other connections to there are open, so the path and the target live: its accept queue is full, or a \
             firewall limits this host"
        }
        Some(0) => {
            "nothing is open to there: SYNs or their answers are lost or filtered on the way, or the target is down"
        }
        None => {
            "SYNs or their answers are lost or filtered on the way, the target is down, or its accept queue is full"
        }
    };
    if let Some(others) = others {
        finding = finding.seen("other connections to there", others.to_string(), source::ENDS);
    }
    finding.settings(case, RULE.keys).because(cause).remedy(
        "fix the path, the filter or the target; a connect timeout of the application, shorter than this one, lets \
             it go elsewhere sooner",
    )
}

/// How many connections to the same destination are open, TIME-WAIT apart; nothing where that is not known.
fn open_to_there(case: &Case<'_>, group: &Group<'_>, sample: &Sample) -> Option<u64> {
    let sockets = case.sockets().ok().filter(|sockets| sockets.counted_ports().is_some())?;
    if sample.total > rows(sample) {
        return None;
    }
    let there = sockets
        .ports
        .iter()
        .filter(|row| row.destination == group.remote.ip() && row.destination_port == group.remote.port());
    let used: u64 = there.map(|row| row.used.saturating_sub(row.time_wait)).sum();
    // Other processes may connect to there as well, and SYNs that were sent once are no sample's.
    let connecting = sample
        .rows
        .iter()
        .filter(|row| row.remote.ip().to_canonical() == group.remote.ip() && row.remote.port() == group.remote.port());
    let unsampled = sockets.count(TcpState::SynSent).saturating_sub(rows(sample));
    Some(used.saturating_sub(u64::try_from(connecting.count()).unwrap_or(u64::MAX)).saturating_sub(unsampled))
}

fn rows(sample: &Sample) -> u64 {
    u64::try_from(sample.rows.len()).unwrap_or(u64::MAX)
}
