//! A backlog that `net.core.somaxconn` may have cut.
//!
//! `__sys_listen` takes the smaller of listen()'s argument and somaxconn, once: raising somaxconn leaves a listener as
//! it is until it calls listen() again.

use super::pressure::{Pressure, SOMAXCONN, judge_listeners};
use crate::diagnose::case::listener_name;
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Listener;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "backlog-capped",
    looks_for: "a listener that drops bursts and whose backlog is just what net.core.somaxconn allows",
    topic: Some("queues"),
    reads: &[Input::Sockets("accept queue, backlog and drops of each listener"), Input::TcpExt("SyncookiesSent")],
    keys: &[SOMAXCONN],
    threshold: "drops with at most 50% of the backlog waiting, and a backlog equal to somaxconn: equal to the last is \
                capped or chosen, less than it was the application's own choice",
    confidence: Confidence::Possible,
    next: Some("strace -fe trace=listen, or the application's configuration, for what it asks for"),
    proof: Proof::Live,
    wrong_remedy: "raising net.core.somaxconn without a new listen(): a listener takes it over at listen() only; \
                   raising the host's value for a container, which has its own",
    disproved_by: "an application that asks for no more than this: then its own backlog is the limit",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    let mut verdict = judge_listeners(case, |listener, pressure| match pressure {
        Pressure::Capped(drops) => Some(capped(case, listener, drops)),
        _ => None,
    });
    verdict.gaps.extend(case.sysctl_number(SOMAXCONN).err());
    verdict
}

fn capped(case: &Case<'_>, listener: &Listener, drops: u64) -> Finding {
    let backlog = listener.backlog.unwrap_or(0);
    let sentence = format!(
        "{}: {drops} attempts in bursts dropped {}; its backlog of {backlog} is all that somaxconn allows",
        listener_name(listener),
        case.in_window()
    );
    Finding::new(&RULE, Severity::Critical, sentence)
        .seen("backlog of this listener", backlog.to_string(), "sock_diag idiag_wqueue")
        .settings(case, &[SOMAXCONN])
        .seen("accept queue when looked at", listener.accept_queue.unwrap_or(0).to_string(), "sock_diag idiag_rqueue")
        .seen("attempts that it dropped, each retry counted", case.over_window(drops), source::DROPS)
        .tcp_ext(case, &["SyncookiesSent"])
        .because("more clients finish their handshake at once than the backlog holds, and somaxconn may have cut it")
        .remedy(format!(
            "raise net.core.somaxconn above {backlog} in this network namespace and the application's listen() \
             backlog; \
             then let the application listen() again"
        ))
}
