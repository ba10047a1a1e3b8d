//! TCP's memory, near its limits.
//!
//! sockstat's `mem` is in pages and of the whole host, as `tcp_mem` is (`sk_memory_allocated`); above its second figure
//! TCP is under pressure (`tcp_enter_memory_pressure`: TCPMemoryPressures), above its third it drops and resets.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::whose;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

/// Share of the figure where pressure begins, in percent, from which it is said.
const WARN_PERCENT: u64 = 70;

const TCP_MEM: &str = "net.ipv4.tcp_mem";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "tcp-memory",
    looks_for: "TCP memory that nears its limits",
    topic: None,
    reads: &[
        Input::Sockstat("mem"),
        Input::TcpExt("TCPMemoryPressures"),
        Input::TcpExt("TCPAbortOnMemory"),
        Input::Sockets("single connections with much unread"),
    ],
    keys: &[TCP_MEM],
    threshold: "70% of the second figure of net.ipv4.tcp_mem, critical above it: there the kernel begins to squeeze \
                every socket",
    confidence: Confidence::Certain,
    next: Some("ss -tnm, sorted by r and t of skmem, in every network namespace"),
    proof: Proof::Written(
        "net.ipv4.tcp_mem is of the initial network namespace alone, and limits the memory of the whole host",
    ),
    wrong_remedy: "net.ipv4.tcp_mem in bytes: its unit is pages, 16777216 of them are 64 GiB; larger tcp_rmem, which \
                   needs more of it",
    disproved_by: "mem that falls below by itself: a few hundred pages are the reserve of the CPUs",
    check,
};

fn check(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::quiet();
    let level = level(case);
    let squeezed = case.tcp_ext_rise("TCPMemoryPressures");
    verdict.gaps.extend(level.as_ref().err().cloned());
    verdict.gaps.extend(squeezed.as_ref().err().cloned());
    let (pages, pressure) = level.map_or((None, None), |(pages, pressure)| (Some(pages), Some(pressure)));
    let share = pages.zip(pressure).filter(|(pages, pressure)| at_least_percent(*pages, *pressure, WARN_PERCENT));
    let squeezed = squeezed.unwrap_or(0);
    let (severity, sentence) = match (share, squeezed) {
        (None, 0) => return verdict,
        (Some((pages, pressure)), 0) if pages <= pressure => {
            (Severity::Warning, format!("TCP holds {pages} pages on the whole host; pressure begins at {pressure}"))
        }
        (Some((pages, pressure)), _) => (
            Severity::Critical,
            format!("TCP is under memory pressure: {pages} pages on the whole host, of {pressure}"),
        ),
        (None, times) => {
            (Severity::Critical, format!("TCP came under memory pressure {times} times {}", case.in_window()))
        }
    };
    // Who has most of what is not read, where single connections tell; those of other namespaces cannot be named from here.
    let unread: Vec<_> = case
        .samples()
        .ok()
        .and_then(|samples| samples.unread.as_ref())
        .map(|sample| sample.rows.iter().collect())
        .unwrap_or_default();
    let sentence = match whose(unread.iter().copied()).as_str() {
        "" => sentence,
        whose => format!("{sentence}; most that is unread here is{whose}"),
    };
    verdict.findings.push(
        Finding::new(&RULE, severity, sentence)
            .sockstat(case, "mem")
            .settings(case, &[TCP_MEM])
            .tcp_ext(case, &["TCPMemoryPressures", "TCPAbortOnMemory"])
            .destinations(unread)
            .because(
                "buffers that applications do not read or peers do not acknowledge, or more traffic than was \
                      planned for",
            )
            .remedy(
                "find the sockets that hold most first; then raise net.ipv4.tcp_mem (pages) within the host's \
                     memory",
            ),
    );
    verdict
}

/// Pages that TCP holds, and the number from which on it is under pressure.
fn level(case: &Case<'_>) -> Result<(u64, u64), String> {
    let pages = case.sockstat_tcp("mem")?;
    let value = case.sysctl(TCP_MEM)?;
    let value = value.ok_or_else(|| format!("{TCP_MEM} is not in this network namespace: ask in the initial one"))?;
    let pressure = value.split_whitespace().nth(1).and_then(|figure| figure.parse().ok());
    Ok((pages, pressure.ok_or_else(|| format!("{TCP_MEM} is `{value}`, which is no three numbers"))?))
}
