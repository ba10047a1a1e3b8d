//! Applications that have stopped reading.
//!
//! A receiver without room advertises a window of 0 (`__tcp_select_window`, `tcp_select_window`: TCPToZeroWindowAdv),
//! and counts TCPFromZeroWindowAdv when there is room again.

use super::close_wait::by_process;
use crate::diagnose::case::{NETSTAT, at_least_percent, process_name};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Windows that stay closed below which it may be a reader in passing.
const MIN: u64 = 3;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "readers-stalled",
    looks_for: "connections whose application here has stopped reading",
    topic: Some("zero-window"),
    reads: &[
        Input::TcpExt("TCPToZeroWindowAdv"),
        Input::TcpExt("TCPFromZeroWindowAdv"),
        Input::TcpExt("TCPWinProbe"),
        Input::Sockets("single connections with much unread"),
    ],
    keys: &[],
    threshold: "3 windows that closed and did not open again in the window watched, at least half of those that \
                closed: one that opens again is flow control at work",
    confidence: Confidence::Likely,
    next: Some("ss -tnm, for sockets with Recv-Q near rb, and -p for their process"),
    proof: Proof::Live,
    wrong_remedy: "a larger receive buffer: it fills as well, only later",
    disproved_by: "TCPFromZeroWindowAdv that catches up within seconds",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let closed = case.tcp_ext_rise("TCPToZeroWindowAdv")?;
    let shut = closed.saturating_sub(case.tcp_ext_rise("TCPFromZeroWindowAdv")?);
    if shut < MIN || !at_least_percent(shut, closed, 50) {
        return Ok(Verdict::quiet());
    }
    let unread = case.samples().ok().and_then(|samples| samples.unread.as_ref()).map(|sample| sample.rows.as_slice());
    let unread = unread.unwrap_or_default();
    // The process that holds more than half of what is unread.
    let groups = by_process(unread.iter());
    let who = groups.into_iter().find(|(_, count)| count * 2 > unread.len()).and_then(|(process, _)| process);
    let who =
        who.map_or_else(|| "nobody reads".to_owned(), |process| format!("{} does not read", process_name(process)));
    let sentence = format!("{shut} connections {} filled their receive buffer: {who} them", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .tcp_ext(case, &["TCPToZeroWindowAdv", "TCPFromZeroWindowAdv"])
        .seen("windows that closed and did not open again", case.over_window(shut), NETSTAT)
        .tcp_ext(case, &["TCPWinProbe"])
        .destinations(unread)
        .because("applications of this host do not read what has arrived: blocked, stopped or overloaded")
        .remedy("find their sockets by Recv-Q and look at what the process does instead of reading")
        .into())
}
