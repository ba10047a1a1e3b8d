//! Segments with a wrong checksum.
//!
//! `tcp_v4_rcv` drops them and counts InCsumErrors; InErrs counts more, SYNs in open connections for one.

use crate::diagnose::case::{at_least_percent, share};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "bad-checksums",
    looks_for: "segments that arrive with a wrong checksum",
    topic: Some("segment"),
    reads: &[Input::Tcp("InCsumErrors"), Input::Tcp("InSegs")],
    keys: &[],
    threshold: "10 in one window and 0.1% of the segments received: a bit flips on the best of links",
    confidence: Confidence::Certain,
    next: Some("ethtool -S, for errors of the card; tcpdump -vv, for who sends them"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_* of any kind; turning checksum verification off, which lets the damage through",
    disproved_by: "InCsumErrors that stays where it is while InErrs rises",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let bad = case.tcp_rise("InCsumErrors")?;
    let received = case.tcp_rise("InSegs")?;
    if bad < 10 || !at_least_percent(bad.saturating_mul(10), received, 1) {
        return Ok(Verdict::quiet());
    }
    let sentence = format!("{bad} segments {} arrived with a wrong checksum", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .tcp(case, &["InCsumErrors", "InSegs"])
        .seen("of the segments received", share(bad, received), source::tcp("InCsumErrors, InSegs"))
        .because("a card, cable, driver or tunnel damages packets, or an offload leaves checksums unfinished")
        .remedy("find the link by its error counters; turn the offload off that the driver gets wrong (`ethtool -K`)")
        .into())
}
