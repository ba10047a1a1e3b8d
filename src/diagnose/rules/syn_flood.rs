//! SYNs whose senders never finish the handshake.
//!
//! Completion is told by SyncookiesRecv, up to what was sent: PassiveOpens counts connections without cookies as well.
//! While listeners drop, it also counts cookies whose connection is thrown away, and repeated data (`cookie_v4_check`), so
//! what is unfinished is then that many at the least.

use super::pressure::full_syn_queue;
use crate::diagnose::case::{at_least_percent, listener_name, per_second, share};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::{Micros, TcpState};

/// Uncompleted handshakes a second below which it is noise: scans and lost clients. A choice, no kernel fact.
const UNCOMPLETED_PER_S_MIN: u64 = 100;

/// Share of cookies, in percent, that are never answered: loss rarely takes more than a few. A choice, no kernel fact.
const UNFINISHED_PERCENT_MIN: u64 = 10;

/// Share of cookies, in percent, that come back: below it all of it is hostile. A choice, no kernel fact.
const HOSTILE_PERCENT_MAX: u64 = 10;

/// A window below which a burst looks like a flood, milliseconds: honest clients of slow paths need seconds.
const SURE_WINDOW_MS: u64 = 10_000;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "syn-flood",
    looks_for: "SYN cookies whose clients never come back",
    topic: Some("queues"),
    reads: &[
        Input::TcpExt("SyncookiesSent"),
        Input::TcpExt("SyncookiesRecv"),
        Input::TcpExt("ListenDrops"),
        Input::Tcp("PassiveOpens"),
        Input::Sockets("SYN-RECV, and half-open connections of each listener"),
    ],
    keys: &[],
    threshold: "100 unfinished handshakes a second that are 10% of the cookies sent: honest clients finish nearly all, \
                and loss rarely takes more than a few percent; with fewer than 10% answered all of it is hostile",
    confidence: Confidence::Likely,
    next: Some("tcpdump -ni any 'tcp[tcpflags] == tcp-syn', and count the sources"),
    proof: Proof::Live,
    wrong_remedy: "turning cookies off to silence the log; only raising net.ipv4.tcp_max_syn_backlog; \
                   net.ipv4.tcp_syn_retries, which is the client's side",
    disproved_by: "SyncookiesRecv that rises as fast as SyncookiesSent over 10s or more",
    check: |case| judge(case).into(),
};

/// Cookies of a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookies {
    /// That were sent.
    pub(super) sent: u64,
    /// That came back, as far as they were sent.
    pub(super) back: u64,
}

impl Cookies {
    /// # Errors
    /// The gap, when a counter is missing.
    pub(super) fn of(case: &Case<'_>) -> Result<Self, String> {
        let sent = case.tcp_ext_rise("SyncookiesSent")?;
        Ok(Self { sent, back: case.tcp_ext_rise("SyncookiesRecv")?.min(sent) })
    }

    /// That did not come back: at least so many handshakes were never finished.
    const fn unfinished(self) -> u64 {
        self.sent - self.back
    }

    /// Whether they tell of a flood.
    pub(super) fn are_of_a_flood(self, window_ms: u64) -> bool {
        per_second(self.unfinished(), window_ms) >= UNCOMPLETED_PER_S_MIN
            && at_least_percent(self.unfinished(), self.sent, UNFINISHED_PERCENT_MIN)
    }
}

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let cookies = Cookies::of(case)?;
    let window_ms = case.window_ms()?;
    let drops = case.tcp_ext_rise("ListenDrops")?;
    if !cookies.are_of_a_flood(window_ms) {
        return Ok(Verdict::quiet());
    }
    let per_s = per_second(cookies.unfinished(), window_ms);
    let target = full_syn_queue(case);
    let on = target.map(|listener| format!(" on {}", listener_name(listener))).unwrap_or_default();
    let sentence = if cookies.back * 100 < cookies.sent * HOSTILE_PERCENT_MAX {
        format!("SYN flood{on}: {per_s} handshakes a second are never finished; cookies answer them")
    } else {
        let back = cookies.back;
        format!("{per_s} handshakes a second{on} are never finished, beside {back} that were: a flood among clients")
    };
    let sure = if window_ms >= SURE_WINDOW_MS {
        "window: long enough to tell"
    } else {
        "window: a burst looks alike, try --window 10s"
    };
    let mut finding = Finding::new(&RULE, Severity::Warning, sentence)
        .tcp_ext(case, &["SyncookiesSent", "SyncookiesRecv"])
        .seen(
            "of the cookies came back, as far as they were sent",
            cookies.back.to_string(),
            source::tcp_ext("SyncookiesSent, SyncookiesRecv"),
        )
        .seen("share of them", share(cookies.back, cookies.sent), source::tcp_ext("SyncookiesSent, SyncookiesRecv"))
        .seen("a second, sent and not come back", per_s.to_string(), source::tcp_ext("SyncookiesSent, SyncookiesRecv"))
        .seen(
            "PassiveOpens, those without cookies included",
            case.over_window(case.tcp_rise("PassiveOpens")?),
            source::tcp("PassiveOpens"),
        )
        .seen("ListenDrops", case.over_window(drops), source::tcp_ext("ListenDrops"))
        .seen(sure, format!("{:#}", Micros(window_ms.saturating_mul(1000))), "the readings' monotonic clocks");
    if let Some(half_open) = case.sockets().ok().and_then(|sockets| sockets.counted(TcpState::SynRecv)) {
        finding = finding.seen("SYN-RECV", half_open.to_string(), source::STATES);
    }
    if let Some(listener) = target {
        let what = format!("half-open connections of {}", listener_name(listener));
        finding = finding.seen(what, listener.half_open.to_string(), source::HALF_OPEN);
    }
    Ok(finding
        .because("SYNs arrive from addresses that do not answer the SYN-ACK, as forged ones do")
        .remedy(
            "leave cookies on; larger listen() backlog and net.core.somaxconn, net.ipv4.tcp_synack_retries at most 2 \
             (profile anti-syn-flood); filter upstream",
        )
        .into())
}
