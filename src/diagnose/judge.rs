//! Runs the rules.

use super::rules::ports_exhaustion;
use super::{Case, Findings, Headline, RULES, Rule, Stated, Undecided};
use crate::snapshot::Snapshot;

/// A name that no rule has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{name}`; {}", suggestion(.nearest))]
pub struct UnknownRule {
    /// What was asked for.
    pub name: String,
    /// The ids most like it, the likest first.
    pub nearest: Vec<&'static str>,
}

/// "did you mean a or b?", or the whole list when nothing is like it.
fn suggestion(nearest: &[&'static str]) -> String {
    if nearest.is_empty() {
        let all: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        return format!("the rules are {}", all.join(", "));
    }
    format!("did you mean {}?", nearest.join(" or "))
}

/// Judges by every rule. Without an older reading, rules about rates are undecided.
#[must_use]
pub fn diagnose(now: &Snapshot, before: Option<&Snapshot>) -> Findings {
    diagnose_with(&asked_rules(Stated::NOTHING), now, before)
}

/// Every rule that has something to judge with this.
#[must_use]
pub fn asked_rules(stated: &Stated) -> Vec<&'static Rule> {
    RULES.iter().filter(|rule| rule.is_asked(stated)).collect()
}

/// Judges by some rules, in their order.
#[must_use]
pub fn diagnose_with(rules: &[&'static Rule], now: &Snapshot, before: Option<&Snapshot>) -> Findings {
    diagnose_stated(rules, now, before, Stated::NOTHING)
}

/// The same, with what is known besides the readings.
#[must_use]
pub fn diagnose_stated(
    rules: &[&'static Rule],
    now: &Snapshot,
    before: Option<&Snapshot>,
    stated: &Stated,
) -> Findings {
    let case = Case::new(now, before).knowing(stated);
    let mut all = Findings {
        window_ms: case.window_ms().ok(),
        rules: rules.iter().map(|rule| rule.id).collect(),
        findings: Vec::new(),
        undecided: Vec::new(),
        unnamed: Vec::new(),
    };
    for rule in rules {
        let mut verdict = (rule.check)(&case);
        // Several listeners that lack the same input are one gap.
        verdict.gaps.sort();
        verdict.gaps.dedup();
        all.findings.extend(verdict.findings);
        all.undecided.extend(verdict.gaps.into_iter().map(|gap| Undecided { rule: rule.id, gap }));
    }
    all.sort();
    all
}

/// The rules that could say more if ports had been counted in the older reading too: where so many are in use that it
/// matters when they run out. Who has read the older one without them may wait a window more and judge by these again.
#[must_use]
pub fn rules_that_want_a_rate(
    rules: &[&'static Rule],
    now: &Snapshot,
    before: Option<&Snapshot>,
) -> Vec<&'static Rule> {
    let uncounted = before.and_then(|before| before.sockets.as_ref()).is_some_and(|old| !old.source.counts_ports());
    let wants = uncounted && ports_exhaustion::wants_rate(&Case::new(now, before));
    rules.iter().copied().filter(|rule| wants && rule.id == ports_exhaustion::RULE.id).collect()
}

/// The rules of these names, in the order of the table; all of them when none is named.
///
/// # Errors
/// When a name is no rule's.
pub fn select_rules(names: &[String]) -> Result<Vec<&'static Rule>, UnknownRule> {
    /// Below this share of common letters a suggestion confuses more than it helps.
    const LEAST_LIKENESS: f32 = 0.6;
    for name in names {
        if !RULES.iter().any(|rule| rule.id == name) {
            let ids: Vec<&'static str> = RULES.iter().map(|rule| rule.id).collect();
            let close = similar::get_close_matches(name.as_str(), &ids, 3, LEAST_LIKENESS);
            let nearest = RULES.iter().map(|rule| rule.id).filter(|id| name.len() >= 4 && id.contains(name.as_str()));
            let mut nearest: Vec<&'static str> = nearest.collect();
            for id in close.into_iter().filter_map(|close| ids.iter().find(|id| **id == close)) {
                if !nearest.contains(id) {
                    nearest.push(id);
                }
            }
            return Err(UnknownRule { name: name.clone(), nearest });
        }
    }
    Ok(RULES.iter().filter(|rule| names.is_empty() || names.iter().any(|name| name == rule.id)).collect())
}

/// The sysctls that the rules read, ordered, each once: what a snapshot should hold for them.
#[must_use]
pub fn keys() -> Vec<&'static str> {
    let mut keys: Vec<&'static str> = RULES.iter().flat_map(|rule| rule.keys).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// One line a finding, the worst first.
#[must_use]
pub fn headlines(findings: &Findings) -> Vec<Headline> {
    let line = |finding: &super::Finding| Headline {
        severity: finding.severity,
        rule: finding.rule,
        sentence: finding.sentence.clone(),
    };
    findings.findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_does_not_exist_leads_to_the_ones_most_like_it() {
        let error = select_rules(&["acept-queue-full".to_owned()]).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "there is no rule `acept-queue-full`; did you mean accept-queue-full?");
        let error = select_rules(&["backlog".to_owned()]).map(|_| ()).unwrap_err();
        assert_eq!(error.nearest.get(..2), Some(["backlog-capped", "small-backlog"].as_slice()));
        let error = select_rules(&["zz".to_owned()]).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("the rules are syn-cookies-off, not-accepting"));
    }

    #[test]
    fn rules_are_taken_in_the_order_of_the_table() {
        let names = ["softnet-drops".to_owned(), "syn-flood".to_owned()];
        let ids: Vec<&str> = select_rules(&names).unwrap().iter().map(|rule| rule.id).collect();
        assert_eq!(ids, ["syn-flood", "softnet-drops"]);
        assert_eq!(select_rules(&[]).unwrap().len(), RULES.len());
    }
}
