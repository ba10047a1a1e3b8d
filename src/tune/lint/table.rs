//! The table of rules.

use super::{LintRule, across, extreme, files, folk, keys, values};

/// The families in the order in which they are asked and listed.
const FAMILIES: &[&[LintRule]] =
    &[files::RULES, keys::RULES, values::RULES, extreme::RULES, folk::RULES, across::RULES];

/// Every rule.
pub fn lint_rules() -> impl Iterator<Item = &'static LintRule> {
    FAMILIES.iter().copied().flatten()
}

/// Whether a rule is about a line that takes effect and does harm: a folk setting, or one that another one undoes.
#[must_use]
pub fn is_about_harm(rule: &LintRule) -> bool {
    rule.id == "contradiction" || extreme::RULES.iter().chain(folk::RULES).any(|one| one.id == rule.id)
}

/// The rule with this id.
#[must_use]
pub fn find_lint_rule(id: &str) -> Option<&'static LintRule> {
    lint_rules().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let mut seen = BTreeSet::new();
        for rule in lint_rules() {
            assert!(seen.insert(rule.id), "{} stands twice", rule.id);
            let kebab =
                |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            assert!(rule.id.split('-').all(kebab), "{}", rule.id);
        }
        assert!(seen.len() >= 40, "only {} rules", seen.len());
    }

    #[test]
    fn every_rule_says_what_it_finds_why_and_what_to_write_instead() {
        for rule in lint_rules() {
            for text in [rule.finds, rule.why, rule.instead] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: `{text}`", rule.id);
            }
        }
    }
}
