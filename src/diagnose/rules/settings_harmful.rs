//! Settings of files that take effect and do harm: folk remedies, and hardening that does not fit the host.
//!
//! The judgement of each line is `lint`'s, with its reason; this rule brings it before who looks for a fault.

use super::setting_files::{faults, files};
use crate::diagnose::{Case, Confidence, FaultKind, FileFault, Finding, Input, Proof, Rule, Severity, Verdict};

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
    proof: Proof::Live,
    wrong_remedy: "all values of a guide at once, or none: each line has a reason or it has not",
    disproved_by: "a reason for the value on this very host; a comment `# tcpctl: allow RULE` above the line says so",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let faults = faults(files(case)?, FaultKind::Harmful);
    // Lines that are wrong for one reason are one finding: another reason is another cause and another remedy.
    let mut reasons: Vec<&str> = Vec::new();
    for fault in &faults {
        if !reasons.contains(&fault.rule) {
            reasons.push(fault.rule);
        }
    }
    let of = |reason: &&str| faults.iter().copied().filter(|fault| fault.rule == *reason).collect::<Vec<_>>();
    Ok(Verdict { findings: reasons.iter().filter_map(|reason| finding(&of(reason))).collect(), gaps: Vec::new() })
}

/// The lines that one rule of lint warns of.
fn finding(faults: &[&FileFault]) -> Option<Finding> {
    let first = faults.first()?;
    let others = match faults.len() - 1 {
        0 => String::new(),
        1 => ", and another line".to_owned(),
        more => format!(", and {more} more lines"),
    };
    let sentence = format!("{}{others}: {}", first.place, first.message);
    Some(
        Finding::new(&RULE, Severity::Notice, sentence)
            .how_many("such lines", faults.len())
            .faults(faults)
            .because(&first.why)
            .remedy(&first.instead),
    )
}
