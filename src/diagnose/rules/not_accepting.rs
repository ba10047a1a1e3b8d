//! A process that has stopped accepting.
//!
//! PassiveOpens counts finished handshakes and the accept queue what of them nobody took (`inet_csk_reqsk_queue_add`,
//! `inet_csk_accept`): when both rise alike, or rest while connections wait, no process called accept().

use super::pressure::{
    Pressure, Queue, SOMAXCONN, accepted, drops_of_all, judge_listeners, occupancy, pressure, waiting_before,
};
use crate::diagnose::case::listener_name;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Listener;

/// Workers whose queue is told each, where none of several accepts.
const TOLD: usize = 4;

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
        Pressure::NotAccepting(drops) => stuck_or_all(case, listener, drops),
        _ => None,
    });
    verdict.gaps.extend(case.tcp_rise("PassiveOpens").err());
    verdict
}

/// One finding a listener, and one for all that share an address and a port where none of them is taken from.
fn stuck_or_all(case: &Case<'_>, listener: &Listener, drops: u64) -> Option<Finding> {
    let siblings = case.siblings(listener);
    let all =
        siblings.len() > 1 && siblings.iter().all(|one| matches!(pressure(case, one), Ok(Pressure::NotAccepting(_))));
    if !all {
        return Some(stuck(case, listener, drops));
    }
    let is_first = siblings.first().is_some_and(|first| core::ptr::eq::<Listener>(*first, listener));
    is_first.then(|| all_stuck(case, siblings))
}

/// "*:80 nginx(12) and 3 more: none of the 4 listeners on this port accepts".
fn all_stuck(case: &Case<'_>, siblings: &[&Listener]) -> Finding {
    let of_first = siblings.first().map(|first| listener_name(first)).unwrap_or_default();
    let waiting: u64 = siblings.iter().map(|one| u64::from(one.accept_queue.unwrap_or(0))).sum();
    let before: u64 = siblings.iter().map(|one| waiting_before(case, one)).sum();
    let drops = siblings.first().map_or(0, |first| drops_of_all(case, first));
    let (severity, rest) = if drops > 0 {
        (Severity::Critical, format!("{drops} attempts dropped {}", case.in_window()))
    } else {
        (Severity::Warning, format!("and nobody took one {}", case.in_window()))
    };
    let number = siblings.len();
    let sentence = format!("{of_first}: none of {number} listeners on this port accepts: {waiting} wait, {rest}");
    let mut finding = Finding::new(&RULE, severity, sentence)
        .seen("listeners on this port", number.to_string(), source::ENDS)
        .seen("waiting in their accept queues", waiting.to_string(), "sock_diag idiag_rqueue")
        .seen("waiting in the reading before", before.to_string(), "sock_diag idiag_rqueue")
        .seen("drops of all of them", case.over_window(drops), source::DROPS);
    for one in siblings.iter().take(TOLD) {
        finding = finding.seen(format!("accept queue of {}", listener_name(one)), occupancy(one), source::ACCEPT_QUEUE);
    }
    finding = finding.tcp(case, &["PassiveOpens"]).tcp_ext(case, &["ListenOverflows"]);
    let queue = siblings.first().map(|first| Queue::of(case, first));
    queue
        .map_or(finding.clone(), |queue| queue.told(finding))
        .because("no worker calls accept(): all wait for the same thing, such as a lock, a database or a full disk")
        .remedy("look at what one of the workers waits for, and restart them; what waits is lost with them")
}

fn stuck(case: &Case<'_>, listener: &Listener, drops: u64) -> Finding {
    let (name, waiting) = (listener_name(listener), listener.accept_queue.unwrap_or(0));
    let (severity, sentence) = if drops > 0 {
        let sentence = format!("{name} does not accept: {waiting} wait, {drops} attempts dropped {}", case.in_window());
        (Severity::Critical, sentence)
    } else {
        let sentence = format!("{name} does not accept: {waiting} wait, and nobody took one {}", case.in_window());
        (Severity::Warning, sentence)
    };
    let before = waiting_before(case, listener);
    let queue = Queue::of(case, listener);
    let mut finding = Finding::new(&RULE, severity, sentence)
        .seen("accept queue", occupancy(listener), source::ACCEPT_QUEUE)
        .seen("waiting in the reading before", before.to_string(), "sock_diag idiag_rqueue")
        .seen("attempts that it dropped, each retry counted", case.over_window(drops), source::DROPS)
        .tcp(case, &["PassiveOpens"])
        .tcp_ext(case, &["ListenOverflows"]);
    if let Some(accepted) = accepted(case) {
        let what = "accepted here, all listeners: PassiveOpens less the growth of accept queues";
        finding = finding.seen(what, case.over_window(accepted), source::ACCEPTED);
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
