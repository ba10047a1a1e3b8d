//! Connections that fill a deep queue: nothing is lost, and everything waits.
//!
//! `tcp_update_rtt_min` keeps the smallest round trip of `tcp_min_rtt_wlen` seconds; what the smoothed one has more is
//! time in queues, at this host or on the path.

use super::held_up::{Limit, held_up};
use crate::diagnose::case::{SOCK_DIAG, at_least_percent};
use crate::diagnose::forecast::{by_destination, connections};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::Micros;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "bufferbloat",
    looks_for: "connections whose round trip is queueing",
    topic: None,
    reads: &[Input::Sockets("single connections with something to send, with tcp_info")],
    keys: &["net.ipv4.tcp_congestion_control", "net.core.default_qdisc"],
    threshold: "half of the connections with something to send and 2 s of it: ten times their smallest round trip, and 20 ms more: \
                both, so that links of microseconds are left alone",
    confidence: Confidence::Possible,
    next: Some("tc -s qdisc, for the backlog of this host's own queue; ss -ti, for rtt beside minrtt"),
    proof: Proof::Live,
    wrong_remedy: "larger buffers, net.ipv4.tcp_wmem or txqueuelen: the queue gets longer",
    disproved_by: "a route that has changed within minutes: then the smallest round trip is another path's",
    check: |case| judge(case).into(),
};

/// Share of the connections looked at that must have it, in percent: one queue holds up all that pass it.
const SHARE_PERCENT: u64 = 50;

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let (found, sample) = held_up(case, Limit::Queue)?;
    let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let looked_at = u64::try_from(sample.rows.iter().filter(|row| row.pace.is_some()).count()).unwrap_or(u64::MAX);
    let groups = by_destination(found.iter().map(|(row, _)| *row));
    let Some((group, (_, pace))) = groups.first().zip(found.first()) else { return Ok(Verdict::quiet()) };
    if !at_least_percent(count, looked_at, SHARE_PERCENT) {
        return Ok(Verdict::quiet());
    }
    let (rtt, least) = (Micros(pace.rtt_us.into()), Micros(pace.min_rtt_us.into()));
    let sentence = format!(
        "{}{}, such as to {}: {rtt:#} of round trip on a path of {least:#}, the rest is queueing",
        connections(count, sample),
        group.of_process(),
        group.remote
    );
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .seen("such connections", count.to_string(), SOCK_DIAG)
        .seen("of those with something to send that were looked at", looked_at.to_string(), SOCK_DIAG)
        .seen("round trip (tcpi_rtt)", format!("{rtt:#}"), SOCK_DIAG)
        .seen("the smallest one (tcpi_min_rtt)", format!("{least:#}"), SOCK_DIAG)
        .seen("bytes not sent yet (tcpi_notsent_bytes)", pace.unsent_bytes.to_string(), SOCK_DIAG)
        .settings(case, RULE.keys)
        .because("a queue in front of the bottleneck is deep, here or on the path, and these connections fill it")
        .remedy(
            "fq_codel or fq at the bottleneck, a rate limit below it; TCP_NOTSENT_LOWAT in the application; BBR after \
             a test",
        )
        .into())
}
