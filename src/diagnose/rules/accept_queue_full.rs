//! A process that does not accept fast enough.
//!
//! `tcp_conn_request` drops a SYN, and `tcp_v4_syn_recv_sock` a finished handshake, when `sk_acceptq_is_full`: more
//! than `sk_max_ack_backlog` connections wait. Both add to ListenOverflows, ListenDrops and the listener's `sk_drops`.

use super::pressure::{Pressure, pressure};
use crate::diagnose::case::{NETSTAT, SNMP, SOCK_DIAG, listener_name};
use crate::diagnose::{Case, Finding, Rule, Severity, Verdict};
use crate::snapshot::Listener;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "accept-queue-full",
    looks_for: "a listener whose accept queue is full",
    topic: Some("queues"),
    keys: &[],
    wrong_remedy: "net.ipv4.tcp_abort_on_overflow=1: clients get resets instead of a second chance; \
                   nor raise net.core.somaxconn alone: a listener takes it over at listen() only",
    disproved_by: "readings in which the accept queue stays under its limit while ListenOverflows still rises",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    let sockets = match case.sockets() {
        Ok(sockets) => sockets,
        Err(gap) => return Verdict::undecided(gap),
    };
    let mut verdict = Verdict::quiet();
    for listener in &sockets.listeners {
        match pressure(case, listener) {
            Ok(Pressure::AcceptSide(drops)) => verdict.findings.push(overflowing(case, listener, drops)),
            Ok(Pressure::Full) => verdict.findings.push(full(case, listener)),
            Ok(_) => {}
            Err(gap) => verdict.gaps.push(gap),
        }
        if let Err(gap) = case.drops_rise(listener) {
            verdict.gaps.push(gap);
        }
    }
    verdict
}

/// The queue beside its capacity, which is one more than the backlog.
fn occupancy(listener: &Listener) -> String {
    let capacity = u64::from(listener.backlog.unwrap_or(0)) + 1;
    format!("{} of {capacity}", listener.accept_queue.unwrap_or(0))
}

fn overflowing(case: &Case<'_>, listener: &Listener, drops: u64) -> Finding {
    let name = listener_name(listener);
    let accepted = accepted(case);
    let idle_sibling = case.sockets().ok().is_some_and(|sockets| {
        let same_port = |other: &&Listener| other.port == listener.port && other.address == listener.address;
        sockets.listeners.iter().filter(same_port).any(|other| other.accept_queue == Some(0))
    });
    let cause = if listener.shares_port > 1 && idle_sibling {
        "others listen on the same port and are idle: this one is stuck or slow, and the kernel's hash keeps sending it \
         its share of the clients"
    } else if accepted == Some(0) {
        "nothing was taken off any accept queue in the whole window: the process does not call accept()"
    } else {
        "the process calls accept() more slowly than clients arrive"
    };
    let sentence = format!(
        "{name}: accept queue full ({}), {drops} connections dropped {}",
        occupancy(listener),
        case.in_window()
    );
    let mut finding = Finding::new(&RULE, Severity::Critical, sentence)
        .seen("accept queue", occupancy(listener), SOCK_DIAG)
        .seen("drops of this listener", case.over_window(drops), SOCK_DIAG);
    for counter in ["ListenOverflows", "SyncookiesSent"] {
        if let Ok(rise) = case.tcp_ext_rise(counter) {
            finding = finding.seen(counter, case.over_window(rise), NETSTAT);
        }
    }
    if let Some(accepted) = accepted {
        let what = "accepted here, all listeners: PassiveOpens less the growth of accept queues";
        finding = finding.seen(what, case.over_window(accepted), SNMP);
    }
    finding.because(cause).remedy(
        "speed up or unblock the accept loop of that process; a larger backlog (its listen() argument, and \
         net.core.somaxconn) only helps against bursts",
    )
}

/// How many connections processes of this namespace took off accept queues: those that opened, less those by which
/// the queues grew. What is true of all is true of one only when it is nothing.
fn accepted(case: &Case<'_>) -> Option<u64> {
    let opens = i64::try_from(case.tcp_rise("PassiveOpens").ok()?).ok()?;
    let growth = case.sockets().ok()?.listeners.iter().map(|listener| {
        let waiting = |listener: &Listener| i64::from(listener.accept_queue.unwrap_or(0));
        waiting(listener) - case.listener_before(listener).map_or(0, waiting)
    });
    Some(u64::try_from(opens - growth.sum::<i64>()).unwrap_or(0))
}

fn full(case: &Case<'_>, listener: &Listener) -> Finding {
    let sentence =
        format!("{}: accept queue full ({}); the next client is dropped", listener_name(listener), occupancy(listener));
    let finding = Finding::new(&RULE, Severity::Warning, sentence).seen("accept queue", occupancy(listener), SOCK_DIAG);
    let finding = match case.drops_rise(listener) {
        Ok(drops) => finding.seen("drops of this listener", case.over_window(drops), SOCK_DIAG),
        Err(_) => finding,
    };
    finding
        .because("nothing has taken these connections off the queue: the process does not accept, or not fast enough")
        .remedy(
            "look at what the process does instead of accept(): a blocked thread, no free worker, a stopped process",
        )
}
