//! A process that accepts, but not fast enough.
//!
//! `tcp_conn_request` drops a SYN, and `tcp_v4_syn_recv_sock` a finished handshake, when `sk_acceptq_is_full`: more
//! than `sk_max_ack_backlog` connections wait. Both add to ListenOverflows, ListenDrops and the listener's `sk_drops`.

use super::pressure::{Pressure, Queue, accepted, judge_each_listener, occupancy};
use crate::diagnose::case::listener_name;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Listener;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "accept-queue-full",
    looks_for: "a listener whose accept queue is full",
    topic: Some("queues"),
    reads: &[
        Input::Sockets("accept queue, backlog and drops of each listener"),
        Input::TcpExt("ListenOverflows"),
        Input::TcpExt("SyncookiesSent"),
        Input::Tcp("PassiveOpens"),
    ],
    keys: &[],
    threshold: "a listener that dropped with 90% of its backlog waiting: one that keeps up was seen empty in almost \
                every sample, one that does not between 94% and 106%; or a full queue",
    confidence: Confidence::Likely,
    next: Some("ss -ltn, and the stack of the process: cat /proc/PID/stack"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_abort_on_overflow=1: clients get resets instead of a second chance; \
                   nor raise net.core.somaxconn alone: a listener takes it over at listen() only",
    disproved_by: "readings in which the accept queue stays under its limit while ListenOverflows still rises",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    judge_each_listener(case, |listener, pressure| match pressure {
        Pressure::AcceptSide(drops) => Some(overflowing(case, listener, drops)),
        Pressure::Full => Some(full(case, listener)),
        _ => None,
    })
}

fn overflowing(case: &Case<'_>, listener: &Listener, drops: u64) -> Finding {
    let name = listener_name(listener);
    let accepted = accepted(case);
    let cause = "the process calls accept() more slowly than clients arrive";
    let sentence =
        format!("{name}: accept queue full ({}), {drops} attempts dropped {}", occupancy(listener), case.in_window());
    let mut finding = Finding::new(&RULE, Severity::Critical, sentence)
        .seen("accept queue", occupancy(listener), source::ACCEPT_QUEUE)
        .seen("attempts that it dropped, each retry counted", case.over_window(drops), source::DROPS);
    for counter in ["ListenOverflows", "SyncookiesSent"] {
        if let Ok(rise) = case.tcp_ext_rise(counter) {
            finding = finding.seen(counter, case.over_window(rise), source::tcp_ext(counter));
        }
    }
    if let Some(accepted) = accepted {
        let what = "accepted here, all listeners: PassiveOpens less the growth of accept queues";
        finding = finding.seen(what, case.over_window(accepted), source::ACCEPTED);
    }
    let queue = Queue::of(case, listener);
    let cause = if queue.is_like_a_flood() {
        "more clients arrive than the process accepts, and those that wait have sent nothing: a flood of connects, unless \
         the server is the one that speaks first"
    } else {
        cause
    };
    queue.told(finding).because(cause).remedy(
        "speed up or unblock the accept loop of that process; a larger backlog (its listen() argument, and \
         net.core.somaxconn) only helps against bursts",
    )
}

fn full(case: &Case<'_>, listener: &Listener) -> Finding {
    let sentence =
        format!("{}: accept queue full ({}); the next client is dropped", listener_name(listener), occupancy(listener));
    let finding = Finding::new(&RULE, Severity::Warning, sentence).seen(
        "accept queue",
        occupancy(listener),
        source::ACCEPT_QUEUE,
    );
    let finding = match case.drops_rise(listener) {
        Ok(drops) => {
            finding.seen("attempts that it dropped, each retry counted", case.over_window(drops), source::DROPS)
        }
        Err(_) => finding,
    };
    finding
        .because("nothing has taken these connections off the queue: the process does not accept, or not fast enough")
        .remedy(
            "look at what the process does instead of accept(): a blocked thread, no free worker, a stopped process",
        )
}
