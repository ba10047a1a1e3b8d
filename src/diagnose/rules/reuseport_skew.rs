//! One of several listeners on a port that is stuck.
//!
//! With `SO_REUSEPORT` the hash of the connection's addresses and ports picks the listener (`reuseport_select_sock`),
//! whether that one accepts or not, and a client's retry has the same hash.

use super::pressure::{Pressure, SOMAXCONN, drops_of_all, judge_listeners, occupancy};
use crate::diagnose::case::listener_name;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Listener;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "reuseport-skew",
    looks_for: "one of several listeners on a port that is stuck while others are idle",
    topic: Some("queues"),
    reads: &[Input::Sockets("accept queue, backlog and drops of each listener"), Input::TcpExt("ListenOverflows")],
    keys: &[SOMAXCONN],
    threshold: "90% of at least 10 drops on one address and port by one full listener while another has an empty \
                queue: a fair hash spreads an overload over all of them",
    confidence: Confidence::Likely,
    next: Some("the stack of that worker: cat /proc/PID/stack"),
    proof: Proof::Live,
    wrong_remedy: "a larger backlog or net.core.somaxconn: the hash keeps sending the stuck one its share",
    disproved_by: "drops that spread over all listeners of the port",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    judge_listeners(case, |listener, pressure| match pressure {
        Pressure::Skew(drops) => Some(skewed(case, listener, drops)),
        _ => None,
    })
}

fn skewed(case: &Case<'_>, listener: &Listener, drops: u64) -> Finding {
    let siblings = case.siblings(listener);
    let listeners = siblings.len();
    let name = listener_name(listener);
    let sentence = format!(
        "{name}: one of {listeners} listeners on this port is stuck, {drops} attempts dropped {}",
        case.in_window()
    );
    let all = drops_of_all(case, listener);
    let idle = siblings.iter().filter(|other| other.accept_queue == Some(0)).count();
    Finding::new(&RULE, Severity::Critical, sentence)
        .seen("its accept queue", occupancy(listener), source::ACCEPT_QUEUE)
        .seen("its drops", case.over_window(drops), source::DROPS)
        .seen("drops of all listeners of this port", case.over_window(all), source::DROPS)
        .seen("of them with an empty accept queue", format!("{idle} of {listeners}"), "sock_diag idiag_rqueue")
        .seen("its socket's inode, for ss -ltnpe", listener.inode.to_string(), "sock_diag idiag_inode")
        .tcp_ext(case, &["ListenOverflows"])
        .because(
            "the kernel's hash sends each worker its share of the clients whether it accepts or not, and a client that \
             tries again from the same port meets the same worker",
        )
        .remedy("restart that worker; net.ipv4.tcp_migrate_req=1 (5.14 on) hands its queue to the others when it goes")
}
