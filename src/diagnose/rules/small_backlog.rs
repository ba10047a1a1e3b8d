//! A backlog that is smaller than a burst of honest clients.
//!
//! Two faces: connections dropped while every sample shows an almost empty accept queue, and SYN cookies that were sent
//! and then completed. With a round-trip time, what arrives within one of them must fit into the backlog.

use super::pressure::{Pressure, SOMAXCONN, full_syn_queue, judge_each_listener};
use super::syn_flood::Cookies;
use crate::diagnose::case::{at_least_percent, listener_name};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::Listener;

/// Cookies in one window below which an overflow of a SYN queue is a hiccup: others began with "any cookie" and
/// had to take the alarm back.
const COOKIES_MIN: u64 = 10;

/// Share of the connections that opened, in percent, below which it is one too.
const COOKIES_PERCENT_MIN: u64 = 1;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "small-backlog",
    looks_for: "a backlog that is smaller than a burst of honest clients",
    topic: Some("queues"),
    reads: &[
        Input::Sockets("accept queue, backlog and drops of each listener"),
        Input::TcpExt("SyncookiesSent"),
        Input::TcpExt("SyncookiesRecv"),
        Input::TcpExt("ListenDrops"),
        Input::Tcp("PassiveOpens"),
    ],
    keys: &[SOMAXCONN, "net.ipv4.tcp_syncookies"],
    threshold: "a listener that dropped with at most 50% of its backlog waiting at either reading; or 10 cookies \
                beside at most a hundred times as many connections, more than half of them answered and nothing \
                dropped: a single cookie is a hiccup",
    confidence: Confidence::Likely,
    next: Some("watch longer: tcpctl diagnose --window 30s"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_max_syn_backlog alone: it does not limit a listener's queues while cookies are on",
    disproved_by: "an accept queue that is seen full: then the process is too slow, whatever the backlog",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    let mut verdict = judge_each_listener(case, |listener, pressure| match pressure {
        Pressure::Burst(drops) => Some(dropped(case, listener, drops)),
        _ => None,
    });
    match completed_cookies(case) {
        Ok(finding) => verdict.findings.extend(finding),
        Err(gap) => verdict.gaps.push(gap),
    }
    verdict
}

fn dropped(case: &Case<'_>, listener: &Listener, drops: u64) -> Finding {
    let backlog = listener.backlog.unwrap_or(0);
    let name = listener_name(listener);
    let sentence = format!(
        "{name}: a backlog of {backlog} is too small for bursts, {drops} attempts dropped {}",
        case.in_window()
    );
    let mut finding = Finding::new(&RULE, Severity::Critical, sentence)
        .seen(
            "accept queue when looked at",
            format!("{} of {}", listener.accept_queue.unwrap_or(0), backlog),
            source::ACCEPT_QUEUE,
        )
        .seen("attempts that it dropped, each retry counted", case.over_window(drops), source::DROPS);
    if let Ok(cookies) = case.tcp_ext_rise("SyncookiesSent") {
        finding = finding.seen("SyncookiesSent", case.over_window(cookies), source::tcp_ext("SyncookiesSent"));
    }
    finding = finding.settings(case, &[SOMAXCONN]);
    finding
        .because("more clients finish their handshake at once than the backlog holds; accept() itself keeps up")
        .remedy(
            "raise the backlog that the application gives to listen() (net.core.somaxconn allows more), and let it \
             listen() again",
        )
}

/// Cookies that were sent while nobody dropped, and whose clients came back: more than half of them.
fn completed_cookies(case: &Case<'_>) -> Result<Option<Finding>, String> {
    // With 2 every answer is a cookie, full queue or not (`tcp_conn_request`).
    if case.sysctl("net.ipv4.tcp_syncookies")? == Some("2") {
        return Ok(None);
    }
    let cookies = Cookies::of(case)?;
    let opens = case.tcp_rise("PassiveOpens")?;
    if cookies.sent < COOKIES_MIN
        || !at_least_percent(cookies.sent, opens, COOKIES_PERCENT_MIN)
        || cookies.back.saturating_mul(2) <= cookies.sent
        || cookies.are_of_a_flood(case.window_ms()?)
        || case.tcp_ext_rise("ListenDrops")? > 0
    {
        return Ok(None);
    }
    let (sent, back) = (cookies.sent, cookies.back);
    let queue = match full_syn_queue(case) {
        Some(listener) => format!("the SYN queue of {}", listener_name(listener)),
        None => "a SYN queue".to_owned(),
    };
    let sentence = format!("{queue} overflowed under honest clients: {sent} SYN cookies sent, {back} came back");
    let finding = Finding::new(&RULE, Severity::Warning, sentence)
        .seen("SyncookiesSent", case.over_window(sent), source::tcp_ext("SyncookiesSent"))
        .seen("of these came back (SyncookiesRecv)", case.over_window(back), source::tcp_ext("SyncookiesRecv"))
        .seen("PassiveOpens, those without cookies included", case.over_window(opens), source::tcp("PassiveOpens"))
        .seen("ListenDrops", case.over_window(0), source::tcp_ext("ListenDrops"));
    Ok(Some(
        finding
            .because("within one round-trip time more clients arrive than the listener's backlog; cookies served them")
            .remedy(
                "raise the listener's backlog above arrivals per second × round-trip time; nothing was lost so far",
            ),
    ))
}
