//! Connections that fill a deep queue: nothing is lost, and everything waits.
//!
//! `tcp_update_rtt_min` keeps the smallest round trip of `tcp_min_rtt_wlen` seconds; what the smoothed one has more is
//! time in queues, at this host or on the path.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::held_up::{Limit, held_up};
use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::{by_destination, connections, is_opened_here};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SocketRow;
use crate::units::Micros;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "bufferbloat",
    looks_for: "connections whose round trip is queueing",
    topic: None,
    reads: &[Input::Sockets("single connections with something to send, with tcp_info")],
    keys: &["net.ipv4.tcp_congestion_control", "net.core.default_qdisc"],
    threshold: "half of the connections to one address that have something to send, and 2 s of it, where this host opened them or \
                half of all have it: ten times their smallest round trip, and 20 ms more: \
                both, so that links of microseconds are left alone",
    confidence: Confidence::Possible,
    next: Some("tc -s qdisc, for the backlog of this host's own queue; ss -ti, for rtt beside minrtt"),
    proof: Proof::Live,
    wrong_remedy: "larger buffers, net.ipv4.tcp_wmem or txqueuelen: the queue gets longer",
    disproved_by: "a route that has changed within minutes: then the smallest round trip is another path's",
    check: |case| judge(case).into(),
};

/// Share of the connections to one destination that must have it, in percent: one queue holds up all that pass it.
const SHARE_PERCENT: u64 = 50;

/// Destinations that are told, those of most connections first.
const TOLD: usize = 3;

/// Each path is judged by itself: a host has many, and a deep queue is on one of them.
fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let (found, sample) = held_up(case, Limit::Queue)?;
    let pace_of = |row: &SocketRow| found.iter().find(|(one, _)| core::ptr::eq(*one, row)).map(|(_, pace)| *pace);
    let with_pace = sample.rows.iter().filter(|row| row.pace.is_some());
    let paths = by_path(with_pace);
    let deep = paths.into_iter().filter_map(|(address, rows)| {
        let deep: Vec<&SocketRow> = rows.iter().copied().filter(|row| pace_of(row).is_some()).collect();
        let (count, looked_at) = (length(&deep), length(&rows));
        let worst = deep.iter().filter_map(|row| pace_of(row)).max_by_key(|pace| pace.rtt_us)?;
        at_least_percent(count, looked_at, SHARE_PERCENT).then_some((address, deep, looked_at, worst))
    });
    let mut deep: Vec<_> = deep.collect();
    // Some clients of a public service always fill a queue of their own; it is this host's where half of all do.
    let looked_at = length(&sample.rows.iter().filter(|row| row.pace.is_some()).collect::<Vec<_>>());
    if !at_least_percent(u64::try_from(found.len()).unwrap_or(u64::MAX), looked_at, SHARE_PERCENT) {
        let listeners = &case.sockets()?.listeners;
        deep.retain(|(_, rows, _, _)| rows.iter().any(|row| is_opened_here(row, listeners)));
    }
    deep.sort_by_key(|(_, rows, _, _)| core::cmp::Reverse(rows.len()));
    let all = deep.iter().map(|(_, rows, _, _)| length(rows)).sum::<u64>();
    let Some((_, rows, looked_at, pace)) = deep.first() else { return Ok(Verdict::quiet()) };
    let groups = by_destination(rows.iter().copied());
    let Some(group) = groups.first() else { return Ok(Verdict::quiet()) };
    let count = length(rows);
    let (rtt, least) = (Micros(pace.rtt_us.into()), Micros(pace.min_rtt_us.into()));
    let others = match deep.len() - 1 {
        0 => String::new(),
        1 => "; the same on the path to one more address".to_owned(),
        many => format!("; the same on the paths to {many} more addresses"),
    };
    let sentence = format!(
        "{}{}, such as to {}: {rtt:#} of round trip on a path of {least:#}, the rest is queueing{others}",
        connections(count, sample),
        group.of_process(),
        group.remote
    );
    let finding = deep.iter().skip(1).take(TOLD).fold(
        Finding::new(&RULE, Severity::Warning, sentence),
        |finding, (address, rows, _, pace)| {
            let what =
                format!("of such connections to {address}, with a round trip of {:#}", Micros(pace.rtt_us.into()));
            finding.seen(what, rows.len().to_string(), source::info("tcpi_rtt, tcpi_min_rtt"))
        },
    );
    Ok(finding
        .seen("such connections to there", count.to_string(), source::info("tcpi_rtt, tcpi_min_rtt"))
        .seen("of those to there with something to send that were looked at", looked_at.to_string(), source::ENDS)
        .seen("such connections to all addresses", all.to_string(), source::info("tcpi_rtt, tcpi_min_rtt"))
        .seen("addresses besides that one", (deep.len() - 1).to_string(), source::info("tcpi_rtt, tcpi_min_rtt"))
        .seen("round trip (tcpi_rtt)", format!("{rtt:#}"), source::info("tcpi_rtt"))
        .seen("the smallest one (tcpi_min_rtt)", format!("{least:#}"), source::info("tcpi_min_rtt"))
        .seen(
            "bytes not sent yet (tcpi_notsent_bytes)",
            pace.unsent_bytes.to_string(),
            source::info("tcpi_notsent_bytes"),
        )
        .settings(case, RULE.keys)
        .because("a queue in front of the bottleneck is deep, here or on the path, and these connections fill it")
        .remedy(
            "fq_codel or fq at the bottleneck, a rate limit below it; TCP_NOTSENT_LOWAT in the application; BBR after \
             a test",
        )
        .into())
}

fn length(rows: &[&SocketRow]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

/// Connections by the address that they lead to: what goes there takes one path, as far as can be seen from here.
fn by_path<'a>(rows: impl Iterator<Item = &'a SocketRow>) -> BTreeMap<IpAddr, Vec<&'a SocketRow>> {
    let mut paths: BTreeMap<IpAddr, Vec<&SocketRow>> = BTreeMap::new();
    rows.for_each(|row| paths.entry(row.remote.ip().to_canonical()).or_default().push(row));
    paths
}
