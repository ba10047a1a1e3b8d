//! Idle connections that a firewall forgets, since keepalive begins later or not at all.
//!
//! Connection tracking forgets an idle connection after `nf_conntrack_tcp_timeout_established`; a socket with
//! SO_KEEPALIVE sends its first probe after `tcp_keepalive_time`, and each probe makes the entry young again. Of
//! firewalls and load balancers elsewhere the same holds; their limits cannot be read here, and are stated.

use crate::diagnose::case::{STATED, at_least_percent};
use crate::diagnose::forecast::{by_destination, connections};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{Sample, SocketRow};
use crate::units::{Micros, SocketTimer, TcpState, duration_text};

const COUNT: &str = "net.netfilter.nf_conntrack_count";
const ESTABLISHED: &str = "net.netfilter.nf_conntrack_tcp_timeout_established";
const LOOSE: &str = "net.netfilter.nf_conntrack_tcp_loose";
const KEEPALIVE_TIME: &str = "net.ipv4.tcp_keepalive_time";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "keepalive-too-late",
    looks_for: "idle connections that a firewall or load balancer forgets before a keepalive probe",
    topic: Some("keepalive"),
    reads: &[Input::Sockets("states"), Input::Sockets("single idle connections, with tcp_info")],
    keys: &[COUNT, ESTABLISHED, LOOSE, KEEPALIVE_TIME],
    threshold: "a connection that has been idle for half of nf_conntrack_tcp_timeout_established, or of the idle limit that \
                is stated (diagnose --timeouts idle=350s), and has no keepalive or one whose next probe comes later than \
                the rest: what is busy is never forgotten",
    confidence: Confidence::Possible,
    next: Some("tcpctl sockets state established, for the keepalive timers; conntrack -L, for the entries"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_retries2 or tcp_fin_timeout: an idle connection has nothing to send again and no FIN",
    disproved_by: "an application that sends something by itself before that, or connections that no rule of the firewall tracks",
    check: |case| judge(case).into(),
};

/// Share of the limit, in percent, that a connection must have been idle for: what is busy is never forgotten.
const IDLE_PERCENT: u64 = 50;

/// What forgets idle connections, and after how many milliseconds.
#[derive(Clone, Copy)]
enum Forgets {
    /// Connection tracking of this host.
    Here(u64),
    /// What is on the way, as it is stated.
    Elsewhere(u64),
}

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let limits: Vec<Forgets> = [here(case)?, elsewhere(case)].into_iter().flatten().collect();
    if limits.is_empty() || case.sockets()?.count(TcpState::Estab) == 0 {
        return Ok(Verdict::quiet());
    }
    let none = || "idle connections were not kept one by one".to_owned();
    let sample = case.samples()?.idle.as_ref().ok_or_else(none)?;
    let findings = limits.into_iter().filter_map(|limit| forgotten(case, sample, limit)).collect();
    Ok(Verdict { findings, gaps: Vec::new() })
}

fn here(case: &Case<'_>) -> Result<Option<Forgets>, String> {
    let (tracked, forgotten_s) = (case.sysctl_number_if_there(COUNT)?, case.sysctl_number_if_there(ESTABLISHED)?);
    let in_use = tracked.is_some_and(|tracked| tracked > 0);
    Ok(forgotten_s.filter(|_| in_use).map(|seconds| Forgets::Here(seconds.saturating_mul(1000))))
}

fn elsewhere(case: &Case<'_>) -> Option<Forgets> {
    let idle_us = case.stated().timeouts?.idle_us?;
    Some(Forgets::Elsewhere(idle_us / 1000))
}

fn forgotten(case: &Case<'_>, sample: &Sample, limit: Forgets) -> Option<Finding> {
    let (Forgets::Here(forgotten_ms) | Forgets::Elsewhere(forgotten_ms)) = limit;
    let doomed: Vec<(&SocketRow, u64)> = sample.rows.iter().filter_map(|row| doomed(row, forgotten_ms)).collect();
    let longest_ms = doomed.iter().map(|(_, idle_ms)| *idle_ms).max()?;
    let without = doomed.iter().filter(|(row, _)| row.clock.timer == SocketTimer::Off).count();
    let groups = by_destination(doomed.iter().map(|(row, _)| *row));
    let group = groups.first()?;
    let count = u64::try_from(doomed.len()).unwrap_or(u64::MAX);
    let stated = duration_text(forgotten_ms.saturating_mul(1000));
    let who = match limit {
        Forgets::Here(_) => format!("connection tracking forgets idle connections after {}s", forgotten_ms / 1000),
        Forgets::Elsewhere(_) => format!("what is on the way forgets idle connections after {stated} (stated)"),
    };
    let sentence = format!(
        "{who}, {}: {}{}, such as to {}",
        if without == 0 { "and keepalive begins later" } else { "and no keepalive begins before" },
        connections(count, sample),
        group.of_process(),
        group.remote
    );
    let cause = match (limit, case.sysctl_number_if_there(LOOSE)) {
        (Forgets::Elsewhere(_), _) => {
            "what comes after that meets no connection there: it is dropped without a word, or answered with a reset"
        }
        (Forgets::Here(_), Ok(Some(0))) => {
            "what comes after that is INVALID to the firewall (nf_conntrack_tcp_loose is 0) and dropped"
        }
        (Forgets::Here(_), _) => {
            "what comes after that is a new connection to the firewall: rules that want a SYN drop it, and translated \
             addresses are lost"
        }
    };
    let remedy = match limit {
        Forgets::Here(_) => {
            "SO_KEEPALIVE in the application, with TCP_KEEPIDLE or net.ipv4.tcp_keepalive_time well below that limit; or \
             a longer nf_conntrack_tcp_timeout_established"
        }
        Forgets::Elsewhere(_) => {
            "SO_KEEPALIVE in the application, with TCP_KEEPIDLE or net.ipv4.tcp_keepalive_time well below that limit; an \
             idle timeout of the server that ends before it, and of the client's pool before that"
        }
    };
    let longest = format!("{:#}", Micros(longest_ms.saturating_mul(1000)));
    let finding = Finding::new(&RULE, Severity::Warning, sentence);
    let finding = match limit {
        Forgets::Here(_) => finding.settings(case, RULE.keys),
        Forgets::Elsewhere(_) => finding.seen("idle", stated, STATED).settings(case, &[KEEPALIVE_TIME]),
    };
    Some(
        finding
            .seen("such connections", count.to_string(), "sock_diag idiag_timer, idiag_expires")
            .seen(
                "of idle ones that were looked at",
                sample.rows.len().to_string(),
                "sock_diag idiag_state, idiag_rqueue, idiag_wqueue",
            )
            .seen("of such connections without SO_KEEPALIVE (no timer)", without.to_string(), "sock_diag idiag_timer")
            .seen(
                "idle for, the longest of them (tcpi_last_data_sent, _data_recv, _ack_recv)",
                longest,
                source::info("tcpi_last_data_sent, tcpi_last_data_recv, tcpi_last_ack_recv"),
            )
            .because(cause)
            .remedy(remedy),
    )
}

/// A connection that is idle, and that connection tracking forgets before anything is sent on it by itself; with how long
/// it has been idle, in milliseconds.
fn doomed(row: &SocketRow, forgotten_ms: u64) -> Option<(&SocketRow, u64)> {
    let (pace, info) = (row.pace?, row.clock.info?);
    let idle_ms = pace.last_data_sent_ms.min(info.last_data_recv_ms).min(info.last_ack_recv_ms);
    let idle_ms = u64::from(idle_ms);
    // The timer of keepalive is put off when it expires on a connection that is not idle for so long, so a probe may come
    // later than this, and no sooner.
    let too_late =
        row.clock.timer == SocketTimer::Off || idle_ms.saturating_add(row.clock.expires_ms.into()) > forgotten_ms;
    (too_late && at_least_percent(idle_ms, forgotten_ms, IDLE_PERCENT)).then_some((row, idle_ms))
}
