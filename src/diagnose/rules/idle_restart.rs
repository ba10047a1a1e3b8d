//! Connections that begin from scratch after every pause.
//!
//! `tcp_slow_start_after_idle_check` halves the window for each RTO without sending, down to the initial one, when the
//! next data is sent: nothing counts it, and `tcp_info` tells the old window until then. So it is foretold.

use crate::diagnose::forecast::{by_destination, connections};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{Pace, Sample, SocketRow};
use crate::units::Micros;

const AFTER_IDLE: &str = "net.ipv4.tcp_slow_start_after_idle";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "idle-restart",
    looks_for: "connections over a distance that begin from scratch after each pause",
    topic: None,
    reads: &[Input::Sockets("single idle connections, with tcp_info, in both readings")],
    keys: &[AFTER_IDLE, "net.ipv4.tcp_congestion_control"],
    threshold: "a connection that was idle in both readings and sent at least four initial windows between them, has been \
                idle for longer than its RTO and has a window of twice the initial one and more, over 5 ms and more: one \
                pause costs nothing that matters, and near peers are quick again",
    confidence: Confidence::Likely,
    next: Some("ss -ti, for cwnd right after the next data"),
    proof: Proof::Live,
    wrong_remedy: "a larger initial window for every route (initcwnd): it bursts into paths that are not known",
    disproved_by: "a window right after the next data that is still what it was: a congestion control with a pace of its own",
    check: |case| judge(case).into(),
};

/// Smallest round trip, in µs, from which a window that grows anew is felt.
const FAR_US: u32 = 5_000;

/// Segments of the initial window (`TCP_INIT_CWND`).
const INITIAL_SEGMENTS: u32 = 10;

/// Initial windows that are sent at once, from which slow start takes two round trips more.
const BURST_WINDOWS: u64 = 4;

/// Congestion controls that keep their pace over a pause.
const UNMOVED: &[&str] = &["bbr", "bbr1", "bbr2", "bbr3"];

fn judge<'a>(case: &Case<'a>) -> Result<Verdict, String> {
    if case.sysctl_number_if_there(AFTER_IDLE)? != Some(1) {
        return Ok(Verdict::quiet());
    }
    let none = || "idle connections were not kept one by one".to_owned();
    let idle = case.samples()?.idle.as_ref().ok_or_else(none)?;
    let restarting: Vec<(&SocketRow, Pace)> =
        idle.rows.iter().filter_map(|row| Some((row, will_restart(row)?))).collect();
    if restarting.is_empty() {
        return Ok(Verdict::quiet());
    }
    let unkept = "whether connections that are idle now pause again and again: diagnose --watch looks at them twice";
    let before = case.sockets_before()?.samples.as_ref().and_then(|samples| samples.idle.as_ref());
    let before: &Sample = before.ok_or_else(|| unkept.to_owned())?;
    let again = |(row, pace): (&'a SocketRow, Pace)| {
        let older = before.rows.iter().find(|older| older.cookie == row.cookie && older.cookie != 0)?;
        let sent = row.sent?.acked_bytes.checked_sub(older.sent?.acked_bytes)?;
        let burst = BURST_WINDOWS * u64::from(INITIAL_SEGMENTS) * u64::from(pace.mss);
        (sent >= burst).then_some((row, pace, sent))
    };
    let again: Vec<(&SocketRow, Pace, u64)> = restarting.into_iter().filter_map(again).collect();
    let groups = by_destination(again.iter().map(|(row, _, _)| *row));
    let Some((group, (_, pace, sent))) = groups.first().zip(again.iter().max_by_key(|(_, pace, _)| pace.rtt_us)) else {
        return Ok(Verdict::quiet());
    };
    Ok(finding(case, connections(count(&again), idle), group.of_process(), group.remote, *pace, *sent).into())
}

fn count<T>(rows: &[T]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

fn finding(
    case: &Case<'_>,
    connections: String,
    process: String,
    remote: core::net::SocketAddr,
    pace: Pace,
    sent: u64,
) -> Finding {
    let window = pace.congestion_window.unwrap_or(0);
    let rtt = Micros(pace.rtt_us.into());
    // Each round trip doubles the window until all of it fits.
    let windows = sent / u64::from(pace.mss.max(1)) / u64::from(INITIAL_SEGMENTS);
    let grown = windows.min(u64::from(window / INITIAL_SEGMENTS)).max(2);
    let trips = u64::from(grown.ilog2());
    let cost = Micros(u64::from(pace.rtt_us).saturating_mul(trips));
    let sentence = format!(
        "{connections}{process}, such as to {remote}: after each pause the window of {window} segments begins at \
         {INITIAL_SEGMENTS} again, about {trips} round trips of {rtt:#} more"
    );
    Finding::new(&RULE, Severity::Warning, sentence)
        .seen(
            "segments of congestion window before the pause (tcpi_snd_cwnd)",
            window.to_string(),
            source::info("tcpi_snd_cwnd"),
        )
        .seen("segments of the initial window (TCP_INIT_CWND)", INITIAL_SEGMENTS.to_string(), source::MODEL)
        .seen("round trip (tcpi_rtt)", format!("{rtt:#}"), source::info("tcpi_rtt"))
        .seen("bytes sent between two pauses (tcpi_bytes_acked)", sent.to_string(), source::info("tcpi_bytes_acked"))
        .seen(format!("more a burst, in {trips} round trips"), format!("{cost:#}"), source::MODEL)
        .settings(case, RULE.keys)
        .because(
            "what is sent after a pause longer than the RTO begins slowly, since the path may have changed: here it is \
             the same, again and again",
        )
        .remedy(
            "net.ipv4.tcp_slow_start_after_idle=0 for long-lived connections of request and answer inside one network; \
             they keep their window over pauses",
        )
}

/// Whether what this connection sends next begins with a small window.
fn will_restart(row: &SocketRow) -> Option<Pace> {
    let (pace, info) = (row.pace?, row.clock.info?);
    let paused = u64::from(pace.last_data_sent_ms) * 1000 > u64::from(info.rto_us);
    let large = pace.congestion_window? >= 2 * INITIAL_SEGMENTS;
    let is_unmoved = row.congestion.as_deref().is_none_or(|control| UNMOVED.contains(&control));
    (paused && large && pace.rtt_us >= FAR_US && pace.mss > 0 && !is_unmoved).then_some(pace)
}
