//! Settings of files that do not hold: the line is never taken, or somebody writes later.
//!
//! systemd-sysctl and procps read their files once, at boot; `proc_dointvec` and its kin take whatever is written after
//! that, and a key that comes with a module is not there yet.

use super::setting_files::{difference, faults, files, is_initial, lines, not_kept};
use crate::diagnose::{Case, Confidence, FaultKind, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SysctlReading;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "settings-undone",
    looks_for: "settings of files that do not hold",
    topic: None,
    reads: &[Input::Files],
    keys: &[],
    threshold: "any sysctl of the administrator's files that has another value now than they come to at boot, in the \
                initial network namespace; any line of theirs that lint has an error or a warning for since it is not \
                taken, or taken back: a line is there to hold",
    confidence: Confidence::Certain,
    next: Some(
        "tcpctl lint, for every line; tcpctl params KEY, for who sets it; auditctl -w /proc/sys, for who writes",
    ),
    proof: Proof::Live,
    wrong_remedy: "one more file named 99-: it is read once as well, before the one who writes later",
    disproved_by: "a value that was set by hand on purpose, or a file that waits for the next boot",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let files = files(case)?;
    let mut verdict = Verdict::quiet();
    let differing = if is_initial(case) { not_kept(files) } else { Vec::new() };
    if let Some(first) = differing.first() {
        let more = match differing.len() {
            1 => String::new(),
            many => format!("; {many} such settings"),
        };
        let of_module = differing.iter().find_map(|one| one.module);
        let writers = files.writers.join(", ");
        let (cause, remedy) = match of_module {
            Some(module) => (
                format!("the key comes with the module {module}, which was loaded after the files had been read"),
                format!("{module} in a file of /etc/modules-load.d, so that it is there before systemd-sysctl"),
            ),
            None if differing.iter().any(|one| one.running == SysctlReading::Absent) => (
                "this kernel has no such key, or a module that brings it is not loaded".to_owned(),
                "the module in /etc/modules-load.d, or the line deleted".to_owned(),
            ),
            None if !files.writers.is_empty() => (
                format!("somebody writes after the files have been read; {writers} runs here and writes sysctls"),
                format!("the value where {writers} has its own, or the key left to it and the line deleted"),
            ),
            None => (
                "somebody wrote after the files had been read, or a file has changed since and waits for the next boot"
                    .to_owned(),
                "sysctl --system, and a look again after minutes: if it is taken back, the one who does has to change"
                    .to_owned(),
            ),
        };
        let finding = Finding::new(&RULE, Severity::Notice, format!("{}{more}", difference(first)))
            .how_many("such settings", differing.len())
            .differences(&differing)
            .because(cause)
            .remedy(remedy);
        verdict.findings.push(finding);
    }
    let faults = faults(files, FaultKind::NotKept);
    if let Some(first) = faults.first() {
        let sentence = format!(
            "{}, such as {}: {}",
            lines(faults.len(), ["does nothing", "do nothing"]),
            first.place,
            first.message
        );
        let finding = Finding::new(&RULE, Severity::Notice, sentence)
            .how_many("lines that do nothing", faults.len())
            .faults(&faults)
            .because(&first.why)
            .remedy(&first.instead);
        verdict.findings.push(finding);
    }
    Ok(verdict)
}
