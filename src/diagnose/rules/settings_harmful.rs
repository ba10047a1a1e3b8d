//! Settings of files that take effect and do harm: folk remedies, and hardening that does not fit the host.
//!
//! The judgement of each line is `lint`'s, with its reason; this rule brings it before who looks for a fault.

use super::setting_files::{faults, files, lines};
use crate::diagnose::{Case, Confidence, FaultKind, Finding, Input, Proof, Rule, Severity, Verdict};

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "settings-harmful",
    looks_for: "settings of files that do harm",
    topic: None,
    reads: &[Input::Files],
    keys: &[],
    threshold: "any line of the administrator's files that lint warns of as a folk setting, or as one that goes against \
                another one: each has its reason there",
    confidence: Confidence::Likely,
    next: Some("tcpctl lint, for every line; tcpctl params KEY, for what the key does"),
    proof: Proof::Written,
    wrong_remedy: "all values of a guide at once, or none: each line has a reason or it has not",
    disproved_by: "a reason for the value on this very host; a comment `# tcpctl: allow RULE` above the line says so",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let faults = faults(files(case)?, FaultKind::Harmful);
    let Some(first) = faults.first() else { return Ok(Verdict::quiet()) };
    let sentence =
        format!("{}, such as {}: {}", lines(faults.len(), ["does harm", "do harm"]), first.place, first.message);
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .how_many("lines that do harm", faults.len())
        .faults(&faults)
        .because(&first.why)
        .remedy(&first.instead)
        .into())
}
