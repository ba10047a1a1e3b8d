//! A limit of TCP's memory that the host does not have.
//!
//! `tcp_mem` is in pages, of 4 KiB at least; the kernel's own default is under a tenth of the memory (`tcp_init_mem`).

use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};

const TCP_MEM: &str = "net.ipv4.tcp_mem";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "tcp-mem-beyond-ram",
    looks_for: "limits of TCP memory beyond the memory of the host",
    topic: None,
    reads: &[Input::Memory],
    keys: &[TCP_MEM],
    threshold: "a second figure of net.ipv4.tcp_mem that is more than all memory even with pages of 4 KiB: no \
                pressure would ever begin",
    confidence: Confidence::Certain,
    next: None,
    proof: Proof::Written("net.ipv4.tcp_mem is of the initial network namespace alone, which a test must not change"),
    wrong_remedy: "reading the figures as bytes",
    disproved_by: "memory that was added since MemTotal was read",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    /// The smallest page of any architecture.
    const PAGE_KIB: u64 = 4;
    let Some(value) = case.sysctl(TCP_MEM)? else { return Ok(Verdict::quiet()) };
    let memory_kib = case.now().memory_kib.ok_or("MemTotal of /proc/meminfo could not be read")?;
    let pressure = value.split_whitespace().nth(1).and_then(|figure| figure.parse::<u64>().ok());
    let pressure = pressure.ok_or_else(|| format!("{TCP_MEM} is `{value}`, which is no three numbers"))?;
    let limit_kib = pressure.saturating_mul(PAGE_KIB);
    if limit_kib <= memory_kib {
        return Ok(Verdict::quiet());
    }
    let sentence = format!(
        "{TCP_MEM} lets TCP take {} MiB before it saves memory; the host has {} MiB",
        limit_kib / 1024,
        memory_kib / 1024
    );
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .settings(case, &[TCP_MEM])
        .seen(
            "its second figure, in pages of 4 KiB",
            format!("{} MiB", limit_kib / 1024),
            source::setting(RULE.keys.first().copied().unwrap_or_default()),
        )
        .seen("MemTotal", format!("{} MiB", memory_kib / 1024), "/proc/meminfo MemTotal")
        .because("the figures are pages and were probably meant as bytes")
        .remedy("divide them by the page size, or delete the line: the kernel's default follows the memory")
        .into())
}
