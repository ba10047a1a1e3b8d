//! The table of rules.

use super::Rule;
use super::rules::{
    accept_queue_full, close_wait, listener_drops, ports_exhaustion, small_backlog, softnet_drops, syn_cookies_off,
    syn_flood, time_wait_buckets,
};

/// Every rule, in the order in which they are asked. What an earlier rule claims, a later one leaves alone: the
/// order of those about drops is that of the decision tree in `rules`.
pub const RULES: &[Rule] = &[
    syn_cookies_off::RULE,
    accept_queue_full::RULE,
    small_backlog::RULE,
    listener_drops::RULE,
    syn_flood::RULE,
    ports_exhaustion::RULE,
    close_wait::RULE,
    time_wait_buckets::RULE,
    softnet_drops::RULE,
];

#[cfg(test)]
mod tests {
    use super::RULES;
    use std::collections::BTreeSet;

    #[test]
    fn every_sysctl_that_a_rule_reads_is_in_the_catalog() {
        for key in RULES.iter().flat_map(|rule| rule.keys) {
            assert!(crate::catalog::find(key).is_some(), "{key}");
        }
    }

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for id in ids {
            assert!(id.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase())), "{id}");
        }
    }

    #[test]
    fn every_rule_says_what_would_disprove_it_and_what_not_to_do() {
        for rule in RULES {
            for text in [rule.looks_for, rule.wrong_remedy, rule.disproved_by] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: `{text}`", rule.id);
            }
        }
    }
}
