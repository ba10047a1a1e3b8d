//! A process that has stopped accepting.
//!
//! PassiveOpens counts finished handshakes and the accept queue what of them nobody took (`inet_csk_reqsk_queue_add`,
//! `inet_csk_accept`): when both rise alike, or rest while connections wait, no process called accept().

use super::pressure::{Pressure, SOMAXCONN, judge_listeners, occupancy};
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
        Input::Tcp("PassiveOpens"),
        Input::TcpExt("ListenOverflows"),
    ],
    keys: &[SOMAXCONN],
    threshold: "connections that wait while no process of the namespace accepted any for a second or more: one that \
                accepts at all takes a waiting connection within milliseconds",
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
    Finding::new(&RULE, severity, sentence)
        .seen("accept queue", occupancy(listener), SOCK_DIAG)
        .seen("waiting in the reading before", before.to_string(), SOCK_DIAG)
        .seen("drops of this listener", case.over_window(drops), SOCK_DIAG)
        .seen("accepted here, all listeners: PassiveOpens less the growth of accept queues", "0", SNMP)
        .tcp(case, &["PassiveOpens"])
        .tcp_ext(case, &["ListenOverflows"])
        .because("the process does not call accept(): stopped, blocked, or out of file descriptors or workers")
        .remedy("look at what the process does instead, and restart it; what waits is lost with it")
}
