//! A process that has stopped accepting.
//!
//! PassiveOpens counts finished handshakes and the accept queue what of them nobody took (`inet_csk_reqsk_queue_add`,
//! `inet_csk_accept`): when both rise alike, or rest while connections wait, no process called accept().

use super::pressure::{Pressure, Queue, SOMAXCONN, accepted, judge_listeners, occupancy};
use crate::diagnose::case::{SNMP, SOCK_DIAG, listener_name};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Listener;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "not-accepting",
    looks_for: "a listener from whose accept queue nobody takes anything",
    topic: Some("queues"),
    reads: &[
        Input::Sockets("accept queue, backlog and drops of each listener"),
        Input::Sockets("single connections that wait in accept queues, with tcp_info"),
        Input::Tcp("PassiveOpens"),
        Input::TcpExt("ListenOverflows"),
    ],
    keys: &[SOMAXCONN],
    threshold: "connections that wait while nobody took one off for a second or more, by the age of those that wait, or \
                because no process of the namespace accepted any: one that accepts at all takes a waiting connection \
                within milliseconds",
    confidence: Confidence::Certain,
    next: Some("the stack of the process: cat /proc/PID/stack, or strace -fp PID"),
    proof: Proof::Live,
    wrong_remedy: "a larger backlog: it only makes more clients wait; net.ipv4.tcp_abort_on_overflow=1",
    disproved_by: "an accept queue that gets shorter, or PassiveOpens that rise faster than the queue",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    let mut verdict = judge_listeners(case, |listener, pressure| match pressure {
        Pressure::NotAccepting(drops) => Some(stuck(case, listener, drops)),
        _ => None,
    });
    verdict.gaps.extend(case.tcp_rise("PassiveOpens").err());
    verdict
}

fn stuck(case: &Case<'_>, listener: &Listener, drops: u64) -> Finding {
    let (name, waiting) = (listener_name(listener), listener.accept_queue.unwrap_or(0));
    let (severity, sentence) = if drops > 0 {
        let sentence = format!("{name} does not accept: {waiting} wait, {drops} dropped {}", case.in_window());
        (Severity::Critical, sentence)
    } else {
        let sentence = format!("{name} does not accept: {waiting} wait, and nobody took one {}", case.in_window());
        (Severity::Warning, sentence)
    };
    let before = case.listener_before(listener).and_then(|old| old.accept_queue).unwrap_or(0);
    let queue = Queue::of(case, listener);
    let mut finding = Finding::new(&RULE, severity, sentence)
        .seen("accept queue", occupancy(listener), SOCK_DIAG)
        .seen("waiting in the reading before", before.to_string(), SOCK_DIAG)
        .seen("drops of this listener", case.over_window(drops), SOCK_DIAG)
        .tcp(case, &["PassiveOpens"])
        .tcp_ext(case, &["ListenOverflows"]);
    if let Some(accepted) = accepted(case) {
        let what = "accepted here, all listeners: PassiveOpens less the growth of accept queues";
        finding = finding.seen(what, case.over_window(accepted), SNMP);
    }
    let cause = if queue.is_like_a_flood() {
        "the process does not call accept(): stopped, blocked, or out of workers, which many silent clients bring about: a \
         flood of connects, unless the server is the one that speaks first"
    } else {
        "the process does not call accept(): stopped, blocked, or out of file descriptors or workers"
    };
    queue
        .told(finding)
        .because(cause)
        .remedy("look at what the process does instead, and restart it; what waits is lost with it")
}
